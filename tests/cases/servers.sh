# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: dill's own servers, for strangers who would have them to themselves.

besieged() { # PORT KIND COUNT: from now on; sets SIEGE
    local kind=${2%%:*}
    "${PEER[@]}" besiege 127.0.0.1 "$1" "$2" "$3" >"$T/siege.$1.$kind" 2>"$T/siege.why" &
    SIEGE=$!
    must 10 "the siege by $kind" test -s "$T/siege.$1.$kind"
}

relieved() { # ends it
    ! exited "$SIEGE" || fail "the siege ended: $(tail -n 1 "$T/siege.why")"
    end_pid "$SIEGE"
    return 0
}

served() { # COUNT PATH: prints how many of so many requests, one after the other, are answered with 200
    local i
    for ((i = 0; i < $1; i++)); do
        curl -s -o "$T/served" -w '%{http_code}\n' --max-time $((5 * SLOW)) "http://127.0.0.1:$STATUS$2"
    done | grep -c '^200$'
}

many_listeners() { # COUNT: a dill with so many of them on an address of its own; sets STATUS
    local address
    STATUS=$(next_port)
    address=127.76.$((STATUS / 256)).$((STATUS % 256))
    "$PYTHON" -c 'import sys
print("services:")
for n in range(12000, 12000 + int(sys.argv[2])):
    print("- name: s%d\n  listener: far:%d\n  backends: [127.0.0.1:%s]" % (n, n, sys.argv[1]))' "$A" "$1" >"$T/r.yaml"
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_LISTENERS_ALLOWED=far=$address" \
        "DILL_ROUTING_FILE_PATH=$T/r.yaml" DILL_HEALTH_ENABLED=false DILL_LOG_LEVEL=error
    must 20 "the last listener" accepts "$address" $((12000 + $1 - 1))
}

# PORT: sets KB, the most that the system keeps to be sent from that port, of 20 looks: who is given up asks again, and at
# one moment hardly anybody may have an answer
system_kb() {
    local i kb
    KB=0
    for i in {1..20}; do
        kb=$(ss -tmnH "sport = :$1" | sed -n 's/.*skmem:([^)]*,w\([0-9]*\),.*/\1/p' | awk '{ sum += $1 } END { print int(sum / 1024) }')
        [ "$kb" -le "$KB" ] || KB=$kb
        sleep 0.05
    done
}

case_servers_slow_heads() { # clients whose heads never end: others are served, at once
    STATUS=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$(next_port)" "127.0.0.1:$A"
    must 5 "readiness" status_is /status 200
    besieged "$STATUS" heads 160
    same "probes that are answered" 40 "$(served 40 /status)"
    same "pages that need the workers" 20 "$(served 20 /metrics)"
    relieved
}

case_servers_idle() { # clients that say nothing, of either server
    local i
    STATUS=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$(next_port)" "127.0.0.1:$A"
    must 5 "readiness" status_is /status 200
    besieged "$STATUS" idle 160
    same "probes that are answered" 40 "$(served 40 /status)"
    relieved
    besieged "$PEEK" idle 160
    for i in {1..20}; do
        contains "Peek, the $i. time" "round_robin" "$(peek)"
    done
    relieved
}

case_servers_askers() { # clients that have the next question always there: others are let in, and served
    STATUS=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$(next_port)" "127.0.0.1:$A"
    must 5 "readiness" status_is /status 200
    besieged "$STATUS" askers 160
    same "probes that are answered" 20 "$(served 20 /status)"
    same "pages that need the workers" 10 "$(served 10 /metrics)"
    relieved
}

case_servers_stuck_readers() { # who asks for much and reads nothing: others are served, and what dill holds is bounded
    local before
    many_listeners 2000
    memory_kb
    before=$KB
    besieged "$STATUS" readers 40
    same "big answers for those who read" 20 "$(served 20 /metrics)"
    relieved
    memory_kb
    [ "$SLOW" -gt 1 ] || at_most "KB that dill has grown by" 25000 $((KB - before))
    besieged "$STATUS" readers 160
    same "big answers beside more of them" 20 "$(served 20 /metrics)"
    system_kb "$STATUS"
    at_least "KB that the system keeps for them, at most" 1000 "$KB"
    at_most "KB that the system keeps for them, at most" 50000 "$KB"
    relieved
    memory_kb
    [ "$SLOW" -gt 1 ] || at_most "KB that dill has grown by" 25000 $((KB - before))
}

case_servers_stuck_askers() { # the same, who ask about one service of very many instances
    local before
    STATUS=$(next_port)
    "$PYTHON" -c 'print("services:\n- name: big\n  listener: local:%d\n  backends: [%s]" % (
    '"$(next_port)"', ", ".join("10.%d.%d.1:80" % (i // 250, i % 250) for i in range(60000))))' >"$T/r.yaml"
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_ROUTING_FILE_PATH=$T/r.yaml" DILL_HEALTH_ENABLED=false \
        DILL_LOG_LEVEL=error
    must 10 "the service" status_is /explain/big 200
    at_least "bytes about it" 700000 "${#BODY}"
    memory_kb
    before=$KB
    besieged "$STATUS" readers:/explain/big 120
    at_least "beside them, of 10 who read" $((SLOW > 1 ? 1 : 10)) "$(served 10 /explain/big)"
    memory_kb
    [ "$SLOW" -gt 1 ] || at_most "KB that dill has grown by" 60000 $((KB - before))
    relieved
}

case_servers_peek_crowd() { # 100 at once get the whole table, also a large one; stuck readers cost little
    local before
    many_listeners 2000
    same "at once, and served" 100 "$(client together 127.0.0.1 "$PEEK" 100)"
    memory_kb
    before=$KB
    besieged "$PEEK" idle 160
    contains "Peek, beside those who read nothing" ":13999" "$(peek)"
    contains "Peek, beside those who read nothing" ":13999" "$(peek)"
    relieved
    memory_kb
    [ "$SLOW" -gt 1 ] || at_most "KB that dill has grown by" 25000 $((KB - before))
    same "at once, of the status server" 100 "$(client together 127.0.0.1 "$STATUS" 100 \
        $'GET /routes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')"
}

case_servers_steady_reader() { # who reads slowly, but all the time, gets to the end, also beside stuck ones
    many_listeners 300
    besieged "$STATUS" readers 30
    same "a slow reader" "fin whole" "$(client steady 127.0.0.1 "$STATUS" \
        $'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' 14)"
    relieved
}

case_servers_descriptors() { # of which slow heads take all that there are: others are served
    STATUS=$(next_port)
    need_program prlimit util-linux
    DILL_RUN=(prlimit --nofile=64)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$(next_port)" "127.0.0.1:$A"
    must 5 "readiness" status_is /status 200
    besieged "$STATUS" heads 100
    same "probes that are answered" 20 "$(served 20 /status)"
    contains "Peek" "round_robin" "$(peek)"
    relieved
}

asks() { # HOST: sets CODE and BODY
    status /status -H "Host: $1"
}

asks_is() { # HOST CODE
    asks "$1"
    [ "$CODE" = "$2" ]
}

case_servers_hosts() { # who asks for a name that is not dill's is refused, until status.hosts has the name
    local path
    STATUS=$(next_port)
    printf '[status]\nlistener = "127.0.0.1:%s"\n' "$STATUS" >"$T/c.toml"
    start_bare -c "$T/c.toml" -laddr "127.0.0.1:$(next_port)" "127.0.0.1:$A"
    must 5 "readiness" status_is /status 200
    asks rebound.example
    same "a stranger's name" 421 "$CODE"
    contains "why" status.hosts "$BODY"
    asks "rebound.example:$STATUS"
    same "with a port" 421 "$CODE"
    for path in / /status /routes /metrics /connections /explain/web /nothing; do
        status "$path" -H "Host: rebound.example"
        same "$path" 421 "$CODE"
    done
    same "HEAD, and its body" "421 0" "$(curl -s -I -o "$T/head" -w '%{http_code} %{size_download}' --max-time $((5 * SLOW)) \
        -H 'Host: rebound.example' "http://127.0.0.1:$STATUS/status")"
    status /status -H "Host: localhost:$STATUS"
    same "localhost" 200 "$CODE"
    printf '[status]\nlistener = "127.0.0.1:%s"\nhosts = ["dill.example.",\n"dill"]\n' "$STATUS" >"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 3 "the name" asks_is DILL.example:80 200
    must 3 "the other name" asks_is dill 200
    asks rebound.example
    same "a stranger's name" 421 "$CODE"
    printf '[status]\nlistener = "127.0.0.1:%s"\nhosts = ["dill:80"]\n' "$STATUS" >"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 3 "the error" log_has 'c.toml:3: status.hosts\[0\]: "dill:80" is not a list of host names, without ports and wildcards'
    asks dill
    same "a name that was there before the error" 200 "$CODE"
    printf '[status]\nlistener = "127.0.0.1:%s"\n' "$STATUS" >"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 3 "without the name" asks_is dill 421
}

case_servers_headers() { # of every answer, whatever it is about
    local path code name
    STATUS=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$(next_port)" "127.0.0.1:$A"
    must 5 "readiness" status_is /status 200
    while read -r code path name; do
        status "$path" -i -H "Host: ${name:-localhost}"
        same "$path" "$code" "$CODE"
        contains "$path" $'\r\nX-Content-Type-Options: nosniff\r\n' "$BODY"
        contains "$path" $'\r\nReferrer-Policy: no-referrer\r\n' "$BODY"
        contains "$path" $'\r\nContent-Security-Policy: default-src \'none\'; ' "$BODY"
        contains "$path" "frame-ancestors 'none'" "$BODY"
        lacks "$path" unsafe "$(grep -a ^Content-Security <<<"$BODY")"
    done <<'END'
200 /
200 /status
200 /routes
200 /connections
200 /metrics
404 /explain/none
404 /nothing
421 / stranger.example
421 /status bad:host
END
}
