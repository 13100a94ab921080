# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: access log, port audit, counters, and a log that nobody reads.

log_counts() { [ "$(log_count "$2")" -eq "$1" ]; } # NUMBER EXTENDED-REGEX

json_lines() { # FILE PYTHON-EXPRESSION about the lines, a list of objects
    "$PYTHON" -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
sys.exit(not eval("(%s)" % sys.argv[2]))' "$1" "$2" 2>"$T/why"
}

case_log_access() { # one line a session, with all that is to be said of it
    local p dead line i
    p=$(next_port) dead=$(next_port)
    start_bare DILL_LOG_ACCESS=true DILL_HEALTH_ENABLED=false "DILL_SERVICES_MY_LISTENER=local:$p" \
        "DILL_SERVICES_MY_BACKENDS=127.0.0.1:$ECHO,127.0.0.1:$dead"
    must 5 "the listener" accepts 127.0.0.1 "$p"
    must 3 "the line of a client that says nothing" log_has ' access .* rx=0 tx=0 end=client$'
    for i in 1 2; do
        open_conn "$p"
        sleep 0.5
        ask "$FD" 123456789 || fail "no echo"
        same "lines before the session's end" $((i - 1)) "$(log_count ' access .* rx=[1-9]')"
        exec {FD}>&-
        must 3 "the session's line" log_counts "$i" ' access .* rx=10 tx=10 end=client$'
    done
    same "lines" 3 "$(log_count ' access ')"
    same "lines with all fields" 3 "$(log_count "^[-0-9]{10}T[0-9:.]{12}Z info +access listener=127\\.0\\.0\\.1:$p service=my client=127\\.0\\.0\\.1:[0-9]+ backend=127\\.0\\.0\\.1:$ECHO attempts=[12] connect=0\\.[0-9]{6} duration=[0-9]+\\.[0-9]{6} rx=(0|10) tx=(0|10) end=client\$")"
    log_has 'attempts=2' || fail "the second attempt does not show"
    log_has 'attempts=1' || fail "the first attempt does not show"
    while read -r line; do
        [[ $line =~ connect=0\.([0-9]{6})\ duration=([0-9]+)\.([0-9]{6})\ rx=10 ]] || continue
        at_most "connect in µs of a client that waited" $((100000 * SLOW)) $((10#${BASH_REMATCH[1]}))
        at_least "its duration in µs" 500000 $((10#${BASH_REMATCH[2]}${BASH_REMATCH[3]}))
    done <"$LOG"
}

case_log_access_json() { # and off by default
    local p
    p=$(next_port)
    start_bare DILL_LOG_ACCESS=true DILL_LOG_FORMAT=json -laddr "127.0.0.1:$p" "127.0.0.1:$A"
    must 5 "the listener" peek_has "127.0.0.1:$p"
    same "what the backend says, which closes first" "fin 2" "$(client outcome 127.0.0.1 "$p")"
    must 3 "the line" log_has '"message":"access"'
    json_lines "$LOG" "[sorted(l) == sorted(('time', 'level', 'message', 'listener', 'service', 'client', 'backend',
        'attempts', 'connect', 'duration', 'rx', 'tx', 'end')) and (l['listener'], l['service'], l['backend'], l['attempts'],
        l['rx'], l['tx'], l['end'], l['level']) == ('127.0.0.1:$p', 'static', '127.0.0.1:$A', 1, 0, 2, 'backend', 'info') and
        0 < l['connect'] <= l['duration'] < 60 and l['client'].startswith('127.0.0.1:')
        for l in lines if l['message'] == 'access'] == [True]" || fail "$(cat "$T/why") $(grep access "$LOG")"
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare -laddr "127.0.0.1:$p" "127.0.0.1:$A"
    must 5 "the listener" answers "$p" a
    kill "$DILL_PID"
    stop_dill 0 8
    ! log_has '[^a-z]access ' || fail "sessions are logged by default"
}

case_log_access_ends() { # each way in which a session ends has its name
    local p q r dead
    p=$(next_port) q=$(next_port) r=$(next_port) dead=$(next_port)
    routes() { # BACKEND
        printf '[services.web]\nlistener=local:%s\nbackends=%s\n[services.none]\nlistener=local:%s\nbackends=nothing.invalid:80\n[services.dead]\nlistener=local:%s\nbackends=127.0.0.1:%s\n' \
            "$p" "$1" "$q" "$r" "$dead" >"$T/r.new"
        mv "$T/r.new" "$T/r.ini"
    }
    routes "127.0.0.1:$ECHO,127.0.0.1:$GREET"
    printf 'log.access=true\nproxy.idle_timeout=200ms\nlisteners.drain=100ms\nshutdown.grace=0\nhealth.enabled=false\nrouting.file.path=%s\n' \
        "$T/r.ini" >"$T/c.properties"
    start_bare -c "$T/c.properties"
    must 5 "the listener" accepts 127.0.0.1 "$p"
    must 3 "end=client" log_has " access listener=127.0.0.1:$p .* end=client\$"
    open_conn "$p"
    ended "$FD" 5 || ended "$FD" 5 || fail "the idle session stays"       # the greeting is no end
    exec {FD}>&-
    must 3 "end=idle" log_has ' end=idle$'
    must 3 "that there is no backend" answers "$q" -
    must 3 "end=no_backend" log_has " access listener=127.0.0.1:$q service=none client=127.0.0.1:[0-9]+ backend=- attempts=0 connect=- .* rx=0 tx=0 end=no_backend\$"
    same "a dead backend" - "$(says "$r")"
    must 3 "end=connect_failed" log_has " access listener=127.0.0.1:$r service=dead .* backend=127.0.0.1:$dead attempts=1 connect=- .* end=connect_failed\$"
    routes "127.0.0.1:$A"
    sed -i 's/^proxy.idle_timeout=.*/proxy.idle_timeout=0/' "$T/c.properties"
    kill -HUP "$DILL_PID"
    must 3 "the reload" log_has 'reload: done'
    must 5 "another backend" answers "$p" a
    same "what the backend says, which closes first" "fin 2" "$(client outcome 127.0.0.1 "$p")"
    must 3 "end=backend" log_has " backend=127.0.0.1:$A attempts=1 .* rx=0 tx=2 end=backend\$"
    routes "127.0.0.1:$A,127.0.0.1:$ECHO"
    must 5 "the echo server" log_has "127.0.0.1:$p: 2 backends"
    open_conn "$p"
    ask "$FD" one || { open_conn "$p"; ask "$FD" one || fail "no echo"; }
    routes "127.0.0.1:$A"
    ended "$FD" 5 || fail "the session on a backend that left does not end"
    must 3 "end=drain" log_has " backend=127.0.0.1:$ECHO attempts=1 .* rx=4 tx=4 end=drain\$"
    routes "127.0.0.1:$ECHO"
    must 5 "the echo server again" only_echo
    open_conn "$p"
    ask "$FD" shutdown || fail "no echo"
    kill "$DILL_PID"
    stop_dill 0 8
    log_has " backend=127.0.0.1:$ECHO .* rx=9 tx=9 end=shutdown\$" || fail "no end=shutdown: $(tail -n 2 "$LOG")"
}

only_echo() { # behind the listener, as Peek shows it
    peek_has "  ├──➤ 127.0.0.1:$ECHO" && ! peek_has "  ├──➤ 127.0.0.1:$A"
}

# The port audit

case_log_audit() { # one line whenever a port opens or closes, with who asked for it and why
    local p q r taken node
    p=$(next_port) q=$(next_port) r=$(next_port) taken=$(next_port)
    node=node-$CONSUL_PORT
    printf '[consul]\naddress = %s\n[services.own]\nlistener = :%s\nbackends = 127.0.0.1:%s\n' "$CONSUL_URL" "$r" "$B" >"$T/c.ini"
    start_peers "name:x@127.0.0.1:$taken"
    start_bare -c "$T/c.ini"
    register web web-1 "$A" "other.port=local:$p" dill "dill.listener=local:$p"
    must 5 "service" answers "$p" a
    register high 'high 1' "$A" dill "dill.listener=local:$q" "dill.listener=local:$taken"
    must 5 "another service" answers "$q" a
    must 5 "the taken port" log_has "error +cannot listen on 127.0.0.1:$taken: Address already in use"
    log_has "^[-0-9]{10}T[0-9:.]{12}Z info +opened address=127.0.0.1:$p service=web instance=web-1 node=$node tag=\"dill.listener=local:$p\" source=consul why=\"new in consul\"\$" ||
        fail "opened: $(grep "opened.*:$p" "$LOG")"
    log_has " opened address=127.0.0.1:$q service=high instance=\"high 1\" node=$node tag=\"dill.listener=local:$q\" source=consul why=" ||
        fail "opened: $(grep "opened.*:$q" "$LOG")"
    log_has " opened address=0.0.0.0:$r service=own .* source=static why=\"new in static\"\$" ||
        fail "opened: $(grep "opened.*:$r" "$LOG")"
    ! log_has "opened address=127.0.0.1:$taken " || fail "it says that the taken port is open"
    end_pid "$PEER_PID"
    must 4 "the port that became free" log_has " opened address=127.0.0.1:$taken service=high .* why=\"after: Address already in use\"\$"
    deregister web-1
    must 5 "its closing" log_has " closed address=127.0.0.1:$p service=web instance=web-1 node=$node tag=\"dill.listener=local:$p\" source=consul why=\"gone from consul\"\$"
    printf '[listeners]\nport_max = %s\n' $((r > q ? q - 1 : r)) >>"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the closing of what is refused now" log_has " closed address=127.0.0.1:$q service=high .* why=\"refused: port above listeners.port_max [0-9]+\"\$"
    must 3 "that of its other listener" log_has " closed address=127.0.0.1:$taken service=high .* why=\"refused: "
    kill "$DILL_PID"
    stop_dill 0 8
    log_has " closed address=0.0.0.0:$r service=own .* why=shutdown\$" || fail "no closing at the end"
    same "openings" "4 4" "$(log_count ' opened ') $(log_count ' closed ')"
}

case_log_audit_json() { # strangers' text is quoted
    local p
    p=$(next_port)
    start_fake
    fake PUT /services "{\"o\\\"dd\\u0001é\":[$(instance 'i\n=1' "$A" dill "dill.listener=local:$p")]}"
    start_dill_on_fake DILL_LOG_FORMAT=json
    must 5 "service" answers "$p" a
    fake PUT /services '{}'
    must 5 "its closing" log_has '"message":"closed"'
    json_lines "$LOG" "[[l[k] for k in ('level', 'message', 'address', 'service', 'instance', 'node', 'tag', 'source', 'why')]
        for l in lines if l['message'] in ('opened', 'closed')] == [['info', what, '127.0.0.1:$p', 'o\"dd\\x01é', 'i\\x0a=1', 'node',
        'dill.listener=local:$p', 'consul', why] for what, why in (('opened', 'new in consul'), ('closed', 'gone from consul'))]" ||
        fail "$(cat "$T/why") $(grep '"opened\|"closed' "$LOG")"
}

hostile() { "$PYTHON" "$TOP/tests/tools/hostile.py" "$@" 2>&1; }

case_log_hostile_texts() { # strangers' names, IDs, nodes, tags and addresses are text and nothing else, wherever they are shown
    local p logs said peek=$PEEK
    p=$(next_port) STATUS=$(next_port)
    start_dill DILL_LOG_LEVEL=debug DILL_LOG_ACCESS=true
    logs=("$LOG")
    PEEK=$(next_port)
    start_dill DILL_LOG_LEVEL=debug DILL_LOG_FORMAT=json DILL_LISTENERS_ALLOWED=local=127.0.0.2 \
        "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    logs+=("$LOG")
    said=$(hostile register "$CONSUL_URL" "local:$p" "$A") || fail "registering: $said"
    must 5 "the listener" accepts 127.0.0.2 "$p"
    must 5 "that of the other" accepts 127.0.0.1 "$p"
    must 5 "what is refused" peek_contains "# refused: tag6"
    said=$(hostile check "$STATUS" "$PEEK" "${logs[@]}") || fail "$said"
    same "every output" well "$said"
    said=$("$DILL" --explain "$(hostile name)" --status.listener "127.0.0.1:$STATUS" 2>&1 | hostile text --explain) || fail "$said"
    said=$("$DILL" --plan --consul.address "$CONSUL_URL" --status.listener "127.0.0.1:$STATUS" \
        --listeners.allowed local=127.0.0.3 2>&1 | hostile text --plan) || fail "$said"
    PEEK=$peek
}

# The log when nobody reads it, and when it repeats itself

case_log_stuck_stderr() { # a full pipe on stderr costs lines, and nothing else
    local p q fd
    p=$(next_port) q=$(next_port) STATUS=$(next_port)
    mkfifo "$T/pipe"
    exec {fd}<>"$T/pipe"
    # shellcheck disable=SC2016
    DILL_RUN=(bash -c 'exec "$@" 2>"$0"' "$T/pipe")
    printf '[[services]]\nname = "%s"\nlistener = "local:%s"\nbackends = "127.0.0.1:%s"\n' \
        "$(printf 'x%.0s' {1..500})" "$p" "$A" "$(printf 'y%.0s' {1..500})" "$q" "$ECHO" >"$T/c.toml"
    start_bare -c "$T/c.toml" DILL_LOG_ACCESS=true "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" DILL_SHUTDOWN_GRACE=0 \
        "ASAN_OPTIONS=detect_leaks=1:log_path=$T/san" "UBSAN_OPTIONS=log_path=$T/san" "TSAN_OPTIONS=log_path=$T/san"
    must 5 "listeners" answers "$p" a
    open_conn "$q"
    metric_is dill_log_dropped_total 0 || fail "lines are lost at the start"
    "$PYTHON" -c 'import socket, sys
for _ in range(2000):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), float(sys.argv[2])) as s:
        assert s.makefile().read() == "a\n"' "$p" $((3 * SLOW)) 2>"$T/python.log" || fail "sessions: $(tail -n 1 "$T/python.log")"
    ask "$FD" one || fail "a session that was there does not go on"
    must 3 "lines are counted that were lost" metrics_say "m['dill_log_dropped_total'] > 0"
    metrics_say "m['dill_listener_connections_total{listener=\"127.0.0.1:$p\"}'] == 2001" || fail "not all sessions are counted"
    kill "$DILL_PID"
    stop_dill 0 4
    for fd in "$T"/san.*; do
        [ ! -s "$fd" ] || fail "sanitizer: $(grep -m 1 'ERROR: \|runtime error:\|WARNING: ' "$fd")"
    done
}

case_log_repeats() { # what is said again and again is summed up
    local p i
    p=$(next_port) STATUS=$(next_port)
    start_bare DILL_LISTENERS_ALLOW=10.0.0.0/8 "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$p" "127.0.0.1:$A"
    must 5 "the status server" metric_has process_
    same "connections" "- 60" "$(client names 127.0.0.1 "$p" 60 | tr ' ' '\n' | sort | uniq -c | awk '{ print $2, $1 }')"
    must 3 "denied clients" metric_is "dill_listener_rejected_total{listener=\"127.0.0.1:$p\",reason=\"denied\"}" 60
    at_most "lines about them" 3 "$(log_count 'is not allowed')"
    kill "$DILL_PID"
    stop_dill 0 8
    at_most "lines about them" 4 "$(log_count 'is not allowed')"
    log_has "warn +127.0.0.1:$p: client 127.0.0.1 is not allowed\$" || fail "it is not said"
    log_has "warn +127.0.0.1:$p: client 127.0.0.1 is not allowed \([0-9]+ more clients within 10s\)\$" || fail "it is not summed up"
}

# SIGUSR1

case_log_sigusr1() { # counters, up to date with sessions that live
    local p
    p=$(next_port)
    start_bare -laddr "127.0.0.1:$p" "127.0.0.1:$ECHO"
    must 5 "the listener" peek_has "127.0.0.1:$p"
    open_conn "$p"
    ask "$FD" 1234567 || fail "no echo"
    kill -USR1 "$DILL_PID"
    must 3 "counters" log_has 'info +counters listener=.* backend='
    log_has 'info +counters uptime=[0-9]+ sessions=1 limit=[0-9]+ listeners=1 refused=0 changes=1 names=0 unresolved=0 log_dropped=0 cpu=[0-9.]+ resident=[0-9]+ fds=[0-9]+$' ||
        fail "all: $(grep counters "$LOG")"
    log_has "counters listener=127.0.0.1:$p service=static active=1 connections=1 rx=8 tx=8 denied=0 no_backend=0 connect_failed=0 limit=0 loop=0\$" ||
        fail "listener: $(grep counters "$LOG")"
    log_has "counters listener=127.0.0.1:$p backend=127.0.0.1:$ECHO healthy=yes active=1 connections=1 rx=8 tx=8 connect_errors=0\$" ||
        fail "backend: $(grep counters "$LOG")"
    ask "$FD" 123 || fail "the session did not live on"
    kill -USR1 "$DILL_PID"
    must 3 "counters again" log_has 'counters listener=.* active=1 connections=1 rx=12 tx=12 connect_errors=0$'
    same "lines" 6 "$(log_count counters)"
}

# systemd's notifications

# receive ADDRESS: a service manager; each message is a line of $T/notified, its lines joined by |, with whether
# MONOTONIC_USEC is the time of now.
