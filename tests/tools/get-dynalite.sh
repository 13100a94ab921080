#!/bin/bash
# Prints the path of dynalite's cli.js (tests/dynalite names the version), or says on stderr why there is none and exits
# with 1. It wants npm and node 20 or later, and is fetched once, into tests/.cache.
set -euo pipefail

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pinned=$tests/dynalite
cache=$tests/.cache/dynalite
cli=$cache/node_modules/dynalite/cli.js

say() { printf 'get-dynalite: %s\n' "$*" >&2; }

for program in npm node; do
    command -v "$program" >/dev/null || { say "$program is missing"; exit 1; }
done
version=$(node --version)
version=${version#v}
[ "${version%%.*}" -ge 20 ] || { say "node $version is too old: dynalite wants 20"; exit 1; }
mkdir -p "$tests/.cache"
exec 8>"$tests/.cache/dynalite.lock"        # another run may be fetching it
flock 8
if ! [ -r "$cli" ] || ! cmp -s "$pinned/package-lock.json" "$cache/package-lock.json"; then
    rm -rf "$cache" "$cache.new"
    mkdir "$cache.new"
    cp "$pinned/package.json" "$pinned/package-lock.json" "$pinned/.npmrc" "$cache.new"
    (cd "$cache.new" && timeout 120 npm ci --ignore-scripts --no-audit --no-fund 8>&-) >"$cache.log" 2>&1 ||
        { say "npm ci failed: $(grep -m 1 ERR "$cache.log" || tail -n 1 "$cache.log")"; exit 1; }
    mv "$cache.new" "$cache"
fi
printf '%s\n' "$cli"
