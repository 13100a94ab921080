# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: SIGUSR2, a new process in place of the old one, and clients that must not notice.

# A program whose place others can take: $T/bin/dill, a link at first. start_upgradable [VAR=VALUE | ARGUMENT]...: dill by that
# path, with a pid file.
start_upgradable() {
    mkdir -p "$T/bin"
    ln -sfn "$DILL" "$T/bin/dill"
    PROGRAM=$T/bin/dill
    DILL=$PROGRAM start_bare "DILL_RUNTIME_PID_FILE=$T/pid" "$@"
    must 5 "the pid file" pid_is "$DILL_PID"
}

place() { # a program at dill's path: its text comes from stdin
    cat >"$T/bin/new"
    chmod 755 "$T/bin/new"
    mv -T "$T/bin/new" "$T/bin/dill"
}

replace_link() { # the good program again
    ln -s "$DILL" "$T/bin/new"
    mv -T "$T/bin/new" "$T/bin/dill"
}

pid_is() { [ "$(cat "$T/pid" 2>/dev/null)" = "$1" ]; }

charged() { [ "$(log_count 'upgrade: this process is in charge')" -ge "$1" ]; }

# upgrade [COUNT]: SIGUSR2 to the process in charge, and waits until another one is, the COUNT-th in this log. Sets OLD and
# DILL_PID, which is no child of ours.
upgrade() {
    OLD=$(cat "$T/pid")
    kill -USR2 "$OLD"
    must 10 "the new process" charged "${1:-1}"
    must 5 "the pid file" not pid_is "$OLD"
    DILL_PID=$(cat "$T/pid")
    UPGRADED+=("$DILL_PID")
}
UPGRADED=()

gone() { ! kill -0 "$1" 2>/dev/null; }

old_ended() { # PID: it has exited 0, if it was our child
    if [[ " ${DILLS[*]} " == *" $1 "* ]]; then stop_dill 0 "${2:-8}" "$1"; else must "${2:-8}" "the old process" gone "$1"; fi
}

# The last process is nobody's child here, once the others have ended.
end_upgraded() {
    kill "$DILL_PID" 2>/dev/null
    must 10 "the end of the last process" gone "$DILL_PID"
    must 1 "that the pid file is removed" not test -e "$T/pid"
}

start_through() { # NAME ARGUMENT...: tests/tools/through.py in the background; sets THROUGH
    "$PYTHON" "$TOP/tests/tools/through.py" "${@:2}" >"$T/through.$1" 2>"$T/through.$1.log" &
    THROUGH=$!
}

end_through() { # PID NAME: sets TOLD
    kill "$1"
    must 30 "the clients of $2" exited "$1"
    TOLD=$(tail -n 1 "$T/through.$2")
    [ -n "$TOLD" ] || fail "the clients of $2: $(tail -n 1 "$T/through.$2.log")"
}

case_upgrade() { # five in a row: sessions of all kinds live on, and no client is refused, reset or cut
    local ports held knocked i sent counted
    read -r -a ports < <(for ((i = 0; i < 6; i++)); do echo -n "$(next_port) "; done)
    start_program microsocks microsocks -i 127.0.0.1 -p "${PROGRAM_PORT:=${ports[5]}}"
    start_peers echo echo finfirst:hello send:$((64 << 20))
    cat >"$T/c.toml" <<END
shutdown.grace = "1s"
[[services]]
name = "plain"
listener = "local:${ports[0]}"
backends = ["127.0.0.1:${PORTS[0]}"]
[[services]]
name = "proxy"
listener = "local:${ports[1]}"
backends = ["127.0.0.1:${PORTS[1]}"]
proxy_protocol = "v1"
[[services]]
name = "socks"
listener = "local:${ports[2]}"
backends = ["127.0.0.1:${PORTS[0]}"]
proxy = "socks5://127.0.0.1:$PROGRAM_PORT"
[[services]]
name = "half"
listener = "local:${ports[3]}"
backends = ["127.0.0.1:${PORTS[2]}"]
[[services]]
name = "long"
listener = "local:${ports[4]}"
backends = ["127.0.0.1:${PORTS[3]}"]
END
    start_upgradable -c "$T/c.toml"
    start_through knock knock 500 "${ports[0]}"
    knocked=$THROUGH
    for i in 1 2 3 4 5; do # each process has sessions of its own, of which the oldest live through all upgrades
        start_through "hold$i" hold 40 "${ports[0]}" "${ports[1]}:proxy" "${ports[2]}" "${ports[3]}:first" "${ports[4]}:drip"
        held[i]=$THROUGH
        must 20 "the sessions" grep -q there "$T/through.hold$i"
        upgrade "$i"
    done
    sleep 0.5
    exited "$OLD" && fail "the old process has not waited for its sessions"
    counted=0
    for i in 1 2 3 4 5; do
        end_through "${held[i]}" "hold$i"
        [[ $TOLD =~ ^([0-9]+)\ bytes\ sent,\ 40\ same$ ]] || fail "the sessions of process $i: $TOLD"
        counted=$((counted + BASH_REMATCH[1]))
    done
    end_through "$knocked" knock
    [[ $TOLD =~ ^[0-9]+\ whole$ ]] || fail "the clients: $TOLD"
    must 5 "the ends of half-closed sessions" first_ended 40
    sent=$(awk '$2 == "count" { n += $3 } END { print n }' "$PEER_LOG")
    same "bytes of half-closed sessions" "$counted" "$sent"
    for i in "${DILLS[@]}" "${UPGRADED[@]:0:4}"; do old_ended "$i"; done
    end_upgraded
}

first_ended() { [ "$(grep -c '^3 count .* fin$' "$PEER_LOG")" -eq "$1" ]; }
