#!/bin/bash
# Names of backends with a real DNS server (dnsmasq), in a network and mount namespace of its own. Run by the case `dns`.
#
#     unshare -n -m tests/tools/dns.sh DILL DIRECTORY
#
# Prints what is wrong, and exits with 1 then.
set -u
PATH=$PATH:/usr/sbin:/sbin
DILL=$1
T=$2
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TTL=2
SLOW=${TEST_SLOW:-1}
PIDS=()
trap 'kill -KILL "${PIDS[@]}" 2>/dev/null; wait 2>/dev/null' EXIT

fail() {
    echo "$*"
    tail -n 4 "$T/dns.log"
    exit 1
}

now_ms() { NOW=$((${EPOCHREALTIME/[.,]/} / 1000)); }

within() { # MILLISECONDS WHAT COMMAND...
    local end what=$2
    now_ms
    end=$((NOW + $1 * SLOW))
    shift 2
    until "$@"; do
        now_ms
        [ "$NOW" -lt "$end" ] || fail "$what: not in time"
        sleep 0.05
    done
}

answers() { # PORT TEXT
    local line=
    { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    read -r -t 5 line <&3
    exec 3>&-
    [ "$line" = "$2" ]
}

zone() { # LINE...: what the server knows from now on
    printf '%s\n' "$@" >"$T/zone"
    kill -HUP "$DNS"
}

peek() { nc -d 127.0.0.1 2323; }
shows() { [[ $(peek) == *"$1"* ]]; }
said() { [ "$(grep -c "$1" "$T/dns.log")" -ge "${2:-1}" ]; }

ip link set lo up
printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >"$T/resolv.conf"
printf 'hosts: files dns\n' >"$T/nsswitch.conf"
printf '127.0.0.1 localhost\n127.0.0.11 filed.test\n' >"$T/hosts"
for file in resolv.conf nsswitch.conf hosts; do
    mount --bind "$T/$file" "/etc/$file" || fail "cannot mount over /etc/$file"
done
printf '127.0.0.11 db.test\n' >"$T/zone"
dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --addn-hosts="$T/zone" --local-ttl=$TTL \
    --local=/test/ --pid-file= --user=root --listen-address=127.0.0.1 --bind-interfaces --log-facility="$T/dnsmasq.log" &
DNS=$!
PIDS+=("$DNS")
within 5000 "the DNS server" eval '(exec 3<>/dev/tcp/127.0.0.1/53) 2>/dev/null'
python3 "$TOP/tests/tools/peer.py" serve name:a@127.0.0.11:7000 name:b@127.0.0.12:7000 "name:six@[::1]:7000" >"$T/dns.ports" &
PIDS+=("$!")
DILL_PEEK_LISTENER=127.0.0.1:2323 DILL_HEALTH_ENABLED=false "$DILL" \
    --connections 4001:db.test:7000,4002:filed.test:7000,4003:nowhere.test:7000 2>"$T/dns.log" &
dill=$!
PIDS+=("$dill")
within 8000 "the first answer" answers 4001 a
within 3000 "a name of /etc/hosts" answers 4002 a

zone '127.0.0.12 db.test'
within $((TTL * 1000 + 1000)) "a change, TTL $TTL s" answers 4001 b

zone '127.0.0.11 db.test' '127.0.0.12 db.test' '::1 db.test'
within $((TTL * 1000 + 1000)) "the third address" shows "[::1]:7000"
within 3000 "IPv6" answers 4001 six

printf '127.0.0.1 localhost\n127.0.0.12 filed.test\n' >"$T/hosts"
within 6500 "a change of /etc/hosts" answers 4002 b

zone '127.0.0.11 db.test'
within $((TTL * 1000 + 1000)) "fewer addresses" eval '! shows "[::1]:7000"'
kill -STOP "$DNS"
within 9000 "that a silent server is said" said 'cannot resolve db.test'
answers 4001 a || fail "the addresses have gone with the server"
sleep 6
[ "$(grep -c 'cannot resolve db.test' "$T/dns.log")" = 1 ] || fail "a silent server is said more than once"
answers 4002 b || fail "another name has gone with the server"
kill -CONT "$DNS"
within 9000 "that it answers again" said 'db.test resolves again'

zone '127.0.0.99 other.test'
within $((TTL * 1000 + 6000)) "that the name has gone" said 'cannot resolve db.test' 2
answers 4001 a || fail "the last addresses have gone with the name"
[ "$(grep -c 'cannot resolve nowhere.test' "$T/dns.log")" = 1 ] || fail "an unknown name is not said once"
zone '127.0.0.12 db.test'
within 7000 "the name's return" answers 4001 b

kill -TERM "$dill"
wait "$dill" || fail "dill ended with $?"
[ "$(grep -c -e Sanitizer -e 'runtime error' "$T/dns.log")" = 0 ] || fail "a sanitizer report"
