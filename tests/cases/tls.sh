# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: the real agent over mutual TLS (TEST_TLS), what is not believed, and what outlives that. All cases of consul.sh run so, too.

tls_dill() { # WORD...: a dill of its own, with the agent's address
    PEEK=$(next_port)
    start_bare "DILL_CONSUL_ADDRESS=https://127.0.0.1:$CONSUL_PORT" "$@"
}

tls_stop() {
    kill "$DILL_PID"
    stop_dill 0 8
}

case_tls_names() { # address, name, another name instead; a wrong one is an outage with its reason, and nothing is routed
    local p words refused="its certificate is not accepted: it is for DNS:localhost, DNS:server.dc1.consul, IP Address:127.0.0.1"
    p=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p"
    for words in "https://127.0.0.1:$CONSUL_PORT" "https://localhost:$CONSUL_PORT" \
        "https://127.0.0.1:$CONSUL_PORT DILL_CONSUL_TLS_SERVER_NAME=server.dc1.consul"; do
        # shellcheck disable=SC2086  # two words
        start_bare DILL_CONSUL_ADDRESS=$words
        must 5 "service by way of $words" answers "$p" a
        tls_stop
    done
    tls_dill CONSUL_TLS_SERVER_NAME=server.dc2.consul
    must 5 "the reason" log_has "warn +consul: https://127.0.0.1:$CONSUL_PORT: $refused, .*, not for server.dc2.consul; keeping the last known services; retrying"
    stays 1500 "routed all the same" peek_is "$NO_ROUTE"
    same "lines about it" 1 "$(log_count 'consul: ')"
    dill_alive || fail "dill ended"
    tls_stop
    tls_dill "DILL_CONSUL_ADDRESS=https://127.0.0.2:$CONSUL_PORT" CONSUL_TLS_SERVER_NAME=server.dc2.consul CONSUL_HTTP_SSL_VERIFY=false
    must 5 "nobody at that address" log_has "warn +consul: https://127.0.0.2:$CONSUL_PORT: Connection refused; "
    dill_once --explain web "DILL_CONSUL_ADDRESS=$CONSUL_URL" CONSUL_TLS_SERVER_NAME=server.dc2.consul
    contains "--explain" "$refused" "$ERR"
    dill_once --plan "DILL_CONSUL_ADDRESS=$CONSUL_URL" CONSUL_TLS_SERVER_NAME=server.dc2.consul
    same "exit status of --plan" 1 "$RC"
    dill_once --explain web "DILL_CONSUL_ADDRESS=$CONSUL_URL"
    contains "--explain" "dill.listener=local:$p: accepted" "$OUT"
}

case_tls_insecure() { # takes any certificate, and says so at each start
    local p i
    p=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p"
    for i in 1 2; do
        tls_dill CONSUL_TLS_SERVER_NAME=nobody CONSUL_CACERT="$CERTIFICATES/other.pem" DILL_CONSUL_TLS_INSECURE=true
        must 5 "the service" answers "$p" a
        log_has "warn +.*consul.tls.insecure" || fail "there is no warning"
        tls_stop
    done
}

case_tls_files() { # missing ones, and wrong ones, are outages with their reasons; mended, they are read by themselves
    local p name
    p=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p"
    tls_dill CONSUL_CACERT="$T/ca.pem" CONSUL_CLIENT_CERT="$T/cert.pem" CONSUL_CLIENT_KEY="$T/key.pem"
    must 5 "no CA" log_has "warn +consul: .*: the CA file $T/ca.pem: No such file or directory; "
    cp "$CERTIFICATES/other.pem" "$T/ca.pem"
    cp "$CERTIFICATES/client-other.pem" "$T/cert.pem"
    cp "$CERTIFICATES/client-locked.key" "$T/key.pem"
    stays 1000 "routed with a locked key" peek_is "$NO_ROUTE"
    cp "$CERTIFICATES/client-other.key" "$T/key.pem"
    stays 1000 "routed with another CA" peek_is "$NO_ROUTE"
    cp "$CERTIFICATES/ca.pem" "$T/ca.pem"
    stays 1000 "routed with another's certificate" peek_is "$NO_ROUTE"
    dill_alive || fail "dill ended"
    for name in pem key; do cp "$CERTIFICATES/client-ec.$name" "$T/$([ $name = key ] && echo key || echo cert).pem"; done
    must 15 "mended" answers "$p" a
    log_has "info +consul: .* answers again" || fail "that it answers is not said"
    tls_stop
    while IFS='|' read -r cert key why; do
        tls_dill CONSUL_CLIENT_CERT="${cert:+$CERTIFICATES/$cert}" CONSUL_CLIENT_KEY="${key:+$CERTIFICATES/$key}"
        must 5 "$why" log_has "warn +consul: https://127.0.0.1:$CONSUL_PORT: $why"
        same "routes" "$NO_ROUTE" "$(peek)"
        tls_stop
    done <<END
||TLS: the server says: 
client-other.pem|client-other.key|TLS: the server says: 
client-ec.pem|client-rsa.key|the client key $CERTIFICATES/client-rsa.key: it does not belong to the certificate; 
client-ec.pem|client-locked.key|the client key $CERTIFICATES/client-locked.key: it has a password, which is not supported; 
END
}

case_tls_reload() { # other CAs in the configuration, which is read again
    local p
    p=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p"
    printf '[consul]\naddress = "%s"\n[consul.tls]\nca_path = "%s"\n' "$CONSUL_URL" "$CERTIFICATES/empty" >"$T/c.toml"
    PEEK=$(next_port)
    start_bare -c "$T/c.toml" CONSUL_CACERT=
    must 5 "an empty folder" log_has "warn +consul: .*: the CA folder $CERTIFICATES/empty: there is no certificate in it; "
    sed -i 's/empty/folder/' "$T/c.toml"
    kill -HUP "$DILL_PID"
    must 10 "the service" answers "$p" a
}

case_tls_survives() { # the agent's certificate runs out: routes and live sessions stay, and a new one mends it
    local p q port fd why
    port=$(agent_ports)
    p=$(next_port) q=$(next_port)
    printf '{"services":[{"name":"web","id":"web-1","port":%s,"tags":["dill","dill.listener=local:%s"]}]}' "$GREET" "$p" >"$T/services.json"
    start_agent "$port" -config-file "$T/services.json"
    start_bare "DILL_CONSUL_ADDRESS=https://127.0.0.1:$port"
    must 5 "the service" answers "$p" hi
    open_conn "$p"
    fd=$FD
    read -r -t 5 _ <&"$fd"
    for name in expired stranger elsewhere; do
        end_pid "$AGENT_PID"
        agent_certificate "$name"
        run_agent "$T" "$port"
        case $name in
        expired) why="certificate has expired \(of /CN=expired.test, issued by /CN=ca.test\)" ;;
        stranger) why="unable to get local issuer certificate \(of /CN=stranger.test, issued by /CN=other.test\)" ;;
        elsewhere) why="it is for DNS:elsewhere.test, IP Address:10.1.2.3, not for 127.0.0.1" ;;
        esac
        [ "$name" != expired ] || stays 3000 "the route went" answers "$p" hi
        must 20 "the reason why" tls_explained "$port" "its certificate is not accepted: $why"
        same "the route" hi "$(says "$p")"
        ask "$fd" "$name" || fail "the session did not live on"
    done
    end_pid "$AGENT_PID"
    agent_certificate server
    start_agent "$port" -config-file "$T/services.json"
    URL=https://127.0.0.1:$port register new new-1 "$B" dill "dill.listener=local:$q"
    must 20 "a new service with a good certificate" answers "$q" b
    ask "$fd" again || fail "the session from before did not live on"
    same "outages" "$(log_count 'consul: .*; retrying')" "$(log_count 'consul: .* answers again')"
}

tls_explained() { # PORT REASON: why the agent there is not asked
    dill_once --explain web "DILL_CONSUL_ADDRESS=https://127.0.0.1:$1"
    grep -Eq "$2" <<<"$ERR"
}

case_tls_tells_no_stranger() { # who cannot prove to be Consul hears nothing of the token, or of anything else
    local port other key
    port=$(next_port) other=$(next_port)
    # shellcheck disable=SC2094
    openssl s_server -accept "127.0.0.1:$port" -cert "$CERTIFICATES/stranger.pem" -key "$CERTIFICATES/stranger.key" \
        -CAfile "$CERTIFICATES/ca.pem" -verify 2 >"$T/heard" 2>&1 < <(sleep 60) &
    nc -l 127.0.0.1 "$other" >"$T/heard.plain" &
    for key in "$port" "$other"; do
        must 5 "a stranger" grep -q ":$(printf %04X "$key") .* 0A " /proc/net/tcp
        PEEK=$(next_port)
        start_bare "DILL_CONSUL_ADDRESS=https://127.0.0.1:$key" DILL_CONSUL_TOKEN=c4n4ry DILL_CONSUL_DATACENTER=c4n4ry DILL_LOG_LEVEL=debug
    done
    must 5 "the stranger is not believed" log_count_of 1 "its certificate is not accepted"
    must 5 "the other has heard something" test -s "$T/heard.plain"
    must 15 "the other does not answer" log_has "consul: https://127.0.0.1:$other: timed out"
    same "what they have heard" "" "$(grep -a -e c4n4ry -e /v1/ -e HTTP "$T/heard" "$T/heard.plain")"
    key=$(sed -n 2p "$CERTIFICATES/client-ec.key")
    same "what of the key is said" "" "$(grep -rF -- "$key" "$T"/dill.*.err "$T"/dill.*.out)"
    nothing_leaked "the token"
}

log_count_of() { [ "$(grep -Ec -- "$2" "$T/dill.1.err")" -ge "$1" ]; } # NUMBER REGEX: in the log of the first dill

case_tls_nomad() { # Nomad over mutual TLS, as its own tools' variables say; who cannot be believed is an outage
    local p client=("NOMAD_CLIENT_CERT=$CERTIFICATES/client-ec.pem" "NOMAD_CLIENT_KEY=$CERTIFICATES/client-ec.key")
    p=$(next_port)
    start_fake nomad --tls "$CERTIFICATES/server"
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$p")]}"
    start_bare --backend nomad "NOMAD_ADDR=https://127.0.0.1:$FAKE" "NOMAD_CACERT=$CERTIFICATES/ca.pem" "${client[@]}"
    must 5 "the service" answers "$p" a
    fake PUT /services "{\"web\":[$(instance w "$B" dill "dill.listener=local:$p")]}"
    must 5 "a change" answers "$p" b
    same "lines about trouble" 0 "$(log_count 'warn  nomad')"
    tls_stop
    dill_once --explain web --backend nomad "NOMAD_ADDR=https://127.0.0.1:$FAKE" "NOMAD_CACERT=$CERTIFICATES/ca.pem" "${client[@]}"
    contains "--explain" "accepted: 127.0.0.1:$p" "$OUT"
    start_bare --backend nomad "NOMAD_ADDR=https://127.0.0.1:$FAKE" "NOMAD_CACERT=$CERTIFICATES/ca.pem" "${client[@]}" NOMAD_TLS_SERVER_NAME=nobody
    must 5 "another name" log_has "warn +nomad: https://127.0.0.1:$FAKE: its certificate is not accepted: .*, not for nobody; "
    tls_stop
    start_bare --backend nomad "NOMAD_ADDR=https://127.0.0.1:$FAKE" "NOMAD_CACERT=$CERTIFICATES/ca.pem"
    must 5 "no certificate of its own" log_has "warn +nomad: https://127.0.0.1:$FAKE: "
    peek_is "$NO_ROUTE" || fail "routed all the same"
    tls_stop
    start_bare --backend nomad "NOMAD_ADDR=https://127.0.0.1:$FAKE" "NOMAD_CACERT=$CERTIFICATES/other.pem" "${client[@]}" NOMAD_SKIP_VERIFY=true
    must 5 "the service, from whomever" answers "$p" b
    log_has "warn +.*routing.nomad.tls.insecure" || fail "there is no warning"
}

case_tls_said() { # -t and --version
    dill_once -t
    [[ $OUT =~ ^"# dill "[0-9.]+" (OpenSSL 3" ]] || fail "-t: $(head -n 1 <<<"$OUT")"
    dill_once -v
    contains "--version" " (OpenSSL " "$OUT"
    dill_once -t "CONSUL_HTTP_ADDR=https://consul.example:8501" CONSUL_TLS_SERVER_NAME=server.dc1.consul
    same "exit status" 0 "$RC"
    contains "-t" "consul.address = https://consul.example:8501  # CONSUL_HTTP_ADDR" "$OUT"
    contains "-t" "consul.tls.key = $CERTIFICATES/client-ec.key  # CONSUL_CLIENT_KEY" "$OUT"
    contains "-t" "consul.tls.server_name = server.dc1.consul  # CONSUL_TLS_SERVER_NAME" "$OUT"
}
