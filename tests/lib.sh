# shellcheck shell=bash
# What the system test's cases are made of: running dill, Consul and peers, waiting, comparing. Sourced by test.sh.
#
# A case is a function case_NAME, run in a subshell of its own with these variables:
#   T         its directory            PEEK       port for dill's Peek          CONSUL_PORT, CONSUL_URL  the agent
#   A B C     servers that say their name and close                             GREET  says hi, then echoes
#   ECHO COUNT WEB  echo server, counting server, HTTP server saying "hello"    (all on 127.0.0.1)
# It ends well when it returns 0 without having called fail, every dill it started exits 0 on SIGTERM, and none of
# them printed a sanitizer report. What it started is ended by its pid.

# shellcheck disable=SC2034,SC2153  # the cases set and use what this file only mentions

SLOW=${TEST_SLOW:-1}
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python3
    [ ! -x /usr/bin/python3 ] || PYTHON=/usr/bin/python3
fi
PEER=("$PYTHON" "$TOP/tests/tools/peer.py")

# Failing and comparing

fail() {
    [ -s "$T/reason" ] || printf '%s' "$*" | tr '\n' '|' >"$T/reason"
    exit 1
}

skip() { # REASON: what the case needs is not here
    printf '%s' "$*" >"$T/skipped"
    exit 0
}

same() { # WHAT EXPECTED GOT
    [ "$2" = "$3" ] || fail "$1: expected \"$2\", got \"$3\""
}

contains() { # WHAT PART TEXT
    [[ $3 == *"$2"* ]] || fail "$1: no \"$2\" in \"$3\""
}

lacks() { # WHAT PART TEXT
    [[ $3 != *"$2"* ]] || fail "$1: \"$2\" must not be in \"$3\""
}

at_most() { # WHAT LIMIT NUMBER
    [ "$3" -le "$2" ] 2>/dev/null || fail "$1: $3, more than $2"
}

at_least() { # WHAT LIMIT NUMBER
    [ "$3" -ge "$2" ] 2>/dev/null || fail "$1: $3, less than $2"
}

need_program() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null || fail "$1 is missing (Debian package $2, see tests/packages.txt)"
}

# Time

now_ms() { NOW=${EPOCHREALTIME/[.,]/}; NOW=$((NOW / 1000)); }

eventually() { # SECONDS COMMAND...: polls until COMMAND succeeds; 1 when it did not in time
    local end
    now_ms
    end=$((NOW + $1 * 1000 * SLOW))
    shift
    until "$@"; do
        now_ms
        [ "$NOW" -lt "$end" ] || return 1
        sleep 0.02
    done
}

not() { ! "$@"; }

must() { # SECONDS WHAT COMMAND...
    local seconds=$1 what=$2
    shift 2
    eventually "$seconds" "$@" || fail "$what: not within $((seconds * SLOW)) s"
}

stays() { # MILLISECONDS WHAT COMMAND...: COMMAND succeeds all the time
    local what=$2 end
    now_ms
    end=$((NOW + $1))
    shift 2
    while [ "$NOW" -lt "$end" ]; do
        "$@" || fail "$what"
        sleep 0.05
        now_ms
    done
}

# Ports. A run owns a range (see test.sh), a worker a part of it: the first AGENT_PORTS are for Consul agents, which stay
# while the others go round. The seven ports after the one that next_port gives are in the range too.

next_port() {
    local port
    while :; do
        read -r port <"$W/port"
        echo $((port + 8 < PORT_END ? port + 1 : PORT_START)) >"$W/port"
        accepts 127.0.0.1 "$port" || break
    done
    echo "$port"
}

accepts() { # HOST PORT
    (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null
}

refuses() { ! accepts "$@"; }

# Processes. A case's are its shell's background jobs, and end_case ends them; those of dill must end well.

DILLS=()
STARTED=0

exited() { # PID: a child that has ended, perhaps not yet waited for
    local state
    read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" || return 0
    [ "$state" = Z ]
}

end_pid() { # PID
    kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

start_peers() { # WORD...: peer.py serve; sets PORTS, PEER_PID
    local file=$T/peers.$((STARTED += 1))
    "${PEER[@]}" serve --log "$file.log" "$@" >"$file" 2>"$file.stderr" &
    PEER_PID=$!
    PEER_LOG=$file.log
    must 5 "test servers" test -s "$file"
    read -r -a PORTS <"$file"
}

logged() { # EXTENDED-REGEX: an event in the log of the last start_peers
    grep -Eqs "$1" "$PEER_LOG"
}

# dill

# Sanitizers report and go on, so that a report is seen whatever dill does next; leaks change the exit status.
SANITIZERS=(
    "ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=second_deadlock_stack=1"
)

DILL_RUN=()     # words before the program, such as prlimit

# start_bare [VAR=VALUE | ARGUMENT]...: dill with this environment and these arguments, and nothing else but Peek.
# Sets DILL_PID and LOG (its stderr).
start_bare() {
    local vars=() args=() word
    for word in "$@"; do
        if [[ $word =~ ^[A-Z][A-Z0-9_]*= ]]; then vars+=("$word"); else args+=("$word"); fi
    done
    STARTED=$((STARTED + 1))
    LOG=$T/dill.$STARTED.err
    env -i --default-signal=INT PATH="$PATH" "${SANITIZERS[@]}" "DILL_PEEK_LISTENER=127.0.0.1:$PEEK" \
        DILL_RUNTIME_THREADS=2 "${CLIENT_TLS[@]}" "${vars[@]}" "${DILL_RUN[@]}" "$DILL" "${args[@]}" \
        >"$T/dill.$STARTED.out" 2>"$LOG" 9>&- &
    DILL_PID=$!
    DILLS+=("$DILL_PID")
    eventually 5 started || fail "dill did not open Peek in $((5 * SLOW)) s"
    dill_alive || fail "dill ended at its start: $(tail -n 1 "$LOG")"
}

started() { exited "$DILL_PID" || accepts 127.0.0.1 "$PEEK"; }

start_dill() { start_bare "DILL_CONSUL_ADDRESS=$CONSUL_URL" "$@"; }

dill_alive() { ! exited "$DILL_PID"; }

# dill_once [VAR=VALUE | ARGUMENT]...: runs dill to its end; sets RC, OUT (stdout) and ERR (stderr).
dill_once() {
    local vars=() args=() word number=0
    for word in "$@"; do
        if [[ $word =~ ^[A-Z][A-Z0-9_]*= ]]; then vars+=("$word"); else args+=("$word"); fi
    done
    while [ -e "$T/once.$number.err" ]; do number=$((number + 1)); done
    env -i PATH="$PATH" "${SANITIZERS[@]}" "${CLIENT_TLS[@]}" "${vars[@]}" timeout $((10 * SLOW)) "$DILL" "${args[@]}" \
        >"$T/once.$number.out" 2>"$T/once.$number.err" </dev/null
    RC=$?
    OUT=$(cat "$T/once.$number.out")
    ERR=$(cat "$T/once.$number.err")
}

stop_dill() { # CODE SECONDS [PID]: dill exits with CODE within SECONDS, without being told so here
    local pid=${3:-$DILL_PID} rc i left=()
    must "$2" "dill did not exit" exited "$pid"
    wait "$pid"
    rc=$?
    for i in "${DILLS[@]}"; do [ "$i" = "$pid" ] || left+=("$i"); done
    DILLS=("${left[@]}")
    same "exit status of dill" "$1" "$rc"
}

cpu_ms() { # sets CPU: milliseconds of processor time that dill has used so far
    local file ns total=0
    for file in "/proc/$DILL_PID"/task/*/schedstat; do
        { read -r ns _ <"$file"; } 2>/dev/null && total=$((total + ns))
    done
    CPU=$((total / 1000000))
}

memory_kb() { # sets KB: resident memory of dill
    KB=$(awk '/^VmRSS/ { print $2 }' "/proc/$DILL_PID/status")
}

descriptors() { # sets FDS: number of open descriptors of dill
    local all=("/proc/$DILL_PID/fd/"*)
    FDS=${#all[@]}
}

wall_clock() { # SECONDS: sets WALL_CLOCK, words for start_bare and env; from now on it is so many seconds later than it is
    [ -e "$T/wall_clock.so" ] || ${CC:-gcc} -shared -fPIC "$TOP/tests/tools/wall_clock.c" -o "$T/wall_clock.so" -ldl ||
        fail "cannot build tests/tools/wall_clock.c"
    printf '%s\n' "$1" >"$T/wall_clock.new"
    mv "$T/wall_clock.new" "$T/wall_clock"
    WALL_CLOCK=("WALL_CLOCK=$T/wall_clock" "LD_PRELOAD=$T/wall_clock.so" ASAN_OPTIONS=verify_asan_link_order=0)
}

log_has() { grep -Eq -- "$1" "$LOG"; }

log_count() { grep -Ec -- "$1" "$LOG"; }

log_has_count() { [ "$(log_count "$2")" = "$1" ]; }     # COUNT REGEX

# Other programs

# start_program NAME COMMAND...: until it accepts at PROGRAM_PORT of PROGRAM_HOST
start_program() {
    local name=$1
    shift
    "$@" >"$T/$name.out" 2>"$T/$name.log" 9>&- &
    PROGRAM_PID=$!
    must 5 "$name" program_ready
    ! exited "$PROGRAM_PID" || fail "$name ended at its start: $(tail -n 1 "$T/$name.log")"
}

program_ready() { exited "$PROGRAM_PID" || accepts "${PROGRAM_HOST:-127.0.0.1}" "$PROGRAM_PORT"; }

from() { # ADDRESS PORT [HOST]: what a client with this address is told; "-" for nothing
    local line
    line=$(timeout $((5 * SLOW)) nc -d -s "$1" "${3:-127.0.0.1}" "$2" 2>/dev/null)
    echo "${line:--}"
}

metric() { # NAME{LABELS} VALUE: a line of /metrics
    grep -Fqx -- "$1 $2" < <(curl -s --max-time $((5 * SLOW)) "http://127.0.0.1:$STATUS/metrics")
}

access() { # REGEX: in a line of the access log
    log_has " access .*$1"
}

# Peek

peek() { timeout $((5 * SLOW)) nc -d 127.0.0.1 "$PEEK" 2>/dev/null; }

route() { # LISTENER BACKEND...: what Peek shows of it
    printf '%s\n  ├ %s\n' "$1" "${BALANCE:-round_robin}"
    shift
    printf '  ├──➤ %s\n' "$@"
}

NO_ROUTE='No registered backends. Please verify routing configuration.'

peek_is() { [ "$(peek)" = "$1" ]; }

peek_must_be() { # TEXT [SECONDS]
    eventually "${2:-5}" peek_is "$1" || same "Peek after $((${2:-5} * SLOW)) s" "$1" "$(peek)"
}

peek_has() { grep -Fqx -- "$1" < <(peek); }

peek_contains() { [[ $(peek) == *"$1"* ]]; }

# Connections through dill

says() { # PORT [HOST]: prints what is said by whom is behind PORT
    local line=- fd
    if { exec {fd}<>"/dev/tcp/${2:-127.0.0.1}/$1"; } 2>/dev/null; then
        read -r -t $((5 * SLOW)) line <&"$fd" || line=-
        exec {fd}>&-
    fi
    echo "$line"
}

answers() { # PORT TEXT [HOST]
    [ "$(says "$1" "${3:-127.0.0.1}")" = "$2" ]
}

CONNECTIONS=()

open_conn() { # PORT: sets FD, a connection to port of an echo server behind dill
    { exec {FD}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || fail "cannot connect to port $1"
    CONNECTIONS+=("$FD")
}

ask() { # FD TEXT: succeeds when an echo server behind FD answers
    local line
    { printf '%s\n' "$2" >&"$1"; } 2>/dev/null || return 1
    read -r -t $((5 * SLOW)) line <&"$1" && [ "$line" = "$2" ]
}

ended() { # FD SECONDS: the other side closes within SECONDS
    local line rc
    read -r -t $(($2 * SLOW)) line <&"$1" 2>/dev/null
    rc=$?
    [ "$rc" -ne 0 ] && [ "$rc" -lt 128 ]
}

# In the background use "${PEER[@]}" itself: a job that is one process ends with it.
client() { timeout $((30 * SLOW)) "${PEER[@]}" "$@"; }

# A host of the case's own, and its DNS servers

# own_host FUNCTION: runs a function of the file that calls this on a host of its own; see tests/tools/own_host.sh
own_host() {
    local own=(unshare -n -m -p -f --kill-child --mount-proc)
    "${own[@]}" true 2>/dev/null || own+=(-r)
    export TOP T W DILL CONSUL PORT_START PORT_END PYTHON
    "${own[@]}" env DILL="$(realpath "$DILL")" TEST_SLOW="$SLOW" "$TOP/tests/tools/own_host.sh" "${BASH_SOURCE[1]}" "$1" 9>&- &
    wait $! || fail "ended with $?"
}

own_etc() { # there: an /etc that may be written to, without names but localhost, and the DNS server 127.0.0.1
    cp -a /etc "$T/etc"
    mount --bind "$T/etc" /etc || fail "cannot mount over /etc"
    etc resolv.conf 'nameserver 127.0.0.1' 'options timeout:1 attempts:1'
    etc nsswitch.conf 'hosts: files dns'
    etc hosts '127.0.0.1 localhost'
}

etc() { # NAME LINE...: there /etc/NAME is this from now on
    local name=$1
    shift
    printf '%s\n' "$@" >"/etc/$name.new"
    mv "/etc/$name.new" "/etc/$name"
}

own_link() { # there: an interface `host` with addresses of both families, and nobody at its other end
    ip link add host type veth peer name other || fail "cannot make an interface"
    ip link set other up
    ip link set host up
    ip addr add 10.77.0.5/24 dev host
    ip addr add fd77::5/64 dev host nodad || fail "cannot give it an address"
}

start_dns() { # LINE...: the scripted server; sets DNS (ADDRESS:PORT), DNS_PID, DNS_LOG, and ZONE, what `zone` writes
    local file=$T/dns.$((STARTED += 1)) at=${DNS_AT:-127.0.0.1:0} port
    ZONE=$file.zone DNS_LOG=$file.log
    zone "$@"
    "$PYTHON" "$TOP/tests/tools/dns_server.py" "$at" "$ZONE" "$DNS_LOG" >"$file" 2>"$file.stderr" 9>&- &
    DNS_PID=$!
    must 5 "the scripted DNS server" test -s "$file"
    read -r port <"$file"
    DNS=${at%:*}:$port
}

zone() { # LINE...: its records and rules from now on; see tests/tools/dns_server.py
    printf '%s\n' "$@" >"$ZONE.new"
    mv "$ZONE.new" "$ZONE"
}

asked() { # WORDS: how many questions had these words of its log: `udp edns A db.test `, ` AAAA `
    grep -Fc -- "$1" "$DNS_LOG"
}

was_asked() { # WORDS [TIMES]
    [ "$(asked "$1")" -ge "${2:-1}" ]
}

# own_names WORD...: what most cases of names begin with: addresses of both families, the scripted server at 127.0.0.1:53 with
# this zone, and servers that say a, b, c at 127.0.0.11, .12 and .13, and six at fd77::5, port 7000
own_names() {
    own_etc
    own_link
    DNS_AT=127.0.0.1:53 start_dns "$@"
    start_named_peers
}

start_named_peers() { start_peers name:a@127.0.0.11:7000 name:b@127.0.0.12:7000 name:c@127.0.0.13:7000 "name:six@[fd77::5]:7000"; }

# start_named [WORD]... NAME...: dill with a listener for each name, from port 4001 on, in their order; words as for start_bare
start_named() {
    local words=() list='' port=4000 word
    for word in "$@"; do
        if [[ $word == *=* ]]; then words+=("$word"); else list+=,$((port += 1)):$word:7000; fi
    done
    start_bare DILL_HEALTH_ENABLED=false "${words[@]}" --connections "${list#,}"
}

leads() { # PORT ADDRESS...: Peek shows exactly these backends of the listener, in any order, all with port 7000
    local port=$1
    shift
    leads_to "$port" "${@/%/:7000}"
}

leads_to() { # PORT ADDRESS:PORT...; names without an address do not count
    local port=$1
    shift
    [ "$(peek | awk -v at="0.0.0.0:$port" '/^[^ ]/ { on = $0 == at } on && /➤/ && !/resolv/ { print $2 }' | sort)" = "$(printf '%s\n' "$@" | sort)" ]
}

start_dnsmasq() { # ADDRESS TTL: dnsmasq, which knows hosts of dnsmasq_zone, and nothing else below test.; sets DNS_PID
    DNSMASQ_ZONE=$T/dnsmasq.$((STARTED += 1))
    : >"$DNSMASQ_ZONE"
    PROGRAM_HOST=$1 PROGRAM_PORT=53 start_program "dnsmasq.$STARTED" dnsmasq --keep-in-foreground --conf-file=/dev/null \
        --no-resolv --no-hosts --addn-hosts="$DNSMASQ_ZONE" --local-ttl="$2" --local=/test/ --pid-file= --user=root \
        --listen-address="$1" --bind-interfaces --log-facility="$DNSMASQ_ZONE.log"
    DNS_PID=$PROGRAM_PID
}

dnsmasq_zone() { # LINE...: hosts that it knows from now on
    printf '%s\n' "$@" >"$DNSMASQ_ZONE"
    kill -HUP "$DNS_PID"
}

# Consul

# With TEST_TLS the agent takes only https, and both sides show a certificate. Its clients here know theirs from the
# environment: Consul's own, curl by its configuration, and dill by what start_bare and dill_once give it.
SCHEME=http
AGENT_TLS=()    # arguments of the agent
CLIENT_TLS=()   # variables of dill
CLIENT_SSL=()   # and one more where the agent's address has no scheme

use_tls() {
    CERTIFICATES=$TMP/certificates
    "$TOP/tests/tools/certificates.sh" "$CERTIFICATES" || die "no certificates"
    SCHEME=https
    agent_certificate server
    CLIENT_TLS=("CONSUL_CACERT=$CERTIFICATES/ca.pem" "CONSUL_CLIENT_CERT=$CERTIFICATES/client-ec.pem"
        "CONSUL_CLIENT_KEY=$CERTIFICATES/client-ec.key")
    CLIENT_SSL=(CONSUL_HTTP_SSL=true)
    export "${CLIENT_TLS[@]}" "CURL_HOME=$CERTIFICATES"
    printf '%s = "%s"\n' cacert "$CERTIFICATES/ca.pem" cert "$CERTIFICATES/client-ec.pem" \
        key "$CERTIFICATES/client-ec.key" >"$CERTIFICATES/.curlrc"
}

agent_certificate() { # NAME: what the next agent shows
    AGENT_TLS=(-http-port -1 -hcl "ca_file = \"$CERTIFICATES/ca.pem\", cert_file = \"$CERTIFICATES/$1.pem\",
        key_file = \"$CERTIFICATES/$1.key\", verify_incoming_https = true")
}

api() { # METHOD PATH [BODY]
    curl -sS -f --max-time $((10 * SLOW)) -X "$1" ${TOKEN:+-H "X-Consul-Token: $TOKEN"} \
        ${3:+--data-binary "$3"} "${URL:-$CONSUL_URL}$2"
}

json_list() { # WORD...: a JSON array of strings (without characters that need escapes)
    local IFS=,
    local quoted=("${@/#/\"}")
    printf '[%s]' "${quoted[*]/%/\"}"
}

# register NAME ID PORT TAG...; with ADDR (service address), CHECK (initial state of a TTL check), WEIGHT
register() {
    local name=$1 id=$2 port=$3 body
    shift 3
    body="{\"Name\":\"$name\",\"ID\":\"$id\",\"Port\":$port,\"Tags\":$(json_list "$@")"
    [ -z "${ADDR:-}" ] || body+=",\"Address\":\"$ADDR\""
    [ -z "${CHECK:-}" ] || body+=",\"Check\":{\"TTL\":\"1h\",\"Status\":\"$CHECK\"}"
    [ -z "${WEIGHT:-}" ] || body+=",\"Weights\":{\"Passing\":$WEIGHT,\"Warning\":1}"
    api PUT /v1/agent/service/register "$body}" >/dev/null || fail "Consul refused to register $name"
}

deregister() { api PUT "/v1/agent/service/deregister/$1" >/dev/null || fail "Consul refused to deregister $1"; }

set_check() { api PUT "/v1/agent/check/$1/service:$2" >/dev/null || fail "Consul refused to $1 the check of $2"; }

# run_agent DIR HTTP-PORT ARGUMENT...: an agent of its own; sets AGENT_PID. Its other ports follow HTTP-PORT.
run_agent() {
    local dir=$1 port=$2
    shift 2
    "$CONSUL" agent -dev -bind 127.0.0.1 -client 127.0.0.1 -node "node-$port" -log-level warn \
        "-$SCHEME-port" "$port" -server-port $((port + 1)) -serf-lan-port $((port + 2)) \
        -serf-wan-port -1 -dns-port -1 -grpc-port -1 "${AGENT_TLS[@]}" "$@" >>"$dir/consul.log" 2>&1 &
    AGENT_PID=$!
}

agent_ready() { # HTTP-PORT
    [[ $(curl -s --max-time 2 ${TOKEN:+-H "X-Consul-Token: $TOKEN"} \
        "$SCHEME://127.0.0.1:$1/v1/catalog/nodes") == *'"Address"'* ]]
}

start_agent() { # HTTP-PORT ARGUMENT...: an agent of the case
    local port=$1
    run_agent "$T" "$@"
    must 15 "Consul did not start: $(tail -n 1 "$T/consul.log")" agent_ready "$port"
}

agent_ports() { # prints the first of three ports in a row for start_agent; they come from a part of the worker's range
    local port
    while :; do
        read -r port <"$W/agent_port"
        echo $((port + 6 <= PORT_START ? port + 3 : PORT_START - AGENT_PORTS)) >"$W/agent_port"
        accepts 127.0.0.1 "$port" || accepts 127.0.0.1 $((port + 1)) || accepts 127.0.0.1 $((port + 2)) || break
    done
    echo "$port"
}

# The fake Consul, and the fake Nomad

declare -A FAKE_KEYS=([consul]=DILL_CONSUL_ADDRESS [nomad]=DILL_ROUTING_NOMAD_ADDRESS)

start_fake() { # [NAME [ARGUMENT]...]: tests/tools/fake_NAME.py; sets FAKE and CONTROL (ports), and FAKE_KEY
    local name=${1:-consul} file=$T/fake.$((STARTED += 1))
    FAKE_KEY=${FAKE_KEYS[$name]}
    "$PYTHON" "$TOP/tests/tools/fake_$name.py" "${@:2}" >"$file" 2>"$file.err" &
    must 5 "fake $name" test -s "$file"
    read -r FAKE CONTROL <"$file"
}

fake() { # METHOD PATH [BODY]
    curl -sS -f --max-time $((10 * SLOW)) -X "$1" ${3:+--data-binary "$3"} "http://127.0.0.1:$CONTROL$2" ||
        fail "control of the fake: $1 $2"
}

start_dill_on_fake() { start_bare "${FAKE_KEY:-DILL_CONSUL_ADDRESS}=http://127.0.0.1:$FAKE" "$@"; }

# instance ID PORT TAG...: JSON of one instance for the fakes
instance() {
    local id=$1 port=$2
    shift 2
    printf '{"ID":"%s","Port":%s,"Tags":%s}' "$id" "$port" "$(json_list "$@")"
}

# The life of a case

end_case() {
    local rc=$1 pid code file fd
    trap - EXIT
    trap '' TERM
    for fd in "${CONNECTIONS[@]}"; do exec {fd}>&-; done     # or dill would give them the time to finish
    for pid in $(jobs -pr); do
        [[ " ${DILLS[*]} " == *" $pid "* ]] || end_pid "$pid"
    done
    for pid in "${DILLS[@]}"; do kill -TERM "$pid" 2>/dev/null; done
    for pid in "${DILLS[@]}"; do
        if eventually 9 exited "$pid"; then
            wait "$pid"
            code=$?
            [ "$code" -eq 0 ] || [ -s "$T/reason" ] || echo "dill exited with $code on SIGTERM" >"$T/reason"
        else
            [ -s "$T/reason" ] || echo "dill did not exit on SIGTERM" >"$T/reason"
            end_pid "$pid"
        fi
    done
    for pid in $(pgrep -f "^$T/bin/dill "); do kill -KILL "$pid"; done    # of an upgrade: nobody's child
    for file in "$T"/*.err; do
        if grep -Eqs 'ERROR: .*Sanitizer|runtime error:|WARNING: ThreadSanitizer|LeakSanitizer' "$file"; then
            printf 'sanitizer: %s' "$(grep -Em 1 'ERROR: |runtime error:|WARNING: |LeakSanitizer' "$file")" >"$T/reason"
        fi
    done
    [ -s "$T/reason" ] || [ "$rc" -eq 0 ] || echo "ended with status $rc" >"$T/reason"
    [ ! -s "$T/reason" ]
    exit
}
