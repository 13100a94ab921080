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
    dill_once -t DILL_CONSUL_TLS_CA=/none
    [ "$RC" = 0 ]
}

case_agent_tls_is_never_passed_over() { # without TLS built in: an error at start, whoever asks for it; nothing goes out
    local word words=() way
    ! tls_is_in || return 0
    start_peers hold hold
    for word in "CONSUL_HTTP_SSL=true CONSUL_HTTP_ADDR=127.0.0.1:${PORTS[0]}" "CONSUL_HTTP_SSL=1 CONSUL_HTTP_ADDR=http://127.0.0.1:${PORTS[0]}" \
        "CONSUL_HTTP_SSL=T DILL_CONSUL_ADDRESS=http://127.0.0.1:${PORTS[0]}/x" "CONSUL_HTTP_ADDR=https://127.0.0.1:${PORTS[0]}" \
        "CONSUL_HTTP_SSL=false --consul.address=https://127.0.0.1:${PORTS[0]}" \
        "--routing.consul.address=HTTPS://127.0.0.1:${PORTS[0]}"; do
        read -ra words <<<"$word"
        for way in "" -t --plan "--explain web"; do
            # shellcheck disable=SC2086  # two words
            dill_once "${words[@]}" CONSUL_HTTP_TOKEN=c4n4ry $way
            same "exit status of $word $way" 1 "$RC"
            contains "$word $way" "is https, and this dill has no TLS: " "$ERR"
            for part in unix:///path http://127.0.0.1:8500 TLS=openssl; do contains "$word $way" "$part" "$ERR"; done
        done
    done
    for word in ca ca_path cert key server_name insecure; do
        dill_once "DILL_CONSUL_TLS_${word^^}=true" "DILL_CONSUL_ADDRESS=http://127.0.0.1:${PORTS[0]}" CONSUL_HTTP_TOKEN=c4n4ry
        same "exit status with consul.tls.$word" 1 "$RC"
        contains "consul.tls.$word" "DILL_CONSUL_TLS_${word^^}: consul.tls.$word: \"true\" needs TLS, which this dill does not have" "$ERR"
    done
    same "what the agent has seen" "" "$(cat "$PEER_LOG")"
    # The file of its configuration is read again: with an https address in it, what runs goes on.
    printf '[consul]\naddress = "http://127.0.0.1:%s"\n' "${PORTS[1]}" >"$T/c.toml"
    start_bare -c "$T/c.toml"
    printf '[consul]\naddress = "https://127.0.0.1:%s"\n' "${PORTS[1]}" >"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 5 "the reload is refused" log_has "c.toml:2: consul.address: \"https://127.0.0.1:${PORTS[1]}\" is https"
    dill_alive || fail "dill ended"
    nothing_leaked "the token"
}
