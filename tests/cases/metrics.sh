# shellcheck shell=bash disable=SC2154,SC2153,SC2034,SC1003
# Cases: what Prometheus is told.

prometheus_says() { # QUERY VALUE
    [[ $(curl -s -G --max-time 5 --data-urlencode "query=$1" "http://127.0.0.1:$PROMETHEUS/api/v1/query") == *",\"$2\"]}]}"* ]]
}

case_metrics_prometheus() { # a real Prometheus scrapes it
    local p
    need_program prometheus prometheus
    p=$(next_port) STATUS=$(next_port) PROMETHEUS=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$p" "127.0.0.1:$A"
    must 5 "the status server" accepts 127.0.0.1 "$STATUS"
    printf '%s\n' 'global:' '  scrape_interval: 1s' 'scrape_configs:' '- job_name: dill' '  static_configs:' \
        "  - targets: ['127.0.0.1:$STATUS']" >"$T/prometheus.yml"
    prometheus --config.file="$T/prometheus.yml" --storage.tsdb.path="$T/prometheus" --log.level=warn \
        --web.listen-address="127.0.0.1:$PROMETHEUS" >"$T/prometheus.log" 2>&1 9>&- &
    same "connections" "a a a" "$(client names 127.0.0.1 "$p" 3)"
    must 15 "a scrape" prometheus_says 'up{job="dill"}' 1
    must 5 "connections in Prometheus" prometheus_says "dill_listener_connections_total{listener=\"127.0.0.1:$p\"}" 3
    must 5 "connections by service" prometheus_says \
        'dill_listener_connections_total * on(listener) group_left(service) dill_listener_info{service="static"}' 3
    must 5 "a quantile in Prometheus" prometheus_says 'histogram_quantile(1, dill_backend_connect_seconds_bucket) < bool 5' 1
}

# /metrics

metrics() { curl -s --max-time $((10 * SLOW)) "http://127.0.0.1:$STATUS/metrics"; }

metric_is() { # SERIES VALUE
    grep -Fqx -- "$1 $2" < <(metrics)
}

metric_has() { # TEXT: some line begins with it
    local line
    while read -r line; do [[ $line != "$1"* ]] || return 0; done < <(metrics)
    return 1
}

metrics_say() { # PYTHON-EXPRESSION about m, a dictionary of the series, and now, the time; sets METRICS
    METRICS=$(metrics)
    "$PYTHON" -c 'import re, sys, time
m, now = {}, time.time()
for line in sys.stdin:
    if not line.startswith("#"):
        series, value = line.rsplit(" ", 1)
        assert series not in m
        m[series] = float(value)
def total(start):
    return sum(m[series] for series in m if series.startswith(start))
sys.exit(not eval("(%s)" % sys.argv[1]))' "$1" <<<"$METRICS"
}

lint_metrics() { # promtool has nothing to say
    local said rc
    said=$(metrics | promtool check metrics 2>&1)
    rc=$?
    same "what promtool says" "" "$said"
    same "its exit status" 0 "$rc"
}

case_metrics_lint() { # promtool finds nothing, whatever the names look like; every family of the contract is there
    local p q r http name
    need_program promtool prometheus
    p=$(next_port) q=$(next_port) r=$(next_port) http=$(next_port) STATUS=$(next_port)
    # The fake Consul, made to send bytes that are no UTF-8 where the test writes \udcNN.
    "$PYTHON" -c 'import json, sys, urllib.parse
sys.path.insert(0, sys.argv.pop(1))
import fake_consul
class Raw(str):
    def encode(self, *_):
        return str.encode(self, "utf-8", "surrogateescape")
dumps, unquote = json.dumps, urllib.parse.unquote
json.dumps = lambda *a, **k: Raw(dumps(*a, **k))
urllib.parse.unquote = lambda text, **_: unquote(text, errors="surrogateescape")
fake_consul.main()' "$TOP/tests/tools" >"$T/fake" 2>"$T/fake.stderr" &
    must 5 "fake Consul" test -s "$T/fake"
    read -r FAKE CONTROL <"$T/fake"
    fake PUT /services "{\"web\":[$(instance web-1 "$A" dill "dill.listener=local:$p" dill.listener=local:80 dill.listener=no:8080)],
        \"quote\\\"back\\\\slash\\nnewline {x=\\\"1\\\"} \\u0001é\":[$(instance evil-1 "$A" dill "dill.listener=local:$q" \
        'dill.listener=a\"b\\\\c\n{é}:1' 'dill.listener=\udcff\udcfe:1' 'dill.allow=a\"\n\\\\' 'dill.proxy=socks5://q\"\\\\é\udcff:1080')],
        \"bytes\\udcff\\udcc3\":[$(instance bytes-1 "$B" dill "dill.listener=local:$r" 'dill.listener=x:1')]}"
    start_dill_on_fake "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "a listener" metric_has "dill_listener_connections_total{listener=\"127.0.0.1:$p\"}"
    must 3 "refused wishes" metric_has 'dill_routes_refused{reason="listeners.allowed"}'
    answers "$p" a || fail "no service"
    lint_metrics
    METRICS=$(metrics)
    for name in dill_listener_connections_total dill_listener_connections_active dill_listener_received_bytes_total \
        dill_listener_sent_bytes_total dill_listener_rejected_total dill_backend_connections_total \
        dill_backend_connections_active dill_backend_connect_errors_total dill_backend_healthy dill_listeners \
        dill_routes_refused dill_source_up dill_source_last_success_timestamp_seconds dill_build_info \
        dill_listener_info dill_listener_up dill_backend_weight dill_sessions_ended_total dill_accept_pauses_total \
        dill_config_reloads_total dill_config_last_reload_successful dill_config_last_reload_success_timestamp_seconds \
        process_start_time_seconds process_cpu_seconds_total process_open_fds process_max_fds \
        process_resident_memory_bytes process_virtual_memory_bytes; do
        contains "families" "# TYPE $name " "$METRICS"
        grep -Eq "^${name}[ {]" <<<"$METRICS" || fail "$name has no sample"
    done
    iconv -f UTF-8 -t UTF-8 <<<"$METRICS" >/dev/null || fail "/metrics is not UTF-8"
    # Without any listener, and while its source has never answered.
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_CONSUL_ADDRESS=http://127.0.0.1:$http"
    must 5 "an error of the source" metrics_say "m['dill_source_errors_total{source=\"consul\",code=\"none\"}'] > 0"
    lint_metrics
}

case_metrics_numbers() { # connections and bytes are exact, those of live sessions included, and never go down
    local p labels i before
    p=$(next_port) STATUS=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$p" "127.0.0.1:$ECHO"
    must 5 "the listener" accepts 127.0.0.1 "$STATUS"
    labels="listener=\"127.0.0.1:$p\",backend=\"127.0.0.1:$ECHO\""
    metric_is "dill_listener_connections_total{listener=\"127.0.0.1:$p\"}" 0 || fail "connections at the start"
    for i in 1 2 3; do
        open_conn "$p"
        ask "$FD" 12345 || fail "no echo"
        exec {FD}>&-
    done
    open_conn "$p"
    ask "$FD" 1234567890123456789 || fail "no echo"
    must 3 "the ends" metric_is "dill_backend_connections_active{$labels}" 1
    metrics_say "m['dill_listener_connections_total{listener=\"127.0.0.1:$p\"}'] == 4 and
        m['dill_listener_connections_active{listener=\"127.0.0.1:$p\"}'] == 1 and
        m['dill_listener_received_bytes_total{listener=\"127.0.0.1:$p\"}'] == 38 and
        m['dill_listener_sent_bytes_total{listener=\"127.0.0.1:$p\"}'] == 38 and m['dill_sessions'] == 1 and
        m['dill_backend_connections_total{$labels}'] == 4 and m['dill_backend_connect_errors_total{$labels}'] == 0 and
        m['dill_backend_received_bytes_total{$labels}'] == 38 and m['dill_backend_sent_bytes_total{$labels}'] == 38 and
        m['dill_backend_healthy{$labels}'] == 1 and total('dill_listener_rejected_total') == 0 and
        m['dill_backend_connect_seconds_count{$labels}'] == 4" || fail "the numbers: $(grep "$p" <<<"$METRICS")"
    # While one session sends and sends, what is counted never goes down, and grows within the session.
    before=$METRICS
    ask "$FD" more || fail "no echo"
    for i in 1 2 3 4 5 6; do
        metrics_say True || fail "a line that is no sample"
        "$PYTHON" -c 'import re, sys
def read(path):
    return dict(line.rsplit(" ", 1) for line in open(path) if not line.startswith("#"))
old, new = read(sys.argv[1]), read(sys.argv[2])
counters = [s for s in old if re.match(r"\w+_(total|bucket|count|sum)\b", s)]
assert len(counters) > 20
for s in counters:
    assert float(new[s]) >= float(old[s]), s' <(echo "$before") <(echo "$METRICS") || fail "a counter went down or away"
        before=$METRICS
        ask "$FD" "$i" || fail "no echo"
    done
    exec {FD}>&-
    must 3 "the last end" metric_is "dill_listener_connections_active{listener=\"127.0.0.1:$p\"}" 0
    metrics_say "m['dill_listener_received_bytes_total{listener=\"127.0.0.1:$p\"}'] == 38 + 5 + 12 and
        m['dill_listener_sent_bytes_total{listener=\"127.0.0.1:$p\"}'] == 38 + 5 + 12 and
        m['dill_listener_connections_total{listener=\"127.0.0.1:$p\"}'] == 4 and m['dill_sessions'] == 0" ||
        fail "after the end: $(grep "$p" <<<"$METRICS")"
}

case_metrics_errors() { # connects that fail, who is turned away, and histograms
    local p q r dead i
    p=$(next_port) q=$(next_port) r=$(next_port) dead=$(next_port) STATUS=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" DILL_HEALTH_ENABLED=false \
        DILL_SERVICES_ONE_LISTENER="local:$p" "DILL_SERVICES_ONE_BACKENDS=127.0.0.1:$A,127.0.0.1:$dead" \
        DILL_SERVICES_TWO_LISTENER="local:$q" "DILL_SERVICES_TWO_BACKENDS=127.0.0.1:$dead" \
        DILL_SERVICES_THREE_LISTENER="local:$r" "DILL_SERVICES_THREE_BACKENDS=127.0.0.1:$A" DILL_SERVICES_THREE_ALLOW=10.0.0.0/8
    must 5 "listeners" metric_is 'dill_listeners{state="open"}' 3
    for i in 1 2 3 4 5 6; do answers "$p" a || fail "connection $i"; done
    same "without a backend" - "$(says "$q")"
    same "a client that may not connect" - "$(says "$r")"
    must 3 "the failed connect" metric_is "dill_listener_rejected_total{listener=\"127.0.0.1:$q\",reason=\"connect_failed\"}" 1
    must 3 "the denied client" metric_is "dill_listener_rejected_total{listener=\"127.0.0.1:$r\",reason=\"denied\"}" 1
    metrics_say "(lambda good, bad, lost:
        m['dill_listener_connections_total{listener=\"127.0.0.1:$p\"}'] == 6 and
        m['dill_backend_connect_seconds_count{%s}' % good] == 6 and m['dill_backend_connect_errors_total{%s}' % good] == 0 and
        m['dill_backend_connect_errors_total{%s}' % bad] >= 1 and m['dill_backend_connect_seconds_count{%s}' % bad] == 0 and
        m['dill_backend_connections_total{%s}' % bad] == m['dill_backend_connect_errors_total{%s}' % bad] and
        m['dill_backend_connect_errors_total{%s}' % lost] == 1 and
        total('dill_listener_rejected_total') == 2
        )(*('listener=\"127.0.0.1:%d\",backend=\"127.0.0.1:%d\"' % both for both in
            (($p, $A), ($p, $dead), ($q, $dead))))" || fail "numbers: $(grep "$p\|$q\|$r" <<<"$METRICS")"
    "$PYTHON" -c 'import re, sys
buckets = {}
series = dict(line.rstrip("\n").rsplit(" ", 1) for line in sys.stdin if not line.startswith("#"))
for name, value in series.items():
    found = re.fullmatch(r"(\w+)_bucket\{(.*?),?le=\"([^\"]+)\"\}", name)
    if found:
        buckets.setdefault(found.group(1, 2), []).append((float(found.group(3)), int(value)))
assert len(buckets) == 5, len(buckets)
for (name, labels), values in buckets.items():
    end = "{%s}" % labels if labels else ""
    assert values == sorted(values) and len(values) > 5, values
    assert [n for _, n in values] == sorted(n for _, n in values), values
    assert values[-1][0] == float("inf") and values[-1][1] == int(series[name + "_count" + end]), values
    assert (float(series[name + "_sum" + end]) > 0) == (values[-1][1] > 0), name
    assert float(series[name + "_sum" + end]) < 60, name' <<<"$METRICS" 2>"$T/why" || fail "histograms: $(tail -n 1 "$T/why")"
}

case_metrics_table() { # states of listeners, refusals by rule, changes; a listener that drains keeps its counters
    local p q r
    p=$(next_port) q=$(next_port) r=$(next_port) STATUS=$(next_port)
    start_peers "name:x@127.0.0.1:$q"
    printf '[services.web]\nlistener=any:%s\nbackends=127.0.0.1:%s\n[services.taken]\nlistener=local:%s\nbackends=127.0.0.1:%s\n' \
        "$p" "$ECHO" "$q" "$A" >"$T/r.ini"
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_ROUTING_FILE_PATH=$T/r.ini" DILL_LISTENERS_DRAIN=30s
    must 5 "the one that cannot listen" metric_is 'dill_listeners{state="failed"}' 1
    must 5 "the other" metric_is 'dill_listeners{state="open"}' 1
    metric_is "dill_listener_up{listener=\"127.0.0.1:$q\"}" 0 || fail "the listener that failed is up"
    metric_is "dill_listener_up{listener=\"0.0.0.0:$p\"}" 1 || fail "the open listener is not"
    metric_is "dill_listener_info{listener=\"0.0.0.0:$p\",service=\"web\",balance=\"round_robin\",source=\"file\"}" 1 ||
        fail "info: $(metrics | grep dill_listener_info)"
    metrics_say "m['dill_listeners{state=\"draining\"}'] == 0 and total('dill_routes_refused') == 0 and
        m['dill_route_changes_total'] >= 1 and m['dill_route_update_seconds_count'] > 0" || fail "$METRICS"
    CHANGES=$(sed -n 's/^dill_route_changes_total //p' <<<"$METRICS")
    open_conn "$p"
    ask "$FD" one || fail "no echo"
    touch "$T/r.ini"
    sleep 0.3
    metric_is dill_route_changes_total "$CHANGES" || fail "it counts changes without any"
    printf '[services.low]\nlistener=local:80,local:81\nbackends=127.0.0.1:1\n[services.high]\nlistener=local:65535\nbackends=127.0.0.1:1\n[services.label]\nlistener=no:8080\nbackends=127.0.0.1:1\n[services.word]\nlistener=local:%s\nbackends=127.0.0.1:1\nallow=nobody\n' \
        "$r" >"$T/r.new"
    mv "$T/r.new" "$T/r.ini"
    must 5 "the listener that goes while a session lives on" metric_is 'dill_listeners{state="draining"}' 1
    must 5 "its state is gone" not metric_has "dill_listener_up{listener=\"0.0.0.0:$p\"}"
    metrics_say "m['dill_listener_connections_active{listener=\"0.0.0.0:$p\"}'] == 1 and
        m['dill_backend_connections_active{listener=\"0.0.0.0:$p\",backend=\"127.0.0.1:$ECHO\"}'] == 1 and
        m['dill_listener_received_bytes_total{listener=\"0.0.0.0:$p\"}'] == 4" || fail "its counters: $(grep ":$p" <<<"$METRICS")"
    metrics_say "m['dill_listeners{state=\"open\"}'] == 0 and m['dill_listeners{state=\"failed\"}'] == 0 and
        m['dill_routes_refused{reason=\"listeners.port_min\"}'] == 2 and
        m['dill_routes_refused{reason=\"listeners.port_max\"}'] == 1 and
        m['dill_routes_refused{reason=\"listeners.allowed\"}'] == 1 and
        m['dill_routes_refused{reason=\"allow\"}'] == 1 and m['dill_route_changes_total'] > $CHANGES" ||
        fail "refusals: $(grep 'dill_route\|dill_listeners' <<<"$METRICS")"
    same "what says how it is" "" "$(grep -E 'up|backends|healthy|weight' <<<"$METRICS" | grep ":$p\"")"
    metric_is "dill_listener_info{listener=\"0.0.0.0:$p\",service=\"web\",balance=\"round_robin\",source=\"file\"}" 1 ||
        fail "what its counters are joined with: $(metrics | grep dill_listener_info)"
    ask "$FD" two || fail "the session did not live on"
    exec {FD}>&-
    must 3 "nothing drains" metric_is 'dill_listeners{state="draining"}' 0
    metric_is "dill_listener_received_bytes_total{listener=\"0.0.0.0:$p\"}" 8 || fail "its last bytes are not counted"
    metric_is "dill_backend_received_bytes_total{listener=\"0.0.0.0:$p\",backend=\"127.0.0.1:$ECHO\"}" 8 ||
        fail "its backend's last bytes are not counted"
}

case_metrics_source() { # up, when it last answered, errors by code, index resets
    local fake_pid
    STATUS=$(next_port)
    start_fake
    fake_pid=$!
    start_dill_on_fake "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "an answer" metric_is 'dill_source_up{source="consul"}' 1
    metric_is 'dill_source_errors_total{source="consul",code="none"}' 0 || fail "the errors do not begin at 0"
    metrics_say "abs(now - m['dill_source_last_success_timestamp_seconds{source=\"consul\"}']) < 5 * $SLOW and
        total('dill_source_errors_total') == 0 and m['dill_source_index_resets_total{source=\"consul\"}'] == 0" ||
        fail "at the start: $(grep dill_source <<<"$METRICS")"
    fake PUT '/fault?mode=status&code=500'
    must 5 "error 500" metric_has 'dill_source_errors_total{source="consul",code="500"}'
    metric_is 'dill_source_up{source="consul"}' 0 || fail "it is up while it answers with errors"
    fake DELETE /fault
    must 5 "up again" metric_is 'dill_source_up{source="consul"}' 1
    fake PUT '/index?value=5'
    must 5 "the index went back" not metric_is 'dill_source_index_resets_total{source="consul"}' 0
    metrics_say "1 <= m['dill_source_index_resets_total{source=\"consul\"}'] <= 4 and
        not m.get('dill_source_errors_total{source=\"consul\",code=\"none\"}')" || fail "$(grep dill_source <<<"$METRICS")"
    end_pid "$fake_pid"
    must 5 "no answer" metrics_say "m['dill_source_errors_total{source=\"consul\",code=\"none\"}'] > 0"
    must 3 "down" metric_is 'dill_source_up{source="consul"}' 0
    kill "$DILL_PID"
    stop_dill 0 8
    start_fake
    fake PUT '/fault?mode=status&code=403'
    start_dill_on_fake "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "error 403" metric_is 'dill_source_errors_total{source="consul",code="403"}' 1
    metrics_say "m['dill_source_up{source=\"consul\"}'] == 0 and not total('dill_source_last_success')" ||
        fail "it has never answered: $(grep dill_source <<<"$METRICS")"
}

case_metrics_process() { # memory, descriptors, times, workers
    local p begin
    p=$(next_port) STATUS=$(next_port)
    now_ms
    begin=$NOW
    DILL_RUN=(prlimit --nofile=300:777)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" DILL_RUNTIME_THREADS=3 -laddr "127.0.0.1:$p" "127.0.0.1:$A"
    must 5 "the status server" metric_has process_
    client names 127.0.0.1 "$p" 200 >/dev/null
    memory_kb
    descriptors
    metrics_say "m['process_max_fds'] == 777 and $FDS - 3 <= m['process_open_fds'] <= $FDS + 3 and
        $KB * 512 < m['process_resident_memory_bytes'] < $KB * 2048 and
        m['process_virtual_memory_bytes'] > m['process_resident_memory_bytes'] and
        $begin / 1000 - 1 <= m['process_start_time_seconds'] <= now and 0 < m['process_cpu_seconds_total'] < 600 and
        0 < m['dill_sessions_limit'] < 777 / 2 and m['dill_log_dropped_total'] == 0" ||
        fail "$FDS descriptors, $KB KiB: $(grep '^process\|^dill_s\|^dill_l' <<<"$METRICS")"
    metrics_say "sorted(s for s in m if s.startswith('dill_worker_busy')) ==
        ['dill_worker_busy_seconds_total{worker=\"%d\"}' % n for n in range(3)] and
        0.001 < total('dill_worker_busy') <= m['process_cpu_seconds_total'] + 0.1" || fail "workers: $(grep 'worker\|cpu' <<<"$METRICS")"
    metrics_say "m['dill_listener_sent_bytes_total{listener=\"127.0.0.1:$p\"}'] == 400" || fail "bytes of 200 connections"
}

# log.access

case_metrics_limits_and_reloads() { # how sessions end, when accepting pauses, and what became of SIGHUP
    local p
    p=$(next_port) STATUS=$(next_port)
    cat >"$T/c.toml" <<END
[proxy]
max_connections = 1
[status]
listener = "127.0.0.1:$STATUS"
[[services]]
name = "web"
listener = "local:$p"
backends = ["127.0.0.1:$ECHO"]
END
    start_bare -c "$T/c.toml"
    must 5 "the listener" peek_has "127.0.0.1:$p"
    metrics_say "m['dill_accept_pauses_total{reason=\"limit\"}'] == 0 and total('dill_sessions_ended_total') == 0 and
        m['dill_config_last_reload_successful'] == 1 and total('dill_config_reloads_total') == 0 and
        abs(now - m['dill_config_last_reload_success_timestamp_seconds']) < 10 * $SLOW" || fail "at the start: $METRICS"
    open_conn "$p"
    ask "$FD" one || fail "no echo"
    accepts 127.0.0.1 "$p"
    must 3 "the pause" metrics_say "m['dill_accept_pauses_total{reason=\"limit\"}'] >= 1"
    exec {FD}>&-
    must 3 "the sessions' ends" metric_is 'dill_sessions_ended_total{end="client"}' 2
    echo '[nonsense' >>"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 3 "the failure" metric_is 'dill_config_reloads_total{result="failed"}' 1
    metric_is dill_config_last_reload_successful 0 || fail "it counts as a success"
    must 3 "the page says so" page_contains "the last reload failed"
    sed -i '$d' "$T/c.toml"
    kill -HUP "$DILL_PID"
    must 3 "the success" metric_is 'dill_config_reloads_total{result="done"}' 1
    metric_is dill_config_last_reload_successful 1 || fail "it does not count as a success"
}

# Books: what clients saw, what the access log says, and what /metrics counts.

# Prints where they differ. Of a listener whose backends come and go, theirs are not looked at: these series go with them.
books_differ() { # LOG BOOK-OF-CLIENTS PORT-WITH-OTHER-BACKENDS
    "$PYTHON" -c 'import collections, re, sys
log, book, moving = sys.argv[1], sys.argv[2], "127.0.0.1:" + sys.argv[3]
counted, logged, sessions = collections.Counter(), collections.Counter(), set()
for line in sys.stdin:
    if not line.startswith("#"):
        series, value = line.rsplit(" ", 1)
        counted[series] = float(value)
        at = re.match("dill_backend_(connections|connect_errors)_total.listener=\"([^\"]+)", series)
        if at:
            counted[at[1] + " " + at[2]] += float(value)
for line in open(log):
    if " access " not in line:
        continue
    f = dict(re.findall(r"(\w+)=(\S+)", line))
    rx, tx, tries, failed = int(f["rx"]), int(f["tx"]), int(f["attempts"]), f["end"] == "connect_failed"
    listener, backend = f["listener"], f["backend"]
    sessions.add("%s %s %d %d\n" % (listener, f["client"], rx, tx))
    logged["dill_sessions_ended_total{end=\"%s\"}" % f["end"]] += 1
    logged["dill_listener_connections_total{listener=\"%s\"}" % listener] += 1
    logged["dill_listener_received_bytes_total{listener=\"%s\"}" % listener] += rx
    logged["dill_listener_sent_bytes_total{listener=\"%s\"}" % listener] += tx
    logged["dill_listener_rejected_total{listener=\"%s\",reason=\"connect_failed\"}" % listener] += failed
    if listener == moving:
        continue
    logged["connections " + listener] += tries
    logged["connect_errors " + listener] += tries - (not failed)
    logged["dill_backend_received_bytes_total{listener=\"%s\",backend=\"%s\"}" % (listener, backend)] += rx
    logged["dill_backend_sent_bytes_total{listener=\"%s\",backend=\"%s\"}" % (listener, backend)] += tx
    logged["dill_backend_connect_seconds_count{listener=\"%s\",backend=\"%s\"}" % (listener, backend)] += f["connect"] != "-"
for series in sorted(logged):
    if counted[series] != logged[series]:
        print("%s: counted %d, logged %d" % (series, counted[series], logged[series]))
for series, value in counted.items():
    if "connections_active" in series and value:
        print(series, "is", value)
for line in open(book):
    if line not in sessions:
        print("not logged:", line.strip())' "$@" < <(metrics)
}

move_to() { # PORT-OF-LISTENER PORT-OF-BACKEND
    printf '%s\n' '[[services]]' 'name = "moving"' "listener = \"local:$1\"" "backends = [\"127.0.0.1:$2\"]" >"$T/new"
    mv "$T/new" "$T/moving.toml"
}

case_metrics_books() { # after sessions of every sort all books agree, to the byte
    local names=(echo mixed dead send reset preamble idle moving) ports=() backends vars=() i dead end clients
    STATUS=$(next_port) dead=$(next_port)
    start_peers echo echo send:700000 reset:3000
    backends=("${PORTS[0]}" "$dead,127.0.0.1:${PORTS[1]}" "$dead" "${PORTS[2]}" "${PORTS[3]}" "${PORTS[0]}" "${PORTS[0]}")
    for i in "${!names[@]}"; do
        ports+=("$(next_port)")
        [ "${names[i]}" = moving ] || vars+=("DILL_SERVICES_${names[i]^^}_LISTENER=local:${ports[i]}"
            "DILL_SERVICES_${names[i]^^}_BACKENDS=127.0.0.1:${backends[i]}")
    done
    move_to "${ports[7]}" "${PORTS[0]}"
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" DILL_LOG_ACCESS=true DILL_HEALTH_ENABLED=false \
        DILL_PROXY_IDLE_TIMEOUT=1s DILL_LISTENERS_DRAIN=100ms DILL_SERVICES_PREAMBLE_PROXY_PROTOCOL=v2 \
        "DILL_ROUTING_FILE_PATH=$T/moving.toml" "${vars[@]}"
    must 5 "listeners" metric_is 'dill_listeners{state="open"}' 8
    "$PYTHON" -c 'import random, socket, struct, sys, threading, time
names = sys.argv[2].split()
ports = dict(zip(names, map(int, sys.argv[3:])))
book, lock = open(sys.argv[1], "w"), threading.Lock()
def read(sock):
    size = 0
    while data := sock.recv(65536):
        size += len(data)
    return size
def converse(sock, sort, how, size):
    """Returns what was sent and received, or None when nobody can know."""
    if how == "abort":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "abort" or how == "leave":
        sock.sendall(bytes(min(size, 100)))
    elif sort in ("dead", "send", "reset", "idle"):
        return 0, read(sock)
    elif sort == "moving":
        sock.sendall(b"x")
        time.sleep(0.1)
        sock.sendall(bytes(read(sock)))
    else:
        def send():
            sock.sendall(bytes(size))
            sock.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        got = read(sock)
        sender.join()
        return size, got
def client(number):
    r = random.Random(number)
    for _ in range(25):
        sort = r.choice(names)
        sock = socket.create_connection(("127.0.0.1", ports[sort]), 30)
        address = "%s:%d" % sock.getpeername() + " %s:%d" % sock.getsockname()
        try:
            books = converse(sock, sort, r.choice("orderly orderly orderly abort leave".split()),
                             r.choice([0, 1, 100, 5000, 300000, 2000000]))
        except OSError:
            books = None
        sock.close()
        if books:
            with lock:
                print(address, *books, file=book)
clients = [threading.Thread(target=client, args=(i,)) for i in range(12)]
for c in clients:
    c.start()
for c in clients:
    c.join()
book.close()' "$T/book" "${names[*]}" "${ports[@]}" &
    clients=$! i=0
    while ! exited $clients; do
        move_to "${ports[7]}" "${PORTS[i ^= 1]}"
        sleep 0.15
    done
    wait $clients || fail "the clients"
    must 10 "all to end" metric_is dill_sessions 0
    same "where books differ" "" "$(books_differ "$LOG" "$T/book" "${ports[7]}")"
    same "sessions in the log" $((12 * 25)) "$(log_count ' access ')"
    for end in client backend idle drain connect_failed; do
        access "end=$end" || fail "no session ended by $end"
    done
    at_least "clients with a book" 80 "$(wc -l <"$T/book")"
}
