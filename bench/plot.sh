#!/bin/bash
# Draws what bench/run.sh measured: bench/plot.sh [RESULTS.tsv [PICTURE.svg]]. Needs gnuplot (Debian: gnuplot-nox).
set -eu -o pipefail
cd "$(dirname "$0")/.."
RESULTS=${1:-build/bench/results.tsv}
PICTURE=${2:-build/bench/results.svg}
DATA=$(mktemp -d)
trap 'rm -r "$DATA"' EXIT

# A matrix for gnuplot: a line for each "label case figure" of stdin, a column for each proxy; with RELATIVE, each line
# is divided by what that proxy has.
matrix() { # RELATIVE PROXY...
    local relative=$1
    shift
    awk -v relative="$relative" -v list="$*" '
        BEGIN { n = split(list, proxy, " ") }
        NR == FNR { value[$1, $2, $3] = $4; next }
        {
            base = relative == "" ? 1 : value[$2, $3, relative]
            line = $1
            for (i = 1; i <= n; i++) {
                v = value[$2, $3, proxy[i]]
                line = line " " (v == "" || !base ? "NaN" : v / base)
                any[$1] = any[$1] v
            }
            if (any[$1] != "") print line
        }' "$DATA/values" -
}

awk -v values=1 -f bench/table.awk "$RESULTS" >"$DATA/values"
PROXIES=$(cut -d' ' -f3 "$DATA/values" | awk '!($0 in seen) && $0 != "direct" { seen[$0]; print }' | tr '\n' ' ')

# shellcheck disable=SC2086
matrix floor $PROXIES >"$DATA/cpu" <<END
connection connrate cpu_us
64_B rr-64-64 cpu_us
4_KiB rr-64-4096 cpu_us
16_KiB rr-64-16384 cpu_us
GB,/1_stream bulk-1-up cpu_s_per_gb
GB,/16_streams bulk-16-up cpu_s_per_gb
GB,/both_ways bulk-16-both cpu_s_per_gb
END
# shellcheck disable=SC2086
matrix "" $PROXIES >"$DATA/latency" <<END
connections,/2000_a_second paced-connrate p99_us
1_connection,/2000_a_second paced-rr-1-64 p99_us
64_connections,/20000_a_second paced-rr-64-64 p99_us
64_of_16_KiB,/10000_a_second paced-rr-64-16384 p99_us
END
# shellcheck disable=SC2086
matrix "" $PROXIES >"$DATA/memory" <<END
1000 idle-1000 bytes_per_session
3000 idle-3000 bytes_per_session
9000 idle-9000 bytes_per_session
END

panel() { # FILE TITLE
    [ -s "$DATA/$1" ] || return 0
    echo "set title \"$2 (less is better)\""
    echo "plot for [i=1:words(names)] \"$DATA/$1\" using (column(i + 1)):xtic(label(stringcolumn(1))) \\"
    echo "    title name(i) lc rgb colour(name(i))"
}

{
    cat <<END
set terminal svg size 1100,1000 font "sans,12" background "#ffffff"
set output "$PICTURE"
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9
set xtics nomirror scale 0
set ytics nomirror
set grid ytics lc "#dddddd"
set border 3
set key outside right top
names = "$PROXIES"
name(i) = word(names, i)
label(s) = system("echo '" . s . "' | tr '_/' ' \\n'")
colour(s) = s eq "floor" ? "#999999" : s eq "dill" ? "#c0392b" : s eq "dill-poll" ? "#e8a29a" : \
    s eq "haproxy" ? "#1f4e79" : s eq "haproxy-splice" ? "#5b9bd5" : s eq "nginx" ? "#4f8f3a" : \
    s eq "nginx-new" ? "#9bca86" : s eq "haproxy-new" ? "#6a4c93" : s eq "haproxy-new-splice" ? "#b9a3d6" : "#c9a227"
set multiplot layout 3,1
set yrange [0:*]
END
    panel cpu "CPU of the proxy for the same work, of that of a bare relay loop"
    panel latency "p99 in µs at equal load"
    echo "set logscale y"
    echo "set yrange [10:*]"
    panel memory "Bytes of user memory per idle session, by how many there are, log scale"
} | gnuplot
echo "$PICTURE" >&2
