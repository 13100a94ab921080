# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: what happens to real clusters, and in a crowd, with live traffic all the while.

# python ARGUMENT... <<END: becomes its shell, and so is a job when it stands in the background
python() { exec "$PYTHON" -c "$PRELUDE$(cat)" "$@"; }

PRELUDE='
import http.client, json, os, select, signal, socket, ssl, struct, sys, threading, time
words, limit = sys.argv[1:], 5 * float(os.environ.get("TEST_SLOW") or 1)
def connect_agent(port):
    if not os.environ.get("TEST_TLS"):
        return http.client.HTTPConnection("127.0.0.1", int(port))
    tls = ssl.create_default_context(cafile=os.environ["CONSUL_CACERT"])
    tls.load_cert_chain(os.environ["CONSUL_CLIENT_CERT"], os.environ["CONSUL_CLIENT_KEY"])
    return http.client.HTTPSConnection("127.0.0.1", int(port), context=tls)
def dial(port):
    sock = socket.create_connection(("127.0.0.1", int(port)), timeout=limit)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
def echoed(sock, text):
    sock.sendall(text)
    got = sock.makefile("rb").read(len(text))
    if got != text:
        raise OSError("%r came back as %r" % (text, got))
    return True
def write(path, *result):
    with open(path + ".new", "w") as file:
        print(*result, file=file)
    os.rename(path + ".new", path)
'

# Traffic: one echo session kept open, and every 50 ms another one. The first thing that goes wrong ends it.

start_traffic() { # PORT: of an echo server behind dill; sets TRAFFIC (its pid)
    python "$1" "$T/traffic" <<'END' &
stopping, number, said = [], 0, "fine"
signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
try:
    kept = dial(words[0])
    while not stopping:
        number, who = number + 1, "the kept session"
        echoed(kept, b"kept %d" % number)
        who = "a new session"
        with dial(words[0]) as sock:
            echoed(sock, b"new %d" % number)
        write(words[1] + ".on", number)
        time.sleep(0.05)
except OSError as error:
    said = "%s: %s" % (who, error)
write(words[1], number, said)
END
    TRAFFIC=$!
    must 5 "traffic" test -e "$T/traffic.on"
}

traffic_rounds() { # NUMBER: so many have begun, or something has gone wrong
    local rounds
    [ -s "$T/traffic" ] || { read -r rounds <"$T/traffic.on" && [ "$rounds" -ge "$1" ]; }
}

traffic_is_fine() { # ends it, too
    local rounds said
    kill -TERM "$TRAFFIC" 2>/dev/null
    wait "$TRAFFIC"
    read -r rounds said <"$T/traffic"
    same "traffic, round $rounds" fine "$said"
    at_least "rounds of traffic" 20 "$rounds"
}

nothing_closed() { ! log_has ' closed ' || fail "dill closed a listener: $(grep -m 1 ' closed ' "$LOG")"; }

balanced() { [ "$(log_count 'retrying')" = "$(log_count 'answers again')" ]; } # each outage said to be over

# Three servers

SERVER_PORTS=() SERVER_PIDS=()

start_server() { # NUMBER: one of three; it has its data from before, when there is some
    local port=${SERVER_PORTS[$1]} i join=()
    for i in "${SERVER_PORTS[@]}"; do join+=(-retry-join "127.0.0.1:$((i + 2))"); done
    # rpc_hold_timeout: without a leader a question is held for so long before it is answered with 500
    "$CONSUL" agent -server -bootstrap-expect=3 -bind 127.0.0.1 -client 127.0.0.1 -node "node-$port" \
        -data-dir "$T/server.$1" -log-level warn "-$SCHEME-port" "$port" -server-port $((port + 1)) \
        "${AGENT_TLS[@]}" -serf-lan-port $((port + 2)) -serf-wan-port -1 -dns-port -1 -grpc-port -1 "${join[@]}" -retry-interval 500ms \
        -hcl 'performance { raft_multiplier = 1 rpc_hold_timeout = "1s" } autopilot { cleanup_dead_servers = false }' \
        >>"$T/server.$1.log" 2>&1 &
    SERVER_PIDS[$1]=$!
}

leader() { # NUMBER: what this server takes for the leader
    curl -s --max-time 2 "$SCHEME://127.0.0.1:${SERVER_PORTS[$1]}/v1/status/leader" | tr -d '"'
}

led() { [[ $(leader "$1") == 127* ]] && agent_ready "${SERVER_PORTS[$1]}"; }

led_by_another() { [[ $(leader "$1") == 127* && $(leader "$1") != "$2" ]]; } # NUMBER ADDRESS

# election VAR=VALUE...: the leader dies, then the quorum, then both come back, then the watched server is restarted
election() {
    local p q i first old watched other url
    p=$(next_port) q=$(next_port)
    for i in 0 1 2; do SERVER_PORTS[i]=$(agent_ports); done
    for i in 0 1 2; do start_server "$i"; done
    for i in 0 1 2; do must 15 "server $i: $(tail -n 1 "$T/server.$i.log")" led "$i"; done
    first=$(leader 0)
    for i in 0 1 2; do
        if [ "$first" = "127.0.0.1:$((SERVER_PORTS[i] + 1))" ]; then old=$i; else watched=$i; fi
    done
    other=$((3 - old - watched))
    url=$SCHEME://127.0.0.1:${SERVER_PORTS[watched]}
    URL=$url register web web-1 "$ECHO" dill "dill.listener=local:$p"
    start_bare "DILL_CONSUL_ADDRESS=$url" DILL_CONSUL_WAIT=1s "$@"      # a short wait: it asks in each state
    must 5 "service" accepts 127.0.0.1 "$p"
    start_traffic "$p"
    end_pid "${SERVER_PIDS[old]}"
    must 10 "another leader" led_by_another "$watched" "$first"
    stays 1000 "the table changed with the leader" peek_is "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO")"
    end_pid "${SERVER_PIDS[other]}"
    must 10 "the loss of the quorum is said" not balanced
    stays 2500 "the table changed without a quorum" peek_is "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO")"
    at_most "lines about Consul" 6 "$(log_count 'consul: ')"
    start_server "$old"
    start_server "$other"
    must 15 "a quorum" led "$watched"
    URL=$url register new new-1 "$A" dill "dill.listener=local:$q"
    must 10 "a new service" answers "$q" a
    must 5 "each outage is said to be over" balanced
    end_pid "${SERVER_PIDS[watched]}"
    start_server "$watched"
    must 15 "the watched server again" led "$watched"
    URL=$url register new new-1 "$B" dill "dill.listener=local:$q"
    must 15 "a change after the restart" answers "$q" b
    must 5 "each outage is said to be over" balanced
    traffic_is_fine
    nothing_closed
}

case_cluster_leader_election() { election; }
case_cluster_leader_election_stale() { election DILL_CONSUL_CONSISTENCY_MODE=stale; }

# Tokens

# acl_token URL SECRET: makes a token that may read everything; prints its accessor
acl_token() {
    URL=$1 api PUT /v1/acl/token '{"SecretID":"'"$2"'","Policies":[{"Name":"read"}]}' |
        grep -o '"AccessorID": *"[^"]*"' | cut -d '"' -f 4
}

case_cluster_token_revoked() { # in a blocking query: the table stays, said once, little work; a new token with SIGHUP
    local p q url port accessor before TOKEN=6d3d2e9c-0b0f-4b52-9c50-3f0a5c3b1e11
    local one=11111111-2222-4333-8444-555555555555 two=11111111-2222-4333-8444-666666666666
    port=$(agent_ports)
    p=$(next_port) q=$(next_port)
    url=$SCHEME://127.0.0.1:$port
    echo '{"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"'$TOKEN'","agent":"'$TOKEN'"}}}' \
        >"$T/acl.json"
    start_agent "$port" -config-file "$T/acl.json"
    URL=$url api PUT /v1/acl/policy '{"Name":"read","Rules":
        "service_prefix \"\" {policy=\"read\"} node_prefix \"\" {policy=\"read\"}"}' >/dev/null || fail "policy"
    accessor=$(acl_token "$url" $one)
    URL=$url register web web-1 "$ECHO" dill "dill.listener=local:$p"
    printf '[consul]\naddress = "%s"\ntoken = "%s"\n' "$url" $one >"$T/dill.toml"
    start_bare -c "$T/dill.toml"
    must 5 "service" accepts 127.0.0.1 "$p"
    start_traffic "$p"
    sleep 1.5       # both queries block
    URL=$url api DELETE "/v1/acl/token/$accessor" >/dev/null || fail "the token was not deleted"
    URL=$url register new new-1 "$A" dill "dill.listener=local:$q"      # what wakes the queries
    must 5 "403 is logged" log_has 'warn .* answered 403'
    cpu_ms
    before=$CPU
    stays 2500 "the table changed" peek_is "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO")"
    cpu_ms
    at_most "milliseconds of processor time without a token" $((100 * SLOW)) $((CPU - before))
    same "lines about Consul" 1 "$(log_count "warn .*$url.* answered 403")"
    at_most "lines about it" 1 "$(log_count 'answered 403')"     # and one about each service whose reading failed
    acl_token "$url" $two >/dev/null
    sed -i "s/$one/$two/" "$T/dill.toml"
    kill -HUP "$DILL_PID"
    must 10 "the service that was registered meanwhile" answers "$q" a
    URL=$url register new new-1 "$B" dill "dill.listener=local:$q"
    must 5 "a change" answers "$q" b
    traffic_is_fine
    nothing_closed
    lacks "the log" $one "$(cat "$LOG")"
    lacks "the log" $two "$(cat "$LOG")"
}

case_cluster_token_file() { # another token in the file: taken by itself, by a rename, by a link, and at once when the old one is revoked
    local p q r s url port accessor TOKEN=6d3d2e9c-0b0f-4b52-9c50-3f0a5c3b1e11
    local one=11111111-2222-4333-8444-555555555555 two=11111111-2222-4333-8444-666666666666
    p=$(next_port) q=$(next_port) r=$(next_port) s=$(next_port)
    start_acl_agent 'service_prefix "web" {policy="read"} node_prefix "" {policy="read"}'
    url=$URL
    api PUT /v1/acl/policy '{"Name":"all","Rules":"service_prefix \"\" {policy=\"read\"} node_prefix \"\" {policy=\"read\"}"}' >/dev/null
    accessor=$(api PUT /v1/acl/token '{"SecretID":"'$two'","Policies":[{"Name":"all"}]}' | sed -n 's/.*"AccessorID": *"\([^"]*\)".*/\1/p')
    register web web-1 "$ECHO" dill "dill.listener=local:$p"
    register new new-1 "$A" dill "dill.listener=local:$q"
    mkdir "$T/one" "$T/two"
    echo $one >"$T/one/token"
    echo $two >"$T/two/token"
    ln -s one "$T/data"
    ln -s data/token "$T/token"
    start_bare "DILL_CONSUL_ADDRESS=$url" "CONSUL_HTTP_TOKEN_FILE=$T/token" DILL_LOG_LEVEL=debug
    must 5 "what the first token sees" accepts 127.0.0.1 "$p"
    start_traffic "$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO")"
    ln -s two "$T/data.new"
    mv -T "$T/data.new" "$T/data"       # as Kubernetes does it
    must 10 "what the second one sees" answers "$q" a
    log_has "info +consul: another token stands in $T/token" || fail "it is not said"
    same "outages" 0 "$(log_count 'warn .*consul')"
    # Written while the one in force is revoked: 403, and another one lies there already.
    api PUT /v1/acl/token '{"SecretID":"33333333-2222-4333-8444-777777777777","Policies":[{"Name":"all"}]}' >/dev/null
    echo 33333333-2222-4333-8444-777777777777 >"$T/two/token.new"
    mv "$T/two/token.new" "$T/two/token"
    api DELETE "/v1/acl/token/$accessor" >/dev/null || fail "the token was not deleted"
    register later later-1 "$B" dill "dill.listener=local:$r"
    must 15 "a new service, with the third token" answers "$r" b
    # The file goes away: what was read last is kept.
    rm "$T/two/token"
    must 10 "that it cannot be read" log_has "warn +consul.token_file: $T/token: No such file or directory; keeping the last token"
    register last last-1 "$C" dill "dill.listener=local:$s"
    must 10 "another service, without the file" answers "$s" c
    same "lines about the file" 1 "$(log_count 'warn +consul.token_file')"
    traffic_is_fine
    nothing_closed
    for port in $one $two 33333333-2222; do lacks "the log" "$port" "$(cat "$LOG")"; done
    dill_once -t "DILL_CONSUL_TOKEN_FILE=$T/token"
    same "exit status without the file" 1 "$RC"
    contains "the error" "DILL_CONSUL_TOKEN_FILE: consul.token_file: \"$T/token\" No such file or directory" "$ERR"
}

# start_acl_agent RULES: an agent that denies what no policy allows; sets URL, SEES, a token with these rules, and POLICY
start_acl_agent() {
    local port
    port=$(agent_ports)
    URL=$SCHEME://127.0.0.1:$port SEES=11111111-2222-4333-8444-555555555555
    echo '{"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"'"$TOKEN"'","agent":"'"$TOKEN"'"}}}' >"$T/acl.json"
    start_agent "$port" -config-file "$T/acl.json"
    POLICY=$(api PUT /v1/acl/policy "{\"Name\":\"read\",\"Rules\":\"${1//\"/\\\"}\"}" | sed -n 's/.*"ID": *"\([^"]*\)".*/\1/p')
    acl_token "$URL" $SEES >/dev/null
}

allow_only() { # RULES: from now on, for the token of start_acl_agent
    api PUT "/v1/acl/policy/$POLICY" "{\"Name\":\"read\",\"Rules\":\"${1//\"/\\\"}\"}" >/dev/null || fail "policy"
}

READ_SERVICES='service_prefix "" {policy="read"}' READ_WEB='service_prefix "web" {policy="read"}' READ_NODES='node_prefix "" {policy="read"}'

case_cluster_token_loses_nodes() { # names are listed, and readings are empty: what is open stays, and the log says why
    local p q TOKEN=6d3d2e9c-0b0f-4b52-9c50-3f0a5c3b1e11
    p=$(next_port) q=$(next_port) STATUS=$(next_port)
    start_acl_agent "$READ_SERVICES $READ_NODES"
    register web web-1 "$ECHO" dill "dill.listener=local:$p"
    start_bare "DILL_CONSUL_ADDRESS=$URL" DILL_CONSUL_TOKEN=$SEES "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "service" accepts 127.0.0.1 "$p"
    start_traffic "$p"
    allow_only "$READ_SERVICES"
    register new new-1 "$A" dill "dill.listener=local:$q"       # what wakes the queries
    must 8 "the missing right is named" log_has 'warn .*service web: listed without any instance: .* node:read'
    must 8 "the outage is shown" metric 'dill_source_up{source="consul"}' 0
    stays 3000 "the table changed" peek_is "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO")"
    same "lines about it" 1 "$(log_count 'warn .*service web: listed without')"
    traffic_is_fine
    nothing_closed
    deregister web-1        # it is not listed any more, so nothing contradicts that it is gone
    must 12 "what is really gone closes" refuses 127.0.0.1 "$p"
    allow_only "$READ_SERVICES $READ_NODES"
    must 25 "the service that was registered meanwhile" answers "$q" a
    must 5 "the end of the outage" metric 'dill_source_up{source="consul"}' 1
}

case_cluster_token_without_nodes() { # from the start on
    local p TOKEN=6d3d2e9c-0b0f-4b52-9c50-3f0a5c3b1e11
    p=$(next_port) STATUS=$(next_port)
    start_acl_agent "$READ_WEB"
    register web web-1 "$A" dill "dill.listener=local:$p"
    start_bare "DILL_CONSUL_ADDRESS=$URL" DILL_CONSUL_TOKEN=$SEES "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 8 "the missing right is named" log_has 'warn .*service web: listed without any instance: .* node:read'
    same "/status" 503 "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$STATUS/status")"
    allow_only "$READ_WEB $READ_NODES"
    must 25 "routed with the right" answers "$p" a
}

case_cluster_token_least() { # sees web alone: its last service leaves, and returns; and then the token loses the right
    local p TOKEN=6d3d2e9c-0b0f-4b52-9c50-3f0a5c3b1e11
    p=$(next_port) STATUS=$(next_port)
    start_acl_agent "$READ_WEB $READ_NODES"
    register web web-1 "$A" dill "dill.listener=local:$p"
    start_bare "DILL_CONSUL_ADDRESS=$URL" DILL_CONSUL_TOKEN=$SEES "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "service" answers "$p" a
    deregister web-1
    stays 600 "the listener closed after one look" answers "$p" a
    must 5 "the listener to close" refuses 127.0.0.1 "$p"
    metric 'dill_source_up{source="consul"}' 1 || fail "it counts as an outage"
    register web web-1 "$ECHO" dill "dill.listener=local:$p"
    must 5 "the service again" accepts 127.0.0.1 "$p"
    same "outages" 0 "$(log_count ' warn ')"
    start_traffic "$p"
    allow_only "$READ_NODES"
    register other other-1 "$A"     # what wakes the queries
    must 8 "the missing right is named" log_has 'warn .*service web: not listed, and the token lacks service:read'
    must 8 "the outage is shown" metric 'dill_source_up{source="consul"}' 0
    stays 3000 "the table changed" peek_is "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO")"
    traffic_is_fine
    same "lines about it" 1 "$(log_count 'warn .*service web: not listed')"
    allow_only "$READ_WEB $READ_NODES"
    register web web-1 "$B" dill "dill.listener=local:$p"
    must 25 "a change, with the right again" answers "$p" b
}

# An agent that has forgotten everything

services_return() { # PORT...: registers a service for each, all at once; done when the catalog has them
    local port pids=()
    for port in "$@"; do
        register "web$port" "web$port" "$ECHO" dill "dill.listener=local:$port" &
        pids+=($!)
    done
    wait "${pids[@]}"
    must 10 "the catalog" catalog_has $#
}

catalog_has() { [ "$(curl -s --max-time 2 "$URL/v1/catalog/services" | grep -o '"web' | wc -l)" -eq "$1" ]; }

said_again() { [ "$(log_count 'answers again')" -ge "$1" ]; }

# Dill reads that nothing is left, and closes nothing, as all of it returns within the second after which it would look
# again. Where the machine was too slow for that the round says nothing; there are two that do.
case_cluster_agent_restart_empty() {
    local ports=() port i agent table URL start closed good=0
    agent=$(agent_ports)
    URL=$SCHEME://127.0.0.1:$agent
    for i in 1 2 3 4 5; do ports+=("$(next_port)"); done
    start_agent "$agent"
    start_bare "DILL_CONSUL_ADDRESS=$URL"
    services_return "${ports[@]}"
    table=$(for port in "${ports[@]}"; do route "127.0.0.1:$port" "127.0.0.1:$ECHO"; done)
    peek_must_be "$table"
    for ((i = 1; i <= 5 && good < 2; i++)); do
        closed=$(log_count ' closed ')
        rm -f "$T/traffic" "$T/traffic.on"
        start_traffic "${ports[4]}"
        end_pid "$AGENT_PID"
        start_agent "$agent"
        must 15 "dill reads the empty catalog" said_again "$i"
        now_ms
        start=$NOW
        sleep 0.4
        services_return "${ports[@]}"
        now_ms
        if [ $((NOW - start)) -gt 800 ]; then
            end_pid "$TRAFFIC"
            peek_must_be "$table" 10
            continue
        fi
        stays 1500 "the table changed" peek_is "$table"
        traffic_is_fine
        same "listeners that closed" "$closed" "$(log_count ' closed ')"
        good=$((good + 1))
    done
    same "rounds in time" 2 "$good"
    deregister "web${ports[0]}"
    must 5 "what is really gone closes" refuses 127.0.0.1 "${ports[0]}"
}

# Many services

case_cluster_many_services() { # 5,000, 300 of them dill's; the others change without end, which costs next to nothing
    local ports=() i p agent before fd
    agent=$(agent_ports)
    for ((i = 0; i < 300; i++)); do ports+=("$(next_port)"); done
    p=$(next_port)
    start_agent "$agent"
    # The others are another node's: an agent looks through all of its own with each that is registered.
    python "$agent" "$ECHO" "$T" "${ports[@]}" <<'END' &
agent, place, ports = connect_agent(words[0]), words[2], words[3:]
def put(path, body):
    agent.request("PUT", path, json.dumps(body))
    answer = agent.getresponse()
    assert answer.read() is not None and answer.status == 200, answer.status
def other(number, port):
    put("/v1/catalog/register", {"Node": "other", "Address": "127.0.0.2", "Service": {
        "Service": "s%d" % number, "Port": port, "Tags": ["other", "version-%d" % number]}})
for number, port in enumerate(ports):
    put("/v1/agent/service/register", {
        "Name": "s%d" % number, "Port": int(words[1]), "Tags": ["dill", "dill.listener=local:" + port]})
for number in range(len(ports), 5000):
    other(number, 1000)
write(place + "/registered")
while not os.path.exists(place + "/change"):
    time.sleep(0.02)
start = time.monotonic()
for change in range(600):
    time.sleep(max(0, start + change / 50 - time.monotonic()))
    other(len(ports) + change * 7, 2000 + change)
write(place + "/changed")
END
    must 40 "registering" test -e "$T/registered"
    start_bare "DILL_CONSUL_ADDRESS=$SCHEME://127.0.0.1:$agent"
    must 10 "300 listeners" listeners 300
    open_conn "${ports[299]}"
    fd=$FD
    touch "$T/change"
    sleep 2     # the burst that dill allows itself is used up
    cpu_ms
    before=$CPU
    sleep 2
    URL=$SCHEME://127.0.0.1:$agent register new new-1 "$A" dill "dill.listener=local:$p"
    must 5 "a new service in all this" answers "$p" a
    ask "$fd" during || fail "a connection was lost"
    sleep 2.5
    cpu_ms
    [ ! -e "$T/changed" ] || [ "$SLOW" -gt 1 ] || fail "the changes ended before they were to"
    # 2 % of a core, and half as much again for slow machines
    at_most "milliseconds of processor time in 5 s" $((150 * SLOW)) $((CPU - before))
    must 10 "all changes" test -e "$T/changed"
    must 1 "all listeners" listeners 301
    ask "$fd" after || fail "a connection was lost"
    nothing_closed
}

# Limits

# routed_services BACKENDS PORT...: a routing file with a service a PORT; it is moved into place
routed_services() {
    local backends=$1 port
    shift
    for port in "$@"; do
        printf '[[services]]\nname = "s%s"\nlistener = "local:%s"\nbackends = [%s]\n' "$port" "$port" "$backends"
    done >"$T/routing.new"
    mv "$T/routing.new" "$T/routing.toml"
}

many_descriptors() { ! few_descriptors "$1"; }

case_cluster_limits() { # 4,400 clients and 1,024 descriptors, and routes change: no listener and no client is lost
    local p q r i fds one two backlog crowd
    p=$(next_port) q=$(next_port) r=$(next_port)
    start_peers echo:hi echo:hi
    one=127.0.0.1:${PORTS[0]} two=127.0.0.1:${PORTS[1]}
    routed_services "\"$one\"" "$p"
    DILL_RUN=(prlimit --nofile=1024:1024)
    start_dill "DILL_ROUTING_FILE_PATH=$T/routing.toml"
    peek_must_be "$(route "127.0.0.1:$p" "$one")"
    descriptors
    fds=$FDS
    # as many as dill holds and its backlog takes: Linux gives up on some of those who find a full one
    backlog=$(sysctl -n net.core.somaxconn)
    crowd=$((400 + (backlog < 4096 ? backlog : 4096)))
    # as peer.py's crowd, which cannot follow so many: holds those whom dill greets, and at last closes them in turn
    python "$p" "$crowd" "$T" <<'END' &
poll, waiting, greeted, done, lost = select.epoll(), {}, [], 0, 0
for _ in range(int(words[1])):
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(("127.0.0.1", int(words[0])))
    poll.register(sock, select.EPOLLIN)
    waiting[sock.fileno()] = sock
write(words[2] + "/crowded")
while waiting:
    for fd, _ in poll.poll(0.1):
        greeted.append(waiting.pop(fd))
        poll.unregister(fd)
        try:
            done += greeted[-1].recv(100) == b"hi\n"
        except OSError:
            lost += 1
    if os.path.exists(words[2] + "/release"):
        greeted = []    # which closes them
write(words[2] + "/crowd", done, lost)
END
    must 10 "$crowd clients" test -e "$T/crowded"
    must 5 "all descriptors in use" many_descriptors 900
    sleep 0.5
    cpu_ms
    i=$CPU
    sleep 1
    cpu_ms
    at_most "milliseconds of processor time in one second of waiting" $((150 * SLOW)) $((CPU - i))
    for i in 1 2 3; do
        routed_services "\"$one\", \"$two\"" "$p" "$q"
        register "web$i" "web-$i" "$A" dill "dill.listener=local:$r"
        must 5 "a service in the crowd" peek_has "127.0.0.1:$r"
        must 5 "a listener in the crowd" peek_has "127.0.0.1:$q"
        routed_services "\"$one\"" "$p"
        must 5 "the listener to go" not peek_has "127.0.0.1:$q"
    done
    routed_services "\"$one\", \"$two\"" "$p" "$q"
    touch "$T/release"
    must 40 "everybody's turn" test -s "$T/crowd"
    same "served in the end, and lost" "$crowd 0" "$(cat "$T/crowd")"
    same "afterwards" "hi hi" "$(says "$p") $(says "$q")"
    same "a service from these times" a "$(says "$r")"
    must 5 "about as many descriptors as before ($fds)" few_descriptors $((fds + 8))
    lacks "the log" "closed address=127.0.0.1:$p" "$(cat "$LOG")"
    lacks "the log" "closed address=127.0.0.1:$r" "$(cat "$LOG")"
}

# Chance

# MODEL_BATCHES=500 MODEL_SEED=$RANDOM explores more of it.
case_cluster_model() { # whatever changes in Consul, dill comes to be what a model says: Peek, routes, metrics, sockets
    local p
    STATUS=$(next_port) p=$(next_port)
    need_program ss iproute2
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" DILL_LISTENERS_ALLOWED=local=127.0.0.1,two=127.0.0.2,six=::1 \
        "DILL_LISTENERS_PORT_MIN=$p" "DILL_LISTENERS_PORT_MAX=$((p + 7))"
    same "dill and the model" same "$("$PYTHON" "$TOP/tests/tools/model.py" "$CONSUL_PORT" "$PEEK" "$STATUS" "$DILL_PID" "$p" "${MODEL_BATCHES:-15}" "${MODEL_SEED:-2}" 2>&1)"
}

# Neighbours

case_cluster_noisy_neighbours() { # some say nothing, some are never read, some reset: the others notice nothing
    local p q r said rounds=0 fds echo
    p=$(next_port) q=$(next_port) r=$(next_port)
    start_peers deaf
    # peer.py's servers stop accepting after a connection that was reset before they took it; this one does not
    python "$T/echo" <<'END' &
def serve(sock):
    while data := sock.recv(65536):
        sock.sendall(data)
server = socket.create_server(("127.0.0.1", 0), backlog=1024)
write(words[0], server.getsockname()[1])
while True:
    threading.Thread(target=serve, args=server.accept()[:1], daemon=True).start()
END
    must 5 "the echo server" test -e "$T/echo"
    read -r echo <"$T/echo"
    start_static "$p" "127.0.0.1:$echo" "DILL_SERVICES_DEAF_LISTENER=local:$q" \
        "DILL_SERVICES_DEAF_BACKENDS=127.0.0.1:${PORTS[0]}" "DILL_SERVICES_STORM_LISTENER=local:$r" \
        "DILL_SERVICES_STORM_BACKENDS=127.0.0.1:$echo"
    must 5 "all listeners" listeners 3
    descriptors
    fds=$FDS
    start_traffic "$p"
    python "$p" "$q" "$r" "$T/noise" <<'END' &
silent, pushing = [dial(words[0]) for _ in range(200)], [dial(words[1]) for _ in range(20)]
for sock in pushing:
    sock.setblocking(False)
write(words[3] + ".on")
pushed, storms, end = 0, 0, time.monotonic() + 5
while time.monotonic() < end or not (os.path.exists(words[3] + ".enough") or time.monotonic() > end + 40):
    for sock in pushing:
        try:
            pushed += sock.send(b"x" * 65536)
        except BlockingIOError:
            pass
    for _ in range(10):
        sock = dial(words[storms % 2 * 2])
        if storms % 3:      # some say something first
            sock.send(b"hello")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        storms += 1
    time.sleep(0.02)
write(words[3], sum(echoed(sock, b"at last") for sock in silent), pushed >= 20 << 16, storms >= 200)
END
    must 10 "the noise" test -e "$T/noise.on"
    until [ -s "$T/noise" ]; do
        said=$(client pingpong 127.0.0.1 "$p" 300)
        contains "round trips" "same " "$said"
        [ "$rounds" -lt 2 ] || ! traffic_rounds 20 || touch "$T/noise.enough"    # however slow the machine is
        [ $((rounds += 1)) -lt 1000 ] || fail "the noise does not end"
    done
    same "silent ones answered at last, enough pushed, enough storms" "200 True True" "$(cat "$T/noise")"
    at_least "clients that made their round trips" 3 "$rounds"
    traffic_is_fine
    end_pid "$PEER_PID"     # until then dill keeps what the deaf server has yet to read
    must 10 "about as many descriptors as before ($fds)" few_descriptors $((fds + 8))
    at_most "backends that dill found unhealthy" 0 "$(log_count 'unhealthy')"
}
