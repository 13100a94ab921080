# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: command line, environment, files, what they say when they are wrong, and the log.

# What --help, -t and the files must know.
KEYS=(listeners.allowed listeners.bind listeners.port_min listeners.port_max listeners.drain consul.address consul.token
    consul.datacenter consul.namespace consul.wait consul.consistency_mode consul.tag proxy.balance
    proxy.connect_timeout proxy.idle_timeout proxy.max_connections shutdown.grace peek.listener runtime.threads
    log.level log.format routing.file.path routing.file.watch routing.http.endpoint routing.http.poll_interval
    routing.http.poll_timeout status.listener health.enabled health.interval health.timeout
    health.unhealthy_threshold health.healthy_threshold state.path upgrade.timeout upgrade.drain runtime.pid_file)

in_force() { # KEY VALUE-REGEX: -t shows it, with where it comes from
    grep -Eq "^${1//./\\.} = $2 +# ." <<<"$OUT" || fail "-t: no \"$1 = $2\" in: $(grep -F "$1" <<<"$OUT")"
}

case_help() {
    local key option
    for option in --help -h -help; do
        dill_once $option
        same "exit status of $option" 0 "$RC"
        for key in "${KEYS[@]}"; do contains "$option" "$key" "$OUT"; done
        same "stderr of $option" "" "$ERR"
    done
    contains "a default" "default: 3s" "$(grep -A 2 -e '--proxy.connect_timeout' <<<"$OUT")"
    contains "a default" "default: 49151" "$(grep -A 2 -e '--listeners.port_max' <<<"$OUT")"
}

case_version() { # four lines, for reports of bugs
    local option lines
    for option in --version -v -version; do
        dill_once $option
        same "exit status of $option" 0 "$RC"
        mapfile -t lines <<<"$OUT"
        same "lines of $option" 4 ${#lines[@]}
        [[ ${lines[0]} =~ ^dill\ [0-9v][^\ ]*\ \((no TLS|OpenSSL .*)\)$ ]] || fail "$option says \"$OUT\""
        [[ ${lines[1]} =~ ^loop:\ (epoll,\ )?poll\;\ AWS:\ (yes|no)$ ]] || fail "$option says \"$OUT\""
        contains "what it can give up" "sandbox: no_new_privs, runtime.user" "${lines[2]}"
        [[ ${lines[3]} =~ ^built\ with\ [a-zA-Z]+\ .*[0-9].*\ and\ .*(libc|musl) ]] || fail "$option says \"$OUT\""
        same "stderr of $option" "" "$ERR"
    done
}

case_usage_errors() { # wrong usage is 2
    local words
    for words in --nonsense -x --listeners.port_mni=5 --peek.listener -c; do
        dill_once "$words"
        same "exit status of \"$words\"" 2 "$RC"
        contains "the error of \"$words\"" "dill: " "$ERR"
        same "stdout of \"$words\"" "" "$OUT"
    done
}

case_check_mode() { # -t prints what is in force, a key a line, and where it came from
    local key
    dill_once -t
    same "exit status" 0 "$RC"
    for key in "${KEYS[@]}"; do
        grep -q "^${key//./\\.}[. ].*= .*#" <<<"$OUT" || grep -q "^${key//./\\.} =.*#" <<<"$OUT" || fail "-t lacks $key"
    done
    in_force listeners.port_min 1024
    in_force listeners.port_max 49151
    in_force consul.tag '"?dill"?'
    in_force proxy.connect_timeout 3s
    in_force listeners.drain 30s
    in_force consul.wait '(5m|5m0s|300s)'
    dill_once -t "DILL_LISTENERS_PORT_MIN=2000" --listeners.drain=1m30s
    in_force listeners.port_min 2000
    in_force listeners.drain '(1m30s|90s)'
    contains "the source" DILL_LISTENERS_PORT_MIN "$(grep '^listeners.port_min' <<<"$OUT")"
}

case_precedence() { # command line, then environment, then file, then default
    printf '[listeners]\nport_min = 1111\nport_max = 5555\n[proxy]\nconnect_timeout = 7s\n' >"$T/c.ini"
    dill_once -c "$T/c.ini" -t DILL_LISTENERS_PORT_MIN=2222 DILL_LISTENERS_PORT_MAX=6666 --listeners.port_min=3333
    same "exit status" 0 "$RC"
    in_force listeners.port_min 3333
    in_force listeners.port_max 6666
    in_force proxy.connect_timeout 7s
    in_force listeners.drain 30s
    contains "the place of a key from a file" "c.ini:5" "$(grep '^proxy.connect_timeout' <<<"$OUT")"
}

case_option_spellings() { # one dash or two, value after = or as the next word
    local words
    for words in "--listeners.port_min=2345" "-listeners.port_min=2345" "--listeners.port_min 2345" \
        "-listeners.port_min 2345"; do
        # shellcheck disable=SC2086  # two words
        dill_once $words -t
        same "exit status of $words" 0 "$RC"
        in_force listeners.port_min 2345
    done
    for words in "-c" "-config" "--config"; do
        echo '{"listeners": {"port_min": 3456}}' >"$T/c.json"
        dill_once $words "$T/c.json" -t
        same "exit status of $words" 0 "$RC"
        in_force listeners.port_min 3456
    done
}

case_dyntcp_environment() { # read where DILL_ of the same name is not set
    dill_once -t DYNTCP_LISTENERS_PORT_MIN=2222 DYNTCP_LISTENERS_PORT_MAX=3333 DILL_LISTENERS_PORT_MAX=4444
    same "exit status" 0 "$RC"
    in_force listeners.port_min 2222
    in_force listeners.port_max 4444
}

case_key_aliases() { # runtime.gomaxprocs, routing.consul.*
    dill_once -t DILL_RUNTIME_GOMAXPROCS=3 DILL_ROUTING_CONSUL_TAG=edge
    same "exit status" 0 "$RC"
    in_force runtime.threads 3
    in_force consul.tag '"?edge"?'
    printf '[runtime]\ngomaxprocs = 2\n[routing.consul]\naddress = "http://127.0.0.1:9"\n' >"$T/c.toml"
    dill_once -c "$T/c.toml" -t
    in_force runtime.threads 2
    in_force consul.address '"?http://127.0.0.1:9"?'
}

case_secrets_are_masked() { # in -t and in the log
    dill_once -t DILL_CONSUL_TOKEN=topsecret
    lacks "-t" topsecret "$OUT$ERR"
    grep -q '^consul.token = ..*#' <<<"$OUT" || fail "-t lacks consul.token"
    dill_once -t CONSUL_HTTP_TOKEN=topsecret
    lacks "-t with CONSUL_HTTP_TOKEN" topsecret "$OUT$ERR"
    printf '[consul]\ntoken = "topsecret\n' >"$T/c.toml"
    dill_once -t -c "$T/c.toml"
    same "exit status of a broken file" 1 "$RC"
    lacks "the error about a token" topsecret "$OUT$ERR"
    start_dill DILL_CONSUL_TOKEN=topsecret DILL_LOG_LEVEL=debug
    sleep 0.3
    lacks "the log" topsecret "$(cat "$LOG")"
}

case_durations() { # Go's, and a bare number is seconds
    local text want
    while read -r text want; do
        dill_once -t "DILL_PROXY_CONNECT_TIMEOUT=$text"
        same "exit status of $text" 0 "$RC"
        in_force proxy.connect_timeout "$want"
    done <<'END'
250ms 250ms
5s 5s
5 5s
1m30s (1m30s|90s)
1.5s (1.5s|1500ms|1s500ms)
END
    for text in abc 5x -1s 5s5 s '5 s' 1e3 99999999999999999999s; do
        dill_once -t "DILL_PROXY_CONNECT_TIMEOUT=$text"
        same "exit status of \"$text\"" 1 "$RC"
        contains "the error" proxy.connect_timeout "$ERR"
    done
}

case_wrong_values() { # in the environment: exit 1, and the place is named
    local assignment key
    for assignment in listeners.port_min=abc listeners.port_min=4294967376 listeners.port_max=65536 \
        listeners.port_min=-1 proxy.balance=fastest log.level=loud log.format=xml \
        runtime.threads=-2 runtime.threads=many proxy.max_connections=x peek.listener=nowhere \
        peek.listener=127.0.0.1:99999 consul.address=ftp://127.0.0.1 consul.wait=soon; do
        key=${assignment%%=*}
        key=${key^^}
        dill_once -t "DILL_${key//./_}=${assignment#*=}"
        same "exit status of $assignment" 1 "$RC"
        contains "the error of $assignment" "dill: " "$ERR"
        contains "the error of $assignment" "${assignment%%=*}" "$ERR"
        dill_once -t "--$assignment"
        [ "$RC" -eq 1 ] || [ "$RC" -eq 2 ] || fail "--$assignment: exit status $RC"
    done
}

case_error_places() { # file, line and key, exactly
    printf '# one\n\n[listeners]\n# four\nport_max = 5000\nport_min = "abc"\n' >"$T/config.toml"
    printf '; one\n\n[listeners]\n# four\nport_max = 5000\nport_min = abc\n' >"$T/config.ini"
    printf '{\n"listeners":\n{\n"drain": "5s",\n"port_max": 5000,\n"port_min": "abc"}}\n' >"$T/config.json"
    cd "$T" || fail "cd"
    for file in config.toml config.ini config.json; do
        dill_once -t -c $file
        same "exit status of $file" 1 "$RC"
        same "the error" "dill: $file:6: listeners.port_min: \"abc\" is not a port (0-65535)" "$ERR"
        dill_once -c $file
        same "exit status without -t" 1 "$RC"
    done
}

case_syntax_errors() { # with file and line
    local file line text
    cd "$T" || fail "cd"
    while IFS='|' read -r file line text; do
        printf '%b' "$text" >"$file"
        dill_once -t -c "$file"
        same "exit status of $text" 1 "$RC"
        contains "the error of $text" "dill: $file:$line: " "$ERR"
    done <<'END'
a.toml|2|[log]\nlevel = "info\n
b.toml|3|[log]\nlevel = "info"\n[consul\n
c.toml|1|log.level "info"\n
d.toml|2|[listeners]\nport_min = 1024x\n
e.toml|3|[log]\nlevel = "info"\nlevel = "warn"\n
f.toml|2|x = [1, 2\ny = 3\n
g.json|3|{"log": {"level": "info"},\n"listeners": {}\n"peek": {}}\n
h.json|1|{"log": {"level": "info"}} x\n
i.json|2|{"log":\n{"level": 'info'}}\n
j.ini|2|[log]\nlevel\n
k.ini|1|[log\nlevel = info\n
END
    dill_once -t -c "$T/missing.toml"
    same "exit status of a missing file" 1 "$RC"
    contains "the error" "missing.toml" "$ERR"
    echo >"$T/config.exe"
    dill_once -t -c "$T/config.exe"
    same "exit status of an unknown format" 1 "$RC"
    contains "the error" "config.exe" "$ERR"
}

case_unknown_keys() { # in a file a warning with the nearest key; in the environment silence, but for debug
    printf '[listeners]\nport_mni = 2000\n[colour]\nscheme = 1\n' >"$T/c.ini"
    dill_once -t -c "$T/c.ini"
    same "exit status" 0 "$RC"
    contains "the warning" "c.ini:2" "$ERR"
    contains "the warning" "listeners.port_mni" "$ERR"
    contains "the nearest key" "listeners.port_min" "$ERR"
    contains "the warning" "colour.scheme" "$ERR"
    start_dill DILL_PORT_8080_TCP=tcp://10.0.0.1 DILL_SERVICE_HOST=10.0.0.1
    sleep 0.3
    ! log_has 'DILL_PORT_8080_TCP|DILL_SERVICE_HOST' || fail "an unknown variable is logged at level info"
    kill "$DILL_PID"
    stop_dill 0 8
    start_dill DILL_PORT_8080_TCP=tcp://10.0.0.1 DILL_LOG_LEVEL=debug
    must 2 "an unknown variable at level debug" log_has 'DILL_PORT_8080_TCP'
}

# The same static services in every format, and the table that must come out.
case_file_formats() {
    local p q file
    p=$(next_port) q=$(next_port)
    cat >"$T/c.toml" <<END
# a comment
title = "unused by dill"

[peek]
listener = "127.0.0.1:$PEEK"        # after a value

[[services]]
name     = "web \u002d one"
listener = ["local:$p", 'local:$q']
backends = [
    "127.0.0.1:$A",   # the first
    "127.0.0.1:$B",
]
balance = "p2c"

[[services]]
name = "again"
listener = "local:$((q + 1))"
backends = ["127.0.0.1:$C"]
END
    cat >"$T/c.json" <<END
{ "peek": {"listener": "127.0.0.1:$PEEK"}, "services": [
  {"name": "web \\u002d one", "listener": ["local:$p", "local:$q"], "balance": "p2c",
   "backends": ["127.0.0.1:$A", "127.0.0.1:$B"]},
  {"name": "again", "listener": "local:$((q + 1))", "backends": ["127.0.0.1:$C"]}]}
END
    cat >"$T/c.ini" <<END
; a comment
[peek]
listener = 127.0.0.1:$PEEK

[services.web]
listener = local:$p, local:$q
backends = 127.0.0.1:$A, 127.0.0.1:$B
balance = p2c
[services.again]
listener = local:$((q + 1))
backends = 127.0.0.1:$C
END
    cp "$T/c.ini" "$T/c.conf"
    tr -d '\n' <"$T/c.json" >"$T/dense.json"
    sed 's/$/\r/' "$T/c.ini" >"$T/crlf.ini"
    sed 's/$/\r/' "$T/c.toml" >"$T/crlf.toml"
    for file in c.toml c.json c.ini c.conf dense.json crlf.ini crlf.toml; do
        start_bare -c "$T/$file"
        peek_must_be "$(BALANCE=p2c route "127.0.0.1:$p" "127.0.0.1:$A" "127.0.0.1:$B"
            BALANCE=p2c route "127.0.0.1:$q" "127.0.0.1:$A" "127.0.0.1:$B"
            route "127.0.0.1:$((q + 1))" "127.0.0.1:$C")"
        answers $((q + 1)) c || fail "$file: no service"
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

case_static_listener_addresses() { # the operator may name an address, or none, instead of a label
    local p q
    p=$(next_port) q=$(next_port)
    start_bare "DILL_SERVICES_A_LISTENER=127.0.0.6:$p" "DILL_SERVICES_A_BACKENDS=127.0.0.1:$A" \
        "DILL_SERVICES_B_LISTENER=:$q" "DILL_SERVICES_B_BACKENDS=127.0.0.1:$B"
    must 5 "an address" answers "$p" a 127.0.0.6
    must 5 "every address" answers "$q" b 127.0.0.7
    peek_contains "127.0.0.6:$p" || fail "Peek: $(peek)"
}

case_static_errors() { # what the operator wrote wrong is an error with its place
    cd "$T" || fail "cd"
    printf '[services.web]\nlistener = local:5555\nbackends = 127.0.0.1:99999\n' >c.ini
    dill_once -t -c c.ini
    same "exit status" 1 "$RC"
    contains "the error" "dill: c.ini:3: " "$ERR"
    printf '[services.web]\nbackends = 127.0.0.1:80\n' >c.ini
    dill_once -t -c c.ini
    same "exit status without a listener" 1 "$RC"
    contains "the error" "dill: c.ini:" "$ERR"
}

case_environment_alone() { # sets everything, services included
    local p
    p=$(next_port)
    start_bare "DILL_LISTENERS_ALLOWED_EDGE=127.0.0.4" "DILL_SERVICES_MY_WEB_LISTENER=edge:$p" \
        "DILL_SERVICES_MY_WEB_BACKENDS=127.0.0.1:$A,127.0.0.1:$B" DILL_SERVICES_MY_WEB_BALANCE=least_conn \
        DILL_LOG_FORMAT=json
    peek_must_be "$(BALANCE=least_conn route "127.0.0.4:$p" "127.0.0.1:$A" "127.0.0.1:$B")"
}

case_log_json() { # one object a line, whatever strangers put into it
    local p
    p=$(next_port)
    start_dill DILL_LOG_FORMAT=json DILL_LOG_LEVEL=debug
    # shellcheck disable=SC1003
    register 'quo\"te\\' odd-1 "$A" dill 'dill.listener=no\"where\\:80' "dill.listener=local:$p"
    must 5 "service" answers "$p" a
    api PUT /v1/agent/service/register \
        '{"Name":"bytes","Port":80,"Tags":["dill","dill.listener=a\u0001b\u001b\u007f\u00e9\u2028:80"]}' || fail "register"
    must 5 "refusal" peek_contains "# refused: bytes wants "
    kill "$DILL_PID"
    stop_dill 0 8
    "$PYTHON" - "$LOG" <<'END' || fail "the log is not one JSON object a line: $(head -n 3 "$LOG")"
import json, sys
with open(sys.argv[1], "rb") as log:
    lines = log.read().split(b"\n")
assert lines.pop() == b"" and len(lines) >= 3, lines
for line in lines:
    entry = json.loads(line.decode())
    assert isinstance(entry, dict) and entry["level"] in ("error", "warn", "info", "debug"), entry
    assert all(byte >= 0x20 for byte in line), line
END
}

case_log_levels() { # each includes those before it
    local level lines last=0
    for level in error info debug; do
        start_bare "DILL_LOG_LEVEL=$level" "DILL_CONSUL_ADDRESS=$CONSUL_URL" DILL_SERVICE_HOST=10.0.0.1
        sleep 0.3
        kill "$DILL_PID"
        stop_dill 0 8
        lines=$(wc -l <"$LOG")
        [ "$level" != error ] || same "lines at level error" 0 "$lines"
        [ "$level" = error ] || at_least "lines at level $level" $((last + 1)) "$lines"
        last=$lines
    done
    same "stdout" "" "$(cat "$T"/dill.*.out)"
}

# What a list of services, an upper layer and a person with another habit have in common.

case_services_join_by_name() { # what is said of a name reaches the service of that name in a list, in every format
    local file
    cat >"$T/c.toml" <<'EOF'
[[services]]
name = "web"
listener = "any:8080"
backends = ["10.0.0.1:80"]
[[services]]
name = "my-web"
listener = "any:8081"
backends = ["10.0.0.2:80"]
balance = "p2c"
EOF
    cat >"$T/c.yaml" <<'EOF'
services:
- name: web
  listener: any:8080
  backends: ["10.0.0.1:80"]
- name: my-web
  listener: any:8081
  backends: ["10.0.0.2:80"]
  balance: p2c
EOF
    cat >"$T/c.json" <<'EOF'
{"services": [{"name": "web", "listener": "any:8080", "backends": ["10.0.0.1:80"]},
 {"name": "my-web", "listener": "any:8081", "backends": ["10.0.0.2:80"], "balance": "p2c"}]}
EOF
    cat >"$T/c.hcl" <<'EOF'
services = [
  { name = "web", listener = "any:8080", backends = ["10.0.0.1:80"] },
  { name = "my-web", listener = "any:8081", backends = ["10.0.0.2:80"], balance = "p2c" },
]
EOF
    for file in c.toml c.yaml c.json c.hcl; do
        dill_once -t -c "$T/$file" DILL_SERVICES_WEB_BACKENDS=10.0.0.3:80 DILL_SERVICES_MY_WEB_BALANCE=random \
            DILL_SERVICES_MY_WEB_BACKENDS=10.0.0.4:80 --services.my-web.backends=10.0.0.5:80 \
            DILL_SERVICES_OTHER_LISTENER=any:8082 DILL_SERVICES_OTHER_BACKENDS=10.0.0.6:80
        same "exit status of $file" 0 "$RC"
        same "services of $file" "services.web.listener = any:8080
services.web.backends = 10.0.0.3:80
services.my-web.listener = any:8081
services.my-web.backends = 10.0.0.5:80
services.my-web.balance = random
services.other.listener = any:8082
services.other.backends = 10.0.0.6:80
# web: any:8080 is accepted: 0.0.0.0:8080
# my-web: any:8081 is accepted: 0.0.0.0:8081
# other: any:8082 is accepted: 0.0.0.0:8082" "$(verdicts)"
    done
    dill_once -t -c "$T/c.toml" DILL_SERVICES_WED_BACKENDS=10.0.0.3:80
    same "exit status of a name that nobody has" 1 "$RC"
    same "the error" "dill: DILL_SERVICES_WED_BACKENDS: services.wed has no listener" "$ERR"
    cat "$T/c.toml" >"$T/two.toml"
    printf '[[services]]\nname = "web"\nlistener = "any:8083"\nbackends = ["10.0.0.7:80"]\n' >>"$T/two.toml"
    dill_once -t -c "$T/two.toml"
    same "services of one name" 2 "$(grep -c '^services.web.listener' <<<"$OUT")"
}

case_origin_of_each_field() { # -t names file and line, variable or option
    cd "$T" || fail "cd"
    printf '[[services]]\nname = "web"\nlistener = [\n  "any:8080",\n  "any:8081",\n]\nbackends = [\n  "10.0.0.1:80" ]\nbalance = "p2c"\nallow = ["10.0.0.0/8"]\n' >c.toml
    dill_once -t -c c.toml
    same "the file" 'services.web.listener = any:8080, any:8081  # c.toml:4
services.web.backends = 10.0.0.1:80  # c.toml:8
services.web.balance = p2c  # c.toml:9
services.web.allow = 10.0.0.0/8  # c.toml:10' "$(grep '^services' <<<"$OUT")"
    dill_once -t -c c.toml DILL_SERVICES_WEB_BALANCE=random DYNTCP_SERVICES_WEB_DENY=10.1.0.0/16 --services.web.backends=10.0.0.2:80
    same "all three" 'services.web.listener = any:8080, any:8081  # c.toml:4
services.web.backends = 10.0.0.2:80  # --services.web.backends
services.web.balance = random  # DILL_SERVICES_WEB_BALANCE
services.web.allow = 10.0.0.0/8  # c.toml:10
services.web.deny = 10.1.0.0/16  # DYNTCP_SERVICES_WEB_DENY' "$(grep '^services' <<<"$OUT")"
    dill_once -t -laddr :81 10.0.0.1:80
    same "a BACKEND" 'services.static.listener = :81  # -laddr
services.static.backends = 10.0.0.1:80  # BACKEND' "$(grep '^services' <<<"$OUT")"
    dill_once -t --connections 81:10.0.0.1:80
    contains "a connection" "10.0.0.1:80  # --connections" "$OUT"
}

case_keys_in_any_letter_case() { # in files and on the command line, but for names
    printf '[Listeners]\nPort_Min = 2222\n[LISTENERS.Allowed]\nlan = "10.0.0.1"\n[Services.Web]\nListener = "lan:8080"\nBACKENDS = ["10.0.0.2:80"]\n' >"$T/c.toml"
    printf 'Listeners:\n  Port_Min: 2222\n  Allowed:\n    lan: 10.0.0.1\nApps: [{Name: Web, Ports: [8080], Targets: ["10.0.0.2:80"]}]\n' >"$T/c.yaml"
    printf '{"LISTENERS": {"port_MIN": 2222, "Allowed": {"lan": "10.0.0.1"}}, "Services": [{"Name": "Web", "Listener": "lan:8080", "Backends": ["10.0.0.2:80"]}]}' >"$T/c.json"
    printf '[LISTENERS]\nPORT_MIN = 2222\n[listeners.ALLOWED]\nlan = 10.0.0.1\n[SERVICES.Web]\nLISTENER = lan:8080\nBackends = 10.0.0.2:80\n' >"$T/c.ini"
    for file in c.toml c.yaml c.json c.ini; do
        dill_once -t -c "$T/$file"
        same "exit status of $file" 0 "$RC"
        in_force listeners.port_min 2222
        in_force listeners.allowed.lan 10.0.0.1
        contains "the service of $file" "services.Web.backends = 10.0.0.2:80" "$OUT"
        same "stderr of $file" "" "$ERR"
    done
    dill_once -t --Listeners.Port_Min=2223 --Services.Web.Listener=any:8080 --services.Web.Backends=10.0.0.2:80
    in_force listeners.port_min 2223
    contains "the service" "services.Web.listener = any:8080" "$OUT"
}

case_all_errors_at_once() { # in one run, at most 20, and then how many more
    local i
    cd "$T" || fail "cd"
    printf '[log]\nlevel = "loud"\n[[services]]\nname = "a"\nlistener = "nowhere"\n[[services]]\nname = "b"\nlistener = "any:8080"\n' >c.toml
    dill_once -t -c c.toml DILL_LISTENERS_PORT_MIN=abc --peek.listener=x
    same "exit status" 1 "$RC"
    same "errors" 'dill: c.toml:2: log.level: "loud" is not one of error, warn, info or debug
dill: DILL_LISTENERS_PORT_MIN: listeners.port_min: "abc" is not a port (0-65535)
dill: --peek.listener: peek.listener: "x" is not host:port
dill: c.toml:5: services[0].listener: "nowhere" is not label:port
dill: c.toml:7: services[1] has no backends' "$ERR"
    echo '[listeners.allowed]' >c.toml
    for i in {1..20}; do echo "l$i = 'x'"; done >>c.toml
    dill_once -c c.toml
    same "exit status of 20" 1 "$RC"
    same "lines of 20" 20 "$(wc -l <<<"$ERR")"
    for i in {21..25}; do echo "l$i = 'x'"; done >>c.toml
    dill_once -c c.toml
    same "exit status of 25" 1 "$RC"
    same "lines of 25" 21 "$(wc -l <<<"$ERR")"
    same "the last line of 25" "dill: 5 more errors" "$(tail -n 1 <<<"$ERR")"
}

case_nearest_keys() { # a guess only when it is near, for services too; --strict makes it an error
    cd "$T" || fail "cd"
    printf '[listeners]\nport_mni = 2000\n[colour]\nscheme = 1\n[servces.web]\nlistener = "any:80"\n[[aps]]\nname = "x"\n' >c.toml
    dill_once -t -c c.toml
    same "exit status of -t" 0 "$RC"
    same "warnings" 'dill: c.toml:2: unknown key listeners.port_mni; the nearest one is listeners.port_min
dill: c.toml:4: unknown key colour.scheme
dill: c.toml:6: unknown key servces.web.listener; the nearest one is services
dill: c.toml:8: unknown key aps[0].name; the nearest one is apps' "$ERR"
    dill_once -t --strict -c c.toml
    same "exit status of -t --strict" 1 "$RC"
    contains "the error" "dill: c.toml: 4 unknown keys" "$ERR"
    printf '[log]\nlevel = "info"\n' >c.toml
    dill_once -t --strict -c c.toml
    same "exit status of -t --strict without unknown keys" 0 "$RC"
    same "stderr" "" "$ERR"
}

case_key_under_two_names() { # in one file, the environment, or on the command line: an error
    cd "$T" || fail "cd"
    printf '[runtime]\nthreads = 2\ngomaxprocs = 3\n' >c.toml
    printf 'runtime:\n  threads: 2\n  gomaxprocs: 3\n' >c.yaml
    printf '{"consul": {"tag": "a"},\n\n"routing": {"consul":{"tag": "b"}}}\n' >c.json
    for file in c.toml c.yaml c.json; do
        dill_once -t -c $file
        same "exit status of $file" 1 "$RC"
        contains "the error of $file" "dill: $file:3: " "$ERR"
        contains "the error of $file" "is given twice, first at $file:" "$ERR"
    done
    dill_once -t DILL_RUNTIME_THREADS=2 DILL_RUNTIME_GOMAXPROCS=3
    same "exit status of the environment" 1 "$RC"
    contains "the error of the environment" "is given twice, first at DILL_RUNTIME_" "$ERR"
    dill_once -t --runtime.gomaxprocs=3 --runtime.threads=2
    same "exit status of the command line" 1 "$RC"
    contains "the error of the command line" "is given twice, first at --runtime.gomaxprocs" "$ERR"
    dill_once -t -c c.json --runtime.threads=2 --runtime.threads=3 # one name: the last one counts
    lacks "one name twice" runtime.threads "$ERR"
}

case_wrong_shape_of_a_key() { # a list or table where a value belongs, and the other way round: an error, and a reload changes nothing
    local p
    p=$(next_port)
    cat >"$T/c.yaml" <<END
listeners:
  allowed:
    lan: 127.0.0.1
services: [{name: web, listener: "lan:$p", backends: ["127.0.0.1:$A"]}]
END
    start_bare -c "$T/c.yaml"
    must 5 "the listener" peek_has "127.0.0.1:$p"
    printf 'listeners:\n  allowed: [lan]\nservices: []\n' >"$T/c.yaml"
    kill -HUP "$DILL_PID"
    must 3 "the error" log_has 'c.yaml:2: listeners.allowed: a table expected, not a list'
    must 3 "that nothing changes" log_has 'reload: the configuration has an error'
    stays 300 "the listener has gone" peek_has "127.0.0.1:$p"
    printf 'consul:\n  address: [a, b]\npeek: 127.0.0.1:2323\n' >"$T/c.yaml"
    dill_once -t -c "$T/c.yaml"
    same "exit status" 1 "$RC"
    contains "a list" "c.yaml:2: consul.address: a value expected, not a list" "$ERR"
    contains "a value" "c.yaml:3: peek: a table expected, not a value; there is peek.listener" "$ERR"
}

case_words_as_people_type_them() { # -cFILE, --test, --debug 3; a listener with two in one; all errors in one run
    printf '[log]\nformat = "json"\n' >"$T/c.toml"
    dill_once "-c$T/c.toml" --test --debug 3
    same "exit status: $ERR" 0 "$RC"
    in_force log.format json
    in_force log.level debug
    dill_once -t --services.web.listener=local:1,local:2 --services.web.backends=h:1
    same "exit status of a list: $ERR" 0 "$RC"
    dill_once -t --peek.listener=:1,:2 --routing.nomad.address=http://h:99999 --status.listener=:74537
    same "exit status of errors" 1 "$RC"
    contains "a list" 'is a list: one host:port expected' "$ERR"
    contains "an address" 'routing.nomad.address: "http://h:99999" has a port out of range' "$ERR"
    contains "a port" '":74537" has a port out of range (1-65535)' "$ERR"
}

services() { # what -t says of services, without its verdicts; `|` between lines
    grep '^services\.' <<<"$OUT" | tr '\n' '|'
}

case_trees_of_services() { # in one variable: a list or a map; single variables say more, whatever their order
    dill_once -t DILL_SERVICES_A_BACKENDS=10.0.0.9:80 \
        'DILL_SERVICES=[{"listener":"any:3000","name":"a","backends":["10.0.0.1:80"]}]'
    same "a list" "services.a.listener = any:3000  # DILL_SERVICES|services.a.backends = 10.0.0.9:80  # DILL_SERVICES_A_BACKENDS|" "$(services)"
    dill_once -t 'DILL_SERVICES={"web":{"listener":["any:3000"],"backends":["10.0.0.1:80"]}}' \
        'DILL_APPS={"old":{"ports":[3001],"targets":["10.0.0.2:80"]}}'
    contains "a map" "services.web.backends = 10.0.0.1:80  # DILL_SERVICES" "$OUT"
    contains "a map of apps" "services.old.listener = any:3001  # DILL_APPS" "$OUT"
    dill_once -t 'DILL_SERVICES=[{"name":"a","listener":"any:3000","backends":["10.0.0.1:80"]},
        {"name":"a","listener":"any:3001","backends":["10.0.0.2:80"]}]'
    same "two of one name" "services.a.listener = any:3000  # DILL_SERVICES|services.a.backends = 10.0.0.1:80  # DILL_SERVICES|services.a.listener = any:3001  # DILL_SERVICES|services.a.backends = 10.0.0.2:80  # DILL_SERVICES|" "$(services)"
    dill_once -t 'DILL_SERVICES=[{"listener":"any:3000","backends":["10.0.0.1:80"]}]'
    same "exit status without a name" 1 "$RC"
    same "the error without a name" "dill: DILL_SERVICES: services[DILL_SERVICES 0] has no name" "$ERR"
    printf '[[services]]\nname = "%s"\nlistener = "any:300%s"\nbackends = ["10.0.0.1:80"]\n' a 1 m 2 x 3 >"$T/c.toml"
    dill_once -t -c "$T/c.toml" DILL_SERVICES_M_NAME=zz DILL_SERVICES_X_BACKENDS=10.0.0.9:80 DILL_SERVICES_M_BALANCE=p2c
    same "exit status after a rename: $ERR" 0 "$RC"
    contains "the renamed one" "services.zz.balance = p2c" "$OUT"
    contains "another one" "services.x.backends = 10.0.0.9:80  # DILL_SERVICES_X_BACKENDS" "$OUT"
}

case_empty_values() { # of keys that must say something; an empty variable is as not set
    local assignment
    dill_once -t DILL_CONSUL_TOKEN= DILL_CONSUL_TAG= CONSUL_HTTP_ADDR= DILL_LISTENERS_PORT_MIN= DILL_SERVICES_WEB_LISTENER=local:1 \
        DILL_SERVICES_WEB_BACKENDS=127.0.0.1:1
    same "exit status of empty variables" 0 "$RC"
    lacks "what is in force" "# DILL_CONSUL" "$OUT"
    for assignment in consul.tag= consul.address= listeners.port_min=; do
        dill_once -t "--$assignment"
        same "exit status of $assignment" 1 "$RC"
        contains "the error" "${assignment%=}: \"\" " "$ERR"
    done
    for assignment in routing.file.path= routing.http.endpoint= peek.listener= consul.token=; do
        dill_once -t "--$assignment"
        same "exit status of $assignment: $ERR" 0 "$RC"
    done
}

case_old_names_give_way() { # a DYNTCP_ variable, to any name of the same key
    dill_once -t DYNTCP_ROUTING_CONSUL_ADDRESS=http://127.0.0.1:1 DILL_CONSUL_ADDRESS=http://127.0.0.1:2
    same "exit status: $ERR" 0 "$RC"
    contains "the new name" "consul.address = http://127.0.0.1:2  # DILL_CONSUL_ADDRESS" "$OUT"
    dill_once -t DILL_SERVICES_web_listener=any:8080
    same "exit status of a name in small letters: $ERR" 0 "$RC"
    dill_once -v --debug 5
    same "exit status of -v beside an error" 0 "$RC"
}
