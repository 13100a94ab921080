#!/bin/bash
# Faults against live traffic through dill: what breaks around the traffic must not cost it a byte.
#     tests/faults.sh [--quick] [FAULT...]      all faults, or those that are named (blanks are underscores)
# Prints a Markdown table, a row for each fault and kind of traffic, then what is wrong, then `N passed, N failed`; the
# exit status is 0 only when all passed. Kinds of traffic, at the same time and all through dill:
#     bytes    random bytes to one of several echo servers and back, compared by SHA-256: 8 sessions that live all the
#              while (small, middling and large messages), and a new one every 20 ms
#     redis    redis-benchmark again and again, and one redis-cli that lives all the while; INCR, compared with GET
#     pg       pgbench again and again (sessions that stay, or one for each transaction), and one psql that lives
#              all the while; transactions and their sums, compared with the tables. Not with --quick
# Columns: sessions begun before the fault, of them the live ones; right sessions begun after it, live ones that went
# on; bytes, INCRs or transactions missing or wrong where the peer lives; time from the fault's end (or the kill) to the
# first new session (bytes, faults of Consul and of routes: through a listener that is new). After each fault dill gives
# its descriptors back, is idle, has no sanitizer report, and exits with 0 on SIGTERM.
# Environment: DILL (default ./dill), CONSUL, TEST_SLOW (factor for time limits), TEST_JOBS (faults at the same time,
# default 3), TEST_KEEP (when set, the logs stay). Each fault has a network namespace of its own where that can be made.
# shellcheck disable=SC2034,SC2153  # lib.sh uses what this file only sets, and sets PEER
set -u
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/lib.sh
. "$TOP/tests/lib.sh"
SANITIZERS=("ASAN_OPTIONS=detect_leaks=1" "UBSAN_OPTIONS=print_stacktrace=1" "TSAN_OPTIONS=second_deadlock_stack=1")
PGBIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
AS_POSTGRES=(setpriv --reuid=postgres --regid=postgres --clear-groups)     # it does not run as root

# Ports below the ephemeral ones, so that no client takes one of them.
bytes=24001 redis=24002 pg=24003 LATE=24004 DEAF=24005 SEND=24006 EXTRA=24010      # of dill
REDIS=24021 PG=24031 AGENT=24040 PEEK=24050
BACKENDS=(127.0.0.1:24111 127.0.0.1:24112 127.0.0.1:24113)
CONSUL_URL=http://127.0.0.1:$AGENT TURN=0

BYTES='
import asyncio, hashlib, os, random, signal, sys, time
PORT, OUT, SLOW = int(sys.argv[1]), open(sys.argv[2], "a", buffering=1), float(os.environ.get("TEST_SLOW") or 1)
POOL, LIVE = os.urandom(1 << 20), [(8192, .01)] * 5 + [(100, .003)] * 2 + [(400000, .1)]
stop = asyncio.Event()
def count(sums, data):
    sums[0] += len(data)
    sums[1].update(data)
async def send(writer, sent, chunk, pause, limit):
    while sent[0] < limit and not (limit == float("inf") and stop.is_set()):
        at = random.randrange(len(POOL) - chunk)
        count(sent, POOL[at:at + chunk])
        writer.write(POOL[at:at + chunk])
        await writer.drain()
        await asyncio.sleep(pause)
    writer.write_eof()
async def session(kind, *shape):
    start, name, why, sent, got, sender = time.time(), "-", "cut", [0, hashlib.sha256()], [0, hashlib.sha256()], None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        sender = asyncio.create_task(send(writer, sent, *shape))
        name = (await reader.readline()).decode().strip() or "-"
        while data := await reader.read(1 << 17):
            count(got, data)
        if sender.done():
            why = "right" if got[1].digest() == sent[1].digest() else "different"
    except (asyncio.CancelledError, OSError) as error:
        why = type(error).__name__
    if sender:
        sender.cancel(), writer.close()
        await asyncio.gather(sender, return_exceptions=True)
    print(int(start * 1000), why, 1, sent[0], got[0], kind, name, file=OUT)
async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tasks = [asyncio.create_task(session("live", *shape, float("inf"))) for shape in LIVE]
    while not stop.is_set():
        chunk = random.randrange(1, 20000)
        tasks.append(asyncio.create_task(session("new", chunk, .005, chunk * random.randrange(20))))
        await asyncio.sleep(.02)
    [task.cancel() for task in (await asyncio.wait(tasks, timeout=10 * SLOW))[1]]
    await asyncio.gather(*tasks)
asyncio.run(main())'
STORM='
import socket, sys
for i in range(int(sys.argv[1])):
    sock = socket.create_connection(("127.0.0.1", int(sys.argv[2 + i % 2])), timeout=20)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.send(b"\n" * (i % 3 * 1000))
    i % 2 or sock.recv(1)       # peer.py cannot accept what has been reset; redis can
    sock.close()'

# Servers and routes
start_backend() { start_peers "echo:$1@$2" && declare -g "PID_$1=$PEER_PID"; }     # NAME ADDRESS
has_pg() { [[ $KINDS == *pg* ]]; }
ask_redis() { timeout $((3 * SLOW)) redis-cli -p "$@" 2>/dev/null; }
ask_pg() { PGCONNECT_TIMEOUT=$((3 * SLOW)) "$PGBIN/psql" -h 127.0.0.1 -p "$1" -U postgres -XAqtc "$2" postgres 2>&1; }
try_bytes() { [[ $(says "${CONCERNED:-$bytes}") == [a-d] ]]; }
try_redis() { [ "$(ask_redis "${1:-$redis}" ping)" = PONG ]; }
try_pg() { [ "$(ask_pg "${1:-$pg}" 'SELECT 7')" = 7 ]; }
start_servers() {
    start_backend a "${BACKENDS[0]}" && start_backend b "${BACKENDS[1]}" && start_backend c "${BACKENDS[2]}"
    redis-server --port $REDIS --bind 127.0.0.1 --save '' --appendonly no --dir "$T" >"$T/redis.out" 2>&1 &
    must 10 redis try_redis $REDIS
    has_pg || return 0
    cp -a "$TMP/pg" "$T/pg"
    "${AS_POSTGRES[@]}" "$PGBIN/postgres" -D "$T/pg" -p $PG -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories= -c fsync=off >"$T/postgres.out" 2>&1 &
    must 20 PostgreSQL try_pg $PG
    ask_pg $PG 'CREATE TABLE ticks (n int)'
    "$PGBIN/pgbench" -h 127.0.0.1 -p $PG -U postgres -i -q -s 2 postgres >"$T/pgbench.out" 2>&1 || fail "pgbench -i"
}
toml() { # NAME PORT BACKEND...
    printf '[[services]]\nname = "%s"\nlistener = "local:%s"\nbackends = %s\n' "$1" "$2" "$(json_list "${@:3}")"
}
reroute() { # [TEXT]: moves a file with TEXT and the traffic's services into place
    { printf '%s\n' "${1:-}" && toml bytes $bytes "${BACKENDS[@]}" && toml redis $redis 127.0.0.1:$REDIS &&
        toml pg $pg 127.0.0.1:$PG; } >"$T/routes.new" && mv "$T/routes.new" "$T/routes.toml"
}
each_service() { # COMMAND: gets NAME ID PORT TAG... of all that Consul is to know
    local i
    "$1" redis redis $REDIS dill dill.listener=local:$redis
    "$1" pg pg $PG dill dill.listener=local:$pg
    for i in "${BACKENDS[@]#*:}"; do "$1" bytes "b$i" "$i" dill dill.listener=local:$bytes; done
}
for_fake() { printf '"%s":[%s],' "$2" "$(instance "${@:2}")"; }

# Traffic. Logs have a line a session or run: START RESULT SESSIONS SENT GOT KIND BACKEND.
mark() { now_ms; declare -g "$1=$NOW"; }
pause() { read -rt "$1" -u "$NAP"; }
ticks() { # KIND LINE WHO: the same line again and again until the traffic stops; WHO asks for the session's name
    local n=0
    echo "$3"
    until [ -e "$T/stop" ]; do
        printf '%s\n' "$2" "$2" "$2" "$2" "$2"
        n=$((n + 5))
        pause 0.005
    done
    echo $n >"$T/$1.sent"
    echo "$3"
}
run_once() { # KIND [COUNT]
    local start out why=right
    now_ms; start=$NOW
    case $1 in redis) SESSIONS=11 COUNT=${2:-400} ;; *) SESSIONS=$((4 + TURN * 76)) COUNT=0 ;; esac
    out=$("run_$1" "${@:2}" 2>&1) || why=$(tail -n 1 <<<"failed: $out" | tr -s ' ' _)
    [[ ! $out =~ actually\ processed:\ ([0-9]+) ]] || COUNT=${BASH_REMATCH[1]}
    echo "$start $why $SESSIONS $COUNT $COUNT new -" >>"$T/$1.log"
    TURN=$((1 - TURN))
}
run_on() { # KIND: until the traffic stops; none while $T/hold is there
    until [ -e "$T/stop" ]; do
        if [ -e "$T/hold" ]; then : >"$T/$1.held"; else run_once "$1"; fi
        pause 0.1
    done
}
run_redis() { redis-benchmark -p $redis -q -t incr -c 10 -n "${1:-400}"; } # and a connection more for its questions
run_pg() { # in turn with sessions that stay, and with one for each transaction
    local new=(-C)
    "$PGBIN/pgbench" -n -c 4 -t "${1:-20}" "${new[@]:0:TURN}" -h 127.0.0.1 -p $pg -U postgres postgres
}
start_traffic() {
    "$PYTHON" -c "$BYTES" $bytes "$T/bytes.log" 2>"$T/bytes.err" & CLIENTS=($!)
    run_on redis & CLIENTS+=($!)
    ticks redis 'INCR ticks' 'CLIENT ID' | redis-cli -p $redis >"$T/redis.said" 2>&1 & CLIENTS+=($!)
    has_pg || return 0
    ticks pg 'INSERT INTO ticks VALUES (1);' 'SELECT pg_backend_pid();' |
        "$PGBIN/psql" -h 127.0.0.1 -p $pg -U postgres -XAt postgres >"$T/pg.said" 2>&1 & CLIENTS+=($!)
    run_on pg & CLIENTS+=($!)
}
right_since() { # MS NUMBER [KIND]: so many sessions or runs began since then and were right
    [ "$(awk -v t="$1" '$1 >= t && $2 == "right"' "$T/${3:-bytes}.log" 2>/dev/null | wc -l)" -ge "$2" ]
}
flows() { # MS NUMBER: so many sessions of bytes, and a run of each other kind
    must 60 "right sessions of bytes" right_since "$1" "$2"
    for kind in ${KINDS#bytes}; do must 60 "a right run of $kind" right_since "$1" 1 "$kind"; done
}
hold() { # no new runs of redis-benchmark and pgbench from here on
    : >"$T/hold"
    for kind in ${KINDS#bytes}; do must 20 "a pause of $kind" test -e "$T/$kind.held"; done
}

# The course of a fault
linger() { # [NUMBER]: it lasts until so many new sessions have gone on beside it
    now_ms
    must 60 "sessions beside the fault" right_since "$NOW" "${1:-$LINGER}"
}
recovered() { # KIND: its first session
    until "try_$1"; do pause 0.005; done
    now_ms
    echo $((NOW - OVER_AT)) >"$T/$1.recovered"
}
over() { # [MS]: it has ended, now or then
    mark OVER_AT
    OVER_AT=${1:-$OVER_AT}
    for kind in $KINDS; do recovered "$kind" & done
    for kind in $KINDS; do must 20 "recovery of $kind" test -s "$T/$kind.recovered"; done
    END=$((OVER_AT + $(cat "$T/bytes.recovered")))
}
rests() { # descriptors are given back (but for pooled pipes), and a processor is idle for 9/10
    cpu_ms; local before=$CPU
    pause 0.3
    cpu_ms; descriptors
    dill_alive && [ "$FDS" -le $((FDS_BEFORE + 20)) ] && [ $((CPU - before)) -le 30 ]
}
settle() { # the traffic goes on for a while, stops and is compared; then dill rests
    flows "$OVER_AT" 15
    : >"$T/stop"
    kill -TERM "${CLIENTS[0]}"
    for i in "${CLIENTS[@]}"; do must 30 "the traffic's end" exited "$i"; done
    [ -z "${OLD_DILL:-}" ] || stop_dill 0 3 "$OLD_DILL"
    eventually 10 rests || fail "does not rest: $FDS descriptors ($FDS_BEFORE before), $CPU ms of processor time"
    judge bytes bytes
    judge_runs redis INCRs "$(ask_redis $REDIS get ticks)" "$(ask_redis $REDIS get counter:__rand_int__)"
    has_pg || return 0
    judge_runs pg transactions "$(ask_pg $PG 'SELECT count(*) FROM ticks')" \
        "$(ask_pg $PG 'SELECT count(*) FROM pgbench_history')"
    same "that the sums of pgbench agree" t "$(ask_pg $PG 'SELECT sum(delta) = (SELECT sum(abalance) FROM
        pgbench_accounts) AND sum(delta) = (SELECT sum(tbalance) FROM pgbench_tellers) AND
        sum(delta) = (SELECT sum(bbalance) FROM pgbench_branches) FROM pgbench_history')"
}
judge_runs() { # KIND NOUN TICKS COUNT: as the server has counted
    local sent said=$T/$1.said result=cut
    read -r sent <"$T/$1.sent"
    # one session when its name is the same in the first and in the last answer, with all answers between
    [ "$(head -n 1 "$said") $(wc -l <"$said")" != "$(tail -n 1 "$said") $((sent + 2))" ] || result=right
    echo "0 $result 1 $sent ${3:-0} live -" >>"$T/$1.log"
    judge "$1" "$2" "$4"
}
# What ended is excused by its backend; if it never had one, by the time when it began.
judge() { # KIND NOUN [COUNT]
    local sums ms
    read -r ms <"$T/$1.recovered"
    sums=$(awk -v fault="$FAULT_AT" -v over="$OVER_AT" -v victim="${VICTIM:-?}" -v from="${EXCUSE% *}" \
        -v to="${EXCUSE#* }" -v runs="${3:-0}" -v counted="$#" '
        { total += $4; right = $2 == "right" && $4 == $5 }
        $1 < fault { before += $3 }
        $6 == "live" { live++; alive += right }
        $6 == "new" && right && $1 >= over { after += $3 }
        $6 == "new" && counted == 3 { runs -= $4 }
        right { next }
        $7 == victim || $7 == "-" && $1 >= from && $1 <= to { excused++; next }
        { lost += $4 > $5 ? $4 - $5 : $5 - $4; why = why " " $6 " session of " $7 " " $2 " at " $1 - fault " ms;" }
        END { lost += runs < 0 ? -runs : runs; print excused + 0, before + 0, live, after + 0, alive + 0, lost, total, why }
        ' "$T/$1.log")
    read -ra sums <<<"$sums"
    [ "$1" != bytes ] || EXCUSED=${sums[0]}
    [ "$ms" -le $((RECOVERY * SLOW)) ] || sums+=("recovered after $ms ms")
    [ "${sums[5]}" = 0 ] || sums+=("lost ${sums[5]}")
    [ ${#sums[@]} -le 7 ] || echo "${sums[*]:7}" >"$T/$1.problem"
    printf '%s (%s live) | %s (%s live) | %s of %s' "${sums[@]:1:6}" >"$T/$1.row"
    echo " $2 | $ms ms" >>"$T/$1.row"
}

# Consul. It ends with a service that is new: dill must see changes again.
notices() { must 15 "dill says that Consul fails" log_has 'consul: .*; keeping the last known services; retrying'; }
late() { RECOVERY=15000 CONCERNED=$LATE && "$@"; }     # COMMAND: adds it. Two tries may be as far from each other
restart_agent() { # [COMMAND...]: beside which it is empty
    kill -KILL "$AGENT_PID"
    notices && linger && start_agent $AGENT && "$@" && each_service register
}
fault_consul_hangs() { fake_fault hang; }       # the longest one goes first
fault_consul_killed() { restart_agent true && late register late late 24111 dill dill.listener=local:$LATE; }
fault_consul_empty() { # until the listeners close. Who lives is served on, and new ones are refused
    hold
    restart_agent must 20 "the listeners close" refuses 127.0.0.1 $bytes
    over && rm "$T/hold"
    EXCUSE="$FAULT_AT $END"
}
fake_fault() { # PARAMETERS
    fake PUT "/fault?mode=$1"
    fake PUT /touch
    [ "$1$QUICK" = hang1 ] || notices      # a silent agent is found out after 11 seconds
    linger
    fake DELETE /fault
    late fake PUT /services "{$KNOWN\"late\":[$(instance l 24111 dill dill.listener=local:$LATE)]}"
}
fault_consul_500() { fake_fault "status&code=500"; }
fault_consul_garbage() { fake_fault garbage; }

# Backends
fault_backend_killed() {
    VICTIM=b EXCUSE="$((FAULT_AT - 200 * SLOW)) $((FAULT_AT + 100 * SLOW))"
    end_pid "${PID_b:?}"
    over "$FAULT_AT" && linger
}
# The kernel takes its clients, who wait. Nobody else does, and nothing is lost.
fault_backend_stopped() { kill -STOP "${PID_c:?}" && linger && kill -CONT "$PID_c"; }
fourth() { # [ADDRESS]: a backend comes; or it goes, within the time of one Peek
    if [ $# -eq 1 ]; then BACKENDS[3]=$1; else unset "BACKENDS[3]"; fi
    reroute
    must 5 "the change" eval "$([ $# -eq 1 ] || echo !) peek_contains :24114"
}
fault_backend_full() { start_peers full@127.0.0.1:24114 && beside_fourth; }     # never connects: the next one is tried
fault_backend_resets() { # each of its sessions, and no other
    EXCUSE="$FAULT_AT 9999999999999"
    start_peers reset@127.0.0.1:24114 && beside_fourth
}
beside_fourth() { fourth 127.0.0.1:24114 && linger && fourth; }
fault_backends_change() { # one comes, and goes with one that has live sessions
    local i
    start_backend d 127.0.0.1:24114
    for ((i = 0; i < (QUICK ? 2 : 8); i++)); do
        mark SINCE
        fourth 127.0.0.1:24114
        must 5 "sessions of the new backend" eval "grep -q ' d$' < <(awk '\$1 > $SINCE' '$T/bytes.log')"
        unset "BACKENDS[0]"
        fourth && mark SINCE
        linger 10
        [ -z "$(awk -v t="$SINCE" '$1 > t && $7 ~ /[ad]/' "$T/bytes.log")" ] || fail "a removed backend got a session"
        BACKENDS[0]=127.0.0.1:24111
    done
    reroute
}

# Storms of changes: a listener comes and another goes, a backend of the traffic is in and out. Then one more listener
storm() { # COUNT COMMAND [COMMAND]: the first one prints what comes with change I, the other says that it is there
    local all=("${BACKENDS[@]}") I next strategies=(round_robin random p2c least_conn)
    now_ms; next=$NOW
    for ((I = 0; I < $1; I++)); do
        BACKENDS=("${all[@]:0:3 - I % 2}")
        reroute "$("$2"; toml x$I $((EXTRA + I % 7)) 127.0.0.1:24112; echo "balance = \"${strategies[I % 4]}\"")"
        "${@:3}"
        next=$((next + 20))
        until now_ms; [ "$NOW" -ge $next ]; do pause 0.002; done
    done
    at_most "milliseconds for $1 changes beyond 20 for each" $(($1 * 60 * SLOW)) $((NOW - next))     # others work too
    BACKENDS=("${all[@]}") CONCERNED=$LATE
    reroute "$(toml last $LATE 127.0.0.1:24113)" && "${@:3}"
}
fault_routes_50_a_second() { storm $((QUICK ? 75 : 500)) true; }
other_keys() { # one in ten has an error
    printf 'proxy.balance = "%s"\nproxy.max_connections = %s\nproxy.idle_timeout = "%sm"\nlisteners.drain = "%sm"\n' \
        "${strategies[(I + 1) % 4]}" $((I % 3 * 1000)) $((I % 4)) $((3 - I % 3))
    [ $((I % 10)) -ne 3 ] || echo 'this is [ wrong'
}
fault_sighup_50_times() { storm 50 other_keys kill -HUP "$DILL_PID"; }

# Clients
fault_1000_clients_256_descriptors() {
    local first all lost
    "${PEER[@]}" crowd 127.0.0.1 $bytes 1000 0.3 >"$T/crowd" 2>"$T/crowd.err" &
    must 60 "the crowd" test -s "$T/crowd"
    over && read -r first all lost <"$T/crowd"
    same "served in the end, and dropped" "1000 0" "$all $lost"
    at_most "served at first" 127 "$first"
}
fault_silent_clients_deaf_peers() {
    local word pids=()
    start_peers deaf@127.0.0.1:24115 send:100000000@127.0.0.1:24116
    reroute "$(toml deaf $DEAF 127.0.0.1:24115 && toml send $SEND 127.0.0.1:24116)"
    must 5 "their listeners" accepts 127.0.0.1 $SEND
    for word in "mute 127.0.0.1 $bytes 60" "mute 127.0.0.1 $SEND 20" "flood 127.0.0.1 $DEAF "{60,61,62,63}; do
        # shellcheck disable=SC2086  # words
        "${PEER[@]}" $word >>"$T/silent" & pids+=($!)
    done
    must 10 "silent clients" eval "[ \$(wc -l <'$T/silent') = 2 ]"
    linger $((LINGER * 2))
    for word in "${pids[@]}"; do end_pid "$word"; done
}
fault_connects_and_resets() {
    timeout $((100 * SLOW)) "$PYTHON" -c "$STORM" $((QUICK ? 2000 : 10000)) $bytes $redis || fail "the storm: $?"
}
fault_sigterm() { # sessions and runs end in their own time; another dill takes the ports over at once
    local -A many=([redis]=10000 [pg]=300)
    hold
    for kind in ${KINDS#bytes}; do
        run_once "$kind" "${many[$kind]}" & CLIENTS+=($!)
        must 10 "a run of $kind" eval "[ \$(ss -Htn state established dport = :${!kind} | wc -l) -ge 5 ]"
    done
    OLD_DILL=$DILL_PID PEEK=$((PEEK + 1)) RECOVERY=3000     # the next one tries again to bind what is still in use
    mark FAULT_AT
    kill -TERM "$OLD_DILL" && start_bare "DILL_ROUTING_FILE_PATH=$T/routes.toml"
    over "$FAULT_AT"
    EXCUSE="$((FAULT_AT - 200 * SLOW)) $END"
    rm "$T/hold" && linger
}

# Running them
one() { # FAULT, in a process of its own
    T=$TMP/$1
    local args=("DILL_ROUTING_FILE_PATH=$T/routes.toml" DILL_PROXY_CONNECT_TIMEOUT=300ms DILL_SHUTDOWN_GRACE=60s)
    EXCUSE="1 0" RECOVERY=1000 LINGER=$((QUICK ? 25 : 150))
    mkdir -m 755 "$T"
    exec {NAP}<> <(:)       # never readable: a pause without a process
    trap 'end_case $?' EXIT; trap 'fail "interrupted"' INT TERM
    [ "$ISOLATED" = 0 ] || ip link set lo up || fail "no loopback"
    start_servers
    case $1 in
    consul_killed | consul_empty)
        start_agent $AGENT && each_service register
        args=("DILL_CONSUL_ADDRESS=$CONSUL_URL") ;;
    consul_*)
        start_fake consul && KNOWN=$(each_service for_fake) && fake PUT /services "{${KNOWN%,}}"
        args=("DILL_CONSUL_ADDRESS=http://127.0.0.1:$FAKE" DILL_CONSUL_WAIT=1s) ;;  # or it could not know for minutes
    sighup*) args=(-c "$T/routes.toml") ;;
    *descriptors) DILL_RUN=(prlimit --nofile=256:256) ;;
    backend_resets) args+=(DILL_HEALTH_ENABLED=false) ;;    # its checks would be counted with the sessions
    esac
    reroute && start_bare "${args[@]}"
    for kind in $KINDS; do must 10 "the first session of $kind" "try_$kind"; done
    descriptors; FDS_BEFORE=$FDS
    start_traffic
    flows 0 10
    mark FAULT_AT
    "fault_$1"
    [ -n "${OVER_AT:-}" ] || over
    settle
    [ "$1" != backend_resets ] || same "sessions that were reset" "$(grep -c accept "$PEER_LOG")" "$EXCUSED"
}
die() { printf 'faults.sh: %s\n' "$*" >&2; exit 2; }
finish() {
    trap '' INT TERM
    for i in $(jobs -pr); do kill "$i"; done
    wait
    if [ -n "${TEST_KEEP:-}" ]; then echo "faults.sh: logs are in $TMP" >&2; else rm -rf "$TMP"; fi
}
if [ "${1:-}" = --one ]; then one "$2"; exit; fi
export DILL=${DILL:-$TOP/dill} CONSUL TMP KINDS="bytes redis pg" ISOLATED=0 QUICK=0
mapfile -t ALL < <(grep -o '^fault_[a-z0-9_]*' "$0" | cut -d _ -f 2-)
FAULTS=() JOBS=1 RUN=()
for word in "$@"; do
    if [ "$word" = --quick ]; then QUICK=1 KINDS="bytes redis"; continue; fi
    [[ " ${ALL[*]} " == *" $word "* ]] || die "no fault $word, but: ${ALL[*]}"
    FAULTS+=("$word")
done
[ ${#FAULTS[@]} -gt 0 ] || FAULTS=("${ALL[@]}")
DILL=$(readlink -f "$DILL")
for word in "$DILL" redis-server redis-cli redis-benchmark curl nc prlimit ip "$PYTHON" "$PGBIN/pgbench"; do
    command -v "$word" >/dev/null || die "$word is missing: run make; tests/packages.txt names the packages"
done
CONSUL=$("$TOP/tests/tools/get-consul.sh") || die "no Consul"
! unshare -n true 2>/dev/null || JOBS=${TEST_JOBS:-3} RUN=(unshare -n) ISOLATED=1
TMP=$(mktemp -d "${TMPDIR:-/tmp}/dill-faults.XXXXXX") && chmod 755 "$TMP"
trap finish EXIT; trap 'exit 1' INT TERM
if has_pg; then     # once, to be copied
    install -d -o postgres "$TMP/pg"
    "${AS_POSTGRES[@]}" "$PGBIN/initdb" -D "$TMP/pg" -U postgres -A trust --no-sync -E UTF8 >"$TMP/initdb" 2>&1 ||
        die "no database: $(tail -n 1 "$TMP/initdb")"
fi
for i in "${!FAULTS[@]}"; do
    [ "$i" -lt "$JOBS" ] || wait -n
    "${RUN[@]}" "$0" --one "${FAULTS[i]}" >"$TMP/${FAULTS[i]}.out" 2>&1 </dev/null &
done
wait
passed=0 failed=0 problems=''
printf '%s\n' "| fault | sessions before | sessions after | bytes lost | time to recover |" "|---|---|---|---|---|"
for fault in "${FAULTS[@]}"; do
    for kind in $KINDS; do
        T=$TMP/$fault
        echo "| ${fault//_/ }, $kind | $(cat "$T/$kind.row" 2>/dev/null || echo '- | - | - | -') |"
        why=$(cat "$T/reason" "$T/$kind.problem" 2>/dev/null)
        [ -n "$why" ] || [ ! -s "$T/$kind.row" ] || { passed=$((passed + 1)) && continue; }
        failed=$((failed + 1)) problems+="FAIL ${fault//_/ }, $kind: $why"$'\n'
    done
done
printf '%s%s passed, %s failed\n' "$problems" $passed $failed && [ $failed = 0 ]
