# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: Peek, signals and the end.

# Peek

case_peek_without_routes() {
    start_dill
    printf '%s\n' "$NO_ROUTE" >"$T/want"
    nc -d 127.0.0.1 "$PEEK" >"$T/got"
    cmp -s "$T/want" "$T/got" || fail "Peek: $(cat "$T/got")"
}

case_peek_is_sorted() { # by address and port as numbers, not as text
    local p=9873 q
    q=$(next_port)
    start_bare "DILL_LISTENERS_ALLOWED=x=127.0.0.10,y=127.0.0.2,z=0.0.0.0" \
        "DILL_SERVICES_A_LISTENER=x:$q" "DILL_SERVICES_A_BACKENDS=127.0.0.1:$B,127.0.0.1:$A" \
        "DILL_SERVICES_B_LISTENER=y:$q" "DILL_SERVICES_B_BACKENDS=127.0.0.1:$B" \
        "DILL_SERVICES_C_LISTENER=y:$p" "DILL_SERVICES_C_BACKENDS=127.0.0.1:$C" \
        "DILL_SERVICES_D_LISTENER=z:$((q + 1))" "DILL_SERVICES_D_BACKENDS=127.0.0.1:$C"
    next_port >/dev/null
    peek_must_be "$(route "0.0.0.0:$((q + 1))" "127.0.0.1:$C"; route "127.0.0.2:$p" "127.0.0.1:$C"
        route "127.0.0.2:$q" "127.0.0.1:$B"; route "127.0.0.10:$q" "127.0.0.1:$B" "127.0.0.1:$A")"
}

refusals() { [ "$(peek | grep -c "^# refused")" -eq "$1" ]; }

case_patient_sources() { # where all share a CPU, clients go before what a source has to read
    local nice
    start_dill "DILL_CONSUL_ADDRESS=$CONSUL_URL" DILL_RUNTIME_THREADS=1
    nice=$(cut -d ' ' -f 19 "/proc/$DILL_PID/stat")
    must 5 "the thread of the source" has_nicer "$((nice + 5))" 1
    has_nicer "$nice" 2 || fail "the worker and the control plane are not as nice as dill was started"
}

has_nicer() { # NICE COUNT: so many of dill's threads, or more
    [ "$(cut -d ' ' -f 19 "/proc/$DILL_PID"/task/*/stat | grep -cx -- "$1")" -ge "$2" ]
}

case_peek_client_never_reads() { # and stalls nothing, whatever the length of the text
    local p before i long tags=
    p=$(next_port)
    long=$(printf '\177%.0s' {1..500})      # 4 bytes each when they are shown: 6 MB, more than a socket takes
    for ((i = 0; i < 3000; i++)); do tags+=",\"dill.listener=$i$long:80\""; done
    start_fake
    printf '{"web":[{"Port":%s,"Tags":["dill"%s]}]}' "$A" "$tags" >"$T/body"
    fake PUT /services "@$T/body"
    start_dill_on_fake
    must 10 "3000 refusals in Peek" refusals 3000
    "${PEER[@]}" mute 127.0.0.1 "$PEEK" 10 >"$T/mute" 2>/dev/null &
    must 5 "silent clients" test -s "$T/mute"
    fake PUT "/services" "{\"web\":[$(instance w "$A" dill "dill.listener=local:$p")]}"
    must 10 "a new listener" answers "$p" a
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")"
    cpu_ms
    before=$CPU
    sleep 0.7
    cpu_ms
    at_most "milliseconds of processor time" $((20 * SLOW)) $((CPU - before))
    kill "$DILL_PID"
    stop_dill 0 3
}

case_peek_many_clients() {
    local p i want pids=()
    p=$(next_port)
    start_static "$p" "127.0.0.1:$A"
    want=$(route "127.0.0.1:$p" "127.0.0.1:$A")
    for i in {1..30}; do
        peek >"$T/peek.$i" &
        pids+=($!)
    done
    wait "${pids[@]}"
    for i in {1..30}; do same "Peek of client $i" "$want" "$(cat "$T/peek.$i")"; done
}

case_peek_port_taken() { # what the operator asked for and cannot have is an error at start
    local p
    p=$(next_port)
    start_peers "hold@127.0.0.1:$p"
    dill_once "DILL_PEEK_LISTENER=127.0.0.1:$p" "DILL_CONSUL_ADDRESS=$CONSUL_URL"
    same "exit status" 1 "$RC"
    contains "the error" "Address already in use" "$ERR"
}

# Signals and the end

case_signal_term_and_int() { # with nothing to finish: at once, with 0
    local p signal start
    p=$(next_port)
    for signal in TERM INT; do
        start_static "$p" "127.0.0.1:$A" "DILL_CONSUL_ADDRESS=$CONSUL_URL"
        must 5 "service" answers "$p" a
        now_ms
        start=$NOW
        kill -$signal "$DILL_PID"
        stop_dill 0 4
        now_ms
        at_most "milliseconds until SIG$signal ended dill" $((1000 * SLOW)) $((NOW - start))
        refuses 127.0.0.1 "$p" || fail "the port is open after the end"
    done
}

case_signal_while_consul_hangs() { # the source's waits end at once
    start_fake
    fake PUT "/fault?mode=hang"
    start_dill_on_fake
    sleep 0.5
    kill "$DILL_PID"
    stop_dill 0 1
}

case_grace_lets_finish() { # no new connections; the live one goes on; dill ends with it
    local p start
    p=$(next_port)
    start_static "$p" "127.0.0.1:$ECHO" DILL_SHUTDOWN_GRACE=20s
    open_conn "$p"
    ask "$FD" before || fail "connection"
    kill "$DILL_PID"
    must 2 "the listener to close" refuses 127.0.0.1 "$p"
    stays 700 "the live connection ended in the grace time" ask "$FD" during
    dill_alive || fail "dill did not wait for the connection"
    now_ms
    start=$NOW
    exec {FD}>&-
    stop_dill 0 4
    now_ms
    at_most "milliseconds from the last connection to the end" $((1000 * SLOW)) $((NOW - start))
}

case_grace_passes() { # then dill ends with 0 all the same
    local p start took
    p=$(next_port)
    start_static "$p" "127.0.0.1:$ECHO" DILL_SHUTDOWN_GRACE=1s
    open_conn "$p"
    ask "$FD" before || fail "connection"
    now_ms
    start=$NOW
    kill "$DILL_PID"
    stop_dill 0 8
    now_ms
    took=$((NOW - start))
    at_least "milliseconds of grace" 900 "$took"
    at_most "milliseconds of grace" $((2500 * SLOW)) "$took"
    ended "$FD" 1 || fail "the connection outlived dill"
}

case_second_signal() { # ends dill at once, with 1
    local p first second start
    p=$(next_port)
    for first in TERM INT; do
        for second in TERM INT; do
            start_static "$p" "127.0.0.1:$ECHO" DILL_SHUTDOWN_GRACE=30s
            must 5 "listener" peek_has "127.0.0.1:$p"
            open_conn "$p"
            ask "$FD" before || fail "connection"
            kill -$first "$DILL_PID"
            must 2 "the listener to close" refuses 127.0.0.1 "$p"
            now_ms
            start=$NOW
            kill -$second "$DILL_PID"
            stop_dill 1 4
            now_ms
            at_most "milliseconds until the second signal ended dill" $((1000 * SLOW)) $((NOW - start))
            exec {FD}>&-
        done
    done
}

case_signal_pipe() { # is ignored
    local p
    p=$(next_port)
    start_static "$p" "127.0.0.1:$A"
    kill -PIPE "$DILL_PID"
    must 5 "the service" answers "$p" a
    dill_alive || fail "SIGPIPE ended dill"
}

case_standard_descriptors_closed() { # neither the signal pipe nor a socket takes the place of stderr
    local closed before
    for closed in '2>&-' '>&- 2>&-' '<&- 2>&-' '<&- >&- 2>&-'; do
        DILL_RUN=(bash -c "exec \"\$@\" $closed" dill)
        start_static "$(next_port)" "127.0.0.1:$A" DILL_LOG_LEVEL=debug
        cpu_ms
        before=$CPU
        same "Peek" "$(peek_has '  ├ round_robin'; echo $?)" 0
        sleep 0.3
        cpu_ms
        at_most "milliseconds of processor time with $closed" $((100 * SLOW)) $((CPU - before))
        kill "$DILL_PID"
        stop_dill 0 5
    done
}
