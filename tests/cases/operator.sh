# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: readiness for a service manager, --explain, --plan, and the status server under load.

receive() {
    "$PYTHON" -c 'import re, socket, sys, time
address, path = sys.argv[1:]
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind("\0" + address[1:] if address[0] == "@" else address)
with open(path, "w", buffering=1) as out:
    out.write("ready\n")
    while True:
        text = sock.recv(4096).decode()
        given = re.search(r"^MONOTONIC_USEC=(\d+)$", text, re.M)
        if given and abs(time.monotonic() - int(given.group(1)) / 1e6) < 5:
            text = text.replace(given.group(0), "MONOTONIC_USEC=now")
        out.write(text.strip("\n").replace("\n", "|") + "\n")' "$1" "$T/notified" 2>"$T/receiver.log" &
    must 5 "receiver" grep -qs ready "$T/notified"
}

notified() { grep -Eq -- "$1" "$T/notified"; }

notifications() { # WORD: how many have it as a line
    grep -Ec "(^|\|)$1(\||\$)" "$T/notified"
}

notified_last() { [[ $(tail -n 1 "$T/notified") =~ $1 ]]; }

case_operator_notify() { # READY with the first table, and no earlier; STATUS, RELOADING, STOPPING
    local p q
    p=$(next_port) q=$(next_port)
    receive "$T/notify"
    start_fake
    fake PUT '/fault?mode=status&code=500'
    fake PUT /services "{\"web\":[$(instance web-1 "$A" dill "dill.listener=local:$p" dill.listener=no:1)]}"
    : >"$T/c.ini"
    start_dill_on_fake -c "$T/c.ini" "NOTIFY_SOCKET=$T/notify"
    must 3 "that Consul answers with errors" log_has 'warn +consul: '
    must 3 "a status" notified '^STATUS=waiting for'
    sleep 0.3
    same "READY while Consul has not answered" 0 "$(notifications READY=1)"
    fake DELETE /fault
    must 5 "READY" notified '^READY=1\|STATUS=1 listener open, 0 failed, 1 wish refused$'
    fake PUT /services "{\"web\":[$(instance web-1 "$A" dill "dill.listener=local:$p" dill.listener=no:1 "dill.listener=local:$PEEK")]}"
    must 5 "another status" notified '^STATUS=1 listener open, 0 failed, 2 wishes refused$'
    same "READY by then" 1 "$(notifications READY=1)"
    start_peers "name:x@127.0.0.1:$q"
    fake PUT /services "{\"web\":[$(instance web-1 "$A" dill "dill.listener=local:$p" "dill.listener=local:$q")]}"
    must 5 "the taken port" log_has "cannot listen on 127.0.0.1:$q: "
    must 5 "its status" notified '^STATUS=1 listener open, 1 failed, 0 wishes refused$'
    end_pid "$PEER_PID"
    must 5 "the status once it is free" notified_last '^STATUS=2 listeners open, 0 failed'
    fake PUT /services "{\"web\":[$(instance web-1 "$A" dill "dill.listener=local:$p")]}"
    must 5 "the status without it" notified_last '^STATUS=1 listener open, 0 failed'
    kill -HUP "$DILL_PID"
    must 3 "RELOADING" notified '^RELOADING=1\|MONOTONIC_USEC=now$'
    must 3 "READY after it" notified_last '^READY=1\|STATUS=1 listener open'
    same "READY after a reload" 2 "$(notifications READY=1)"
    echo '[nonsense' >"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "that the file has an error" log_has 'reload: the configuration has an error'
    must 3 "READY after it" notified_last '^READY=1\|STATUS=1 listener open'
    same "RELOADING and READY" "2 3" "$(notifications RELOADING=1) $(notifications READY=1)"
    ! notified STOPPING || fail "STOPPING: $(cat "$T/notified")"
    kill "$DILL_PID"
    stop_dill 0 8
    must 2 "STOPPING" notified_last '^STOPPING=1(\||$)'
    same "READY in the end" 3 "$(notifications READY=1)"
}

case_operator_notify_abstract() { # a name of the abstract namespace; a manager that is not there hurts nobody
    local p name
    p=$(next_port)
    name=@dill-test-$$-$p
    receive "$name"
    start_bare "NOTIFY_SOCKET=$name" -laddr "127.0.0.1:$p" "127.0.0.1:$A"
    must 3 "READY" notified '^READY=1\|STATUS=1 listener open, 0 failed, 0 wishes refused$'
    kill "$DILL_PID"
    stop_dill 0 8
    must 2 "STOPPING" notified '^STOPPING=1'
    for name in "$T/nobody" "@dill-test-nobody-$p" / relative "/$(printf 'x%.0s' {1..200})"; do
        start_bare "NOTIFY_SOCKET=$name" -laddr "127.0.0.1:$p" "127.0.0.1:$A"
        must 3 "service with NOTIFY_SOCKET=$name" answers "$p" a
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

# --explain and /explain/NAME

explained() { # NAME TEXT...: the running dill says all of them of the service; sets BODY
    local name=$1 text
    status "/explain/$name"
    [ "$CODE" = 200 ] || return 1
    shift
    for text; do [[ $BODY == *"$text"* ]] || return 1; done
}

says_of() { # NAME TEXT...: the running dill says each, itself and through --explain
    local name=$1 text escaped
    shift
    escaped=$("$PYTHON" -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$name")
    must 5 "that $name is explained: $1" explained "$escaped" "$1"
    dill_once "${ASKING[@]}" --explain "$name"
    same "exit status of --explain $name" 0 "$RC"
    same "stderr of --explain $name" "" "$ERR"
    for text; do
        contains "/explain/$escaped" "$text" "$BODY"
        contains "--explain $name" "$text" "$OUT"
    done
}

case_operator_explain() { # the running dill says of every tag what became of it
    local p taken
    p=$(next_port) # two in a row
    next_port >/dev/null
    taken=$(next_port) STATUS=$(next_port)
    ASKING=(--status.listener "127.0.0.1:$STATUS")
    start_peers "name:x@127.0.0.1:$taken"
    # Registered before dill starts: one table.
    register web web-1 "$A" dill "dill.listener=local:$p" dill.listener=nowhere:5555 dill.listener=local:80 \
        dill.listener=local:49152 dill.listener=nonsense dill.balance=fastest other=root:sesame@x dill.deny=10.0.0.0/8
    register typo typo-1 "$A" dill "dill.listener=local:$taken" "dill.listner=local:$p" dill.listener dill.prox=socks5://me:sesame@x:1 \
        ' dill.deny=::1' 'dill.balance= p2c '
    register closed closed-1 "$A" dill "dill.listener=local:$taken" dill.allow=everybody
    CHECK=critical register sick sick-1 "$A" dill "dill.listener=local:$p"
    register taken taken-1 "$A" dill "dill.listener=local:$taken"
    register deaf deaf-1 "$A" dill
    register twice twice-1 "$A" dill dill.proxy_protocol=v1 "dill.listener=local:$taken" dill.proxy_protocol=v2 \
        'url:postgres://me:sesame@db/x?sslmode=off' me:sesame@db 'dill.proxy:socks5://me:sesame@h:1' dill.listner=sesame
    ADDR=::1 register lost lost-1 19001 dill "dill.listener=local:$p" dill.allow=10.0.0.0/8 dill.balance=p2c
    ADDR=nosuch.invalid register nowhere nowhere-1 19001 dill "dill.listener=local:$((p + 1))"
    register 'odd/\\\"%2F é' odd-1 "$A" dill 'dill.listener=\u0007\u001b[31m:1' 'dill.\u0001x\u007f=y'
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    says_of web "web in consul, instance web-1 on node node-$CONSUL_PORT" \
        ", backend 127.0.0.1:$A" \
        "    dill: accepted: it marks the service" \
        "    dill.listener=local:$p: accepted: 127.0.0.1:$p, which is open" \
        "    dill.listener=nowhere:5555: refused by listeners.allowed: label \"nowhere\" is not in listeners.allowed; accepted would be one of" \
        "    dill.listener=local:80: refused by listeners.port_min: port below listeners.port_min 1024; accepted would be a port from 1024 to 49151" \
        "    dill.listener=local:49152: refused by listeners.port_max: port above listeners.port_max 49151; accepted would be a port from 1024 to 49151" \
        "    dill.listener=nonsense: refused by listener: not label:port; accepted would be label:port" \
        "    dill.balance=fastest: refused by balance: not one of round_robin, random, p2c, least_conn" \
        "    other=...: not for dill" \
        "    dill.deny=10.0.0.0/8: accepted"
    lacks "what is said of the first one" "but see the note" "$BODY"
    says_of typo "    dill.listner=...: refused, and its instance with it: it is unknown; the nearest one is dill.listener" \
        "    dill.listener: refused, and its instance with it: it is without a value" \
        "    dill.prox=...: refused, and its instance with it: it is unknown; the nearest one is dill.proxy" \
        "     dill.deny=...: refused, and its instance with it: it is unknown; the nearest one is dill.deny" \
        "    dill.balance= p2c: accepted" \
        "    dill.listener=local:$taken: refused: its tag  dill.deny is unknown; the nearest one is dill.deny"
    says_of closed "    dill.allow=everybody: refused by allow: " \
        "    dill.listener=local:$taken: acceptable, but the service is not routed without its option"
    says_of sick "  not routed: its check service:sick-1 is critical" \
        "    dill.listener=local:$p: acceptable, but this instance has no part in the routing"
    says_of taken "    dill.listener=local:$taken: accepted: 127.0.0.1:$taken, but it cannot listen there: Address already in use"
    says_of twice "    dill.proxy_protocol=v1: refused by proxy_protocol: with other tags of that name it says v1,v2, which is not v1 or v2" \
        "    url...: not for dill" "    me...: not for dill" "    dill.proxy...: refused, and its instance with it: it is unknown" \
        "    dill.listner=...: refused, and its instance with it: it is unknown"
    lacks "what is said of it" sesame "$BODY$OUT"
    says_of lost ", backend [::1]:19001" "    dill.allow=10.0.0.0/8: accepted" \
        "      note: lost asks for balance p2c, but web comes first and has the default" \
        "    dill.balance=p2c: accepted, but see the note at the listener that it shares"
    says_of nowhere ": accepted: 127.0.0.1:$((p + 1)), which is open, but no address of its backends is known"
    says_of deaf "    it has no tag dill.listener=label:port"
    says_of 'odd/\"%2F é' 'odd/\"%2F é in consul' 'dill.listener=\x07\x1b[31m:1: refused by ' 'dill.\x01x\x7f=...: refused, and its instance with it: it is unknown; there are dill.listener, .balance'
    set_check pass sick-1
    must 5 "a check that passes" explained sick "accepted: 127.0.0.1:$p, which is open"
    lacks "/explain/sick" "not routed" "$BODY"
    lacks "/explain/sick" "note: consul" "$BODY"
    status /explain/unknown -i
    same "an unknown service" 404 "$CODE"
    contains "what is said of it" "unknown: no source has a service of this name" "$BODY"
    contains "its type" "Content-Type: text/plain" "$BODY"
    status /explain/web -I
    contains "type of an explanation" "Content-Type: text/plain" "$BODY"
    status /explain/%zz
    same "a wrong escape" 400 "$CODE"
}

case_operator_explain_unmarked() { # what only Consul knows, what nobody knows, and dills that are not there
    local p
    p=$(next_port) STATUS=$(next_port)
    register plain plain-1 "$A" "dill.listener=local:$p"
    register web web-1 "$A" dill "dill.listener=local:$p" dill.listener=nowhere:1
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "the service" explained web "which is open"
    status /explain/plain
    same "a service without the tag" 404 "$CODE"
    dill_once --consul.address "$CONSUL_URL" --status.listener "127.0.0.1:$STATUS" --explain plain
    same "exit status for it" 0 "$RC"
    contains "stderr" "the running dill at 127.0.0.1:$STATUS says: plain: no source has a service of this name" "$ERR"
    contains "what Consul knows" "plain in consul, instance plain-1" "$OUT"
    contains "why it is not routed" "  not routed: it has no tag dill" "$OUT"
    contains "its tag" "    dill.listener=local:$p: acceptable, but this instance has no part in the routing" "$OUT"
    dill_once --consul.address "$CONSUL_URL" --status.listener "127.0.0.1:$STATUS" --explain nosuch
    same "exit status for an unknown service" 1 "$RC"
    same "stdout for it" "" "$OUT"
    contains "stderr for it" "Consul at $CONSUL_URL shows no service nosuch: it is not registered, or the token may not read it" "$ERR"
    kill "$DILL_PID"
    stop_dill 0 8
    # Nobody runs.
    dill_once "DILL_CONSUL_ADDRESS=$CONSUL_URL" --explain=web
    same "exit status without a running dill" 0 "$RC"
    same "stderr" "" "$ERR"
    contains "what Consul knows" "web in consul, instance web-1 on node node-$CONSUL_PORT, backend 127.0.0.1:$A" "$OUT"
    contains "its listener" "    dill.listener=local:$p: accepted: 127.0.0.1:$p
" "$OUT"
    contains "its other listener" "    dill.listener=nowhere:1: refused by listeners.allowed: label \"nowhere\"" "$OUT"
    dill_once "DILL_CONSUL_ADDRESS=$CONSUL_URL" --status.listener "127.0.0.1:$STATUS" --explain web
    same "exit status with an address where nobody is" 0 "$RC"
    contains "stderr" "no dill answers at 127.0.0.1:$STATUS" "$ERR"
    contains "stdout" "accepted: 127.0.0.1:$p" "$OUT"
    dill_once DILL_CONSUL_ADDRESS=http://127.0.0.1:1 --explain web
    same "exit status without Consul" 1 "$RC"
    contains "stderr" "consul: http://127.0.0.1:1: " "$ERR"
    lacks "stderr, as nobody knows" "no source has" "$ERR"
    dill_once DILL_SERVICES_WEB_LISTENER=local:80 DILL_SERVICES_WEB_BACKENDS=127.0.0.1:1 --explain web
    same "exit status for a static service" 0 "$RC"
    contains "stdout" "web in static" "$OUT"
    contains "stdout" "    listener local:80: refused by listeners.port_min: port below listeners.port_min 1024" "$OUT"
    dill_once DILL_SERVICES_WEB_LISTENER=local:80 DILL_SERVICES_WEB_BACKENDS=127.0.0.1:1 --explain nosuch
    same "exit status for no static service" 1 "$RC"
    [ -n "$ERR" ] || fail "nothing is said of an unknown service"
}

# --plan

plan() { # [WORD]...: sets RC, OUT and ERR
    dill_once "DILL_CONSUL_ADDRESS=http://127.0.0.1:$FAKE" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" --plan "$@"
}

in_step() {
    plan
    [ "$RC" -eq 0 ]
}

case_operator_plan() { # what the sources would change, and nothing is touched
    local p q r new changes
    p=$(next_port) q=$(next_port) r=$(next_port) new=$(next_port) STATUS=$(next_port)
    start_fake
    fake PUT /services "{\"web\":[$(instance web-1 "$A" dill "dill.listener=local:$p"),$(instance web-2 "$B" dill "dill.listener=local:$p")],
        \"old\":[$(instance old-1 "$A" dill "dill.listener=local:$q")],
        \"same\":[$(instance same-1 "$A" dill "dill.listener=local:$r" dill.listener=no:1)]}"
    start_dill_on_fake "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_STATE_PATH=$T/state"
    must 5 "three listeners" metric_is 'dill_listeners{state="open"}' 3
    must 5 "the state" test -s "$T/state"
    plan "DILL_STATE_PATH=$T/none"
    same "exit status when nothing would change" 0 "$RC"
    same "stderr" "" "$ERR"
    same "what is printed" "" "$(grep -v '^#' <<<"$OUT")"
    plan "DILL_STATE_PATH=$T/none" DILL_LISTENERS_ALLOW=10.0.0.0/8,::1
    same "exit status when other clients may connect" 2 "$RC"
    same "what is printed" "~ listeners.allow: everybody becomes 10.0.0.0/8,::1/128" "$(grep -v '^#' <<<"$OUT")"
    changes=$(metrics | grep '^dill_route_changes_total')
    cp "$T/state" "$T/before"
    # The running dill does not hear of this.
    fake PUT '/services?bell=none' "{\"web\":[{\"ID\":\"web-1\",\"Port\":$A,\"Weight\":3,\"Tags\":[\"dill\",\"dill.listener=local:$p\",\"dill.balance=p2c\"]},
            $(instance web-3 "$C" dill "dill.listener=local:$p" dill.balance=p2c dill.allow=127.0.0.1 dill.proxy_protocol=v2)],
        \"new\":[$(instance new-1 "$B" dill "dill.listener=local:$new" dill.balance=random)],
        \"same\":[$(instance same-1 "$A" dill "dill.listener=local:$r" dill.listener=no:1)]}"
    plan "DILL_STATE_PATH=$T/none"
    same "exit status" 2 "$RC"
    same "stderr" "" "$ERR"
    same "the plan" "$(sort <<END
+ 127.0.0.1:$new for new, random ─➤ 127.0.0.1:$B
- 127.0.0.1:$q for old, round_robin ─➤ 127.0.0.1:$A
~ 127.0.0.1:$p: + 127.0.0.1:$C
~ 127.0.0.1:$p: - 127.0.0.1:$B
~ 127.0.0.1:$p: balance: round_robin becomes p2c
~ 127.0.0.1:$p: options: none becomes service=web proxy_protocol=v2 allow=127.0.0.1/32
~ 127.0.0.1:$p: weight of 127.0.0.1:$A: 1 becomes 3
END
)" "$(grep -v '^#' <<<"$OUT" | sort)"
    contains "what is refused" "# refused: same wants no:1: label \"no\" is not in listeners.allowed" "$OUT"
    plan "DILL_STATE_PATH=$T/state" DILL_STATUS_LISTENER="127.0.0.1:$STATUS"
    same "exit status with the running dill's state.path" 2 "$RC"
    refuses 127.0.0.1 "$new" || fail "a planned port is open"
    answers "$q" a || fail "the old listener is closed"
    [ ! -e "$T/none" ] || fail "it writes state.path"
    cmp -s "$T/state" "$T/before" || fail "it changes the running dill's state"
    same "changes of the running dill" "$changes" "$(metrics | grep '^dill_route_changes_total')"
    kill "$DILL_PID"
    stop_dill 0 8
    plan
    same "exit status without a running dill" 2 "$RC"
    contains "stderr" "all of it counts as new" "$ERR"
    lacks "the plan" "~ listeners.allow" "$OUT"
    same "lines" "+ + +" "$(grep -v '^#' <<<"$OUT" | cut -c 1 | xargs)"
    plan "DILL_SERVICES_OWN_LISTENER=:$q" DILL_SERVICES_OWN_BACKENDS=127.0.0.1:1
    contains "a static service" "+ 0.0.0.0:$q for own, round_robin ─➤ 127.0.0.1:1" "$OUT"
    plan "DILL_SERVICES_OWN_LISTENER=:$q" DILL_SERVICES_OWN_BACKENDS=localhost:1
    contains "a name" "127.0.0.1:1" "$OUT"
    # One reading that fails does not end it.
    fake PUT '/fault?mode=status&code=500&count=1&path=/v1/health/service/'
    plan
    same "exit status after an error" 2 "$RC"
}

case_operator_never_ready() { # agents whose readings fail, all of them, have said nothing
    local p
    p=$(next_port) STATUS=$(next_port)
    start_fake
    fake PUT /services "{\"web\":[$(instance web-1 "$A" dill "dill.listener=local:$p")]}"
    fake PUT '/fault?mode=status&code=500&path=/v1/health/service/'
    start_dill_on_fake "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "the outage" log_has 'warn  consul: .*answered 500'
    stays 2500 "it is ready without a single service" status_is /status 503
    metric_is 'dill_source_up{source="consul"}' 0 || fail "it counts as up"
    same "ends of the outage" 0 "$(log_count 'answers again')"
    fake DELETE /fault
    must 15 "the service" answers "$p" a
    status_is /status 200 || fail "it is not ready"
}

case_operator_explain_trouble() { # names that cannot be read, and sources that do not answer
    local p fake_pid
    p=$(next_port) STATUS=$(next_port)
    start_fake
    fake_pid=$!
    fake PUT /services "{\"good\":[$(instance good-1 "$A" dill "dill.listener=local:$p")],
        \"bad\":[$(instance bad-1 "$A" dill "dill.listener=local:$p")]}"
    fake PUT '/fault?mode=status&code=500&path=/v1/health/service/bad'
    start_dill_on_fake "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "the good one" answers "$p" a
    must 5 "the bad one" explained bad "bad in consul" "not routed: Consul does not tell its instances: answered 500"
    fake DELETE /fault
    must 15 "once it can be read" explained bad "bad in consul, instance bad-1" "which is open"
    lacks "/explain/bad" "does not tell" "$BODY"
    end_pid "$fake_pid"
    must 10 "once Consul is gone" explained good "which is open" "note: consul has not answered for "
    status /explain/nosuch
    contains "an unknown name" "note: consul has not answered for " "$BODY"
}

case_operator_blind_token() { # one that may see nothing is no empty Consul: at the start, in a plan, and later
    local p q mode
    for mode in filtered empty; do
        p=$(next_port) q=$(next_port) STATUS=$(next_port)
        start_fake
        fake PUT /services "{\"web\":[$(instance web-1 "$A" dill "dill.listener=local:$p")]}"
        fake PUT "/fault?mode=$mode"
        start_dill_on_fake "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
        must 5 "that it is said" log_has 'warn +consul: .* lists no services, not even consul itself; '
        stays 1500 "it is ready" status_is /status 503
        metric_is 'dill_source_up{source="consul"}' 0 || fail "it counts as up"
        plan
        same "exit status of a plan" 1 "$RC"
        same "the plan" "" "$OUT"
        contains "stderr" "lists no services, not even consul itself" "$ERR"
        fake DELETE /fault
        fake PUT /touch
        must 5 "the service, once it is seen" answers "$p" a
        status_is /status 200 || fail "it is not ready"
        fake PUT "/fault?mode=$mode"
        fake PUT /touch
        must 5 "that it is said again" log_counts 2 'not even consul itself'
        stays 2500 "the listener closes" answers "$p" a
        metric_is 'dill_source_up{source="consul"}' 0 || fail "it counts as up again"
        fake DELETE /fault
        fake PUT /services "{\"web\":[$(instance web-1 "$A" dill "dill.listener=local:$q")]}"
        must 5 "what is new" answers "$q" a
        must 5 "what is old" refuses 127.0.0.1 "$p"
        kill "$DILL_PID"
        stop_dill 0 8
    done
    fake PUT '/fault?mode=filtered'
    dill_once "DILL_CONSUL_ADDRESS=http://127.0.0.1:$FAKE" --explain web
    same "exit status of --explain" 1 "$RC"
    contains "stderr" "the token does not see all of it" "$ERR"
    lacks "stderr" "shows no service" "$ERR"
}

case_operator_short_sighted_token() { # one that sees some services routes those
    local p q
    p=$(next_port) q=$(next_port) STATUS=$(next_port)
    start_fake
    fake PUT /services "{\"web\":[$(instance web-1 "$A" dill "dill.listener=local:$p")]}"
    fake PUT '/fault?mode=partial&path=/v1/catalog/services'
    start_dill_on_fake "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "the service" answers "$p" a
    status_is /status 200 || fail "it is not ready"
    fake PUT /services "{\"web\":[$(instance web-1 "$B" dill "dill.listener=local:$q")]}"
    must 5 "a change" answers "$q" b
    must 5 "what is gone" refuses 127.0.0.1 "$p"
    same "lines about it" 1 "$(log_count 'warn +consul: .*: the token does not see all services; ')"
}

# The status server as a whole

case_operator_status_pages() { # types, HEAD, 404, and many requests of all kinds at once
    local p path
    p=$(next_port) STATUS=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" DILL_SERVICES_WEB_LISTENER="local:$p" DILL_SERVICES_WEB_BACKENDS="127.0.0.1:$ECHO"
    must 5 "readiness" status_is /status 200
    open_conn "$p"
    ask "$FD" one || fail "no echo"
    status /nothing
    same "an unknown path" 404 "$CODE"
    for path in / /status /connections /routes /metrics /explain/NAME; do contains "what there is" "$path" "$BODY"; done
    "$PYTHON" -c 'import socket, sys, threading, time
port, wait = int(sys.argv[1]), 5 * float(sys.argv[2])
TYPES = {"/": "text/html", "/status": "text/plain", "/connections": "application/json", "/routes": "application/json",
         "/metrics": "text/plain; version=0.0.4", "/explain/web": "text/plain", "/explain/none": "text/plain", "/x": "text/plain"}
MARKS = {"/": b"<!DOCTYPE html>", "/status": b"OK", "/connections": b"\"active\":[{\"client\"", "/routes": b"\"listeners\":",
         "/metrics": b"# HELP dill_", "/explain/web": b"web in static", "/explain/none": b"none: no source", "/x": b"There are /"}
def ask(path, method="GET", more=""):
    with socket.create_connection(("127.0.0.1", port), wait) as s:
        s.sendall(("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%sConnection: close\r\n\r\n" % (method, path, more)).encode())
        data = b"".join(iter(lambda: s.recv(65536), b""))
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    code = 404 if path in ("/explain/none", "/x") else 200
    assert lines[0].startswith("HTTP/1.1 %d " % code), (path, lines[0])
    assert fields["content-type"].startswith(TYPES[path]), (path, fields)
    return int(fields["content-length"]), body
def look(path):
    length, body = ask(path)
    assert len(body) == length, (path, len(body), length)
    assert MARKS[path].lower() in body.lower(), (path, body[:200])
for path in TYPES:
    look(path)
    length, body = ask(path, "HEAD")
    assert length > 0 and body == b"", (path, length, body[:80])
    if path not in ("/", "/metrics", "/connections"):
        assert length == ask(path)[0], path
ask("/metrics", more="Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n")
failures, paths = [], list(TYPES)
def many(first):
    try:
        for i in range(12):
            look(paths[(first + i) % len(paths)])
    except Exception as error:
        failures.append(repr(error))
threads = [threading.Thread(target=many, args=(n,)) for n in range(24)]
for t in threads: t.start()
for t in threads: t.join()
assert not failures, failures[:3]' "$STATUS" "$SLOW" 2>"$T/why" || fail "$(tail -n 1 "$T/why")"
    ask "$FD" two || fail "the session did not live through it"
}

case_operator_status_big() { # 2,000 listeners: who reads /metrics slowly stalls neither the status server nor sessions
    local p address
    p=$(next_port) STATUS=$(next_port)
    address=127.77.$((p / 256)).$((p % 256))     # its own, for 2,000 ports
    start_fake
    "$PYTHON" -c 'import json, sys
services = {"many%d" % first: [{"ID": "m%d" % first, "Port": int(sys.argv[1]),
                               "Tags": ["dill"] + ["dill.listener=far:%d" % n for n in range(first, first + 16)]}]
            for first in range(12000, 14000, 16)}
services["web"] = [{"ID": "w", "Port": int(sys.argv[2]), "Tags": ["dill", "dill.listener=local:" + sys.argv[3]]}]
print(json.dumps(services))' \
        "$A" "$ECHO" "$p" >"$T/services"
    fake PUT /services "@$T/services"
    start_dill_on_fake "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_LISTENERS_ALLOWED=local=127.0.0.1,far=$address" \
        DILL_LOG_LEVEL=error
    must 8 "the last listener" accepts "$address" 13999
    must 8 "2,001 listeners" metric_is 'dill_listeners{state="open"}' 2001
    open_conn "$p"
    ask "$FD" one || fail "no echo"
    "$PYTHON" -c 'import socket, sys, threading, time
status, echo, slow = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
def get(path, size=0):
    s = socket.socket()
    if size:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    s.settimeout(10 * slow)
    s.connect(("127.0.0.1", status))
    s.sendall(("GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % path).encode())
    return s
lazy = [get("/metrics", 4096) for _ in range(3)]
heads = [s.recv(1000) for s in lazy]            # the page is made, and its first bytes are here
one = socket.create_connection(("127.0.0.1", echo), 5 * slow)
worst = worst_echo = 0
for _ in range(20):
    start = time.monotonic()
    with get("/status") as s:
        data = b"".join(iter(lambda: s.recv(4096), b""))
        assert b"200 OK" in data, data
    worst = max(worst, time.monotonic() - start)
    start = time.monotonic()
    one.sendall(b"x")
    assert one.recv(10) == b"x"
    worst_echo = max(worst_echo, time.monotonic() - start)
assert worst < 0.3 * slow and worst_echo < 0.2 * slow, (worst, worst_echo)
for s, head in zip(lazy, heads):
    data = head + b"".join(iter(lambda: s.recv(1 << 20), b""))
    top, _, body = data.partition(b"\r\n\r\n")
    assert b"\r\nTransfer-Encoding: chunked" in top, top
    sizes, whole = [], b""
    while not sizes or sizes[-1]:
        size, _, body = body.partition(b"\r\n")
        sizes.append(int(size, 16))
        whole, end, body = whole + body[:sizes[-1]], body[sizes[-1]:sizes[-1] + 2], body[sizes[-1] + 2:]
        assert end == b"\r\n", end
    assert not body and len(whole) > 3e6 and max(sizes) < 70000, (body[:100], len(whole), max(sizes))
    body = whole
    assert body.count(b"\ndill_listener_connections_total{") == 2001' "$STATUS" "$p" "$SLOW" 2>"$T/why" || fail "$(tail -n 1 "$T/why")"
    # Readers that have stopped amid the table keep none of its ports open.
    "$PYTHON" -c 'import socket, sys, time
def stop_at(path, port=int(sys.argv[1])):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", port))
    s.sendall(("GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % path).encode())
    s.recv(1000)
    return s
stopped = [stop_at(path) for path in ("/metrics", "/routes", "/")]
print("stopped", flush=True)
time.sleep(60)' "$STATUS" >"$T/stopped" &
    must 5 "readers that stop" test -s "$T/stopped"
    fake PUT /services "{\"web\":[{\"ID\":\"w\",\"Port\":$ECHO,\"Tags\":[\"dill\",\"dill.listener=local:$p\"]}]}"
    must 8 "the end of the last listener" refuses "$address" 13999
    must 3 "the ends of all" refuses "$address" 12000
    end_pid $!
    ask "$FD" two || fail "the session did not live through it"
}

case_operator_plan_without_sources() { # those that cannot be read: 1, in bounded time, and no plan
    local p pid rc which
    p=$(next_port) STATUS=$(next_port)
    start_peers hold
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$p" "127.0.0.1:$A"
    must 5 "the service" answers "$p" a
    pid=()
    for which in http://127.0.0.1:1 "http://127.0.0.1:${PORTS[0]}"; do
        timeout $((15 * SLOW)) env -i PATH="$PATH" "${SANITIZERS[@]}" "$DILL" --plan --consul.address "$which" \
            --status.listener "127.0.0.1:$STATUS" >"$T/plan.${#pid[@]}" 2>"$T/plan.${#pid[@]}.err" &
        pid+=($!)
    done
    for which in 0 1; do
        wait "${pid[which]}"
        same "exit status" 1 $?
        same "what is printed" "" "$(cat "$T/plan.$which")"
        contains "stderr" "consul has not answered" "$(cat "$T/plan.$which.err")"
    done
    answers "$p" a || fail "the running dill was disturbed"
}
