#!/bin/bash
# Everything that `make test` checks. The last line is `N passed, N failed`, and the exit status says the same.
#
#     tests/all.sh [--installed] [lint] [unit] [fuzz] [system] [scale] [faults] [torture]   all parts, or those named
#
# Every tool has to be there. With --installed (lint and unit only: `make check`) a tool that is missing is named, and its
# checks are left out: they count neither as passed nor as failed.
#
# Builds go to build/ and leave the rest of the tree alone. Environment: CC (default gcc, or else cc); FUZZ_SECONDS, how
# long each fuzzer runs after its corpus (default 5); VARIANTS, the builds that the system tests drive (default: plain
# sandbox poll tls mtls asan tsan).
set -u
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
BUILD=build
FUZZ_SECONDS=${FUZZ_SECONDS:-5}
VARIANTS=${VARIANTS:-plain sandbox poll tls mtls asan tsan}
CORES=$(nproc 2>/dev/null || echo 2)
[ -n "${CC:-}" ] || { CC=gcc; command -v gcc >/dev/null || CC=cc; }
unset MAKEFLAGS MFLAGS      # of the make that has started this: ours have flags of their own

passed=0
failed=0
failures=()
missing=()
installed=

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
    local tool
    for tool in gcc clang musl-gcc make objdump strip shellcheck cppcheck curl nc openssl python3 prlimit flock ip sysctl \
        dnsmasq unbound knotd kdig redis-server haproxy nginx microsocks danted prometheus promtool chromium systemd-analyze; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    openssl_headers || missing+=("OpenSSL's headers")
    [ ${#missing[@]} -eq 0 ] && return
    printf 'tests: missing: %s\ntests: on Debian: apt-get install %s\n' "${missing[*]}" \
        "$(grep -v '^#' tests/packages.txt | tr '\n' ' ')" >&2
    echo "0 passed, 1 failed"
    exit 1
}

has() { # TOOL WHAT: TOOL is there, or WHAT is left out
    command -v "$1" >/dev/null && return
    left_out "$1" "$2"
}

left_out() { # TOOL WHAT
    printf -- '-    %s: left out, %s is not installed\n' "$2" "$1"
    [[ " ${missing[*]} " == *" $1 "* ]] || missing+=("$1")
    return 1
}

openssl_headers() { printf '#include <openssl/ssl.h>\n' | "$CC" -fsyntax-only -x c -; } 2>/dev/null

has_tls() { # WHAT: what is built with TLS=openssl can be, or WHAT is left out
    has openssl "$1" || return
    openssl_headers || left_out "OpenSSL's headers" "$1"
}

# Lint

header_alone() { printf '#include "%s"\n' "$1" | "$CC" -std=c11 -Wall -Wextra -Wpedantic -Werror -I. -fsyntax-only -x c -; }

lacks_aws() { # DILL: without AWS, what is said to its sources is an error, not passed over
    local out words table=routing.dynamodb
    for words in "--$table.proxy x" "--backend dynamodb --proxy x" "--elasticache-cluster-id x" "-c $BUILD/aws.toml"; do
        printf '[%s]\nproxy = "x"\n' "$table" >"$BUILD/aws.toml"
        # shellcheck disable=SC2086  # words
        out=$("$1" -t $words 2>&1) && { echo "-t $words is fine"; return 1; }
        [[ $out == *"AWS=no"* ]] || { echo "-t $words: $out"; return 1; }
    done
    ! out=$(DILL_ROUTING_ELASTICACHE_CLUSTER_ID=x "$1" -t 2>&1) && [[ $out == *"AWS=no"* ]]
}

static_size() { # the static musl binary is small
    local size small
    make -B dill-static MUSL_CC="musl-gcc -Werror" AWS=no || return
    small=$(wc -c <dill-static)
    lacks_aws ./dill-static || return
    make -B dill-static MUSL_CC="musl-gcc -Werror" || return
    size=$(wc -c <dill-static)
    echo "$size bytes; $small without AWS"
    [ "$small" -lt $((size - 20000)) ] || return
    [ "$size" -le 409600 ]
}

no_needless_libraries() { ! objdump -p "$BUILD/plain/dill" | grep NEEDED | grep -Ev 'lib(c|pthread)\.so'; }

# The README names every key that dill knows, and its table of them no other.
readme_keys() {
    local key bad=0
    "$BUILD/plain/dill" --help | grep -oE '\b(listeners|backends|consul|proxy|health|dns|shutdown|peek|status|runtime|log|state|upgrade|routing|aws|tls)(\.[a-z_]+)+' |
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

unit_file() { # packaging/dill.service is one that systemd takes without a word, and calls safe (2.0 of 10, or less)
    local file=$BUILD/dill.service out
    sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' packaging/dill.service >"$file"
    out=$(systemd-analyze verify --man=no "$file" 2>&1) || out+=" (it is refused)"
    [ -z "$out" ] || { echo "$out"; return 1; }
    systemd-analyze security --offline=true --threshold=20 packaging/dill.service
}

lint() {
    local header scripts=()
    heading "lint"
    check "$CC -O2, warnings are errors" variant plain "$CC" -O2 -Werror
    has clang "clang's warnings" && check "clang -O2, warnings are errors" variant clang clang -O2 -Werror
    has_tls "TLS=openssl" && TLS=openssl check "$CC -O2 TLS=openssl, warnings are errors" variant tls "$CC" -O2 -Werror
    has musl-gcc "the static binary" &&
        start "musl-gcc -static, warnings are errors, at most 400 KB" static_size
    scripts=(./*.sh .ci/run bench/*.sh tests/*.sh tests/*/*.sh)
    has shellcheck "shell scripts" && start "shellcheck" shellcheck -x "${scripts[@]}"
    has cppcheck "cppcheck" &&
        start "cppcheck" cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
            --suppress=missingIncludeSystem --error-exitcode=1 -j "$CORES" ./*.c
    has systemd-analyze "packaging/dill.service" && start "packaging/dill.service" unit_file
    for header in *.h; do start "$header compiles alone" header_alone "$header"; done
    collect
    has objdump "nothing but libc is needed" && check "nothing but libc is needed" no_needless_libraries
    check "README.md and --help name the same keys" readme_keys
    if has python3 "order, includes, names and length of functions"; then
        LINES_OF_DETAIL=200 check "order, includes, names and length of functions (ARCHITECTURE.md)" python3 tests/lint.py
        check "python compiles" python3 -c 'import ast, sys
for name in sys.argv[1:]: ast.parse(open(name).read(), name)' bench/*.py tests/*.py tests/*/*.py
    fi
}

# Builds

build() { # NAME COMPILER CFLAGS TARGET...: files below build/NAME, as the Makefile makes them
    local dir=$BUILD/$1 compiler=$2 flags=$3
    shift 3
    make -s -k -j "$CORES" OBJ="$dir" PROGRAM="$dir/dill" CC="$compiler" CFLAGS="$flags" "${@/#/$dir/}"
}

variant() { # NAME COMPILER FLAG...
    build "$1" "$2" "${*:3}" dill
}

ASAN=(-O1 -g -fno-omit-frame-pointer -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined)
build_asan() { variant asan "$CC" "${ASAN[@]}"; }

sanitizers() { # the compiler has them, with the libraries they need
    printf 'int main(void) { return 0; }\n' >"$BUILD/probe.c"
    "$CC" "${ASAN[@]}" "$BUILD/probe.c" -o "$BUILD/probe" && "$BUILD/probe"
} >/dev/null 2>&1

# Some kernels place memory where a ThreadSanitizer build cannot live unless randomization is off.
build_tsan() {
    variant tsan.bin clang -O1 -g -fsanitize=thread || return
    mkdir -p "$BUILD/tsan"
    cat >"$BUILD/tsan/dill" <<END
#!/bin/bash
fixed=()
if setarch "\$(uname -m)" -R true 2>/dev/null; then fixed=(setarch "\$(uname -m)" -R); fi
exec "\${fixed[@]}" bash -c 'exec -a "\$0" "$PWD/$BUILD/tsan.bin/dill" "\$@"' "\$0" "\$@" # an upgrade comes back here
END
    chmod +x "$BUILD/tsan/dill"
}

build_sandbox() {
    [ -x "$BUILD/plain/dill" ] || variant plain "$CC" -O2 -Werror || return
    /usr/bin/python3 -c 'import seccomp' || return
    mkdir -p "$BUILD/sandbox"
    # shellcheck disable=SC2016  # words of another script
    printf '#!/bin/sh\nexec /usr/bin/python3 "%s" --kill "%s" "%s" "$0" "$@"\n' "$PWD/tests/tools/sandbox.py" \
        "$PWD/packaging/dill.service" "$PWD/$BUILD/plain/dill" >"$BUILD/sandbox/dill"
    chmod +x "$BUILD/sandbox/dill"
}

# tests_of KIND NAME COMPILER CFLAGS: builds what is made of tests/KIND/*.c, and sets PROGRAMS to what was built
tests_of() {
    local kind=$1 source program programs=()
    PROGRAMS=()
    for source in "tests/$kind"/*.c; do
        [ -e "$source" ] || { miss "there are no sources in tests/$kind"; return; }
        # shellcheck disable=SC2053  # a pattern
        [[ ${source##*/} == ${only:-*} ]] || continue
        programs+=("${source%.c}")
    done
    rm -f "${programs[@]/#/$BUILD/$2/}"
    check "build" build "$2" "$3" "$4" "${programs[@]}"
    for program in "${programs[@]}"; do
        if [ -x "$BUILD/$2/$program" ]; then PROGRAMS+=("$BUILD/$2/$program"); else miss "$program was not built"; fi
    done
}

unit() {
    heading "unit tests (ASan, UBSan)"
    if [ -n "$installed" ] && ! sanitizers; then
        left_out "a compiler with sanitizers" "ASan and UBSan"
        ASAN=(-O1 -g)
    fi
    units asan
    if has_tls "unit tests with TLS=openssl"; then
        heading "unit tests (ASan, UBSan, TLS=openssl)"
        # those that connect, or ask what may be connected to
        TLS=openssl only='@(tls|http|url|config|option|consul_agent|nomad|aws|claims)*' units asan-tls
    fi
    work
}

units() { # NAME: of the build
    local program name status
    tests_of unit "$1" "$CC" "${ASAN[*]}"
    for program in "${PROGRAMS[@]}"; do
        name=${program##*/}
        timeout 120 "$program" >"$program.log" 2>"$program.err" </dev/null
        status=$?
        grep -E '^FAIL|^not ok' "$program.log"
        count "unit $name" "$program.log" "$status"
        [ ! -s "$program.err" ] || miss "unit $name printed to stderr" "$program.err"
    done
}

# Built so that the compiler calls the test for each branch, and libc's functions go through the test.
WORK=(-O1 -g -fno-builtin -fsanitize-coverage=trace-pc)
WORK_WRAPS=strlen,strcmp,memcmp,memcpy,memmove,memchr,strchr,vsnprintf

counts_work() { # the compiler and the linker can do that
    printf 'void __sanitizer_cov_trace_pc(void);\n#ifdef __clang__\n__attribute__((no_sanitize("coverage")))\n#else\n%s\n#endif\n%s\n' \
        '__attribute__((no_sanitize_coverage))' 'void __sanitizer_cov_trace_pc(void) { } int main(void) { return 0; }' >"$BUILD/probe.c"
    "$CC" -Werror "${WORK[@]}" -Wl,--wrap=strlen "$BUILD/probe.c" -o "$BUILD/probe"
} >/dev/null 2>&1

# What may not grow faster than n log n.
work() {
    local program name status
    heading "work against size"
    if [ -n "$installed" ] && ! counts_work; then
        left_out "a compiler with -fsanitize-coverage=trace-pc" "the tests that count work"
        return
    fi
    LDFLAGS="-Wl,--wrap=${WORK_WRAPS//,/,--wrap=}" tests_of work work "$CC" "${WORK[*]}"
    for program in "${PROGRAMS[@]}"; do
        name=${program##*/}
        timeout 300 "$program" >"$program.log" 2>&1 </dev/null
        status=$?
        grep '^FAIL' "$program.log"
        count "work $name" "$program.log" "$status"
    done
}

FUZZ="-O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link -fsanitize=address -fsanitize=undefined"
FUZZ+=" -fno-sanitize-recover=undefined"

replay() { # PROGRAM CORPUS-FILE...: every file, once
    timeout 120 "$@" && [ $# -gt 1 ]
}

explore() { # PROGRAM CORPUS: new inputs stay in build/
    mkdir -p "$1.new"
    timeout $((FUZZ_SECONDS + 60)) "$1" -max_total_time="$FUZZ_SECONDS" -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
        -artifact_prefix="$1." -print_final_stats=1 "$1.new" "$2"
}

fuzz() {
    local program name
    heading "fuzzers: the corpus, then $FUZZ_SECONDS s each"
    LDFLAGS=-fsanitize=fuzzer tests_of fuzz fuzz clang "$FUZZ"
    for program in "${PROGRAMS[@]}"; do
        name=${program##*/}
        start "fuzz $name: corpus" replay "$program" "tests/fuzz/corpus/$name"/*
    done
    collect
    for program in "${PROGRAMS[@]}"; do
        name=${program##*/}
        start "fuzz $name: explores" explore "$program" "tests/fuzz/corpus/$name"
    done
    collect
}

# System tests

# Where a call that packaging/dill.service refuses ends the process.
SANDBOXED="upgrade session socks proxy process state names"

not_sandboxed() { # all other files, unless there is no sandbox
    local file
    for file in tests/cases/*.sh; do
        file=$(basename "$file" .sh)
        [[ " $VARIANTS " == *" sandbox "* && " $SANDBOXED " == *" $file "* ]] || printf '%s ' "$file"
    done
}

system() {
    local name of slow files tls status
    heading "system tests"
    for name in $VARIANTS; do
        of=$name slow=1 files='' tls=''
        case $name in
        plain) check "build $name" variant plain "$CC" -O2 -Werror; files=$(not_sandboxed) ;;
        poll) # another loop: what has nothing to do with one need not be seen again
            check "build $name" variant poll "$CC" -O2 -DLOOP_POLL
            files="cluster proxy process health names upgrade"
            ;;
        tls | mtls) # what TLS changes; and as Consul's agent takes nothing but https with a client's certificate
            TLS=openssl check "build tls" variant tls "$CC" -O2 -Werror
            of=tls
            files="agent aws nomad programs sources config"
            [ "$name" = tls ] || files="tls consul state cluster" tls=yes
            ;;
        asan) check "build $name" build_asan; slow=3 ;;
        tsan) # what is said before the first thread starts, or by a browser, has no race
            check "build $name" build_tsan
            slow=3
            files="cluster operator metrics faults socks clients consul proxy process admission health state status names upgrade"
            ;;
        sandbox) check "build $name" build_sandbox; files=$SANDBOXED ;;
        *) miss "no variant is called $name"; continue ;;
        esac
        if [ ! -x "$BUILD/$of/dill" ]; then miss "system $name: no binary"; continue; fi
        DILL=$BUILD/$of/dill TEST_SLOW=$slow TEST_FILES=$files TEST_TLS=$tls ./test.sh \
            >"$BUILD/system-$name.log" 2>"$BUILD/system-$name.err"
        status=$?
        grep -E '^FAIL|^skip' "$BUILD/system-$name.log"
        [ "$status" -eq 0 ] || sed 's/^/    /' "$BUILD/system-$name.err"
        count "system $name" "$BUILD/system-$name.log" "$status"
    done
}

# Live traffic through one fault after the other, in its quick form.

faults() {
    local status
    heading "faults"
    [ -x "$BUILD/plain/dill" ] || check "build plain" variant plain "$CC" -O2 -Werror
    DILL=$BUILD/plain/dill tests/faults.sh --quick >"$BUILD/faults.log" 2>&1
    status=$?
    [ "$status" -eq 0 ] || cat "$BUILD/faults.log"
    count "faults" "$BUILD/faults.log" "$status"
}

# What a change costs, by how many services there are: requests and bytes, which have bounds.

scale() {
    heading "what a change costs"
    [ -x "$BUILD/plain/dill" ] || check "build plain" variant plain "$CC" -O2 -Werror
    check "requests and bytes of a change" timeout 300 env DILL="$BUILD/plain/dill" bench/scale.sh --check
}

# Sessions of every sort through each build, every byte checked at both ends, with ordinary and with tiny buffers in the
# kernel. The last build has knobs that force the rare path: nothing is spliced, and 100 bytes are read at a time.

torture() {
    local name
    heading "torture: 5,000 sessions"
    check "build knobs" variant knobs "$CC" -O2 -DRELAY_COPY -DRELAY_SCRATCH=100
    for name in $VARIANTS knobs; do
        [[ $name != *tls && $name != sandbox ]] || continue    # sessions are the same there
        [ -x "$BUILD/$name/dill" ] || { miss "torture $name: no binary"; continue; }
        case $name in
        knobs) export MAX=100000 ;;
        asan | tsan) export MAX=200000 ;;
        *) export MAX=1000000 ;;
        esac
        check "torture $name" timeout 300 env SEEDS=$RANDOM bench/torture.sh "$BUILD/$name/dill"
    done
}

if [ "${1:-}" = --installed ]; then
    installed=yes
    shift
fi
[ $# -gt 0 ] || set -- lint unit fuzz system scale faults torture
for part in "$@"; do
    case $installed:$part in
    *:lint | *:unit | :fuzz | :system | :scale | :faults | :torture) ;;
    *) echo "tests: no part is called $part${installed:+ with --installed}" >&2; exit 2 ;;
    esac
done
[ -n "$installed" ] || need_tools
mkdir -p "$BUILD"
start=$SECONDS
for part in "$@"; do "$part"; done
heading "sum, after $((SECONDS - start)) s"
[ ${#failures[@]} -eq 0 ] || printf 'failed: %s\n' "${failures[@]}"
[ ${#missing[@]} -eq 0 ] || { printf -v missing '%s, ' "${missing[@]}"; echo "left out, not installed: ${missing%, }"; }
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
