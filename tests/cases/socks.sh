# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: backends behind a SOCKS proxy: microsocks, Dante, and one that does what real ones hardly ever do.

start_microsocks() { # [USER PASSWORD]: sets PROXY (its port)
    local login=()
    need_program microsocks microsocks
    [ $# -eq 0 ] || login=(-u "$1" -P "$2")
    PROXY=$(next_port)
    PROGRAM_PORT=$PROXY
    start_program microsocks microsocks -i "${PROGRAM_HOST:-127.0.0.1}" -p "$PROXY" "${login[@]}"
}

start_socks() { # OPTION...: socks_server.py; sets PROXY (its port), PROXY_LOG
    local file=$T/socks.$((STARTED += 1))
    PROXY_LOG=$file.seen
    "$PYTHON" "$TOP/tests/tools/socks_server.py" --log "$PROXY_LOG" "$@" >"$file" 2>"$file.stderr" 9>&- &
    must 5 "SOCKS proxy" test -s "$file"
    read -r PROXY <"$file"
}

# behind NAME PORT BACKENDS [PROXY-URL]: the environment of a static service behind the proxy
behind() {
    printf 'DILL_SERVICES_%s_LISTENER=local:%s\nDILL_SERVICES_%s_BACKENDS=%s\nDILL_SERVICES_%s_PROXY=%s\n' \
        "$1" "$2" "$1" "$3" "$1" "${4:-socks5://127.0.0.1:$PROXY}"
}

# start_behind BACKENDS [WORD]...: dill with one service at PORT behind the proxy
start_behind() {
    local backends=$1 vars
    shift
    PORT=$(next_port)
    mapfile -t vars < <(behind WEB "$PORT" "$backends" "${PROXY_URL:-}")
    start_bare "${vars[@]}" DILL_LOG_ACCESS=true DILL_LOG_LEVEL=debug DILL_HEALTH_ENABLED=false "$@"
    must 5 "the listener" peek_has "127.0.0.1:$PORT"
}

case_socks_login() { # a real proxy, user and password from a tag, with every character that must be escaped
    local p STATUS
    start_microsocks 'us@er' 'p@ss:w/or d%41?#é'
    p=$(next_port) STATUS=$(next_port)
    start_dill DILL_LOG_LEVEL=debug "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    register web web-1 "$A" dill "dill.listener=local:$p" \
        "dill.proxy=socks5://us%40er:p%40ss%3aw%2For%20d%2541%3F%23%c3%a9@127.0.0.1:$PROXY"
    peek_must_be "$(route "127.0.0.1:$p" "socks5://127.0.0.1:$PROXY ─➤ 127.0.0.1:$A")"
    answers "$p" a || fail "nothing came through the proxy: $(tail -n 2 "$LOG")"
    lacks "the log" 'p@ss' "$(cat "$LOG")"
    lacks "the log" '%3F' "$(cat "$LOG")"
    for page in / /routes /connections /metrics /explain/web; do
        contains "$page" "$A" "$(curl -s "http://127.0.0.1:$STATUS$page" | tee "$T/page")"
        ! grep -Eq 'p@ss|%3F|us@er|us%40er' "$T/page" || fail "credentials in $page"
    done
}

case_socks_wrong_password() { # the client is closed, and the log says why
    local word text
    start_microsocks user right
    for word in user:wrong user user:right1 ''; do
        text="the SOCKS proxy refused user or password"
        [ -n "$word" ] || text="the SOCKS proxy wants a user and password, or another method"
        PROXY_URL=socks5://${word:+$word@}127.0.0.1:$PROXY
        start_behind "127.0.0.1:$A"
        [[ $(client outcome 127.0.0.1 "$PORT" hello) =~ ^(fin|rst)\ 0$ ]] || fail "$word: the client is not closed"
        must 3 "$word: the session in the log" access 'attempts=1 connect=- .* rx=0 tx=0 end=connect_failed'
        log_has "backend socks5://127.0.0.1:$PROXY ─➤ 127.0.0.1:$A: $text" || fail "$word: $(tail -n 5 "$LOG")"
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

case_socks_bulk() { # from a file, a real proxy without a login: both ways, IPv4 and IPv6
    local p
    start_microsocks
    start_peers send:20000000 "name:six@[::1]" hold
    p=$(next_port)
    cat >"$T/c.toml" <<END
[[services]]
name = "bulk"
listener = "local:$p"
backends = ["127.0.0.1:${PORTS[0]}"]
proxy = "socks5://127.0.0.1:$PROXY"
[[services]]
name = "six"
listener = "local:$((p + 1))"
backends = ["[::1]:${PORTS[1]}"]
proxy = "socks5h://127.0.0.1:$PROXY/"
[[services]]
name = "up"
listener = "local:$((p + 2))"
backends = ["127.0.0.1:${PORTS[2]}"]
proxy = "socks5://127.0.0.1:$PROXY"
END
    next_port >/dev/null
    next_port >/dev/null
    start_bare -c "$T/c.toml"
    must 5 "listeners" peek_has "127.0.0.1:$((p + 2))"
    peek_has "  ├──➤ socks5://127.0.0.1:$PROXY ─➤ [::1]:${PORTS[1]}" || fail "Peek: $(peek)"
    same "20 MB to the client" same "$(client download 127.0.0.1 "$p" 20000000)"
    same "over IPv6" six "$(says $((p + 1)))"
    head -c 20000000 /dev/zero | timeout $((10 * SLOW)) nc -N 127.0.0.1 $((p + 2)) &
    must 10 "20 MB to the backend" logged '^3 fin 20000000'
}

case_socks_dante() { # another real proxy: names, half-closes, 20 MB
    need_program danted dante-server
    PROGRAM_PORT=$(next_port) PROXY=$PROGRAM_PORT
    cat >"$T/danted.conf" <<END
logoutput: stderr
internal: 127.0.0.1 port = $PROXY
external: 127.0.0.1
socksmethod: none
clientmethod: none
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
END
    start_program danted danted -f "$T/danted.conf" -p "$T/danted.pid" -N 1
    start_behind "localhost:$COUNT"
    same "an upload" same "$(client upload 127.0.0.1 "$PORT" 20000000)"
    must 3 "its end" access 'rx=20000000 .* end=client'
    kill "$PROGRAM_PID" # or its children stay
    must 5 "its end" exited "$PROGRAM_PID"
}

case_socks_ipv6_proxy() { # the proxy itself is there
    local PROGRAM_HOST=::1
    start_microsocks
    PROXY_URL="socks5://[::1]:$PROXY"
    start_behind "127.0.0.1:$A"
    peek_must_be "$(route "127.0.0.1:$PORT" "socks5://[::1]:$PROXY ─➤ 127.0.0.1:$A")"
    answers "$PORT" a || fail "no answer: $(tail -n 2 "$LOG")"
}

case_socks_tag_changes() { # if only the password: new clients take the new way, and live sessions stay on theirs
    local p live
    p=$(next_port)
    start_socks --user user --password right
    start_dill
    register echo echo-1 "$ECHO" dill "dill.listener=local:$p" "dill.proxy=socks5://user:wrong@127.0.0.1:$PROXY"
    peek_must_be "$(route "127.0.0.1:$p" "socks5://127.0.0.1:$PROXY ─➤ 127.0.0.1:$ECHO")"
    same "with the wrong password" "fin 0" "$(client outcome 127.0.0.1 "$p")"
    register echo echo-1 "$ECHO" dill "dill.listener=local:$p" "dill.proxy=socks5://user:right@127.0.0.1:$PROXY"
    must 5 "the right password" echoes "$p"
    open_conn "$p"
    live=$FD
    ask "$live" one || fail "no echo"
    register echo echo-1 "$ECHO" dill "dill.listener=local:$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO")"
    : >"$PROXY_LOG"
    echoes "$p" || fail "no echo without the proxy"
    same "what the proxy was asked" "" "$(cat "$PROXY_LOG")"
    ask "$live" two || fail "the live session has ended"
}

echoes() { # PORT
    [ "$(client transfer 127.0.0.1 "$1" 1000)" = same ]
}

case_socks_names() { # the proxy resolves them, dill does not even try
    start_socks --name "secret.invalid=127.0.0.1"
    start_behind "secret.invalid:$A"
    peek_must_be "$(route "127.0.0.1:$PORT" "socks5://127.0.0.1:$PROXY ─➤ secret.invalid:$A")"
    answers "$PORT" a || fail "no answer: $(tail -n 2 "$LOG")"
    same "what the proxy was asked" "name secret.invalid $A user=-" "$(cat "$PROXY_LOG")"
    lacks "the log" "cannot resolve" "$(cat "$LOG")"
}

case_socks_proxy_by_name() { # the proxy is a host name, and its login is asked for with what it has
    start_socks --user me --password ''
    PROXY_URL=socks5://me@localhost:$PROXY
    start_behind "127.0.0.1:$A"
    must 5 "the proxy's address" peek_contains "socks5://127.0.0.1:$PROXY ─➤ 127.0.0.1:$A"
    answers "$PORT" a || fail "no answer: $(tail -n 2 "$LOG")"
    same "what the proxy was asked" "ipv4 127.0.0.1 $A user=me" "$(cat "$PROXY_LOG")"
}

case_socks_pieces_and_glue() { # replies byte by byte, and together with the backend's first words: nothing is lost
    local p pieces glue log vars
    start_peers send:3000000 "name:x"
    start_socks --pieces 1 --user user --password word
    pieces=$PROXY log=$PROXY_LOG
    start_socks --glue
    glue=$PROXY
    p=$(next_port)
    for _ in 1 2 3; do next_port >/dev/null; done
    mapfile -t vars < <(behind PIECES "$p" "127.0.0.1:${PORTS[0]}" "socks5://user:word@127.0.0.1:$pieces"
        behind GLUE $((p + 1)) "127.0.0.1:${PORTS[0]}" "socks5://127.0.0.1:$glue"
        behind WORD $((p + 2)) "127.0.0.1:${PORTS[1]}" "socks5://127.0.0.1:$glue"
        behind ECHO $((p + 3)) "127.0.0.1:$ECHO" "socks5://user:word@127.0.0.1:$pieces")
    start_bare "${vars[@]}" DILL_HEALTH_ENABLED=false
    must 5 "listeners" peek_has "127.0.0.1:$((p + 3))"
    same "in pieces" same "$(client download 127.0.0.1 "$p" 3000000)"
    same "what the proxy was asked" "ipv4 127.0.0.1 ${PORTS[0]} user=user" "$(cat "$log")"
    same "glued" same "$(client download 127.0.0.1 $((p + 1)) 3000000)"
    same "a glued word" x "$(says $((p + 2)))"
    same "eight at a time" same "$(client transfer 127.0.0.1 $((p + 3)) 300000 8)"
}

case_socks_refusals() { # each code in words, once, though nobody asked for details
    local p code text vars=() proxies=()
    p=$(next_port)
    for code in 1 2 3 4 5 6 7 8 9; do
        "$PYTHON" "$TOP/tests/tools/socks_server.py" --reply $code >"$T/proxy.$code" 2>"$T/proxy.$code.stderr" 9>&- &
        next_port >/dev/null
    done
    for code in 1 2 3 4 5 6 7 8 9; do
        must 8 "SOCKS proxy" test -s "$T/proxy.$code"
        mapfile -t -O ${#vars[@]} vars < <(behind "S$code" $((p + code)) "127.0.0.1:$A" \
            "socks5://127.0.0.1:$(cat "$T/proxy.$code")")
    done
    start_bare "${vars[@]}" DILL_HEALTH_ENABLED=false
    must 5 "listeners" peek_has "127.0.0.1:$((p + 9))"
    while read -r code text; do
        same "code $code" - "$(says $((p + code)))"
        must 3 "code $code in the log" log_has \
            "warn +backend socks5://127.0.0.1:$(cat "$T/proxy.$code") ─➤ 127.0.0.1:$A is unhealthy: a client's connect failed: SOCKS: $text\$"
    done <<'END'
1 general failure
2 not allowed by its rules
3 network unreachable
4 host unreachable
5 connection refused
6 TTL expired
7 command not supported
8 address type not supported
9 unknown reply code
END
}

case_socks_next_backend() { # the proxy cannot reach one, or gets no answer from it: dill asks for the next
    local dead
    dead=$(next_port)
    start_peers full
    start_socks
    start_behind "127.0.0.1:$dead,127.0.0.1:${PORTS[0]},127.0.0.1:$COUNT" DILL_PROXY_CONNECT_TIMEOUT=400ms
    same "an upload" same "$(client upload 127.0.0.1 "$PORT" 300000)"
    must 3 "the session in the log" access 'attempts=3 .* rx=300000 .* end=client'
    log_has "─➤ 127.0.0.1:$dead: SOCKS: connection refused" || fail "the first: $(cat "$LOG")"
    log_has "─➤ 127.0.0.1:${PORTS[0]}: Connection timed out" || fail "the second: $(cat "$LOG")"
    same "what the proxy was asked" "$dead ${PORTS[0]} $COUNT" "$(cut -d ' ' -f 3 "$PROXY_LOG" | xargs)"
}

case_socks_mute() { # a proxy that says nothing costs proxy.connect_timeout for each backend, and no processor time
    local start before
    start_socks --mute
    start_behind "127.0.0.1:$A,127.0.0.1:$B" DILL_PROXY_CONNECT_TIMEOUT=500ms
    cpu_ms
    before=$CPU
    now_ms
    start=$NOW
    same "a client that goes" reset "$(client rst 127.0.0.1 "$PORT")"
    same "the outcome" "fin 0" "$(client outcome 127.0.0.1 "$PORT")"
    now_ms
    at_least "milliseconds until the client is closed" 950 $((NOW - start))
    cpu_ms
    at_most "milliseconds of processor time" $((30 * SLOW)) $((CPU - before))
    must 3 "the session in the log" access 'attempts=2 connect=- .* end=connect_failed'
    log_has "─➤ 127.0.0.1:$A: Connection timed out" || fail "the first: $(cat "$LOG")"
    log_has "─➤ 127.0.0.1:$B: Connection timed out" || fail "the second: $(cat "$LOG")"
}

case_socks_client_goes_meanwhile() { # a client that is reset while a proxy is asked costs no processor time either
    local p before
    p=$(next_port)
    start_peers full
    start_socks --mute
    printf '[services.web]\nlistener = local:%s\nbackends = 127.0.0.1:%s\n' "$p" "${PORTS[0]}" >"$T/c.ini"
    # The second backend is reached through the proxy, once the first has not answered.
    start_bare -c "$T/c.ini" DILL_PROXY_CONNECT_TIMEOUT=1s DILL_HEALTH_ENABLED=false DILL_LOG_LEVEL=debug
    must 5 "the listener" peek_has "127.0.0.1:$p"
    "$PYTHON" -c 'import os, socket, struct, sys, time
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))' "$p" "$T/go" &
    must 3 "the client" peer_of "$p"
    printf 'proxy = socks5://127.0.0.1:%s\n' "$PROXY" >>"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the proxy" peek_contains "socks5://127.0.0.1:$PROXY ─➤ "
    must 3 "the first attempt" log_has "backend 127.0.0.1:${PORTS[0]}: Connection timed out"
    : >"$T/go"
    wait $!
    cpu_ms
    before=$CPU
    sleep 0.5
    cpu_ms
    at_most "milliseconds of processor time in 500" 50 $((CPU - before))
}

peer_of() { # PORT: somebody is connected to it
    grep -Eq "^ *[0-9]+: 0100007F:$(printf %04X "$1") [0-9A-F]{8}:[0-9A-F]{4} 01" /proc/net/tcp
}

case_socks_shared_listener() { # each service's own backends are reached through its own proxy
    local p first
    p=$(next_port)
    start_socks --user me --password sesame
    first=$PROXY
    start_dill
    register bbb bbb-1 "$B" dill "dill.listener=local:$p"
    register aaa aaa-1 "$A" dill "dill.listener=local:$p" "dill.proxy=socks5://me:sesame@127.0.0.1:$first"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$B" "socks5://127.0.0.1:$first ─➤ 127.0.0.1:$A")"
    same "both answer" "a b" "$({ says "$p"; says "$p"; } | sort | xargs)"
    lacks "the log" sesame "$(cat "$LOG")"
}

case_socks_preamble() { # the header goes to the backend behind the proxy, not to the proxy
    local version
    start_header_server count
    start_socks --pieces 1
    for version in v1 v2; do
        : >"$HEADERS"
        start_behind "127.0.0.1:$HEADER_PORT" DILL_SERVICES_WEB_PROXY_PROTOCOL=$version
        same "$version: an upload" same "$(client upload 127.0.0.1 "$PORT" 3000000)"
        must 3 "$version: the session in the log" access 'attempts=1 .* rx=3000000 .* end=client'
        seen "$version 127\.0\.0\.1 [0-9]+ 127\.0\.0\.1 $PORT" || fail "$version: the header: $(cat "$HEADERS")"
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

# server_behind PORT: a server that can be ended by its SERVER
server_behind() {
    "${PEER[@]}" serve "name:x@127.0.0.1:$1" >"$T/behind" 2>&1 9>&- &
    SERVER=$!
    must 5 "the server behind the proxy" accepts 127.0.0.1 "$1"
}

case_socks_health() { # checks go through the proxy, as far as the backend
    local p q name vars
    q=$(next_port) p=$(next_port)
    start_microsocks user pass
    server_behind "$q"
    name="socks5://127.0.0.1:$PROXY ─➤ 127.0.0.1:$q"
    mapfile -t vars < <(behind WEB "$p" "127.0.0.1:$q" "socks5://user:pass@127.0.0.1:$PROXY")
    start_bare "${vars[@]}" DILL_HEALTH_INTERVAL=50ms DILL_HEALTH_TIMEOUT=1s
    peek_must_be "$(route "127.0.0.1:$p" "$name")"
    stays 400 "a backend that can be reached is unhealthy" peek_has "  ├──➤ $name"
    end_pid "$SERVER"
    must 5 "the backend is gone" peek_has "  ├──➤ $name (unhealthy)"
    must 2 "the reason" log_has "warn +backend $name is unhealthy: SOCKS: connection refused"
    server_behind "$q"
    must 5 "the backend is back" peek_has "  ├──➤ $name"
    answers "$p" x || fail "no answer"
    end_pid "$PROGRAM_PID"
    must 5 "the proxy is gone" peek_has "  ├──➤ $name (unhealthy)"
    must 2 "the reason" log_has "warn +backend $name is unhealthy: Connection refused"
}

case_socks_wrong_url() { # refuses the service, with its reason and without its password
    local p
    p=$(next_port)
    start_dill
    register one one-1 "$A" dill "dill.listener=local:$p" dill.proxy=http://me:sesame@127.0.0.1:80
    register two two-1 "$A" dill "dill.listener=local:$p" dill.proxy=socks5://me:ses%ame@127.0.0.1:80
    register three three-1 "$A" dill "dill.listener=local:$p" dill.proxy=socks5://127.0.0.1
    must 5 "refusal" peek_has \
        "# refused: one wants proxy=http://********@127.0.0.1:80: is not socks5://[user:password@]host:port"
    must 5 "refusal" peek_contains "# refused: two wants proxy=socks5://********@127.0.0.1:80: "
    must 5 "refusal" peek_contains "# refused: three wants proxy=socks5://127.0.0.1: "
    refuses 127.0.0.1 "$p" || fail "the listener is open"
    lacks "the log" ses "$(cat "$LOG")"
}

case_socks_wrong_url_without_scheme() { # has a password all the same, which is not shown
    local p url
    p=$(next_port)
    start_dill DILL_LOG_LEVEL=debug
    for url in me:sesame@127.0.0.1:80 socks5:me:sesame@127.0.0.1:80 socks5:/me:sesame@127.0.0.1:80 //me:sesame@127.0.0.1:80; do
        register web web-1 "$A" dill "dill.listener=local:$p" "dill.proxy=$url"
        must 5 "refusal of $url" peek_contains "127.0.0.1:80: is not socks5://[user:password@]host:port"
        lacks "Peek" sesame "$(peek)"
    done
    lacks "the log" sesame "$(cat "$LOG")"
}
