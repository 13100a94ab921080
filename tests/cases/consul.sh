# shellcheck shell=bash disable=SC2154,SC2153
# Cases: the Consul source, with a real agent. See lib.sh for what a case can use.

case_consul_address_spellings() { # with and without a scheme, with slashes behind it
    local address p
    p=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p"
    for address in "$CONSUL_URL/" "$CONSUL_URL//" "127.0.0.1:$CONSUL_PORT"; do
        start_bare "DILL_CONSUL_ADDRESS=$address" "${CLIENT_SSL[@]}"
        must 5 "service by way of $address" answers "$p" a
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

case_tour() { # the README's tour, byte for byte
    local port
    port=$(next_port)
    start_dill
    "$CONSUL" services register -http-addr="$CONSUL_URL" -name=web -port="$WEB" -tag=dill \
        -tag="dill.listener=local:$port" >/dev/null || fail "consul services register"
    must 5 "curl" curl -sfo /dev/null "localhost:$port/"
    same "curl" hello "$(curl -s "localhost:$port/")"
    nc -d 127.0.0.1 "$PEEK" >"$T/peek"
    printf '127.0.0.1:%s\n  \xe2\x94\x9c round_robin\n  \xe2\x94\x9c\xe2\x94\x80\xe2\x94\x80\xe2\x9e\xa4 127.0.0.1:%s\n' \
        "$port" "$WEB" | cmp - "$T/peek" >"$T/cmp" || fail "Peek: $(cat "$T/cmp"): $(cat "$T/peek")"
}

case_consul_services_and_instances() { # a new service, a new instance, no checks at all
    local p q
    p=$(next_port) q=$(next_port)
    start_dill
    peek_must_be "$NO_ROUTE"
    register web web-1 "$A" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")"
    same "first service" a "$(says "$p")"
    register web web-2 "$B" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B")"
    register other other-1 "$C" dill "dill.listener=local:$q"
    must 5 "second service" answers "$q" c
}

case_consul_instances_have_a_stable_order() { # sorted by node and service id, not by time
    local p
    p=$(next_port)
    start_dill
    register web m "$A" dill "dill.listener=local:$p"
    register web z "$B" dill "dill.listener=local:$p"
    register web b "$C" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$C" "127.0.0.1:$A" "127.0.0.1:$B")"
}

case_consul_checks() { # critical and warning instances are no backends; a failing check removes, a passing one adds
    local p
    p=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    CHECK=critical register web web-2 "$B" dill "dill.listener=local:$p"
    CHECK=warning register web web-3 "$C" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")"
    set_check pass web-2
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B")"
    set_check pass web-3
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B" "127.0.0.1:$C")"
    set_check warn web-2
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$C")"
    set_check fail web-3
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")"
}

case_consul_last_check_fails() { # the listener goes with its last passing instance, and comes back
    local p
    p=$(next_port)
    start_dill
    CHECK=passing register web web-1 "$A" dill "dill.listener=local:$p"
    must 5 "passing service" answers "$p" a
    set_check fail web-1
    must 5 "the listener to close" refuses 127.0.0.1 "$p"
    peek_must_be "$NO_ROUTE"
    set_check pass web-1
    must 5 "the service again" answers "$p" a
}

case_consul_worst_check_counts() { # one of two checks fails: not passing
    local p
    p=$(next_port)
    start_dill
    register web web-0 "$C" dill "dill.listener=local:$p"
    CHECK=passing register web web-1 "$A" dill "dill.listener=local:$p"
    api PUT /v1/agent/check/register \
        '{"ID":"second","Name":"second","ServiceID":"web-1","TTL":"1h","Status":"critical"}' || fail "check"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$C")"
    api PUT /v1/agent/check/pass/second || fail "check"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$C" "127.0.0.1:$A")"
}

case_consul_node_check() { # a check of the node counts for each of its services
    local p
    p=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    must 5 "service" answers "$p" a
    api PUT /v1/agent/check/register '{"ID":"disk","Name":"disk","TTL":"1h","Status":"critical"}' || fail "check"
    must 5 "the listener to close" refuses 127.0.0.1 "$p"
    api PUT /v1/agent/check/pass/disk || fail "check"
    must 5 "service after the check passes" answers "$p" a
    api PUT /v1/agent/check/deregister/disk
}

case_consul_service_maintenance() {
    local p
    p=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    register web web-2 "$B" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B")"
    api PUT "/v1/agent/service/maintenance/web-1?enable=true" || fail "maintenance"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$B")"
    api PUT "/v1/agent/service/maintenance/web-1?enable=false" || fail "maintenance"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B")"
}

case_consul_node_maintenance() {
    local p
    p=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    must 5 "service" answers "$p" a
    api PUT "/v1/agent/maintenance?enable=true" || fail "maintenance"
    must 5 "the listener to close" refuses 127.0.0.1 "$p"
    api PUT "/v1/agent/maintenance?enable=false" || fail "maintenance"
    must 5 "service after maintenance" answers "$p" a
}

case_consul_changed_tags() {
    local p q r
    p=$(next_port) q=$(next_port) r=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    must 5 "first port" answers "$p" a
    register web web-1 "$A" dill "dill.listener=local:$q" "dill.listener=local:$r"
    must 5 "new port" answers "$q" a
    must 5 "second new port" answers "$r" a
    must 5 "the old port to close" refuses 127.0.0.1 "$p"
    peek_must_be "$(route "127.0.0.1:$q" "127.0.0.1:$A"; route "127.0.0.1:$r" "127.0.0.1:$A")"
    register web web-1 "$A" "dill.listener=local:$q"
    must 5 "the port of a service without the tag to close" refuses 127.0.0.1 "$q"
    peek_must_be "$NO_ROUTE"
}

case_consul_changed_port() { # of a service without checks: only the catalog's index moves
    local p
    p=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    must 5 "first backend" answers "$p" a
    register web web-1 "$B" dill "dill.listener=local:$p"
    must 5 "changed backend" answers "$p" b
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$B")"
}

case_consul_service_address() { # the service's address, or else its node's
    local p q
    p=$(next_port) q=$(next_port)
    start_peers "name:far@127.0.0.5"
    start_dill
    ADDR=127.0.0.5 register far far-1 "${PORTS[0]}" dill "dill.listener=local:$p"
    register near near-1 "$A" dill "dill.listener=local:$q"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.5:${PORTS[0]}"; route "127.0.0.1:$q" "127.0.0.1:$A")"
    same "service address" far "$(says "$p")"
    same "node address" a "$(says "$q")"
}

case_consul_host_name_and_port_zero() { # a host name is resolved; an instance without a port disturbs nobody
    local p q
    p=$(next_port) q=$(next_port)
    start_dill
    register none none-1 0 dill "dill.listener=local:$q"
    ADDR=localhost register web web-1 "$A" dill "dill.listener=local:$p"
    must 5 "backend by host name" answers "$p" a
    refuses 127.0.0.1 "$q" || [ "$(says "$q")" = - ] || fail "somebody answers for port 0"
}

case_consul_deregistration() { # closing is careful: not at once, but within 3 s, and served until then
    local p start
    p=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    must 5 "service" answers "$p" a
    now_ms
    start=$NOW
    deregister web-1
    stays 600 "the listener closed after one look" answers "$p" a
    must 5 "the listener to close" refuses 127.0.0.1 "$p"
    now_ms
    at_most "milliseconds until the listener closed" $((3500 * SLOW)) $((NOW - start))
    peek_must_be "$NO_ROUTE"
}

case_consul_backend_leaves_at_once() { # while others stay
    local p start
    p=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    register web web-2 "$B" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B")"
    sleep 1.1        # let the pace of a quiet time return
    now_ms
    start=$NOW
    deregister web-1
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$B")"
    now_ms
    at_most "milliseconds until the backend left" $((700 * SLOW)) $((NOW - start))
    same "the rest" "b b b" "$(client names 127.0.0.1 "$p" 3)"
}

case_consul_opens_fast() { # within 100 ms of the change
    local p i start times=()
    start_dill
    for i in 1 2 3 4 5 6 7; do
        p=$(next_port)
        register "web$i" "web$i" "$A" dill "dill.listener=local:$p"
        now_ms
        start=$NOW
        must 5 "service $i" accepts 127.0.0.1 "$p"
        now_ms
        times+=($((NOW - start)))
        sleep 1
    done
    # the median: this machine may be busy with other cases
    at_most "median of milliseconds until accepted" $((100 * SLOW)) \
        "$(printf '%s\n' "${times[@]}" | sort -n | sed -n 4p)"
}

case_consul_several_listeners() { # several dill.listener tags on one service
    local p q r
    p=$(next_port) q=$(next_port) r=$(next_port)
    start_dill DILL_BACKENDS_ALLOW=127.0.0.0/8
    register web web-1 "$A" dill "dill.listener=local:$p" other "dill.listener=local:$q" "dill.listener=any:$r"
    must 5 "first" answers "$p" a
    must 5 "second" answers "$q" a
    must 5 "third, any, on another address" answers "$r" a 127.0.0.9
    peek_must_be "$(route "0.0.0.0:$r" "127.0.0.1:$A"; route "127.0.0.1:$p" "127.0.0.1:$A"
        route "127.0.0.1:$q" "127.0.0.1:$A")"
}

case_consul_tag_is_needed() { # a dill.listener tag alone routes nothing, nor does a longer tag
    local p q
    p=$(next_port) q=$(next_port)
    start_dill
    register bare bare-1 "$A" "dill.listener=local:$p"
    register near near-1 "$A" dillx "dill.listener=local:$p" dill.
    register web web-1 "$B" dill "dill.listener=local:$q"
    peek_must_be "$(route "127.0.0.1:$q" "127.0.0.1:$B")"
}

case_consul_tags_count_by_instance() { # the tags of one instance say nothing about another
    local p q
    p=$(next_port) q=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    register web web-2 "$B" dill "dill.listener=local:$q"
    register web web-3 "$C" "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A"; route "127.0.0.1:$q" "127.0.0.1:$B")"
}

case_consul_dyntcp_tags() { # the old name, while consul.tag is dill
    local p q
    p=$(next_port) q=$(next_port)
    start_dill
    register old old-1 "$A" dyntcp "dyntcp.listener=local:$p"
    register new new-1 "$B" dill "dill.listener=local:$q"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A"; route "127.0.0.1:$q" "127.0.0.1:$B")"
}

case_consul_tag_setting() { # consul.tag: another tag and prefix, and neither dill nor dyntcp any more
    local p q
    p=$(next_port) q=$(next_port)
    start_dill DILL_CONSUL_TAG=edge
    register a a-1 "$A" dill "dill.listener=local:$p"
    register b b-1 "$B" dyntcp "dyntcp.listener=local:$p"
    register c c-1 "$C" edge "edge.listener=local:$q" "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$q" "127.0.0.1:$C")"
}

case_consul_option_tags() { # dill.balance as a tag; a value is all after the first =
    local p q
    p=$(next_port) q=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p" dill.balance=p2c
    register odd odd-1 "$B" dill "dill.listener=local:$q=1"
    must 5 "the value after the first =" peek_contains "# refused: odd wants local:$q=1: "
    contains "Peek" "$(BALANCE=p2c route "127.0.0.1:$p" "127.0.0.1:$A")" "$(peek)"
}

case_consul_weights() { # service weights count in round robin
    local p said
    p=$(next_port)
    start_dill
    WEIGHT=3 register web web-1 "$A" dill "dill.listener=local:$p"
    WEIGHT=1 register web web-2 "$B" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B")"
    said=$(client names 127.0.0.1 "$p" 16 | tr ' ' '\n' | sort | uniq -c | tr -s ' \n' ' ')
    same "share of weights 3 and 1" " 12 a 4 b " "$said"
}

case_consul_strange_names() { # names are escaped in paths; strangers' control bytes are shown as \xNN
    local p q
    p=$(next_port) q=$(next_port)
    start_dill DILL_LISTENERS_PORT_MIN=20000
    register 'we/b x?y#z%20' odd-1 "$A" dill "dill.listener=local:$p"
    register 'wéb' odd-2 "$B" dill "dill.listener=local:$q"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A"; route "127.0.0.1:$q" "127.0.0.1:$B")"
    api PUT /v1/agent/service/register \
        '{"Name":"tag","ID":"odd-3","Port":80,"Tags":["dill","dill.listener=lo\u001b[31m\u0007cal:80"]}' || fail "register"
    must 5 "refusal with escapes" peek_contains '# refused: tag wants lo\x1b[31m\x07cal:80: '
    must 2 "log with escapes" log_has 'lo\\x1b\[31m\\x07cal:80'
    ! grep -q $'[\x1b\x07]' "$LOG" || fail "control bytes in the log"
}

case_consul_unanswerable_name() { # a name for which Consul answers 400 does not keep others from being routed
    local p q
    p=$(next_port) q=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    must 5 "service" answers "$p" a
    api PUT /v1/agent/service/register \
        "{\"Name\":\"a\\nb\",\"ID\":\"odd\",\"Port\":80,\"Tags\":[\"dill\",\"dill.listener=local:$q\"]}" || fail "register"
    register next next-1 "$B" dill "dill.listener=local:$q"
    must 5 "another service" answers "$q" b
    same "the first service" a "$(says "$p")"
    ! log_has $'^b( |$)' || fail "a line end of a stranger in the log"
}

case_consul_many_at_once() { # 60 services: all open, all close
    local i port ports=() file=$T/requests
    start_dill
    for ((i = 0; i < 60; i++)); do
        port=$(next_port)
        ports+=("$port")
        printf -- '%s\nurl = "%s/v1/agent/service/register"\nrequest = PUT\noutput = /dev/null\ndata = "%s"\n' \
            "$([ "$i" -eq 0 ] || echo next)" "$CONSUL_URL" \
            "{\\\"Name\\\":\\\"s$i\\\",\\\"Port\\\":$A,\\\"Tags\\\":[\\\"dill\\\",\\\"dill.listener=local:$port\\\"]}"
        [ "$SCHEME" = http ] || cat "$CURL_HOME/.curlrc"     # `next` forgets it
    done >"$file"
    curl -sS --max-time 20 -K "$file" || fail "registering"
    for port in "${ports[@]}"; do must 5 "port $port" answers "$port" a; done
    same "listeners in Peek" 60 "$(peek | grep -c '^127')"
    for ((i = 0; i < 60; i++)); do deregister "s$i"; done
    peek_must_be "$NO_ROUTE"
    for port in "${ports[@]}"; do refuses 127.0.0.1 "$port" || fail "port $port is still open"; done
}

case_consul_token() { # an agent with ACLs: without, with a wrong, and with the right token
    local p port secret=6d3d2e9c-0b0f-4b52-9c50-3f0a5c3b1e11 wrong=11111111-2222-4333-8444-555555555555
    port=$(agent_ports)
    p=$(next_port)
    echo '{"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"'$secret'","agent":"'$secret'"}}}' \
        >"$T/acl.json"
    TOKEN=$secret start_agent "$port" -config-file "$T/acl.json"
    TOKEN=$secret URL=$SCHEME://127.0.0.1:$port register web web-1 "$A" dill "dill.listener=local:$p"
    start_bare "DILL_CONSUL_ADDRESS=$SCHEME://127.0.0.1:$port" DILL_CONSUL_TOKEN=$wrong DILL_LOG_LEVEL=debug
    must 5 "403 is logged" log_has 'answered 403'
    stays 1500 "routed with a wrong token" peek_is "$NO_ROUTE"
    dill_alive || fail "a wrong token ended dill"
    at_most "lines about 403" 3 "$(grep -Ec '(error|warn|ERROR|WARN).* answered 403' "$LOG")"
    lacks "the log" $wrong "$(cat "$LOG")"
    PEEK=$(next_port)
    start_bare "DILL_CONSUL_ADDRESS=$SCHEME://127.0.0.1:$port"
    must 5 "that nothing is seen without a token" log_has 'warn +consul: .* lists no services, not even consul itself'
    PEEK=$(next_port)
    start_bare "DILL_CONSUL_ADDRESS=$SCHEME://127.0.0.1:$port" DILL_CONSUL_TOKEN=$secret DILL_LOG_LEVEL=debug
    must 5 "routed with the token" answers "$p" a
    lacks "the log" $secret "$(cat "$LOG")"
    kill "$DILL_PID"
    stop_dill 0 8
    PEEK=$(next_port)
    start_bare "CONSUL_HTTP_ADDR=127.0.0.1:$port" "${CLIENT_SSL[@]}" CONSUL_HTTP_TOKEN=$secret
    must 5 "routed with CONSUL_HTTP_TOKEN" answers "$p" a
}

case_consul_http_addr() { # honoured when nothing sets consul.address; with and without a scheme
    local p dead
    p=$(next_port) dead=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p"
    start_bare "CONSUL_HTTP_ADDR=127.0.0.1:$CONSUL_PORT" "${CLIENT_SSL[@]}"
    must 5 "without a scheme" answers "$p" a
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare "CONSUL_HTTP_ADDR=$SCHEME://127.0.0.1:$CONSUL_PORT/"
    must 5 "with a scheme" answers "$p" a
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare "CONSUL_HTTP_ADDR=$SCHEME://127.0.0.1:$dead" "DILL_CONSUL_ADDRESS=$CONSUL_URL"
    must 5 "consul.address comes first" answers "$p" a
}

case_consul_comes_later() { # dill starts without Consul, waits, and finds it
    local p port
    port=$(agent_ports)
    p=$(next_port)
    start_bare "DILL_CONSUL_ADDRESS=$SCHEME://127.0.0.1:$port"
    peek_must_be "$NO_ROUTE"
    sleep 1
    dill_alive || fail "dill ended without Consul"
    at_most "lines in the log" 6 "$(wc -l <"$LOG")"
    start_agent "$port"
    URL=$SCHEME://127.0.0.1:$port register web web-1 "$A" dill "dill.listener=local:$p"
    must 15 "the service" answers "$p" a
}

case_consul_restarts() { # the last table stays, connections live on, changes are seen again; said once
    local p q port fd
    port=$(agent_ports)
    p=$(next_port) q=$(next_port)
    printf '{"services":[{"name":"web","id":"web-1","port":%s,"tags":["dill","dill.listener=local:%s"]}]}' \
        "$GREET" "$p" >"$T/services.json"
    start_agent "$port" -config-file "$T/services.json"
    start_bare "DILL_CONSUL_ADDRESS=$SCHEME://127.0.0.1:$port"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$GREET")"
    open_conn "$p"
    fd=$FD
    read -r -t 5 _ <&"$fd"      # the greeting
    end_pid "$AGENT_PID"
    stays 2500 "Consul went, and the table with it" peek_is "$(route "127.0.0.1:$p" "127.0.0.1:$GREET")"
    same "new connection without Consul" hi "$(says "$p")"
    at_least "lines about Consul" 1 "$(log_count 'onsul')"
    at_most "lines about the outage" 4 "$(log_count 'onsul')"
    start_agent "$port" -config-file "$T/services.json"
    URL=$SCHEME://127.0.0.1:$port register new new-1 "$B" dill "dill.listener=local:$q"
    must 20 "a new service after the restart" answers "$q" b
    stays 1500 "the first service went after the restart" answers "$p" hi
    ask "$fd" again || fail "the connection from before did not live on"
}

listeners() { [ "$(peek | grep -c '^127')" -eq "$1" ]; }

case_consul_unrelated_changes() { # move no connection, no round-robin position
    local p q i fd
    p=$(next_port) q=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    register web web-2 "$B" dill "dill.listener=local:$p"
    register web web-3 "$C" dill "dill.listener=local:$p"
    register echo echo-1 "$ECHO" dill "dill.listener=local:$q"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B" "127.0.0.1:$C"
        route "127.0.0.1:$q" "127.0.0.1:$ECHO")"
    open_conn "$q"
    fd=$FD
    same "the first four" "a b c a" "$(client names 127.0.0.1 "$p" 4)"
    for i in 1 2 3; do
        register more more-1 "$A" dill "dill.listener=local:$(next_port)"
        must 5 "change $i" listeners 3
        deregister more-1
        must 5 "change $i taken back" listeners 2
        ask "$fd" "change $i" || fail "the connection was lost at change $i"
    done
    same "the next two" "b c" "$(client names 127.0.0.1 "$p" 2)"
    register web web-4 "$ECHO" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B" "127.0.0.1:$C" "127.0.0.1:$ECHO"
        route "127.0.0.1:$q" "127.0.0.1:$ECHO")"
    same "after a new backend" "- a b c" "$(client names 127.0.0.1 "$p" 4 | tr ' ' '\n' | sort | xargs)"
    deregister echo-1
    must 5 "the echo listener to close" refuses 127.0.0.1 "$q"
    ask "$fd" "drain" || fail "the connection was lost before the drain time"
}

case_consul_real_datacenter() { # dc of the agent works; one that does not exist is an outage, not an empty answer
    local p
    p=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p"
    start_dill DILL_CONSUL_DATACENTER=dc1 DILL_CONSUL_CONSISTENCY_MODE=stale
    must 5 "dc1, stale" answers "$p" a
    kill "$DILL_PID"
    stop_dill 0 8
    start_dill DILL_CONSUL_DATACENTER=nowhere DILL_CONSUL_CONSISTENCY_MODE=consistent
    must 5 "an error is logged" log_has 'nowhere|500|No path'
    dill_alive || fail "dill ended"
}
