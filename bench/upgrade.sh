#!/bin/bash
# What clients notice when a proxy is exchanged under them, side by side: RELOADS times, a second apart, while SESSIONS
# sessions send and receive all the time, and a client connects RATE times a second; prints Markdown. dill: SIGUSR2. haproxy:
# SIGUSR2 to its master (-W), which starts itself anew. nginx: SIGHUP.
#
#   PROXIES="dill haproxy nginx" SESSIONS=200 IDLE=0 RATE=500 RELOADS=5 bench/upgrade.sh
#
# IDLE more sessions say something every 5 s: IDLE=9000 for an upgrade of a full proxy.
set -eu -o pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/proxies.sh
. bench/proxies.sh

SESSIONS=${SESSIONS:-200} IDLE=${IDLE:-0} RATE=${RATE:-500} RELOADS=${RELOADS:-5}
LISTEN=7000
BACKEND=9000
THROUGH=(python3 tests/tools/through.py)
PID_FILE=$PWD/$BUILD/upgrade.pid FIRST=

start() { # NAME: sets PIDS, of which the first is told to reload
    case $1 in
    dill)
        PIDS=()
        DILL_HEALTH_ENABLED=false DILL_RUNTIME_THREADS=2 DILL_RUNTIME_PID_FILE=$PID_FILE \
            "$PWD/$BUILD/dill" --laddr "127.0.0.1:$LISTEN" "127.0.0.1:$BACKEND" 2>"$BUILD/upgrade.log" &
        ;;
    haproxy)
        haproxy_config 2 "$LISTEN" "$BACKEND" no >"$BUILD/haproxy.cfg"
        haproxy -W -db -q -p "$PID_FILE" -f "$BUILD/haproxy.cfg" 2>"$BUILD/upgrade.log" &
        ;;
    nginx)
        nginx_config nginx 2 "$LISTEN" "$BACKEND" >"$BUILD/nginx.conf"
        rm -f "$BUILD/nginx.pid"
        "$(command -v nginx)" -e "$PWD/$BUILD/upgrade.log" -c "$PWD/$BUILD/nginx.conf" &
        PID_FILE=$PWD/$BUILD/nginx.pid
        ;;
    esac
    FIRST=$!
    wait_listening "$LISTEN"
    sleep 0.5
    [ "$1" != haproxy ] || echo "$FIRST" >"$PID_FILE"
}

# As its manual has it. It is over when the next one can be asked for; prints how many milliseconds that took.
reload() { # NAME
    local old began now i
    old=$(cat "$PID_FILE")
    began=${EPOCHREALTIME/./}
    case $1 in
    dill)
        kill -USR2 "$old"
        for ((i = 0; i < 1000; i++)); do [ "$(cat "$PID_FILE")" = "$old" ] || break; sleep 0.005; done
        ;;
    haproxy) kill -USR2 "$old" ;;
    nginx) kill -HUP "$old" ;;
    esac
    now=${EPOCHREALTIME/./}
    echo $(((now - began) / 1000))
}

figure() { # WORDS FILE: the number before the words in the last line
    tail -n 1 "$2" | grep -oE "[0-9]+ $1" | cut -d ' ' -f 1 || echo 0
}


one_proxy() { # NAME
    local knock hold idle="" i took=() other lost
    PID_FILE=$PWD/$BUILD/upgrade.pid
    start "$1"
    "${THROUGH[@]}" hold "$SESSIONS" "$LISTEN" >"$BUILD/hold" 2>"$BUILD/hold.log" &
    hold=$!
    HELPERS+=("$hold")
    if [ "$IDLE" -gt 0 ]; then
        "${THROUGH[@]}" hold "$IDLE" "$LISTEN:idle" >"$BUILD/idle" 2>"$BUILD/idle.log" &
        idle=$!
        HELPERS+=("$idle")
        for ((i = 0; i < 600; i++)); do grep -q there "$BUILD/idle" && break; sleep 0.1; done
    fi
    for ((i = 0; i < 600; i++)); do grep -q there "$BUILD/hold" && break; sleep 0.1; done
    "${THROUGH[@]}" knock "$RATE" "$LISTEN" >"$BUILD/knock" 2>"$BUILD/knock.log" &
    knock=$!
    HELPERS+=("$knock")
    sleep 1
    for ((i = 0; i < RELOADS; i++)); do
        took+=("$(reload "$1")")
        sleep 1
    done
    kill "$knock" "$hold" $idle
    wait "$knock" "$hold" $idle || true
    lost=$((SESSIONS - $(figure same "$BUILD/hold")))
    [ -z "$idle" ] || lost=$((lost + IDLE - $(figure same "$BUILD/idle")))
    other=$(tail -n 1 "$BUILD/knock" | tr ',' '\n' | awk '!/ (whole|refused|reset)$/ { s += $1 } END { print s + 0 }')
    echo "| $1 | $(figure whole "$BUILD/knock") | $(figure refused "$BUILD/knock") | $(figure reset "$BUILD/knock") | $other | $lost |" \
        "$(printf '%s\n' "${took[@]}" | sort -n | sed -n "$(((RELOADS + 1) / 2))p") |"
    end_proxy
    for ((i = 0; i < 100; i++)); do wait_closed && break; sleep 0.1; done
    wait "$FIRST" 2>/dev/null || true
}

end_proxy() { kill "$(cat "$PID_FILE")" "$FIRST" 2>/dev/null || true; }

wait_closed() { ! grep -q "^ *[0-9]*: [0-9A-F]*:$(printf '%04X' "$LISTEN") [0-9A-F]*:[0-9A-F]* 0A" /proc/net/tcp; }

if [ -z "${OWN_NETWORK-}" ]; then
    build_tools
    # shellcheck disable=SC2046
    exec $(network) bash "$0"
fi
[ "$OWN_NETWORK" != 1 ] || enter_network
trap "end_proxy; stop_all" EXIT
"${THROUGH[@]}" echo "$BACKEND" >"$BUILD/echo" &
HELPERS+=("$!")
wait_listening "$BACKEND"
echo "$RELOADS reloads, $SESSIONS busy sessions and $IDLE idle ones, $RATE connects a second"
echo
echo "| proxy | connects answered whole | refused | reset | otherwise lost | sessions lost | reload ms |"
echo "|---|---|---|---|---|---|---|"
for name in ${PROXIES:-dill haproxy nginx}; do one_proxy "$name"; done
