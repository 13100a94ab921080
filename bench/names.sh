#!/bin/bash
# What names cost, and how closely their TTLs are followed; prints Markdown. Each dill runs with an /etc of its own, in a network
# and mount namespace, and asks a server that counts (tests/tools/dns_server.py).
#
#   bench/names.sh                  about five minutes for each dill
#
# Environment: DILL, the dill to measure (./dill); OLD, another one, to be compared with it; QUICK=1, a tenth of the time: to see
# that it works, not to quote.
set -eu -o pipefail
cd "$(dirname "$0")/.."
TTL=30 ASKED=120 CHANGES=50
[ -z "${QUICK-}" ] || TTL=3 ASKED=12 CHANGES=5
WORK=build/bench/names
LISTEN=4001
PIDS=()

say() { echo "$*" >&2; }

stop_all() {
    local pid
    for pid in "${PIDS[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    PIDS=()
}

now_us() { NOW=${EPOCHREALTIME/[.,]/}; }

until_true() { # SECONDS COMMAND...
    local i
    for ((i = 0; i < $1 * 100; i++)); do
        "${@:2}" && return
        sleep 0.01
    done
    say "names.sh: not in time: ${*:2}"
    exit 1
}

file_etc() { # NAME LINE...
    printf '%s\n' "${@:2}" >"/etc/$1"
}

start_server() { # the zone is in $WORK/zone
    rm -f "$WORK/port"
    python3 tests/tools/dns_server.py 127.0.0.1:53 "$WORK/zone" "$WORK/asked" >"$WORK/port" &
    SERVER=$!
    PIDS+=("$SERVER")
    until_true 10 test -s "$WORK/port"
}

zone() { # COUNT TTL: names with an address of each family
    awk -v count="$1" -v ttl="$2" 'BEGIN {
        for (i = 1; i <= count; i++) printf "n%d.test %d A 127.9.%d.%d\nn%d.test %d AAAA fd77::%x\n", i, ttl, i / 250, i % 250 + 1, i, ttl, i
    }' >"$WORK/zone"
}

services() { # COUNT: a service for each hundred names
    awk -v count="$1" 'BEGIN {
        for (i = 0; i < count; i++) {
            if (i % 100 == 0) printf "%s[[services]]\nname = \"s%d\"\nlistener = \"local:%d\"\nbackends = [", i ? "]\n" : "", i / 100, 10000 + i / 100
            printf "%s\"n%d.test:7000\"", i % 100 ? ", " : "", i + 1
        }
        print "]"
    }' >"$WORK/services.toml"
}

start_dill() { # DILL [ARGUMENT]...
    DILL_PEEK_LISTENER=127.0.0.1:2323 DILL_HEALTH_ENABLED=false DILL_RUNTIME_THREADS=2 "$@" 2>"$WORK/log" &
    PROXY=$!
    PIDS+=("$PROXY")
}

resolved() { # COUNT: so many addresses are in force
    [ "$(nc -d 127.0.0.1 2323 2>/dev/null | grep -c ':7000$')" -ge "$1" ]
}

cpu_us() {
    local file ns total=0
    for file in "/proc/$PROXY"/task/*/schedstat; do
        { read -r ns _ <"$file"; } 2>/dev/null && total=$((total + ns))
    done
    CPU=$((total / 1000))
}

asked() { wc -l <"$WORK/asked"; }

figure() { printf '%s\t%s\t%s\n' "$1" "$2" "$3"; }

# NAME PATH COUNT: the questions of a while, beside the least that exact TTLs need, and what they cost
many_names() {
    local before start
    zone "$3" "$TTL"
    services "$3"
    start_server
    now_us
    start=$NOW
    start_dill "$2" --routing.file.path "$WORK/services.toml"
    until_true 60 resolved $(($3 * 2))
    now_us
    figure "$3 names: ms until all addresses are in force" "$1" $(((NOW - start) / 1000))
    sleep 2
    cpu_us
    before=$CPU
    sleep $((ASKED - 3))
    cpu_us
    figure "$3 names: CPU ms in a minute, once they are known" "$1" $(((CPU - before) * 60 / (ASKED - 3) / 1000))
    figure "$3 names: memory KB" "$1" "$(awk '/^RssAnon/ { print $2 }' "/proc/$PROXY/status")"
    figure "$3 names, TTL $TTL s: questions in $ASKED s (exact: $(($3 * 2 * ASKED / TTL)))" "$1" \
        "$(awk -v span=$((ASKED * 1000)) 'NR == 1 { first = $1 } $1 < first + span { n++ } END { print n }' "$WORK/asked")"
    stop_all
}

says() { # prints what the backend behind the listener says
    local line=
    { exec 3<>"/dev/tcp/127.0.0.1/$LISTEN"; } 2>/dev/null || return 0
    read -r line <&3 || true
    exec 3>&-
    echo "$line"
}

says_now() { [ "$(says)" = "$1" ]; }

# NAME PATH: a record is changed again and again; the clock starts when the TTL of the answer before has passed
changes() {
    local i address=2 due
    printf 'db.test 2 A 127.0.0.1%d\n' 1 >"$WORK/zone"
    start_server
    python3 tests/tools/peer.py serve name:1@127.0.0.11:7000 name:2@127.0.0.12:7000 >"$WORK/peers" &
    PIDS+=("$!")
    start_dill "$2" --connections "$LISTEN:db.test:7000"
    until_true 10 says_now 1
    for ((i = 0; i < CHANGES; i++)); do
        sleep 0.$((RANDOM % 9))
        printf 'db.test 2 A 127.0.0.1%d\n' "$address" >"$WORK/zone.new"
        due=$(awk '$4 == "A" { last = $1 } END { printf "%.0f\n", last + 2000 }' "$WORK/asked")
        mv "$WORK/zone.new" "$WORK/zone"
        until says_now "$address"; do sleep 0.001; done
        now_us
        echo $((NOW / 1000 - due))
        address=$((3 - address))
    done >"$WORK/late"
    sort -n "$WORK/late" | awk -v name="$1" '{ v[NR] = $1 } END {
        printf "ms from the end of a TTL to the new address in force, median\t%s\t%d\n", name, v[int((NR + 1) / 2)]
        printf "the same, the latest of %d\t%s\t%d\n", NR, name, v[NR]
    }'
    stop_all
}

# NAME PATH: the end, while the server is silent and names are asked for
silent() {
    local start
    zone 100 1
    services 100
    start_server
    start_dill "$2" --routing.file.path "$WORK/services.toml"
    until_true 20 resolved 200
    kill -STOP "$SERVER"
    sleep 3
    now_us
    start=$NOW
    kill -TERM "$PROXY"
    wait "$PROXY" || say "names.sh: $1 ended with $?"
    now_us
    figure "ms to stop while the server is silent" "$1" $(((NOW - start) / 1000))
    kill -CONT "$SERVER"
    stop_all
}

measure() { # NAME PATH
    say "$1"
    many_names "$1" "$2" 1000
    many_names "$1" "$2" 10000
    changes "$1" "$2"
    silent "$1" "$2"
}

own_host() {
    trap stop_all EXIT
    ip link set lo up
    ip link add host type veth peer name other
    ip link set other up
    ip link set host up
    ip addr add 10.77.0.5/24 dev host
    ip addr add fd77::5/64 dev host nodad
    cp -a /etc "$WORK/etc"
    mount --bind "$WORK/etc" /etc
    file_etc resolv.conf 'nameserver 127.0.0.1'
    file_etc nsswitch.conf 'hosts: files dns'
    file_etc hosts '127.0.0.1 localhost'
    [ -z "${OLD-}" ] || measure old "$OLD"
    measure dill "${DILL:-./dill}"
}

if [ "${1-}" = --own ]; then
    own_host
    exit
fi
rm -rf "$WORK"
mkdir -p "$WORK"
unshare -n -m bench/names.sh --own >"$WORK/figures"
awk -F'\t' -v old="${OLD-}" '
    !($1 in seen) { seen[$1]; name[++n] = $1 }
    { value[$1, $2] = $3 }
    END {
        print "| |" (old ? " before |" : "") " dill |"; print "|---|" (old ? "--:|" : "") "--:|"
        for (i = 1; i <= n; i++) print "| " name[i] " |" (old ? " " value[name[i], "old"] " |" : "") " " value[name[i], "dill"] " |"
    }' "$WORK/figures"
