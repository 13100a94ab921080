# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: what an agent's answers do not say by themselves, and what happens to them between Consul and dill.

# Which instances count

# register_kind KIND NAME PORT TAG...: an instance of Consul's mesh
register_kind() {
    local kind=$1 name=$2 port=$3 proxy=
    shift 3
    [ "$kind" != connect-proxy ] || proxy=',"Proxy":{"DestinationServiceName":"web","DestinationServiceID":"web-1"}'
    api PUT /v1/agent/service/register "{\"Kind\":\"$kind\",\"Name\":\"$name\",\"ID\":\"$name-1\",\"Port\":$port,
        \"Tags\":$(json_list "$@")$proxy}" >/dev/null || fail "Consul refused to register a $kind"
}

case_reading_mesh() { # a sidecar has its parent's tags, and speaks mutual TLS: refused, as gateways into the mesh are
    local p q
    p=$(next_port) q=$(next_port) STATUS=$(next_port)
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    register_kind connect-proxy web-sidecar-proxy "$B" dill "dill.listener=local:$p"
    register_kind mesh-gateway mesh "$B" dill "dill.listener=local:$p"
    register_kind terminating-gateway leaving "$B" dill "dill.listener=local:$p"
    register_kind ingress-gateway coming "$C" dill "dill.listener=local:$q"
    register web web-1 "$A" dill "dill.listener=local:$p"
    must 5 "service" answers "$p" a
    must 5 "ingress gateway" answers "$q" c
    must 5 "the sidecar is refused" peek_contains \
        "# refused: web-sidecar-proxy wants local:$p: its instance is a connect-proxy, which takes only mutual TLS"
    must 5 "the mesh gateway is refused" peek_contains "# refused: mesh wants local:$p: its instance is a mesh-gateway, "
    must 5 "the terminating gateway is refused" peek_contains "# refused: leaving wants local:$p: its instance is a term"
    contains "Peek" "$(route "127.0.0.1:$p" "127.0.0.1:$A"; route "127.0.0.1:$q" "127.0.0.1:$C")" "$(peek)"
    same "who answers" "a a a a" "$(client names 127.0.0.1 "$p" 4)"
    contains "/routes" "is a connect-proxy" "$(curl -s "http://127.0.0.1:$STATUS/routes")"
    dill_once --explain web-sidecar-proxy "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    contains "--explain" "is a connect-proxy" "$OUT"
    dill_once --explain web-sidecar-proxy "DILL_CONSUL_ADDRESS=$CONSUL_URL"
    contains "--explain without a running dill" "is a connect-proxy" "$OUT"
}

case_reading_letter_case() { # Consul answers for Web and web alike with the instances of both
    local p q
    p=$(next_port) q=$(next_port)
    register web lower "$A" dill "dill.listener=local:$p"
    register Web upper "$B" dill "dill.listener=local:$q"
    STATUS=$(next_port)
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "web" answers "$p" a
    must 5 "Web" answers "$q" b
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A"; route "127.0.0.1:$q" "127.0.0.1:$B")"
    same "whose listeners they are" $'"services":["web"]\n"services":["Web"]' \
        "$(curl -s "http://127.0.0.1:$STATUS/routes" | grep -o '"services":[^]]*]')"
    deregister upper
    must 5 "Web to leave" refuses 127.0.0.1 "$q"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")"
}

case_reading_wrong_shape() { # an instance whose port is a string: its service stays as it was, the others go on
    local bad
    bad=$(next_port)
    faulty_start
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"bad\":[$(instance b "$A" dill "dill.listener=local:$bad")]}"
    must 5 "second service" answers "$bad" a
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"bad\":[$(instance b "\"$B\"" dill "dill.listener=local:$bad")],
                         \"new\":[$(instance n "$B" dill "dill.listener=local:$Q")]}"
    must 5 "a service behind it" answers "$Q" b
    must 5 "the log names the member" log_has 'service bad: Port is no whole number; keeping'
    stays 2500 "the service lost its instance" answers "$bad" a
    at_most "lines about it" 1 "$(log_count 'Port is no')"
    ask "$FD" still || fail "the connection of another service was lost"
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"bad\":[$(instance b "$C" dill "dill.listener=local:$bad")]}"
    must 15 "the new instance" answers "$bad" c
}

# What does not ring

# node NAME ADDRESS [SERVICE PORT TAG...]: in the catalog, without an agent, and a service on it
node() {
    local name=$1 address=$2 service=
    if [ $# -gt 2 ]; then
        service=",\"Service\":{\"Service\":\"$3\",\"Port\":$4,\"Tags\":$(json_list "${@:5}")}"
    fi
    api PUT /v1/catalog/register "{\"Node\":\"$name\",\"Address\":\"$address\"$service}" >/dev/null ||
        fail "Consul refused to register a node"
}

case_reading_node_address() { # a node moves: its services have no address of their own
    local p
    p=$(next_port)
    start_dill
    start_peers "name:far@127.0.0.5"
    register web web-1 "$A" other
    node far 127.0.0.6 web "${PORTS[0]}" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.6:${PORTS[0]}")"
    sleep 1.5       # all bells wait
    node far 127.0.0.5
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.5:${PORTS[0]}")"
    same "the node at its new address" far "$(says "$p")"
    api PUT /v1/catalog/deregister '{"Node":"far"}' >/dev/null
}

case_reading_without_nodes() { # a token, or a gateway, that does not give the list of nodes: said once, and no outage
    local mode
    for mode in "status&code=403&text=Permission%20denied" "status&code=404&text=no" empty \
        "status&code=502&text=bad%20gateway"; do
        start_fake
        fake PUT "/fault?mode=$mode&path=/v1/catalog/nodes"
        P=$(next_port) Q=$(next_port) PEEK=$(next_port)
        fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
        start_dill_on_fake
        must 5 "service" answers "$P" a
        must 5 "what is missing is said" log_has 'warn .*the list of nodes: .*'
        fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")],
                             \"new\":[$(instance n "$B" dill "dill.listener=local:$Q")]}"
        must 5 "a new service" answers "$Q" b
        fake PUT /touch
        stays 1500 "the table changed" answers "$P" a
        same "lines about it, and outages" "1 0" "$(log_count 'the list of nodes') $(log_count 'retrying')"
        at_most "requests for it" 4 "$(fake GET "/count?path=/v1/catalog/nodes")"
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

case_reading_reason_of_an_outage() { # is that of the services, whatever is said of the nodes meanwhile
    start_fake
    fake PUT "/fault?mode=status&code=404&text=$(printf 'n%.0s' {1..400})&path=/v1/catalog/nodes"
    fake PUT "/fault?mode=status&code=500&text=broken&path=/v1/health/service/"
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$(next_port)")]}"
    start_dill_on_fake
    must 5 "the outage" log_has 'warn .*answered 500: broken; keeping the last known services'
    sleep 1
    lacks "reasons of outages" nnnn "$(grep retrying "$LOG")"
}

# lost_right VAR=VALUE: a token that no longer sees one service closes nothing, though it sees Consul itself
lost_right() {
    start_fake
    P=$(next_port) Q=$(next_port)
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")],
                         \"api\":[$(instance a "$B" dill "dill.listener=local:$Q")]}"
    fake PUT "/rights?names=consul,web,api"
    start_dill_on_fake "$1"
    must 5 "service" answers "$P" a
    must 5 "the other service" answers "$Q" b
    fake PUT "/rights?names=consul,web"
    fake PUT /touch
    must 5 "that it is said" log_has 'warn .*service api: not listed, and the token lacks service:read'
    stays 2500 "the listener closed" answers "$Q" b
    fake PUT "/rights?names=consul,web,api"
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
    must 15 "the service has really gone" refuses 127.0.0.1 "$Q"
}

case_reading_lost_right() { lost_right DILL_CONSUL_TOKEN=secret; }

case_reading_lost_right_file() { # the same, when it stands in a file
    echo secret >"$T/token"
    lost_right "DILL_CONSUL_TOKEN_FILE=$T/token"
}

case_reading_doubt() { # a name that is listed without an instance is read again alone
    local i services=
    start_fake
    for ((i = 0; i < 30; i++)); do services+=",\"s$i\":[$(instance "s$i" 80 dill "dill.listener=no:80")]"; done
    P=$(next_port)
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]$services}"
    start_dill_on_fake
    must 5 "service" answers "$P" a
    sleep 1.5
    fake DELETE /stats
    fake PUT "/fault?mode=empty&path=/v1/health/service/web&count=1"
    fake PUT "/services?bell=catalog" "{\"web\":[$(instance w "$B" dill "dill.listener=local:$P")]$services}"
    must 8 "the new instance" answers "$P" b
    sleep 1.5
    at_most "readings" 40 "$(fake GET "/count?path=/v1/health/service/")"
}

case_reading_restored_snapshot() { # consul snapshot restore: queries that wait are told nothing, and would go on waiting
    local p q r agent
    agent=$(agent_ports)
    p=$(next_port) q=$(next_port) r=$(next_port)
    start_agent "$agent"
    local URL=$SCHEME://127.0.0.1:$agent
    node one 127.0.0.1 web "$A" dill "dill.listener=local:$p"
    node two 127.0.0.1 old "$C" dill "dill.listener=local:$r"
    curl -sf -o "$T/snapshot" "$URL/v1/snapshot" || fail "no snapshot"
    node one 127.0.0.1 web "$B" dill "dill.listener=local:$q"
    api PUT /v1/catalog/deregister '{"Node":"two"}' >/dev/null || fail "Consul refused to deregister a node"
    start_bare "DILL_CONSUL_ADDRESS=$URL"
    peek_must_be "$(route "127.0.0.1:$q" "127.0.0.1:$B")"
    sleep 2         # all bells wait
    curl -sf -o /dev/null -X PUT --data-binary "@$T/snapshot" "$URL/v1/snapshot" || fail "the snapshot was not restored"
    must 10 "the service as it was" answers "$p" a
    must 5 "the service that had gone" answers "$r" c
    must 5 "the other port to close" refuses 127.0.0.1 "$q"
}

case_reading_stale() { # an answer that is older than the ring that asked for it: it is read again until it is as new
    faulty_start DILL_CONSUL_CONSISTENCY_MODE=stale
    sleep 0.5
    fake DELETE /stats
    fake PUT "/fault?mode=older&count=3&path=/v1/health/service/"
    fake PUT "/services?bell=catalog" "{\"web\":[$(instance w "$B" dill "dill.listener=local:$P")]}"
    must 15 "the new instance" answers "$P" b
    at_most "readings" 8 "$(fake GET "/count?path=/v1/health/service/web")"
    sleep 2
    fake DELETE /stats
    stays 2000 "the table changed" answers "$P" b
    at_most "readings afterwards" 0 "$(fake GET "/count?path=/v1/health/service/web")"
}

# What is on the way

gateway_start() { # HOW SECONDS: ends queries that wait for longer
    P=$(next_port) Q=$(next_port)
    start_fake
    fake PUT "/gateway?how=$1&seconds=$2"
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
    start_dill_on_fake
    must 5 "service" answers "$P" a
}

case_reading_gateway() { # one that ends long queries is no outage: they become shorter, which is said once
    local how new
    for how in 504 408 close; do
        PEEK=$(next_port)
        gateway_start $how 2
        must 20 "shorter queries" log_has 'info .*ends queries after 2 s; asking for shorter ones'
        fake DELETE /stats
        sleep 4
        new=$(fake GET "/queries?path=/v1/catalog/services")
        at_most "queries in 4 s" 6 "$(wc -l <<<"$new")"
        same "waits that are too long" "" "$(grep -o 'wait=[0-9]*' <<<"$new" | awk -F = '$2 > 1600 { print $2 }')"
        fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")],
                             \"new\":[$(instance n "$B" dill "dill.listener=local:$Q")]}"
        must 5 "a new service" answers "$Q" b
        same "lines about it, outages" "1 0" "$(log_count 'shorter ones') $(log_count 'retrying')"
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

closing_server() { # MODE: each connection ends after an answer, without a word before
    local i services=
    start_fake
    P=$(next_port) Q=$(next_port)
    for ((i = 0; i < 20; i++)); do services+=",\"s$i\":[$(instance "s$i" 80 dill "dill.listener=no:80")]"; done
    fake PUT "/fault?mode=$1"
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]$services}"
    start_dill_on_fake
    must 5 "service" answers "$P" a
    for i in 1 2; do
        fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]$services,
                             \"new\":[$(instance n "$B" dill "dill.listener=local:$Q")]}"
        must 5 "a new service" answers "$Q" b
        fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]$services}"
        must 8 "which goes again" refuses 127.0.0.1 "$Q"
    done
    same "outages, services that failed" "0 0" "$(log_count 'retrying') $(log_count 'keeping its last')"
    fake DELETE /stats
    sleep 1.5
    at_most "queries while nothing changes" 6 "$(fake GET /count)"
}

case_reading_closing_server() { closing_server closing; }
case_reading_resetting_server() { closing_server "closing&reset=1"; }

case_reading_large_answers() { # 64 MB are read, whatever is in them and however deep; 256 MB are too much
    faulty_start
    fake PUT "/fault?mode=big&megabytes=64&count=1&path=/v1/health/service/"
    fake PUT /services "{\"web\":[$(instance w "$B" dill "dill.listener=local:$P")]}"
    must 10 "the new instance" answers "$P" b
    fake PUT "/fault?mode=big&megabytes=64&count=1&path=/v1/health/state/any"
    fake PUT /services "{\"web\":[$(instance w "$C" dill "dill.listener=local:$P")]}"
    must 10 "the newer instance" answers "$P" c
    same "warnings" 0 "$(log_count ' warn ')"
    fake PUT "/fault?mode=big&megabytes=256&path=/v1/health/service/"
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
    must 10 "that 256 MB are too much" log_has 'answer too large'
    answers "$P" c || fail "the last good instance was lost"
}
