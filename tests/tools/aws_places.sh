#!/bin/bash
# The addresses that AWS itself has, in a network and mount namespace of its own: a container's endpoint, an instance's
# metadata, and DynamoDB by its name on port 80. Run by the case `credentials_of_default_addresses`.
#
#     unshare -n -m tests/tools/aws_places.sh DILL DIRECTORY
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
    tail -n 4 "$T/places.log"
    exit 1
}

within() { # SECONDS WHAT COMMAND...
    local end=$((${EPOCHREALTIME/[.,]/} / 1000 + $1 * 1000 * SLOW)) what=$2
    shift 2
    until "$@"; do
        [ $((${EPOCHREALTIME/[.,]/} / 1000)) -lt "$end" ] || fail "$what: not in time"
        sleep 0.05
    done
}

accepts() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

control() { curl -s -f --max-time 10 -X "$1" ${3:+--data-binary "$3"} "http://127.0.0.1:$CONTROL$2" || fail "control: $1 $2"; }

routed_by() { # KEY [VARIABLE=VALUE]...: dill, started so, routes, and signs with a key whose name begins so
    local key=$1
    shift
    control DELETE /stats
    env "$@" DILL_ROUTING_DYNAMODB_ENDPOINT=http://dynamodb.eu-west-1.amazonaws.com DILL_PEEK_LISTENER=127.0.0.1:2323 \
        "$DILL" --backend dynamodb --proxy realtime >/dev/null 2>"$T/places.log" &
    dill=$!
    PIDS+=("$dill")
    within 10 "the route by $key" accepts 127.0.0.1 5000
    [[ $(control GET '/requests?on=dynamodb' | tail -n 1) == "dynamodb Query $key"*" 200 -" ]] || fail "another key than $key"
    kill -TERM "$dill"
    wait "$dill" || fail "dill ended with $?"
    [ "$(grep -c -e Sanitizer -e 'runtime error' "$T/places.log")" = 0 ] || fail "a sanitizer report"
}

ip link set lo up || exit 1
ip addr add 169.254.169.254/32 dev lo || fail "cannot add an address"
ip addr add 169.254.170.2/32 dev lo
printf '127.0.0.1 localhost dynamodb.eu-west-1.amazonaws.com\n' >"$T/hosts"
printf 'hosts: files\n' >"$T/nsswitch.conf"
for file in hosts nsswitch.conf; do
    mount --bind "$T/$file" "/etc/$file" || fail "cannot mount over /etc/$file"
done
: >"$T/places.log"
env -u LD_PRELOAD python3 "$TOP/tests/tools/fake_aws.py" --address 0.0.0.0 --port 80 >"$T/places" &
PIDS+=("$!")
within 10 "fake AWS" test -s "$T/places"
read -r _ CONTROL <"$T/places"
control PUT /table '{"realtime": ["5000:127.0.0.1:80"]}'
control PUT '/region?name=eu-west-1'
control PUT '/metadata?mode=required&region=eu-west-1'
control PUT '/container?token=Bearer'

# The instance tells the region, too. A Host with the port of its scheme would be signed, and refused by AWS.
routed_by ASIAINSTANCE HOME="$T"
[ "$(control GET '/header?on=dynamodb&name=Host' | sort -u)" = dynamodb.eu-west-1.amazonaws.com ] || fail "Host has another name"
routed_by ASIACONTAINER HOME="$T" AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/credentials/v2 AWS_CONTAINER_AUTHORIZATION_TOKEN=Bearer
[ "$(control GET '/header?on=GET%20/credentials&name=Host' | sort -u)" = 169.254.170.2 ] || fail "Host of the container's endpoint"
