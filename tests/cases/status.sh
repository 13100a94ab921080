# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: the status server.

status() { # PATH [CURL-ARGUMENT]...: sets CODE and BODY
    local path=$1
    shift
    CODE=$(curl -s -o "$T/body" -w '%{http_code}' --max-time $((5 * SLOW)) "$@" "http://127.0.0.1:$STATUS$path")
    BODY=$(cat "$T/body")
}

status_is() { # PATH CODE
    status "$1"
    [ "$CODE" = "$2" ]
}

in_json() { # PYTHON-EXPRESSION about `it`, the JSON in BODY
    "$PYTHON" -c 'import json, sys
it = json.load(sys.stdin)
sys.exit(not eval(sys.argv[1]))' "$1" <<<"$BODY" 2>/dev/null
}

json_says() { # PATH PYTHON-EXPRESSION
    status "$1"
    in_json "$2"
}

case_status_readiness() { # 503 until Consul has answered, then 200
    STATUS=$(next_port)
    start_bare "DILL_CONSUL_ADDRESS=http://127.0.0.1:$CONSUL_PORT" --status "127.0.0.1:$STATUS"
    must 5 "readiness" status_is /status 200
    same "its text" OK "$BODY"
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare DILL_CONSUL_ADDRESS=http://127.0.0.1:1 "DILL_STATUS_LISTENER=localhost:$STATUS"
    must 5 "that it is not ready" status_is /status 503
    contains "why" "waiting" "$BODY"
}

case_status_while_stopping() { # 503, while sessions may still finish
    local p
    STATUS=$(next_port) p=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$p" "127.0.0.1:$ECHO"
    must 5 "readiness" status_is /status 200
    open_conn "$p"
    ask "$FD" one || fail "no echo"
    kill "$DILL_PID"
    must 3 "503 while stopping" status_is /status 503
    log_has 'stopping; 1 connection$' || fail "the log: $(tail -n 2 "$LOG")"
    ask "$FD" two || fail "the session did not live on"
    exec {FD}>&-
    stop_dill 0 8
}

started_at() { # prints what /metrics says
    curl -s --max-time $((5 * SLOW)) "http://127.0.0.1:$STATUS/metrics" | awk '$1 == "process_start_time_seconds" { print $2 }'
}

an_hour_ago() { # SECONDS since 1970: about an hour before now
    [ "$(($(date +%s) - ${1%.*} - 3600 + 60))" -ge 0 ] && [ "$(($(date +%s) - ${1%.*} - 3600))" -le $((60 * SLOW)) ]
}

case_status_clock_set_back() { # by an hour: ages and the uptime go on, and the time of day is shown as it is now
    local p began said
    STATUS=$(next_port) p=$(next_port)
    wall_clock 0
    register web web-1 "$A" dill "dill.listener=local:$p"
    start_dill "${WALL_CLOCK[@]}" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_STATE_PATH=$T/state"
    must 5 "service" answers "$p" a
    must 5 "the file of state.path" test -s "$T/state"
    began=$(started_at)
    wall_clock -3600
    must 5 "the age of the source" json_says /routes 'it["sources"] and all(0 <= source["age"] < 600 for source in it["sources"])'
    said=$(curl -sI --max-time $((5 * SLOW)) "http://127.0.0.1:$STATUS/status" | tr -d '\r' | sed -n 's/^Date: //p')
    an_hour_ago "$(date -d "$said" +%s)" || fail "the time of day: $said"
    status /metrics
    an_hour_ago "$(awk '$1 ~ /^dill_source_last_success_timestamp_seconds/ { print $2 }' <<<"$BODY")" ||
        fail "the source's last success: $(grep '^dill_source_last' <<<"$BODY")"
    same "the start of the process" "$began" "$(started_at)"
    status /
    [[ $BODY =~ ,\ up\ ([0-9]{1,3})\ s\< ]] || fail "the page: $(grep -o 'up [^<]*' <<<"$BODY")"
    kill -USR1 "$DILL_PID"
    must 5 "the counters" log_has 'counters uptime=[0-9]{1,3} '
    kill "$DILL_PID"
    stop_dill 0 8
    wall_clock -7200
    start_bare "${WALL_CLOCK[@]}" DILL_CONSUL_ADDRESS=http://127.0.0.1:1 "DILL_STATE_PATH=$T/state"
    must 5 "the age of what was remembered" log_has ' instances? as (they were|it was) [0-9]{1,3} s ago'
}

case_status_http() { # methods, errors, HEAD, kept connections
    local code request i
    STATUS=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" DILL_STATUS_HOSTS=x,y.example -laddr "127.0.0.1:$(next_port)" "127.0.0.1:$A"
    must 5 "readiness" status_is /status 200
    status "/status?x=1"
    same "with a query" 200 "$CODE"
    status /nothing
    same "an unknown path" 404 "$CODE"
    status /status -X POST -d text
    same "POST" 405 "$CODE"
    status /status -i -X DELETE
    contains "what is allowed" "Allow: GET, HEAD" "$BODY"
    status /routes -I
    same "HEAD" 200 "$CODE"
    [[ $BODY =~ Date:\ ([A-Z][a-z]{2},\ [0-9]{2}\ [A-Z][a-z]{2}\ 20[0-9]{2}\ [0-9:]{8}\ GMT) ]] || fail "no date: $BODY"
    at_most "seconds that its date is off" $((20 * SLOW)) $(($(date +%s) - $(date -d "${BASH_REMATCH[1]}" +%s)))
    same "the day of the week" "$(LC_ALL=C date -u -d "${BASH_REMATCH[1]}" '+%a, %d %b %Y %T GMT')" "${BASH_REMATCH[1]}"
    contains "the length of what is not sent" "Content-Length: " "$BODY"
    status /routes -0
    same "HTTP/1.0" 200 "$CODE"
    status /status -H "X-Long: $(printf 'x%.0s' {1..9000})"
    same "a head that is too long" 431 "$CODE"
    same "connections for two requests" "1 0 " "$(curl -s -o /dev/null -o /dev/null -w '%{num_connects} ' \
        "http://127.0.0.1:$STATUS/status" "http://127.0.0.1:$STATUS/routes")"
    same "connections when each is closed" "1 1 " "$(curl -s -o /dev/null -o /dev/null -w '%{num_connects} ' \
        -H 'Connection: close' "http://127.0.0.1:$STATUS/status" "http://127.0.0.1:$STATUS/routes")"
    while IFS='|' read -r code request; do
        # shellcheck disable=SC2059  # with its escapes
        contains "the answer to $request" "HTTP/1.1 $code " "$(printf "$request" | timeout 5 nc -N 127.0.0.1 "$STATUS")"
    done <<'END'
400|GET /status HTTP/1.1\r\n\r\n
400|GET status HTTP/1.1\r\nHost: x\r\n\r\n
400|nonsense\r\n\r\n
400|GET /status HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n
400|GET /status HTTP/1.1\r\nHost : x\r\n\r\n
400|GET /status HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n
400|GET /status HTTP/1.1\r\nHost: x\r\nContent-Length\t: 9\r\n\r\n
400|GET /status HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n
200|GET http://x/status HTTP/1.1\r\nHost: x\r\n\r\n
200|GET HTTP://[::1]:80/status?a=/b HTTP/1.1\r\nHost: x\r\n\r\n
200|GET http://x HTTP/1.1\r\nHost: x\r\n\r\n
200|GET http://x?a=/nothing HTTP/1.1\r\nHost: x\r\n\r\n
200|GET http://x:80?a HTTP/1.1\r\nHost: x\r\n\r\n
404|GET //x/status HTTP/1.1\r\nHost: x\r\n\r\n
404|GET /http://x/status HTTP/1.1\r\nHost: x\r\n\r\n
400|GET http:// HTTP/1.1\r\nHost: x\r\n\r\n
400|GET http:///status HTTP/1.1\r\nHost: x\r\n\r\n
400|GET http://?/status HTTP/1.1\r\nHost: x\r\n\r\n
400|GET http://:80/status HTTP/1.1\r\nHost: x\r\n\r\n
400|GET http://u:p@x/status HTTP/1.1\r\nHost: x\r\n\r\n
400|GET /status#x HTTP/1.1\r\nHost: x\r\n\r\n
400|GET http://x#/status HTTP/1.1\r\nHost: x\r\n\r\n
400|GET ftp://x/status HTTP/1.1\r\nHost: x\r\n\r\n
200|\r\n\r\nGET /status HTTP/1.1\r\nHost: x\r\n\r\n
421|GET /status HTTP/1.1\r\nHost: xy\r\n\r\n
421|GET / HTTP/1.1\r\nHost: rebound.example:80\r\n\r\n
421|GET http://evil/status HTTP/1.1\r\nHost: x\r\n\r\n
200|GET http://x/status HTTP/1.1\r\nHost: evil\r\n\r\n
421|GET /status HTTP/1.0\r\nHost: evil\r\n\r\n
421|POST /status HTTP/1.1\r\nHost: evil\r\n\r\n
200|GET /status HTTP/1.1\r\nHost: LocalHost.:80\r\n\r\n
200|GET /status HTTP/1.1\r\nHost: [::1]:80\r\n\r\n
200|GET /status HTTP/1.1\r\nHost: Y.Example\r\n\r\n
505|GET /status HTTP/2.0\r\nHost: x\r\n\r\n
200|GET /status HTTP/1.0\r\n\r\n
200|GET /status HTTP/1.1\nHost: x\nConnection: close\n\n
END
    same "answers to three requests at once" 3 "$(printf 'GET /status HTTP/1.1\r\nHost: x\r\n\r\nGET /connections HTTP/1.1\r\nHost: x\r\n\r\nGET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' |
        timeout 5 nc -N 127.0.0.1 "$STATUS" | grep -c '^HTTP/1.1 200')"
    same "answers when a body follows" 1 "$(printf 'GET /status HTTP/1.1\r\nHost: x\r\nContent-Length: 37\r\nConnection: keep-alive\r\n\r\nGET /status HTTP/1.1\r\nHost: x\r\n\r\n' |
        timeout 5 nc -N 127.0.0.1 "$STATUS" | grep -c '^HTTP/1.1')"
    same "answers to 1,000 requests at once" 1000 "$({
        for ((i = 0; i < 1000; i++)); do printf 'GET /connections HTTP/1.1\r\nHost: x\r\n\r\n'; done
    } | timeout 10 nc -N 127.0.0.1 "$STATUS" | grep -c '^HTTP/1.1 200')"
    same "a request in pieces" 200 "$({
        for request in 'GET /sta' 'tus HTTP/1.1' $'\r\nHost: x\r\nConnection: close\r' $'\n\r' $'\n'; do
            printf '%s' "$request"
            sleep 0.05
        done
    } | timeout 5 nc -N 127.0.0.1 "$STATUS" | sed -n 's/^HTTP\/1.1 \([0-9]*\) .*/\1/p')"
}

case_status_routes() { # listeners, backends, refusals and sources, whatever the names look like
    local p
    p=$(next_port) STATUS=$(next_port)
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    # shellcheck disable=SC1003
    register 'quo\"te\\<b>' odd-1 "$A" dill "dill.listener=local:$p" dill.balance=p2c
    register 'with,comma' comma-1 "$A" dill "dill.listener=local:$p" dill.balance=p2c
    register low low-1 "$B" dill dill.listener=local:80
    must 5 "listener" json_says /routes "it['listeners'][0]['backends'][0]['address'] == '127.0.0.1:$A'"
    in_json "it['listeners'][0]['address'] == '127.0.0.1:$p' and it['listeners'][0]['state'] == 'open'" || fail "$BODY"
    must 5 "both services" json_says /routes "it['listeners'][0]['services'] == ['quo\"te\\\\<b>', 'with,comma']"
    in_json "it['listeners'][0]['balance'] == 'p2c'" || fail "$BODY"
    in_json "it['refused'] == [{'service': 'low', 'wish': 'local:80', 'reason': 'port below listeners.port_min 1024'}]" || fail "$BODY"
    in_json "it['sources'][0]['name'] == 'consul' and it['sources'][0]['up'] and it['sources'][0]['age'] < 60" || fail "$BODY"
    answers "$p" a || fail "no service"
    must 3 "counters" json_says /routes \
        "[it['listeners'][0]['backends'][0][key] for key in ('connections', 'tx', 'active')] == [1, 2, 0]"
}

case_status_connections() { # who is connected to what, with bytes and age
    local p
    p=$(next_port) STATUS=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$p" "127.0.0.1:$ECHO"
    must 5 "no session" json_says /connections "it['active'] == []"
    in_json "it['connections'] == ['$p:127.0.0.1:$ECHO']" || fail "$BODY"
    open_conn "$p"
    ask "$FD" 1234567 || fail "no echo"
    must 3 "the session" json_says /connections "len(it['active']) == 1"
    in_json "it['active'][0]['rx'] == 8 and it['active'][0]['tx'] == 8 and 0 <= it['active'][0]['age'] < 60" || fail "$BODY"
    in_json "it['active'][0]['listener'] == '127.0.0.1:$p' and it['active'][0]['backend'] == '127.0.0.1:$ECHO'" || fail "$BODY"
    in_json "it['active'][0]['service'] == 'static' and it['active'][0]['client'].startswith('127.0.0.1:')" || fail "$BODY"
    exec {FD}>&-
    must 3 "its end" json_says /connections "it['active'] == []"
}

case_status_connections_drain() { # a session whose listener has gone is still told with its service
    local p
    p=$(next_port) STATUS=$(next_port)
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    register web web-1 "$ECHO" dill "dill.listener=local:$p"
    must 5 "the listener" accepts 127.0.0.1 "$p"
    open_conn "$p"
    ask "$FD" one || fail "no echo"
    deregister web-1
    must 6 "the listener is gone" json_says /routes "it['listeners'] == []"
    must 3 "the session" json_says /connections \
        "[(one['service'], one['listener']) for one in it['active']] == [('web', '127.0.0.1:$p')]"
    status /
    contains "the page" "1 draining" "$BODY"
}

case_status_crowd() { # many clients at once, some of whom say or read nothing: others and the sessions do not notice
    local p i mute
    p=$(next_port) STATUS=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$p" "127.0.0.1:$A"
    must 5 "readiness" status_is /status 200
    "${PEER[@]}" mute 127.0.0.1 "$STATUS" 60 >"$T/mute" &
    mute=$!
    must 5 "silent clients" test -s "$T/mute"
    status /status
    same "beside 60 silent ones" 200 "$CODE"
    "${PEER[@]}" mute 127.0.0.1 "$STATUS" 60 >"$T/mute.2" &
    must 5 "more of them" test -s "$T/mute.2"
    status /status
    same "beside 120 of them" 200 "$CODE"
    answers "$p" a || fail "no service"
    end_pid "$mute"
    end_pid $!
    must 3 "after them" status_is /status 200
    for i in 1 2 3 4 5 6 7 8; do
        curl -s -o "$T/crowd.$i" "http://127.0.0.1:$STATUS/connections" &
    done
    must 5 "eight at once" grep -q '"active":' "$T/crowd.8"
}

case_status_reload() { # moves with SIGHUP
    local other
    STATUS=$(next_port) other=$(next_port)
    printf '[status]\nlistener = 127.0.0.1:%s\n' "$STATUS" >"$T/c.ini"
    start_dill -c "$T/c.ini"
    must 5 "readiness" status_is /status 200
    open_conn "$STATUS"
    printf '[status]\nlistener = 127.0.0.1:%s\n' "$other" >"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the old place is closed" refuses 127.0.0.1 "$STATUS"
    ended "$FD" 3 || fail "a kept connection lives on"
    STATUS=$other
    must 3 "the new place" status_is /status 200
    printf '[status]\nlistener = 127.0.0.1:%s\n[routing.http]\nendpoint = http://127.0.0.1:1/\n' "$other" >"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "that the new source does not answer" log_has 'http: '
    status_is /status 200 || fail "a source that is added makes it unready"
    printf '[status]\nlistener = 127.0.0.1:%s\n' "${A}" >"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "that it cannot move" log_has 'warn +reload: done, except what could not be listened on'
    status_is /status 200 || fail "the old place is lost"
}
