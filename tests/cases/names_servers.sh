# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: names of backends with DNS servers as people run them: dnsmasq, unbound and knot from Debian, and Consul's own. Each runs
# on a host of its own (see names.sh).

case_names_dnsmasq() { own_host host_dnsmasq; }

host_dnsmasq() { # names by their TTL, and /etc/hosts; a server that falls silent and comes back; a name that goes and returns
    wall_clock 3600     # ahead of the system's, as one that is set back while somebody waits by it
    own_etc
    etc hosts '127.0.0.1 localhost' '127.0.0.11 filed.test'
    start_dnsmasq 127.0.0.1 2
    dnsmasq_zone '127.0.0.11 db.test'
    start_peers name:a@127.0.0.11:7000 name:b@127.0.0.12:7000 "name:six@[::1]:7000"
    start_bare "${WALL_CLOCK[@]}" DILL_HEALTH_ENABLED=false --connections 4001:db.test:7000,4002:filed.test:7000,4003:nowhere.test:7000
    must 8 "the first answer" answers 4001 a
    must 3 "a name of /etc/hosts" answers 4002 a
    dnsmasq_zone '127.0.0.12 db.test'
    must 3 "a change" answers 4001 b
    dnsmasq_zone '127.0.0.11 db.test' '127.0.0.12 db.test' '::1 db.test'
    must 3 "the third address" peek_contains "[::1]:7000"
    must 3 "IPv6" answers 4001 six
    etc hosts '127.0.0.1 localhost' '127.0.0.12 filed.test'
    must 7 "a change of /etc/hosts" answers 4002 b
    dnsmasq_zone '127.0.0.11 db.test'
    must 3 "fewer addresses" not peek_contains "[::1]:7000"
    kill -STOP "$DNS_PID"
    must 9 "that a silent server is said" log_has 'cannot resolve db.test'
    answers 4001 a || fail "the addresses have gone with the server"
    sleep 6
    same "how often a silent server is said" 1 "$(log_count 'cannot resolve db.test')"
    answers 4002 b || fail "another name has gone with the server"
    kill -CONT "$DNS_PID"
    must 9 "that it answers again" log_has 'db.test resolves again'
    dnsmasq_zone '127.0.0.99 other.test'
    must 8 "that the name has gone" log_has_count 2 'cannot resolve db.test'
    answers 4001 a || fail "the last addresses have gone with the name"
    same "how often an unknown name is said" 1 "$(log_count 'cannot resolve nowhere.test')"
    dnsmasq_zone '127.0.0.12 db.test'
    must 7 "the name's return" answers 4001 b
}

# knot knows the zones test, signed.test (with DNSSEC) and bogus.test; unbound asks it, and keeps what it has said.

start_knot() { # LINE...: of the zone test
    local zone
    need_program knotd knot
    need_program knsupdate knot-dnsutils
    mkdir "$T/knot"
    for zone in test signed.test bogus.test; do
        printf '%s. 60 SOA ns.test. root.test. 1 600 600 600 2\n%s. 60 NS ns.test.\n' "$zone" "$zone" >"$T/knot/$zone.zone"
    done
    printf '%s\n' 'ns.test. 60 A 127.0.0.3' "$@" >>"$T/knot/test.zone"
    printf '%s\n' 'db.signed.test. 60 A 127.0.0.11' 'al.signed.test. 60 CNAME db.signed.test.' >>"$T/knot/signed.test.zone"
    echo 'db.bogus.test. 60 A 127.0.0.11' >>"$T/knot/bogus.test.zone"
    cat >"$T/knot.conf" <<END
server:
    rundir: "$T/knot"
    listen: 127.0.0.3@53
database:
    storage: "$T/knot"
acl:
  - id: all
    address: 127.0.0.0/8
    action: update
template:
  - id: default
    storage: "$T/knot"
    acl: all
zone:
  - domain: test
  - domain: bogus.test
  - domain: signed.test
    dnssec-signing: on
END
    PROGRAM_HOST=127.0.0.3 PROGRAM_PORT=53 start_program knot knotd -c "$T/knot.conf"
}

knot_update() { # [del|add WORD...]...: each argument is a line of an update of the zone test
    { printf 'server 127.0.0.3 53\nzone test.\n' && printf 'update %s\n' "$@" && echo send; } | knsupdate -t 5 >"$T/update.log" 2>&1 ||
        fail "an update: $(cat "$T/update.log")"
}

start_unbound() { # sets DNS_PID; what it keeps of bogus.test does not fit its key
    local key
    need_program unbound unbound
    key=$(keymgr -c "$T/knot.conf" signed.test ds | grep -m 1 ' 13 2 ') || fail "knot has no key for signed.test"
    cat >"$T/unbound.conf" <<END
server:
    interface: 127.0.0.1
    do-ip6: no
    do-not-query-localhost: no
    do-daemonize: no
    chroot: ""
    username: ""
    directory: "$T"
    pidfile: ""
    use-syslog: no
    local-zone: "test." nodefault
    trust-anchor: "$key"
    trust-anchor: "bogus.test. DS 4711 13 2 $(printf 'ab%.0s' {1..32})"
stub-zone:
    name: "test."
    stub-addr: 127.0.0.3
END
    PROGRAM_PORT=53 start_program unbound unbound -d -c "$T/unbound.conf"
    DNS_PID=$PROGRAM_PID
}

case_names_knot() { own_host host_knot; }

host_knot() { # a server that knows its zones only, and is told of changes
    own_etc
    own_link
    etc resolv.conf 'nameserver 127.0.0.3' 'options timeout:1 attempts:2'
    start_knot 'db.test. 2 A 127.0.0.11' 'al.test. 60 CNAME be.test.' 'be.test. 2 CNAME db.test.' 'six.test. 2 AAAA fd77::5'
    start_named_peers
    start_named db.test al.test six.test db.signed.test al.signed.test gone.test
    must 5 "an address" answers 4001 a
    must 5 "a chain" answers 4002 a
    must 5 "IPv6" answers 4003 six
    must 5 "a signed zone" answers 4004 a
    must 5 "a chain there" answers 4005 a
    must 5 "no such name" log_has 'cannot resolve gone.test'
    knot_update 'del db.test. A' 'add db.test. 2 A 127.0.0.12' 'add gone.test. 2 A 127.0.0.13'
    must 5 "a change" answers 4001 b
    must 5 "a change at the end of a chain" answers 4002 b
    must 9 "a name that is new" answers 4006 c
    knot_update 'del be.test. CNAME' 'add be.test. 2 CNAME gone.test.'
    must 65 "a change of the chain" answers 4002 c
}

case_names_unbound() { own_host host_unbound; }

host_unbound() { # a cache before that: what it has kept for a while is used only for what is left of its TTL
    local big=() i
    for i in {1..200}; do big+=("big.test. 60 A 127.0.2.$i"); done
    own_etc
    own_link
    start_knot 'db.test. 6 A 127.0.0.11' 'al.test. 60 CNAME db.signed.test.' "${big[@]}"
    start_unbound
    start_named_peers
    must 9 "unbound's first answer" unbound_knows db.test
    sleep 3
    start_named db.test al.test big.test db.bogus.test
    must 5 "an address" answers 4001 a
    knot_update 'del db.test. A' 'add db.test. 6 A 127.0.0.12'
    must 5 "a chain into a signed zone" answers 4002 a
    must 5 "a long answer" peek_contains '127.0.2.40:7000'
    must 9 "an answer whose signature is wrong" log_has 'cannot resolve db.bogus.test'
    must 6 "a change" answers 4001 b
    kill -STOP "$DNS_PID"
    must 15 "that it is silent" log_has 'cannot resolve db.test'
    answers 4001 b || fail "the last address has gone"
    knot_update 'del db.test. A' 'add db.test. 6 A 127.0.0.13'
    kill -CONT "$DNS_PID"
    must 12 "that it answers" log_has 'db.test resolves again'
    must 9 "what has changed meanwhile" answers 4001 c
}

unbound_knows() { [[ $(kdig +short +timeout=1 @127.0.0.1 "$1" A) == 127.* ]]; }

# Consul's own DNS

case_names_consul_srv() { own_host host_consul_srv; }

host_consul_srv() { # the service's instances by SRV, with their ports and weights, as they come and go
    own_etc
    own_link
    CONSUL_URL=http://127.0.0.1:8500
    start_agent 8500 -dns-port 8600
    start_peers name:a@127.0.0.11:7001 name:b@127.0.0.12:7002 name:c@127.0.0.13:7003
    ADDR=127.0.0.11 register web web-1 7001
    start_bare DILL_HEALTH_ENABLED=false DILL_DNS_SERVERS=127.0.0.1:8600 DILL_SERVICES_WEB_LISTENER=any:4001 \
        DILL_SERVICES_WEB_BACKENDS=_web._tcp.service.consul DILL_SERVICES_NODE_LISTENER=any:4002 \
        DILL_SERVICES_NODE_BACKENDS=web.service.consul:7001
    must 5 "an instance" answers 4001 a
    must 5 "a host name" answers 4002 a
    WEIGHT=3 ADDR=127.0.0.12 register web web-2 7002
    must 5 "another instance" answers 4001 b
    same "clients by weight" "2 6" "$(for _ in {1..8}; do says 4001; done | sort | uniq -c | awk '{ printf "%s%s", sep, $1; sep = " " }')"
    deregister web-1
    ADDR=127.0.0.13 register web web-3 7003
    must 5 "one that has come" answers 4001 c
    must 5 "one that has gone" not peek_contains 127.0.0.11:7001
    CHECK=critical ADDR=127.0.0.13 register web web-3 7003
    must 5 "one whose check fails" not peek_contains 127.0.0.13:7003
    deregister web-2
    must 9 "that none is left" log_has 'cannot resolve _web._tcp.service.consul'
    answers 4001 b || fail "the last one is not kept"
    set_check pass web-3
    must 9 "that there is one again" answers 4001 c
}
