# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: names of backends. Each runs on a host of its own, with an /etc of its own (own_etc in tests/lib.sh), and asks real DNS
# servers from Debian (names_servers.sh), or here the scripted one, tests/tools/dns_server.py, for what no real one does.

# What servers say

case_names_forged() { own_host host_forged; }

host_forged() { # answers that are not the server's, or not to the question, change nothing: the true one counts
    local kinds=(id question type class port address query many) kind i=0 zone=() names=()
    for kind in "${kinds[@]}"; do
        zone+=("$kind.test 60 A 127.0.0.11" "$kind.test ! * forged=$kind delay=300")
        names+=("$kind.test")
    done
    own_names "${zone[@]}"
    start_named "${names[@]}"
    for kind in "${kinds[@]}"; do must 5 "$kind" answers $((4001 + i++)) a; done
    lacks "Peek" 192.0.2.66 "$(peek)"
    lacks "Peek" 2001:db8::66 "$(peek)"
    for kind in "${kinds[@]}"; do same "questions for $kind" 1 "$(asked " A $kind.test ")"; done
}

case_names_unreadable() { own_host host_unreadable; }

host_unreadable() { # an answer that cannot be read is as none: the next try counts; one that is always so is said
    local kinds=(count pointer loop label length cut empty) kind i=0 zone=() names=()
    for kind in "${kinds[@]}"; do
        zone+=("$kind.test 60 A 127.0.0.11" "$kind.test ! A broken=$kind once=1")
        names+=("$kind.test")
    done
    own_names "${zone[@]}" 'bad.test 60 A 127.0.0.11' 'bad.test ! * broken=loop'
    etc resolv.conf 'nameserver 127.0.0.1' 'options timeout:1 attempts:2'
    start_named "${names[@]}" bad.test
    for kind in "${kinds[@]}"; do must 12 "$kind" answers $((4001 + i++)) a; done
    must 9 "what is always unreadable" log_has 'cannot resolve bad.test'
}

case_names_other_server() { own_host host_other_server; }

host_other_server() { # the next server answers where the first one fails, refuses, is silent, or is not there
    local words=(servfail refused notimp silent broken=cut) word i=0 zone=() good=() names=()
    for word in "${words[@]}"; do
        names+=("${word%=*}.test")
        good+=("${word%=*}.test 60 A 127.0.0.11")
        zone+=("${word%=*}.test ! * $word")
    done
    own_names "${zone[@]}"
    DNS_AT=127.0.0.2:53 start_dns "${good[@]}"
    etc resolv.conf 'nameserver 127.0.0.3' 'nameserver 127.0.0.1' 'nameserver 127.0.0.2' 'options timeout:1 attempts:1'
    start_named "${names[@]}"
    for word in "${words[@]}"; do must 8 "$word" answers $((4001 + i++)) a; done
}

case_names_families() { own_host host_families; }

host_families() { # one family that fails, or is silent, does not lose the other
    local words=(silent servfail refused notimp broken=pointer) word i=0 zone=() names=()
    for word in "${words[@]}"; do
        names+=("four-${word%=*}.test" "six-${word%=*}.test")
        zone+=("four-${word%=*}.test 60 A 127.0.0.11" "four-${word%=*}.test ! AAAA $word"
            "six-${word%=*}.test 60 AAAA fd77::5" "six-${word%=*}.test ! A $word")
    done
    own_names "${zone[@]}"
    start_named "${names[@]}"
    for word in "${words[@]}"; do
        must 8 "A alone, AAAA $word" answers $((4001 + i++)) a
        must 8 "AAAA alone, A $word" answers $((4001 + i++)) six
    done
    same "complaints" 0 "$(log_count 'cannot resolve')"
}

case_names_edns() { own_host host_edns; }

host_edns() { # a server that does not know EDNS is asked without, and its long answers over TCP
    own_names 'db.test 60 A 127.0.0.11' 'big.test 60 A 127.0.1.1-127.0.1.40' '* ! * plain'
    start_named db.test big.test
    must 8 "an answer" answers 4001 a
    must 8 "a long one" peek_contains 127.0.1.40:7000
    was_asked 'tcp plain A big.test' || fail "the long one did not come over TCP"
}

case_names_tcp() { own_host host_tcp; }

host_tcp() { # long answers come over TCP, in whatever pieces; 64 addresses are used, and that is said once
    own_names 'big.test 2 A 127.0.1.1-127.0.1.250' 'cut.test 60 A 127.0.0.11' 'cut.test ! * cut' 'bytes.test 60 A 127.0.0.12' \
        'bytes.test ! * cut bytes' 'half.test 60 A 127.0.0.11' 'half.test ! * cut half' 'no.test 60 A 127.0.0.11' 'no.test ! * cut no-tcp'
    start_named big.test cut.test bytes.test half.test no.test
    must 8 "a long answer" peek_contains 127.0.1.64:7000
    must 5 "one that is said to be cut" answers 4002 a
    must 5 "one that comes byte by byte" answers 4003 b
    must 9 "a half one" log_has 'cannot resolve half.test'
    must 9 "none over TCP" log_has 'cannot resolve no.test'
    must 9 "the long answer, again" was_asked 'tcp edns A big.test' 2
    lacks "Peek" 127.0.1.65:7000 "$(peek)"
    same "said" 1 "$(log_count 'big.test has 250 addresses')"
    zone 'half.test 60 A 127.0.0.11' 'no.test 60 A 127.0.0.12' 'no.test ! * cut'
    must 12 "the half one, whole" answers 4004 a
    must 12 "over TCP, at last" answers 4005 b
}

case_names_noise() { own_host host_noise; }

host_noise() { # records that are not asked for, in any order and any letter case, chains of CNAMEs, and one that goes round
    own_names 'al.test 60 CNAME be.test' 'be.test 60 CNAME ce.test' 'ce.test 60 CNAME db.test' 'db.test 60 A 127.0.0.11' \
        '* ! * dnssec reverse mixed' 'round.test 60 CNAME trip.test' 'trip.test 60 CNAME round.test' 'end.test 60 CNAME nowhere.test'
    start_named al.test db.test round.test end.test
    must 5 "a chain" answers 4001 a
    must 5 "its end" answers 4002 a
    must 9 "a circle" log_has 'cannot resolve round.test'
    must 9 "a chain that leads nowhere" log_has 'cannot resolve end.test'
}

case_names_loss() { own_host host_loss; }

host_loss() { # every second question lost, the answers late and in the wrong order: names change all the same
    local i names=() zone=()
    for i in {1..20}; do
        names+=("n$i.test")
        zone+=("n$i.test 2 A 127.0.0.11")
    done
    own_names "${zone[@]}" '* ! A loss=2 delay=80' '* ! AAAA swap loss=3'
    etc resolv.conf 'nameserver 127.0.0.1' 'options timeout:1 attempts:3'
    start_named "${names[@]}"
    for i in {1..20}; do must 15 "n$i.test" answers $((4000 + i)) a; done
    zone "${zone[@]//127.0.0.11/127.0.0.12}" '* ! A loss=2 delay=80' '* ! AAAA swap loss=3'
    for i in {1..20}; do must 15 "n$i.test, changed" answers $((4000 + i)) b; done
    same "complaints" 0 "$(log_count 'cannot resolve')"
}

case_names_srv() { own_host host_srv; }

host_srv() { # targets with their ports; priorities in order, weights, and targets of their own state
    local i
    own_names '_db._tcp.test 1 SRV 1 1 7000 a.test' '_db._tcp.test 1 SRV 1 3 7000 b.test' '_db._tcp.test 1 SRV 2 1 7000 c.test' \
        'a.test 600 A 127.0.0.11' 'b.test 1 A 127.0.0.12' 'c.test 600 A 127.0.0.13' '_no._tcp.test 1 SRV 0 0 0 .' '_odd._tcp.test 1 SRV 0 0 7000 a.test'
    start_bare DILL_HEALTH_ENABLED=false DILL_SERVICES_DB_LISTENER=any:4001 DILL_SERVICES_DB_BACKENDS=_db._tcp.test \
        DILL_SERVICES_NO_LISTENER=any:4002 DILL_SERVICES_NO_BACKENDS=_no._tcp.test \
        DILL_SERVICES_ODD_LISTENER=any:4003 DILL_SERVICES_ODD_BACKENDS=_odd._tcp.test
    must 5 "the first priority" answers 4001 b
    must 5 "a weight of 0" answers 4003 a
    must 5 "no such service" log_has 'cannot resolve _no._tcp.test: no such service'
    same "clients by weight" "2 6" "$(for i in {1..8}; do says 4001; done | sort | uniq -c | awk '{ printf "%s%s", sep, $1; sep = " " }')"
    zone '_db._tcp.test 1 SRV 1 1 7001 a.test' '_db._tcp.test 1 SRV 1 3 7001 b.test' '_db._tcp.test 1 SRV 2 1 7000 c.test' \
        'b.test 1 A 127.0.0.12' '* ! * plain'
    must 5 "other ports" leads_to 4001 127.0.0.11:7001 127.0.0.12:7001 127.0.0.13:7000
    same "the next priority, while the first one lets nobody in" c "$(says 4001)"
    zone '_db._tcp.test 1 SRV 1 1 7000 a.test' '_db._tcp.test 1 SRV 1 1 7000 gone.test'
    must 5 "fewer targets" leads_to 4001 127.0.0.11:7000
    must 5 "a target without an address" log_has 'cannot resolve gone.test'
    same "questions for a target whose TTL is long" 1 "$(asked ' A a.test ')"
    zone '_db._tcp.test 1 SRV 1 1 7000 a.test' '_db._tcp.test 1 SRV 1 1 7000 gone.test' 'gone.test 600 A 127.0.0.13'
    must 9 "its address" answers 4001 c
}

# When they are asked

case_names_ttl() { own_host host_ttl; }

host_ttl() { # each name is asked again when its TTL has passed, the least one of its chain: neither earlier nor twice
    local start elapsed rounds
    own_names 'db.test 3 A 127.0.0.11' 'db.test 9 AAAA fd77::5' 'chain.test 3 CNAME long.test' 'long.test 600 A 127.0.0.11' \
        'long.test 600 AAAA fd77::5' 'none.test 0 A 127.0.0.11' 'none.test 0 AAAA fd77::5'
    now_ms
    start=$NOW
    start_named db.test chain.test long.test none.test
    must 20 "db.test, five times" was_asked ' A db.test ' 5
    must 20 "chain.test, five times" was_asked ' A chain.test ' 5
    elapsed=$(awk -v start="$start" '{ last = $1 } NR == 1 { first = $1 } END { print last - first }' "$DNS_LOG")
    rounds=$((elapsed / 3000 + 1))
    for name in 'A db.test' 'AAAA db.test' 'A chain.test' 'AAAA chain.test'; do
        at_most "questions for $name in $elapsed ms" "$rounds" "$(asked " $name ")"
    done
    same "questions for long.test" 1 "$(asked ' A long.test ')"
    at_most "questions for none.test, whose TTL is 0, in $elapsed ms" $((elapsed / 1000 + 1)) "$(asked ' A none.test ')"
}

case_names_negative() { own_host host_negative; }

host_negative() { # what does not exist is asked again after the time that the SOA tells, and 5 s at most
    own_names 'test 60 SOA 2' 'here.test 60 A 127.0.0.11'
    start_named gone.test here.test
    must 5 "said" log_has 'cannot resolve gone.test'
    must 15 "asked again and again" was_asked ' A gone.test ' 4
    at_most "questions" $(($(awk '/gone.test/ { last = $1; first = first ? first : $1 } END { print last - first }' "$DNS_LOG") / 2000 + 1)) \
        "$(asked ' A gone.test ')"
    same "complaints" 1 "$(log_count 'cannot resolve gone.test')"
    zone 'test 60 SOA 3600' 'gone.test 2 A 127.0.0.12'
    must 5 "it has come" answers 4001 b
    zone 'test 60 SOA 3600'
    must 9 "it has gone" log_has_count 2 'cannot resolve gone.test'
    answers 4001 b || fail "its last address is not kept"
}

case_names_clock() { own_host host_clock; }

host_clock() { # the wall clock is set back, and forth: TTLs go on as they were
    wall_clock 3600
    own_names 'db.test 2 A 127.0.0.11'
    start_named "${WALL_CLOCK[@]}" db.test
    must 5 "the first answer" answers 4001 a
    wall_clock 0
    zone 'db.test 2 A 127.0.0.12'
    must 4 "a change after the clock was set back" answers 4001 b
    wall_clock 7200
    zone 'db.test 2 A 127.0.0.13'
    must 4 "a change after it was set forth" answers 4001 c
}

case_names_crowd() { own_host host_crowd; }

host_crowd() { # a thousand names that nobody answers for do not delay those that are answered, nor the end
    local i hanging=()
    for i in {1..1000}; do hanging+=("h$i.test ! * silent"); done
    own_names 'db.test 1 A 127.0.0.11' "${hanging[@]}"
    etc resolv.conf 'nameserver 127.0.0.1'
    {
        printf '[[services]]\nname = "db"\nlistener = "any:4001"\nbackends = ["db.test:7000"]\n'
        for i in {1..1000}; do
            printf '[[services]]\nname = "hang-%s"\nlistener = "any:%s"\nbackends = ["h%s.test:7000"]\n' "$i" $((5000 + i)) "$i"
        done
    } >"$T/crowd.toml"
    start_bare DILL_HEALTH_ENABLED=false "DILL_ROUTING_FILE_PATH=$T/crowd.toml"
    must 9 "a name in a crowd" answers 4001 a
    must 9 "a hundred questions of the crowd" was_asked .test 100
    zone 'db.test 1 A 127.0.0.13' "${hanging[@]}"
    must 4 "its change" answers 4001 c
    now_ms
    i=$NOW
    kill -TERM "$DILL_PID"
    stop_dill 0 3
    now_ms
    at_most "milliseconds to stop" $((1000 * SLOW)) $((NOW - i))
}

case_names_outage() { own_host host_outage; }

host_outage() { # no server can be reached for a while; when one can, thousands of names need not wait for each other
    local i zone=()
    for i in {1..3000}; do zone+=("n$i.test 4 A 127.0.0.11"); done
    own_names "${zone[@]}"
    etc resolv.conf 'nameserver 127.0.0.1'
    printf '[[services]]\nname = "many"\nlistener = "any:4001"\nbackends = [%s]\n' \
        "$(printf '"n%s.test:7000", ' {1..3000})" >"$T/many.toml"
    STATUS=2324
    start_bare DILL_HEALTH_ENABLED=false "DILL_ROUTING_FILE_PATH=$T/many.toml" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 9 "all names" metric 'dill_dns_names{state="good"}' 3000
    end_pid "$DNS_PID"
    must 15 "that none is answered" metric 'dill_dns_names{state="kept"}' 3000
    DNS_AT=127.0.0.1:53 start_dns "${zone[@]}"
    must 15 "all names again" metric 'dill_dns_names{state="good"}' 3000
}

# /etc

case_names_hosts() { own_host host_hosts; }

host_hosts() { # /etc/hosts comes before DNS, in any letter case, and is read again; localhost needs neither
    own_names 'filed.test 60 A 127.0.0.13' 'db.test 1 A 127.0.0.11'
    etc hosts '# comment' '127.0.0.11 filed.test alias  # more' '127.0.0.12	FILED.test' 'fd77::5 six.test' 'not an address'
    start_named filed.test alias six.test localhost deep.LocalHost db.test
    must 5 "both of its lines" leads 4001 127.0.0.11 127.0.0.12
    must 5 "an alias" answers 4002 a
    must 5 "IPv6" answers 4003 six
    must 5 "localhost" peek_contains '127.0.0.1:7000'
    must 5 "a name below localhost" leads 4005 127.0.0.1 '[::1]'
    must 5 "DNS besides" answers 4006 a
    same "questions for what is in the file" 0 "$(grep -Eic ' (filed.test|alias|six.test|.*localhost) ' "$DNS_LOG")"
    etc hosts '127.0.0.12 alias' '127.0.0.12 db.test'
    must 9 "a change of the file" answers 4002 b
    must 9 "a name that has left the file is in DNS" answers 4001 c
    must 9 "one that has come into it" answers 4006 b
    rm /etc/hosts
    must 9 "no file" answers 4006 a
    answers 4002 b || fail "the last address is not kept"
}

case_names_search() { own_host host_search; }

host_search() { # the search list, ndots, and names that are absolute
    own_names 'db.sub.test 60 A 127.0.0.11' 'db.other.test 60 A 127.0.0.12' 'two.other.test 60 A 127.0.0.12' 'a.b.sub.test 60 A 127.0.0.13' \
        'a.b 60 A 127.0.0.11' 'x.y.z 60 A 127.0.0.12' 'x.y.z.sub.test 60 A 127.0.0.11' 'late.dot.sub.test 60 A 127.0.0.13'
    etc resolv.conf 'search sub.test other.test' 'nameserver 127.0.0.1' 'options timeout:1 attempts:1 ndots:2'
    start_named db two a.b x.y.z a.b. late.dot db.
    must 5 "the first domain" answers 4001 a
    must 5 "the second domain" answers 4002 b
    must 5 "fewer dots than ndots: the domains first" answers 4003 c
    must 5 "as many: as it is" answers 4004 b
    must 5 "a dot at its end" answers 4005 a
    must 5 "the domains before what there is not" answers 4006 c
    must 5 "an absolute name is in no domain" log_has 'cannot resolve db\.: NXDOMAIN'
    same "questions below the second domain for what the first one has" 0 "$(asked ' A db.other.test ')"
}

case_names_conf() { own_host host_conf; }

host_conf() { # resolv.conf changes; a server by IPv6, one on a link, a dead one before a good one, both in turn
    local first=$T/first second
    own_names 'db.test 1 A 127.0.0.11' 'db.test 1 AAAA fd77::5'
    first=$DNS_LOG
    DNS_AT='[::1]:53' start_dns 'db.test 1 A 127.0.0.12'
    second=$DNS_LOG
    start_named db.test
    must 5 "the first server" answers 4001 a
    etc resolv.conf 'nameserver ::1' 'options timeout:1 attempts:1'
    must 9 "another one" leads 4001 127.0.0.12
    etc resolv.conf 'nameserver 127.0.0.1' 'nameserver ::1' 'options timeout:1 attempts:1 rotate'
    : >"$first"
    : >"$second"
    must 15 "both in turn: the first" grep -q db.test "$first"
    must 15 "both in turn: the second" grep -q db.test "$second"
    ip addr add fe80::7/64 dev host nodad
    DNS_AT='[fe80::7%host]:53' start_dns 'db.test 1 A 127.0.0.13'
    etc resolv.conf 'nameserver fe80::7%host' 'options timeout:1 attempts:1'
    must 9 "one on a link" answers 4001 c
    etc resolv.conf 'nameserver 10.77.0.99' 'nameserver fe80::7%host' 'options timeout:3 attempts:1'
    must 9 "a silent one, and a good one" was_asked ' A db.test ' 3
    second=$(asked ' A db.test ')
    must 9 "one that was silent is not waited for each time" was_asked ' A db.test ' $((second + 4))
    rm /etc/resolv.conf
    must 9 "without a file the server is this host" leads 4001 127.0.0.11 '[fd77::5]'
}

case_names_one_family() { own_host host_one_family; }

host_one_family() { # a host without IPv6 addresses uses no IPv6 addresses of names
    own_names 'db.test 1 A 127.0.0.11' 'db.test 1 AAAA fd77::5' 'two.test 1 A 127.0.0.12' 'two.test 1 AAAA fd77::6'
    start_named db.test two.test
    must 5 "both families" leads 4001 127.0.0.11 '[fd77::5]'
    must 5 "both families" leads 4002 127.0.0.12 '[fd77::6]'
    echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
    must 20 "IPv4 alone" leads 4001 127.0.0.11
    must 20 "IPv4 alone" leads 4002 127.0.0.12
}

# How they are shown

# start_shown: dill with a listener for each state of a name: good, failed, asked, kept; and one of all of them and an address
start_shown() {
    local name port=4000
    STATUS=2324
    own_names 'good.test 60 A 127.0.0.11' 'kept.test 1 A 127.0.0.12' 'slow.test ! * silent'
    etc resolv.conf 'nameserver 127.0.0.1' 'options timeout:30 attempts:1'
    SHOWN=(DILL_DNS_TIMEOUT=1s DILL_HEALTH_ENABLED=false "DILL_STATUS_LISTENER=127.0.0.1:$STATUS")
    for name in good gone slow kept; do
        SHOWN+=("DILL_SERVICES_${name^^}_LISTENER=any:$((port += 1))" "DILL_SERVICES_${name^^}_BACKENDS=$name.test:7000")
    done
    SHOWN+=(DILL_SERVICES_MIXED_LISTENER=any:4009
        'DILL_SERVICES_MIXED_BACKENDS=gone.test:7000,127.0.0.13:7000,good.test:7000,slow.test:7000')
    start_bare "${SHOWN[@]}"
    must 5 "the first answers" answers 4001 a
    must 5 "an address" answers 4004 b
    zone 'good.test 60 A 127.0.0.11' 'kept.test ! * servfail' 'slow.test ! * silent'
    must 9 "failing answers" log_has 'cannot resolve kept.test: SERVFAIL; keeping its last addresses'
    must 5 "what waits for slow.test" peek_has '0.0.0.0:4003'
}

status_says() { curl -s -f --max-time $((5 * SLOW)) "http://127.0.0.1:$STATUS$1"; }

case_names_shown() { own_host host_shown; }

host_shown() { # names are shown with their states: in Peek, on the page, in /routes, /connections, /metrics and the counters
    local said
    start_shown
    said=$(peek)
    contains "Peek" "$(route 0.0.0.0:4001 127.0.0.11:7000)
$(route 0.0.0.0:4002 'gone.test:7000 (cannot resolve: NXDOMAIN)')
$(route 0.0.0.0:4003 'slow.test:7000 (resolving)')
$(route 0.0.0.0:4004 127.0.0.12:7000)
$(route 0.0.0.0:4009 127.0.0.13:7000 'gone.test:7000 (cannot resolve: NXDOMAIN)' 127.0.0.11:7000 'slow.test:7000 (resolving)')
# no healthy backend: 0.0.0.0:4002
# no healthy backend: 0.0.0.0:4003" "$said"
    said=$(status_says /routes)
    contains "/routes" '{"address":"127.0.0.11:7000","name":"good.test:7000","state":"good","healthy":true,' "$said"
    contains "/routes" '{"address":"gone.test:7000","name":"gone.test:7000","state":"failed","why":"NXDOMAIN","healthy":false,' "$said"
    contains "/routes" '"name":"slow.test:7000","state":"asked","healthy":false,' "$said"
    contains "/routes" '{"address":"127.0.0.12:7000","name":"kept.test:7000","state":"kept","why":"SERVFAIL","healthy":true,' "$said"
    contains "/routes" '{"address":"127.0.0.13:7000","healthy":true,' "$said"
    contains "/connections" '{"name":"dill","connections":["4001:good.test:7000","4002:gone.test:7000","4003:slow.test:7000","4004:kept.test:7000",'\
'"4009:127.0.0.13:7000","4009:gone.test:7000","4009:good.test:7000","4009:slow.test:7000"],"active":[' "$(status_says /connections)"
    said=$(status_says /)
    contains "the page" '127.0.0.11:7000 <bdi class="soft">good.test:7000</bdi>' "$said"
    contains "the page" '>gone.test:7000</th><td class="w bad">cannot resolve: NXDOMAIN</td>' "$said"
    contains "the page" '>slow.test:7000</th><td class="w warn">resolving</td>' "$said"
    contains "the page" '>kept.test:7000</bdi></th><td class="w warn">healthy<small>last address; cannot resolve: SERVFAIL</small>' "$said"
    for said in asked good kept failed; do metric "dill_dns_names{state=\"$said\"}" 1 || fail "not one name is $said"; done
    for said in answered server_failed; do
        at_least "questions that are $said" 2 "$(status_says /metrics | awk -v of="dill_dns_queries_total{result=\"$said\"}" '$1 == of { print $2 }')"
    done
    kill -USR1 "$DILL_PID"
    must 5 "the counters" log_has ' counters uptime=.* names=4 unresolved=2 '
}

case_names_shown_srv() { own_host host_shown_srv; }

host_shown_srv() { # targets of an SRV name are shown by their own names; without one, that name stands there
    local said env=(DILL_HEALTH_ENABLED=false DILL_SERVICES_DB_LISTENER=any:4001 DILL_SERVICES_DB_BACKENDS=_db._tcp.test
        DILL_SERVICES_NO_LISTENER=any:4002 DILL_SERVICES_NO_BACKENDS=_no._tcp.test DILL_STATUS_LISTENER=127.0.0.1:2324)
    STATUS=2324
    own_names '_db._tcp.test 60 SRV 1 1 7000 a.test' '_db._tcp.test 60 SRV 2 1 7001 b.test' '_db._tcp.test 60 SRV 1 1 7002 gone.test' \
        'a.test 60 A 127.0.0.11' 'b.test 60 A 127.0.0.12'
    start_bare "${env[@]}"
    must 5 "its targets" leads_to 4001 127.0.0.11:7000 127.0.0.12:7001
    must 5 "one without an address" peek_has '  ├──➤ gone.test:7002 (cannot resolve: NXDOMAIN)'
    must 5 "a name without targets" peek_has '  ├──➤ _no._tcp.test (cannot resolve: NXDOMAIN)'
    contains "/connections" '"4001:a.test:7000","4001:gone.test:7002","4001:b.test:7001","4002:_no._tcp.test"]' "$(status_says /connections)"
    said=$(status_says /routes)
    contains "/routes" '{"address":"127.0.0.11:7000","name":"a.test:7000","state":"good","healthy":true,"weight":1,"active":' "$said"
    contains "/routes" '{"address":"127.0.0.12:7001","name":"b.test:7001","state":"good","healthy":true,"weight":1,"last":true,"active":' "$said"
    contains "/routes" '{"address":"_no._tcp.test","name":"_no._tcp.test","state":"failed","why":"NXDOMAIN","healthy":false,' "$said"
    contains "the page" '127.0.0.12:7001 <bdi class="soft">b.test:7001</bdi><small>tried last</small></th>' "$(status_says /)"
    dill_once --explain no "${env[@]}"
    contains "--explain" '
    backend _no._tcp.test: cannot resolve its name: NXDOMAIN' "$OUT"
    dill_once --plan "${env[@]}"
    same "the same again: $ERR" "0 " "$RC $OUT"
}

case_names_shown_questions() { own_host host_shown_questions; }

host_shown_questions() { # --explain says what is wrong with a name; --plan takes one that cannot be resolved for the same name
    start_shown
    dill_once --explain gone "${SHOWN[@]}"
    contains "--explain gone" '
    backend gone.test:7000: cannot resolve its name: NXDOMAIN' "$OUT"
    dill_once --explain mixed "${SHOWN[@]}"
    contains "--explain mixed" '
    backend gone.test:7000: cannot resolve its name: NXDOMAIN
    backend slow.test:7000: its name is being resolved
    listener any:4009: accepted' "$OUT"
    dill_once --explain kept "${SHOWN[@]}"
    contains "--explain kept" '
    backend kept.test:7000: cannot resolve its name: SERVFAIL; its last addresses are used' "$OUT"
    dill_once --explain good "${SHOWN[@]}"
    lacks "--explain good" '    backend' "$OUT"
    dill_once --plan "${SHOWN[@]}"
    same "the same again: $ERR" "0 " "$RC $OUT"
    dill_once --plan "${SHOWN[@]}" DILL_SERVICES_GOOD_BACKENDS=good.test:7000,none.test:7000 DILL_SERVICES_SLOW_BACKENDS=slow.test:7001 \
        DILL_SERVICES_KEPT_BACKENDS=good.test:7000
    same "other names" "~ 0.0.0.0:4001: + none.test:7000 (cannot resolve: NXDOMAIN)
~ 0.0.0.0:4003: + slow.test:7001 (resolving)
~ 0.0.0.0:4003: - slow.test:7000 (resolving)
~ 0.0.0.0:4004: + 127.0.0.11:7000 (good.test:7000)
~ 0.0.0.0:4004: - 127.0.0.12:7000 (kept.test:7000)" "$OUT"
}

# Starts, reloads and ends

names_status() { [ "$(curl -s --max-time 5 -w ' %{http_code}' 127.0.0.1:2324/status)" = "$1"$'\n'" $2" ]; }

names_routes() { # REGEX: in /routes
    curl -s --max-time 5 127.0.0.1:2324/routes | tr -d '\n' | grep -Eq -- "$1"
}

names_patient() { etc resolv.conf 'nameserver 127.0.0.1' 'options timeout:20 attempts:1'; }     # a late answer is one

# Whom clients reach at a port, again and again; one that is accepted and told nothing says `-`.
names_clients() { # PORT FILE
    local fd line
    for _ in {1..400}; do
        if { exec {fd}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null; then
            line=-
            read -r -t 5 line <&"$fd"
            echo "${line:--}" >>"$2"
            exec {fd}>&-
        fi
        sleep 0.02
    done
}

case_names_start_late() { own_host host_start_late; }

host_start_late() { # before the first answer no client is accepted, and dill is not ready; what has an address opens at once
    own_names 'late.test 60 A 127.0.0.11' 'late.test 60 AAAA fd77::5' 'late.test ! * delay=2000'
    names_patient
    names_clients 4001 "$T/clients" 2>/dev/null &
    start_named DILL_STATUS_LISTENER=127.0.0.1:2324 late.test 127.0.0.12 localhost
    must 2 "another listener" answers 4002 b
    refuses 127.0.0.1 4001 || fail "the one that waits is open"
    contains "Peek" '0.0.0.0:4001 (waiting for its names)' "$(peek)"
    lacks "Peek" '# no healthy backend' "$(peek)"
    names_status 'waiting for the first answer about a name' 503 || fail "/status: $(curl -s 127.0.0.1:2324/status)"
    names_routes '"address":"0.0.0.0:4001","state":"waiting"' || fail "/routes: $(curl -s 127.0.0.1:2324/routes)"
    contains "the page" 'waiting for its names' "$(curl -s 127.0.0.1:2324/)"
    contains "the page" '1 waiting for names' "$(curl -s 127.0.0.1:2324/)"
    contains "--explain" 'which waits for the first answer about its names' "$(curl -s 127.0.0.1:2324/explain/4001:late.test:7000)"
    contains "/metrics" 'dill_listeners{state="waiting"} 1' "$(curl -s 127.0.0.1:2324/metrics)"
    contains "/metrics" 'dill_listeners{state="failed"} 0' "$(curl -s 127.0.0.1:2324/metrics)"
    must 8 "the first answer" leads 4001 127.0.0.11 '[fd77::5]'
    names_status OK 200 || fail "/status: $(curl -s 127.0.0.1:2324/status)"
    must 5 "clients" grep -q . "$T/clients"
    sleep 1
    same "clients that were dropped" 0 "$(grep -c -- - "$T/clients")"
    same "complaints" 0 "$(log_count ' (warn|error) ')"
}

case_names_start_silent() { own_host host_start_silent; }

host_start_silent() { # where nobody answers, dns.timeout ends the wait; a stop waits for nobody
    own_names '* ! * silent'
    names_patient
    now_ms
    local begun=$NOW
    start_named DILL_STATUS_LISTENER=127.0.0.1:2324 DILL_DNS_TIMEOUT=2300ms none.test
    must 1 "Peek" peek_contains '(waiting for its names)'
    names_status 'waiting for the first answer about a name' 503 || fail "/status: $(curl -s 127.0.0.1:2324/status)"
    must 6 "it is ready" names_status OK 200
    now_ms
    at_least "milliseconds until then" 2300 $((NOW - begun))
    accepts 127.0.0.1 4001 || fail "it is ready, and the listener not open"
    log_has 'warn +names: not all have had an answer within dns.timeout' || fail "nothing is said"
    same "errors" 0 "$(log_count ' error ')"
    now_ms
    begun=$NOW
    kill -TERM "$DILL_PID"
    stop_dill 0 3
    now_ms
    at_most "milliseconds to stop" $((300 * SLOW)) $((NOW - begun))
}

case_names_start_unknown() { own_host host_start_unknown; }

host_start_unknown() { # an answer that there is no such name is one; without a wait all opens at once
    own_names 'test 60 SOA 60' 'here.test 60 A 127.0.0.11'
    names_patient
    start_named DILL_STATUS_LISTENER=127.0.0.1:2324 DILL_DNS_TIMEOUT=60s gone.test here.test
    must 5 "it is ready" names_status OK 200
    accepts 127.0.0.1 4001 || fail "it is ready, and the listener not open"
    kill -TERM "$DILL_PID"
    stop_dill 0 3
    zone '* ! * silent'
    start_named DILL_STATUS_LISTENER=127.0.0.1:2324 DILL_DNS_TIMEOUT=0 gone.test
    must 3 "it is ready" names_status OK 200
    must 3 "it is open" accepts 127.0.0.1 4001
    same "complaints" 0 "$(log_count 'names: not all have had an answer')"
}

case_names_start_later() { own_host host_start_later; }

host_start_later() { # a listener that comes later waits, too, and no other does; one that is open stays so
    own_names 'first.test 60 A 127.0.0.11' 'late.test 60 A 127.0.0.12' 'late.test ! * delay=2000' '* ! * silent'
    names_patient
    printf '[[services]]\nname = "one"\nlistener = "any:4001"\nbackends = ["127.0.0.11:7000"]\n' >"$T/routes.toml"
    start_bare DILL_STATUS_LISTENER=127.0.0.1:2324 DILL_DNS_TIMEOUT=9s "DILL_ROUTING_FILE_PATH=$T/routes.toml"
    must 5 "it is ready" names_status OK 200
    names_clients 4002 "$T/clients" 2>/dev/null &
    {
        printf '[[services]]\nname = "one"\nlistener = "any:4001"\nbackends = ["silent.test:7000"]\n'
        printf '[[services]]\nname = "two"\nlistener = "any:4002"\nbackends = ["late.test:7000"]\n'
        printf '[[services]]\nname = "three"\nlistener = "any:4003"\nbackends = ["127.0.0.13:7000"]\n'
    } >"$T/routes.new"
    mv "$T/routes.new" "$T/routes.toml"
    must 5 "one with an address" answers 4003 c
    contains "Peek" '0.0.0.0:4002 (waiting for its names)' "$(peek)"
    lacks "Peek" '0.0.0.0:4001 (waiting' "$(peek)"
    accepts 127.0.0.1 4001 || fail "the listener that was open is not"
    names_status OK 200 || fail "it is not ready any more"
    must 5 "the first answer" answers 4002 b
    must 5 "clients" grep -q . "$T/clients"
    same "clients that were dropped" 0 "$(grep -c -- - "$T/clients")"
}

case_names_start_notify() { own_host host_start_notify; }

host_start_notify() { # READY comes with the first answer, and not before
    own_names 'late.test 60 A 127.0.0.11' 'late.test ! * delay=2000'
    names_patient
    "$PYTHON" -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True: print(s.recv(4096).decode().replace("\n", "|"), flush=True)' "$T/notify" >"$T/notified" 9>&- &
    must 5 "a service manager" test -S "$T/notify"
    start_named "NOTIFY_SOCKET=$T/notify" late.test
    must 3 "what it waits for" grep -q '^STATUS=waiting for the first answer about a name$' "$T/notified"
    same "READY before" 0 "$(grep -c READY "$T/notified")"
    must 6 "READY" grep -q '^READY=1|STATUS=1 listener open, 0 failed' "$T/notified"
}

case_names_start_source() { own_host host_start_source; }

host_start_source() { # a source whose host is a name: why it cannot be resolved is said; its answer counts; a stop does not wait
    own_names 'test 60 SOA 1' 'slow.test ! * silent'
    names_patient
    mkdir "$T/www"
    echo '{"services": [{"name": "web", "listener": "any:4001", "backends": ["127.0.0.11:7000"]}]}' >"$T/www/routes.json"
    "$PYTHON" -m http.server --bind 127.0.0.9 --directory "$T/www" 8080 >/dev/null 2>&1 9>&- &
    must 5 "the source" accepts 127.0.0.9 8080
    start_bare DILL_ROUTING_HTTP_ENDPOINT=http://www.test:8080/routes.json DILL_ROUTING_HTTP_POLL_INTERVAL=1s \
        DILL_BACKENDS_ALLOW=127.0.0.0/8
    must 5 "why not" log_has 'http://www.test:8080/routes.json: cannot resolve www.test: NXDOMAIN'
    same "complaints of the resolver itself" 1 "$(log_count 'warn +cannot resolve www.test')" # it is reserved
    zone 'test 60 SOA 1' 'www.test 1 A 127.0.0.9'
    must 30 "its services" answers 4001 a
    kill -TERM "$DILL_PID"
    stop_dill 0 3
    start_bare DILL_ROUTING_HTTP_ENDPOINT=http://slow.test:8080/routes.json DILL_ROUTING_HTTP_POLL_TIMEOUT=60s
    must 5 "it asks" was_asked ' A slow.test '
    zone 'slow.test ! * silent'
    now_ms
    local begun=$NOW
    kill -TERM "$DILL_PID"
    stop_dill 0 3
    now_ms
    at_most "milliseconds to stop" $((300 * SLOW)) $((NOW - begun))
}

case_names_start_plan() { own_host host_start_plan; }

host_start_plan() { # --plan looks names up itself, and goes by dns.servers; where nobody answers it ends all the same
    own_names 'db.test 60 A 127.0.0.11' 'slow.test ! * silent'
    etc resolv.conf 'nameserver 127.0.0.77' 'options timeout:1 attempts:1'
    dill_once --plan --dns.servers 127.0.0.1 --connections 4001:db.test:7000
    same "exit status" 2 "$RC"
    contains "--plan" '+ 0.0.0.0:4001 for' "$OUT"
    contains "--plan" '127.0.0.11:7000' "$OUT"
    dill_once --plan --dns.servers 127.0.0.1 --connections 4001:slow.test:7000,4002:db.test:7000
    same "exit status" 2 "$RC"
    contains "--plan" '127.0.0.11:7000' "$OUT"
}

case_names_reload_servers() { own_host host_reload_servers; }

host_reload_servers() { # SIGHUP: other servers are asked at once, about all names; an error changes nothing
    own_names 'db.test 600 A 127.0.0.11' 'none.test ! * silent'
    DNS_AT='[::1]:5300' start_dns 'db.test 600 A 127.0.0.12' 'none.test 600 A 127.0.0.13'
    printf '[dns]\nservers = "127.0.0.1"\n' >"$T/c.toml"
    start_bare DILL_HEALTH_ENABLED=false -c "$T/c.toml" --connections 4001:db.test:7000,4002:none.test:7000
    must 5 "the first server" answers 4001 a
    printf '[dns]\nservers = "nowhere"\n' >"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 5 "an error" log_has 'c.toml:2: dns.servers: "nowhere" is not a list of IP addresses'
    printf '[dns]\nservers = ["[::1]:5300"]\n' >"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 5 "another server" leads 4001 127.0.0.12
    must 5 "a name that the first one does not answer" answers 4002 c
}

case_names_reload_gone() { own_host host_reload_gone; }

host_reload_gone() { # a name that is gone from the configuration is not asked for any more, and nothing waits for it
    own_names 'here.test 1 A 127.0.0.11' 'gone.test 1 A 127.0.0.12' 'slow.test ! * silent'
    names_patient
    printf '[services.%s]\nlistener = ":%s"\nbackends = "%s:7000"\n' one 4001 here.test >"$T/less.ini"
    { cat "$T/less.ini" && printf '[services.%s]\nlistener = ":%s"\nbackends = "%s:7000"\n' two 4002 gone.test three 4003 slow.test; } >"$T/c.ini"
    start_bare DILL_STATUS_LISTENER=127.0.0.1:2324 DILL_DNS_TIMEOUT=60s DILL_HEALTH_ENABLED=false -c "$T/c.ini"
    must 5 "the first answers" answers 4002 b
    names_status 'waiting for the first answer about a name' 503 || fail "/status: $(curl -s 127.0.0.1:2324/status)"
    cp "$T/less.ini" "$T/c.ini"
    kill -HUP "$DILL_PID"
    must 5 "it is ready" names_status OK 200
    local before
    before=$(asked ' gone.test ')
    must 9 "the other one is asked for" was_asked ' A here.test ' $(($(asked ' A here.test ') + 3))
    same "questions for the one that is gone" "$before" "$(asked ' gone.test ')"
}

case_names_reload_hold() { own_host host_reload_hold; }

host_reload_hold() { # dns.hold ends the last addresses, also when it comes by SIGHUP; with an answer they are back
    own_names 'db.test 1 A 127.0.0.11' 'db.test 1 AAAA fd77::5'
    : >"$T/c.toml"
    start_bare DILL_HEALTH_ENABLED=false -c "$T/c.toml" --connections 4001:db.test:7000
    must 5 "the first answer" answers 4001 a
    zone '* ! * servfail'
    must 9 "said" log_has 'cannot resolve db.test: .*; keeping its last addresses'
    sleep 1
    leads 4001 127.0.0.11 '[fd77::5]' || fail "the last addresses are gone: $(peek)"
    printf '[dns]\nhold = "1s"\n' >"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 9 "their end" leads 4001
    accepts 127.0.0.1 4001 || fail "the listener is closed"
    zone 'db.test 1 A 127.0.0.12'
    must 9 "an answer" leads 4001 127.0.0.12
}
