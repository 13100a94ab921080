#!/bin/bash
# The system calls that one proxied connection, one message and one MB of bulk cost, for each proxy side by side, as
# strace sees them; prints Markdown. Bulk is slowed down a lot by strace, so its pieces are larger than in real life.
#
#   PROXIES="floor dill" bench/syscalls.sh
set -eu -o pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/proxies.sh
. bench/proxies.sh

CONNECTIONS=200
MESSAGES=1000
LISTEN=7000
BACKEND=9000

# Traces the proxy while load runs; leaves load's figures in $BUILD/out, and prints a line a call: "name(arguments...".
traced() { # LOAD-ARGUMENTS...
    local attach=() pid
    for pid in "${PIDS[@]}"; do attach+=(-p "$pid"); done
    strace -f -qq -s 0 -o "$BUILD/strace.out" "${attach[@]}" &
    local tracer=$!
    sleep 0.5
    "$BUILD/load" "$@" to="127.0.0.1:$LISTEN" serve="127.0.0.1:$BACKEND" >"$BUILD/out"
    sleep 0.2
    kill -INT "$tracer"
    wait "$tracer" || true
    sed -E 's/^[0-9]+ +//' "$BUILD/strace.out" | grep -E '^[a-z]' || true
}

# Turns traced calls into "unit proxy name calls-per-unit" lines.
count() { # UNIT PROXY HOW-MANY
    awk -F'(' -v unit="$1" -v proxy="$2" -v many="$3" '{ n[$1]++ }
        END { for (i in n) print unit, proxy, i, n[i] / many }'
}

one_proxy() { # NAME
    local mb
    trap stop_all EXIT
    start_proxy "$1" 1 "0-$(($(nproc) - 1))" "$LISTEN" "$BACKEND"
    "$BUILD/load" connrate count=3 to="127.0.0.1:$LISTEN" serve="127.0.0.1:$BACKEND" >"$BUILD/out"
    traced connrate half=1 count=1 | sed -E "s/^/$1: /" >>"$BUILD/syscalls.list"
    traced connrate half=1 count="$CONNECTIONS" | count connection "$1" "$CONNECTIONS"
    traced rr count="$MESSAGES" | count "round trip of 64 bytes" "$1" "$MESSAGES"
    traced rr conns=64 count=$((MESSAGES * 20)) | count "round trip, 64 at a time" "$1" $((MESSAGES * 20))
    traced bulk warm=0 time=1 >"$BUILD/calls"
    mb=$(awk '$1 == "bytes_up" { print $2 / 1e6 }' "$BUILD/out")
    count "MB of bulk" "$1" "$mb" <"$BUILD/calls"
}

table() {
    awk '
        { split($0, f, "\t") }
        !(f[1] in units) { units[f[1]]; unit[++u] = f[1] }
        !(f[2] in proxies) { proxies[f[2]]; proxy[++p] = f[2] }
        !((f[1], f[3]) in names) { names[f[1], f[3]]; name[f[1], ++k[f[1]]] = f[3] }
        { calls[f[1], f[2], f[3]] = f[4]; sum[f[1], f[2]] += f[4] }
        END {
            for (i = 1; i <= u; i++) {
                line = "| per " unit[i] " |"; rule = "|---|"
                for (j = 1; j <= p; j++) { line = line " " proxy[j] " |"; rule = rule "--:|" }
                print line; print rule
                for (n = 1; n <= k[unit[i]]; n++) {
                    line = ""; most = 0
                    for (j = 1; j <= p; j++) {
                        c = calls[unit[i], proxy[j], name[unit[i], n]]
                        if (c > most) most = c
                        line = line (c >= 0.005 ? sprintf(" %.2f |", c) : "  |")
                    }
                    if (most >= 0.005) print "| " name[unit[i], n] " |" line
                }
                line = "| **all** |"
                for (j = 1; j <= p; j++) line = line sprintf(" **%.1f** |", sum[unit[i], proxy[j]])
                print line; print ""
            }
        }'
}

main() {
    local proxy in_network
    command -v strace >/dev/null || { say "no strace: apt-get install strace"; exit 1; }
    build_tools
    read -ra in_network < <(network)
    : >"$BUILD/syscalls.list"
    for proxy in ${PROXIES:-$(available_proxies)}; do
        say "$proxy"
        "${in_network[@]}" bench/syscalls.sh --one "$proxy" </dev/null
    done | sed -E 's/ ([^ ]+) ([^ ]+) ([^ ]+)$/\t\1\t\2\t\3/' | table
    echo "One connection, call by call:"
    echo
    sed 's/^/    /' "$BUILD/syscalls.list"
}

if [ "${1-}" = --one ]; then
    [ -z "${OWN_NETWORK-}" ] || enter_network
    one_proxy "$2"
else
    main
fi
