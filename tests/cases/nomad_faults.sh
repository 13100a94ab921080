# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: what Nomad may answer when it is unwell, with the fake Nomad. After each fault the last good table is in force,
# connections live on, no processor time is burnt, and changes are seen again once the fault is over (see faults.sh).

nomad_web() { # [MORE]: the services of faulty_start, and more
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$P")]${1:+,$1}}"
}

case_nomad_fault_no_leader() { # 500 as text, said once; with stale the answers come, and say so
    VENDOR=nomad faulty_start
    fake DELETE /stats
    fake PUT /leader?known=false
    must 5 "it is said" log_has 'warn  nomad: .*answered 500: No cluster leader'
    holds 2400
    bounded_requests 40
    at_most "lines about it" 3 "$(log_count 'answered 500')"
    fake PUT /leader?known=true
    recovers 15
}

case_nomad_fault_stale_without_leader() { # what such an answer lacks has not gone
    VENDOR=nomad faulty_start DILL_ROUTING_NOMAD_STALE=true
    fake PUT /leader?known=false
    fake PUT /services '{}'
    holds 2400
    fake PUT /leader?known=true
    recovers 15
}

case_nomad_fault_behind() { # with stale another server may answer a name than the one that rang: it is asked again
    VENDOR=nomad faulty_start DILL_ROUTING_NOMAD_STALE=true
    nomad_web "\"new\":[$(instance n "$A" dill "dill.listener=local:$Q")]"
    must 5 "the second service" answers "$Q" a
    fake PUT '/fault?mode=older&count=3&path=/v1/service/'
    nomad_web "\"new\":[$(instance n "$B" dill "dill.listener=local:$Q")]"
    must 10 "what the server that is behind did not know" answers "$Q" b
    same "outages" 0 "$(log_count 'warn  nomad')"
}

case_nomad_fault_behind_at_start() { # what has not been told yet is not gone: a plan waits for it
    STATUS=$(next_port)
    VENDOR=nomad faulty_start DILL_ROUTING_NOMAD_STALE=true "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    fake PUT '/fault?mode=older&count=2&path=/v1/service/'
    dill_once --plan DILL_ROUTING_NOMAD_STALE=true "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:$FAKE"
    same "exit status of a plan" 0 "$RC"
    lacks "the plan" "- 127.0.0.1:$P" "$OUT"
}

case_nomad_fault_no_path_to_region() { # which may be mended without dill
    P=$(next_port)
    start_fake nomad
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
    start_dill_on_fake DILL_ROUTING_NOMAD_REGION=eu
    must 5 "it is said" log_has 'warn  nomad: .*answered 500: No path to region'
    fake PUT /regions?names=eu
    must 15 "the service" answers "$P" a
}

case_nomad_fault_too_many_connections() { # 429 before the request: said, and over when there is room
    P=$(next_port)
    start_fake nomad
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
    fake PUT /limit?connections=0
    start_dill_on_fake
    must 5 "it is said" log_has 'warn  nomad: '
    sleep 1
    fake PUT /limit?connections=100
    must 15 "the service" answers "$P" a
}

case_nomad_fault_429() { # Retry-After is honoured
    VENDOR=nomad faulty_start
    fake PUT "/fault?mode=status&code=429&retry=3"
    sleep 0.3
    fake DELETE /stats
    holds 2300
    at_most "requests before Retry-After has passed" 2 "$(fake GET /count)"
    recovers 15
}

case_nomad_fault_index_goes_back() { # as after a restore: start again without an index
    VENDOR=nomad faulty_start
    fake PUT "/index?value=40"
    holds 1200
    nomad_web "\"new\":[$(instance n "$A" dill "dill.listener=local:$Q")]"
    must 5 "a change at index 41" answers "$Q" a
    recovers 5
}

case_nomad_fault_index_zero() { VENDOR=nomad hold_and_recover "index&value=0"; }
case_nomad_fault_index_missing() { VENDOR=nomad hold_and_recover "index&value=missing"; }
case_nomad_fault_index_negative() { VENDOR=nomad hold_and_recover "index&value=-7"; }
case_nomad_fault_index_not_a_number() { VENDOR=nomad hold_and_recover "index&value=abc"; }
case_nomad_fault_index_too_large() { VENDOR=nomad hold_and_recover "index&value=99999999999999999999999"; }
case_nomad_fault_error() { VENDOR=nomad hold_and_recover "status&code=500&text=rpc%20error"; }
case_nomad_fault_truncated_body() { VENDOR=nomad hold_and_recover truncated; }
case_nomad_fault_truncated_chunks() { VENDOR=nomad hold_and_recover truncated-chunks; }
case_nomad_fault_invalid_json() { VENDOR=nomad hold_and_recover garbage; }
case_nomad_fault_closed_connection() { VENDOR=nomad hold_and_recover close; }
case_nomad_fault_reset_connection() { VENDOR=nomad hold_and_recover reset; }
case_nomad_fault_pages() { VENDOR=nomad hold_and_recover paged; }
case_nomad_fault_unled() { VENDOR=nomad hold_and_recover noleader; }

case_nomad_fault_drip() { # one byte a second: a deadline for the whole answer ends it
    VENDOR=nomad faulty_start DILL_ROUTING_NOMAD_WAIT=1s
    fake PUT "/fault?mode=drip"
    fake PUT /touch
    holds 3000
    recovers 25
}

case_nomad_fault_hung_connection() { # no answer and no end: a deadline finds it
    VENDOR=nomad faulty_start DILL_ROUTING_NOMAD_WAIT=1s
    fake PUT "/fault?mode=hang"
    holds 3000
    recovers 25
}

case_nomad_fault_endless_body() { # a body has a largest size, whether it is announced or not
    local mode before
    VENDOR=nomad faulty_start
    memory_kb
    before=$KB
    for mode in "endless" "endless&length=9000000000"; do
        fake PUT "/fault?mode=$mode"
        holds 2400 1200
        memory_kb
        at_most "kB of memory more" $((180000 * (SLOW > 1 ? 4 : 1))) $((KB - before))
        fake DELETE /fault
    done
    recovers 15
}

case_nomad_fault_unending() { # parts of an answer without an end are errors, and a stop is heard
    VENDOR=nomad faulty_start
    fake PUT '/fault?mode=unending&of=trailer'
    fake PUT /touch
    must 10 "that it is said" log_has "nomad: .*: trailers too large"
    same "a new connection" hi "$(says "$P")"
    kill "$DILL_PID"
    stop_dill 0 8
}

percent() { # TEXT: for a query
    printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g'
}

case_nomad_fault_foreign_answers() { # a proxy's page instead of JSON; another shape than Nomad's, in the list and by name
    local path text said count=0
    VENDOR=nomad faulty_start
    while IFS='|' read -r path text said; do
        count=$((count + 1))
        fake PUT "/fault?mode=body&path=$path&text=$(percent "$text")"
        fake PUT /touch
        must 10 "that it is said of $text" log_has "nomad: .*: $said"
        holds 300
        fake DELETE /fault
        must 30 "that it answers again after $text" said_again $count
    done <<'END'
/v1/services|<html>sorry|the answer is HTML or XML, not JSON
/v1/services|{}|the services are no list
/v1/services|null|the services are no list
/v1/services|[{"Namespace":"default","Services":7}]|Services is no list
/v1/services|[{"Namespace":"default","Services":[{"ServiceName":1}]}]|ServiceName is no text
/v1/services|[[]]|a namespace is no object
END
    for text in '{}' null '[[]]' '[7]' '[{"ID":1}]'; do
        fake PUT "/fault?mode=body&path=/v1/service/web&text=$(percent "$text")"
        fake PUT /touch
        holds 700
        fake DELETE /fault
    done
    recovers 15
}

case_nomad_fault_empty_once() { # [] in one answer closes nothing
    local path
    VENDOR=nomad faulty_start
    for path in /v1/services /v1/service/web; do
        fake PUT "/fault?mode=empty&count=1&path=$path"
        fake PUT /touch
        holds 1800
        fake DELETE /fault
    done
    recovers 5
}

case_nomad_fault_missing_once() { # nor does a service that is away for a moment
    VENDOR=nomad faulty_start
    fake PUT /services '{}'
    stays 500 "the table changed" peek_is "$(route "127.0.0.1:$P" "127.0.0.1:$GREET")"
    nomad_web
    holds 2500
    recovers 5
}

case_nomad_fault_listed_without_instances() { # held while the list says that they are there
    VENDOR=nomad faulty_start
    fake PUT "/fault?mode=empty&path=/v1/service/web"
    fake PUT /touch
    holds 4000
    recovers 15
}

case_nomad_fault_one_service_fails() { # it keeps its last instances; the others go live at once
    local bad mode
    bad=$(next_port)
    VENDOR=nomad faulty_start
    for mode in "status&code=500" truncated garbage; do
        nomad_web "\"bad\":[$(instance b "$A" dill "dill.listener=local:$bad")]"
        must 15 "second service" answers "$bad" a
        fake PUT "/fault?mode=$mode&path=/v1/service/bad"
        nomad_web "\"bad\":[$(instance b "$C" dill "dill.listener=local:$bad")],\"new\":[$(instance n "$B" dill "dill.listener=local:$Q")]"
        must 6 "the healthy service" answers "$Q" b
        stays 1500 "the failing service lost its instance" answers "$bad" a
        ask "$FD" still || fail "the connection of another service was lost"
        fake DELETE /fault
        must 25 "the new instance" answers "$bad" c
        nomad_web
        must 6 "the end of both" refuses 127.0.0.1 "$Q"
    done
}

case_nomad_fault_wrong_shape() { # an instance whose port is a string: its service stays as it was, the others go on
    local bad
    bad=$(next_port)
    VENDOR=nomad faulty_start
    nomad_web "\"bad\":[$(instance b "$A" dill "dill.listener=local:$bad")]"
    must 5 "second service" answers "$bad" a
    nomad_web "\"bad\":[$(instance b "\"$B\"" dill "dill.listener=local:$bad")],\"new\":[$(instance n "$B" dill "dill.listener=local:$Q")]"
    must 5 "a service behind it" answers "$Q" b
    must 5 "the log names the member" log_has 'service bad: Port is no whole number; keeping'
    stays 1500 "the service lost its instance" answers "$bad" a
    nomad_web "\"bad\":[$(instance b "$C" dill "dill.listener=local:$bad")]"
    must 15 "the new instance" answers "$bad" c
}

case_nomad_fault_odd_answers() { # no fault: chunks of all sizes, header names in any case, a connection for each answer
    local mode port
    VENDOR=nomad faulty_start
    for mode in chunks bytes "headers&case=lower" "headers&case=odd" oneshot closing; do
        port=$(next_port)
        fake PUT "/fault?mode=$mode"
        nomad_web "\"new\":[$(instance n "$A" dill "dill.listener=local:$port")]"
        must 10 "an answer in mode $mode" answers "$port" a
        fake DELETE /fault
    done
    at_most "lines of warning" 0 "$(log_count 'warn  nomad')"
    recovers 15
}

case_nomad_fault_gateway() { # that ends a question which waits: no outage
    VENDOR=nomad faulty_start
    fake PUT '/gateway?seconds=1&how=504'
    fake PUT /touch
    holds 3500
    at_most "outages" 1 "$(log_count 'warn  nomad')"
    recovers 15
}

case_nomad_fault_equal_answers() { # an index that moves while nothing changes costs little
    local lines i before
    VENDOR=nomad faulty_start
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
    holds 300
    recovers 5
}

case_nomad_fault_churn() { # changes without end in other services: the first is seen at once, the rest in paced readings
    local i start
    VENDOR=nomad faulty_start
    sleep 1.5
    fake DELETE /stats
    now_ms
    start=$NOW
    nomad_web "\"new\":[$(instance n "$A" dill "dill.listener=local:$Q")]"
    must 5 "first change" accepts 127.0.0.1 "$Q"
    now_ms
    at_most "milliseconds until the first change" $((400 * SLOW)) $((NOW - start))
    for ((i = 1; i <= 80; i++)); do
        nomad_web "\"new\":[$(instance n "$A" dill "dill.listener=local:$Q" "round-$i")]"
        sleep 0.02
    done
    at_most "questions about a service that stays" 40 "$(fake GET "/count?path=/v1/service/web")"
    same "the first service" hi "$(says "$P")"
    recovers 5
}
