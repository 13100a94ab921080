# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: who gets an address that several want, what is reserved, and how much one may have.

lost() { # SERVICE WISH REASON: a line in Peek
    peek_has "# refused: $1 wants $2: $3"
}

must_lose() { # SERVICE WISH REASON
    eventually 5 lost "$@" || fail "$1 wants $2: not refused with \"$3\": $(peek | grep -F "$2")"
}

close_dill() { kill "$DILL_PID" && stop_dill 0 8; }

told_why() { # SERVICE TEXT: what the running dill says of it
    contains "/explain of $1" "$2" "$(curl -s "http://127.0.0.1:$STATUS/explain/$1")"
    dill_once --explain "$1" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    contains "--explain of $1" "$2" "$OUT"
}

case_claims_agent() { # nobody takes the agent's port, not even while the agent is away
    local http
    http=$(agent_ports) STATUS=$(next_port)
    start_agent "$http"
    URL=$SCHEME://127.0.0.1:$http
    start_bare "DILL_CONSUL_ADDRESS=$URL" "DILL_LISTENERS_ALLOWED=local=127.0.0.1,any=0.0.0.0,six=::1,every=::" \
        "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    register evil evil-1 "$A" dill "dill.listener=local:$http" "dill.listener=any:$http" "dill.listener=six:$http" "dill.listener=every:$http"
    must_lose evil "local:$http" "is consul.address"
    must_lose evil "any:$http" "overlaps 127.0.0.1:$http, which is consul.address"
    told_why evil "    dill.listener=local:$http: refused by consul.address: is consul.address"
    same "the agent" 1 "$(api GET /v1/catalog/services | grep -c evil)"
    end_pid "$AGENT_PID"
    must 5 "nobody has its port" refuses 127.0.0.1 "$http"
    stays 1500 "somebody took the agent's port" refuses 127.0.0.1 "$http"
    close_dill
    start_bare "DILL_CONSUL_ADDRESS=http://localhost:$http" "DILL_LISTENERS_ALLOWED=local=127.0.0.1,any=0.0.0.0,six=::1,every=::" \
        "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    start_agent "$http"
    register evil evil-1 "$A" dill "dill.listener=local:$http" "dill.listener=any:$http" "dill.listener=six:$http" "dill.listener=every:$http"
    must_lose evil "local:$http" "is consul.address"
    must_lose evil "six:$http" "is consul.address"
    must_lose evil "every:$http" "overlaps [::1]:$http, which is consul.address"
    same "what is open" 0 "$(peek | grep -c '^[0-9[]')"
}

case_claims_remote_agent() { # an agent elsewhere reserves nothing here
    local p
    p=$(next_port)
    start_dill "DILL_ROUTING_HTTP_ENDPOINT=http://192.0.2.1:$p/x" DILL_BACKENDS_ALLOW=127.0.0.0/8
    register web web-1 "$A" dill "dill.listener=any:$p"
    must 5 "the service" answers "$p" a
}

case_claims_own_servers() { # of dill itself, of other sources, and what is reserved; the operator may
    local p q r http
    STATUS=$(next_port) p=$(next_port) q=$(next_port) r=$(next_port) http=$(next_port)
    printf '[listeners]\nreserved = ["127.0.0.1:%s", ":%s"]\n[services.mine]\nlistener = "127.0.0.2:%s"\nbackends = ["127.0.0.1:%s"]\n' \
        "$p" "$q" "$q" "$B" >"$T/c.toml"
    start_dill -c "$T/c.toml" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_ROUTING_HTTP_ENDPOINT=http://localhost:$http/"
    register evil evil-1 "$A" dill "dill.listener=local:$STATUS" "dill.listener=any:$PEEK" "dill.listener=any:$p" \
        "dill.listener=local:$q" "dill.listener=local:$http" "dill.listener=local:$r"
    must 5 "its own port" answers "$r" a
    must_lose evil "local:$STATUS" "is the status server's, status.listener"
    must_lose evil "any:$PEEK" "overlaps 127.0.0.1:$PEEK, which is Peek's, peek.listener"
    must_lose evil "any:$p" "overlaps 127.0.0.1:$p, which is in listeners.reserved"
    must_lose evil "local:$q" "overlaps 0.0.0.0:$q, which is in listeners.reserved"
    must_lose evil "local:$http" "is routing.http.endpoint"
    answers "$q" b 127.0.0.2 || fail "the operator's own service"
    told_why evil "    dill.listener=local:$q: refused by listeners.reserved: overlaps 0.0.0.0:$q, which is in listeners.reserved"
    sed -i "s/^reserved.*/reserved = \"127.0.0.1:$r\"/" "$T/c.toml"
    kill -HUP "$DILL_PID"
    must 5 "what is reserved now" refuses 127.0.0.1 "$r"
    must 5 "what is not any more" answers "$q" a
    must 2 "the closing" log_has "closed address=127.0.0.1:$r service=evil .* why=\"refused: is in listeners.reserved\""
    sed -i "s/^reserved.*/reserved = [\":1\", \"host:$r\"]/" "$T/c.toml"
    kill -HUP "$DILL_PID"
    must 5 "the error" log_has 'c.toml:2: listeners.reserved\[1\]: "host:[0-9]+" has no IP address before its port'
    dill_once -t --listeners.reserved=127.0.0.1
    contains "an address without a port" '--listeners.reserved: listeners.reserved: "127.0.0.1" ' "$ERR"
}

case_claims_static() { # nobody joins the operator's static services, or overlaps them; those of routing.file are shared
    local p q r
    STATUS=$(next_port) p=$(next_port) q=$(next_port) r=$(next_port)
    printf '{"services":[{"name":"shared","listener":"local:%s","backends":["127.0.0.1:%s"]}]}' "$r" "$C" >"$T/s.json"
    start_dill "DILL_SERVICES_WEB_LISTENER=local:$p" "DILL_SERVICES_WEB_BACKENDS=127.0.0.1:$A" \
        "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_ROUTING_FILE_PATH=$T/s.json"
    register aaa aaa-1 "$B" dill "dill.listener=local:$p" "dill.listener=any:$p" "dill.listener=local:$q" "dill.listener=local:$r"
    must 5 "its own port" answers "$q" b
    must_lose aaa "local:$p" "web in the configuration has it for itself"
    must_lose aaa "any:$p" "overlaps local:$p of web, which came first"
    same "the operator's service" "a a a" "$(client names 127.0.0.1 "$p" 3)"
    same "the shared one" "b c" "$(client names 127.0.0.1 "$r" 4 | xargs -n1 | sort -u | xargs)"
    told_why aaa "    dill.listener=local:$p: refused by static: web in the configuration has it for itself"
}

case_claims_overlap() { # a wildcard beside an address: the older has it, also after a restart; the other takes over
    local p n
    STATUS=$(next_port) p=$(next_port)
    register db db-1 "$A" dill "dill.listener=local:$p"
    register aaa aaa-1 "$B" dill "dill.listener=any:$p"
    for n in 1 2; do
        start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" DILL_BACKENDS_ALLOW=127.0.0.0/8
        must 5 "the older" answers "$p" a
        must_lose aaa "any:$p" "overlaps local:$p of db, which came first"
        refuses 127.0.0.2 "$p" || fail "the younger is open"
        told_why aaa "    dill.listener=any:$p: refused by overlap: overlaps local:$p of db, which came first"
        told_why db "    dill.listener=local:$p: accepted: 127.0.0.1:$p, which is open"
        [ $n = 2 ] || close_dill
    done
    same "lines about it in the log" 1 "$(log_count 'refused: aaa')"
    deregister db-1
    must 8 "the other takes over" answers "$p" b 127.0.0.2
    answers "$p" b || fail "the address"
    must 2 "nothing is refused" not peek_contains "# refused"
    same "the gap" "" "$(gap_of "127.0.0.1:$p" "0.0.0.0:$p")"
    register db db-1 "$A" dill "dill.listener=local:$p"
    must_lose db "local:$p" "overlaps any:$p of aaa, which came first"
    answers "$p" b || fail "who was there first"
    ! log_has "cannot listen" || fail "a bind failed: $(grep 'cannot listen' "$LOG")"
}

# Says something if there is more than a second between the closing of one and the opening of another.
gap_of() { # CLOSED OPENED
    "$PYTHON" -c '
import datetime, re, sys
at = {}
for line in open(sys.argv[1]):
    found = re.match(r"(\S+)Z \S+ +(closed|opened) address=(\S+)", line)
    if found:
        at[found[2], found[3]] = datetime.datetime.fromisoformat(found[1])
gap = (at["opened", sys.argv[3]] - at["closed", sys.argv[2]]).total_seconds()
if gap > float(sys.argv[4]):
    print(gap)' "$LOG" "$1" "$2" "$SLOW"
}

case_claims_age() { # the order of registration, and not of names, also from state.path; one registered anew keeps its age
    local p q r http
    p=$(next_port) q=$(next_port) r=$(next_port) http=$(agent_ports)
    start_agent "$http"
    URL=$SCHEME://127.0.0.1:$http
    register ccc ccc-1 "$C" dill "dill.listener=any:$p" dill.balance=random
    register aaa aaa-1 "$A" dill "dill.listener=local:$p" "dill.listener=local:$q" dill.balance=p2c
    register bbb bbb-1 "$B" dill "dill.listener=any:$q" "dill.listener=local:$r" dill.balance=least_conn
    register abc abc-1 "$A" dill "dill.listener=local:$r" dill.balance=p2c
    register ccc ccc-1 "$C" dill "dill.listener=any:$p" dill.balance=random again
    start_bare "DILL_CONSUL_ADDRESS=$URL" "DILL_STATE_PATH=$T/state" DILL_BACKENDS_ALLOW=127.0.0.0/8
    must 5 "the file" grep -Fqs "local:$r" "$T/state"
    claims_age_holds
    close_dill
    end_pid "$AGENT_PID"
    start_bare "DILL_CONSUL_ADDRESS=$URL" "DILL_STATE_PATH=$T/state" DILL_BACKENDS_ALLOW=127.0.0.0/8
    must 5 "what is from disk" peek_contains "# from state.path"
    claims_age_holds
}

claims_age_holds() {
    must 5 "the first" answers "$p" c 127.0.0.2
    must 5 "the second" answers "$q" a
    must_lose aaa "local:$p" "overlaps any:$p of ccc, which came first"
    must_lose bbb "any:$q" "overlaps local:$q of aaa, which came first"
    contains "whose balance counts" "127.0.0.1:$r|  ├ least_conn" "$(peek | tr '\n' '|')"
}

case_claims_share_name() { # listeners.share = name: one name has a listener; the next takes over when it goes
    local p
    STATUS=$(next_port) p=$(next_port)
    printf '[listeners]\nshare = "name"\n' >"$T/c.toml"
    start_dill -c "$T/c.toml" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    register web web-1 "$A" dill "dill.listener=local:$p"
    must 5 "the first" answers "$p" a
    register aaa aaa-1 "$B" dill "dill.listener=local:$p"
    register web web-2 "$C" dill "dill.listener=local:$p"
    must_lose aaa "local:$p" "web came first, and listeners.share is name"
    must 5 "the second instance" peek_contains "127.0.0.1:$C"
    same "both instances" "a c a c" "$(client names 127.0.0.1 "$p" 4)"
    told_why aaa "    dill.listener=local:$p: refused by listeners.share: web came first, and listeners.share is name"
    deregister web-1
    must 5 "one is left" answers "$p" c
    lost aaa "local:$p" "web came first, and listeners.share is name" || fail "the other has it too early"
    deregister web-2
    must 8 "the other takes over" answers "$p" b
    must 2 "the log says who has it" log_has "127.0.0.1:$p: 1 backend of aaa"
    ! log_has "closed address" || fail "the listener has closed meanwhile"
    register web web-1 "$A" dill "dill.listener=local:$p"
    must_lose web "local:$p" "aaa came first, and listeners.share is name"
    printf '[listeners]\nshare = "any"\n' >"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 5 "both, after the reload" peek_contains "127.0.0.1:$A"
    printf '[listeners]\nshare = "some"\n' >"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 5 "the error" log_has 'c.toml:2: listeners.share: "some" is not one of any'
}

case_claims_bounds() { # ports of an instance, of a service, and of all; the lowest count
    local p tags=() n i
    p=$(next_port) STATUS=$(next_port)
    for ((i = 0; i < 3000; i++)); do tags+=("dill.listener=any:$((19000 - i))"); done
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_LISTENERS_ALLOWED=any=127.0.0.9,local=127.0.0.1"
    register web web-1 "$A" dill "dill.listener=local:$p"
    register evil evil-1 "$B" dill "${tags[@]}"
    must_lose evil any:19000 "more than 16 ports for one instance"
    same "open ports" "$(printf '127.0.0.9:%s\n' {16001..16016})" "$(peek | grep '^127.0.0.9:')"
    same "refused ones" 2984 "$(peek | grep -c '^# refused: evil')"
    told_why evil "    dill.listener=any:19000: refused by instance: more than 16 ports for one instance"
    same "lines about it in the log" 21 "$(log_count 'refused: evil')"
    log_has "refused: evil wants 2964 more, which Peek and /routes list" || fail "the rest is not summed up"
    descriptors
    at_most "descriptors" 120 "$FDS"
    answers "$p" a || fail "another's listener"
    deregister evil-1
    must 8 "they close" not peek_contains 127.0.0.9
    for n in 1 2 3 4 5; do
        tags=()
        for ((i = 0; i < 16; i++)); do tags+=("dill.listener=any:$((20000 - n * 16 - i))"); done
        register many "many-$n" "$C" dill "${tags[@]}"
    done
    must_lose many any:19984 "more ports than listeners.max_per_service, 64"
    same "open ports of one service" 64 "$(peek | grep -c '^127.0.0.9:')"
    close_dill
    DILL_RUN=(prlimit --nofile=128:128)
    start_dill "DILL_LISTENERS_ALLOWED=any=127.0.0.9,local=127.0.0.1" DILL_LISTENERS_MAX_PER_SERVICE=1000 DILL_LOG_LEVEL=warn
    must_lose many any:19984 "more than 64 listeners, half of the limit of open files (ulimit -n)"
    same "open ports of all" 64 "$(peek | grep -Ec '^127.0.0.[19]:')"
    answers "$p" a || fail "the listener of the oldest"
}
