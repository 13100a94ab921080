# shellcheck shell=bash disable=SC2154,SC2153
# Cases: what Consul may answer when it is unwell, with the fake Consul. After each fault the last good table is in
# force, connections live on, no processor time is burnt, and changes are seen again once the fault is over.

# faulty_start VAR=VALUE...: dill routes service web on port P from a fake, that of VENDOR or of Consul. Sets P, Q (a free
# port), and FD, a connection through P to an echo server.
faulty_start() {
    P=$(next_port) Q=$(next_port)
    start_fake "${VENDOR:-consul}"
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")]}"
    start_dill_on_fake "$@"
    peek_must_be "$(route "127.0.0.1:$P" "127.0.0.1:$GREET")"
    open_conn "$P"
    read -r -t $((5 * SLOW)) _ <&"$FD"
    ask "$FD" before || fail "connection before the fault"
}

holds() { # MILLISECONDS [CPU-MS]: the table is in force, the connection lives, and dill is idle
    local before
    cpu_ms
    before=$CPU
    stays "$1" "the table changed" peek_is "$(route "127.0.0.1:$P" "127.0.0.1:$GREET")"
    cpu_ms
    at_most "milliseconds of processor time in $1 ms of fault" $((${2:-120} * SLOW)) $((CPU - before))
    same "a new connection" hi "$(says "$P")"
    ask "$FD" after || fail "the connection was lost"
    dill_alive || fail "dill ended"
}

recovers() { # SECONDS: without faults, a new service is seen and the old one is still there
    fake DELETE /fault
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"new\":[$(instance n "$B" dill "dill.listener=local:$Q")]}"
    must "$1" "recovery" answers "$Q" b
    peek_must_be "$(route "127.0.0.1:$P" "127.0.0.1:$GREET"; route "127.0.0.1:$Q" "127.0.0.1:$B")"
    ask "$FD" "after recovery" || fail "the connection was lost in recovery"
    ! fake GET /queries | grep -Eq '[?&]index=(0|-|$|&)' || fail "index=0 was sent"
}

bounded_requests() { # LIMIT
    at_most "requests while the fault lasts" $(($1 * SLOW)) "$(fake GET /count)"
}

# hold_and_recover PARAMETERS [CPU-MS [REQUESTS]]: the whole course for a fault that lasts
hold_and_recover() {
    faulty_start
    fake DELETE /stats
    fake PUT "/fault?mode=$1"
    fake PUT /touch
    holds 2400 "${2:-120}"
    bounded_requests "${3:-40}"
    recovers 15
}

case_fault_drip() { # one byte a second: a deadline for the whole answer ends it
    faulty_start DILL_CONSUL_WAIT=1s
    fake PUT "/fault?mode=drip"
    fake PUT /touch
    holds 3000
    recovers 25
}

case_fault_hung_connection() { # no answer and no end: a deadline finds it
    faulty_start DILL_CONSUL_WAIT=1s
    fake PUT "/fault?mode=hang"
    holds 3000
    recovers 25
}

case_fault_403() { # said loudly once, tried slowly, and works again when the token does
    faulty_start
    fake DELETE /stats
    fake PUT "/fault?mode=status&code=403&text=ACL%20not%20found"
    holds 2400
    bounded_requests 20
    at_least "lines about 403" 1 "$(log_count 'answered 403')"
    at_most "lines about 403" 2 "$(log_count 'answered 403')"
    recovers 40
}

case_fault_429() { # Retry-After is honoured
    faulty_start
    fake PUT "/fault?mode=status&code=429&retry=3"
    sleep 0.3
    fake DELETE /stats
    holds 2300
    at_most "requests before Retry-After has passed" 2 "$(fake GET /count)"
    recovers 15
}

case_fault_500() { # and said once, not with every try
    faulty_start
    fake DELETE /stats
    fake PUT "/fault?mode=status&code=500"
    holds 2400
    bounded_requests 40
    at_least "lines about it" 1 "$(log_count 'answered 500')"
    at_most "lines about it" 3 "$(log_count 'answered 500')"
    recovers 15
}

case_fault_index_goes_back() { # as after a restore: start again without an index
    faulty_start
    fake PUT "/index?value=40"
    holds 1200
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"new\":[$(instance n "$A" dill "dill.listener=local:$Q")]}"
    must 5 "a change at index 41" answers "$Q" a
    recovers 5
}

case_fault_index_zero() { hold_and_recover "index&value=0"; }
case_fault_index_missing() { hold_and_recover "index&value=missing"; }
case_fault_index_negative() { hold_and_recover "index&value=-7"; }
case_fault_index_not_a_number() { hold_and_recover "index&value=abc"; }
case_fault_index_too_large() { hold_and_recover "index&value=99999999999999999999999"; }
case_fault_truncated_body() { hold_and_recover truncated; }
case_fault_truncated_chunks() { hold_and_recover truncated-chunks; }
case_fault_invalid_json() { hold_and_recover garbage; }

case_fault_foreign_answers() { # a proxy's page instead of JSON, and a redirect: said as what they are
    faulty_start
    fake PUT '/fault?mode=status&code=200&text=%3Chtml%3Esorry'
    must 20 "a page" log_has 'the answer is HTML or XML, not JSON'
    recovers 30
    fake PUT '/fault?mode=status&code=301&location=https://user:secret@elsewhere/&text=moved'
    must 20 "a redirect" log_has 'answered 301, which points to https://\*{8}@elsewhere/ and is not followed: moved'
    lacks "the log" secret "$(cat "$LOG")"
}
case_fault_closed_connection() { hold_and_recover close; }
case_fault_reset_connection() { hold_and_recover reset; }
case_fault_no_leader() { hold_and_recover noleader; }
case_fault_filtered_by_acls() { hold_and_recover filtered; }

case_fault_endless_body() { # a body has a largest size, whether it is announced or not
    local mode before
    faulty_start
    memory_kb
    before=$KB
    for mode in "endless" "endless&length=9000000000"; do
        fake PUT "/fault?mode=$mode"
        holds 2400 1200
        memory_kb
        # three bells, each with up to 80 MiB
        at_most "kB of memory more" $((270000 * (SLOW > 1 ? 4 : 1))) $((KB - before))
        fake DELETE /fault
    done
    recovers 15
}

case_fault_unending() { # parts of an answer that a server sends for ever, as fast as it can: each is an error, and a stop is heard
    local of said count=0
    faulty_start
    while read -r of said; do
        count=$((count + 1))
        fake PUT "/fault?mode=unending&of=$of"
        fake PUT /touch
        must 10 "that it is said of $of" log_has "consul: .*: $said"
        same "a new connection" hi "$(says "$P")"
        fake DELETE /fault
        must 15 "that it answers again" said_again $count
    done <<'END'
size wrong chunk size
extension chunk extensions too large
trailer trailers too large
interim too many interim answers
END
    fake PUT '/fault?mode=unending&of=size'
    fake PUT /touch
    sleep 0.5
    kill "$DILL_PID"
    stop_dill 0 8
}

case_fault_empty_once() { # `{}` or `[]` in one answer closes nothing
    local path
    faulty_start
    for path in /v1/catalog/services /v1/health/state/any /v1/health/service/web; do
        fake PUT "/fault?mode=empty&count=1&path=$path"
        fake PUT /touch
        holds 1800
        fake DELETE /fault
    done
    recovers 5
}

case_fault_instance_missing_once() { # nor does a service that is away for a moment, as after an agent's restart
    faulty_start
    fake PUT /services '{}'
    stays 500 "the table changed" peek_is "$(route "127.0.0.1:$P" "127.0.0.1:$GREET")"
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")]}"
    holds 2500
    recovers 5
}

case_fault_listed_without_instances() { # held while the list says so, and said; a list that is only old is asked for anew
    faulty_start
    fake PUT "/fault?mode=empty&path=/v1/health/service/web"
    fake PUT /touch
    holds 4000
    must 5 "it is said" log_has 'service web: listed without any instance: the token seems to lack node:read'
    same "lines about it" 1 "$(log_count 'service web: listed without')"
    fake DELETE /fault
    recovers 15
    fake PUT "/services?bell=health" "{\"new\":[$(instance n "$B" dill "dill.listener=local:$Q")]}"
    stays 600 "the listener closed after one look" peek_has "127.0.0.1:$P"
    must 6 "the listener to close, although no list rang" refuses 127.0.0.1 "$P"
    same "lines about it afterwards" 1 "$(log_count 'service web: listed without')"
}

case_fault_rights_over_short_connections() { # a right is asked for and told on a connection of its own
    faulty_start
    fake PUT "/rights?names=web"
    fake PUT "/fault?mode=oneshot&path=/v1/health/service"
    fake PUT "/fault?mode=oneshot&path=/v1/config"
    fake PUT /touch
    sleep 0.5
    fake DELETE /stats
    fake PUT /services '{}'
    must 6 "the listener to close" refuses 127.0.0.1 "$P"
    at_most "questions about rights" 12 "$(fake GET '/count?path=/v1/config')"
    fake PUT /services "{\"web\":[$(instance w "$B" dill "dill.listener=local:$P")]}"
    must 5 "the service again" answers "$P" b
    fake PUT "/rights?names=none"
    fake PUT /touch
    stays 3000 "the table changed" answers "$P" b
    log_has 'service web: not listed, and the token lacks service:read' || fail "the missing right is not named"
}

case_fault_one_service_breaks() { # an answer that breaks the connection blames its service alone
    local bad
    bad=$(next_port)
    faulty_start
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"bad\":[$(instance b "$A" dill "dill.listener=local:$bad")],
                         \"zeta\":[$(instance n "$A" dill "dill.listener=local:$Q")]}"
    must 5 "second service" answers "$bad" a
    must 5 "third service" answers "$Q" a
    fake PUT "/fault?mode=truncated&path=/v1/health/service/bad"
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"bad\":[$(instance b "$C" dill "dill.listener=local:$bad")],
                         \"zeta\":[$(instance n "$B" dill "dill.listener=local:$Q")]}"
    must 6 "a change of the service behind the broken one" answers "$Q" b
    answers "$bad" a || fail "the broken service lost its instance"
    fake DELETE /fault
    must 25 "the new instance" answers "$bad" c
}

case_fault_one_service_fails() { # it keeps its last instances; the others go live at once
    local bad
    bad=$(next_port)
    faulty_start
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"bad\":[$(instance b "$A" dill "dill.listener=local:$bad")]}"
    must 5 "second service" answers "$bad" a
    fake PUT "/fault?mode=status&code=500&path=/v1/health/service/bad"
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"bad\":[$(instance b "$C" dill "dill.listener=local:$bad")],
                         \"new\":[$(instance n "$B" dill "dill.listener=local:$Q")]}"
    must 2 "the healthy service" answers "$Q" b
    stays 2500 "the failing service lost its instance" answers "$bad" a
    ask "$FD" still || fail "the connection of another service was lost"
    fake DELETE /fault
    must 15 "the new instance" answers "$bad" c
}

case_fault_odd_chunks() { # no fault: every way to cut chunks is read
    faulty_start
    fake PUT "/fault?mode=chunks"
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"new\":[$(instance n "$A" dill "dill.listener=local:$Q")]}"
    must 5 "odd chunks" answers "$Q" a
    fake DELETE /fault
    fake PUT "/fault?mode=bytes"
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"new\":[$(instance n "$C" dill "dill.listener=local:$Q")]}"
    must 5 "chunks of one byte" answers "$Q" c
    at_most "lines of warning" 0 "$(log_count '[Ww]arn|WARN|[Ee]rror|ERR')"
    recovers 5
}

case_fault_header_case() { # no fault: header names in any case
    local case port
    faulty_start
    for case in lower upper odd; do
        port=$(next_port)
        fake DELETE /fault
        fake PUT "/fault?mode=headers&case=$case"
        fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                             \"new\":[$(instance n "$A" dill "dill.listener=local:$port")]}"
        must 5 "headers in $case case" answers "$port" a
        fake DELETE /stats
        sleep 0.6
        at_most "requests in 0.6 s, where queries should block" 8 "$(fake GET /count)"
    done
    recovers 5
}

case_fault_connection_close() { # no fault: a server that closes after each answer
    faulty_start
    fake PUT "/fault?mode=oneshot"
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"new\":[$(instance n "$A" dill "dill.listener=local:$Q")],
                         \"more\":[$(instance m "$B" dill "dill.listener=local:$Q")]}"
    must 10 "service" answers "$Q" a
    recovers 15
}

case_fault_equal_answers() { # an index that moves while nothing changes costs next to nothing
    local lines i before
    faulty_start
    lines=$(wc -l <"$LOG")
    fake DELETE /stats
    cpu_ms
    before=$CPU
    for ((i = 0; i < 80; i++)); do
        fake PUT /touch
        sleep 0.02
    done
    cpu_ms
    at_most "milliseconds of processor time" $((100 * SLOW)) $((CPU - before))
    same "lines in the log" "$lines" "$(wc -l <"$LOG")"
    at_most "sweeps" 8 "$(fake GET "/count?path=/v1/health/service/")"
    holds 300
    recovers 5
}

case_fault_churn() { # real changes without end: the first is seen at once, the rest in paced sweeps
    local i start
    faulty_start
    sleep 1.5
    fake DELETE /stats
    now_ms
    start=$NOW
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"new\":[$(instance n "$A" dill "dill.listener=local:$Q")]}"
    must 5 "first change" accepts 127.0.0.1 "$Q"
    now_ms
    at_most "milliseconds until the first change" $((400 * SLOW)) $((NOW - start))
    for ((i = 1; i <= 80; i++)); do
        fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                             \"new\":[$(instance n "$A" dill "dill.listener=local:$Q" "round-$i")]}"
        sleep 0.02
    done
    at_most "queries of a service in the churn" 20 "$(fake GET "/count?path=/v1/health/service/web")"
    same "the first service" hi "$(says "$P")"
    recovers 5
}

case_fault_bell_catalog_alone() { # changes that only one of the two endpoints announces
    faulty_start
    fake PUT "/services?bell=catalog" "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"new\":[$(instance n "$A" dill "dill.listener=local:$Q")]}"
    must 5 "announced by the catalog alone" answers "$Q" a
    fake PUT "/services?bell=health" "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")],
                         \"new\":[$(instance n "$A" dill "dill.listener=local:$Q" | sed 's/}/,"Status":"critical"}/')]}"
    must 5 "announced by the checks alone" refuses 127.0.0.1 "$Q"
    recovers 5
}

case_consul_queries() { # what is sent: parameters, headers, and how many connections
    local queries waits i services=
    start_fake
    for ((i = 0; i < 60; i++)); do services+="\"s$i\":[$(instance "s$i" 80 dill "dill.listener=no:80")],"; done
    P=$(next_port)
    fake PUT /services "{$services\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
    start_dill_on_fake DILL_CONSUL_TOKEN=s3cr3t DILL_CONSUL_DATACENTER="dc 1&x" DILL_CONSUL_NAMESPACE=team \
        DILL_CONSUL_WAIT=1s DILL_CONSUL_CONSISTENCY_MODE=stale
    must 5 "service" answers "$P" a
    sleep 4
    queries=$(fake GET /queries)
    contains "catalog" "/v1/catalog/services?" "$queries"
    contains "checks" "/v1/health/state/any?" "$queries"
    contains "service" "/v1/health/service/web?" "$queries"
    contains "checks" "filter=" "$(grep state/any <<<"$queries")"
    same "queries without dc" "" "$(grep -Ev '[?&]dc=dc(%20|\+)1%26x' <<<"$queries")"
    same "queries without ns" "" "$(grep -Ev '[?&]ns=team' <<<"$queries")"
    same "queries without stale" "" "$(grep -Ev '[?&]stale(&|=|$)' <<<"$queries")"
    lacks "near" "near=" "$queries"
    lacks "token in a URL" s3cr3t "$queries"
    ! grep -Eq '[?&]index=(0|-)' <<<"$queries" || fail "index=0 was sent"
    same "token headers" s3cr3t "$(fake GET "/header?name=X-Consul-Token" | sort -u)"
    same "Accept-Encoding" - "$(fake GET "/header?name=Accept-Encoding" | sort -u)"
    ! sed -n '/catalog/{p;q}' <<<"$queries" | grep -q 'index=' || fail "the first query has an index"
    at_most "connections at once" 4 "$(fake GET /connections | cut -d ' ' -f 2)"
    contains "nodes" "/v1/catalog/nodes?" "$queries"
    at_most "queries of all bells in 4 s with a wait of 1 s" 21 "$(grep -Ec 'catalog|state/any' <<<"$queries")"
    at_least "queries of all bells in 4 s with a wait of 1 s" 6 "$(grep -Ec 'catalog|state/any' <<<"$queries")"
    waits=$(grep -o 'wait=[^&]*' <<<"$queries" | sort -u)
    at_least "different waits (jitter)" 2 "$(wc -l <<<"$waits")"
    "$PYTHON" - "$waits" <<'END' || fail "waits are not within 10 % of 1 s: $waits"
import re, sys
for word in sys.argv[1].split():
    number, unit = re.fullmatch(r"wait=([0-9.]+)(ms|s)", word).groups()
    assert 0.85 <= float(number) * {"ms": 0.001, "s": 1}[unit] <= 1.15
END
}

asked() { [ "$(fake GET /count)" -ge "$1" ]; }

case_consul_consistency_modes() {
    local mode
    start_fake
    for mode in consistent leader; do
        fake DELETE /stats
        start_dill_on_fake DILL_CONSUL_CONSISTENCY_MODE=$mode
        must 5 "queries" asked 2
        if [ $mode = leader ]; then
            ! fake GET /queries | grep -Eq '[?&](leader|consistent|stale)' || fail "leader is the default: no parameter"
        else
            same "queries without consistent" "" "$(fake GET /queries | grep -Ev '[?&]consistent(&|=|$)')"
        fi
        kill "$DILL_PID"
        stop_dill 0 8
    done
    dill_once DILL_CONSUL_CONSISTENCY_MODE=sometimes -t
    same "exit status with a wrong mode" 1 "$RC"
    contains "the error" "consul.consistency_mode" "$ERR"
}

case_consul_idle() { # nothing changes: hardly a request, no processor time
    local before
    faulty_start
    sleep 1
    fake DELETE /stats
    cpu_ms
    before=$CPU
    sleep 2
    cpu_ms
    at_most "milliseconds of processor time in 2 s" $((3 * SLOW)) $((CPU - before))
    at_most "requests in 2 s" 1 "$(fake GET /count)"
}
