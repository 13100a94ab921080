# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: the data plane.

# static NAME LISTENER BACKEND,BACKEND: the environment of a static service (also without Consul)
static() { printf 'DILL_SERVICES_%s_LISTENER=%s\nDILL_SERVICES_%s_BACKENDS=%s\n' "$1" "$2" "$1" "$3"; }

# start_static PORT BACKEND,... [VAR=VALUE]...: dill with one static service on 127.0.0.1:PORT
start_static() {
    local port=$1 backends=$2 vars
    shift 2
    mapfile -t vars < <(static WEB "local:$port" "$backends")
    start_bare "${vars[@]}" "$@"
    must 5 "the static service" peek_contains "127.0.0.1:$port"
}

# Data plane

case_round_robin_exact() { # in order, one cursor for a listener, with several workers
    local p said one
    p=$(next_port)
    start_static "$p" "127.0.0.1:$A,127.0.0.1:$B,127.0.0.1:$C" DILL_RUNTIME_THREADS=4
    said=$(client names 127.0.0.1 "$p" 60)
    one="${said:0:5}"
    [[ "a b c a b" == *"$one"* ]] || fail "not in order: $said"
    same "60 connections" "$(for _ in {1..20}; do printf '%s ' "$one"; done)" "$said "
}

case_round_robin_parallel() { # clients at the same time: each backend has its exact share
    local p i pids=()
    p=$(next_port)
    start_static "$p" "127.0.0.1:$A,127.0.0.1:$B,127.0.0.1:$C" DILL_RUNTIME_THREADS=4
    for i in 1 2 3 4; do
        "${PEER[@]}" names 127.0.0.1 "$p" 30 >"$T/said.$i" &
        pids+=($!)
    done
    wait "${pids[@]}"
    same "shares" " 40 a 40 b 40 c " "$(cat "$T"/said.* | tr ' ' '\n' | sort | uniq -c | tr -s ' \n' ' ')"
}

case_balance_strategies() { # proxy.balance is shown and serves
    local p balance
    p=$(next_port)
    for balance in random p2c least_conn; do
        start_static "$p" "127.0.0.1:$A,127.0.0.1:$B" DILL_PROXY_BALANCE=$balance
        peek_must_be "$(BALANCE=$balance route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B")"
        same "all served with $balance" 40 \
            "$(client names 127.0.0.1 "$p" 40 | tr ' ' '\n' | grep -c '^[ab]$')"
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

case_bytes_unchanged() { # in both directions at once, much and little, several connections
    local p
    p=$(next_port)
    start_static "$p" "127.0.0.1:$ECHO"
    same "8 MB" same "$(client transfer 127.0.0.1 "$p" 8000000)"
    same "8 connections of 500 kB" same "$(client transfer 127.0.0.1 "$p" 500000 8)"
    same "pieces of 7 bytes" same "$(client transfer 127.0.0.1 "$p" 20000 1 7)"
    same "nothing" same "$(client transfer 127.0.0.1 "$p" 0)"
    same "one byte" same "$(client transfer 127.0.0.1 "$p" 1)"
}

case_small_messages() { # each at once: no delay between the two sides
    local p said
    p=$(next_port)
    start_static "$p" "127.0.0.1:$ECHO"
    said=$(client pingpong 127.0.0.1 "$p" 1000)
    [[ $said =~ ^same\ ([0-9]+)$ ]] || fail "messages: $said"
    at_most "median of microseconds" $((5000 * SLOW)) "${BASH_REMATCH[1]}"
}

case_half_close() { # each direction ends on its own
    local p q
    p=$(next_port) q=$(next_port)
    start_peers finfirst:bye
    start_static "$p" "127.0.0.1:$COUNT" "DILL_SERVICES_BYE_LISTENER=local:$q" \
        "DILL_SERVICES_BYE_BACKENDS=127.0.0.1:${PORTS[0]}"
    same "answer after the client's end" same "$(client upload 127.0.0.1 "$p" 3000000)"
    must 5 "the second listener" accepts 127.0.0.1 "$q"
    same "the backend ends first" "fin 4" "$(client halves 127.0.0.1 "$q" 300000)"
    must 5 "what the client sent after that" logged '^1 count 300000 fin'
}

case_reset_passed_on() { # in both directions
    local p q
    p=$(next_port) q=$(next_port)
    start_peers reset hold
    start_static "$p" "127.0.0.1:${PORTS[0]}" "DILL_SERVICES_HOLD_LISTENER=local:$q" \
        "DILL_SERVICES_HOLD_BACKENDS=127.0.0.1:${PORTS[1]}"
    same "the backend resets" "rst 0" "$(client outcome 127.0.0.1 "$p" x)"
    must 5 "the second listener" peek_has "127.0.0.1:$q"
    same "the client resets" reset "$(client rst 127.0.0.1 "$q" hello)"
    must 5 "the backend sees a reset" logged '^2 rst'
}

case_reset_of_a_quiet_side() { # passes through even when nothing is read from that side any more
    local p backend
    p=$(next_port) backend=$(next_port)
    start_static "$p" "127.0.0.1:$backend"
    same "what the backend saw" "end reset" "$(python3 - "$p" "$backend" <<'END'
import select, socket, struct, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[2])))
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
client.sendall(b"x")
client.shutdown(socket.SHUT_WR)
server.settimeout(5)
peer = server.accept()[0]
peer.settimeout(5)
while peer.recv(10):
    pass
time.sleep(0.3)
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
client.close()
poll = select.poll()
poll.register(peer, 0)
got = poll.poll(5000)
print("end", "reset" if got and got[0][1] & select.POLLERR else "nothing")
END
)"
}

# both_full PORT WHO BACKEND-PORT: a client and a backend fill both directions through dill, and neither reads; then WHO dies
# with a reset. Prints what the other one is told within 8 s.
both_full() { # PORT WHO
    "$PYTHON" -c 'import select, socket, struct, sys, time
port, backend_port, who, slow = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
listener = socket.create_server(("127.0.0.1", backend_port))
client = socket.create_connection(("127.0.0.1", port), 10 * slow)
client.send(b"x")
backend = listener.accept()[0]
full, deadline = 0, time.monotonic() + 30 * slow
while full < 100 and time.monotonic() < deadline:      # in small pieces: none is bulk
    full += 1
    for sock in (client, backend):
        sock.setblocking(False)
        try:
            sock.send(b"x" * 3000)
            full = 0
        except BlockingIOError:
            pass
    time.sleep(.001)
time.sleep(.2)
if select.select([], [client, backend], [], 0)[1]:
    sys.exit("they are not full")
dead, left = (client, backend) if who == "client" else (backend, client)
dead.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
dead.close()
start, told = time.monotonic(), "nothing"
while told == "nothing" and time.monotonic() - start < 8 * slow:
    try:
        left.send(b"x")
    except BlockingIOError:
        pass
    except OSError:
        told = "reset"
    time.sleep(.02)
print(told)' "$1" "$3" "$2" "$SLOW" 2>&1
}

case_reset_when_both_are_full() { # passes through although neither side reads
    local p q who
    p=$(next_port) q=$(next_port)
    start_static "$p" "127.0.0.1:$q" DILL_HEALTH_ENABLED=false DILL_LOG_ACCESS=true
    for who in client backend; do
        same "what the other side is told when the $who dies" reset "$(both_full "$p" $who "$q")"
        must 3 "the line in the log" log_has " access .* end=$who\$"
    done
}

case_urgent_bytes() { # are bytes of the stream like any other, in the middle of much and of little
    local p size before
    p=$(next_port)
    start_static "$p" "127.0.0.1:$COUNT"
    for size in 10 20000000; do
        cpu_ms
        before=$CPU
        same "bytes of $size, an urgent one, and $size" "$((2 * size + 1))" "$("$PYTHON" -c 'import socket, sys, time
size = int(sys.argv[2])
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20 * float(sys.argv[3]))
s.sendall(b"a" * size)
time.sleep(.2)
s.send(b"U", socket.MSG_OOB)
time.sleep(1)
s.sendall(b"z" * size)
s.shutdown(socket.SHUT_WR)
print(s.makefile().read().split()[0])' "$p" "$size" "$SLOW" 2>&1)"
        cpu_ms
        at_most "milliseconds of processor time in a second and more" $((300 * SLOW)) $((CPU - before))
    done
}

case_backpressure_upload() { # a backend that never reads: the client waits, dill keeps little and sleeps
    local p sent before pid
    p=$(next_port)
    start_peers deaf
    start_static "$p" "127.0.0.1:${PORTS[0]}"
    memory_kb
    before=$KB
    "${PEER[@]}" flood 127.0.0.1 "$p" 2 >"$T/sent" &
    pid=$!
    sleep 1
    memory_kb
    at_most "kB of memory more" $((6000 * (SLOW > 1 ? 8 : 1))) $((KB - before))
    cpu_ms
    before=$CPU
    sleep 0.7
    cpu_ms
    at_most "milliseconds of processor time in a stalled connection" $((20 * SLOW)) $((CPU - before))
    wait "$pid"
    sent=$(cat "$T/sent")
    at_least "bytes taken" 100000 "$sent"
    at_most "bytes taken" 60000000 "$sent"
}

case_backpressure_download() { # a client that reads late gets everything, and dill keeps little
    local p before
    p=$(next_port)
    start_peers send:40000000
    start_static "$p" "127.0.0.1:${PORTS[0]}"
    memory_kb
    before=$KB
    "${PEER[@]}" download 127.0.0.1 "$p" 40000000 1.2 >"$T/got" &
    sleep 1
    memory_kb
    at_most "kB of memory more" $((6000 * (SLOW > 1 ? 8 : 1))) $((KB - before))
    must 20 "the download" test -s "$T/got"
    same "40 MB" same "$(cat "$T/got")"
}

case_slow_client_stalls_nobody() { # other connections of the same worker go on
    local p
    p=$(next_port)
    start_peers send:40000000
    start_static "$p" "127.0.0.1:${PORTS[0]}" DILL_RUNTIME_THREADS=1 \
        "DILL_SERVICES_ECHO_LISTENER=local:$((p + 1))" "DILL_SERVICES_ECHO_BACKENDS=127.0.0.1:$ECHO"
    next_port >/dev/null
    "${PEER[@]}" download 127.0.0.1 "$p" 40000000 5 >/dev/null &
    sleep 0.3
    must 5 "the other listener" peek_has "127.0.0.1:$((p + 1))"
    same "another connection" same "$(client transfer 127.0.0.1 $((p + 1)) 1000000)"
}

case_backend_refuses() { # the next one is tried; when all have been, the client is closed
    local p q r dead start
    p=$(next_port) q=$(next_port) r=$(next_port) dead=$(next_port)
    start_static "$p" "127.0.0.1:$dead,127.0.0.1:$B" "DILL_SERVICES_DEAD_LISTENER=local:$q" \
        "DILL_SERVICES_DEAD_BACKENDS=127.0.0.1:$dead" "DILL_SERVICES_COUNT_LISTENER=local:$r" \
        "DILL_SERVICES_COUNT_BACKENDS=127.0.0.1:$dead,127.0.0.1:$COUNT"
    same "with one dead backend" "b b b b" "$(client names 127.0.0.1 "$p" 4)"
    must 5 "the third listener" peek_has "127.0.0.1:$r"
    same "what the client has said goes to the next one" "same same" \
        "$(client upload 127.0.0.1 "$r" 300000) $(client upload 127.0.0.1 "$r" 300000)"
    must 5 "the second listener" peek_has "127.0.0.1:$q"
    now_ms
    start=$NOW
    [[ $(client outcome 127.0.0.1 "$q") =~ ^(fin|rst)\ 0$ ]] || fail "a client without a backend is not closed"
    now_ms
    at_most "milliseconds until the client was closed" $((2000 * SLOW)) $((NOW - start))
}

case_connect_timeout() { # a backend that does not answer is skipped after proxy.connect_timeout
    local p start took said
    p=$(next_port)
    start_peers full
    start_static "$p" "127.0.0.1:${PORTS[0]},127.0.0.1:$B" DILL_PROXY_CONNECT_TIMEOUT=400ms
    now_ms
    start=$NOW
    same "two connections" "b b" "$(client names 127.0.0.1 "$p" 2)"
    now_ms
    took=$((NOW - start))
    at_least "milliseconds with a silent backend" 380 "$took"
    at_most "milliseconds with a silent backend" $((2000 * SLOW)) "$took"
    open_conn "$p"      # this client says nothing, and keeps its side open
    open_conn "$p"
    read -r -t $((5 * SLOW)) said <&"${CONNECTIONS[0]}"
    same "a silent client" b "$said"
    kill "$DILL_PID"
    stop_dill 0 8
    start_static "$p" "127.0.0.1:${PORTS[0]},127.0.0.1:$COUNT" DILL_PROXY_CONNECT_TIMEOUT=400ms
    same "what the client has said goes to the next one" "same same" \
        "$(client upload 127.0.0.1 "$p" 300000) $(client upload 127.0.0.1 "$p" 300000)"
}

case_all_workers_serve() { # connections at once with several threads, all served
    local p
    p=$(next_port)
    start_static "$p" "127.0.0.1:$GREET" DILL_RUNTIME_THREADS=3
    same "200 at once" "200 200 0" "$(client crowd 127.0.0.1 "$p" 200 3)"
    same "threads of the data plane and others" yes \
        "$([ "$(find "/proc/$DILL_PID/task" -mindepth 1 -maxdepth 1 | wc -l)" -ge 4 ] && echo yes)"
}

few_descriptors() {
    descriptors
    [ "$FDS" -le "$1" ]
}

case_no_descriptor_is_lost() { # over many connections, ended in every way
    local p q r before i
    p=$(next_port) q=$(next_port) r=$(next_port)
    start_peers reset hold
    start_static "$p" "127.0.0.1:$A" "DILL_SERVICES_R_LISTENER=local:$q" \
        "DILL_SERVICES_R_BACKENDS=127.0.0.1:${PORTS[0]}" "DILL_SERVICES_H_LISTENER=local:$r" \
        "DILL_SERVICES_H_BACKENDS=127.0.0.1:${PORTS[1]}"
    must 5 "all listeners" peek_has "127.0.0.1:$r"
    peek >/dev/null
    client names 127.0.0.1 "$p" 3 >/dev/null
    sleep 0.2
    descriptors
    before=$FDS
    client names 127.0.0.1 "$p" 100 >/dev/null
    for i in {1..8}; do
        client outcome 127.0.0.1 "$q" x >/dev/null
        client rst 127.0.0.1 "$r" "$i" >/dev/null
    done
    must 3 "about as many descriptors as before ($before)" few_descriptors $((before + 4))
}

case_drain_of_a_backend() { # its live connections may go on for listeners.drain
    local p fd
    p=$(next_port)
    start_dill DILL_LISTENERS_DRAIN=1s
    register web web-1 "$ECHO" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO")"
    open_conn "$p"
    fd=$FD
    ask "$fd" before || fail "connection"
    register web web-2 "$A" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO" "127.0.0.1:$A")"
    deregister web-1
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")"
    ask "$fd" during || fail "the connection ended before the drain time"
    same "new connections" "a a" "$(client names 127.0.0.1 "$p" 2)"
    ended "$fd" 4 || fail "the connection is alive after the drain time"
    same "the listener goes on" a "$(says "$p")"
}

case_drain_of_a_listener() { # likewise, when the whole listener goes
    local p fd
    p=$(next_port)
    start_dill DILL_LISTENERS_DRAIN=1s
    register web web-1 "$ECHO" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO")"
    open_conn "$p"
    fd=$FD
    ask "$fd" before || fail "connection"
    deregister web-1
    must 5 "the listener to close" refuses 127.0.0.1 "$p"
    ask "$fd" during || fail "the connection ended with the listener"
    ended "$fd" 4 || fail "the connection is alive after the drain time"
}

case_drain_zero() { # closes them at once
    local p
    p=$(next_port)
    start_dill DILL_LISTENERS_DRAIN=0
    register web web-1 "$ECHO" dill "dill.listener=local:$p"
    register web web-2 "$A" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO" "127.0.0.1:$A")"
    open_conn "$p"
    ask "$FD" before || { open_conn "$p"; ask "$FD" before; } || fail "connection"
    deregister web-1
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")"
    ended "$FD" 1 || fail "the connection is alive with a drain time of 0"
}

# A client that says nothing, with a drain time of 0, and then its backend leaves. Sets FD.
leave_silent() { # PORT-OF-BACKEND
    local p
    p=$(next_port)
    start_dill DILL_LISTENERS_DRAIN=0 DILL_PROXY_CONNECT_TIMEOUT=1m
    register web web-1 "$1" dill "dill.listener=local:$p"
    must 5 "the listener" accepts 127.0.0.1 "$p"
    open_conn "$p"
    sleep 0.2
    register web web-1 "$A" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")"
}

case_drain_zero_silent() { # nor those on which nobody has said a word yet
    leave_silent "$ECHO"
    ended "$FD" 5 || fail "the silent connection is alive with a drain time of 0"
}

case_drain_zero_connecting() { # nor those whose connect has not succeeded yet: they end when it does
    start_peers late
    leave_silent "${PORTS[0]}"
    kill -USR1 "$PEER_PID"
    ended "$FD" 8 || fail "the connection is alive with a drain time of 0"
}

case_drain_comes_back() { # a backend that has come back drains no more: its connections go by the idle timeout again
    local p
    p=$(next_port)
    start_dill DILL_LISTENERS_DRAIN=1m DILL_PROXY_IDLE_TIMEOUT=1s
    register web web-1 "$ECHO" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO")"
    open_conn "$p"
    register web web-1 "$A" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")"
    ask "$FD" during || fail "no echo"
    register web web-1 "$ECHO" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO")"
    ended "$FD" 8 || fail "it drains on"
}

case_drain_listener_comes_back() { # a listener that has come back knows its live sessions, which drain no more
    local p
    p=$(next_port) STATUS=$(next_port)
    printf '[services.web]\nlistener = local:%s\nbackends = 127.0.0.1:%s\n' "$p" "$ECHO" >"$T/web.ini"
    cp "$T/web.ini" "$T/r.ini"
    start_bare "DILL_ROUTING_FILE_PATH=$T/r.ini" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" DILL_LISTENERS_DRAIN=3s
    must 5 "the listener" accepts 127.0.0.1 "$p"
    open_conn "$p"
    ask "$FD" before || fail "no echo"
    printf 'services = \n' >"$T/none.ini"
    mv "$T/none.ini" "$T/r.ini"
    must 5 "the listener to close" refuses 127.0.0.1 "$p"
    must 3 "its series, while it drains" metric_is "dill_listener_connections_active{listener=\"127.0.0.1:$p\"}" 1
    ask "$FD" during || fail "the connection ended with the listener"
    kill -USR1 "$DILL_PID"
    must 3 "its counters in the log" log_has "counters listener=127.0.0.1:$p service=web active=1 "
    must 3 "its backend's" log_has "counters listener=127.0.0.1:$p backend=127.0.0.1:$ECHO .*active=1 "
    mv "$T/web.ini" "$T/r.ini"
    must 5 "the listener again" accepts 127.0.0.1 "$p"
    must 3 "its live session" metric_is "dill_listener_connections_active{listener=\"127.0.0.1:$p\"}" 1
    metric_is "dill_listener_sent_bytes_total{listener=\"127.0.0.1:$p\"}" 14 || fail "bytes: $(metrics | grep sent_bytes)"
    stays 3500 "the connection drained on" ask "$FD" after
}

case_bind_failure() { # shown with its reason, and tried again until the port is free
    local p
    p=$(next_port)
    start_peers "name:holder@127.0.0.1:$p"
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p (cannot listen: Address already in use)" "127.0.0.1:$A")"
    must 2 "logged" log_has "127.0.0.1:$p.*(Address already in use|EADDRINUSE)"
    same "the holder is undisturbed" holder "$(says "$p")"
    sleep 2
    at_most "lines about it" 2 "$(log_count 'Address already in use')"
    end_pid "$PEER_PID"
    must 15 "the port, once it is free" answers "$p" a
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")"
}

case_bind_failure_no_longer_wanted() {
    local p
    p=$(next_port)
    start_peers "name:holder@127.0.0.1:$p"
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p (cannot listen: Address already in use)" "127.0.0.1:$A")"
    deregister web-1
    peek_must_be "$NO_ROUTE"
    end_pid "$PEER_PID"
    sleep 1.5
    refuses 127.0.0.1 "$p" || fail "a port that nobody wants any more was opened"
}

case_rebind_wider() { # 127.0.0.1 becomes 0.0.0.0, and back: the port is open again at once, and nothing has failed
    local p label gaps=() pid
    p=$(next_port)
    wider() { printf '[[services]]\nname = "web"\nlistener = "%s:%s"\nbackends = ["127.0.0.1:%s"]\n' "$1" "$p" "$A" >"$T/new"; mv "$T/new" "$T/routes.toml"; }
    wider local
    start_bare "DILL_ROUTING_FILE_PATH=$T/routes.toml"
    must 5 "the listener" answers "$p" a
    for label in any local any local any; do
        client outage 127.0.0.1 "$p" 1.5 >"$T/gap" &
        pid=$!
        wider "$label"
        wait "$pid"
        gaps+=("$(cat "$T/gap")")
    done
    must 5 "the last change" peek_contains "0.0.0.0:$p"
    mapfile -t gaps < <(printf '%s\n' "${gaps[@]}" | sort -n)
    at_most "milliseconds without service (${gaps[*]}), the median" $((250 * SLOW)) "${gaps[2]}"
    lacks "the log" "cannot listen" "$(cat "$LOG")"
    same "openings" 6 "$(log_count " opened .*address=.*:$p .*why=.?new in")"
}

case_second_dill() { # on the same port fails to bind, and does not share it
    local p first
    p=$(next_port)
    start_static "$p" "127.0.0.1:$A"
    must 5 "the first" answers "$p" a
    first=$PEEK
    PEEK=$(next_port)
    start_static "$p" "127.0.0.1:$B"
    peek_must_be "$(route "127.0.0.1:$p (cannot listen: Address already in use)" "127.0.0.1:$B")"
    same "who answers" "a a a a a a" "$(client names 127.0.0.1 "$p" 6)"
    PEEK=$first peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")"
}

case_descriptors_run_out() { # accepting pauses, nothing spins, no client is dropped, and it resumes
    local p before first all lost
    p=$(next_port)
    DILL_RUN=(prlimit --nofile=64:64)
    start_static "$p" "127.0.0.1:$GREET"
    "${PEER[@]}" crowd 127.0.0.1 "$p" 60 2 >"$T/crowd" &
    sleep 0.7
    cpu_ms
    before=$CPU
    sleep 1
    cpu_ms
    at_most "milliseconds of processor time while waiting" $((60 * SLOW)) $((CPU - before))
    must 40 "the crowd" test -s "$T/crowd"
    read -r first all lost <"$T/crowd"
    at_least "served at first" 8 "$first"
    at_most "served at first" 31 "$first"
    same "served in the end, and dropped" "60 0" "$all $lost"
    dill_alive || fail "dill ended"
    same "afterwards" hi "$(says "$p")"
}

case_descriptors_taken_away() { # the same when the limit falls below what dill counted on
    local p before first all lost
    p=$(next_port)
    start_static "$p" "127.0.0.1:$GREET"
    descriptors
    prlimit --pid "$DILL_PID" --nofile=$((FDS + 9)): || fail "prlimit"
    "${PEER[@]}" crowd 127.0.0.1 "$p" 30 2 >"$T/crowd" &
    sleep 0.7
    cpu_ms
    before=$CPU
    sleep 1
    cpu_ms
    at_most "milliseconds of processor time while waiting" $((60 * SLOW)) $((CPU - before))
    must 40 "the crowd" test -s "$T/crowd"
    read -r first all lost <"$T/crowd"
    at_least "served at first" 2 "$first"
    at_most "served at first" 8 "$first"
    same "served in the end, and dropped" "30 0" "$all $lost"
    same "afterwards" hi "$(says "$p")"
}

case_max_connections() { # accepting pauses at the limit, and resumes
    local p
    p=$(next_port)
    start_static "$p" "127.0.0.1:$GREET" DILL_PROXY_MAX_CONNECTIONS=5
    same "12 clients" "5 12 0" "$(client crowd 127.0.0.1 "$p" 12 0.7)"
    must 3 "why it paused" log_has 'warn +accepting pauses: there are 5 connections, the most that there may be$'
}

# One client takes all that it can get of one listener: the other one's places are not among that, and a client who has to
# wait there is let in as soon as one of them is free. What is set aside follows the configuration and the table.
case_listeners_reserve() {
    local p q r flood before
    p=$(next_port) q=$(next_port) r=$(next_port) STATUS=$(next_port)
    printf '%s\n' 'proxy.max_connections=40' "status.listener=127.0.0.1:$STATUS" "services.a.listener=local:$p" \
        "services.a.backends=127.0.0.1:$GREET" "services.b.listener=local:$q" "services.b.backends=127.0.0.1:$GREET" \
        >"$T/c.properties"
    start_bare -c "$T/c.properties" DILL_HEALTH_ENABLED=false DILL_LISTENERS_DRAIN=10m
    must 5 "listeners" peek_contains "127.0.0.1:$q"
    "${PEER[@]}" crowd 127.0.0.1 "$p" 100 300 >/dev/null &
    flood=$!
    must 9 "what the flood gets" metric dill_sessions 24
    must 3 "why it waits" log_has \
        "warn +127.0.0.1:$p: accepting pauses: what is left of 40 connections is for other listeners\$"
    metrics_say "m['dill_accept_pauses_total{reason=\"limit\"}'] >= 1" || fail "it is not counted"
    cpu_ms
    before=$CPU
    sleep 0.5
    cpu_ms
    at_most "milliseconds of processor time in 500, while it waits" $((50 * SLOW)) $((CPU - before))
    same "lines about all connections" 0 "$(log_count 'accepting pauses: there are 40')"
    same "20 clients of the other, 16 at a time" "16 20 0" "$(client crowd 127.0.0.1 "$q" 20 1)"
    printf '%s\n' "services.c.listener=local:$r" "services.c.backends=127.0.0.1:$GREET" >>"$T/c.properties"
    kill -HUP "$DILL_PID"
    must 5 "a third listener" peek_contains "127.0.0.1:$r"
    same "which has 10 places of its own" "10 15 0" "$(client crowd 127.0.0.1 "$r" 15 1)"
    echo listeners.reserve=0 >>"$T/c.properties"
    kill -HUP "$DILL_PID"
    must 5 "the flood takes all" metric dill_sessions 40
    must 5 "all wait" log_has 'warn +accepting pauses: there are 40 connections'
    kill "$flood"
    must 9 "its end" metric dill_sessions 0
    same "all are for anybody now" "40 45 0" "$(client crowd 127.0.0.1 "$q" 45 1)"
}

case_idle_timeout() { # a silent connection ends, a busy one does not
    local p silent i
    p=$(next_port)
    start_static "$p" "127.0.0.1:$ECHO" DILL_PROXY_IDLE_TIMEOUT=800ms
    open_conn "$p"
    silent=$FD
    ask "$silent" hi || fail "connection"
    open_conn "$p"
    for i in 1 2 3 4 5 6; do
        ask "$FD" "$i" || fail "a busy connection ended"
        sleep 0.25
    done
    ended "$silent" 2 || fail "a silent connection is alive"
}

case_idle_timeout_silent() { # counts from the end of the connect when nobody says a word, whatever its own timeout is
    local p start
    p=$(next_port)
    start_peers late full
    start_static "$p" "127.0.0.1:${PORTS[0]}" DILL_PROXY_IDLE_TIMEOUT=300ms DILL_PROXY_CONNECT_TIMEOUT=10m DILL_LOG_ACCESS=true \
        DILL_HEALTH_ENABLED=false
    open_conn "$p"
    sleep 0.5
    kill -USR1 "$PEER_PID"      # from now on it can be reached: the system tries a second after the first time, or two later
    ended "$FD" 8 || fail "it is alive"
    must 3 "its line in the log, with the time of the connect" access 'attempts=1 connect=[1-9].* end=idle$'
    kill "$DILL_PID"
    stop_dill 0 8
    start_static "$p" "127.0.0.1:$ECHO" DILL_PROXY_IDLE_TIMEOUT=1500ms DILL_PROXY_CONNECT_TIMEOUT=200ms
    open_conn "$p"
    now_ms
    start=$NOW
    ended "$FD" 5 || fail "it is alive after the connect's timeout"
    now_ms
    at_least "milliseconds" 1400 $((NOW - start))
    kill "$DILL_PID"
    stop_dill 0 8
    start_static "$p" "127.0.0.1:${PORTS[1]},127.0.0.1:$A" DILL_PROXY_IDLE_TIMEOUT=200ms DILL_PROXY_CONNECT_TIMEOUT=1s
    same "a slow connect is no idle session" "a a" "$(client names 127.0.0.1 "$p" 2)"
}

case_idle_timeout_standstill() { # what has come meanwhile was not late: the process stood still, not the sessions
    local p
    p=$(next_port)
    start_static "$p" "127.0.0.1:$ECHO" "DILL_PROXY_IDLE_TIMEOUT=${SLOW}s" DILL_RUNTIME_THREADS=1
    same "sessions after that" 300 "$("$PYTHON" -c 'import os, signal, socket, sys, time
port, pid, slow = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
socks = [socket.create_connection(("127.0.0.1", port), 10 * slow) for _ in range(300)]
for sock in socks:
    sock.sendall(b"a")
    sock.recv(1)
os.kill(pid, signal.SIGSTOP)
for sock in socks:
    sock.sendall(b"b")
time.sleep(1.3 * slow)
os.kill(pid, signal.SIGCONT)
alive = 0
for sock in socks:
    try:
        alive += sock.recv(1) == b"b"
    except OSError:
        pass
print(alive)' "$p" "$DILL_PID" "$SLOW")"
}

kept_alive() { # PORT COUNT: so many connections of dill from or to this port have keepalive, by the kernel's own word
    [ "$(ss -tnopH state established "sport = :$1 or dport = :$1" | grep "pid=$DILL_PID," | grep -c 'timer:(keepalive')" = "$2" ]
}

case_keepalive() { # on both sides of a session that lives longer than a connect may take, also of a silent one
    local p
    p=$(next_port)
    need_program ss iproute2
    printf '[proxy]\nconnect_timeout = 300ms\nidle_timeout = 1h\n' >"$T/c.ini"
    start_static "$p" "127.0.0.1:$ECHO" -c "$T/c.ini"
    open_conn "$p"
    ask "$FD" hi || fail "no echo"
    sed -i 's/1h/0/' "$T/c.ini"     # an idle timeout makes keepalive needless
    kill -HUP "$DILL_PID"
    must 3 "the reload" log_has 'reload: done'
    open_conn "$p"
    open_conn "$p"
    ask "$FD" hi || fail "no echo"
    must 3 "keepalive towards clients" kept_alive "$p" 3
    must 3 "keepalive towards backends" kept_alive "$ECHO" 3
}

case_idle_timeout_slow_reader() { # who takes what was sent before is not idle; who stops is cut off, and told so
    local p
    p=$(next_port)
    start_peers send:50000000
    start_static "$p" "127.0.0.1:${PORTS[0]}" "DILL_PROXY_IDLE_TIMEOUT=${SLOW}s" DILL_LOG_ACCESS=true
    same "a slow reader, and one who stops" "alive, then reset" "$("$PYTHON" -c 'import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
s.settimeout(10 * float(sys.argv[2]))
s.connect(("127.0.0.1", int(sys.argv[1])))
taken = 0
while taken < 4200000:          # more than what the kernel keeps for it
    some = s.recv(20000)
    taken += len(some)
    if not some:
        sys.exit("it has ended")
    time.sleep(.05)
print("alive", end=", then ", flush=True)
time.sleep(4 * float(sys.argv[2]))
try:
    while s.recv(1 << 20):
        pass
    print("an end like any other")
except ConnectionResetError:
    print("reset")' "$p" "$SLOW" 2>&1)"
    must 3 "its line in the log" log_has ' access .* end=idle$'
}

case_static_and_consul_together() { # the table is the union of the sources
    local p q
    p=$(next_port) q=$(next_port)
    start_static "$p" "127.0.0.1:$A" "DILL_CONSUL_ADDRESS=$CONSUL_URL"
    register web web-1 "$B" dill "dill.listener=local:$q"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A"; route "127.0.0.1:$q" "127.0.0.1:$B")"
    same "static" a "$(says "$p")"
    same "Consul" b "$(says "$q")"
}

case_static_without_consul() { # no Consul is asked when static services are all there is
    local p
    p=$(next_port)
    start_static "$p" "localhost:$A" DILL_LOG_LEVEL=debug
    must 5 "backend by host name" answers "$p" a
    sleep 1
    ! log_has '8500' || fail "Consul was tried: $(grep -m 1 8500 "$LOG")"
}
