# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: one session: the backends that are tried for it, who is told of what, and how dill ends it.

refusing() { # COUNT: so many backends of this host that refuse, with commas between them
    local i all=()
    for ((i = 0; i < $1; i++)); do all+=("127.9.$((i / 250)).$((i % 250 + 1)):1"); done
    local IFS=,
    echo "${all[*]}"
}

lines() { # COUNT REGEX: so many lines of the log
    [ "$(log_count "$2")" = "$1" ]
}

case_many_refuse() { # more than a thread's stack would hold of them, in other threads than the first
    local p i
    p=$(next_port)
    start_static "$p" "$(refusing 4000)" DILL_PROXY_TRIES=1000 DILL_LOG_ACCESS=true DILL_HEALTH_ENABLED=false
    for i in 1 2 3; do
        [[ $(client outcome 127.0.0.1 "$p" hello) =~ ^(fin|rst)\ 0$ ]] || fail "client $i is not closed"
        must 3 "its line in the log" lines $i ' access .* attempts=1000 .* end=connect_failed$'
    done
    dill_alive || fail "dill ended: $(tail -n 1 "$LOG")"
}

case_tries() { # proxy.tries and proxy.try_time bound what one client gets; a reload changes them for the next one
    local p
    p=$(next_port)
    start_peers full full full full full full full full
    printf '[proxy]\n\n[services.web]\nlistener = local:%s\nbackends = %s\n' "$p" "$(refusing 40)" >"$T/c.ini"
    start_bare -c "$T/c.ini" DILL_LOG_ACCESS=true DILL_HEALTH_ENABLED=false
    must 5 "the listener" peek_has "127.0.0.1:$p"
    same "a client" "-" "$(says "$p")"
    must 3 "16 tries" access 'attempts=16 .* end=connect_failed$'
    sed -i 's/^$/tries = 3/' "$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the reload" log_has 'reload: done'
    same "a client" "-" "$(says "$p")"
    must 3 "3 tries" access 'attempts=3 .* end=connect_failed$'
    dill_once -t -c "$T/c.ini"
    contains "-t" "proxy.tries = 3  # $T/c.ini" "$OUT"
    contains "-t" "proxy.try_time = 10s  # default" "$OUT"
    kill "$DILL_PID"
    stop_dill 0 8
    start_static "$p" "$(printf '127.0.0.1:%s,' "${PORTS[@]}")127.0.0.1:$A" DILL_PROXY_CONNECT_TIMEOUT=300ms \
        DILL_PROXY_TRY_TIME=700ms DILL_LOG_ACCESS=true DILL_HEALTH_ENABLED=false
    same "a client whose backends keep silent" "-" "$(says "$p")"
    must 3 "as many as 700 ms allow" access 'attempts=[123] .* duration=(0\.[7-9]|[1-9]).* end=connect_failed$'
}

case_unhealthy_within_tries() { # unhealthy backends are tried last, not never, within proxy.tries
    local p
    p=$(next_port)
    start_static "$p" "127.0.0.1:$A,$(refusing 3)" DILL_PROXY_TRIES=4 DILL_LOG_ACCESS=true DILL_HEALTH_ENABLED=false
    for _ in 1 2 3 4 5 6; do same "a client" a "$(says "$p")"; done
}

case_client_resets_meanwhile() { # while its backend is being reached, and after a word: no other one is tried
    local p
    p=$(next_port)
    start_peers full full full
    start_static "$p" "$(printf '127.0.0.1:%s,' "${PORTS[@]}")127.0.0.1:$A" DILL_PROXY_CONNECT_TIMEOUT=2s \
        DILL_LOG_ACCESS=true DILL_HEALTH_ENABLED=false
    same "the client resets" reset "$(client rst 127.0.0.1 "$p" hello)"
    must 15 "its line in the log" access 'end='
    log_has ' access .* attempts=1 connect=- .* end=client$' || fail "$(grep ' access ' "$LOG")"
}

case_connect_time() { # when the first SYN was lost, and success is seen as the server speaks, or the client, late
    local p q
    p=$(next_port) q=$(next_port)
    start_peers late:hi late
    start_static "$p" "127.0.0.1:${PORTS[0]}" DILL_LOG_ACCESS=true DILL_PROXY_CONNECT_TIMEOUT=1m \
        DILL_HEALTH_ENABLED=false "DILL_SERVICES_Q_LISTENER=local:$q" "DILL_SERVICES_Q_BACKENDS=127.0.0.1:${PORTS[1]}"
    must 5 "the second listener" peek_has "127.0.0.1:$q"
    "${PEER[@]}" names 127.0.0.1 "$p" >"$T/names" &
    open_conn "$p"
    open_conn "$q"
    sleep 0.3
    kill -USR1 "$PEER_PID"      # from now on they can be reached: the next SYN comes a second after the first, or later
    must 15 "the words of the server" test -s "$T/names"
    ended "${CONNECTIONS[0]}" 5 || ended "${CONNECTIONS[0]}" 5 || fail "the server's end did not come"
    sleep $((4 * SLOW))
    printf 'hello\n' >&"${CONNECTIONS[1]}"
    sleep 0.5
    for fd in "${CONNECTIONS[@]}"; do exec {fd}>&-; done
    CONNECTIONS=()
    must 5 "the last line" access 'rx=6 '
    same "connects of a second and more" 3 "$(log_count ' access .* connect=[1-9]')"
    [[ $(grep 'rx=6 ' "$LOG") =~ connect=([0-9]+).*\ duration=([0-9]+) ]] || fail "no such line"
    at_least "seconds from the connect to the client's word" 1 $((BASH_REMATCH[2] - BASH_REMATCH[1]))
}

# With a session in the middle of a stream, on which nothing moves just now, runs COMMAND; prints how the session ended
# for the client, and for the backend, which is at the port BACKEND.
cuts() { # PORT COMMAND...
    local port=$1
    shift
    "$PYTHON" -c 'import socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
listener.settimeout(20)
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
client.sendall(b"get")
backend = listener.accept()[0]
backend.settimeout(20)
backend.recv(3)
backend.sendall(b"half")
client.recv(4)
subprocess.run(sys.argv[3:], check=True)
for sock in (client, backend):
    try:
        print("fin" if not sock.recv(9) else "bytes", end=" ")
    except ConnectionResetError:
        print("rst", end=" ")' "$port" "$BACKEND" "$@" 2>&1
}

case_cut_by_dill() { # idle timeout, drain, grace, a second signal: in the middle of a stream: a reset on both sides
    local p BACKEND
    p=$(next_port) BACKEND=$(next_port)
    start_static "$p" "127.0.0.1:$BACKEND" DILL_PROXY_IDLE_TIMEOUT=500ms DILL_HEALTH_ENABLED=false DILL_LOG_ACCESS=true
    same "idle" "rst rst " "$(cuts "$p" true)"
    must 3 "idle, in the log" access 'end=idle$'
    kill "$DILL_PID"
    stop_dill 0 8
    printf '[[services]]\nname = "web"\nlistener = "local:%s"\nbackends = ["127.0.0.1:%s"]\n' "$p" "$BACKEND" >"$T/s.toml"
    printf 'services = []\n' >"$T/none.toml"
    start_bare "DILL_ROUTING_FILE_PATH=$T/s.toml" DILL_LISTENERS_DRAIN=300ms DILL_HEALTH_ENABLED=false \
        DILL_LOG_ACCESS=true
    must 5 "the listener" peek_has "127.0.0.1:$p"
    same "drain" "rst rst " "$(cuts "$p" mv "$T/none.toml" "$T/s.toml")"
    must 3 "drain, in the log" access 'end=drain$'
    kill "$DILL_PID"
    stop_dill 0 8
    start_static "$p" "127.0.0.1:$BACKEND" DILL_SHUTDOWN_GRACE=300ms DILL_HEALTH_ENABLED=false DILL_LOG_ACCESS=true
    same "grace" "rst rst " "$(cuts "$p" kill "$DILL_PID")"
    stop_dill 0 8
    log_has ' access .* end=shutdown$' || fail "grace, in the log"
    start_static "$p" "127.0.0.1:$BACKEND" DILL_SHUTDOWN_GRACE=1m DILL_HEALTH_ENABLED=false DILL_LOG_ACCESS=true
    same "a second signal" "rst rst " "$(cuts "$p" bash -c "kill $DILL_PID; sleep 0.3; kill $DILL_PID")"
    stop_dill 1 8
    log_has ' access .* end=shutdown$' || fail "a second signal, in the log"
}

case_local_ports_run_out() { # the next backend is tried; then it is told in sum, counted as limit, booked on nobody
    local own="unshare -n" out
    need_program ip iproute2
    $own true 2>/dev/null || own="unshare -r -n"
    out=$($own env "${SANITIZERS[@]}" TEST_SLOW="$SLOW" "$PYTHON" -c 'import os, socket, subprocess, sys, time
dill, log = sys.argv[1:3]
slow = float(os.environ["TEST_SLOW"])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as f:
    f.write("20000 20003")
a, b = (socket.create_server(("127.0.0.1", port), backlog=64) for port in (30001, 30002))
env = {"DILL_SERVICES_WEB_LISTENER": "local:4000", "DILL_SERVICES_WEB_BACKENDS": "127.0.0.1:30001,127.0.0.1:30002",
       "DILL_STATUS_LISTENER": "127.0.0.1:4001", "DILL_HEALTH_ENABLED": "false", "DILL_RUNTIME_THREADS": "1",
       "DILL_SHUTDOWN_GRACE": "0"}
proc = subprocess.Popen([dill], env={**os.environ, **env}, stderr=open(log, "w"))
def connect(source, port):
    sock = socket.socket()
    sock.settimeout(10 * slow)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.2", source))       # ports of another address, which dill does not use
    sock.connect(("127.0.0.1", port))
    return sock
def page(source, path):
    sock = connect(source, 4001)
    sock.sendall(b"GET " + path + b" HTTP/1.0\r\n\r\n")
    return sock.makefile().read()
for number in range(int(500 * slow)):
    try:
        if " 200 " in page(40000 + number, b"/status"):
            break
    except OSError:
        pass
    time.sleep(.02)
time.sleep(.3)
held, ends = [], []
for number in range(20):        # each backend takes four
    sock = connect(41000 + number, 4000)
    sock.sendall(b"x")
    held.append(sock)
    time.sleep(.02)
time.sleep(.5)
for sock in held:
    sock.setblocking(False)
    try:
        ends.append(len(sock.recv(1)))
    except BlockingIOError:
        ends.append("live")
    except ConnectionResetError:
        ends.append(0)
metrics = page(42000, b"/metrics")
values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line and line[0] != "#")
print("live", ends.count("live"))
print("limit", values["dill_listener_rejected_total{listener=\"127.0.0.1:4000\",reason=\"limit\"}"])
print("failed", values["dill_listener_rejected_total{listener=\"127.0.0.1:4000\",reason=\"connect_failed\"}"])
for port in (30001, 30002):
    key = "{listener=\"127.0.0.1:4000\",backend=\"127.0.0.1:%d\"}" % port
    print(port, values["dill_backend_connect_errors_total" + key], values["dill_backend_healthy" + key])
proc.terminate()
proc.wait()' "$(realpath "$DILL")" "$T/dill.own.err" 2>&1) || fail "$out"
    LOG=$T/dill.own.err
    same "what became of 20 clients" "live 8|limit 12|failed 0|30001 0 1|30002 0 1|" "$(tr '\n' '|' <<<"$out")"
    log_has 'warn +127.0.0.1:4000: a backend cannot be tried: no local port is free' || fail "it is not said"
    at_most "lines about it" 8 "$(log_count 'no local port')"
}

case_least_conn_counts_half_closed() { # when its backend has ended, until the client has, too, as in HAProxy
    local p i said=""
    p=$(next_port)
    start_peers finfirst:a echo:b
    start_static "$p" "127.0.0.1:${PORTS[0]},127.0.0.1:${PORTS[1]}" DILL_PROXY_BALANCE=least_conn \
        DILL_HEALTH_ENABLED=false DILL_RUNTIME_THREADS=1
    for i in {1..8}; do
        open_conn "$p"
        read -r -t $((5 * SLOW)) i <&"$FD"
        said+=$i
    done
    [[ $said == abababab || $said == babababa ]] || fail "who served: $said"
}
