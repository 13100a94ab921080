#!/bin/bash
# What depends on the host's ports and interfaces, in a network namespace of its own. Run by the cases `own_ports` and
# `link_local`.
#
#     unshare -n tests/tools/links.sh DILL DIRECTORY PART
#
# Prints what is wrong, and exits with 1 then.
set -u
PATH=$PATH:/usr/sbin:/sbin
DILL=$1
T=$2
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SLOW=${TEST_SLOW:-1}
PIDS=()
trap 'kill -KILL "${PIDS[@]}" 2>/dev/null; wait 2>/dev/null' EXIT

fail() {
    echo "$*"
    tail -n 6 "$T/links.log"
    exit 1
}

now_ms() { NOW=$((${EPOCHREALTIME/[.,]/} / 1000)); }

within() { # SECONDS WHAT COMMAND...
    local end what=$2
    now_ms
    end=$((NOW + $1 * 1000 * SLOW))
    shift 2
    until "$@"; do
        now_ms
        [ "$NOW" -lt "$end" ] || fail "$what: not in time"
        sleep 0.05
    done
}

answers() { # HOST PORT TEXT
    [ "$(timeout 5 nc -d "$1" "$2" 2>/dev/null)" = "$3" ]
}

shows() { [[ $(nc -d 127.0.0.1 2323) == *"$1"* ]]; }

serve() { # WORD...: peer.py
    python3 "$TOP/tests/tools/peer.py" serve "$@" >"$T/links.ports" &
    PIDS+=("$!")
    within 5 "the test servers" test -s "$T/links.ports"
}

start() { # [VAR=VALUE | ARGUMENT]...
    env DILL_PEEK_LISTENER=127.0.0.1:2323 DILL_RUNTIME_THREADS=2 "$@" "$DILL" 2>"$T/links.log" &
    dill=$!
    PIDS+=("$dill")
    within 5 "dill" nc -d -z 127.0.0.1 2323
}

stop() {
    kill -TERM "$dill"
    wait "$dill" || fail "dill ended with $?"
    [ "$(grep -c -e Sanitizer -e 'runtime error' "$T/links.log")" = 0 ] || fail "a sanitizer report"
}

# The ports of dill's own connections.

service() { # NAME LISTENER: adds it to the file
    printf '[[services]]\nname = "%s"\nlistener = "%s"\nbackends = ["127.0.0.1:7000"]\n' "$1" "$2" >>"$T/links.new"
    cp "$T/links.new" "$T/links.tmp"
    mv "$T/links.tmp" "$T/links.toml"
}

own_ports() { # PORT STATE: prints the local ports of connections to PORT in this state (hexadecimal), as numbers
    local at to state
    while read -r _ at to state _; do
        [ "$to $state" != "0100007F:$(printf '%04X' "$1") $2" ] || echo $((16#${at#*:}))
    done </proc/net/tcp
}

no_session() { [ -z "$(own_ports 7000 01)" ]; }
another_session() { [[ $(own_ports 7000 01) =~ ^[0-9]+$ && $(own_ports 7000 01) != "$1" ]]; }
left() { own_ports 7000 06 | grep -qx "$1"; } # in TIME_WAIT

part_own_ports() { # a listener can have the port that a session, a source or what is left of them uses at its other end
    local port url
    serve hold@127.0.0.1:7000 deaf@127.0.0.1:7001
    service web local:4001
    start DILL_ROUTING_FILE_PATH="$T/links.toml" DILL_LISTENERS_PORT_MAX=65535 DILL_ROUTING_HTTP_ENDPOINT=http://127.0.0.1:7001/ \
        DILL_ROUTING_HTTP_POLL_TIMEOUT=60s DILL_HEALTH_ENABLED=false
    within 5 "the listener" nc -z 127.0.0.1 4001
    within 5 "the end of that session" no_session
    exec 3<>/dev/tcp/127.0.0.1/4001
    within 5 "a session" eval '! no_session'
    port=$(own_ports 7000 01) url=$(own_ports 7001 01)
    [ -n "$url" ] || fail "there is no connection of a source"
    service specific "local:$port"
    within 5 "a listener on a live session's port $port" nc -z 127.0.0.1 "$port"
    service source "any:$url"
    within 5 "a listener on every address with the port $url of a source's connection" nc -z 127.0.0.1 "$url"
    exec 3>&- 3<>/dev/tcp/127.0.0.1/4001
    within 5 "another session" another_session "$port"
    port=$(own_ports 7000 01)
    exec 3>&-
    within 5 "the end of the session on port $port" left "$port"
    service left "any:$port"
    within 5 "a listener on the port $port of a session that has ended" nc -z 127.0.0.1 "$port"
    stop
    ! grep 'cannot listen' "$T/links.log" || fail "could not listen"
}

# Interfaces that come and go.

make_link() { # NAME
    ip link add "$1" type veth peer name "$1.end" || fail "cannot make the interface $1"
    ip link set "$1.end" up
    ip link set "$1" up
    ip addr add fe80::7/64 dev "$1" nodad || fail "cannot give $1 an address"
}

part_link_local() { # an interface that comes late, and one that is made anew, under the same name
    start DILL_LISTENERS_ALLOWED='link=fe80::7%late,mapped=::ffff:127.0.0.1' DILL_STATUS_LISTENER=127.0.0.1:8001 \
        DILL_SERVICES_WEB_LISTENER=link:4001 DILL_SERVICES_WEB_BACKENDS='[fe80::7%late]:7000' \
        DILL_SERVICES_SIX_LISTENER=mapped:4002 DILL_SERVICES_SIX_BACKENDS='[::ffff:127.0.0.1]:7000' DILL_HEALTH_INTERVAL=200ms
    serve name:a@127.0.0.1:7000
    within 5 "an IPv4 address as IPv6 writes it" answers 127.0.0.1 4002 a
    shows '127.0.0.1:4002' || fail "it is shown as IPv6"
    within 5 "the failure" shows '[fe80::7%late]:4001 (cannot listen: No such device)'
    within 5 "the unhealthy backend" shows '[fe80::7%late]:7000 (unhealthy)'
    make_link late
    : >"$T/links.ports"
    serve 'name:b@[fe80::7%late]:7000'
    within 5 "the interface has come" answers fe80::7%late 4001 b
    ip link del late
    ip link add other type veth peer name other.end    # take the numbers
    make_link late
    { kill -KILL "${PIDS[-1]}" && wait "${PIDS[-1]}"; } 2>/dev/null
    : >"$T/links.ports"
    serve 'name:c@[fe80::7%late]:7000'
    within 5 "the interface has been made anew" answers fe80::7%late 4001 c
    within 5 "the healthy backend" eval '! shows unhealthy'
    grep -q 'opened.*made anew' "$T/links.log" || fail "it is not said"
    within 5 "the metrics" eval 'curl -s http://127.0.0.1:8001/metrics | grep -Fqx "dill_listener_connections_total{listener=\"[fe80::7%late]:4001\"} 2"'
    stop
    start DILL_STATUS_LISTENER='[fe80::7%late]:8001' DILL_CONSUL_ADDRESS=http://127.0.0.1:1
    within 5 "the status server" nc -d -z fe80::7%late 8001
    ip link del late
    make_link late
    within 5 "the status server's interface has been made anew" nc -d -z fe80::7%late 8001
    stop
}

part_no_ipv6() {
    echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
    serve name:a@127.0.0.1:7000
    start DILL_SERVICES_WEB_LISTENER=local:4001 DILL_SERVICES_WEB_BACKENDS='[::1]:7000,127.0.0.1:7000' DILL_HEALTH_ENABLED=false
    within 5 "the other backend" answers 127.0.0.1 4001 a
    answers 127.0.0.1 4001 a || fail "a client is lost"
    within 5 "the unhealthy backend" shows '[::1]:7000 (unhealthy)'
    ! grep 'no local port' "$T/links.log" || fail "the wrong reason"
    stop
}

ip link set lo up || exit 1
"part_$3"
