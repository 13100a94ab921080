# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: ranges of ports. Each has a loopback address of its own, on which all ports are free.

HOST=
MANY="a=many:1024-49151; big=many:1024-49151; rtp=many:1024-49151; sip=many:1024-49151; web=many:1024-49151"

range_start() { # WORD...: dill on Consul, with the label `many` for HOST
    STATUS=$(next_port)
    HOST=127.90.$((PORT_START / 256)).$((PORT_START % 256))
    start_dill "DILL_LISTENERS_ALLOWED=many=$HOST" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_LISTENERS_BIND=$MANY" "$@"
}

range_explains() { # NAME TEXT: `dill --explain NAME` has TEXT
    dill_once --status.listener "127.0.0.1:$STATUS" --explain "$1"
    [[ $OUT == *"$2"* ]]
}

case_range_one_backend() { # 150 ports, all of them to the instance's one port
    range_start
    register sip sip-1 "$A" dill dill.listener=many:5000-5149
    must 5 "the first port" answers 5000 a "$HOST"
    must 5 "the last port" answers 5149 a "$HOST"
    refuses "$HOST" 4999 || fail "a port before it is open"
    refuses "$HOST" 5150 || fail "a port behind the range is open"
    peek_must_be "$(route "$HOST:5000-5149" "127.0.0.1:$A")"
    register sip sip-2 "$B" dill dill.listener=many:5000-5149
    peek_must_be "$(route "$HOST:5000-5149" "127.0.0.1:$A" "127.0.0.1:$B")"
    deregister sip-1
    peek_must_be "$(route "$HOST:5000-5149" "127.0.0.1:$B")"
    answers 5070 b "$HOST" || fail "the instance that stays"
    deregister sip-2
    must 8 "it closes" refuses "$HOST" 5149
    must 5 "the line of its end" log_has "closed address=$HOST:5000-5149 service=sip instance=sip-2 .*why=\"gone from consul\""
    same "lines of its begin" 1 "$(log_count " opened address=")"
    same "lines of its end" 1 "$(log_count " closed address=")"
    same "lines of its backends" 3 "$(log_count "$HOST:5000-5149: [12] backends? of sip")"
}

case_range_in_step() { # port n is port n of the instance: dill.ports is its first one
    local backend
    range_start
    backend=127.91.${HOST#127.90.}
    start_peers "name:first@$backend:6000" "name:second@$backend:6001" "name:last@$backend:6149"
    ADDR=$backend register rtp rtp-1 "$A" dill dill.listener=many:5000-5149 dill.listener=many:7000 dill.ports=6000
    must 5 "the first" answers 5000 first "$HOST"
    must 5 "the last" answers 5149 last "$HOST"
    answers 5001 second "$HOST" || fail "the second"
    must 2 "a single port is the first one" answers 7000 first "$HOST"
    peek_must_be "$(route "$HOST:5000-5149" "$backend:6000-6149"; route "$HOST:7000" "$backend:6000")"
    curl -s "http://127.0.0.1:$STATUS/" >"$T/page"
    contains "the page" "<b>$HOST:5000-5149</b>" "$(cat "$T/page")"
    contains "the page" ">$backend:6000-6149<" "$(cat "$T/page")"
    same "rows of /routes" 151 "$(curl -s "http://127.0.0.1:$STATUS/routes" | grep -o '"state":"open"' | wc -l)"
    range_explains rtp "dill.listener=many:5000-5149: accepted: $HOST:5000-5149, which is open" ||
        fail "explain: $OUT"
    register rtp rtp-1 "$A" dill dill.listener=many:5000-5149 dill.ports=65500
    must 5 "no room" peek_has "# refused: rtp wants ports=65500: no room for a range of 150 ports, since 65535 is the last one"
    range_explains rtp "dill.ports=65500: refused by ports: no room for a range of 150 ports" ||
        fail "explain: $OUT"
}

case_range_refused() { # whole, in one line
    range_start DILL_LISTENERS_PORT_MAX=9000
    register a a-1 "$A" dill dill.listener=many:5000-9999 dill.listener=many:8990-9010 dill.listener=many:6002-6001 \
        dill.listener=many:0-10 "dill.listener=many:5000 - 5010" dill.listener=other:5000-5010 dill.listener=many:5005-5005
    must 5 "the good wish" answers 5005 a "$HOST"
    peek_must_be "$(route "$HOST:5005" "127.0.0.1:$A")
# refused: a wants many:0-10: has a port out of range (1-65535)
# refused: a wants many:5000 - 5010: has a blank in its range of ports
# refused: a wants many:5000-9999: is a range of 5000 ports; at most 4096
# refused: a wants many:6002-6001: is a range of ports whose end comes before its begin
# refused: a wants many:8990-9010: port above listeners.port_max 9000
# refused: a wants other:5000-5010: label \"other\" is not in listeners.allowed"
    same "lines of the log" 6 "$(log_count "refused: a wants")"
}

case_range_static() { # backends with a range of their own; and what does not fit
    local backend
    HOST=127.90.$((PORT_START / 256)).$((PORT_START % 256))
    backend=127.91.${HOST#127.90.}
    start_peers "name:first@$backend:6000" "name:last@$backend:6149"
    cat >"$T/dill.toml" <<END
[[services]]
name = "rtp"
listener = "$HOST:5000-5149"
backends = ["$backend:6000-6149"]
END
    start_bare -c "$T/dill.toml" DILL_HEALTH_ENABLED=false
    must 5 "the first" answers 5000 first "$HOST"
    must 5 "the last" answers 5149 last "$HOST"
    peek_must_be "$(route "$HOST:5000-5149" "$backend:6000-6149")"
    dill_once -t -c "$T/dill.toml"
    contains "-t" "services.rtp.backends = $backend:6000-6149  # $T/dill.toml:4" "$OUT"
    contains "-t" "# rtp: $HOST:5000-5149 is accepted: $HOST:5000-5149" "$OUT"
    sed -i 's/6149/6150/' "$T/dill.toml"
    dill_once -t -c "$T/dill.toml"
    contains "the place of the error" "$T/dill.toml:4: services[0] has a backend with a range of 151 ports, at $backend, and a \
listener with 150, $HOST:5000-5149" "$ERR"
    dill_once -t -laddr "$HOST:5000-5001" "$backend:6000-6001"
    contains "on the command line" "is accepted: $HOST:5000-5001" "$OUT"
}

case_range_state() { # a range comes back from state.path as it was
    range_start "DILL_STATE_PATH=$T/state"
    register rtp rtp-1 "$A" dill dill.listener=many:5000-5149 "dill.ports=$A"
    must 5 "the first" answers 5000 a "$HOST"
    must 5 "the file" grep -Fq "many:5000-5149" "$T/state"
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare DILL_CONSUL_ADDRESS=http://127.0.0.1:9 "DILL_LISTENERS_ALLOWED=many=$HOST" "DILL_LISTENERS_BIND=$MANY" "DILL_STATE_PATH=$T/state"
    must 5 "the first, again" answers 5000 a "$HOST"
    contains "Peek" "$(route "$HOST:5000-5149" "127.0.0.1:$A-$((A + 149))")" "$(peek)"
}

case_range_taken() { # a port that somebody has is one line, and so are 4,096; they open when they can
    range_start
    start_peers "name:mine@$HOST:5003"
    register web web-1 "$A" dill dill.listener=many:5000-5009
    must 5 "the others" answers 5009 a "$HOST"
    must 5 "Peek" peek_contains "$HOST:5003 (cannot listen: Address already in use)"
    must 5 "the line" log_has "cannot listen on $HOST:5003: Address already in use"
    same "the lines of those that open" 2 "$(log_count "opened address=$HOST:500(0-5002|4-5009) ")"
    end_pid "$PEER_PID"
    must 10 "it opens later" answers 5003 a "$HOST"
    must 2 "Peek" peek_has "$HOST:5000-5009"
    kill "$DILL_PID"
    stop_dill 0 8
    start_bare -laddr 203.0.113.77:10000-14095 "127.0.0.1:$A"
    must 10 "the line for all" log_has "cannot listen on 203.0.113.77:10000-14095: Cannot assign requested address"
    same "lines for them" 1 "$(log_count "cannot listen")"
}

all_open() { # FIRST LAST: each port of HOST accepts
    client accepts "$HOST" "$1" "$2" >"$T/all" && same "ports that accept" $(($2 - $1 + 1)) "$(cat "$T/all")"
}

case_range_4096() { # the most of one tag: all accept, a change is one line, few bytes each
    local one bytes
    range_start
    register big big-1 "$A" dill dill.listener=many:9000
    must 5 "one port" answers 9000 a "$HOST"
    memory_kb
    one=$KB
    register big big-1 "$A" dill dill.listener=many:9000 dill.listener=many:10000-14095
    must 10 "the last port" answers 14095 a "$HOST"
    sleep 1
    memory_kb
    bytes=$(((KB - one) * 1024 / 4096))
    all_open 10000 14095
    at_most "bytes a port" $((900 * (SLOW > 1 ? 20 : 1))) "$bytes"
    cpu_ms
    at_most "milliseconds of processor time" $((1500 * SLOW)) "$CPU"
    register big big-1 "$B" dill dill.listener=many:9000 dill.listener=many:10000-14095
    peek_must_be "$(route "$HOST:9000" "127.0.0.1:$B"; route "$HOST:10000-14095" "127.0.0.1:$B")"
    answers 12345 b "$HOST" || fail "the instance as it is now"
    deregister big-1
    must 10 "it closes" refuses "$HOST" 14095
    must 5 "the line of its end" log_has "closed address=$HOST:10000-14095 "
    at_most "lines of the log" 12 "$(wc -l <"$LOG")"
}
