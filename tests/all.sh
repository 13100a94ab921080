#!/bin/bash
# Everything that `make test` checks. The last line is `N passed, N failed`, and the exit status says the same.
#
#     tests/all.sh [lint] [unit] [fuzz] [system] [faults] [torture]      all parts, or those that are named
#
# Builds go to build/ and leave the rest of the tree alone. Environment: FUZZ_SECONDS, how long each fuzzer runs after
# its corpus (default 5); VARIANTS, the builds that the system tests drive (default: plain poll asan tsan).
set -u
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
BUILD=build
FUZZ_SECONDS=${FUZZ_SECONDS:-5}
VARIANTS=${VARIANTS:-plain poll asan tsan}
WARNINGS=(-std=c11 -Wall -Wextra -Wpedantic -Werror)
CORES=$(nproc)

# A file includes only headers of rows above its own, or of its own row. This is DESIGN's order.
ORDER='
base
sys
text pace
histogram
log_line log
net
json
loop loop_epoll
format reader toml yaml
service
config option
manifest
state
http
longpoll
socks proxy_protocol
admit
route merge balance
relay
session
worker
source
consul_instance
consul_catalog consul_api
consul_memory consul_sweep
consul_reader
consul file url
supervisor
resolve health
stats
explain
admin
peek metrics page status
ask notify
dill
'

passed=0
failed=0
failures=()

heading() { printf '\n== %s\n' "$*"; }

pass() {
    printf 'ok   %s\n' "$1"
    passed=$((passed + 1))
}

miss() { # NAME [FILE-WITH-DETAILS]
    printf 'FAIL %s\n' "$1"
    [ -z "${2:-}" ] || tail -n "${LINES_OF_DETAIL:-25}" "$2" | sed 's/^/    /'
    failed=$((failed + 1))
    failures+=("$1")
}

check() { # NAME COMMAND...: COMMAND succeeds
    local name=$1
    shift
    if "$@" >"$BUILD/check.log" 2>&1; then pass "$name"; else miss "$name" "$BUILD/check.log"; fi
}

# start NAME COMMAND...: like check, but in the background, as many at a time as there are cores. `collect` waits for them, and
# says how each went.
started=()

start() {
    local name=$1 log=$BUILD/check.${#started[@]}
    shift
    started+=("$name")
    rm -f "$log.status"
    while [ "$(jobs -pr | wc -l)" -ge "$CORES" ]; do wait -n; done
    { "$@" >"$log.log" 2>&1 && : >"$log.status"; } &
}

collect() {
    local i
    wait
    for i in "${!started[@]}"; do
        if [ -e "$BUILD/check.$i.status" ]; then pass "${started[i]}"; else miss "${started[i]}" "$BUILD/check.$i.log"; fi
    done
    started=()
}

# count NAME FILE STATUS: takes over the sum in the last line of FILE, what a test program printed
count() {
    local sum
    sum=$(tail -n 1 "$2")
    if [[ $sum =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        printf '%s: %s\n' "$1" "$sum"
        if [ "${BASH_REMATCH[2]}" -gt 0 ]; then
            failures+=("$1")
        elif [ "$3" -ne 0 ]; then
            miss "$1: exit status $3" "$2"
        elif [ "${BASH_REMATCH[1]}" -eq 0 ]; then
            miss "$1: nothing was tested"
        fi
    else
        miss "$1: no sum at its end (exit status $3)" "$2"
    fi
}

need_tools() {
    local tool missing=()
    for tool in gcc clang musl-gcc make strip shellcheck cppcheck curl nc python3 prlimit flock ip sysctl dnsmasq \
        redis-server haproxy nginx microsocks danted prometheus promtool chromium; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    [ ${#missing[@]} -eq 0 ] && return
    printf 'tests: missing: %s\ntests: on Debian: apt-get install %s\n' "${missing[*]}" \
        "$(grep -v '^#' tests/packages.txt | tr '\n' ' ')" >&2
    echo "0 passed, 1 failed"
    exit 1
}

# Lint

include_order() {
    local file include row mine theirs bad=0
    declare -A rank=()
    mine=0
    while read -r row; do
        mine=$((mine + 1))
        for file in $row; do rank[$file]=$mine; done
    done <<<"$ORDER"
    for file in *.c *.h; do
        mine=${rank[${file%.*}]:-}
        [ -n "$mine" ] || { echo "$file: not in the list of rows in tests/all.sh"; bad=1; continue; }
        while read -r include; do
            theirs=${rank[${include%.h}]:-}
            if [ -z "$theirs" ] || [ "$theirs" -gt "$mine" ]; then
                echo "$file: includes $include, which is not above it"
                bad=1
            fi
        done < <(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file")
    done
    return $bad
}

base_first() { # the first include of every .c file is base.h
    local file bad=0
    for file in *.c; do
        [ "$(sed -n '/^#[[:space:]]*include/{p;q}' "$file")" = '#include "base.h"' ] ||
            { echo "$file: base.h is not its first include"; bad=1; }
    done
    return $bad
}

header_alone() { printf '#include "%s"\n' "$1" | gcc "${WARNINGS[@]}" -I. -fsyntax-only -x c -; }

static_size() { # the static musl binary is small
    local size
    make -B dill-static || return
    size=$(stat -c %s dill-static)
    echo "$size bytes"
    [ "$size" -le 245760 ]
}

no_needless_libraries() { ! objdump -p "$BUILD/dill-gcc" | grep NEEDED | grep -Ev 'lib(c|pthread)\.so'; }

# The README names every key that dill knows, and its table of them no other.
readme_keys() {
    local key bad=0
    "$BUILD/dill-gcc" --help | grep -oE '\b(listeners|consul|proxy|health|shutdown|peek|status|runtime|log|state|routing)(\.[a-z_]+)+' |
        sort -u >"$BUILD/keys.help"
    # shellcheck disable=SC2016  # backquotes of Markdown
    sed -n '/^## Configuration/,/^## Coming/p' README.md | grep -E '^\|' | cut -d '|' -f 2 | grep -oE '`[a-z]+(\.[a-z_]+)+`' | tr -d '`' | sort -u >"$BUILD/keys.readme"
    while read -r key; do
        grep -qF "\`$key\`" README.md || { echo "README.md does not name $key"; bad=1; }
    done <"$BUILD/keys.help"
    comm -13 "$BUILD/keys.help" "$BUILD/keys.readme" | grep . && { echo "are in README.md, but not in --help"; bad=1; }
    [ -s "$BUILD/keys.help" ] || { echo "--help names no keys"; bad=1; }
    return $bad
}

lint() {
    local header script scripts=()
    heading "lint"
    while IFS= read -r script; do scripts+=("$script"); done \
        < <(find . -path ./.git -prune -o -path ./$BUILD -prune -o \( -name '*.sh' -o -path ./.ci/run \) -print | sort)
    start "gcc -O2, warnings are errors" gcc -O2 "${WARNINGS[@]}" -pthread ./*.c -o "$BUILD/dill-gcc"
    start "clang -O2, warnings are errors" clang -O2 "${WARNINGS[@]}" -pthread ./*.c -o "$BUILD/dill-clang"
    start "musl-gcc -static, warnings are errors" musl-gcc -Os -static "${WARNINGS[@]}" -pthread ./*.c -o "$BUILD/dill-musl"
    start "the static binary has at most 240 KB" static_size
    start "shellcheck" shellcheck -x "${scripts[@]}"
    collect
    check "nothing but libc is needed" no_needless_libraries
    check "README.md and --help name the same keys" readme_keys
    check "include order" include_order
    check "base.h comes first" base_first
    for header in *.h; do start "$header compiles alone" header_alone "$header"; done
    collect
    check "cppcheck" cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
        --suppress=missingIncludeSystem --error-exitcode=1 -j "$CORES" ./*.c
    check "python compiles" python3 -c 'import ast, sys
for name in sys.argv[1:]: ast.parse(open(name).read(), name)' tests/*.py
}

# Builds

# objects DIR COMPILER FLAG...: every .c file of the program, several at a time
objects() {
    local dir=$1
    shift
    mkdir -p "$dir"
    rm -f "$dir"/*.o "$dir/dill"
    # shellcheck disable=SC2016  # $0 and $@ are the inner shell's
    printf '%s\n' ./*.c | xargs -P "$CORES" -I '{}' sh -c 'source=$0; dir=$1; shift
        "$@" -std=c11 -pthread -I. -c "$source" -o "$dir/$(basename "$source" .c).o"' '{}' "$dir" "$@"
}

variant() { # NAME COMPILER FLAG...
    local name=$1
    shift
    objects "$BUILD/$name" "$@" && "$@" -pthread "$BUILD/$name"/*.o -o "$BUILD/$name/dill"
}

ASAN=(-O1 -g -fno-omit-frame-pointer -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined)
build_asan() { variant asan gcc "${ASAN[@]}"; }

# Some kernels place memory where a ThreadSanitizer build cannot live unless randomization is off.
build_tsan() {
    variant tsan clang -O1 -g -fsanitize=thread || return
    mv "$BUILD/tsan/dill" "$BUILD/tsan/dill.bin"
    cat >"$BUILD/tsan/dill" <<END
#!/bin/sh
if setarch "\$(uname -m)" -R true 2>/dev/null; then exec setarch "\$(uname -m)" -R "$PWD/$BUILD/tsan/dill.bin" "\$@"; fi
exec "$PWD/$BUILD/tsan/dill.bin" "\$@"
END
    chmod +x "$BUILD/tsan/dill"
}

# Unit tests and fuzzers: tests/unit_NAME.c and tests/fuzz_NAME.c include the .c files whose insides they need, and
# are linked with the objects of all others but dill.c, which has main.

others() { # DIR SOURCE: the objects in DIR that SOURCE does not include
    local object name
    for object in "$1"/*.o; do
        name=$(basename "$object" .o)
        [ "$name" = dill ] || grep -q "^#include \"\(\.\./\)\?$name\.c\"" "$2" || printf '%s\n' "$object"
    done
}

build_unit() { # SOURCE PROGRAM
    local list
    mapfile -t list < <(others "$BUILD/asan" "$1")
    gcc "${ASAN[@]}" -std=c11 -Wall -Wextra -pthread -I. "$1" "${list[@]}" -o "$2"
}

unit() {
    local source name status
    heading "unit tests (ASan, UBSan)"
    check "build" build_asan
    for source in tests/unit_*.c; do
        [ -e "$source" ] || { miss "there are no unit tests"; return; }
        name=$(basename "$source" .c)
        rm -f "$BUILD/$name"
        start "$name builds" build_unit "$source" "$BUILD/$name"
    done
    collect
    for source in tests/unit_*.c; do
        name=$(basename "$source" .c)
        [ -x "$BUILD/$name" ] || continue
        timeout 120 "$BUILD/$name" >"$BUILD/$name.log" 2>"$BUILD/$name.err" </dev/null
        status=$?
        grep -E '^FAIL|^not ok' "$BUILD/$name.log"
        count "unit ${name#unit_}" "$BUILD/$name.log" "$status"
        [ ! -s "$BUILD/$name.err" ] || miss "$name printed to stderr" "$BUILD/$name.err"
    done
}

FUZZ=(-O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link -fsanitize=address -fsanitize=undefined
    -fno-sanitize-recover=undefined)

build_fuzzer() { # SOURCE PROGRAM
    local list
    mapfile -t list < <(others "$BUILD/fuzz" "$1")
    clang "${FUZZ[@]}" -fsanitize=fuzzer -std=c11 -Wall -Wextra -pthread -I. "$1" "${list[@]}" -o "$2"
}

replay() { # PROGRAM CORPUS-FILE...: every file, once
    timeout 120 "$@" && [ $# -gt 1 ]
}

explore() { # PROGRAM CORPUS: new inputs stay in build/
    mkdir -p "$1.new"
    timeout $((FUZZ_SECONDS + 60)) "$1" -max_total_time="$FUZZ_SECONDS" -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
        -artifact_prefix="$1." -print_final_stats=1 "$1.new" "$2"
}

fuzz() {
    local source name what
    heading "fuzzers: the corpus, then $FUZZ_SECONDS s each"
    check "build" objects "$BUILD/fuzz" clang "${FUZZ[@]}"
    for what in build replay explore; do
        for source in tests/fuzz_*.c; do
            [ -e "$source" ] || { miss "there are no fuzzers"; return; }
            name=$(basename "$source" .c)
            case $what in
            build)
                rm -f "$BUILD/fuzz/$name"
                start "$name builds" build_fuzzer "$source" "$BUILD/fuzz/$name"
                ;;
            replay) start "$name corpus" replay "$BUILD/fuzz/$name" "tests/corpus/${name#fuzz_}"/* ;;
            explore) start "$name explores" explore "$BUILD/fuzz/$name" "tests/corpus/${name#fuzz_}" ;;
            esac
        done
        collect
    done
}

# System tests

system() {
    local name slow files status
    heading "system tests"
    for name in $VARIANTS; do
        slow=1 files=''
        case $name in
        plain) check "build $name" variant plain gcc -O2 ;;
        poll) # another loop: what has nothing to do with one need not be seen again
            check "build $name" variant poll gcc -O2 -DLOOP_POLL
            files="cluster socks clients proxy process admission health status"
            ;;
        asan) [ -n "$ASAN_BUILT" ] || check "build $name" build_asan; slow=3 ;;
        tsan) # what is said before the first thread starts, or by a browser, has no race
            check "build $name" build_tsan
            slow=3
            files="cluster operator metrics faults socks clients consul proxy process log admission health state sources status"
            ;;
        *) miss "no variant is called $name"; continue ;;
        esac
        if [ ! -x "$BUILD/$name/dill" ]; then miss "system $name: no binary"; continue; fi
        DILL=$BUILD/$name/dill TEST_SLOW=$slow TEST_FILES=$files ./test.sh >"$BUILD/system-$name.log" 2>"$BUILD/system-$name.err"
        status=$?
        grep '^FAIL' "$BUILD/system-$name.log"
        [ "$status" -eq 0 ] || sed 's/^/    /' "$BUILD/system-$name.err"
        count "system $name" "$BUILD/system-$name.log" "$status"
    done
}

# Live traffic through one fault after the other, in its quick form.

faults() {
    local status
    heading "faults"
    [ -x "$BUILD/plain/dill" ] || check "build plain" variant plain gcc -O2
    DILL=$BUILD/plain/dill tests/faults.sh --quick >"$BUILD/faults.log" 2>&1
    status=$?
    [ "$status" -eq 0 ] || cat "$BUILD/faults.log"
    count "faults" "$BUILD/faults.log" "$status"
}

# Sessions of every sort through each build, every byte checked at both ends, with ordinary and with tiny buffers in the
# kernel. The last build has knobs that force the rare path: nothing is spliced, and 100 bytes are read at a time.

torture() {
    local name
    heading "torture: 5,000 sessions"
    check "build knobs" variant knobs gcc -O2 -DRELAY_COPY -DRELAY_SCRATCH=100
    for name in $VARIANTS knobs; do
        [ -x "$BUILD/$name/dill" ] || { miss "torture $name: no binary"; continue; }
        case $name in
        knobs) export MAX=100000 ;;
        asan | tsan) export MAX=200000 ;;
        *) export MAX=1000000 ;;
        esac
        check "torture $name" timeout 300 env SEEDS=$RANDOM bench/torture.sh "$BUILD/$name/dill"
    done
}

[ $# -gt 0 ] || set -- lint unit fuzz system faults torture
for part in "$@"; do
    [[ $part == lint || $part == unit || $part == fuzz || $part == system || $part == faults ||
        $part == torture ]] ||
        { echo "tests: no part is called $part" >&2; exit 2; }
done
need_tools
mkdir -p "$BUILD"
ASAN_BUILT=
start=$SECONDS
for part in "$@"; do
    "$part"
    [ "$part" != unit ] || ASAN_BUILT=yes
done
heading "sum, after $((SECONDS - start)) s"
[ ${#failures[@]} -eq 0 ] || printf 'failed: %s\n' "${failures[@]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
