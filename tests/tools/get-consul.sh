#!/bin/bash
# Prints the path of a usable consul binary, or says on stderr why there is none and exits with 1.
#
# Places, in this order: $CONSUL, `consul` on PATH, a copy unpacked earlier (tests/.cache), Debian's package of the
# suite bullseye (the last that has one) from the mirror that this machine's apt already uses, and a package file kept
# beside the checkout. Nothing of the machine's own apt configuration or state is changed; packages are only unpacked.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$here/.cache
suite=bullseye
tmp=

say() { printf 'get-consul: %s\n' "$*" >&2; }
trap '[ -z "$tmp" ] || rm -rf "$tmp"' EXIT

usable() { [ -x "$1" ] && "$1" version >/dev/null 2>&1; }

found() {
    printf '%s\n' "$1"
    exit 0
}

# Unpacks the binary of package file $1 into the cache and ends with its path if it runs here.
unpack() {
    command -v dpkg-deb >/dev/null || { say "dpkg-deb is missing (Debian package dpkg)"; return 1; }
    dpkg-deb -x "$1" "$tmp/root" || return 1
    usable "$tmp/root/usr/bin/consul" || { say "the consul of $1 does not run on this machine"; return 1; }
    mkdir -p "$cache"
    mv "$tmp/root/usr/bin/consul" "$cache/consul.$$"
    mv "$cache/consul.$$" "$cache/consul"       # atomic: another run may be looking
    found "$cache/consul"
}

# The mirrors that carry Debian's own main component, as apt knows them.
mirrors() {
    # shellcheck disable=SC2016  # apt expands these, not the shell
    apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk '$1 == "Debian" && $2 == "main" && $3 !~ /-security\/?$/ && !seen[$3]++ { print $3 }'
}

# Fetches the package from mirror $1 with an apt whose sources, lists and cache lie in our own directory.
fetch() {
    local keys=() key dir=$tmp/apt
    for key in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
        [ -r "$key" ] && keys+=("$key") && break
    done
    [ ${#keys[@]} -gt 0 ] || { say "no archive keys (Debian package debian-archive-keyring)"; return 1; }
    rm -rf "$dir"
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/state" "$dir/parts" "$dir/out"
    : >"$dir/status"
    printf 'deb [signed-by=%s] %s %s main\n' "${keys[0]}" "$1" "$suite" >"$dir/sources.list"
    local opts=(-q -q
        -o "Dir::Etc::SourceList=$dir/sources.list" -o "Dir::Etc::SourceParts=$dir/parts"
        -o "Dir::Etc::Preferences=/dev/null" -o "Dir::Etc::PreferencesParts=$dir/parts"
        -o "Dir::State=$dir/state" -o "Dir::State::Lists=$dir/lists" -o "Dir::State::Status=$dir/status"
        -o "Dir::Cache=$dir/cache" -o "APT::Sandbox::User=$(id -un)"
        -o "Acquire::Languages=none" -o "Acquire::Retries=2" -o "Acquire::http::Timeout=20")
    apt-get "${opts[@]}" update >"$dir/log" 2>&1 || { cat "$dir/log" >&2; return 1; }
    (cd "$dir/out" && apt-get "${opts[@]}" download consul) >"$dir/log" 2>&1 || { cat "$dir/log" >&2; return 1; }
    set -- "$dir"/out/consul_*.deb
    [ -r "$1" ] || return 1
    unpack "$1"
}

if [ -n "${CONSUL:-}" ]; then
    # what is asked for by name is not replaced silently by something else
    usable "$CONSUL" && found "$CONSUL"
    say "\$CONSUL is $CONSUL, which does not run"
    exit 1
fi
path=$(command -v consul || true)
usable "$path" && found "$path"
usable "$cache/consul" && found "$cache/consul"

tmp=$(mktemp -d)
if command -v apt-get >/dev/null; then
    while read -r mirror; do
        say "fetching Debian's package of suite $suite through apt"
        fetch "$mirror" || say "this mirror does not have it"
    done < <(mirrors)
fi
for deb in "$here"/../../shared/consul/consul_*.deb; do
    if [ -r "$deb" ]; then unpack "$deb" || true; fi
done
say "no usable consul: set CONSUL to a binary, put consul on PATH, or let apt reach a Debian mirror with $suite"
exit 1
