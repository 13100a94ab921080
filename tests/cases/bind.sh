# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: listeners.bind, which service may ask for which label and ports.

policy() { # LINE...: $T/c.toml with the labels local and edge, and these patterns
    printf '[listeners]\ndrain = "60s"\n[listeners.allowed]\nlocal = "127.0.0.1"\nedge = "127.0.0.2"\n[listeners.bind]\n' >"$T/c.toml"
    printf '%s\n' "$@" >>"$T/c.toml"
}

not_granted() { # SERVICE LABEL:PORT: the line of Peek
    echo "# refused: $1 wants $2: no pattern of listeners.bind grants $2 to $1"
}

case_bind_policy() { # granted by name, by "*", and refused; the operator's own services are not asked
    local p
    p=$(next_port) # five in a row
    next_port >/dev/null; next_port >/dev/null; next_port >/dev/null; next_port >/dev/null
    STATUS=$(next_port)
    policy "'db-*' = 'edge:$p-$((p + 1)), local:$p'" "web = ['local:$((p + 2))', 'edge:80']" "'*' = 'local:$p-$((p + 3))'"
    register db-1 db-1 "$A" dill "dill.listener=edge:$p" "dill.listener=local:$p" "dill.listener=edge:$((p + 2))"
    register web web-1 "$B" dill "dill.listener=local:$((p + 2))" dill.listener=edge:80 "dill.listener=edge:$p"
    register other other-1 "$C" dill "dill.listener=local:$p" "dill.listener=local:$((p + 1))" "dill.listener=local:$((p + 2))" \
        "dill.listener=local:$((p + 4))" "dill.listener=nowhere:$p"
    start_dill -c "$T/c.toml" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_SERVICES_OWN_LISTENER=edge:$((p + 3))" \
        "DILL_SERVICES_OWN_BACKENDS=127.0.0.1:$A"
    must 5 "what db-* grants" answers "$p" a 127.0.0.2
    must 5 "what web grants" answers $((p + 2)) b
    must 5 "what * grants" answers $((p + 1)) c
    must 5 "the operator's own" answers $((p + 3)) a 127.0.0.2
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A"
        route "127.0.0.1:$((p + 1))" "127.0.0.1:$C"
        route "127.0.0.1:$((p + 2))" "127.0.0.1:$B"
        route "127.0.0.2:$p" "127.0.0.1:$A"
        route "127.0.0.2:$((p + 3))" "127.0.0.1:$A"
        not_granted db-1 "edge:$((p + 2))"
        not_granted other "local:$p"
        not_granted other "local:$((p + 2))"
        not_granted other "local:$((p + 4))"
        echo "# refused: other wants nowhere:$p: label \"nowhere\" is not in listeners.allowed"
        not_granted web "edge:$p"
        echo "# refused: web wants edge:80: port below listeners.port_min 1024")"
    log_has "refused: other wants local:$p: no pattern of listeners.bind grants local:$p to other" || fail "it is not logged"
    must 3 "its rule" metric_has 'dill_routes_refused{reason="listeners.bind"} 5'
    ASKING=(--status.listener "127.0.0.1:$STATUS")
    says_of db-1 "    dill.listener=edge:$p: accepted: 127.0.0.2:$p, which is open
      granted by listeners.bind: \"db-*\"
" "    dill.listener=edge:$((p + 2)): refused by listeners.bind: no pattern of listeners.bind grants edge:$((p + 2)) to db-1; accepted would be edge:$p-$((p + 1)) (\"db-*\"), local:$p (\"db-*\"), local:$((p + 1)) (\"*\"), local:$((p + 3)) (\"*\")"
    says_of other "    dill.listener=local:$((p + 1)): accepted: 127.0.0.1:$((p + 1)), which is open
      granted by listeners.bind: \"*\"
" "    dill.listener=local:$((p + 2)): refused by listeners.bind: no pattern of listeners.bind grants local:$((p + 2)) to other; accepted would be local:$((p + 1)) (\"*\"), local:$((p + 3)) (\"*\"); local:$((p + 2)) is for \"web\""
    status /explain/own
    lacks "the operator's own" "granted by" "$BODY"
    dill_once -t -c "$T/c.toml"
    contains "-t" "listeners.bind.db-* = edge:$p-$((p + 1)), local:$p  # $T/c.toml:7
listeners.bind.web = local:$((p + 2)), edge:80  # $T/c.toml:8
listeners.bind.* = local:$p-$((p + 3))  # $T/c.toml:9" "$OUT"
    # Who asks Consul itself learns the same.
    dill_once -c "$T/c.toml" "DILL_CONSUL_ADDRESS=$CONSUL_URL" --explain other
    contains "--explain without a running dill" "local:$((p + 2)) is for \"web\"" "$OUT"
}

case_bind_reload() { # what is no longer granted closes and drains; an error changes nothing
    local p q fd
    p=$(next_port) q=$(next_port)
    policy "web = 'local:$p'"
    register web web-1 "$ECHO" dill "dill.listener=local:$p" "dill.listener=local:$q"
    start_dill -c "$T/c.toml"
    must 5 "the listener" accepts 127.0.0.1 "$p"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO"; not_granted web "local:$q")"
    open_conn "$p"
    fd=$FD
    ask "$fd" one || fail "no echo"
    policy "web = 'local:$q'"
    kill -HUP "$DILL_PID"
    peek_must_be "$(route "127.0.0.1:$q" "127.0.0.1:$ECHO"; not_granted web "local:$p")" 3
    must 3 "that it closes" log_has "closed address=127.0.0.1:$p .* why=\"refused: no pattern of listeners.bind grants local:$p to web\""
    must 3 "the refusal" log_has "refused: web wants local:$p: no pattern of listeners.bind grants"
    must 3 "a closed port" refuses 127.0.0.1 "$p"
    ask "$fd" two || fail "its connection does not drain"
    policy "web = 'local:$p-$q'" "db = 'nowhere:$p'"
    kill -HUP "$DILL_PID"
    must 3 "the error" log_has "c.toml:8: listeners.bind: \"db\" grants \"nowhere:$p\", but no such label is in listeners.allowed"
    must 3 "that nothing changes" log_has 'reload: the configuration has an error'
    peek_must_be "$(route "127.0.0.1:$q" "127.0.0.1:$ECHO"; not_granted web "local:$p")" 3
    printf '[listeners]\nport_min = 1024\n' >"$T/c.toml"
    kill -HUP "$DILL_PID"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO"; route "127.0.0.1:$q" "127.0.0.1:$ECHO")" 3
}

case_bind_variable() { # a registrant of another name gets nothing; letter case counts
    local p q
    p=$(next_port) q=$(next_port)
    register db-1 db-1 "$A" dill "dill.listener=local:$p"
    register DB-2 db-2 "$B" dill "dill.listener=local:$q"
    start_dill "DILL_LISTENERS_BIND=db-?=local:$p,local:$q; x=local:1"
    must 5 "the listener" answers "$p" a
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A"; not_granted DB-2 "local:$q")"
}
