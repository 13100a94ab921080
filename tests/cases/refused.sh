# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: calls that a sandbox, an old kernel or an imitation of Linux refuses. Each is an improvement that dill goes
# without: 20 MB pass both ways, nothing spins, and the log has at most one line about it.

# refused_start CALL=ERROR... [-- VAR=VALUE...]: dill under tests/tools/refuse.c, in front of an echo server. Sets P.
refused_start() {
    local rules=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do rules+=("$1"); shift; done
    [ $# -eq 0 ] || shift
    if [ ! -x "$T/refuse" ]; then
        "${CC:-cc}" -std=c11 -D_DEFAULT_SOURCE -O1 "$TOP/tests/tools/refuse.c" -o "$T/refuse" || fail "refuse.c does not compile"
    fi
    WHAT="${rules[*]}"
    P=$(next_port) PEEK=$(next_port)    # SO_REUSEADDR may be refused, too
    DILL_RUN=("$T/refuse" "${rules[@]}")
    start_bare "DILL_SERVICES_WEB_LISTENER=local:$P" "DILL_SERVICES_WEB_BACKENDS=127.0.0.1:$ECHO" "$@"
    must 5 "$WHAT: the listener" accepts 127.0.0.1 "$P"
}

troubles() { # sets TROUBLES: how many lines of the log are no mere news
    TROUBLES=$(log_count '^[^ ]+ (warn|error) ')
}

# Bytes pass, and then dill rests. Idle sessions and listeners would spin, if anything did.
refused_works() {
    local before said
    open_conn "$P"
    ask "$FD" before || fail "$WHAT: no answer"
    said=$(client transfer 127.0.0.1 "$P" 20000000)
    same "$WHAT: 20 MB both ways" same "$said"
    troubles
    at_most "$WHAT: lines of trouble in the log" "${TROUBLES_MAX:-1}" "$TROUBLES"
    cpu_ms
    before=$CPU
    sleep 0.4
    cpu_ms
    at_most "$WHAT: milliseconds of processor time in 400" $((20 * SLOW)) $((CPU - before))
    ask "$FD" after || fail "$WHAT: a session was lost"
    same "$WHAT: the next client" same "$(client transfer 127.0.0.1 "$P" 1000)"
}

without() { # CALL=ERROR...
    refused_start "$@"
    refused_works
    exec {FD}>&-
    CONNECTIONS=()
    kill -TERM "$DILL_PID"
    stop_dill 0 9
}

case_refused_splice() { # and what else bulk is made of
    local error
    for error in ENOSYS EPERM EACCES EINVAL EOPNOTSUPP ENOMEM; do
        without splice=$error
        [ $error = ENOMEM ] || at_least "splice=$error: lines about it" 1 "$(log_count 'refuses splice')"
    done
    without setpipe=EPERM
    for error in ENOSYS EPERM EINVAL; do without outq=$error; done
    for error in EPERM ENOPROTOOPT; do without sndbuf=$error; done
}

case_refused_accept4() { # accept() takes its place; F_DUPFD_CLOEXEC only keeps a descriptor for later
    local error
    for error in ENOSYS EPERM EACCES EINVAL EOPNOTSUPP; do without accept4=$error; done
    for error in EINVAL EPERM; do without dupfd=$error; done
}

case_refused_epoll() { # poll() takes its place
    local error call
    for error in ENOSYS EPERM EINVAL; do
        for call in epoll_create1 epoll_ctl; do without $call=$error; done
        without epoll_wait=$error epoll_pwait=$error
    done
    ! grep -q epoll_create1 "$DILL" || same "lines about it" 1 "$(log_count "refuses epoll")"
}

case_refused_options() { # of sockets, and the rest that only makes things better
    local error option
    for error in ENOSYS EPERM EACCES EINVAL ENOPROTOOPT; do without setsockopt=$error; done
    for option in nodelay reuseaddr keepalive oobinline quickack linger user_timeout; do without $option=ENOPROTOOPT; done
    for error in EPERM EINVAL; do without tcp_info=$error so_error=$error; done
    for error in ENOSYS EPERM; do without getrandom=$error; done
    TROUBLES_MAX=2 without splice=EPERM accept4=ENOSYS epoll_create1=ENOSYS outq=EINVAL setsockopt=EPERM
}

# A listener that may not accept at all is tried again and again, without haste, and says so once; so do Peek and the
# status server. Nothing else is harmed.
case_refused_accept() {
    local error before
    for error in EPERM EINVAL EBADF EOPNOTSUPP ENETDOWN ECONNABORTED ENOSYS; do
        refused_start accept=$error accept4=$error
        cpu_ms
        before=$CPU
        sleep 0.8
        cpu_ms
        at_most "$WHAT: milliseconds of processor time in 800" $((40 * SLOW)) $((CPU - before))
        same "$WHAT: lines about it" 1 "$(log_count "127.0.0.1:$P: cannot accept: ")"
        same "$WHAT: lines about Peek" 1 "$(log_count "127.0.0.1:$PEEK: cannot accept: ")"
        kill -TERM "$DILL_PID"
        stop_dill 0 9
    done
}

listener_fd() { # PORT: the number of dill's descriptor that listens there
    local inode file
    inode=$(awk -v port="$(printf ':%04X' "$1")" '$2 ~ port "$" && $4 == "0A" { print $10 }' /proc/net/tcp)
    for file in "/proc/$DILL_PID/fd/"*; do
        [ "$(readlink "$file")" != "socket:[$inode]" ] || echo "${file##*/}"
    done
}

one_is_refused() { # starts dill; succeeds when FD_REFUSED was the descriptor of the listener at P
    refused_start "accept4@$FD_REFUSED=EPERM" "accept@$FD_REFUSED=EPERM" -- "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" \
        "DILL_SERVICES_OTHER_LISTENER=local:$Q" "DILL_SERVICES_OTHER_BACKENDS=127.0.0.1:$A"
    must 5 "the other listener" accepts 127.0.0.1 "$Q"
    [ "$(listener_fd "$P")" = "$FD_REFUSED" ] && return
    FD_REFUSED=$(listener_fd "$P")
    kill -TERM "$DILL_PID"
    stop_dill 0 9
    return 1
}

case_refused_accept_of_one() { # it is shown, and the others go on
    local i
    STATUS=$(next_port) Q=$(next_port) FD_REFUSED=99
    for ((i = 0; i < 9; i++)); do one_is_refused && break; done
    [ "$i" -lt 9 ] || fail "the listener never has the same descriptor"
    must 5 "Peek" peek_contains "127.0.0.1:$P (cannot listen: Operation not permitted)"
    peek_has "127.0.0.1:$Q" || fail "Peek: the other listener"
    contains "/routes" "{\"address\":\"127.0.0.1:$P\",\"state\":\"failed\",\"error\":\"Operation not permitted\"," \
        "$(curl -s "http://127.0.0.1:$STATUS/routes")"
    metric "dill_listener_up{listener=\"127.0.0.1:$P\"}" 0 || fail "/metrics"
    metric "dill_listener_up{listener=\"127.0.0.1:$Q\"}" 1 || fail "/metrics: the other listener"
    same "20 clients of the other listener" "$(printf 'a %.0s' {1..20})" "$(client names 127.0.0.1 "$Q" 20) "
}

routes_file() { # PORT
    cat >"$T/new.toml" <<END
[[services]]
name = "web"
listener = "local:$1"
backends = ["127.0.0.1:$A"]
END
    mv "$T/new.toml" "$T/routes.toml"
}

case_refused_inotify() { # the file is looked at once a second, as elsewhere
    local call error p q
    for call in inotify_init1 inotify_add_watch; do
        for error in ENOSYS EPERM EMFILE ENOSPC; do
            q=$(next_port)
            routes_file "$q"
            refused_start $call=$error -- "DILL_ROUTING_FILE_PATH=$T/routes.toml"
            must 5 "$WHAT: the file's listener" answers "$q" a
            p=$q q=$(next_port)
            routes_file "$q"
            must 9 "$WHAT: the file has changed" answers "$q" a
            troubles
            at_most "$WHAT: lines of trouble in the log" 1 "$TROUBLES"
            kill -TERM "$DILL_PID"
            stop_dill 0 9
        done
    done
}

case_refused_workers() { # 64 of them have no place in 256 descriptors: fewer start, and sessions have descriptors, too
    P=$(next_port)
    DILL_RUN=(prlimit --nofile=256:256)
    start_bare DILL_RUNTIME_THREADS=64 "DILL_SERVICES_WEB_LISTENER=local:$P" "DILL_SERVICES_WEB_BACKENDS=127.0.0.1:$GREET"
    must 5 "the listener" accepts 127.0.0.1 "$P"
    same "70 clients at once" "70 70 0" "$(client crowd 127.0.0.1 "$P" 70 1)"
    same "lines about it" 1 "$(log_count 'warn +workers: 16 instead of 64: more would leave too few descriptors for sessions')"
    troubles
    same "lines of trouble in the log" 1 "$TROUBLES"
}

# Memory for what somebody asks for. With sanitizers, whose own memory has no bounds, large pieces are refused instead.

short_of_memory() { # from now on
    local kb
    ! grep -Eqs '__asan_init|setarch' "$DILL" || return 0
    kb=$(awk '/^VmSize/ { print $2 }' "/proc/$DILL_PID/status")
    prlimit --pid "$DILL_PID" --as=$((kb * 1024 + 65536)): || fail "prlimit"
}

look() { # PATH: the code of the status server's answer, and its lines; `cut` in place of the code: it ended on the way
    { curl -s --max-time $((10 * SLOW)) -w '%{http_code}\n' "http://127.0.0.1:$STATUS$1" || echo cut; } |
        awk 'END { print $0, NR - 1 }'
}

PAGES=(/metrics / /routes /connections /explain/wide /metrics /nothing)

looks() { # at all pages at once: each is as in WHOLE, or says that there is no memory, or is cut, and seen to be
    local i got pids=()
    for i in "${!PAGES[@]}"; do look "${PAGES[i]}" >"$T/look.$i" & pids+=($!); done
    wait "${pids[@]}"
    for i in "${!PAGES[@]}"; do
        got=$(<"$T/look.$i")
        [[ $got == "${WHOLE[i]}" || $got == "503 1" || $got == cut* ]] ||
            fail "${PAGES[i]} without memory: \"$got\", whole it is \"${WHOLE[i]}\""
    done
    peek >/dev/null
}

case_refused_memory() { # who asks for a page gets all of it, or goes without, and nobody else notices
    local path i backends=() WHOLE=()
    STATUS=$(next_port) P=$(next_port)
    for ((i = 0; i < 4000; i++)); do backends+=("\"127.8.$((i / 250)).$((i % 250)):7\""); done
    cat >"$T/c.toml" <<END
health.enabled = false
status.listener = "127.0.0.1:$STATUS"
[[services]]
name = "web"
listener = "local:$P"
backends = ["127.0.0.1:$ECHO"]
[[services]]
name = "wide"
listener = ["local:$(next_port)", "local:$(next_port)", "local:$(next_port)", "local:$(next_port)", "local:$(next_port)"]
backends = [$(IFS=,; echo "${backends[*]}")]
END
    start_bare -c "$T/c.toml" "ASAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=1" \
        "TSAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=1"
    must 20 "the listener" accepts 127.0.0.1 "$P"
    open_conn "$P"
    ask "$FD" before || fail "no answer"
    same "/status" "200 1" "$(look /status)"
    for path in "${PAGES[@]}"; do WHOLE+=("$(look "$path")"); done
    at_least "lines of /metrics" 200000 "${WHOLE[0]#200 }"
    short_of_memory
    for ((i = 0; i < 5; i++)); do looks; done
    dill_alive || fail "dill ended: $(tail -n 1 "$LOG")"
    ask "$FD" after || fail "the session was lost"
    same "a new client" same "$(client transfer 127.0.0.1 "$P" 1000)"
    same "/status" "200 1" "$(look /status)"
    grep -Eqs '__asan_init|setarch' "$DILL" && return
    prlimit --pid "$DILL_PID" --as=unlimited:
    for i in "${!PAGES[@]}"; do same "${PAGES[i]} with memory" "${WHOLE[i]}" "$(look "${PAGES[i]}")"; done
}
