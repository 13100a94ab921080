#!/bin/bash
# What a change costs dill, and those who look, and a connection, by how much there is of everything.
#
#   bench/scale.sh                        all parts: about 30 minutes
#   bench/scale.sh consul=100,1000 table  those parts; sizes where they are other ones
#   bench/scale.sh --check                small, and no times: requests and bytes of a change, which have bounds
#   DILL=/path bench/scale.sh             that dill instead of building one
#
# Parts: consul (a real agent), fake (20,000 services of a made-up one), table (routing.file), look (/metrics and others),
# balance, checks, peers (HAProxy and nginx, the same change). ROUNDS of each change (20), SECONDS_OF_CHURN: of foreign ones (60).
# Prints Markdown; bench/scale_plot.sh makes a picture of build/bench/scale.tsv.
set -eu -o pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/proxies.sh
. bench/proxies.sh

if [ "${1-}" = --run ]; then
    shift
    [ -z "${OWN_NETWORK-}" ] || { enter_network && sysctl -qw net.ipv4.ip_local_port_range="31000 65000"; }
    exec python3 bench/scale.py "$@"
fi
build_tools
ulimit -n "$(ulimit -Hn)"
read -ra in_network < <(network)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
case ${1-} in
--check)
    ROUNDS=2 SECONDS_OF_CHURN=0
    set -- count=20,250
    consul=
    ;;
*)
    [ $# -gt 0 ] || set -- consul fake table look balance checks peers
    consul=$(tests/tools/get-consul.sh)
    ;;
esac
"${in_network[@]}" bench/scale.sh --run "$BUILD/dill" "$dir" "$consul" "${ROUNDS:-20}" "${SECONDS_OF_CHURN:-60}" "$@"
cp "$dir/rows.tsv" "$BUILD/scale.tsv"
