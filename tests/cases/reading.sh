# shellcheck shell=bash disable=SC2154,SC2153
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
        "# refused: web-sidecar-proxy wants local:$p: its instance is a sidecar (connect-proxy), which takes only mutual TLS"
    must 5 "the mesh gateway is refused" peek_contains "# refused: mesh wants local:$p: its instance is a mesh-gateway, "
    must 5 "the terminating gateway is refused" peek_contains "# refused: leaving wants local:$p: its instance is a term"
    contains "Peek" "$(route "127.0.0.1:$p" "127.0.0.1:$A"; route "127.0.0.1:$q" "127.0.0.1:$C")" "$(peek)"
    same "who answers" "a a a a" "$(client names 127.0.0.1 "$p" 4)"
    contains "/routes" "sidecar (connect-proxy)" "$(curl -s "http://127.0.0.1:$STATUS/routes")"
    dill_once --explain web-sidecar-proxy "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    contains "--explain" "sidecar (connect-proxy)" "$OUT"
    dill_once --explain web-sidecar-proxy "DILL_CONSUL_ADDRESS=$CONSUL_URL"
    contains "--explain without a running dill" "sidecar (connect-proxy)" "$OUT"
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
    must 5 "the log names the member" log_has 'service bad: Service.Port is no whole number; keeping'
    stays 2500 "the service lost its instance" answers "$bad" a
    at_most "lines about it" 1 "$(log_count 'Service.Port')"
    ask "$FD" still || fail "the connection of another service was lost"
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"bad\":[$(instance b "$C" dill "dill.listener=local:$bad")]}"
    must 15 "the new instance" answers "$bad" c
}
