# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: names of backends. Those that need /etc/resolv.conf, /etc/hosts or port 53 run on a host of their own (own_host),
# with real DNS servers from Debian; the others ask the scripted server, tests/tools/dns_server.py, by dns.servers.

# The scripted server

start_dns() { # LINE...: sets DNS (ADDRESS:PORT), DNS_PID, DNS_LOG, and ZONE, the file that `zone` writes; see dns_server.py
    local file=$T/dns.$((STARTED += 1)) port
    ZONE=$file.zone DNS_LOG=$file.log
    zone "$@"
    "$PYTHON" "$TOP/tests/tools/dns_server.py" "${DNS_AT:-127.0.0.1:0}" "$ZONE" "$DNS_LOG" >"$file" 2>"$file.stderr" 9>&- &
    DNS_PID=$!
    must 5 "the scripted DNS server" test -s "$file"
    read -r port <"$file"
    DNS=127.0.0.1:$port
}

zone() { # LINE...: records and rules from now on
    printf '%s\n' "$@" >"$ZONE.new"
    mv "$ZONE.new" "$ZONE"
}

asked() { # WORDS: prints how many questions had these words of the log: `udp edns A db.test`, `A db.test`, ` AAAA `
    grep -Fc -- "$1" "$DNS_LOG"
}

asked_at_least() { [ "$(asked "$2")" -ge "$1" ]; }

said_times() { [ "$(log_count "$2")" = "$1" ]; }

# Files of the own host

etc() { # NAME LINE...: /etc/NAME is this from now on
    local name=$1
    shift
    printf '%s\n' "$@" >"/etc/$name.new"
    mv "/etc/$name.new" "/etc/$name"
}

own_etc() { # what each case on its own host begins with: an /etc that it may write to
    cp -a /etc "$T/etc"
    mount --bind "$T/etc" /etc || fail "cannot mount over /etc"
    etc resolv.conf 'nameserver 127.0.0.1' 'options timeout:1 attempts:1'
    etc nsswitch.conf 'hosts: files dns'
    etc hosts '127.0.0.1 localhost'
}

# dnsmasq

start_dnsmasq() { # ADDRESS TTL: knows what dnsmasq_zone says, and nothing else below test.; sets DNS_PID
    DNSMASQ_ZONE=$T/dnsmasq.$((STARTED += 1))
    : >"$DNSMASQ_ZONE"
    PROGRAM_HOST=$1 PROGRAM_PORT=53 start_program "dnsmasq.$STARTED" dnsmasq --keep-in-foreground --conf-file=/dev/null \
        --no-resolv --no-hosts --addn-hosts="$DNSMASQ_ZONE" --local-ttl="$2" --local=/test/ --pid-file= --user=root \
        --listen-address="$1" --bind-interfaces --log-facility="$DNSMASQ_ZONE.log" --log-queries
    DNS_PID=$PROGRAM_PID
}

dnsmasq_zone() { # LINE...: hosts that it knows from now on
    printf '%s\n' "$@" >"$DNSMASQ_ZONE"
    kill -HUP "$DNS_PID"
}

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
    must 8 "that the name has gone" said_times 2 'cannot resolve db.test'
    answers 4001 a || fail "the last addresses have gone with the name"
    same "how often an unknown name is said" 1 "$(log_count 'cannot resolve nowhere.test')"
    dnsmasq_zone '127.0.0.12 db.test'
    must 7 "the name's return" answers 4001 b
}
