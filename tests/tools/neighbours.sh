#!/bin/bash
# Backends at addresses of dill's own host, and names that move there, with a real Consul and a real DNS server, in a
# network and mount namespace of its own. Run by the case `neighbour_host`.
#
#     unshare -n -m tests/tools/neighbours.sh DILL DIRECTORY CONSUL
#
# Prints what is wrong, and exits with 1 then.
set -u
PATH=$PATH:/usr/sbin:/sbin
DILL=$1
T=$2
CONSUL=$3
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SLOW=${TEST_SLOW:-1}
HOST=10.77.0.5
PIDS=()
trap 'kill -KILL "${PIDS[@]}" 2>/dev/null; wait 2>/dev/null' EXIT

fail() {
    echo "$*"
    tail -n 4 "$T/neighbours.log"
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

shows() { grep -Fqx -- "$1" < <(nc -d 127.0.0.1 2323); }

register() { # NAME ADDRESS PORT TAG
    curl -s -f -X PUT http://127.0.0.1:8500/v1/agent/service/register --data-binary \
        "{\"Name\":\"$1\",\"Address\":\"$2\",\"Port\":$3,\"Tags\":[\"dill\",\"dill.listener=$4\"]}" || fail "Consul refused $1"
}

zone() { # LINE...: what the DNS server knows from now on
    printf '%s\n' "$@" >"$T/zone"
    kill -HUP "$DNS"
}

knows_itself() { [[ $(curl -s http://127.0.0.1:8500/v1/catalog/nodes) == *Address* ]]; }

start_servers() { # DNS, Consul, a server that says its name, and dill
    local clean=(env -u LD_PRELOAD)
    printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >"$T/resolv.conf"
    printf 'hosts: files dns\n' >"$T/nsswitch.conf"
    for file in resolv.conf nsswitch.conf; do
        mount --bind "$T/$file" "/etc/$file" || fail "cannot mount over /etc/$file"
    done
    printf '%s far.test\n' "$HOST" >"$T/zone"
    "${clean[@]}" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --addn-hosts="$T/zone" --local-ttl=1 \
        --local=/test/ --pid-file= --user=root --listen-address=127.0.0.1 --bind-interfaces --log-facility="$T/dnsmasq.log" &
    DNS=$!
    "${clean[@]}" "$CONSUL" agent -dev -bind 127.0.0.1 -client 127.0.0.1 -log-level warn >"$T/agent.log" 2>&1 &
    PIDS+=("$DNS" "$!")
    "${clean[@]}" python3 "$TOP/tests/tools/peer.py" serve name:a@0.0.0.0:7000 >"$T/neighbours.ports" &
    PIDS+=("$!")
    within 15 "Consul" knows_itself
    DILL_CONSUL_ADDRESS=http://127.0.0.1:8500 DILL_PEEK_LISTENER=127.0.0.1:2323 DILL_STATUS_LISTENER=0.0.0.0:8001 \
        DILL_RUNTIME_THREADS=2 "$DILL" 2>"$T/neighbours.log" &
    dill=$!
    PIDS+=("$dill")
    within 5 "dill" nc -d -z 127.0.0.1 2323
}

ip link set lo up || exit 1
ip link add host type veth peer name other || fail "cannot make an interface"
ip link set other up
ip link set host up
ip addr add "$HOST/24" dev host
ip addr add 10.77.0.6/24 dev host || fail "cannot give it an address"
: >"$T/neighbours.log"
start_servers

# A backend of the host is as good as any, but where it is dill itself: by the first address or another one.
register web "$HOST" 7000 any:4001
within 5 "a backend on this host" answers "$HOST" 4001 a
register loop "$HOST" 4002 any:4002
within 5 "a loop by the host's address" shows "# refused: loop wants any:4002: $HOST:4002 is a backend of loop on this host"
register thief 10.77.0.6 4001 any:4003
within 5 "a listener by another address" shows "# refused: thief wants 10.77.0.6:4001: 10.77.0.6:4001 is a listener of dill itself"
register page 10.77.0.6 8001 any:4004
within 5 "the status page" shows "# refused: page wants 10.77.0.6:8001: 10.77.0.6:8001 is dill's own status.listener"
[ -z "$(curl -s --max-time 5 "http://$HOST:4004/status")" ] || fail "the status page is reached through dill"
register agent 127.0.0.1 8500 any:4005
within 5 "the agent" shows "# refused: agent wants 127.0.0.1:8500: loopback address 127.0.0.1, which needs backends.allow = 127.0.0.0/8"
[ -z "$(curl -s --max-time 5 "http://$HOST:4005/v1/agent/self")" ] || fail "the agent is reached through dill"

# The same port elsewhere is no loop.
register far 10.77.0.99 4006 any:4006
within 5 "a backend with the listener's port" shows "0.0.0.0:4006"
! shows "# refused: far wants any:4006" || fail "it is refused"

# It moves here, and nobody has told dill: one client would go round for ever. With a prefix of its own it is an address
# that this host's connects to it come from; in the network of the first one they come from that.
figure() { curl -s http://127.0.0.1:8001/metrics | sed -n "s/^dill_listener_$1{listener=\"0.0.0.0:4006\"${2:-}} //p"; }

for prefix in 32 24; do
    loops=$(figure rejected_total ',reason="loop"') sessions=$(figure connections_total)
    ip addr add "10.77.0.99/$prefix" dev host
    for _ in 1 2 3; do answers "$HOST" 4006 ''; done
    [ $(($(figure rejected_total ',reason="loop"') - loops)) = 3 ] || fail "/$prefix: loops of an address that moved here"
    [ $(($(figure connections_total) - sessions)) -le 6 ] || fail "/$prefix: sessions of three clients"
    ip addr del "10.77.0.99/$prefix" dev host
done

# A name that moves.
register moving far.test 7000 any:4007
within 5 "a name" answers "$HOST" 4007 a
zone '127.0.0.1 far.test'
within 9 "the name has moved to loopback" \
    shows "# refused: moving wants far.test:7000: loopback address 127.0.0.1, which needs backends.allow = 127.0.0.0/8"
! answers "$HOST" 4007 a || fail "it is still served"
zone '127.0.0.1 far.test' "$HOST far.test"
within 9 "its good address" answers "$HOST" 4007 a

kill -TERM "$dill"
wait "$dill" || fail "dill ended with $?"
[ "$(grep -c -e Sanitizer -e 'runtime error' "$T/neighbours.log")" = 0 ] || fail "a sanitizer report"
