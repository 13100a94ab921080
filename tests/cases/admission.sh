# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: admission and the routing table.

refused() { # SERVICE WISH REASON-REGEX: a line in Peek
    peek | grep -Eq "^# refused: $1 wants $2: .*$3"
}

case_admission_ports() { # port_min and port_max are both included; the rest is refused with its reason
    local p
    p=$(next_port) # five ports in a row
    next_port >/dev/null; next_port >/dev/null; next_port >/dev/null
    start_dill "DILL_LISTENERS_PORT_MIN=$((p + 1))" "DILL_LISTENERS_PORT_MAX=$((p + 2))"
    register web web-1 "$A" dill "dill.listener=local:$p" "dill.listener=local:$((p + 1))" \
        "dill.listener=local:$((p + 2))" "dill.listener=local:$((p + 3))"
    must 5 "port_min" answers $((p + 1)) a
    must 5 "port_max" answers $((p + 2)) a
    peek_must_be "$(route "127.0.0.1:$((p + 1))" "127.0.0.1:$A"; route "127.0.0.1:$((p + 2))" "127.0.0.1:$A"
        echo "# refused: web wants local:$p: port below listeners.port_min $((p + 1))"
        echo "# refused: web wants local:$((p + 3)): port above listeners.port_max $((p + 2))")"
    refuses 127.0.0.1 "$p" || fail "a refused port is open"
    refuses 127.0.0.1 $((p + 3)) || fail "a refused port is open"
}

case_admission_default_ports() { # 1024 to 49151
    start_dill
    register web web-1 "$A" dill "dill.listener=local:80" "dill.listener=local:49152"
    must 5 "refusals" refused web local:80 "."
    contains "Peek" "# refused: web wants local:80: port below listeners.port_min 1024" "$(peek)"
    contains "Peek" "# refused: web wants local:49152: port above listeners.port_max 49151" "$(peek)"
    contains "Peek" "$NO_ROUTE" "$(peek)"
}

case_admission_labels() { # an unknown label is refused, the good wishes of the same service go on
    local p
    p=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=outside:$p" "dill.listener=local:$p" "dill.listener=LOCAL:$p"
    must 5 "the good wish" answers "$p" a
    must 2 "refusal" refused web "outside:$p" "."
    must 2 "refusal" refused web "LOCAL:$p" "."
}

case_admission_malformed() { # wishes that are none, addresses where only labels may stand
    local p wish
    p=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p" dill.listener=local dill.listener=local: dill.listener=:80 \
        dill.listener= dill.listener=local:abc dill.listener=local:0 dill.listener=local:65536 \
        dill.listener=local:4294967376 "dill.listener=127.0.0.1:$((p + 1))" dill.listener=local:-5 \
        "dill.listener=local:+$p" "dill.listener=local: $p"
    must 5 "the good wish" answers "$p" a
    for wish in 'local' 'local:' ':80' '' 'local:abc' 'local:0' 'local:65536' 'local:4294967376' \
        "127\\.0\\.0\\.1:$((p + 1))" 'local:-5' "local:\\+$p" "local: $p"; do
        must 2 "refusal of \"$wish\"" refused web "$wish" "."
    done
    same "open listeners" 1 "$(peek | grep -c '^127')"
    refuses 127.0.0.1 $((p + 1)) || fail "an address from Consul was bound"
    refuses 127.0.0.1 80 || fail "port 4294967376 became 80"
}

case_admission_logged_once() { # and listed until it is gone
    start_dill
    register web web-1 "$A" dill dill.listener=nowhere:5555
    must 5 "refusal in Peek" refused web nowhere:5555 "."
    register other other-1 "$B" dill dill.listener=nowhere:6666
    must 5 "another refusal" refused other nowhere:6666 "."
    register other other-1 "$C" dill dill.listener=nowhere:6666
    sleep 1
    same "lines about it in the log" 1 "$(log_count 'nowhere:5555')"
    must 1 "still in Peek" refused web nowhere:5555 "."
    deregister web-1
    must 5 "gone from Peek" not refused web nowhere:5555 "."
    refused other nowhere:6666 "." || fail "the other refusal went as well"
}

case_admission_shared_listener() { # services that ask for one listener share it, and each keeps its own others
    local p q
    p=$(next_port) q=$(next_port)
    start_dill
    register one one-1 "$A" dill "dill.listener=local:$p"
    register two two-1 "$B" dill "dill.listener=local:$p" "dill.listener=local:$q"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B"; route "127.0.0.1:$q" "127.0.0.1:$B")"
    same "both serve" "a b a b" "$(client names 127.0.0.1 "$p" 4)"
    deregister one-1
    must 5 "one left" peek_is "$(route "127.0.0.1:$p" "127.0.0.1:$B"; route "127.0.0.1:$q" "127.0.0.1:$B")"
    answers "$p" b || fail "the shared listener after one service left"
}

case_admission_shared_options() { # another balance: the oldest service's counts, whatever its name, also after a restart
    local p i
    p=$(next_port)
    start_dill
    register bbb bbb-1 "$B" dill "dill.listener=local:$p" dill.balance=random
    register aaa aaa-1 "$A" dill "dill.listener=local:$p" dill.balance=p2c
    for i in first again; do
        peek_must_be "$(BALANCE=random route "127.0.0.1:$p" "127.0.0.1:$B" "127.0.0.1:$A")"
        must 2 "$i: logged" log_has "127.0.0.1:$p: aaa asks for balance p2c, but bbb comes first and has random"
        [ "$i" = again ] || { kill "$DILL_PID"; stop_dill 0 8; start_dill; }
    done
    register bbb bbb-1 "$B" dill dill.balance=random "dill.listener=local:$p" dill.deny=10.0.0.0/8
    peek_must_be "$(BALANCE=random route "127.0.0.1:$p" "127.0.0.1:$B" "127.0.0.1:$A")"
    deregister bbb-1
    peek_must_be "$(BALANCE=p2c route "127.0.0.1:$p" "127.0.0.1:$A")"
}

routes_have() { # TEXT
    curl -s "http://127.0.0.1:$STATUS/routes" | grep -Fq "$1"
}

case_admission_shared_attack() { # who joins a listener gets a share of its clients, and nothing else of anybody's
    local p i
    STATUS=$(next_port) p=$(next_port)
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    register db db-1 "$A" dill "dill.listener=local:$p" dill.allow=127.0.0.2
    must 5 "the service" says_now 127.0.0.2 "$p" a
    register aaa aaa-1 "$B" dill "dill.listener=local:$p" dill.allow=127.0.0.0/8 dill.proxy=socks5://127.0.0.1:1 \
        dill.proxy_protocol=v2 dill.deny=127.0.0.2
    register aab aab-1 "$A" dill "dill.listener=local:$p"
    must 5 "all three" peek_has "  ├──➤ socks5://127.0.0.1:1 ─➤ 127.0.0.1:$B"
    must 5 "all three" routes_have '"services":["aaa","aab","db"]'
    same "db's clients" "a a a a" "$(for i in 1 2 3 4; do from 127.0.0.2 "$p"; done | xargs)"
    same "others do not get to db's backend" "- - - -" "$(for i in 1 3 4 5; do from "127.0.0.$i" "$p"; done | xargs)"
}

case_admission_repeated_options() { # networks add up, whatever the order of the tags; of all else there is one
    local p q
    STATUS=$(next_port) p=$(next_port) q=$(next_port)
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    register web web-1 "$A" dill "dill.listener=local:$p" dill.deny=127.0.0.2 dill.allow=127.0.0.0/30 dill.deny=127.0.0.3 \
        dill.allow=127.0.0.9 dill.balance=p2c dill.balance=p2c
    must 5 "service" answers "$p" a
    same "clients" "a - - a -" "$(for i in 1 2 3 9 10; do from 127.0.0.$i "$p"; done | xargs)"
    BALANCE=p2c
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A")"
    register web web-2 "$B" dill.allow=127.0.0.9 dill.balance=P2C "dill.listener=local:$p" dill.deny=127.0.0.3 dill.allow=127.0.0.0/30 \
        dill dill.deny=127.0.0.2
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B")"
    same "lines about options that differ" 0 "$(log_count 'comes first and has')"
    register none none-1 "$A" dill "dill.listener=local:$q" dill.allow=127.0.0.1 dill.allow=
    must 5 "one that is empty" peek_has "# refused: none wants allow=: names no network"
    register two two-1 "$A" dill "dill.listener=local:$q" dill.proxy_protocol=v1 dill.proxy_protocol=v2
    must 5 "two versions" peek_has "# refused: two wants proxy_protocol=v1,v2: not v1 or v2"
    register two two-1 "$A" dill "dill.listener=local:$q" dill.proxy=socks5://a:sesame@127.0.0.1:1 dill.proxy=socks5://127.0.0.1:2
    must 5 "two proxies" peek_has "# refused: two wants local:$q: its instance has two tags for its proxy"
    lacks "Peek" sesame "$(peek)"
    refuses 127.0.0.1 "$q" || fail "it is routed"
}

case_admission_unknown_tags() { # what dill does not know in its namespace refuses the instance that has it, and no other
    local p q r number=0 tag near
    STATUS=$(next_port) p=$(next_port) q=$(next_port) r=$(next_port)
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    register web web-1 "$A" dill "dill.listener=local:$p"
    register web web-2 "$B" dill "dill.listener=local:$p" dill.alow=10.0.0.0/8
    register alone alone-1 "$C" dill "dill.listner=local:$r"
    must 5 "the refusal of one without a wish" peek_has "# refused: alone wants dill.listner: its tag dill.listner is unknown; the nearest one is dill.listener"
    must 5 "the refusal" peek_has "# refused: web wants local:$p: its tag dill.alow is unknown; the nearest one is dill.allow"
    same "the other instance serves" "a a a" "$(client names 127.0.0.1 "$p" 3)"
    contains "/routes" "\"service\":\"web\",\"wish\":\"local:$p\",\"reason\":\"its tag dill.alow is unknown; the nearest one is dill.allow\"" \
        "$(curl -s "http://127.0.0.1:$STATUS/routes")"
    contains "the page" "its tag dill.alow is unknown" "$(curl -s "http://127.0.0.1:$STATUS/")"
    contains "/explain" "dill.alow=...: refused, and its instance with it" "$(curl -s "http://127.0.0.1:$STATUS/explain/web")"
    while read -r tag near; do
        register "odd$((number += 1))" odd-1 "$A" dill "dill.listener=local:$q" "${tag//_/ }"
        must 5 "the refusal of $tag" peek_contains "# refused: odd$number wants local:$q: its tag ${tag%%[=_]*}"
        contains "Peek about $tag" "$near" "$(peek | grep "odd$number ")"
    done <<END
dill.Allow=10.0.0.0/8 ; the nearest one is dill.allow
dill.allow_=_10.0.0.0/8 is written with a blank before its =
Dill.allow=10.0.0.0/8 ; the nearest one is dill.allow
dyntcp.alow=10.0.0.0/8 ; the nearest one is dyntcp.allow
dill.proxy-protocol=v2 ; the nearest one is dill.proxy_protocol
END
    register odd odd-1 "$A" dill "dill.listener=local:$q" dill.allow
    must 5 "one without a value" peek_has "# refused: odd wants local:$q: its tag dill.allow is without a value"
    register sticky sticky-1 "$A" dill "dill.listener=local:$q" dill.balance=source
    must 5 "a strategy that is not here" peek_has "# refused: sticky wants balance=source: not one of round_robin, random, p2c, least_conn"
    register later later-1 "$A" dill "dill.listener=local:$q" dill.backup=true
    must 5 "an option that is not here" peek_has "# refused: later wants local:$q: its tag dill.backup is unknown; there are dill.listener, .balance, .proxy, .proxy_protocol, .allow, .deny and .ports"
    refuses 127.0.0.1 "$q" || fail "one of them is routed"
    same "lines about dill.alow in the log" 1 "$(log_count 'refused: .*dill.alow')"
    register web web-2 "$B" dill "dill.listener=local:$p" dill.deny=10.0.0.0/8
    must 5 "the tag that is mended" peek_contains "127.0.0.1:$B"
    not peek_contains dill.alow || fail "the refusal stays"
    deregister alone-1
    must 5 "the refusal of what is gone" not peek_contains alone
    same "lines about it in the log" 1 "$(log_count 'refused: alone')"
    kill "$DILL_PID"
    stop_dill 0 8
    start_dill DILL_CONSUL_TAG=mytag
    register my my-1 "$A" mytag "mytag.listener=local:$q" mytag.alow=10.0.0.0/8
    register mine mine-1 "$B" mytag "mytag.listener=local:$p" dill.alow=10.0.0.0/8
    must 5 "another word" peek_has "# refused: my wants local:$q: its tag mytag.alow is unknown; the nearest one is mytag.allow"
    same "a tag of another dill" b "$(says "$p")"
}

case_admission_ipv6() { # labels and backends
    local p q
    p=$(next_port) q=$(next_port)
    start_peers "name:six@[::1]"
    start_dill "DILL_LISTENERS_ALLOWED=six=::1,local=127.0.0.1"
    ADDR=::1 register web web-1 "${PORTS[0]}" dill "dill.listener=six:$p" "dill.listener=local:$q"
    peek_must_be "$(route "127.0.0.1:$q" "[::1]:${PORTS[0]}"; route "[::1]:$p" "[::1]:${PORTS[0]}")"
    same "from IPv6" six "$(says "$p" ::1)"
    same "from IPv4" six "$(says "$q")"
    refuses 127.0.0.1 "$p" || fail "an IPv6 listener takes IPv4 clients"
}

case_admission_both_families() { # [::] and 0.0.0.0 are two listeners, also on one port
    local p
    p=$(next_port)
    start_dill "DILL_LISTENERS_ALLOWED=six=::,four=0.0.0.0" DILL_BACKENDS_ALLOW=127.0.0.0/8
    register one one-1 "$A" dill "dill.listener=six:$p"
    register two two-1 "$B" dill "dill.listener=four:$p"
    peek_must_be "$(route "0.0.0.0:$p" "127.0.0.1:$B"; route "[::]:$p" "127.0.0.1:$A")"
    same "over IPv6" a "$(says "$p" ::1)"
    same "over IPv4" b "$(says "$p")"
}

case_allowed_spellings() { # listeners.allowed in every spelling
    local p spelling file
    p=$(next_port)
    for spelling in map json json-spaces variable ini toml toml-inline json-file flag; do
        file=
        case $spelling in
        map) file=DILL_LISTENERS_ALLOWED=outer=127.0.0.7,inner=127.0.0.8 ;;
        json) file='DILL_LISTENERS_ALLOWED={"outer":"127.0.0.7","inner":"127.0.0.8"}' ;;
        json-spaces) file='DILL_LISTENERS_ALLOWED= { "outer" : "127.0.0.7" , "inner":"127.0.0.8" } ' ;;
        variable) file=DILL_LISTENERS_ALLOWED_OUTER=127.0.0.7 ;;
        flag) file="--listeners.allowed=outer=127.0.0.7,inner=127.0.0.8" ;;
        ini) printf '[listeners.allowed]\nouter = 127.0.0.7\ninner = 127.0.0.8\n' >"$T/c.ini" ;;
        toml) printf '[listeners.allowed]\nouter = "127.0.0.7" # here\n"inner" = "127.0.0.8"\n' >"$T/c.toml" ;;
        toml-inline) printf '[listeners]\nallowed = { outer = "127.0.0.7", inner = "127.0.0.8" }\n' >"$T/c.toml" ;;
        json-file) printf '{"listeners": {"allowed": {"outer": "127.0.0.7", "inner": "127.0.0.8"}}}' >"$T/c.json" ;;
        esac
        case $spelling in
        ini) file="--config=$T/c.ini" ;;
        toml*) file="--config=$T/c.toml" ;;
        json-file) file="--config=$T/c.json" ;;
        esac
        start_bare "$file" "DILL_SERVICES_WEB_LISTENER=outer:$p" "DILL_SERVICES_WEB_BACKENDS=127.0.0.1:$A" \
            "DILL_SERVICES_LOC_LISTENER=local:$((p + 1))" "DILL_SERVICES_LOC_BACKENDS=127.0.0.1:$B"
        eventually 5 answers "$p" a 127.0.0.7 || fail "$spelling: no listener; $(peek)"
        # a whole table replaces the defaults, a single variable adds to them
        if [ $spelling = variable ]; then
            must 2 "$spelling: the default label" peek_has "127.0.0.1:$((p + 1))"
        else
            must 2 "$spelling: the default label is gone" peek_contains "wants local:$((p + 1)): "
        fi
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

case_allowed_wrong() { # an address that is none is an error at start
    local value
    for value in 'x=1.2.3' 'x=' '=127.0.0.1' 'x=127.0.0.256' '{"x":5}' '{"x":"127.0.0.1"'; do
        dill_once "DILL_LISTENERS_ALLOWED=$value" -t
        same "exit status with $value" 1 "$RC"
        contains "the error" "dill: " "$ERR"
    done
}
