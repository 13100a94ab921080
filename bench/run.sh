#!/bin/bash
# Compares dill with other proxies, with a bare relay loop ("floor") and with no proxy at all ("direct"), side by side.
#
#   bench/run.sh                                                    everything: about 40 minutes
#   QUICK=1 CASES="connrate rr" PROXIES="floor nginx dill" ROUNDS=3 TIME=1 bench/run.sh
#
# Every run is a fresh proxy in a fresh network namespace, pinned to one core, with load and backend on another; runs
# are interleaved (A B C A B C ...), and repeated when something else was at work on the machine. All results go to
# build/bench/results.tsv, the table of their medians to results.md and to stdout, the picture to bench/results.svg (to
# build/bench after less than everything). bench/README.md says what is what.
set -eu -o pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/proxies.sh
. bench/proxies.sh

QUICK=${QUICK:-}
ROUNDS=${ROUNDS:-$([ "$QUICK" ] && echo 1 || echo 5)}
TIME=${TIME:-$([ "$QUICK" ] && echo 0.5 || echo 1)}
CHURN_TIME=${CHURN_TIME:-$([ "$QUICK" ] && echo 3 || echo 10)}
SLOW_BYTES=${SLOW_BYTES:-$([ "$QUICK" ] && echo 1e9 || echo 10e9)}
PLOT=${PLOT:-$([ "$QUICK${CASES-}${PROXIES-}" ] && echo "$BUILD" || echo bench)/results.svg}
CASES=${CASES:-connrate rr paced bulk idle slow churn threads}
QUIET=${QUIET:-0.1}         # a run is repeated when others used more than this share of a core
CORES=$(nproc)
PROXY_CPU=${PROXY_CPU:-$((CORES > 1 ? 1 : 0))}
LOAD_CPU=${LOAD_CPU:-0}
LISTEN=7000
BACKEND=9000

# The variants of a case, one a line: what it is called, then what load is told.
variants() { # CASE
    local n size dir
    case $1 in
    connrate)
        echo connrate connrate conns=32
        ;;
    rr)
        for n in 1 64 512; do
            for size in 64 4096 16384; do echo "rr-$n-$size" rr "conns=$n" "size=$size"; done
        done
        ;;
    paced)
        echo paced-connrate connrate conns=256 rate=2000
        echo paced-rr-1-64 rr conns=1 rate=2000
        echo paced-rr-64-64 rr conns=64 rate=20000
        echo paced-rr-64-16384 rr conns=64 rate=10000 size=16384
        ;;
    bulk)
        for n in 1 16; do
            for dir in up down both; do echo "bulk-$n-$dir" bulk "conns=$n" "dir=$dir"; done
        done
        ;;
    idle)
        for n in 1000 3000 9000; do echo "idle-$n" idle conns=10 "idle=$n"; done
        ;;
    slow)
        for dir in up down; do echo "slow-$dir" slow conns=64 "dir=$dir" slow=8e6 "bytes=$SLOW_BYTES"; done
        ;;
    churn)
        for n in 0 100; do echo "churn-$n" "$n"; done
        ;;
    threads)
        for n in 1 2; do
            echo "threads-$n-connrate" connrate conns=64
            echo "threads-$n-rr" rr conns=128
        done
        ;;
    *)
        say "no case is called $1"
        return 1
        ;;
    esac
}

takes_part() { # CASE PROXY
    case $1-$2 in
    churn-dill | churn-dill-poll) true ;;
    churn-* | threads-floor | threads-direct | threads-peer | slow-direct) false ;;
    *) true ;;
    esac
}

# One run: prints "figure value" lines.
run_one() { # PROXY ID LOAD-ARGUMENTS...
    local proxy=$1 id=$2 port=$BACKEND
    shift 2
    trap stop_all EXIT
    case $id in
    churn*) run_churn "$proxy" "$@" ;;
    threads*) run_threads "$proxy" "$id" "$@" ;;
    *)
        if [ "$proxy" != direct ]; then
            start_proxy "$proxy" 1 "$PROXY_CPU" "$LISTEN" "$BACKEND"
            port=$LISTEN
        fi
        taskset -c "$LOAD_CPU" "$BUILD/load" "$@" time="$TIME" to="127.0.0.1:$port" serve="127.0.0.1:$BACKEND" \
            pid="$(pid_list)"
        ;;
    esac
}

# Several workers, driven by as many load processes as there are cores left; the backends are processes of their own.
run_threads() { # PROXY ID LOAD-ARGUMENTS...
    local proxy=$1 threads=${2#threads-} cores=$PROXY_CPU backends="" cpus=() load=() i
    threads=${threads%%-*}
    shift 2
    mapfile -t cpus < <(seq 0 $((CORES - 1)))
    [ "$threads" = 1 ] || cores=0,1
    if [ "$CORES" -ge 4 ]; then
        [ "$threads" = 1 ] && cores=0
        cpus=("${cpus[@]:2}")
    fi
    for i in "${!cpus[@]}"; do
        backends+="$((BACKEND + i)) "
        taskset -c "${cpus[i]}" "$BUILD/load" "$1" serve="127.0.0.1:$((BACKEND + i))" &
        HELPERS+=($!)
    done
    start_proxy "$proxy" "$threads" "$cores" "$LISTEN" "${backends% }"
    for i in "${!cpus[@]}"; do
        taskset -c "${cpus[i]}" "$BUILD/load" "$@" time="$TIME" to="127.0.0.1:$LISTEN" pid="$(pid_list)" \
            >"$BUILD/threads.$i" &
        load+=($!)
    done
    wait "${load[@]}"
    awk '$1 == "per_s" { n += $2 } $1 == "cpu_share" { cpu += $2; k++ }
        END { print "per_s", n; print "cpu_us", 1e6 * cpu / k / n }' "$BUILD"/threads.*
    rm "$BUILD"/threads.*
}

# Traffic on 10 listeners, whose routes stay, while those of 1,000 others change.
run_churn() { # PROXY CHANGES-PER-SECOND
    taskset -c "$LOAD_CPU" chrt --idle 0 python3 bench/consul.py 6500 "$2" "$BACKEND" >"$BUILD/consul.out" &
    HELPERS+=($!)
    wait_listening 6500
    DILL_CONSUL_ADDRESS=http://127.0.0.1:6500 DILL_RUNTIME_THREADS=1 DILL_LOG_LEVEL=error \
        taskset -c "$PROXY_CPU" "$BUILD/$1" &
    PIDS=($!)
    wait_listening 7109 30
    wait_listening 8999 30
    sleep 2
    kill -USR1 "${HELPERS[0]}"
    taskset -c "$LOAD_CPU" "$BUILD/load" rr conns=10 rate=2000 spin=0 warm=2 time="$CHURN_TIME" to=127.0.0.1:7100-7109 \
        serve="127.0.0.1:$BACKEND" pid="$(pid_list)" | grep -v '^others_share'     # the made-up Consul is one of them
    kill "${HELPERS[0]}"
    wait "${HELPERS[0]}" || true
    cat "$BUILD/consul.out"
}

# Runs that until the machine was quiet meanwhile, or five times; leaves the figures in $BUILD/out.
run_quietly() { # COMMAND...
    local try
    for try in 1 2 3 4 5; do
        "$@" >"$BUILD/out" </dev/null || return
        awk -v most="$QUIET" '/^others_share/ && $2 > most { bad = 1 } END { exit bad }' "$BUILD/out" && return
        [ "$try" != 5 ] || say "  (the machine is not quiet: taken as it is)"
        sleep 1
    done
}

main() {
    local proxies id load case proxy round in_network
    build_tools
    proxies=${PROXIES:-direct $(available_proxies | tr '\n' ' ')}
    read -ra in_network < <(network)
    [ "$CORES" -ge 4 ] || say "$CORES cores: the threads case cannot show how two workers scale, only what they cost"
    : >"$BUILD/results.tsv"
    for case in $CASES; do
        for ((round = 1; round <= ROUNDS; round++)); do
            [ "$case-$round" = slow-2 ] && break        # takes long, and hardly varies
            while read -r id load; do
                for proxy in $proxies; do
                    takes_part "$case" "$proxy" || continue
                    say "$id, round $round of $ROUNDS: $proxy"
                    # shellcheck disable=SC2086
                    run_quietly "${in_network[@]}" bench/run.sh --one "$proxy" "$id" $load || say "  FAILED"
                    awk -v at="$id	$proxy	$round" 'NF == 2 { print at "\t" $1 "\t" $2 }' "$BUILD/out" \
                        >>"$BUILD/results.tsv"
                done
            done < <(variants "$case")
        done
    done
    awk -f bench/table.awk "$BUILD/results.tsv" | tee "$BUILD/results.md"
    if command -v gnuplot >/dev/null; then
        bench/plot.sh "$BUILD/results.tsv" "$PLOT"
    else
        say "no picture without gnuplot: apt-get install gnuplot-nox"
    fi
}

if [ "${1-}" = --one ]; then
    shift
    [ -z "${OWN_NETWORK-}" ] || enter_network
    run_one "$@"
else
    main
fi
