# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: services from Nomad, with the fake Nomad: whom dill asks, and what it makes of the answers.

# nomad_start SERVICES [VAR=VALUE]...: dill on a fake Nomad with these services
nomad_start() {
    start_fake nomad
    fake PUT /services "$1"
    start_dill_on_fake "${@:2}"
}

queries() { fake GET "/queries?path=${1:-/v1/}"; }

# The fake itself

told() { # PATH [CURL-ARGUMENT]...: status, index and body of an answer of the fake; of a list, its names and tags in order
    curl -s --max-time $((20 * SLOW)) -D "$T/head" -o "$T/body" "${@:2}" "http://127.0.0.1:$FAKE$1" || echo "no answer"
    tr -d '\r' <"$T/head" | awk '/^HTTP/ { printf "%s ", $2 } /^X-Nomad-Index/ { printf "%s ", $2 }'
    "$PYTHON" - "$T/body" <<'END'
import json, sys
text = open(sys.argv[1]).read()
try:
    print(" ".join("%s/%s=%s" % (space["Namespace"], name["ServiceName"], "+".join(sorted(name["Tags"])))
                   if "Services" in space else space["ID"] for space in sorted(json.loads(text), key=str)
                   for name in sorted(space.get("Services", [space]), key=str)))
except ValueError:
    print(text)
END
}

case_nomad_fake() { # it follows the rules that its text names
    local began
    start_fake nomad --socket "$T/api.sock"
    fake PUT /services '{"web":[{"ID":"b","Port":1,"Tags":["y"]},{"ID":"a","Port":2,"Tags":["x"]}],"ops/api":[{"ID":"c","Port":3}]}'
    same "a list: the union of tags" "200 101 default/web=x+y" "$(told /v1/services)"
    same "all namespaces" "200 101 default/web=x+y ops/api=" "$(told '/v1/services?namespace=*')"
    same "a list of namespaces" "200 101 " "$(told '/v1/services?namespace=default,ops')"
    same "a name" "200 101 a b" "$(told /v1/service/web)"
    same "a page" "200 101 a" "$(told '/v1/service/web?per_page=1')"
    grep -q '^X-Nomad-NextToken: b' "$T/head" || fail "no next page: $(cat "$T/head")"
    same "the next page" "200 101 b" "$(told '/v1/service/web?per_page=1&next_token=b')"
    same "a name in all namespaces" "200 101 " "$(told '/v1/service/web?namespace=*')"
    same "a name that is unknown" "200 101 " "$(told /v1/service/none)"
    same "an index below zero" "400 Invalid index" "$(told '/v1/services?index=-1')"
    same "a wait that is none" "400 Invalid wait time" "$(told '/v1/services?index=101&wait=soon')"
    same "an unknown region" "500 No path to region" "$(told '/v1/services?region=eu')"
    fake PUT /services '{"web":[{"ID":"b","Port":1,"Tags":["y"]},{"ID":"a","Port":2,"Tags":["x"]}],"ops/api":[{"ID":"c","Port":3}]}'
    same "the same again changes nothing" "200 101 a b" "$(told /v1/service/web)"
    (sleep 0.5; fake PUT /services '{"web":[{"ID":"b","Port":1,"Tags":["y"]},{"ID":"a","Port":9,"Tags":["x"]}],"ops/api":[{"ID":"c","Port":3}]}') &
    now_ms
    began=$NOW
    same "the bell rings for a port" "200 102 default/web=x+y" "$(told '/v1/services?index=101&wait=15s')"
    now_ms
    at_most "milliseconds until it rang" $((9000 * SLOW)) $((NOW - began))
    same "a name is told at once after any change" "200 102 c" "$(told '/v1/service/api?namespace=ops&index=101&wait=60s')"
    same "a wait that ends" "200 102 default/web=x+y" "$(told '/v1/services?index=102&wait=100ms')"
    fake PUT /leader?known=false
    same "no leader" "500 No cluster leader" "$(told /v1/services)"
    same "no leader, stale" "200 102 default/web=x+y" "$(told '/v1/services?stale')"
    grep -q '^X-Nomad-KnownLeader: false' "$T/head" || fail "stale answers hide that there is no leader"
    fake PUT /leader?known=true
    fake PUT '/token?value=T&namespaces=ops'
    fake PUT '/token?value=W&namespaces=&kind=workload'
    fake PUT '/token?value=N&namespaces='
    same "no token" "403 Permission denied" "$(told /v1/services)"
    same "an unknown token" "403 ACL token not found" "$(told '/v1/services?namespace=*' -H X-Nomad-Token:x)"
    same "a token of another namespace" "403 Permission denied" "$(told /v1/service/web -H X-Nomad-Token:T)"
    same "its own" "200 102 c" "$(told '/v1/service/api?namespace=ops' -H X-Nomad-Token:T)"
    same "what it may read of all" "200 102 ops/api=" "$(told '/v1/services?namespace=*' -H X-Nomad-Token:T)"
    same "a token that reads nowhere" "200 0 " "$(told '/v1/services?namespace=*' -H X-Nomad-Token:N)"
    same "a workload's identity" "200 102 default/web=x+y" "$(told /v1/services -H 'Authorization: Bearer W')"
    same "the task API without a token" "401 Unauthorized" "$(told /v1/services --unix-socket "$T/api.sock")"
    same "the task API" "200 102 default/web=x+y" "$(told /v1/services --unix-socket "$T/api.sock" -H X-Nomad-Token:W)"
    same "the task API with a wrong one" "403 Forbidden" "$(told /v1/services --unix-socket "$T/api.sock" -H X-Nomad-Token:x)"
    fake PUT /limit?connections=0
    contains "too many connections" "429 " "$(told /v1/services)"
}

# What is asked

case_nomad_register() { # a listener opens with its first instance, follows them, and closes with the last
    local p
    p=$(next_port)
    nomad_start '{}'
    peek_must_be "$NO_ROUTE"
    fake PUT /services "{\"web\":[$(instance w1 "$A" dill "dill.listener=local:$p")]}"
    must 5 "the service" answers "$p" a
    fake PUT /services "{\"web\":[$(instance w2 "$B" dill "dill.listener=local:$p"),$(instance w1 "$A" dill "dill.listener=local:$p")]}"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B")"
    fake PUT /services "{\"web\":[$(instance w2 "$B" dill "dill.listener=local:$p")]}"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$B")"
    fake PUT /services '{}'
    stays 600 "the listener closed after one look" peek_has "127.0.0.1:$p"
    must 6 "the listener to close" refuses 127.0.0.1 "$p"
    peek_must_be "$NO_ROUTE"
}

case_nomad_queries() { # one bell, everything else by name and without waiting; what is sent with it
    local text i services=
    for ((i = 0; i < 60; i++)); do services+="\"s$i\":[$(instance "s$i" 80 dill "dill.listener=no:80")],"; done
    P=$(next_port)
    start_fake nomad
    fake PUT '/token?value=s3cr3t&namespaces=*'
    fake PUT /regions?names=eu
    fake PUT /services "{$services\"web\":[$(instance w "$A" dill "dill.listener=local:$P")],\"plain\":[$(instance p 80 other)]}"
    start_dill_on_fake DILL_ROUTING_NOMAD_TOKEN=s3cr3t DILL_ROUTING_NOMAD_REGION=eu DILL_ROUTING_NOMAD_NAMESPACE=default \
        DILL_ROUTING_NOMAD_WAIT=1s DILL_ROUTING_NOMAD_STALE=true
    must 5 "service" answers "$P" a
    sleep 4
    text=$(queries)
    ! grep -m 1 /v1/services <<<"$text" | grep -q 'index=' || fail "the first question has an index"
    contains "the bell" "index=" "$(grep /v1/services <<<"$text")"
    same "questions by name that wait" "" "$(grep /v1/service/ <<<"$text" | grep -E '[?&](index|wait)=')"
    same "a service without the tag" "" "$(grep /v1/service/plain <<<"$text")"
    same "questions without the namespace" "" "$(grep -Ev '[?&]namespace=default(&|$)' <<<"$text")"
    same "questions without the region" "" "$(grep -Ev '[?&]region=eu(&|$)' <<<"$text")"
    same "questions without stale" "" "$(grep -Ev '[?&]stale(&|=|$)' <<<"$text")"
    lacks "a token in a path" s3cr3t "$text"
    lacks "paths" /v1/client "$text"
    ! grep -Eq '[?&]index=(0|-)' <<<"$text" || fail "index=0 was sent"
    same "token headers" s3cr3t "$(fake GET '/header?name=X-Nomad-Token' | sort -u)"
    same "Accept-Encoding" - "$(fake GET '/header?name=Accept-Encoding' | sort -u)"
    at_most "connections at once" 2 "$(fake GET /connections | cut -d ' ' -f 2)"
    at_most "questions in 4 s with a wait of 1 s" $((61 + 7)) "$(wc -l <<<"$text")"
}

case_nomad_default_queries() { # nothing that nobody asked for; the longest wait is Nomad's own
    local text
    P=$(next_port)
    nomad_start "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
    must 5 "service" answers "$P" a
    must 5 "the bell" asked 3
    text=$(queries)
    ! grep -Eq '[?&](stale|region|consistent)' <<<"$text" || fail "unasked parameters: $text"
    [[ $text != *wait=* ]] || same "the wait" "" "$(grep -o 'wait=[^&]*' <<<"$text" | grep -Ev 'wait=(5m|300s|300000ms|2[0-9]{2}s|2[0-9]{5}ms)$')"
    same "token headers" - "$(fake GET '/header?name=X-Nomad-Token' | sort -u)"
    dill_once -t DILL_ROUTING_NOMAD_WAIT=6m "DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:$FAKE"
    same "exit status with a wait that Nomad cuts" 1 "$RC"
    contains "the error" 'routing.nomad.wait: "6m"' "$ERR"
}

case_nomad_two_connections() { # whatever there is: two connections, pipelined
    local i services=
    for ((i = 0; i < 300; i++)); do services+="\"s$i\":[$(instance "s$i" 80 dill "dill.listener=no:80")],"; done
    P=$(next_port) Q=$(next_port)
    start_fake nomad
    fake PUT /limit?connections=2
    fake PUT /services "{$services\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
    start_dill_on_fake
    must 10 "service" answers "$P" a
    fake PUT /services "{$services\"web\":[$(instance w "$B" dill "dill.listener=local:$P")]}"
    must 5 "another port under the same tags" answers "$P" b
    same "lines of warning about Nomad" 0 "$(log_count 'nomad: ')"
}

case_nomad_idle() { # nothing changes: no request, no processor time
    local before
    VENDOR=nomad faulty_start
    sleep 1
    fake DELETE /stats
    cpu_ms
    before=$CPU
    sleep 2
    cpu_ms
    at_most "milliseconds of processor time in 2 s" $((3 * SLOW)) $((CPU - before))
    at_most "requests in 2 s" 1 "$(fake GET /count)"
}

# Namespaces, rights

case_nomad_namespaces() { # all of them: each name is read where it stands; one name in two is two services
    local p q namespaces
    p=$(next_port) q=$(next_port)
    start_fake nomad
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$p")],\"ops/web\":[$(instance w "$B" dill "dill.listener=local:$q")],
        \"other/api\":[$(instance o "$C" dill "dill.listener=local:$p")]}"
    for namespaces in '*' default,ops,other; do
        PEEK=$(next_port)
        start_dill_on_fake "DILL_ROUTING_NOMAD_NAMESPACE=$namespaces"
        must 5 "the service in ops" answers "$q" b
        peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$C"; route "127.0.0.1:$q" "127.0.0.1:$B")"
        lacks "questions by name in all namespaces" 'namespace=*' "$(queries /v1/service/)"
        lacks "questions by name in all namespaces" 'namespace=%2A' "$(queries /v1/service/)"
        kill "$DILL_PID"
        stop_dill 0 8
    done
    PEEK=$(next_port)
    start_dill_on_fake DILL_ROUTING_NOMAD_NAMESPACE=ops
    peek_must_be "$(route "127.0.0.1:$q" "127.0.0.1:$B")"
}

case_nomad_namespaces_change() { # a list has a bell for each namespace: each is heard, and none takes away another's services
    local p q
    p=$(next_port) q=$(next_port)
    nomad_start "{\"one/web\":[$(instance w "$A" dill "dill.listener=local:$p")]}" DILL_ROUTING_NOMAD_NAMESPACE=one,two
    must 5 "the first namespace" answers "$p" a
    fake PUT /services "{\"one/web\":[$(instance w "$A" dill "dill.listener=local:$p")],\"two/web\":[$(instance w "$B" dill "dill.listener=local:$q")]}"
    must 5 "the second namespace" answers "$q" b
    fake PUT /services "{\"one/web\":[$(instance w "$C" dill "dill.listener=local:$p")],\"two/web\":[$(instance w "$B" dill "dill.listener=local:$q")]}"
    must 5 "a change in the first" answers "$p" c
    fake PUT /services "{\"two/web\":[$(instance w "$B" dill "dill.listener=local:$q")]}"
    must 6 "the first to go" refuses 127.0.0.1 "$p"
    answers "$q" b || fail "the second has gone"
}

case_nomad_namespace_refused() { # one of a list that the token may not read keeps back none of the others, and is asked for again
    local p q
    p=$(next_port) q=$(next_port)
    start_fake nomad
    fake PUT '/token?value=t&namespaces=one'
    fake PUT /services "{\"one/web\":[$(instance w "$A" dill "dill.listener=local:$p")],\"two/web\":[$(instance w "$B" dill "dill.listener=local:$q")]}"
    start_dill_on_fake DILL_ROUTING_NOMAD_NAMESPACE=one,two DILL_ROUTING_NOMAD_TOKEN=t DILL_ROUTING_NOMAD_WAIT=1s
    must 5 "the first" answers "$p" a
    must 5 "it is said" log_has 'warn  nomad: .*namespace two: answered 403: Permission denied'
    fake DELETE /stats
    sleep 2
    at_most "questions about the second in 2 s" 2 "$(queries | grep -c namespace=two)"
    same "lines about it" 1 "$(log_count 'answered 403')"
    fake PUT '/token?value=t&namespaces=one,two'
    must 15 "the second, with the right to read it" answers "$q" b
    fake PUT '/token?value=t&namespaces=one'
    fake PUT /touch
    sleep 3
    answers "$q" b || fail "a lost right closed a port"
    fake PUT /services "{\"one/web\":[$(instance w "$C" dill "dill.listener=local:$p")],\"two/web\":[$(instance w "$B" dill "dill.listener=local:$q")]}"
    must 5 "a change in the first" answers "$p" c
    answers "$q" b || fail "a change in another namespace closed a port"
}

case_nomad_workload() { # an identity without policies reads namespaces by name, and closes nothing under *
    local p
    p=$(next_port)
    start_fake nomad
    fake PUT '/token?value=identity&namespaces=&kind=workload'
    fake PUT /services "{\"one/web\":[$(instance w "$A" dill "dill.listener=local:$p")],\"two/web\":[$(instance w "$B" dill "dill.listener=local:$p")]}"
    start_dill_on_fake DILL_ROUTING_NOMAD_NAMESPACE=one,two DILL_ROUTING_NOMAD_TOKEN=identity
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B")"
    kill "$DILL_PID"
    stop_dill 0 8
    start_dill_on_fake 'DILL_ROUTING_NOMAD_NAMESPACE=*' DILL_ROUTING_NOMAD_TOKEN=identity
    must 5 "it is said" log_has 'warn  nomad: .*the token may read nothing'
}

case_nomad_reload() { # other settings of the source: it starts again, and nothing closes meanwhile
    local p q
    p=$(next_port) q=$(next_port)
    start_fake nomad
    fake PUT /services "{\"web\":[$(instance w "$GREET" dill "dill.listener=local:$p")],\"ops/web\":[$(instance w "$B" dill "dill.listener=local:$q")]}"
    printf '[routing.nomad]\naddress = "http://127.0.0.1:%s"\n' "$FAKE" >"$T/c.toml"
    start_bare -c "$T/c.toml"
    must 5 "the service" answers "$p" hi
    open_conn "$p"
    read -r -t $((5 * SLOW)) _ <&"$FD"
    printf 'namespace = "ops, default"\nstale = true\n' >>"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 5 "the other namespace" answers "$q" b
    must 5 "the new settings" reloaded_queries
    answers "$p" hi || fail "the first service has gone"
    ! log_has "closed address=127.0.0.1:$p" || fail "its listener closed meanwhile"
    ask "$FD" after || fail "its connection was lost"
}

reloaded_queries() { queries | tail -n 1 | grep -q stale; }

case_nomad_namespaces_left() { # one that is no longer followed goes, whatever was known of it, and so do names of another form
    local p q i=0 namespaces
    p=$(next_port) q=$(next_port)
    start_fake nomad
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$p")],\"ops/web\":[$(instance w "$B" dill "dill.listener=local:$q")]}"
    for namespaces in '*' ops default 'default, ops' default,other; do
        printf '[routing.nomad]\naddress = "http://127.0.0.1:%s"\nnamespace = "%s"\n' "$FAKE" "$namespaces" >"$T/c.toml"
        if [ $((i += 1)) = 1 ]; then start_bare -c "$T/c.toml"; else kill -HUP "$DILL_PID"; fi
        case $namespaces in
            ops) peek_must_be "$(route "127.0.0.1:$q" "127.0.0.1:$B")" ;;
            default | default,other) peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")" ;;
            *) peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A"; route "127.0.0.1:$q" "127.0.0.1:$B")" ;;
        esac
    done
    dill_once --explain ops/web -c "$T/c.toml"
    same "exit status of --explain for one of them" 1 "$RC"
    contains "its reason" "routing.nomad.namespace does not name" "$ERR"
}

case_nomad_token_that_reads_nowhere() { # with *, an empty list with index 0: nothing closes, said once, asked again slowly
    local text
    P=$(next_port)
    start_fake nomad
    fake PUT '/token?value=t&namespaces=*'
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
    start_dill_on_fake 'DILL_ROUTING_NOMAD_NAMESPACE=*' DILL_ROUTING_NOMAD_TOKEN=t DILL_ROUTING_NOMAD_WAIT=1s
    must 5 "the service" answers "$P" a
    fake PUT '/token?value=t&namespaces='
    fake PUT /touch
    must 5 "it is said" log_has 'warn  nomad: '
    fake DELETE /stats
    stays 3000 "the table changed" answers "$P" a
    text=$(queries)
    at_most "questions in 3 s" 5 "$(wc -l <<<"$text")"
    at_least "questions in 3 s" 2 "$(wc -l <<<"$text")"
    same "questions with an index" "" "$(grep index= <<<"$text")"
    same "lines about it" 1 "$(log_count 'warn  nomad: ')"
    fake PUT '/token?value=t&namespaces=*'
    fake PUT /services "{\"web\":[$(instance w "$B" dill "dill.listener=local:$P")]}"
    must 5 "the rights are back" answers "$P" b
}

case_nomad_token_file() { # a token is renewed: read again when it is refused, and when the file changes
    P=$(next_port) Q=$(next_port)
    start_fake nomad
    fake PUT '/token?value=first&namespaces=*'
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
    echo first >"$T/token"
    start_dill_on_fake "DILL_ROUTING_NOMAD_TOKEN_FILE=$T/token" DILL_ROUTING_NOMAD_WAIT=1s
    must 5 "the service" answers "$P" a
    fake PUT '/token?value=second&namespaces=*'
    fake DELETE /token?value=first
    echo second >"$T/token.new"
    mv "$T/token.new" "$T/token"
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")],\"new\":[$(instance n "$B" dill "dill.listener=local:$Q")]}"
    must 10 "a service that the new token reads" answers "$Q" b
    answers "$P" a || fail "the first service"
    same "the last token" second "$(fake GET '/header?name=X-Nomad-Token' | tail -n 1)"
    fake PUT '/token?value=third&namespaces=*'
    echo third >"$T/token"
    must 10 "the third token, while the second still works" last_token third
    lacks "the log" second "$(cat "$LOG")"
}

case_nomad_token_refused_once() { # the file has another one meanwhile: no outage, and not even a line of warning
    local code
    P=$(next_port)
    echo first >"$T/token"
    start_fake nomad
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
    start_dill_on_fake "DILL_ROUTING_NOMAD_TOKEN_FILE=$T/token"
    must 5 "the service" answers "$P" a
    for code in 403 401; do
        fake PUT /touch     # the file is looked at with each ring, and then not for five seconds
        sleep 0.5
        echo "token-$code" >"$T/token.new"
        mv "$T/token.new" "$T/token"
        fake PUT "/fault?mode=status&code=$code&text=Forbidden&count=1"
        must 4 "the new token after $code" last_token "token-$code"
        fake DELETE /fault
        same "lines about $code" 0 "$(log_count "answered $code")"
    done
    echo quiet >"$T/token"
    must 15 "one that nobody refuses, while nothing rings" last_token quiet
    fake PUT /services "{\"web\":[$(instance w "$B" dill "dill.listener=local:$P")]}"
    must 5 "a change" answers "$P" b
}

last_token() { [ "$(fake GET '/header?name=X-Nomad-Token' | tail -n 1)" = "$1" ]; }

case_nomad_token_refused() { # 403 with its words, said once, tried slowly; nothing closes
    VENDOR=nomad faulty_start DILL_ROUTING_NOMAD_TOKEN=c4n4ry
    fake DELETE /stats
    fake PUT '/token?value=other&namespaces=*'
    fake PUT /touch
    must 5 "it is said" log_has 'warn  nomad: .*answered 403: Permission denied'
    holds 2400
    bounded_requests 20
    at_most "lines about it" 2 "$(log_count 'answered 403')"
    fake PUT '/token?value=c4n4ry&namespaces=default'
    recovers 40
}

case_nomad_task_api() { # over the socket of a task, with a token from a file, which is there only later
    P=$(next_port)
    start_fake nomad --socket "$T/api.sock"
    fake PUT '/token?value=identity&namespaces=&kind=workload'
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")]}"
    echo early >"$T/nomad_token"
    start_bare "DILL_ROUTING_NOMAD_ADDRESS=unix://$T/api.sock" "DILL_ROUTING_NOMAD_TOKEN_FILE=$T/nomad_token"
    must 5 "a refusal" log_has 'answered 403: Forbidden'
    echo identity >"$T/nomad_token"
    must 15 "the service" answers "$P" a
    fake PUT /services "{\"web\":[$(instance w "$B" dill "dill.listener=local:$P")]}"
    must 5 "a change" answers "$P" b
}

# Instances

case_nomad_unhealthy() { # Nomad lists what is dead or unhealthy, too: dill looks for itself
    local p dead
    p=$(next_port) dead=$(next_port)
    nomad_start "{\"web\":[$(instance a "$A" dill "dill.listener=local:$p"),$(instance dead "$dead" dill "dill.listener=local:$p")]}" \
        DILL_HEALTH_INTERVAL=100ms
    must 5 "the dead one is found" peek_contains "127.0.0.1:$dead (unhealthy)"
    same "who answers" "a a a a" "$(client names 127.0.0.1 "$p" 4)"
    peek_has "  ├──➤ 127.0.0.1:$A" || fail "the live one is not healthy"
    "${PEER[@]}" serve "name:x@127.0.0.1:$dead" >"$T/server" 2>&1 &
    must 5 "it lives" peek_has "  ├──➤ 127.0.0.1:$dead"
    same "questions about checks" 0 "$(fake GET /count?path=/v1/client)"
}

case_nomad_instances() { # tags instance by instance (canaries), addresses of each kind, and a fault that is one instance's alone
    local p q r
    p=$(next_port) q=$(next_port) r=$(next_port)
    start_peers "name:six@[::1]" "name:far@127.0.0.5"
    nomad_start "{\"web\":[$(instance z "$A" dill "dill.listener=local:$p"),$(instance canary "$B" dill "dill.listener=local:$q" canary),
            $(instance none "$C" other),$(instance port0 0 dill "dill.listener=local:$p"),
            {\"ID\":\"nowhere\",\"Port\":80,\"Address\":\"\",\"Tags\":[\"dill\",\"dill.listener=local:$p\"]}],
        \"six\":[{\"Port\":${PORTS[0]},\"Address\":\"::1\",\"Tags\":[\"dill\",\"dill.listener=local:$r\"]}],
        \"far\":[{\"Port\":${PORTS[1]},\"Address\":\"127.0.0.5\",\"Tags\":[\"dill\",\"dill.listener=local:$r\"]}],
        \"name\":[{\"Port\":$B,\"Address\":\"localhost\",\"Tags\":[\"dill\",\"dill.listener=local:$r\"]}]}"
    must 5 "a name, v6 and v4" peek_contains "[::1]:${PORTS[0]}"
    must 5 "all of them" peek_contains "127.0.0.5:${PORTS[1]}"
    same "who answers" "b far six" "$(client names 127.0.0.1 "$r" 3 | xargs -n 1 | sort | xargs)"
    contains "the first" "$(route "127.0.0.1:$p" "127.0.0.1:$A")" "$(peek)"
    contains "the canary" "$(route "127.0.0.1:$q" "127.0.0.1:$B")" "$(peek)"
    contains "a port that is none" "# refused: web wants local:$p: " "$(peek)"
    lacks "the one without the tag" "127.0.0.1:$C" "$(peek)"
}

case_nomad_tags() { # options, and the word that marks a service, are those of Consul's
    local p q
    p=$(next_port) q=$(next_port)
    nomad_start "{\"web\":[$(instance a "$A" edge "edge.listener=local:$p" edge.balance=p2c edge.allow=127.0.0.8)],
        \"old\":[$(instance b "$B" dill "dill.listener=local:$q")],
        \"low\":[$(instance c "$B" edge edge.listener=local:80)]}" DILL_ROUTING_NOMAD_TAG=edge
    must 5 "the service" peek_contains "$(BALANCE=p2c route "127.0.0.1:$p" "127.0.0.1:$A")"
    same "a client that is not allowed" - "$(from 127.0.0.9 "$p")"
    same "one that is" a "$(from 127.0.0.8 "$p")"
    contains "a port that is too low" "# refused: low wants local:80: " "$(peek)"
    refuses 127.0.0.1 "$q" || fail "another mark counts"
    kill "$DILL_PID"
    stop_dill 0 8
    start_dill_on_fake DILL_CONSUL_TAG=edge DILL_CONSUL_ADDRESS=http://127.0.0.1:1
    must 5 "the mark of Consul's services, where Nomad's has none" peek_has "127.0.0.1:$p"
}

case_nomad_beside_consul() { # both at once: one table
    local p q
    p=$(next_port) q=$(next_port)
    register both both-1 "$A" dill "dill.listener=local:$p"
    register one one-1 "$C" dill "dill.listener=local:$q"
    start_fake nomad
    fake PUT /services "{\"both\":[$(instance n "$B" dill "dill.listener=local:$p")]}"
    start_dill_on_fake "DILL_CONSUL_ADDRESS=$CONSUL_URL"
    must 5 "Consul's" answers "$q" c
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B"; route "127.0.0.1:$q" "127.0.0.1:$C")"
    fake PUT /services '{}'
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A"; route "127.0.0.1:$q" "127.0.0.1:$C")"
}

# Settings

case_nomad_settings() { # what switches it on, what does not, and what is wrong
    local key value
    dill_once -t NOMAD_ADDR=http://127.0.0.1:1 NOMAD_TOKEN=x DILL_SERVICES_WEB_LISTENER=local:5000 DILL_SERVICES_WEB_BACKENDS=h:1
    same "exit status with Nomad's variables alone" 0 "$RC"
    start_fake nomad
    P=$(next_port)
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$P")],\"ops/web\":[$(instance w "$B" dill "dill.listener=local:$P")]}"
    fake PUT '/token?value=s3cr3t&namespaces=ops'
    start_bare "NOMAD_ADDR=http://127.0.0.1:$FAKE" DILL_SERVICES_WEB_LISTENER=local:5000 DILL_SERVICES_WEB_BACKENDS=h:1
    sleep 0.5
    same "requests with Nomad's variables alone" 0 "$(fake GET /count)"
    kill "$DILL_PID"
    stop_dill 0 8
    fake PUT /regions?names=eu
    start_bare "NOMAD_ADDR=http://127.0.0.1:$FAKE" NOMAD_TOKEN=s3cr3t NOMAD_NAMESPACE=ops NOMAD_REGION=eu DILL_ROUTING_NOMAD_STALE=true
    must 5 "all of it from Nomad's variables" answers "$P" b
    contains "the region" "region=eu" "$(queries)"
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare --backend nomad "NOMAD_ADDR=http://127.0.0.1:$FAKE" NOMAD_TOKEN=s3cr3t NOMAD_NAMESPACE=ops
    must 5 "the source by name" answers "$P" b
    while read -r key value; do
        dill_once -t "--routing.nomad.$key=$value"
        same "exit status of $key=$value" 1 "$RC"
        contains "the error of $key=$value" "--routing.nomad.$key: routing.nomad.$key: \"$value\"" "$ERR"
    done <<'END'
address ftp://127.0.0.1:4646
address 127.0.0.1:x
wait 500ms
wait soon
stale perhaps
END
    dill_once -t --routing.nomad.adress=http://127.0.0.1:4646
    contains "a key that nobody knows" "routing.nomad.address" "$ERR"
}

case_go_dill_nomad() { # the Go dill's example, word for word; its TLS wants TLS
    cat >"$T/config.toml" <<'END'
[routing.nomad]
  address = "http://127.0.0.1:4646"
  token = "nomad-communication-secret-token"
  namespace = "foobar-namespace"
  wait = "5m"
  stale = true
END
    dill_once -t -c "$T/config.toml"
    same "exit status" 0 "$RC"
    contains "its address" "routing.nomad.address = http://127.0.0.1:4646" "$OUT"
    contains "its namespace" "routing.nomad.namespace = foobar-namespace" "$OUT"
    contains "its wait" "routing.nomad.wait = 5m" "$OUT"
    contains "its staleness" "routing.nomad.stale = true" "$OUT"
    lacks "-t" nomad-communication-secret-token "$OUT$ERR"
    cat >>"$T/config.toml" <<'END'
[routing.nomad.tls]
  ca = "/foo/bar/ca"
  cert = "/foo/bar/cert"
  key = "/foo/bar/key"
  insecure = false
END
    dill_once -t -c "$T/config.toml"
    if [ "$RC" -eq 0 ]; then
        contains "its CA" "routing.nomad.tls.ca = /foo/bar/ca" "$OUT"
    else
        contains "where it stands" "config.toml:8: routing.nomad.tls.ca" "$ERR"
        contains "the way out" "make TLS=openssl" "$ERR"
    fi
}

case_go_dill_nomad_at_work() { # its job's tags, its keys, over the fake
    local p
    p=$(next_port)
    start_fake nomad
    fake PUT '/token?value=nomad-communication-secret-token&namespaces=foobar-namespace'
    fake PUT /services "{\"foobar-namespace/foobar\":[$(instance _nomad-task-1-group-foobar-db "$A" dill "dill.listener=any:$p")]}"
    printf '[routing.nomad]\n  address = "http://127.0.0.1:%s"\n  token = "nomad-communication-secret-token"\n' "$FAKE" >"$T/config.toml"
    printf '  namespace = "foobar-namespace"\n  wait = "5m"\n  stale = true\n' >>"$T/config.toml"
    start_bare -config "$T/config.toml" DILL_BACKENDS_ALLOW=127.0.0.0/8
    must 5 "the service" answers "$p" a 127.0.0.9
    peek_must_be "$(route "0.0.0.0:$p" "127.0.0.1:$A")"
}

# --explain, --plan, the status server, state.path

case_nomad_explain() { # the running dill, and one that asks Nomad itself; names that it does not route, or that nobody knows
    local p q
    p=$(next_port) q=$(next_port) STATUS=$(next_port)
    nomad_start "{\"web\":[$(instance w "$A" dill "dill.listener=local:$p" dill.listener=no:1)],\"plain\":[$(instance p "$A" "dill.listener=local:$q")]}" \
        "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "the service" answers "$p" a
    contains "/explain" "web in nomad, instance w" "$(curl -s "http://127.0.0.1:$STATUS/explain/web")"
    dill_once --explain web "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:$FAKE"
    contains "--explain" "web in nomad, instance w" "$OUT"
    contains "its other wish" "dill.listener=no:1: refused by listeners.allowed" "$OUT"
    dill_once --explain plain "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:$FAKE"
    contains "a service without the tag" "plain in nomad, instance p" "$OUT"
    contains "why it is not routed" "not routed: it has no tag dill" "$OUT"
    kill "$DILL_PID"
    stop_dill 0 8
    dill_once --explain web "DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:$FAKE"
    same "exit status without a running dill" 0 "$RC"
    contains "without a running dill" "dill.listener=local:$p: accepted: 127.0.0.1:$p" "$OUT"
    dill_once --explain nosuch "DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:$FAKE"
    same "exit status for an unknown service" 1 "$RC"
    contains "stderr for it" "Nomad at http://127.0.0.1:$FAKE" "$ERR"
    contains "stderr for it" "nosuch" "$ERR"
    dill_once --explain web DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:1
    same "exit status without Nomad" 1 "$RC"
    contains "stderr" "nomad: http://127.0.0.1:1: " "$ERR"
    fake PUT /services "{\"ops/web\":[$(instance w "$A" dill "dill.listener=local:$p")]}"
    dill_once --explain ops/web 'DILL_ROUTING_NOMAD_NAMESPACE=*' "DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:$FAKE"
    contains "a service in another namespace" "accepted: 127.0.0.1:$p" "$OUT"
}

case_nomad_plan() { # what would change
    local p q
    p=$(next_port) q=$(next_port) STATUS=$(next_port)
    nomad_start "{\"web\":[$(instance w "$A" dill "dill.listener=local:$p")]}" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "the service" answers "$p" a
    dill_once --plan "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:$FAKE"
    same "exit status when nothing would change" 0 "$RC"
    start_fake nomad
    fake PUT /services "{\"new\":[$(instance n "$B" dill "dill.listener=local:$q")]}"
    dill_once --plan "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:$FAKE"
    same "exit status" 2 "$RC"
    same "stderr" "" "$ERR"
    same "the plan" "+ 127.0.0.1:$q for new, round_robin ─➤ 127.0.0.1:$B
- 127.0.0.1:$p for web, round_robin ─➤ 127.0.0.1:$A" "$(grep -v '^#' <<<"$OUT" | sort)"
}

case_nomad_status() { # up, down, and polls, as of any source
    local p STATUS
    p=$(next_port) STATUS=$(next_port)
    nomad_start "{\"web\":[$(instance w "$A" dill "dill.listener=local:$p")]}" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "the service" answers "$p" a
    metric 'dill_source_up{source="nomad"}' 1 || fail "it is not up"
    contains "/routes" '"nomad"' "$(curl -s "http://127.0.0.1:$STATUS/routes")"
    fake PUT '/fault?mode=status&code=500'
    must 10 "an outage" metric 'dill_source_up{source="nomad"}' 0
    curl -sf "http://127.0.0.1:$STATUS/status" >/dev/null || fail "it is no longer ready"
}

case_nomad_state() { # what Nomad said last is routed after a restart without it, until it answers
    local p fake_pid
    p=$(next_port)
    start_fake nomad
    fake_pid=$!
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$p")]}"
    start_dill_on_fake "DILL_STATE_PATH=$T/state"
    must 5 "the service" answers "$p" a
    must 5 "the file" grep -Fq "local:$p" "$T/state.nomad"
    kill "$DILL_PID"
    stop_dill 0 8
    end_pid "$fake_pid"
    start_dill_on_fake "DILL_STATE_PATH=$T/state"
    must 5 "the service, without Nomad" answers "$p" a
    peek_contains "# from state.path: Nomad has not answered yet" || fail "it is not marked: $(peek)"
    kill "$DILL_PID"
    stop_dill 0 8
    start_dill_on_fake "DILL_STATE_PATH=$T/state" DILL_ROUTING_NOMAD_NAMESPACE=ops,other
    stays 1500 "a service of a namespace that is not followed" refuses 127.0.0.1 "$p"
}

case_nomad_secrets() { # its token is in no output: at work, in errors, in what it shows of itself
    local p STATUS page i=0
    p=$(next_port) STATUS=$(next_port)
    start_fake nomad
    fake PUT '/token?value=c4n4ry&namespaces=*'
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$p" dill.proxy=socks5://u:c4n4ry@127.0.0.1:1)]}"
    start_dill_on_fake DILL_ROUTING_NOMAD_TOKEN=c4n4ry DILL_LOG_LEVEL=debug "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "the listener" peek_has "127.0.0.1:$p"
    fake PUT '/fault?mode=status&code=500&text=no%20such%20token:%20c4n4ry'
    must 5 "an error that echoes" log_has 'warn .*answered 500: \(words with the token in them\)'
    for page in / /status /routes /connections /metrics /explain/web; do
        curl -s "http://127.0.0.1:$STATUS$page" >"$T/once.0$i.out" || fail "no $page"
        i=$((i + 1))
    done
    peek >"$T/once.0peek.out"
    fake DELETE /fault
    echo c4n4ry >"$T/token"
    dill_once -t DILL_ROUTING_NOMAD_TOKEN=c4n4ry "DILL_ROUTING_NOMAD_ADDRESS=http://u:c4n4ry@127.0.0.1:1"
    dill_once -t NOMAD_TOKEN=c4n4ry "DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:$FAKE"
    dill_once -t "DILL_ROUTING_NOMAD_TOKEN_FILE=$T/token" DILL_ROUTING_NOMAD_TOKEN=c4n4ry
    dill_once -t DILL_ROUTING_NOMAD_TOKN=c4n4ry
    dill_once --explain nosuch DILL_ROUTING_NOMAD_TOKEN=c4n4ry "DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:$FAKE"
    dill_once --plan DILL_ROUTING_NOMAD_TOKEN=c4n4ry "DILL_ROUTING_NOMAD_ADDRESS=http://127.0.0.1:$FAKE"
    nothing_leaked "Nomad"
}
