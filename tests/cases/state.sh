# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: state.path, the last good services on disk.

state_has() { grep -Fq -- "$1" "$T/state"; }

remembered() { peek_contains "# from state.path: Consul has not answered yet"; }

case_state_start_without_consul() { # what was routed is routed again, marked, until Consul answers
    local p q http
    p=$(next_port) q=$(next_port) http=$(agent_ports)
    start_agent "$http"
    URL=$SCHEME://127.0.0.1:$http
    WEIGHT=3 register web web-1 "$A" dill "dill.listener=local:$p" dill.balance=p2c
    register 'odd name' odd-1 "$B" dill "dill.listener=local:$q"
    start_bare "DILL_CONSUL_ADDRESS=$URL" "DILL_STATE_PATH=$T/state"
    must 5 "the service" answers "$p" a
    must 5 "the other service" answers "$q" b
    must 5 "the file" state_has "local:$q"
    remembered && fail "live services are marked"
    kill "$DILL_PID"
    stop_dill 0 8
    same "who may read the file" 600 "$(stat -c %a "$T/state")"
    end_pid "$AGENT_PID"
    start_bare "DILL_CONSUL_ADDRESS=$URL" "DILL_STATE_PATH=$T/state"
    must 5 "the service, without Consul" answers "$p" a
    must 2 "the other, without Consul" answers "$q" b
    peek_must_be "$(BALANCE=p2c route "127.0.0.1:$p" "127.0.0.1:$A"
        route "127.0.0.1:$q" "127.0.0.1:$B")
# from state.path: Consul has not answered yet"
    log_has "warn +consul: no answer yet; until there is one, 2 instances as they were [0-9]+ s ago, from $T/state" ||
        fail "the log: $(tail -n 3 "$LOG")"
    # The agent is back with an empty catalog: its services stay until the second look, and come from Consul then.
    start_agent "$http"
    register web web-1 "$A" dill "dill.listener=local:$p" dill.balance=p2c
    must 15 "Consul's own answer" not remembered
    answers "$p" a || fail "the service has gone"
    must 5 "what Consul does not have closes" refuses 127.0.0.1 "$q"
    ! log_has "closed address=127.0.0.1:$p" || fail "the listener that stays has closed meanwhile"
}

case_state_keeps_owners() { # an instance that fails its check makes its service old, and keeps its port, after a restart too
    local p q http
    p=$(next_port) q=$(next_port) http=$(agent_ports)
    start_agent "$http"
    URL=$SCHEME://127.0.0.1:$http
    CHECK=critical register web web-1 "$q" dill
    register other other-1 "$B" dill "dill.listener=any:$p" "dill.listener=local:$q"
    register web web-2 "$A" dill "dill.listener=local:$p"
    start_bare "DILL_CONSUL_ADDRESS=$URL" "DILL_STATE_PATH=$T/state" DILL_BACKENDS_ALLOW=127.0.0.0/8
    must 5 "the older service" answers "$p" a
    must 5 "the file" state_has "local:$p"
    refuses 127.0.0.1 "$q" || fail "dill listens at the port of an instance"
    kill "$DILL_PID"
    stop_dill 0 8
    end_pid "$AGENT_PID"
    start_bare "DILL_CONSUL_ADDRESS=$URL" "DILL_STATE_PATH=$T/state" DILL_BACKENDS_ALLOW=127.0.0.0/8
    must 5 "the older service, without Consul" answers "$p" a
    remembered || fail "Consul has answered"
    refuses 127.0.0.1 "$q" || fail "dill listens at the port of an instance after a restart"
}

case_state_hanging_consul() { # an agent that accepts and says nothing counts as away after a second
    local p
    p=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p"
    start_dill "DILL_STATE_PATH=$T/state"
    must 5 "the file" state_has "local:$p"
    kill "$DILL_PID"
    stop_dill 0 8
    start_peers hold
    start_bare "DILL_CONSUL_ADDRESS=http://127.0.0.1:${PORTS[0]}" "DILL_STATE_PATH=$T/state"
    must 4 "the service" answers "$p" a
    remembered || fail "it is not marked"
}

case_state_with_consul() { # while Consul answers, the file is not used at all
    local p q
    p=$(next_port) q=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p"
    start_dill "DILL_STATE_PATH=$T/state"
    must 5 "the file" state_has "local:$p"
    kill "$DILL_PID"
    stop_dill 0 8
    deregister web-1
    register web web-1 "$B" dill "dill.listener=local:$q"
    start_dill "DILL_STATE_PATH=$T/state"
    must 5 "the service as it is now" answers "$q" b
    must 3 "the old listener is not wanted" refuses 127.0.0.1 "$p"
    ! log_has 'no answer yet' || fail "the file was used"
    must 5 "the file follows" state_has "local:$q"
}

case_state_bad_files() { # damaged and foreign files are said, and not used; dill starts
    local p text
    p=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p"
    start_dill "DILL_STATE_PATH=$T/state"
    must 5 "the file" state_has "local:$p"
    kill "$DILL_PID"
    stop_dill 0 8
    cp "$T/state" "$T/good"
    for text in "s/$p/$((p + 1))/" '2d' '1d' 's/state 1/state 2/' '1s/ [0-9a-f]*/ 0000000000000000/'; do
        sed "$text" "$T/good" >"$T/state"
        start_bare DILL_CONSUL_ADDRESS=http://127.0.0.1:1 "DILL_STATE_PATH=$T/state"
        must 5 "that the file is not used, after $text" log_has "state.path: $T/state is damaged, or no state of dill; it is not used"
        peek_is "$NO_ROUTE" || fail "Peek: $(peek)"
        kill "$DILL_PID"
        stop_dill 0 8
    done
    head -c 50 "$T/good" >"$T/state"
    start_bare DILL_CONSUL_ADDRESS=http://127.0.0.1:1 "DILL_STATE_PATH=$T/state"
    must 5 "that the file is not used" log_has "it is not used"
    kill "$DILL_PID"
    stop_dill 0 8
    ln -sf good "$T/state"
    start_bare DILL_CONSUL_ADDRESS=http://127.0.0.1:1 "DILL_STATE_PATH=$T/state"
    must 5 "that a link is not followed" log_has "state.path: $T/state is a symbolic link; it is not used"
    kill "$DILL_PID"
    stop_dill 0 8
    STATUS=$(next_port)
    start_dill "DILL_STATE_PATH=$T/nowhere/state" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "the service" answers "$p" a
    must 5 "that it cannot be written" log_has "state.path: cannot write $T/nowhere/state: No such file"
    metrics_say "m['dill_state_write_errors_total{source=\"consul\"}'] >= 1" || fail "$(grep dill_state <<<"$METRICS")"
    mkdir "$T/nowhere"
    must 20 "that it is written later, though nothing changes" log_has "state.path: $T/nowhere/state is written again"
}

case_state_keeps_restrictions() { # a service that the file cannot keep whole is not kept: it would be open to all
    local p q r s
    p=$(next_port) q=$(next_port) r=$(next_port) s=$(next_port)
    start_fake
    fake PUT /services "{\"web\":[$(instance w "$A" dill "dill.listener=local:$p" 'dill.allow=10.0.0.0/8\u0001')],
                         \"odd\":[$(instance d "$A" dill "dill.listener=local:$s" 'dill.balance=p2c\u0001')],
                         \"tab\":[$(instance t "$C" dill "dill.listener=local:$r" 'dill.allow=127.0.0.9,\t127.0.0.2')],
                         \"ok\":[$(instance o "$B" dill "dill.listener=local:$q" "dill.allow=127.0.0.1")]}"
    start_dill_on_fake "DILL_STATE_PATH=$T/state"
    must 5 "the other service" answers "$q" b
    must 5 "the file" state_has "local:$q"
    peek_contains "# refused: web wants allow=" || fail "$(peek)"
    peek_contains '# refused: odd wants balance=p2c\x01: has a control character' || fail "$(peek)"
    same "clients, with a tab in the list" "- c c" "$(for i in 1 2 9; do from "127.0.0.$i" "$r"; done | xargs)"
    kill "$DILL_PID"
    stop_dill 0 8
    # A newer version has written an option that this one does not know.
    python3 - "$T/state" <<'END'
import sys
head, body = open(sys.argv[1]).read().split("\n", 1)
body = body.replace('"name":"ok"', '"name":"ok","quota":"1"')
total = 0xcbf29ce484222325
for byte in body.encode():
    total = (total ^ byte) * 0x100000001b3 % 2**64
words = head.split(" ")
words[2:4] = ["%016x" % total, str(len(body))]
open(sys.argv[1], "w").write(" ".join(words) + "\n" + body)
END
    start_bare DILL_CONSUL_ADDRESS=http://127.0.0.1:1 "DILL_STATE_PATH=$T/state"
    must 5 "the service with a list, from the file" peek_has "127.0.0.1:$r"
    same "its clients" "- c c" "$(for i in 1 2 9; do from "127.0.0.$i" "$r"; done | xargs)"
    refuses 127.0.0.1 "$p" || fail "the restricted port is open"
    refuses 127.0.0.1 "$s" || fail "the refused port is open"
    refuses 127.0.0.1 "$q" || fail "the port of what is not understood is open"
    log_has 'warn +refused: ok wants .*: state.path says "quota" of it, which this version does not understand' || fail "$(cat "$LOG")"
}

case_state_admission() { # rules that changed meanwhile count for what is remembered, too
    local p
    p=$(next_port)
    register web web-1 "$A" dill "dill.listener=local:$p"
    start_dill "DILL_STATE_PATH=$T/state"
    must 5 "the file" state_has "local:$p"
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare DILL_CONSUL_ADDRESS=http://127.0.0.1:1 "DILL_STATE_PATH=$T/state" "DILL_LISTENERS_PORT_MIN=$((p + 1))"
    must 5 "refusal" peek_contains "# refused: web wants local:$p: port below listeners.port_min"
    refuses 127.0.0.1 "$p" || fail "it listens"
}
