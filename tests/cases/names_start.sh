# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: dill starts, reloads and ends while names are looked up. Each runs on a host of its own, as those of names.sh.

names_status() { [ "$(curl -s --max-time 5 -w ' %{http_code}' 127.0.0.1:2324/status)" = "$1"$'\n'" $2" ]; }

names_routes() { # REGEX: in /routes
    curl -s --max-time 5 127.0.0.1:2324/routes | tr -d '\n' | grep -Eq -- "$1"
}

names_patient() { etc resolv.conf 'nameserver 127.0.0.1' 'options timeout:20 attempts:1'; }     # a late answer is one

# Whom clients reach at a port, again and again; one that is accepted and told nothing says `-`.
names_clients() { # PORT FILE
    local fd line
    for _ in {1..400}; do
        if { exec {fd}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null; then
            line=-
            read -r -t 5 line <&"$fd"
            echo "${line:--}" >>"$2"
            exec {fd}>&-
        fi
        sleep 0.02
    done
}

case_names_start_late() { own_host host_start_late; }

host_start_late() { # before the first answer no client is accepted, and dill is not ready; what has an address opens at once
    own_names 'late.test 60 A 127.0.0.11' 'late.test 60 AAAA fd77::5' 'late.test ! * delay=2000'
    names_patient
    names_clients 4001 "$T/clients" 2>/dev/null &
    start_named DILL_STATUS_LISTENER=127.0.0.1:2324 late.test 127.0.0.12 localhost
    must 2 "another listener" answers 4002 b
    refuses 127.0.0.1 4001 || fail "the one that waits is open"
    contains "Peek" '0.0.0.0:4001 (waiting for its names)' "$(peek)"
    lacks "Peek" '# no healthy backend' "$(peek)"
    names_status 'waiting for the first answer about a name' 503 || fail "/status: $(curl -s 127.0.0.1:2324/status)"
    names_routes '"address":"0.0.0.0:4001","state":"waiting"' || fail "/routes: $(curl -s 127.0.0.1:2324/routes)"
    contains "the page" 'waiting for its names' "$(curl -s 127.0.0.1:2324/)"
    contains "the page" '1 waiting for names' "$(curl -s 127.0.0.1:2324/)"
    contains "--explain" 'which waits for the first answer about its names' "$(curl -s 127.0.0.1:2324/explain/4001:late.test:7000)"
    contains "/metrics" 'dill_listeners{state="waiting"} 1' "$(curl -s 127.0.0.1:2324/metrics)"
    contains "/metrics" 'dill_listeners{state="failed"} 0' "$(curl -s 127.0.0.1:2324/metrics)"
    must 8 "the first answer" leads 4001 127.0.0.11 '[fd77::5]'
    names_status OK 200 || fail "/status: $(curl -s 127.0.0.1:2324/status)"
    must 5 "clients" grep -q . "$T/clients"
    sleep 1
    same "clients that were dropped" 0 "$(grep -c -- - "$T/clients")"
    same "complaints" 0 "$(log_count ' (warn|error) ')"
}

case_names_start_silent() { own_host host_start_silent; }

host_start_silent() { # where nobody answers, dns.timeout ends the wait; a stop waits for nobody
    own_names '* ! * silent'
    names_patient
    now_ms
    local begun=$NOW
    start_named DILL_STATUS_LISTENER=127.0.0.1:2324 DILL_DNS_TIMEOUT=2300ms none.test
    must 1 "Peek" peek_contains '(waiting for its names)'
    names_status 'waiting for the first answer about a name' 503 || fail "/status: $(curl -s 127.0.0.1:2324/status)"
    must 6 "it is ready" names_status OK 200
    now_ms
    at_least "milliseconds until then" 2300 $((NOW - begun))
    accepts 127.0.0.1 4001 || fail "it is ready, and the listener not open"
    log_has 'warn +names: not all have had an answer within dns.timeout' || fail "nothing is said"
    same "errors" 0 "$(log_count ' error ')"
    now_ms
    begun=$NOW
    kill -TERM "$DILL_PID"
    stop_dill 0 3
    now_ms
    at_most "milliseconds to stop" $((300 * SLOW)) $((NOW - begun))
}

case_names_start_unknown() { own_host host_start_unknown; }

host_start_unknown() { # an answer that there is no such name is one; without a wait all opens at once
    own_names 'test 60 SOA 60' 'here.test 60 A 127.0.0.11'
    names_patient
    start_named DILL_STATUS_LISTENER=127.0.0.1:2324 DILL_DNS_TIMEOUT=60s gone.test here.test
    must 5 "it is ready" names_status OK 200
    accepts 127.0.0.1 4001 || fail "it is ready, and the listener not open"
    kill -TERM "$DILL_PID"
    stop_dill 0 3
    zone '* ! * silent'
    start_named DILL_STATUS_LISTENER=127.0.0.1:2324 DILL_DNS_TIMEOUT=0 gone.test
    must 3 "it is ready" names_status OK 200
    must 3 "it is open" accepts 127.0.0.1 4001
    same "complaints" 0 "$(log_count 'names: not all have had an answer')"
}

case_names_start_later() { own_host host_start_later; }

host_start_later() { # a listener that comes later waits, too, and no other does; one that is open stays so
    own_names 'first.test 60 A 127.0.0.11' 'late.test 60 A 127.0.0.12' 'late.test ! * delay=2000' '* ! * silent'
    names_patient
    printf '[[services]]\nname = "one"\nlistener = "any:4001"\nbackends = ["127.0.0.11:7000"]\n' >"$T/routes.toml"
    start_bare DILL_STATUS_LISTENER=127.0.0.1:2324 DILL_DNS_TIMEOUT=9s "DILL_ROUTING_FILE_PATH=$T/routes.toml"
    must 5 "it is ready" names_status OK 200
    names_clients 4002 "$T/clients" 2>/dev/null &
    {
        printf '[[services]]\nname = "one"\nlistener = "any:4001"\nbackends = ["silent.test:7000"]\n'
        printf '[[services]]\nname = "two"\nlistener = "any:4002"\nbackends = ["late.test:7000"]\n'
        printf '[[services]]\nname = "three"\nlistener = "any:4003"\nbackends = ["127.0.0.13:7000"]\n'
    } >"$T/routes.new"
    mv "$T/routes.new" "$T/routes.toml"
    must 5 "one with an address" answers 4003 c
    contains "Peek" '0.0.0.0:4002 (waiting for its names)' "$(peek)"
    lacks "Peek" '0.0.0.0:4001 (waiting' "$(peek)"
    accepts 127.0.0.1 4001 || fail "the listener that was open is not"
    names_status OK 200 || fail "it is not ready any more"
    must 5 "the first answer" answers 4002 b
    must 5 "clients" grep -q . "$T/clients"
    same "clients that were dropped" 0 "$(grep -c -- - "$T/clients")"
}

case_names_start_notify() { own_host host_start_notify; }

host_start_notify() { # READY comes with the first answer, and not before
    own_names 'late.test 60 A 127.0.0.11' 'late.test ! * delay=2000'
    names_patient
    "$PYTHON" -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True: print(s.recv(4096).decode().replace("\n", "|"), flush=True)' "$T/notify" >"$T/notified" 9>&- &
    must 5 "a service manager" test -S "$T/notify"
    start_named "NOTIFY_SOCKET=$T/notify" late.test
    must 3 "what it waits for" grep -q '^STATUS=waiting for the first answer about a name$' "$T/notified"
    same "READY before" 0 "$(grep -c READY "$T/notified")"
    must 6 "READY" grep -q '^READY=1|STATUS=1 listener open, 0 failed' "$T/notified"
}

case_names_start_source() { own_host host_start_source; }

host_start_source() { # a source whose host is a name: why it cannot be resolved is said; its answer counts; a stop does not wait
    own_names 'test 60 SOA 1' 'slow.test ! * silent'
    names_patient
    mkdir "$T/www"
    echo '{"services": [{"name": "web", "listener": "any:4001", "backends": ["127.0.0.11:7000"]}]}' >"$T/www/routes.json"
    "$PYTHON" -m http.server --bind 127.0.0.9 --directory "$T/www" 8080 >/dev/null 2>&1 9>&- &
    must 5 "the source" accepts 127.0.0.9 8080
    start_bare DILL_ROUTING_HTTP_ENDPOINT=http://www.test:8080/routes.json DILL_ROUTING_HTTP_POLL_INTERVAL=1s \
        DILL_BACKENDS_ALLOW=127.0.0.0/8
    must 5 "why not" log_has 'http://www.test:8080/routes.json: cannot resolve www.test: NXDOMAIN'
    same "complaints of the resolver itself" 1 "$(log_count 'warn +cannot resolve www.test')" # it is reserved
    zone 'test 60 SOA 1' 'www.test 1 A 127.0.0.9'
    must 30 "its services" answers 4001 a
    kill -TERM "$DILL_PID"
    stop_dill 0 3
    start_bare DILL_ROUTING_HTTP_ENDPOINT=http://slow.test:8080/routes.json DILL_ROUTING_HTTP_POLL_TIMEOUT=60s
    must 5 "it asks" was_asked ' A slow.test '
    zone 'slow.test ! * silent'
    now_ms
    local begun=$NOW
    kill -TERM "$DILL_PID"
    stop_dill 0 3
    now_ms
    at_most "milliseconds to stop" $((300 * SLOW)) $((NOW - begun))
}

case_names_start_plan() { own_host host_start_plan; }

host_start_plan() { # --plan looks names up itself, and goes by dns.servers; where nobody answers it ends all the same
    own_names 'db.test 60 A 127.0.0.11' 'slow.test ! * silent'
    etc resolv.conf 'nameserver 127.0.0.77' 'options timeout:1 attempts:1'
    dill_once --plan --dns.servers 127.0.0.1 --connections 4001:db.test:7000
    same "exit status" 2 "$RC"
    contains "--plan" '+ 0.0.0.0:4001 for' "$OUT"
    contains "--plan" '127.0.0.11:7000' "$OUT"
    dill_once --plan --dns.servers 127.0.0.1 --connections 4001:slow.test:7000,4002:db.test:7000
    same "exit status" 2 "$RC"
    contains "--plan" '127.0.0.11:7000' "$OUT"
}

case_names_reload_servers() { own_host host_reload_servers; }

host_reload_servers() { # SIGHUP: other servers are asked at once, about all names; an error changes nothing
    own_names 'db.test 600 A 127.0.0.11' 'none.test ! * silent'
    DNS_AT='[::1]:5300' start_dns 'db.test 600 A 127.0.0.12' 'none.test 600 A 127.0.0.13'
    printf '[dns]\nservers = "127.0.0.1"\n' >"$T/c.toml"
    start_bare DILL_HEALTH_ENABLED=false -c "$T/c.toml" --connections 4001:db.test:7000,4002:none.test:7000
    must 5 "the first server" answers 4001 a
    printf '[dns]\nservers = "nowhere"\n' >"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 5 "an error" log_has 'c.toml:2: dns.servers: "nowhere" is not a list of IP addresses'
    printf '[dns]\nservers = ["[::1]:5300"]\n' >"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 5 "another server" leads 4001 127.0.0.12
    must 5 "a name that the first one does not answer" answers 4002 c
}

case_names_reload_gone() { own_host host_reload_gone; }

host_reload_gone() { # a name that is gone from the configuration is not asked for any more, and nothing waits for it
    own_names 'here.test 1 A 127.0.0.11' 'gone.test 1 A 127.0.0.12' 'slow.test ! * silent'
    names_patient
    printf '[services.%s]\nlistener = ":%s"\nbackends = "%s:7000"\n' one 4001 here.test >"$T/less.ini"
    { cat "$T/less.ini" && printf '[services.%s]\nlistener = ":%s"\nbackends = "%s:7000"\n' two 4002 gone.test three 4003 slow.test; } >"$T/c.ini"
    start_bare DILL_STATUS_LISTENER=127.0.0.1:2324 DILL_DNS_TIMEOUT=60s DILL_HEALTH_ENABLED=false -c "$T/c.ini"
    must 5 "the first answers" answers 4002 b
    names_status 'waiting for the first answer about a name' 503 || fail "/status: $(curl -s 127.0.0.1:2324/status)"
    cp "$T/less.ini" "$T/c.ini"
    kill -HUP "$DILL_PID"
    must 5 "it is ready" names_status OK 200
    local before
    before=$(asked ' gone.test ')
    must 9 "the other one is asked for" was_asked ' A here.test ' $(($(asked ' A here.test ') + 3))
    same "questions for the one that is gone" "$before" "$(asked ' gone.test ')"
}

case_names_reload_hold() { own_host host_reload_hold; }

host_reload_hold() { # dns.hold ends the last addresses, also when it comes by SIGHUP; with an answer they are back
    own_names 'db.test 1 A 127.0.0.11' 'db.test 1 AAAA fd77::5'
    : >"$T/c.toml"
    start_bare DILL_HEALTH_ENABLED=false -c "$T/c.toml" --connections 4001:db.test:7000
    must 5 "the first answer" answers 4001 a
    zone '* ! * servfail'
    must 9 "said" log_has 'cannot resolve db.test: .*; keeping its last addresses'
    sleep 1
    leads 4001 127.0.0.11 '[fd77::5]' || fail "the last addresses are gone: $(peek)"
    printf '[dns]\nhold = "1s"\n' >"$T/c.toml"
    kill -HUP "$DILL_PID"
    must 9 "their end" leads 4001
    accepts 127.0.0.1 4001 || fail "the listener is closed"
    zone 'db.test 1 A 127.0.0.12'
    must 9 "an answer" leads 4001 127.0.0.12
}
