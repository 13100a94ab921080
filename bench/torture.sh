#!/bin/bash
# Torture through each dill named (without any: one built here for each loop backend), with ordinary kernel buffers and
# with buffers and packets so small that most sends fall short (where network namespaces can be made).
#
#   SESSIONS=5000 PARALLEL=500 MAX=1000000 SEEDS="1 2" THREADS=2 bench/torture.sh [DILL...]
#
# Exit status: 0 when every byte arrived, every dill ended with 0 and none wrote a word to stderr.
set -eu -o pipefail
cd "$(dirname "$0")/.."
BUILD=build/bench
SESSIONS=${SESSIONS:-5000}
PARALLEL=${PARALLEL:-500}
MAX=${MAX:-1000000}
SEEDS=${SEEDS:-1}
THREADS=${THREADS:-2}
LISTEN=7000
BACKEND=9000

one() { # DILL BUFFERS SEED
    local i status=0
    DILL_HEALTH_ENABLED=false DILL_LOG_LEVEL=error DILL_RUNTIME_THREADS=$THREADS \
        "$1" --laddr "127.0.0.1:$LISTEN" "127.0.0.1:$BACKEND" 2>"$BUILD/torture.err" &
    pid=$!
    trap 'kill "$pid" 2>/dev/null' EXIT
    for ((i = 0; i < 500; i++)); do
        grep -q "0100007F:$(printf '%04X' $LISTEN) [0-9A-F]*:[0-9A-F]* 0A" /proc/net/tcp && break
        sleep 0.02
    done
    if [ "$2" = small ]; then
        ip link set lo mtu 1500
        sysctl -qw net.ipv4.tcp_wmem="4096 8192 16384" net.ipv4.tcp_rmem="4096 16384 16384"
    fi
    "$BUILD/torture" "127.0.0.1:$LISTEN" "127.0.0.1:$BACKEND" sessions="$SESSIONS" parallel="$PARALLEL" max="$MAX" \
        seed="$3" || status=1
    kill -TERM "$pid"
    trap - EXIT
    wait "$pid" || { echo "$1 ended with $?"; status=1; }
    [ ! -s "$BUILD/torture.err" ] || { head -40 "$BUILD/torture.err"; status=1; }
    return $status
}

main() {
    local dill buffers seed bad=0
    mkdir -p "$BUILD"
    cc -O2 bench/torture.c -o "$BUILD/torture"
    if [ $# -eq 0 ]; then
        cc -O2 -pthread ./*.c -o "$BUILD/dill"
        cc -O2 -pthread -DLOOP_POLL ./*.c -o "$BUILD/dill-poll"
        set -- "$BUILD/dill" "$BUILD/dill-poll"
    fi
    for dill; do
        for buffers in ordinary ${IN_NETWORK:+small}; do
            for seed in $SEEDS; do
                echo "$dill, $buffers buffers"
                $IN_NETWORK bench/torture.sh --one "$dill" "$buffers" "$seed" || bad=1
            done
        done
    done
    return $bad
}

if [ "${1-}" = --one ]; then
    [ -z "${OWN_NETWORK-}" ] || ip link set lo up
    shift
    one "$@"
else
    IN_NETWORK=""
    for own in "unshare -n" "unshare -rn"; do
        if $own true 2>/dev/null; then
            IN_NETWORK=$own
            export OWN_NETWORK=yes
            break
        fi
    done
    [ "$IN_NETWORK" ] || echo "torture: no network namespace can be made here: ordinary buffers only"
    main "$@"
fi
