# shellcheck shell=bash disable=SC2154,SC2153,SC2119,SC2120,SC2034
# Cases: what is read of many services when little has changed, counted as requests to the fake Consul.

# on NODE ID PORT TAG...: as instance, on a node, and without a check
on() {
    local node=$1
    shift
    instance "$@" | sed "s/^{/{\"Node\":\"$node\",\"Status\":null,/"
}

# many [NAME:JSON]...: the body of 300 services on 10 nodes, and of these
many() {
    local i
    if [ ! -e "$T/many" ]; then
        for ((i = 0; i < 300; i++)); do
            printf '"s%03d":[%s],' "$i" "$(on "n$((i % 10))" "s$i" 80 dill "dill.listener=no:80")"
        done >"$T/many"
    fi
    printf '{%s"x":[]' "$(cat "$T/many")"
    printf ',%s' "$@"
    printf '}'
}

put_many() { # BELL [NAME:JSON]...
    many "${@:2}" >"$T/body"
    fake PUT "/services?bell=$1" "@$T/body"
}

readings() { fake GET "/count?path=/v1/health/service/"; }
has_read() { [ "$(readings)" -gt 0 ]; }
lists() { fake GET "/count?path=/v1/catalog/node-services/"; }

# many_start VAR=VALUE...: dill routes 300 services that no listener may have, and web on port P
many_start() {
    P=$(next_port) Q=$(next_port)
    start_fake
    put_many both "\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P")]"
    start_dill_on_fake "$@"
    must 10 "service" answers "$P" a
    sleep 1         # all bells wait
    fake DELETE /stats
}

case_sweep_new_service() { # a name that is new, and then its tags: that name alone is read
    many_start
    put_many both "\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P")]" "\"new\":[$(on n2 n "$B" dill "dill.listener=local:$Q")]"
    must 5 "the new service" answers "$Q" b
    put_many both "\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P")]" "\"new\":[$(on n2 n "$B" dill "dill.listener=local:$((Q + 1))")]"
    must 5 "its other port" answers $((Q + 1)) b
    must 5 "the first to close" refuses 127.0.0.1 "$Q"
    at_most "readings" 5 "$(readings)"
    same "the service beside it" a "$(says "$P")"
}

case_sweep_other_port() { # of an instance without a check, which no bell points at: each node is asked, and one name read
    many_start
    put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    must 10 "the new port" answers "$P" b
    at_most "readings" 1 "$(readings)"
    at_most "lists" 20 "$(lists)"        # one of each node, and a question that waits for its next one
    contains "what is asked of a node" "n1?filter=Tags%20contains%20%22dill%22" "$(fake GET "/queries?path=/v1/catalog/node-services/n1")"
}

hanging() { [ "$(lists)" -ge "$1" ]; }

case_sweep_node_bells() { # once nodes have been asked, each one's list is waited for: the next change costs that one alone
    local i
    many_start
    put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    must 10 "the new port" answers "$P" b
    must 5 "the questions that wait" hanging 20
    fake DELETE /stats
    put_many catalog "\"web\":[$(on n1 w "$C" dill "dill.listener=local:$P")]"
    must 5 "the next port" answers "$P" c
    put_many catalog "\"web\":[$(on n1 w "$C" dill "dill.listener=local:$P"),$(on n2 v "$B" dill "dill.listener=local:$P")]"
    must 5 "both instances" peek_contains "$(route "127.0.0.1:$P" "127.0.0.1:$C" "127.0.0.1:$B")"
    for i in 1 2 3; do
        put_many both "\"web\":[$(on n1 w "$C" dill "dill.listener=local:$P"),$(on n2 v "$B" dill "dill.listener=local:$P")]" \
            "\"other$i\":[$(on n3 "o$i" 80 other)]"
        sleep 0.3
    done
    put_many catalog "\"web\":[$(on n2 v "$B" dill "dill.listener=local:$P")]" "\"other3\":[$(on n3 o3 80 other)]"
    must 5 "the one that is left" peek_contains "$(route "127.0.0.1:$P" "127.0.0.1:$B")"
    sleep 6         # no sweep follows
    at_most "readings" 6 "$(readings)"
    at_most "lists" 12 "$(lists)"
    fake PUT /touch
    sleep 0.5
    at_most "lists after a ring without news" 12 "$(lists)"
}

case_sweep_few_node_bells() { # of few services on fewer nodes, too: changes in a row cost one list each, and wait for no sweep
    local i port services=""
    P=$(next_port)
    start_fake
    for ((i = 0; i < 12; i++)); do
        services+=",\"s$i\":[$(on "n$((i % 4))" "s$i" 80 dill dill.listener=no:80)]"
    done
    fake PUT "/services?bell=both" "{\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P")]$services}"
    start_dill_on_fake
    must 10 "service" answers "$P" a
    fake PUT "/services?bell=catalog" "{\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]$services}"
    must 10 "the new port" answers "$P" b
    must 5 "the questions that wait" hanging 8
    sleep 1
    fake DELETE /stats
    for port in "$C" "$B" "$C" "$A" "$B" "$C"; do
        fake PUT "/services?bell=catalog" "{\"web\":[$(on n1 w "$port" dill "dill.listener=local:$P")]$services}"
        must 5 "the next port" peek_contains "$(route "127.0.0.1:$P" "127.0.0.1:$port")"
    done
    sleep 3         # no sweep follows
    at_most "readings" 6 "$(readings)"
    at_most "lists" 8 "$(lists)"
}

case_sweep_node_bells_refused() { # by an agent that has too many connections: then a sweep finds what changes, and it is no outage
    many_start
    put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    must 10 "the new port" answers "$P" b
    must 5 "the questions that wait" hanging 20
    fake PUT "/fault?mode=status&code=429&text=no&count=1&path=/v1/catalog/node-services/"
    put_many catalog "\"web\":[$(on n1 w "$C" dill "dill.listener=local:$P")]"
    must 10 "the next port" answers "$P" c
    fake DELETE /fault
    put_many none "\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P")]"
    fake PUT /touch
    must 20 "one that only a sweep can find" answers "$P" a
    same "outages" 0 "$(log_count retrying)"
}

case_sweep_node_bells_after_an_outage() { # they are gone with the connections, and come again
    many_start
    put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    must 10 "the new port" answers "$P" b
    must 5 "the questions that wait" hanging 20
    fake PUT "/fault?mode=status&code=500"
    must 5 "the outage" log_has retrying
    put_many none "\"web\":[$(on n1 w "$C" dill "dill.listener=local:$P")]"
    fake DELETE /fault
    must 20 "what has changed meanwhile" answers "$P" c
    put_many catalog "\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P")]"
    must 10 "the next port" answers "$P" a
    fake PUT "/index?value=40"
    put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    must 20 "a change in other data" answers "$P" b
}

case_sweep_failing_instance() { # one more, whose check fails at first: the checks point at it, and no node is asked
    local web new
    many_start
    web=$(on n1 w "$A" dill "dill.listener=local:$P") new=$(on n2 v "$B" dill "dill.listener=local:$P")
    put_many both "\"web\":[$web,${new/null/\"critical\"}]"
    must 5 "the reading" has_read
    put_many health "\"web\":[$web,${new/null/\"passing\"}]"
    must 5 "both instances" peek_contains "$(route "127.0.0.1:$P" "127.0.0.1:$A" "127.0.0.1:$B")"
    same "lists" 0 "$(lists)"
    at_most "readings" 3 "$(readings)"
}

case_sweep_without_index() { # which a gateway may leave out: a ring that nothing explains still makes a sweep due at once
    many_start
    fake PUT "/fault?mode=index&value=missing"
    put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    must 4 "the new port" answers "$P" b
}

case_sweep_instances() { # one more of a name with the same tags, on a node that had none; and one less
    many_start
    put_many catalog "\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P"),$(on n2 v "$B" dill "dill.listener=local:$P")]"
    must 10 "both instances" peek_contains "$(route "127.0.0.1:$P" "127.0.0.1:$A" "127.0.0.1:$B")"
    put_many catalog "\"web\":[$(on n2 v "$B" dill "dill.listener=local:$P")]"
    must 10 "the one that is left" peek_contains "$(route "127.0.0.1:$P" "127.0.0.1:$B")"
    at_most "readings" 4 "$(readings)"
}

case_sweep_others() { # services without the tag come and go: nothing is read
    local i
    many_start
    for i in 1 2 3 4 5 6 7 8; do
        put_many both "\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P")]" "\"other$i\":[$(on n1 "o$i" 80 other)]"
        sleep 0.3
    done
    same "readings, lists" "0 0" "$(readings) $(lists)"
    put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]" "\"other\":[$(on n1 "o$i" 80 other)]"
    must 20 "what such a ring has hidden" answers "$P" b
    at_most "readings" 1 "$(readings)"
}

case_sweep_touch() { # rings without news, one after the other: the nodes are asked in a circle, not all for each ring
    local i
    many_start
    for ((i = 0; i < 20; i++)); do
        fake PUT /touch
        sleep 0.1
    done
    same "readings" 0 "$(readings)"
    at_most "outages" 0 "$(log_count retrying)"
    put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    must 10 "a change among them" answers "$P" b
}

case_sweep_one_node_fails() { # it tells nothing, which is said once; the others go on
    many_start
    fake PUT "/fault?mode=status&code=500&text=broken&path=/v1/catalog/node-services/n1"
    put_many catalog "\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P"),$(on n2 v "$B" dill "dill.listener=local:$P")]"
    must 10 "the instance on another node" peek_contains "$(route "127.0.0.1:$P" "127.0.0.1:$A" "127.0.0.1:$B")"
    must 5 "that it is said" log_has 'warn .*services of node n1: answered 500: broken'
    fake PUT /touch
    sleep 1
    same "lines about it, outages" "1 0" "$(log_count 'of node n1') $(log_count retrying)"
    put_many catalog "\"web\":[$(on n2 v "$B" dill "dill.listener=local:$P"),$(on n1 w "$C" dill "dill.listener=local:$P")]"
    fake DELETE /fault
    must 20 "what had changed there" peek_contains "127.0.0.1:$C"
}

case_sweep_without_lists() { # a gateway that gives no node's list: services are read by name
    local mode
    for mode in "status&code=403&text=no" "status&code=404&text=no" empty filtered garbage close; do
        PEEK=$(next_port)
        many_start
        fake PUT "/fault?mode=$mode&path=/v1/catalog/node-services/"
        put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
        must 15 "the new port" answers "$P" b
        at_least "readings" 300 "$(readings)"
        same "outages" 0 "$(log_count retrying)"
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

case_sweep_without_nodes() { # a token that does not see them: likewise
    start_fake
    P=$(next_port)
    put_many both "\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P")]"
    fake PUT "/fault?mode=empty&path=/v1/catalog/nodes"
    start_dill_on_fake
    must 10 "service" answers "$P" a
    put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    must 10 "the new port" answers "$P" b
    same "lists" 0 "$(lists)"
}

case_sweep_node_comes_and_goes() { # and before, one comes: only the list of nodes rings, and that node alone is asked
    many_start
    put_many none "\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P"),$(on z1 v "$B" dill "dill.listener=local:$P")]"
    must 10 "both instances" peek_contains "$(route "127.0.0.1:$P" "127.0.0.1:$A" "127.0.0.1:$B")"
    put_many none "\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P")]"
    must 10 "the one that is left" peek_contains "$(route "127.0.0.1:$P" "127.0.0.1:$A")"
    same "lists" 1 "$(lists)"
    at_most "readings" 3 "$(readings)"
}

case_sweep_after_an_outage() { # of many services, all are looked at again, without reading each
    many_start
    fake PUT "/fault?mode=status&code=500"
    must 5 "the outage" log_has retrying
    put_many none "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    fake DELETE /stats
    fake DELETE /fault
    must 20 "what has changed meanwhile" answers "$P" b
    at_most "readings" 10 "$(readings)"
}

case_sweep_other_data() { # an index that is lower than before: all is read by name
    many_start
    fake PUT "/index?value=40"
    put_many none "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    must 10 "the other port" answers "$P" b
    at_least "readings" 300 "$(readings)"
}

case_sweep_stale_lists() { # lists that are older than the ring that asked for them: they are asked for again
    many_start DILL_CONSUL_CONSISTENCY_MODE=stale
    fake PUT "/fault?mode=older&count=10&path=/v1/catalog/node-services/"
    put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    must 15 "the new port" answers "$P" b
    at_most "readings" 5 "$(readings)"
}

case_sweep_stale_check() { # a reading that does not know yet that a check has passed: a list of its node would not tell
    local web flip
    many_start DILL_CONSUL_CONSISTENCY_MODE=stale
    web="\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P")]"
    flip=$(instance f "$B" dill "dill.listener=local:$Q")
    put_many both "$web" "\"flip\":[${flip%\}},\"Node\":\"n2\",\"Status\":\"critical\"}]"
    must 10 "the failing service to be read" has_read
    sleep 8         # what its ring may hide has been looked for
    fake PUT "/fault?mode=older&count=2&path=/v1/health/service/flip"
    put_many health "$web" "\"flip\":[${flip%\}},\"Node\":\"n2\",\"Status\":\"passing\"}]"
    must 15 "the service that passes" answers "$Q" b
}

case_sweep_few_fail() { # of few services, a reading that fails, of a check: a list of its node would not tell
    local web flip
    P=$(next_port) Q=$(next_port)
    start_fake
    web="\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P")],\"x\":[$(on n1 x "$A" dill "dill.listener=no:1")]"
    flip=$(instance f "$B" dill "dill.listener=local:$Q")
    fake PUT /services "{$web,\"flip\":[${flip%\}},\"Node\":\"n1\",\"Status\":\"critical\"}]}"
    start_dill_on_fake
    must 10 "service" answers "$P" a
    sleep 3         # what the first rings may hide has been looked for
    fake PUT "/fault?mode=status&code=500&count=1&path=/v1/health/service/flip"
    fake PUT "/services?bell=health" "{$web,\"flip\":[${flip%\}},\"Node\":\"n1\",\"Status\":\"passing\"}]}"
    must 8 "the service that passes" answers "$Q" b
}

case_sweep_nodes_refused_later() { # a list of nodes that is no longer given: an instance on a node that came since is found
    many_start
    fake PUT "/fault?mode=status&code=403&text=no&path=/v1/catalog/nodes"
    must 5 "that it is said" log_has 'list of nodes: answered 403'
    put_many catalog "\"web\":[$(on n1 w "$A" dill "dill.listener=local:$P"),$(on z1 v "$B" dill "dill.listener=local:$P")]"
    must 12 "both instances" peek_contains "$(route "127.0.0.1:$P" "127.0.0.1:$A" "127.0.0.1:$B")"
}

case_sweep_one_node_never() { # a node whose list is refused each time: what is known there is read by name
    many_start
    fake PUT "/fault?mode=status&code=400&text=no&path=/v1/catalog/node-services/n1"
    put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    must 15 "the new port" answers "$P" b
    at_most "readings" 40 "$(readings)"
    same "lines about it" 1 "$(log_count 'of node n1')"
}

case_sweep_without_lists_idle() { # nor does dill ask, or look, again and again for those that it does not get
    local before
    many_start
    fake PUT "/fault?mode=status&code=403&text=no&path=/v1/catalog/node-services/"
    put_many catalog "\"web\":[$(on n1 w "$B" dill "dill.listener=local:$P")]"
    must 15 "the new port" answers "$P" b
    sleep 11        # lists that failed would be asked for again
    cpu_ms
    before=$CPU
    sleep 2
    cpu_ms
    at_most "milliseconds of processor time in 2 s" $((50 * SLOW)) $((CPU - before))
}
