# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: which addresses backends may have, listeners beside processes of the same host, and loops.

needs() { # WHAT ADDRESS NETWORK: why an address is refused
    echo "$1 address $2, which needs backends.allow = $3"
}

refusal() { # NAME WISH REASON: Peek lists it
    peek_has "# refused: $1 wants $2: $3"
}

counted() { # LISTENER REASON COUNT: clients without a session
    metric "dill_listener_rejected_total{listener=\"$1\",reason=\"$2\"}" "$3"
}

case_neighbour_addresses() { # loopback and its like, behind a listener that everybody reaches; what is good stays
    local p q
    p=$(next_port) q=$(next_port) STATUS=$(next_port)
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    register web web-1 "$A" dill "dill.listener=any:$p"
    ADDR=169.254.169.254 register cloud cloud-1 80 dill "dill.listener=any:$p"
    ADDR=0.0.0.1 register null null-1 "$A" dill "dill.listener=any:$p"     # Consul itself refuses 0.0.0.0
    ADDR=::ffff:127.0.0.1 register six six-1 "$A" dill "dill.listener=any:$p"
    ADDR=192.0.2.77 register good good-1 80 dill "dill.listener=any:$p"
    register own own-1 "$B" dill "dill.listener=local:$q"
    must 5 "loopback" refusal web "127.0.0.1:$A" "$(needs loopback 127.0.0.1 127.0.0.0/8)"
    must 5 "link-local" refusal cloud "169.254.169.254:80" "$(needs link-local 169.254.169.254 169.254.0.0/16)"
    must 5 "unspecified" refusal null "0.0.0.1:$A" "$(needs unspecified 0.0.0.1 0.0.0.0/8)"
    must 5 "as IPv6 has it" refusal six "[::ffff:127.0.0.1]:$A" "$(needs loopback 127.0.0.1 127.0.0.0/8)"
    must 5 "loopback behind loopback" answers "$q" b
    contains "the listener" "$(route "0.0.0.0:$p" 192.0.2.77:80)" "$(peek)"
    register web web-1 "$A" dill "dill.listener=any:$p" "dill.listener=local:$((q + 2))"
    must 5 "another listener" answers $((q + 2)) a
    register web web-1 "$A" dill "dill.listener=any:$p"
    must 9 "why that one closes" log_has " closed address=127.0.0.1:$((q + 2)) .*why=\"gone from consul\""
    same "how often it is said" 1 "$(log_count "refused: web wants 127.0.0.1:$A: loopback")"
    deregister good-1
    must 5 "that nothing is left" peek_has "# no healthy backend: 0.0.0.0:$p"
    same "a client" - "$(says "$p")"
    must 3 "its count" counted "0.0.0.0:$p" no_backend 1
    contains "--explain" "    backend 127.0.0.1:$A: refused by backends.allow: $(needs loopback 127.0.0.1 127.0.0.0/8)" \
        "$(curl -s "http://127.0.0.1:$STATUS/explain/web")"
}

case_neighbour_allow() { # backends.allow opens what it names, and a reload closes it again
    local p
    p=$(next_port)
    allow() { printf '[consul]\naddress = "%s"\n[backends]\nallow = [%s]\n' "$CONSUL_URL" "$1" >"$T/dill.toml"; }
    allow '"10.0.0.0/8", "127.0.0.1"'
    start_bare -c "$T/dill.toml"
    register web web-1 "$A" dill "dill.listener=any:$p"
    ADDR=127.0.0.2 register web web-2 "$A" dill "dill.listener=any:$p"
    must 5 "what is open" answers "$p" a
    must 5 "what is not" refusal web "127.0.0.2:$A" "$(needs loopback 127.0.0.2 127.0.0.0/8)"
    allow ''
    kill -HUP "$DILL_PID"
    must 5 "the reload" refusal web "127.0.0.1:$A" "$(needs loopback 127.0.0.1 127.0.0.0/8)"
    must 5 "that it is closed" answers "$p" -
    allow '"127.0.0.0/8"'
    kill -HUP "$DILL_PID"
    must 5 "that it is open again" answers "$p" a
    peek_must_be "$(route "0.0.0.0:$p" "127.0.0.1:$A" "127.0.0.2:$A")"
}

case_neighbour_servers() { # dill's own servers and the agent are reached from nowhere through dill
    local p q r
    p=$(next_port) q=$(next_port) r=$(next_port) STATUS=$(next_port)
    start_dill "DILL_STATUS_LISTENER=0.0.0.0:$STATUS" DILL_BACKENDS_ALLOW=127.0.0.0/8
    register page page-1 "$STATUS" dill "dill.listener=any:$p"
    ADDR=127.0.0.9 register peek peek-1 "$STATUS" dill "dill.listener=local:$q"
    register text text-1 "$PEEK" dill "dill.listener=local:$r"
    must 5 "the page" refusal page "127.0.0.1:$STATUS" "127.0.0.1:$STATUS is dill's own status.listener"
    must 5 "the page, at another address" refusal peek "127.0.0.9:$STATUS" "127.0.0.9:$STATUS is dill's own status.listener"
    must 5 "Peek" refusal text "127.0.0.1:$PEEK" "127.0.0.1:$PEEK is dill's own peek.listener"
    same "who reads the page" "" "$(curl -s --max-time 5 "http://127.0.0.9:$p/status")"
    kill -TERM "$DILL_PID"
    stop_dill 0 9
    register agent agent-1 "$CONSUL_PORT" dill "dill.listener=any:$p"
    start_dill
    must 5 "the agent" refusal agent "127.0.0.1:$CONSUL_PORT" "$(needs loopback 127.0.0.1 127.0.0.0/8)"
    same "who reads the agent" "" "$(curl -s --max-time 5 "http://127.0.0.9:$p/v1/agent/self")"
}

case_neighbour_proxy() { # the SOCKS proxy that a service names is what dill dials
    local p
    p=$(next_port)
    start_dill
    ADDR=10.0.0.1 register web web-1 80 dill "dill.listener=any:$p" "dill.proxy=socks5://u:secret@127.0.0.1:$A"
    must 5 "the proxy" refusal web "proxy 127.0.0.1:$A" "$(needs loopback 127.0.0.1 127.0.0.0/8)"
    lacks "Peek" secret "$(peek)"
}

case_neighbour_state() { # what is remembered is judged like anything else
    local p
    p=$(next_port)
    start_dill "DILL_STATE_PATH=$T/state" DILL_BACKENDS_ALLOW=127.0.0.0/8
    register web web-1 "$A" dill "dill.listener=any:$p"
    must 5 "the backend" answers "$p" a
    must 5 "the state" grep -qs "\"127.0.0.1:$A\"" "$T/state"
    kill -TERM "$DILL_PID"
    stop_dill 0 9
    start_bare DILL_CONSUL_ADDRESS=http://127.0.0.1:1 "DILL_STATE_PATH=$T/state"
    must 5 "the refusal" refusal web "127.0.0.1:$A" "$(needs loopback 127.0.0.1 127.0.0.0/8)"
    same "a client" - "$(says "$p")"
}

case_neighbour_itself() { # a listener that is its own backend is not opened, and one that leads to another's is none
    local p q
    STATUS=$(next_port) p=$(next_port) q=$((p + 7))
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" DILL_BACKENDS_ALLOW=127.0.0.0/8
    register loop loop-1 "$p" dill "dill.listener=local:$p"
    register wide wide-1 $((p + 1)) dill "dill.listener=any:$((p + 1))"
    must 5 "the refusal" refusal loop "local:$p" "127.0.0.1:$p is a backend of loop on this host"
    must 5 "the refusal of every address" refusal wide "any:$((p + 1))" "127.0.0.1:$((p + 1)) is a backend of wide on this host"
    refuses 127.0.0.1 "$p" || fail "it is open"
    register web web-1 "$A" dill "dill.listener=local:$q"
    must 5 "the first" answers "$q" a
    register thief thief-1 "$q" dill "dill.listener=local:$((p + 2))"
    must 5 "who came later" refusal thief "127.0.0.1:$q" "127.0.0.1:$q is a listener of dill itself"
    same "the first" a "$(says "$q")"
    contains "--explain" "refused by neighbour: 127.0.0.1:$p is a backend of loop on this host" \
        "$(curl -s "http://127.0.0.1:$STATUS/explain/loop")"
}

case_neighbour_restart() { # a service on this host that dies has its port again: dill does not take it, nor answers its check
    local port p
    p=$(next_port)
    start_peers name:here
    port=${PORTS[0]}
    start_dill
    api PUT /v1/agent/service/register "{\"Name\":\"app\",\"ID\":\"app\",\"Port\":$port,\"Tags\":[\"dill\",\"dill.listener=local:$p\"],
        \"Check\":{\"TCP\":\"127.0.0.1:$port\",\"Interval\":\"200ms\",\"Timeout\":\"1s\"}}" >/dev/null || fail "not registered"
    must 5 "the service" answers "$p" here
    register late late-1 "$A" dill "dill.listener=local:$port"
    must 5 "who wants its port" refusal late "local:$port" "127.0.0.1:$port is a backend of app on this host"
    end_pid "$PEER_PID"
    critical() { [[ $(api GET /v1/health/service/app) == *'"critical"'* ]]; }
    must 10 "the check" critical
    must 9 "the listener has gone" refuses 127.0.0.1 "$p"
    stays 1500 "dill has taken the port" refuses 127.0.0.1 "$port"
    critical || fail "the check has reached somebody"
    start_peers "name:back@127.0.0.1:$port"
    must 10 "the service is back" answers "$p" back
    same "who is at the port" back "$(says "$port")"
    same "openings of the port" 0 "$(log_count " opened .*address=127.0.0.1:$port ")"
}

loop_of() { # sets SESSIONS: clients of all listeners so far
    SESSIONS=$(curl -s "http://127.0.0.1:$STATUS/metrics" | awk '/^dill_listener_connections_total/ { n += $2 } END { print n + 0 }')
}

case_neighbour_loop() { # of the operator's own: a client of it costs one session, and all others go on; a chain is no loop
    local p i
    STATUS=$(next_port) p=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" \
        "DILL_SERVICES_LOOP_LISTENER=:$p" "DILL_SERVICES_LOOP_BACKENDS=127.0.0.1:$p" \
        "DILL_SERVICES_ONE_LISTENER=local:$((p + 1))" "DILL_SERVICES_ONE_BACKENDS=127.0.0.1:$((p + 2))" \
        "DILL_SERVICES_TWO_LISTENER=local:$((p + 2))" "DILL_SERVICES_TWO_BACKENDS=127.0.0.1:$((p + 3))" \
        "DILL_SERVICES_END_LISTENER=local:$((p + 3))" "DILL_SERVICES_END_BACKENDS=127.0.0.1:$ECHO" \
        "DILL_SERVICES_RING_LISTENER=local:$((p + 4))" "DILL_SERVICES_RING_BACKENDS=127.0.0.1:$((p + 5))" \
        "DILL_SERVICES_BACK_LISTENER=local:$((p + 5))" "DILL_SERVICES_BACK_BACKENDS=127.0.0.1:$((p + 4))"
    must 5 "the listeners" accepts 127.0.0.1 $((p + 5))
    must 5 "the sessions of that have ended" metric dill_sessions 0
    loop_of
    i=$SESSIONS
    for _ in {1..10}; do same "a client of the loop" - "$(says "$p")"; done
    must 5 "loops" counted "0.0.0.0:$p" loop 10
    loop_of
    same "sessions of ten clients" 10 $((SESSIONS - i))
    same "a client of the ring" - "$(says $((p + 4)))"
    must 5 "a loop of two" counted "127.0.0.1:$((p + 4))" loop 1
    counted "127.0.0.1:$((p + 5))" loop 1 || fail "the second step of the ring is no loop, but for the first client"
    must 5 "no session is left" metric dill_sessions 0
    open_conn $((p + 1))
    ask "$FD" hello || fail "a chain of three listeners does not work"
    loop_of
    i=$SESSIONS
    client crowd 127.0.0.1 "$p" 200 1 >/dev/null 2>&1
    must 5 "the crowd has gone" metric dill_sessions 3
    loop_of
    at_most "sessions of 200 clients" 200 $((SESSIONS - i))
    ask "$FD" again || fail "the chain has suffered"
    at_most "lines about loops" 8 "$(log_count 'a loop')"
}

case_neighbour_host() { own_host host_neighbour; }

put_far() { ADDR=$2 register "$1" "$1" "$3" dill "dill.listener=$4"; } # NAME ADDRESS PORT LISTENER

figure() { # NAME [LABELS]: of the listener 0.0.0.0:4006
    curl -s "http://127.0.0.1:$STATUS/metrics" | sed -n "s/^dill_listener_$1{listener=\"0.0.0.0:4006\"${2:-}} //p"
}

host_neighbour() { # addresses of the host, and names and addresses that move there
    local prefix loops sessions
    wall_clock 3600
    own_etc
    own_link
    ip addr add 10.77.0.6/24 dev host
    start_dnsmasq 127.0.0.1 1
    dnsmasq_zone '10.77.0.5 far.test'
    CONSUL_URL=http://127.0.0.1:8500 STATUS=8001
    start_agent 8500
    start_peers name:a@0.0.0.0:7000
    start_dill "${WALL_CLOCK[@]}" "DILL_STATUS_LISTENER=0.0.0.0:$STATUS"

    # A backend of the host is as good as any, but where it is dill itself: by the first address or another one.
    put_far web 10.77.0.5 7000 any:4001
    must 5 "a backend on this host" answers 4001 a 10.77.0.5
    put_far loop 10.77.0.5 4002 any:4002
    must 5 "a loop by the host's address" refusal loop any:4002 "10.77.0.5:4002 is a backend of loop on this host"
    put_far thief 10.77.0.6 4001 any:4003
    must 5 "a listener by another address" refusal thief 10.77.0.6:4001 "10.77.0.6:4001 is a listener of dill itself"
    put_far page 10.77.0.6 8001 any:4004
    must 5 "the status page" refusal page 10.77.0.6:8001 "10.77.0.6:8001 is dill's own status.listener"
    same "the status page through dill" '' "$(curl -s --max-time 5 http://10.77.0.5:4004/status)"
    put_far agent 127.0.0.1 8500 any:4005
    must 5 "the agent" refusal agent 127.0.0.1:8500 "$(needs loopback 127.0.0.1 127.0.0.0/8)"
    same "the agent through dill" '' "$(curl -s --max-time 5 http://10.77.0.5:4005/v1/agent/self)"

    # The same port elsewhere is no loop.
    put_far far 10.77.0.99 4006 any:4006
    must 5 "a backend with the listener's port" peek_has 0.0.0.0:4006
    lacks "Peek" "refused: far" "$(peek)"

    # It moves here, and nobody has told dill: one client would go round for ever. With a prefix of its own it is an address
    # that this host's connects to it come from; in the network of the first one they come from that.
    for prefix in 32 24; do
        loops=$(figure rejected_total ',reason="loop"') sessions=$(figure connections_total)
        ip addr add "10.77.0.99/$prefix" dev host
        for _ in 1 2 3; do answers 4006 - 10.77.0.5; done
        same "/$prefix: loops of an address that moved here" 3 $(($(figure rejected_total ',reason="loop"') - loops))
        at_most "/$prefix: sessions of three clients" 6 $(($(figure connections_total) - sessions))
        ip addr del "10.77.0.99/$prefix" dev host
    done

    # A name that moves.
    put_far moving far.test 7000 any:4007
    must 5 "a name" answers 4007 a 10.77.0.5
    dnsmasq_zone '127.0.0.1 far.test'
    must 9 "the name has moved to loopback" refusal moving far.test:7000 "$(needs loopback 127.0.0.1 127.0.0.0/8)"
    not answers 4007 a 10.77.0.5 || fail "it is still served"
    dnsmasq_zone '127.0.0.1 far.test' '10.77.0.5 far.test'
    must 9 "its good address" answers 4007 a 10.77.0.5
}
