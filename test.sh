#!/bin/bash
# Drives the built dill against a real Consul agent, as a user would.
#
#     ./test.sh [--list] [PATTERN...]     all cases, or those whose name contains a PATTERN (or matches it as a glob)
#
# One line a case, `ok   NAME`, `FAIL NAME: reason` or `skip NAME: reason` (what it needs is not here: it counts neither as
# passed nor as failed), and at the end `N passed, N failed`. Environment:
#     DILL        the binary (default ./dill)
#     CONSUL      a consul binary (default: what tests/tools/get-consul.sh finds)
#     TEST_SLOW   factor for every time limit, for builds with sanitizers (default 1)
#     TEST_JOBS   cases that run at the same time, each with a Consul agent of its own, 1 to 4 (default 4)
#     TEST_FILES  the files of cases, tests/cases/NAME.sh, as a list of names (default: all)
#     TEST_TLS    when set, agents take nothing but https, and want a certificate; there are cases only for that. For a dill
#                 that is built with TLS=openssl, and the files tls, consul, state and cluster
#     TEST_KEEP   when set, the directory with every log stays
#     TEST_TIMES  when set to a number, that many of the slowest cases are listed with their milliseconds
#
# Exit status: 0 when all passed, 1 when some failed, 2 when nothing could be run.
set -u
export LC_ALL=C.UTF-8
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
JOBS=${TEST_JOBS:-4}
AGENT_PORTS=90
# shellcheck source=tests/lib.sh
. "$TOP/tests/lib.sh"
# shellcheck source=tests/host.sh
. "$TOP/tests/host.sh"
CASE_FILES=()
for file in ${TEST_TLS:+tls} cluster health operator metrics refused servers faults socks names names_start names_servers clients neighbours links consul reading sweep proxy process log \
    admission bind state upgrade power ranges sources agent nomad nomad_faults programs claims status session page secrets aws credentials config; do    # the longest cases first
    # shellcheck source=/dev/null
    . "$TOP/tests/cases/$file.sh"
    [[ " ${TEST_FILES:-$file} " != *" $file "* ]] || CASE_FILES+=("$TOP/tests/cases/$file.sh")
done

die() {
    printf 'test.sh: %s\n' "$*" >&2
    exit 2
}

need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null || die "$1 is missing (Debian package $2)"
}

# Range of ports of this run: one of four that no other run holds, as soon as there is one. The lock ends with the last
# process.
take_ports() {
    local slot try
    for ((try = 0; try < 900; try++)); do
        for slot in 0 1 2 3; do
            exec 9>"${TMPDIR:-/tmp}/dill-test-ports.$UID.$slot"
            if flock -n 9; then
                FIRST_PORT=$((20000 + slot * 3000))
                return
            fi
        done
        sleep 1 9>&-
    done
    die "four test runs are under way, and none ended within 15 minutes"
}

choose() { # PATTERN...: sets CASES, in the order of the files
    local name pattern
    CASES=()
    while read -r name; do
        name=${name#case_}
        if [ $# -eq 0 ]; then
            CASES+=("$name")
            continue
        fi
        for pattern in "$@"; do
            # shellcheck disable=SC2053  # a glob on purpose
            if [[ $name == *"$pattern"* || $name == $pattern ]]; then
                CASES+=("$name")
                break
            fi
        done
    done < <(grep -ho '^case_[a-z0-9_]*' "${CASE_FILES[@]}")
    [ ${#CASES[@]} -gt 0 ] || die "no case matches"
}

# A worker takes cases until none is left. W is its directory.

start_worker_agent() {
    CONSUL_PORT=$(agent_ports)
    CONSUL_URL=$SCHEME://127.0.0.1:$CONSUL_PORT
    run_agent "$W" "$CONSUL_PORT"
    must 15 "Consul did not start: $(tail -n 1 "$W/consul.log" 2>/dev/null)" agent_ready "$CONSUL_PORT"
}

agent_is_clean() { # nothing is registered, in the catalog either, but for Consul itself
    [ "$(curl -s --max-time 5 "$CONSUL_URL/v1/agent/services")" = "{}" ] &&
        [ "$(curl -s --max-time 5 "$CONSUL_URL/v1/agent/checks")" = "{}" ] &&
        [ "$(curl -s --max-time 5 "$CONSUL_URL/v1/catalog/services" | tr -d ' \n')" = '{"consul":[]}' ]
}

# Takes back what the last case registered; an agent that keeps something is replaced.
clean_agent() {
    local id
    while read -r id; do
        curl -s -o /dev/null --max-time 5 -X PUT "$CONSUL_URL/v1/agent/service/deregister/$id"
    done < <(curl -s --max-time 5 "$CONSUL_URL/v1/agent/services" | grep -o '"ID": *"[^"]*"' | cut -d '"' -f 4)
    eventually 1 agent_is_clean && return
    end_pid "$AGENT_PID"
    start_worker_agent
}

report() { # NAME MILLISECONDS
    local name=$1
    if [ -s "$T/reason" ]; then
        printf 'FAIL %s: %s\n' "$name" "$(tr '\n' '|' <"$T/reason")"
        echo "FAIL $name $2" >>"$TMP/results"
        tail -n 8 "$T"/*.err 2>/dev/null | cut -c 1-300 | sed 's/^/    /' >&2
    elif [ -s "$T/skipped" ]; then
        printf 'skip %s: %s\n' "$name" "$(tr '\n' '|' <"$T/skipped")"
        echo "skip $name $2" >>"$TMP/results"
    else
        printf 'ok   %s\n' "$name"
        echo "ok $name $2" >>"$TMP/results"
    fi
}

work() { # NUMBER
    local name start
    W=$TMP/worker.$1
    T=$W
    mkdir "$W"
    PORT_START=$((FIRST_PORT + $1 * 3000 / JOBS))
    PORT_END=$((FIRST_PORT + ($1 + 1) * 3000 / JOBS))
    echo "$PORT_START" >"$W/agent_port"
    PORT_START=$((PORT_START + AGENT_PORTS))
    echo "$PORT_START" >"$W/port"
    trap end_jobs EXIT
    trap 'exit 1' TERM
    start_worker_agent
    for name in "${CASES[@]}"; do
        mkdir "$TMP/case.$name" 2>/dev/null || continue     # another worker has it
        T=$TMP/case.$name
        (
            trap 'end_case $?' EXIT
            trap 'fail "interrupted"' TERM
            PEEK=$(next_port)
            "case_$name"
        ) >"$T/output" 2>&1 </dev/null &
        now_ms
        start=$NOW
        wait $!
        now_ms
        report "$name" $((NOW - start))
        clean_agent
    done
    exit 0
}

end_jobs() { # ends what this shell, and no other, has started
    local pid
    trap - EXIT
    trap '' INT TERM
    for pid in $(jobs -pr); do kill "$pid" 2>/dev/null; done
    wait
}

finish() {
    end_jobs
    if [ -n "${TEST_KEEP:-}" ]; then echo "test.sh: logs are in $TMP" >&2; else rm -rf "$TMP"; fi
}

if [ "${1:-}" = --list ]; then
    shift
    choose "$@"
    printf '%s\n' "${CASES[@]}"
    exit 0
fi
choose "$@"
DILL=${DILL:-$TOP/dill}
[ -x "$DILL" ] || die "no binary at $DILL: run make, or set DILL"
DILL=$(readlink -f "$DILL")
[[ $JOBS == [1-4] ]] || die "TEST_JOBS is 1 to 4"
need curl curl
need nc netcat-openbsd
need "$PYTHON" python3
need prlimit util-linux
need flock util-linux
CONSUL=$("$TOP/tests/tools/get-consul.sh") || die "no Consul"
take_ports

WORKERS=()
TMP=$(mktemp -d "${TMPDIR:-/tmp}/dill-test.XXXXXX")
trap finish EXIT
trap 'exit 1' INT TERM

[ -z "${TEST_TLS:-}" ] || use_tls
"${PEER[@]}" serve name:a name:b name:c echo:hi echo count http:hello >"$TMP/peers" 2>"$TMP/peers.err" &
T=$TMP
must 5 "test servers" test -s "$TMP/peers"
# shellcheck disable=SC2034  # used by the cases
read -r A B C GREET ECHO COUNT WEB <"$TMP/peers"

: >"$TMP/results"
for ((i = 0; i < JOBS && i < ${#CASES[@]}; i++)); do
    work "$i" &
    WORKERS+=($!)
done
for pid in "${WORKERS[@]}"; do wait "$pid"; done

passed=$(grep -c '^ok ' "$TMP/results")
skipped=$(grep -c '^skip ' "$TMP/results")
failed=$((${#CASES[@]} - passed - skipped))     # a case without a result has not passed
for name in "${CASES[@]}"; do
    grep -q " $name " "$TMP/results" || printf 'FAIL %s: did not run\n' "$name"
done
[ -z "${TEST_TIMES:-}" ] || sort -rnk 3 "$TMP/results" | head -n "$TEST_TIMES" >&2
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
