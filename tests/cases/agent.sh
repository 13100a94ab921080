# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: how Consul's agent is named and reached: a Unix socket, a path prefix with a login, and what TLS has to do with it.

# An agent that serves its API over a Unix socket only.

start_socket_agent() { # HTTP-PORT ARGUMENT...: at $T/consul.sock; what a killed one left there is its own business
    rm -f "$T/consul.sock"
    run_agent "$T" "$1" -hcl "addresses { http = \"unix://$T/consul.sock\" }" "${@:2}"
    must 15 "Consul did not start: $(tail -n 1 "$T/consul.log")" socket_ready
}

socket_api() { # METHOD PATH [BODY]
    curl -sS -f --max-time $((10 * SLOW)) --unix-socket "$T/consul.sock" -X "$1" ${3:+--data-binary "$3"} "http://localhost$2"
}

socket_ready() { [[ $(socket_api GET /v1/catalog/nodes 2>/dev/null) == *'"Address"'* ]]; }

case_agent_unix_socket() { # of the real agent: routes, what is said of it; it goes, returns, and nothing is lost
    local p q r port socket=unix://$T/consul.sock fd
    # shellcheck disable=SC2317  # register calls it
    api() { socket_api "$@"; }
    port=$(agent_ports)
    p=$(next_port) q=$(next_port) r=$(next_port) STATUS=$(next_port)
    start_bare "CONSUL_HTTP_ADDR=$socket" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" CONSUL_HTTP_SSL=true
    must 5 "that there is no socket yet" log_has "warn +consul: $socket: No such file or directory; .*; retrying"
    start_socket_agent "$port"
    refuses 127.0.0.1 "$port" || fail "the agent listens at a port, too"
    register web web-1 "$GREET" dill "dill.listener=local:$p"
    must 15 "the service" answers "$p" hi
    log_has "info +consul: $socket answers again" || fail "that it answers is not said"
    register new new-1 "$A" dill "dill.listener=local:$q" "dill.listener=local:$port"
    must 5 "a new service" answers "$q" a
    must 5 "a port that no agent has" answers "$port" a
    open_conn "$p"
    fd=$FD
    read -r -t 5 _ <&"$fd"
    dill_once --explain nolistener "DILL_CONSUL_ADDRESS=$socket"
    contains "--explain" "Consul at $socket shows no service nolistener" "$ERR"
    dill_once --explain web "DILL_CONSUL_ADDRESS=$socket"
    contains "--explain" "dill.listener=local:$p: accepted" "$OUT"
    dill_once --plan "DILL_CONSUL_ADDRESS=$socket" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    same "--plan: $OUT$ERR" 0 "$RC"
    dill_once -t "DILL_CONSUL_ADDRESS=$socket"
    contains "-t" "consul.address = $socket  # DILL_CONSUL_ADDRESS" "$OUT"
    end_pid "$AGENT_PID"
    must 5 "the outage" log_has "warn +consul: $socket: .*; keeping the last known services; retrying"
    stays 1500 "the route went with the agent" answers "$p" hi
    same "lines about the outages" 2 "$(log_count 'warn +consul: .*; retrying')"
    start_socket_agent "$port"
    register web web-1 "$GREET" dill "dill.listener=local:$p"
    register last last-1 "$B" dill "dill.listener=local:$r"
    must 15 "a service after the return" answers "$r" b
    ask "$fd" again || fail "the session from before did not live on"
}

case_agent_unix_socket_faults() { # nobody behind it, no right, a file, a path too long, none at all
    local socket=$T/s path why
    while read -r path why; do
        dill_once -t "DILL_CONSUL_ADDRESS=$path"
        same "exit status of $path" 1 "$RC"
        contains "the error" "dill: DILL_CONSUL_ADDRESS: consul.address: \"$path\" $why" "$ERR"
    done <<END
unix:// has no absolute path behind unix://
unix://run/consul.sock has no absolute path behind unix://
unix:///$(printf 'x%.0s' {1..120}) has too long a path for a socket
END
    "$PYTHON" -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$socket"
    start_bare "DILL_CONSUL_ADDRESS=unix://$socket"
    must 5 "nobody behind it" log_has "warn +consul: unix://$socket: Connection refused; "
    kill "$DILL_PID"
    stop_dill 0 8
    : >"$T/file"
    start_bare "DILL_CONSUL_ADDRESS=unix://$T/file"
    must 5 "a file" log_has "warn +consul: unix://$T/file: Connection refused; "
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare "DILL_CONSUL_ADDRESS=unix://$T"
    must 5 "a folder" log_has "warn +consul: unix://$T: Connection refused; "
}

# A gateway before it.

start_gateway() { # WORD...: of gateway.py; sets GATEWAY, its port, and GATEWAY_LOG, the paths that it was asked for
    local file=$T/gateway.$((STARTED += 1))
    GATEWAY_LOG=$file.paths
    "$PYTHON" "$TOP/tests/tools/gateway.py" "$@" >"$file" 2>"$GATEWAY_LOG" &
    must 5 "the gateway" test -s "$file"
    read -r GATEWAY <"$file"
}

case_agent_prefix_and_login() { # of the real agent behind a gateway; a wrong login is said, and shown nowhere
    local p q where wrong
    p=$(next_port) q=$(next_port) STATUS=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p" "dill.listener=local:$q"
    start_gateway "$CONSUL_PORT" --prefix /consul/dc1 --login "user:c4n4ry:word"
    where=http://127.0.0.1:$GATEWAY/consul/dc1/
    start_bare "CONSUL_HTTP_ADDR=$where" CONSUL_HTTP_AUTH=user:c4n4ry:word DILL_LOG_LEVEL=debug "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "behind the gateway" answers "$p" a
    same "other paths" 0 "$(grep -vc '^/consul/dc1/v1/' "$GATEWAY_LOG")"
    same "the gateway's port" 0 "$(peek | grep -c "is consul.address")"
    register evil evil-1 "$A" dill "dill.listener=local:$GATEWAY"
    must 5 "the gateway's port is reserved" peek_has "# refused: evil wants local:$GATEWAY: is consul.address"
    curl -s "http://127.0.0.1:$STATUS/explain/web" "http://127.0.0.1:$STATUS/routes" "http://127.0.0.1:$STATUS/" >"$T/once.0pages.out"
    for wrong in user:c4n4rywrong c4n4rywrong user:c4n4ry: ""; do
        dill_once --explain web "DILL_CONSUL_ADDRESS=$where" "CONSUL_HTTP_AUTH=$wrong"
        contains "--explain with $wrong" "answered 401" "$ERR"
        dill_once --plan "DILL_CONSUL_ADDRESS=$where" "CONSUL_HTTP_AUTH=$wrong"
        same "--plan with $wrong" 1 "$RC"
    done
    dill_once --explain web "DILL_CONSUL_ADDRESS=$where" CONSUL_HTTP_AUTH=user:c4n4ry:word
    contains "--explain" "dill.listener=local:$p: accepted" "$OUT"
    dill_once --plan "DILL_CONSUL_ADDRESS=$where" CONSUL_HTTP_AUTH=user:c4n4ry:word "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    same "--plan: $OUT$ERR" 0 "$RC"
    dill_once -t "CONSUL_HTTP_ADDR=$where" CONSUL_HTTP_AUTH=user:c4n4ry:word
    contains "-t" "CONSUL_HTTP_AUTH = ********  # environment" "$OUT"
    dill_once -t "CONSUL_HTTP_ADDR=$where" $'CONSUL_HTTP_AUTH=user:c4n4ry\n'
    same "exit status with a line break in it" 1 "$RC"
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare "CONSUL_HTTP_ADDR=$where" CONSUL_HTTP_AUTH=user:c4n4rywrong DILL_LOG_LEVEL=debug
    must 5 "the wrong login" log_has "warn +consul: $where: answered 401: \(words with the login in them\)"
    lacks "the log" "$(printf user:c4n4rywrong | base64)" "$(cat "$LOG")"
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare "CONSUL_HTTP_ADDR=http://127.0.0.1:$GATEWAY/elsewhere" CONSUL_HTTP_AUTH=user:c4n4ry:word
    must 5 "another prefix" log_has "warn +consul: http://127.0.0.1:$GATEWAY/elsewhere: answered 404: "
    nothing_leaked "the login"
}

# TLS.

tls_is_in() { # whether this dill has it
    dill_once -v
    [[ $OUT != *"no TLS"* ]]
}

start_listener() { # a server that keeps what it hears, in $T/heard, and closes; sets HEARD, its port
    "$PYTHON" -c '
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
with open(sys.argv[1], "ab", 0) as heard:
    while True:
        client, _ = server.accept()
        heard.write(client.recv(65536))
        client.close()' "$T/heard" >"$T/listener" &
    must 5 "the listener" test -s "$T/listener"
    read -r HEARD <"$T/listener"
}

case_agent_https_is_never_passed_over() { # whoever asks for it: an error at start without TLS; nothing goes out in clear text
    local word words=() way ways=("" -t --plan "--explain web")
    start_listener
    ! tls_is_in || ways=(--plan "--explain web")
    for word in "CONSUL_HTTP_SSL=true CONSUL_HTTP_ADDR=127.0.0.1:$HEARD" "CONSUL_HTTP_SSL=1 CONSUL_HTTP_ADDR=http://127.0.0.1:$HEARD" \
        "CONSUL_HTTP_SSL=T DILL_CONSUL_ADDRESS=http://127.0.0.1:$HEARD/x" "CONSUL_HTTP_ADDR=https://127.0.0.1:$HEARD" \
        "CONSUL_HTTP_SSL=false --consul.address=https://127.0.0.1:$HEARD" \
        "--routing.consul.address=HTTPS://127.0.0.1:$HEARD"; do
        read -ra words <<<"$word"
        for way in "${ways[@]}"; do
            # shellcheck disable=SC2086  # two words
            dill_once "${words[@]}" CONSUL_HTTP_TOKEN=c4n4ry CONSUL_HTTP_AUTH=c4n4ry $way
            same "exit status of $word $way" 1 "$RC"
            ! tls_is_in || continue
            # shellcheck disable=SC2086
            dill_once "${words[@]}" CONSUL_HTTP_TOKEN=c4n4ry $way
            contains "$word $way" "is https, and this dill has no TLS: " "$ERR"
            for part in unix:///path "a local agent (http://)" TLS=openssl; do contains "$word $way" "$part" "$ERR"; done
        done
    done
    if tls_is_in; then
        same "what the agent hears first" 1603 "$(head -c 2 "$T/heard" | od -An -tx1 | tr -d ' ')"
        lacks "what the agent hears" /v1/ "$(tr -d '\0' <"$T/heard")"
        lacks "what the agent hears" c4n4ry "$(tr -d '\0' <"$T/heard")"
    else
        [ ! -s "$T/heard" ] || fail "the agent hears $(head -c 200 "$T/heard")"
    fi
    nothing_leaked "the token"
}

case_agent_tls_keys_need_tls() { # each is an error without it, and at a reload what runs goes on
    local word
    for word in ca ca_path cert key server_name insecure; do
        dill_once -t "DILL_CONSUL_TLS_${word^^}=true"
        if tls_is_in; then
            dill_once -t "DILL_CONSUL_TLS_${word^^}=true"
            contains "consul.tls.$word" "consul.tls.$word = true  # DILL_CONSUL_TLS_${word^^}" "$OUT"
        else
            dill_once -t "DILL_CONSUL_TLS_${word^^}=true"
            same "exit status with consul.tls.$word" 1 "$RC"
            contains "consul.tls.$word" "DILL_CONSUL_TLS_${word^^}: consul.tls.$word: \"true\" needs TLS, which this dill does not have" "$ERR"
        fi
    done
    : >"$T/c.toml"
    start_dill -c "$T/c.toml" DILL_LISTENERS_PORT_MIN=1
    printf '[consul.tls]\nca = "/none"\n' >"$T/c.toml"
    kill -HUP "$DILL_PID"
    if tls_is_in; then
        must 5 "that it has no effect" log_has "warn +consul: $CONSUL_URL: is not https, and consul.tls.ca has no effect"
    else
        must 5 "the reload is refused" log_has 'c.toml:2: consul.tls.ca: "/none" needs TLS'
    fi
    dill_alive || fail "dill ended"
}

start_tls_agent() { # HTTPS-PORT: the real agent, mutual TLS at that port, and no other
    rm -f "$T/consul.sock"
    run_agent "$T" "$1" -hcl "ports { http = -1 https = $1 }
        verify_incoming = true ca_file = \"$T/certs/ca.pem\" cert_file = \"$T/certs/server.pem\" key_file = \"$T/certs/server.key\""
    must 15 "Consul did not start: $(tail -n 1 "$T/consul.log")" tls_agent_ready "$1"
}

tls_agent_api() { # PORT METHOD PATH [BODY]
    curl -sS -f --max-time $((10 * SLOW)) --cacert "$T/certs/ca.pem" --cert "$T/certs/client-ec.pem" --key "$T/certs/client-ec.key" \
        -X "$2" ${4:+--data-binary "$4"} "https://127.0.0.1:$1$3"
}

tls_agent_ready() { [[ $(tls_agent_api "$1" GET /v1/catalog/nodes 2>/dev/null) == *'"Address"'* ]]; }

case_agent_mutual_tls() { # by the variables of Consul's own tools, and by a file's keys; without TLS built in both are errors
    local https p q c
    https=$(agent_ports)
    p=$(next_port) q=$(next_port) c=$T/certs
    local variables=(CONSUL_HTTP_SSL=true "CONSUL_HTTP_ADDR=127.0.0.1:$https" "CONSUL_CACERT=$c/ca.pem" "CONSUL_CLIENT_CERT=$c/client-ec.pem"
        "CONSUL_CLIENT_KEY=$c/client-ec.key" CONSUL_TLS_SERVER_NAME=server.dc1.consul:8501)
    printf '[routing.consul]\naddress = "https://localhost:%s"\n[routing.consul.tls]\nca_path = "%s/folder"\ncert = "%s"\nkey = "%s"\n' \
        "$https" "$c" "$c/client-rsa.pem" "$c/client-rsa.key" >"$T/c.toml"
    if ! tls_is_in; then
        dill_once "${variables[@]}"
        same "exit status with the variables" 1 "$RC"
        dill_once -c "$T/c.toml"
        same "exit status with the keys" 1 "$RC"
        contains "an error for each" "c.toml:6: routing.consul.tls.key" "$ERR"
        return
    fi
    "$TOP/tests/tools/certificates.sh" "$c" || fail "no certificates"
    # shellcheck disable=SC2317  # register calls it
    api() { tls_agent_api "$https" "$@"; }
    start_tls_agent "$https"
    register web web-1 "$GREET" dill "dill.listener=local:$p"
    start_bare "${variables[@]}"
    must 15 "by the variables" answers "$p" hi
    register evil evil-1 "$A" dill "dill.listener=local:$https" "dill.listener=local:$q"
    must 5 "a new service" answers "$q" a
    must 5 "the agent's port is reserved" peek_has "# refused: evil wants local:$https: is consul.address"
    dill_once --explain web "${variables[@]}"
    contains "--explain" "dill.listener=local:$p: accepted" "$OUT"
    dill_once --explain none "${variables[@]}"
    contains "--explain" "Consul at https://127.0.0.1:$https shows no service none" "$ERR"
    dill_once --plan "${variables[@]}" DILL_STATUS_LISTENER=127.0.0.1:1
    contains "--plan" "127.0.0.1:$p" "$OUT$ERR"
    lacks "the log" "not verified" "$(cat "$LOG")"
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare -c "$T/c.toml"
    must 15 "by the keys" answers "$p" hi
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare "${variables[@]}" CONSUL_TLS_SERVER_NAME=elsewhere.test CONSUL_HTTP_SSL_VERIFY=0
    must 15 "unverified" answers "$p" hi
    log_has "warn +consul: https://127.0.0.1:$https: its certificate is not verified, as consul.tls.insecure has it" ||
        fail "nobody is warned"
    kill "$DILL_PID"
    stop_dill 0 8
    # What is wrong is an outage with its reason, and is over when the file is right.
    cp "$c/other.pem" "$T/ca.pem"
    start_bare "${variables[@]}" "CONSUL_CACERT=$T/ca.pem"
    must 15 "that it is not trusted" log_has "warn +consul: https://127.0.0.1:$https: .*certificate.*; retrying"
    cp "$c/ca.pem" "$T/ca.pem"
    must 25 "with the right file" answers "$p" hi
}
