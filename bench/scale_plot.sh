#!/bin/bash
# Draws what bench/scale.sh measured: bench/scale_plot.sh [SCALE.tsv [PICTURE.svg]]. Needs gnuplot (Debian: gnuplot-nox).
set -eu -o pipefail
cd "$(dirname "$0")/.."
RESULTS=${1:-build/bench/scale.tsv}
PICTURE=${2:-build/bench/scale.svg}
DATA=$(mktemp -d)
trap 'rm -r "$DATA"' EXIT

# One file for each line of the picture: NAME COLUMN TITLE. Prints the plot's words for it, where it was measured.
line() {
    awk -F'\t' -v name="$1" -v column="$2" '$1 == name && $column + 0 > 0 { print $2, $column }' "$RESULTS" | sort -n >"$DATA/$1"
    [ ! -s "$DATA/$1" ] || printf '"%s" title "%s", ' "$DATA/$1" "$3"
}

panel() { # TITLE X Y LINES
    [ -n "$4" ] || return 0
    echo "set title \"$1\""
    echo "set xlabel \"$2\""
    echo "set ylabel \"$3\""
    echo "plot ${4%, }"
}

{
    cat <<END
set terminal svg size 1000,900 font "sans,12" background "#ffffff"
set output "$PICTURE"
set style data linespoints
set logscale xy
set grid lc "#dddddd"
set border 3
set tics nomirror
set key outside right top
set multiplot layout 2,1
END
    panel "CPU of one change in Consul, and of the same in others" services ms "$(
        line start 5 start
        line registration 5 registration
        line flap 5 "check that flips"
        line instance 5 "new instance"
        line foreign 5 "foreign registration"
        line "HAProxy: add server" 3 "HAProxy: add server"
        line "HAProxy: reload, listener" 3 "HAProxy: reload"
        line "nginx: reload, listener" 3 "nginx: reload")"
    panel "CPU of a connection, by the backends of its listener" backends µs "$(
        line round_robin 3 round_robin
        line random 3 random
        line p2c 3 p2c
        line least_conn 3 least_conn)"
} | gnuplot
echo "$PICTURE" >&2
