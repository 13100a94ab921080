#!/bin/bash
# What one change in Consul costs dill, by how many services there are: CPU, bytes from Consul, time until it is in force.
#
#   bench/scale.sh                  with 100, 1,000 and 5,000 services of a real agent: about 5 minutes
#   SIZES="100 400" ROUNDS=3 bench/scale.sh
#   DILL=/path bench/scale.sh       that dill instead of building one
#
# The agent registers everything on 50 nodes; a relay between it and dill counts bytes. Prints Markdown.
set -eu -o pipefail
cd "$(dirname "$0")/.."

SIZES=${SIZES:-100 1000 5000}
ROUNDS=${ROUNDS:-7}

CONSUL=$(tests/tools/get-consul.sh)
if [ -z "${DILL:-}" ]; then
    mkdir -p build/bench
    DILL=build/bench/dill
    cc -O2 -pthread ./*.c -o "$DILL"
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# shellcheck disable=SC2086  # a list
python3 bench/scale.py "$DILL" "$CONSUL" "$dir" "$ROUNDS" $SIZES
