# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: health of backends (active checks, and what a client's failed connect does).

# A server that can be stopped and started again on its port.
server_up() { # NAME PORT: sets SERVER_PID
    "${PEER[@]}" serve "name:$1@127.0.0.1:$2" >"$T/server.$2" 2>&1 &
    SERVER_PID=$!
    must 5 "server $1" accepts 127.0.0.1 "$2"
}

unhealthy() { # PORT: Peek says so of the backend there
    peek_contains "127.0.0.1:$1 (unhealthy)"
}

healthy() { peek_has "  ├──➤ 127.0.0.1:$1"; }

who_answers() { # PORT COUNT: prints how often each name answered, "a=3 b=1"
    local i
    for ((i = 0; i < $2; i++)); do says "$1"; done | sort | uniq -c | awk '{ printf "%s%s=%d", sep, $2, $1; sep = " " }'
}

checks_fast=(DILL_HEALTH_INTERVAL=100ms DILL_HEALTH_TIMEOUT=500ms)

case_health_active() { # a dead backend gets no clients, and gets them again; each flip is said once
    local p q
    p=$(next_port) q=$(next_port)
    server_up x "$q"
    start_bare "${checks_fast[@]}" -laddr "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$q" "127.0.0.1:$B"
    must 5 "service" accepts 127.0.0.1 "$p"
    end_pid "$SERVER_PID"
    must 5 "unhealthy" unhealthy "$q"
    must 2 "the flip in the log" log_has "warn +backend 127.0.0.1:$q is unhealthy: Connection refused"
    same "who answers" "a=4 b=4" "$(who_answers "$p" 8)"
    server_up x "$q"
    must 5 "healthy again" healthy "$q"
    must 2 "the flip in the log" log_has "info +backend 127.0.0.1:$q is healthy again"
    same "who answers" "a=3 b=3 x=3" "$(who_answers "$p" 9)"
    same "lines about health" 2 "$(log_count 'backend .* healthy|unhealthy')"
}

case_health_thresholds() { # so many in a row, and not one less
    local p q began
    p=$(next_port) q=$(next_port)
    server_up x "$q"
    start_bare DILL_HEALTH_INTERVAL=200ms DILL_HEALTH_UNHEALTHY_THRESHOLD=5 DILL_HEALTH_HEALTHY_THRESHOLD=4 \
        -laddr "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$q"
    sleep 0.5
    end_pid "$SERVER_PID"
    now_ms
    began=$NOW
    must 8 "unhealthy" unhealthy "$q"
    now_ms
    at_least "milliseconds until it was unhealthy" 750 $((NOW - began))
    server_up x "$q"
    now_ms
    began=$NOW
    must 8 "healthy" healthy "$q"
    now_ms
    at_least "milliseconds until it was healthy" 550 $((NOW - began))
}

case_health_timeout() { # a backend that does not even answer the connect
    local p
    p=$(next_port)
    start_peers full
    start_bare DILL_HEALTH_INTERVAL=100ms DILL_HEALTH_TIMEOUT=200ms -laddr "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:${PORTS[0]}"
    must 8 "unhealthy" unhealthy "${PORTS[0]}"
    log_has "backend 127.0.0.1:${PORTS[0]} is unhealthy: Connection timed out" || fail "the log: $(tail -n 2 "$LOG")"
    same "who answers" "a=6" "$(who_answers "$p" 6)"
}

case_health_auto() { # Consul checks its own; health.enabled=true checks those, too, and false nobody
    local p
    p=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p"
    register web web-2 1 dill "dill.listener=local:$p"
    start_dill "${checks_fast[@]}"
    must 5 "service" accepts 127.0.0.1 "$p"
    stays 800 "Consul's backend was checked" not unhealthy 1
    kill "$DILL_PID"
    stop_dill 0 8
    start_dill "${checks_fast[@]}" DILL_HEALTH_ENABLED=true
    must 5 "health.enabled=true" unhealthy 1
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare "${checks_fast[@]}" DILL_HEALTH_ENABLED=false -laddr "127.0.0.1:$p" "127.0.0.1:$A" 127.0.0.1:1
    must 5 "service" accepts 127.0.0.1 "$p"
    stays 800 "health.enabled=false" not unhealthy 1
}

case_health_passive() { # a failed connect makes a backend the last one; it is probed before it is trusted again
    local p q
    p=$(next_port) q=$(next_port)
    server_up x "$q"
    register web web-1 "$A" dill "dill.listener=local:$p"
    register web web-2 "$q" dill "dill.listener=local:$p"
    start_dill
    must 5 "service" peek_contains "127.0.0.1:$q"
    end_pid "$SERVER_PID"
    same "who answers" "a=6" "$(who_answers "$p" 6)"
    must 2 "suspect" unhealthy "$q"
    must 2 "the log" log_has "backend 127.0.0.1:$q is unhealthy: a client's connect failed: Connection refused\$"
    sleep 1.5
    unhealthy "$q" || fail "it is trusted without an answer"
    server_up x "$q"
    must 4 "trusted again" healthy "$q"
    same "who answers" "a=3 x=3" "$(who_answers "$p" 6)"
    same "lines about health" 2 "$(log_count 'backend .* healthy|unhealthy')"
}

time_waits() { # PORT: prints how many connections to it wait for their last packets
    awk -v port=":$(printf '%04X' "$1")\$" '$3 ~ port && $4 == "06" { n++ } END { print n + 0 }' /proc/net/tcp
}

case_health_unseen() { # a checked server accepts nothing for it, and no connection is left over
    local p q before
    p=$(next_port) q=$(next_port)
    start_bare DILL_HEALTH_INTERVAL=20ms DILL_HEALTH_HEALTHY_THRESHOLD=40 -laddr "127.0.0.1:$p" "127.0.0.1:$q" "127.0.0.1:$A"
    must 5 "unhealthy" unhealthy "$q"
    before=$(time_waits "$q")   # of other cases
    start_peers "hold@127.0.0.1:$q"
    must 20 "healthy, after 40 checks" healthy "$q"
    kill "$DILL_PID"
    stop_dill 0 8
    at_most "connections in TIME_WAIT" "$before" "$(time_waits "$q")"
    accepts 127.0.0.1 "$q" || fail "the server does not accept"
    must 5 "the client that has come" logged " accept "
    same "accepted, with that client" 1 "$(grep -c ' accept ' "$PEER_LOG")"
}

case_health_off() { # a dead backend is said once, and not with each client
    local p dead i
    p=$(next_port) dead=$(next_port)
    start_bare DILL_HEALTH_ENABLED=false -laddr "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$dead"
    must 5 "service" accepts 127.0.0.1 "$p"
    for i in 1 2 3 4 5 6; do
        same "who answers" "a=3" "$(who_answers "$p" 3)"
        sleep 0.6
    done
    same "lines about it" 1 "$(log_count "warn +backend 127.0.0.1:$dead is unhealthy: a client's connect failed: Connection refused\$")"
    same "other lines about health" 1 "$(log_count 'healthy|trusted')"
}

case_health_all_down() { # unhealthy ones are tried last, never not at all
    local p q
    p=$(next_port) q=$(next_port)
    start_bare DILL_HEALTH_INTERVAL=100ms DILL_HEALTH_HEALTHY_THRESHOLD=1000 -laddr "127.0.0.1:$p" "127.0.0.1:$q"
    must 5 "unhealthy" unhealthy "$q"
    server_up x "$q"
    answers "$p" x || fail "the only backend is not tried"
    unhealthy "$q" || fail "it is healthy after $(log_count 'healthy again') checks"
}

case_health_nobody() { # a listener without a healthy backend is named in Peek and on the page, and counted; one line each, in the right number
    local p q dead
    p=$(next_port) q=$(next_port) dead=$(next_port) STATUS=$(next_port)
    printf '[services.web]\nlistener = local:%s\nbackends = 127.0.0.1:%s\n[services.two]\nlistener = local:%s\nbackends = nowhere.invalid:80\n' \
        "$p" "$dead" "$q" >"$T/r.ini"
    server_up x "$dead"
    start_bare "${checks_fast[@]}" "DILL_ROUTING_FILE_PATH=$T/r.ini" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "the one without an address" peek_has "# no healthy backend: 127.0.0.1:$q"
    not peek_contains "# no healthy backend: 127.0.0.1:$p" || fail "it is healthy: $(peek)"
    page_contains "<li class=\"bad\">no healthy backend: 127.0.0.1:$q</li>" || fail "the page: $PAGE"
    same "the page's verdict" '<li class="soft">ready</li>' "$(grep -o '<li class="[a-z]*">ready</li>' <<<"$PAGE")"
    metrics_say "m['dill_listener_backends{listener=\"127.0.0.1:$p\",state=\"healthy\"}'] == 1 and
        m['dill_listener_backends{listener=\"127.0.0.1:$p\",state=\"unhealthy\"}'] == 0 and
        m['dill_listener_backends{listener=\"127.0.0.1:$q\",state=\"healthy\"}'] == 0" ||
        fail "$(grep dill_listener_backends <<<"$METRICS")"
    end_pid "$SERVER_PID"
    must 5 "both" peek_has "# no healthy backend: 127.0.0.1:$p"
    page_contains "<li class=\"bad\">no healthy backend: " || fail "the page: $PAGE"
    contains "both on the page" "127.0.0.1:$p" "$(grep -o 'no healthy backend: [^<]*' <<<"$PAGE")"
    metric_is "dill_listener_backends{listener=\"127.0.0.1:$p\",state=\"unhealthy\"}" 1 || fail "$(metrics | grep dill_listener_backends)"
    status_is /status 200 || fail "dill is not ready"
    server_up x "$dead"
    sed -i '/two/,$d' "$T/r.ini"
    must 5 "nothing to say" not peek_contains "no healthy backend"
    page_contains '<li class="ok">ready</li>' || fail "the page: $PAGE"
    contains "one" "<li>1 listener open</li>" "$PAGE"
    contains "one more" " file: 1 service in" "$(cat "$LOG")"
    contains "one more" ": 1 backend of web" "$(cat "$LOG")"
    q=$(next_port)
    printf '[services.web]\nlistener = %s\nbackends = nowhere.invalid:80\n' \
        "$(printf 'local:%s,' "$q" $((q + 1)) $((q + 2)) $((q + 3)) $((q + 4)) $((q + 5)))local:$((q + 6))" >"$T/new.ini"
    mv "$T/new.ini" "$T/r.ini"
    must 5 "many" page_contains "127.0.0.1:$((q + 4)) and 2 more</li>"
    lacks "those that are not named" "127.0.0.1:$((q + 5))" "$(grep 'no healthy backend' <<<"$PAGE")"
}

case_health_strategies() { # every strategy leaves the unhealthy one out, and shares its clients among the others
    local p q strategy
    p=$(next_port) q=$(next_port)
    for strategy in random p2c least_conn; do
        start_bare "${checks_fast[@]}" -lb "$strategy" -laddr "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$q" "127.0.0.1:$B"
        must 5 "$strategy: unhealthy" unhealthy "$q"
        [[ $(who_answers "$p" 30) =~ ^a=[0-9]+\ b=[0-9]+$ ]] || fail "$strategy: $(who_answers "$p" 30)"
        lacks "attempts at the unhealthy one" "$p: backend 127.0.0.1:$q" "$(cat "$LOG")"
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

case_health_reload() { # switched off at run time, all are trusted
    local p
    p=$(next_port)
    printf '[services.web]\nlistener = local:%s\nbackends = 127.0.0.1:%s, 127.0.0.1:1\n[health]\ninterval = 100ms\n' "$p" "$A" >"$T/c.ini"
    start_bare -c "$T/c.ini"
    must 5 "unhealthy" unhealthy 1
    printf 'enabled = false\n' >>"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "healthy" healthy 1
    sed -i '/enabled/d' "$T/c.ini"
    kill -HUP "$DILL_PID"
    must 5 "unhealthy again" unhealthy 1
}

case_health_reload_times() { # a shorter timeout or interval counts for what waits already
    local p q
    p=$(next_port) q=$(next_port)
    start_peers full
    printf '[services.web]\nlistener = local:%s\nbackends = 127.0.0.1:%s\n[health]\nunhealthy_threshold = 1\ntimeout = 1h\n' \
        "$p" "${PORTS[0]}" >"$T/c.ini"
    start_bare -c "$T/c.ini" DILL_HEALTH_INTERVAL=100ms
    must 5 "the listener" peek_has "127.0.0.1:$p"
    stays 600 "it is unhealthy before the timeout" not unhealthy "${PORTS[0]}"
    sed -i 's/1h/200ms/' "$T/c.ini"
    kill -HUP "$DILL_PID"
    must 5 "unhealthy by the new timeout" unhealthy "${PORTS[0]}"
    kill "$DILL_PID"
    stop_dill 0 8
    printf '[services.web]\nlistener = local:%s\nbackends = 127.0.0.1:1\n[health]\nunhealthy_threshold = 2\ninterval = 1h\n' "$q" >"$T/c.ini"
    start_bare -c "$T/c.ini"
    must 5 "the listener" peek_has "127.0.0.1:$q"
    sed -i 's/1h/100ms/' "$T/c.ini"
    kill -HUP "$DILL_PID"
    must 5 "unhealthy by the new interval" unhealthy 1
}

case_health_follows_table() { # what is known of an address survives changes around it; one that left is forgotten
    local p q
    p=$(next_port) q=$(next_port)
    printf '[[services]]\nname = "web"\nlistener = "local:%s"\nbackends = ["127.0.0.1:%s", "127.0.0.1:1"]\n' "$p" "$A" >"$T/routing.toml"
    start_bare "${checks_fast[@]}" "DILL_ROUTING_FILE_PATH=$T/routing.toml"
    must 5 "unhealthy" unhealthy 1
    printf '[[services]]\nname = "two"\nlistener = "local:%s"\nbackends = ["127.0.0.1:1", "127.0.0.1:%s"]\n' "$q" "$B" >>"$T/routing.toml"
    must 3 "the second listener" accepts 127.0.0.1 "$q"
    same "unhealthy backends" 2 "$(peek | grep -c '(unhealthy)')"
    same "said" 1 "$(log_count 'is unhealthy')"
}
