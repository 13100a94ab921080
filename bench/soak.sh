#!/bin/bash
# Mixed traffic through dill for so many minutes; then its memory and descriptors must be what they were at first.
#
#   bench/soak.sh [MINUTES]         DILL=path of the dill to soak (./dill)
#
# The beginning is after a first round of everything, when pools and the heap have the size that the traffic needs.
# Exit status: 0 when nothing grew and nothing was lost.
set -eu -o pipefail
cd "$(dirname "$0")/.."
DILL=${DILL:-./dill}
# shellcheck source=bench/proxies.sh
. bench/proxies.sh

MINUTES=${1:-10}
# What the heap may move by, and the scratch buffers of two workers, whose pages count from their first use on.
MEMORY_SLACK=$((256 * 1024 + 2 * 256 * 1024))
LISTEN=7000
BACKEND=9000
TO=127.0.0.1:$LISTEN
AT=127.0.0.1:$BACKEND

# One of everything; which seed differs from round to round.
traffic() { # ROUND
    "$BUILD/load" connrate conns=32 time=2 to=$TO serve=$AT >"$BUILD/out"
    "$BUILD/load" rr conns=200 size=$((1 + $1 * 7919 % 30000)) time=2 to=$TO serve=$AT >"$BUILD/out"
    "$BUILD/load" bulk conns=$((1 + $1 % 16)) dir=both time=2 to=$TO serve=$AT >"$BUILD/out"
    "$BUILD/load" idle conns=10 idle=2000 time=1 to=$TO serve=$AT >"$BUILD/out"
    "$BUILD/load" slow conns=32 dir=both slow=4e6 bytes=2e8 to=$TO serve=$AT >"$BUILD/out"
    "$BUILD/torture" $TO $AT sessions=3000 seed="$1"
}

# Prints "memory descriptors pipes": bytes of anonymous memory, and open descriptors that are no pipes, and that are.
usage() {
    local pipes
    pipes=$(find "/proc/${PIDS[0]}/fd" -lname 'pipe:*' | wc -l)
    awk -v all="$(find "/proc/${PIDS[0]}/fd" -type l | wc -l)" -v pipes="$pipes" \
        '$1 == "Anonymous:" { print $2 * 1024, all - pipes, pipes }' "/proc/${PIDS[0]}/smaps_rollup"
}

# Waits until the sessions are gone, and a little more for what is done by the clock.
settle() {
    local i
    for ((i = 0; i < 300; i++)); do
        [ "$(grep -c ":$(printf '%04X' $LISTEN) [0-9A-F]*:[0-9A-F]* 01" /proc/net/tcp)" != 0 ] || break
        sleep 0.1
    done
    sleep 1
}

soak() {
    local end round=1 first_memory first_files first_pipes memory files pipes bad=0
    trap stop_all EXIT
    start_proxy dill 2 "0-$(($(nproc) - 1))" "$LISTEN" "$BACKEND"
    traffic 0
    settle
    read -r first_memory first_files first_pipes < <(usage)
    echo "at the beginning: $first_memory bytes of memory, $first_files descriptors and $first_pipes ends of pipes"
    end=$(($(date +%s) + MINUTES * 60))
    while [ "$(date +%s)" -lt "$end" ]; do
        traffic $round
        settle
        read -r memory files pipes < <(usage)
        echo "after round $round: $memory bytes, $files descriptors, $pipes ends of pipes"
        round=$((round + 1))
    done
    read -r memory files pipes < <(usage)
    [ "$memory" -le $((first_memory + MEMORY_SLACK)) ] || { echo "memory grew: $first_memory to $memory"; bad=1; }
    [ "$files" -le "$first_files" ] || { echo "descriptors leaked: $first_files to $files"; bad=1; }
    [ "$pipes" -le $((first_pipes > 64 ? first_pipes : 64)) ] || { echo "pipes leaked: $first_pipes to $pipes"; bad=1; }
    echo "soak: $MINUTES minutes, $round rounds: $([ $bad = 0 ] && echo ok || echo FAILED)"
    return $bad
}

if [ -z "${SOAKING-}" ]; then
    build_tools
    read -ra in_network < <(network)
    SOAKING=1 exec "${in_network[@]}" bench/soak.sh "$@"
fi
[ -z "${OWN_NETWORK-}" ] || enter_network
soak
