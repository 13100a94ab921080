# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: SIGUSR2, a new process in place of the old one, and clients that must not notice.

# A program whose place others can take: $T/bin/dill, a link at first; end_case ends what is left of it. start_upgradable [VAR=VALUE | ARGUMENT]...: dill by that
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
    must 20 "the clients of $1" grep -q there "$T/through.$1"
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

# What goes wrong with the new process

failed_upgrade() { # REGEX [SECONDS]: SIGUSR2 comes to nothing, the log says why, and clients of port $p never notice
    local lines
    lines=$(log_count "$1")
    kill -USR2 "$DILL_PID"
    must "${2:-10}" "the end of it: $1" more_than "$lines" "$1"
    pid_is "$DILL_PID" || fail "the pid file has another number after: $1"
    answers "$p" a || fail "no answer after: $1"
}

more_than() { [ "$(log_count "$2")" -gt "$1" ]; }

only_child() { [ -z "$(pgrep -P "$DILL_PID")" ]; }

case_upgrade_failures() { # whatever the new one does, nothing changes, and the next one works
    local p q knocked before
    p=$(next_port) q=$(next_port)
    printf '[[services]]\nname = "web"\nlistener = "local:%s"\nbackends = ["127.0.0.1:%s"]\n[[services]]\nname = "echo"\nlistener = "local:%s"\nbackends = ["127.0.0.1:%s"]\n' \
        "$p" "$A" "$q" "$ECHO" >"$T/c.toml"
    start_upgradable -c "$T/c.toml" DILL_UPGRADE_TIMEOUT=2s
    descriptors
    before=$FDS
    start_through knock knock 50 "$q"
    knocked=$THROUGH
    rm "$T/bin/dill"
    failed_upgrade "upgrade: cannot start $T/bin/dill: No such file or directory; nothing changes"
    place <<<'no program'
    failed_upgrade "upgrade: cannot start $T/bin/dill: Exec format error; nothing changes"
    place <<<$'#!/bin/sh\nexit 3'
    failed_upgrade "process [0-9]+ ended with status 3 before its table was in force; nothing changes"
    place <<<$'#!/bin/sh\nkill -SEGV $$'
    failed_upgrade "process [0-9]+ was ended by signal 11 before its table"
    place <<<$'#!/bin/sh\nexec sleep 60'
    failed_upgrade "process [0-9]+ had no table in force within 2s: it is ended, and nothing changes"
    place <<<$'#!/bin/bash\nprintf "dill-handover 2\n" >&"$DILL_UPGRADE_FD"\nexec sleep 60'
    failed_upgrade "process [0-9]+ speaks another version of the hand-over: it is ended"
    place <<<$'#!/bin/bash\nprintf "dill-handover 1\n" >&"$DILL_UPGRADE_FD"\nexit 4' # it takes nothing
    failed_upgrade "process [0-9]+ ended with status 4 before its table"
    place <<<$'#!/bin/bash\nprintf "dill-handover 1\n" >&"$DILL_UPGRADE_FD"\nexec sleep 60'
    failed_upgrade "process [0-9]+ had no table in force within 2s"
    replace_link
    echo 'nonsense' >>"$T/c.toml"
    failed_upgrade "process [0-9]+ ended with status 1 before its table"
    log_has "c.toml:9: " || fail "the error of the configuration: $(tail -n 3 "$LOG")"
    sed -i '$d' "$T/c.toml"
    printf '[status]\nlistener = "127.0.0.1:%s"\n' "$A" >>"$T/c.toml" # in use
    failed_upgrade "process [0-9]+ ended with status 1 before its table"
    log_has "status.listener: cannot listen on 127.0.0.1:$A: Address (already )?in use" || fail "no reason for it"
    sed -i '/^\[status\]/,$d' "$T/c.toml"
    must 5 "that all children are gone" only_child
    end_through "$knocked" knock
    [[ $TOLD =~ ^[0-9]+\ whole$ ]] || fail "the clients: $TOLD"
    must 5 "the descriptors" fds_are "$before"
    start_through knock knock 50 "$q"
    knocked=$THROUGH
    upgrade
    old_ended "$OLD"
    answers "$p" a || fail "no answer of the new process"
    end_through "$knocked" knock
    [[ $TOLD =~ ^[0-9]+\ whole$ ]] || fail "the clients: $TOLD"
    end_upgraded
}

fds_are() { descriptors; [ "$FDS" -eq "$1" ]; }

case_upgrade_refused() { # one at a time; no reload meanwhile; not by the old one
    local p
    p=$(next_port)
    start_upgradable -laddr "127.0.0.1:$p" "127.0.0.1:$GREET"
    place < <(printf '#!/bin/sh\necho $$ >%s/wrapper\nwhile [ ! -e %s/go ]; do sleep 0.05; done\nexec %s "$@"\n' "$T" "$T" "$DILL")
    open_conn "$p"
    kill -USR2 "$DILL_PID"
    must 5 "the wrapper" test -s "$T/wrapper"
    kill -USR2 "$DILL_PID"
    must 5 "that a second one is refused" log_has 'upgrade: refused: one is under way'
    kill -HUP "$DILL_PID"
    must 5 "that a reload is refused" log_has 'reload: not while an upgrade is under way'
    touch "$T/go"
    must 10 "the new process" charged 1
    OLD=$DILL_PID
    DILL_PID=$(cat "$T/pid")
    same "the new process" "$(cat "$T/wrapper")" "$DILL_PID"
    kill -USR2 "$OLD"
    must 5 "that the old one refuses" log_has 'upgrade: refused: this process has handed over already'
    kill -HUP "$OLD"
    sleep 0.2
    exited "$OLD" && fail "the old process has not waited for its session"
    read -r -t 5 _ <&"$FD"
    ask "$FD" hello || fail "the session of the old process"
    answers "$p" hi || fail "the new process does not answer"
    kill "$OLD" # which cuts the session after its grace, 5 s
    must 3 "that it stops" log_has 'stopping; 1 connection'
    stop_dill 0 9 "$OLD"
    ended "$FD" 1 || fail "its session lives on"
    end_upgraded
    dill_once DILL_UPGRADE_FD=99 -laddr "127.0.0.1:$p" "127.0.0.1:$A"
    same "exit status with a variable of nobody" 1 "$RC"
    contains "its reason" 'DILL_UPGRADE_FD: "99" is no socket of an upgrade: only dill itself sets it' "$ERR"
    open_conn "$ECHO" # as a service manager may pass one on
    dill_once "DILL_UPGRADE_FD=$FD" -laddr "127.0.0.1:$p" "127.0.0.1:$A"
    same "exit status with another socket" 1 "$RC"
    contains "its reason" "DILL_UPGRADE_FD: \"$FD\" is no socket of an upgrade" "$ERR"
}

case_upgrade_pid_1() { # a container would end with it
    local p
    p=$(next_port)
    unshare --user --map-root-user --pid --fork true 2>/dev/null || skip "no namespaces"
    DILL_RUN=(unshare --user --map-root-user --pid --fork --kill-child)
    start_bare -laddr "127.0.0.1:$p" "127.0.0.1:$A"
    must 5 "the service" answers "$p" a
    kill -USR2 "$(pgrep -P "$DILL_PID")"
    must 5 "the reason" log_has 'upgrade: refused: this is process 1, with which its container ends'
    answers "$p" a || fail "it does not answer any more"
    kill "$(pgrep -P "$DILL_PID")"
    stop_dill 0 8
}

case_upgrade_drain() { # upgrade.drain ends what is left, and not shutdown.grace
    local p
    p=$(next_port)
    start_upgradable -laddr "127.0.0.1:$p" "127.0.0.1:$ECHO" DILL_UPGRADE_DRAIN=1500ms DILL_SHUTDOWN_GRACE=100ms
    open_conn "$p"
    ask "$FD" one || fail "no echo"
    upgrade
    sleep 0.5
    ask "$FD" two || fail "shutdown.grace has ended it"
    now_ms
    ended "$FD" 5 || fail "upgrade.drain has not ended it"
    old_ended "$OLD"
    end_upgraded
}

# The new process in the middle: it has taken all, and is not ready before $T/later.json is there.

half_way() { # COUNT: SIGUSR2, and waits for that. Sets NEW
    printf '[routing.file]\npath = "%s"\n' "$T/later.json" >>"$T/c.toml"
    kill -USR2 "$DILL_PID"
    must 10 "the new process has taken the sockets" more_than "$(($1 - 1))" 'opened .* why="handed over"'
    must 5 "that it waits" log_has 'error file: '
    NEW=$(pgrep -P "$DILL_PID")
}

go_on() { echo '{"services":[]}' >"$T/later.json"; }

start_web() { # [VAR=VALUE]...: one static service, at $p, and a configuration that changes
    p=$(next_port)
    printf '[[services]]\nname = "web"\nlistener = "local:%s"\nbackends = ["127.0.0.1:%s"]\n' "$p" "$GREET" >"$T/c.toml"
    start_upgradable -c "$T/c.toml" "$@"
    open_conn "$p"
    read -r -t 5 _ <&"$FD"
}

new_is_in_charge() { # without the old one
    must 10 "that the new process is in charge" pid_is "$NEW"
    answers "$p" hi || fail "the new process does not answer"
    DILL_PID=$NEW
}

killed() { # PID: a dill of ours, by the test
    kill -KILL "$1"
    wait "$1" 2>/dev/null
    DILLS=()
}

case_upgrade_old_killed() { # at each step: the new one is there, alone
    local p
    start_web
    place < <(printf '#!/bin/sh\necho $$ >%s/wrapper\nwhile [ ! -e %s/go ]; do sleep 0.05; done\nexec %s "$@"\n' "$T" "$T" "$DILL")
    kill -USR2 "$DILL_PID"          # before it has handed anything over
    must 5 "the wrapper" test -s "$T/wrapper"
    killed "$DILL_PID"
    touch "$T/go"
    NEW=$(cat "$T/wrapper")
    new_is_in_charge
    end_upgraded
    : >"$T/later.json"
    rm "$T/later.json"
    start_web                       # afterwards: it has all, and its table is not in force
    half_way 1
    killed "$DILL_PID"
    new_is_in_charge
    log_has 'upgrade: the old process has gone before it said so' || fail "nothing is said of it"
    end_upgraded
    start_web                       # while it drains
    upgrade
    killed "$OLD"
    NEW=$DILL_PID
    new_is_in_charge
    end_upgraded
}

case_upgrade_new_killed() { # at each step: the old one goes on, and its sessions live
    local p
    start_web
    place < <(printf '#!/bin/sh\necho $$ >%s/wrapper\nexec sleep 60\n' "$T")
    kill -USR2 "$DILL_PID"
    must 5 "the wrapper" test -s "$T/wrapper"
    kill -KILL "$(cat "$T/wrapper")"
    must 5 "that it is seen" log_has 'was ended by signal 9 before its table was in force; nothing changes'
    ask "$FD" one || fail "the session"
    answers "$p" hi || fail "no answer"
    replace_link
    half_way 1
    kill -KILL "$NEW"
    must 5 "that it is seen" more_than 1 'was ended by signal 9 before its table'
    ask "$FD" two || fail "the session"
    for _ in 1 2 3 4 5; do answers "$p" hi || fail "no answer"; done
    go_on
    upgrade
    ask "$FD" three || fail "the session"
    kill -KILL "$DILL_PID"
    must 5 "that it is seen" log_has "upgrade: process $DILL_PID, which is in charge, was ended by signal 9"
    ask "$FD" four || fail "the session of the old process"
    exec {FD}>&-
    CONNECTIONS=()
    old_ended "$OLD"
    rm "$T/pid"
}

case_upgrade_early() { # as long as another process is in charge, the new one takes no client, says nothing of itself and writes nothing
    local p q r i fds=()
    q=$(next_port)
    start_web "DILL_STATUS_LISTENER=127.0.0.1:$q"
    exec {FD}>&-
    CONNECTIONS=()
    r=$(next_port)
    printf '[[services]]\nname = "more"\nlistener = "local:%s"\nbackends = ["127.0.0.1:%s"]\n' "$r" "$GREET" >>"$T/c.toml"
    half_way 1
    refuses 127.0.0.1 "$r" || fail "the new process has bound what it was not handed"
    kill -STOP "$DILL_PID" # then only the new one could take them
    for ((i = 0; i < 8; i++)); do
        open_conn "$p"
        fds+=("$FD")
    done
    sleep 0.3
    kill -CONT "$DILL_PID"
    for ((i = 0; i < 8; i++)); do
        read -r -t 5 _ <&"${fds[i]}" || fail "client $i has no answer"
        same "status $i" 200 "$(curl -s -o "$T/body" -w '%{http_code}' "http://127.0.0.1:$q/status")"
    done
    kill -HUP "$NEW"
    must 5 "that it does not reload" log_has 'reload: not while an upgrade is under way'
    pid_is "$DILL_PID" || fail "the new process has written the pid file"
    kill -KILL "$NEW"
    must 5 "that its end is seen" log_has 'was ended by signal 9 before its table'
    for ((i = 0; i < 8; i++)); do ask "${fds[i]}" "$i" || fail "client $i was lost"; done
    go_on
    kill -USR2 "$DILL_PID"
    must 10 "the new process" charged 1
    OLD=$DILL_PID
    must 5 "the pid file" not pid_is "$OLD"
    DILL_PID=$(cat "$T/pid")
    answers "$p" hi || fail "the new process does not answer"
    answers "$r" hi || fail "what is new in its configuration is not open"
    same "its status" 200 "$(curl -s -o "$T/body" -w '%{http_code}' "http://127.0.0.1:$q/status")"
    for ((i = 0; i < 8; i++)); do ask "${fds[i]}" "$i" || fail "client $i was lost by the upgrade"; done
    for i in "${fds[@]}"; do exec {i}>&-; done
    CONNECTIONS=()
    old_ended "$OLD"
    dill_once "DILL_RUNTIME_PID_FILE=$T/pid" "DILL_STATUS_LISTENER=127.0.0.1:$q"
    same "exit status of one that cannot listen" 1 "$RC"
    pid_is "$DILL_PID" || fail "it has taken the pid file with it"
    end_upgraded
}

case_upgrade_at_once() { # SIGUSR2 as soon as the process before is in charge, and while it stops
    local p i count
    start_web
    for ((i = 1; i <= 8; i++)); do # the session makes the first one stay
        kill -USR2 "$(cat "$T/pid")"
        must 10 "the new process $i" charged "$i"
    done
    OLD=$DILL_PID
    must 5 "the pid file" not pid_is "$OLD"
    must 10 "that one is left beside the first" log_has_count 8 'upgrade: process [0-9]+ is in charge'
    lacks "refusals" refused "$(grep 'upgrade: refused' "$LOG")"
    DILL_PID=$(cat "$T/pid")
    answers "$p" hi || fail "no answer"
    exec {FD}>&-
    CONNECTIONS=()
    old_ended "$OLD"
    open_conn "$p"
    read -r -t 5 _ <&"$FD"
    count=$(log_count 'is started as process')
    kill "$DILL_PID"
    must 5 "that it stops" log_has 'stopping; 1 connection$'
    kill -USR2 "$DILL_PID"
    must 5 "that it refuses" log_has 'upgrade: refused: this process is stopping'
    same "processes" "$count" "$(log_count 'is started as process')"
    exec {FD}>&-
    CONNECTIONS=()
    must 8 "its end" gone "$DILL_PID"
    must 1 "that the pid file is removed" not test -e "$T/pid"
}

case_upgrade_stopped() { # SIGTERM while the new one is under way ends both
    local p
    start_web
    half_way 1
    exec {FD}>&-
    CONNECTIONS=()
    kill "$DILL_PID"
    stop_dill 0 8
    must 5 "the new process" gone "$NEW"
    refuses 127.0.0.1 "$p" || fail "somebody listens"
    [ ! -e "$T/pid" ] || fail "the pid file is still there"
}

case_upgrade_notify() { # the manager hears of the new process from the old one, and READY from the new one
    local p
    receive "$T/notify"
    p=$(next_port)
    start_upgradable -laddr "127.0.0.1:$p" "127.0.0.1:$A" "NOTIFY_SOCKET=$T/notify"
    must 5 "READY" notified '^READY=1'
    upgrade
    must 5 "READY of the new process" notified_last '^READY=1\|STATUS=1 listener open, 0 failed'
    same "what was said" "RELOADING=1|MONOTONIC_USEC=now|STATUS=upgrading MAINPID=$DILL_PID READY=1|STATUS=1 listener open, 0 failed, 0 wishes refused" \
        "$(tail -n 3 "$T/notified" | tr '\n' ' ' | sed 's/ $//')"
    old_ended "$OLD"
    place <<<$'#!/bin/sh\nexit 3'
    kill -USR2 "$DILL_PID"
    must 5 "its end" log_has 'ended with status 3'
    must 5 "READY after it" notified_last '^READY=1\|STATUS=1 listener open'
    same "RELOADING and READY" "2 3" "$(notifications RELOADING=1) $(notifications READY=1)"
    end_upgraded
    must 2 "STOPPING" notified_last '^STOPPING=1'
    same "STOPPING" 1 "$(notifications STOPPING=1)"
}

case_upgrade_lists() { # Consul is away: the new process has what the old one had, and only one writes state.path
    local p q r written
    p=$(next_port) q=$(next_port) r=$(next_port)
    start_fake
    fake PUT /services "{\"web\":[$(instance web-1 "$A" dill "dill.listener=local:$p" dill.allow=127.0.0.1)],\"db\":[$(instance db-1 "$B" dill "dill.listener=local:$q")]}"
    : >"$T/c.toml"
    start_upgradable -c "$T/c.toml" "DILL_CONSUL_ADDRESS=http://127.0.0.1:$FAKE" "DILL_STATE_PATH=$T/state"
    must 5 "the service" answers "$p" a
    must 5 "the other" answers "$q" b
    must 5 "the file" test -s "$T/state"
    fake PUT '/fault?mode=status&code=500'
    must 5 "that Consul is away" log_has 'warn +consul: '
    rm "$T/state"
    upgrade
    old_ended "$OLD"
    answers "$p" a || fail "the service is gone"
    answers "$q" b || fail "the other is gone"
    same "a client that is not allowed" - "$(from 127.0.0.2 "$p")"
    [ ! -e "$T/state" ] || fail "the old process has written its state"
    fake DELETE /fault
    fake PUT /services "{\"web\":[$(instance web-1 "$A" dill "dill.listener=local:$p")]}"
    must 10 "what Consul says now" from_is b 127.0.0.2 "$p" a
    must 10 "that the other closes" refuses 127.0.0.1 "$q"
    must 5 "the file of the new process" test -s "$T/state"
    half_way 3 # what comes and what goes while the new process is under way
    written=$(stat -c %i "$T/state")
    fake PUT /services "{\"late\":[$(instance late-1 "$ECHO" dill "dill.listener=local:$r")]}"
    must 5 "the new port" accepts 127.0.0.1 "$r"
    must 10 "that the port closes in the old process" log_has "closed address=127.0.0.1:$p .*why=\"gone from consul\""
    must 5 "the state of the old process" not inode_is "$written"
    start_through knock knock 100 "$r"
    sleep 0.3
    go_on
    must 10 "the new process" charged 2
    OLD=$DILL_PID DILL_PID=$NEW
    must 5 "its end" gone "$OLD"
    must 5 "that nobody has the port" refuses 127.0.0.1 "$p"
    sleep 1.2
    end_through "$THROUGH" knock
    [[ $TOLD =~ ^[0-9]+\ whole$ ]] || fail "clients of the port that came meanwhile: $TOLD"
    accepts 127.0.0.1 "$r" || fail "the new port is closed"
    end_upgraded
}

from_is() { [ "$(from "$2" "$3")" = "$4" ]; }

inode_is() { [ "$(stat -c %i "$T/state" 2>/dev/null)" = "$1" ]; }

case_upgrade_again() { # ten of them leave nothing behind
    local p q i first
    p=$(next_port) q=$(next_port)
    start_upgradable -laddr "127.0.0.1:$p" "127.0.0.1:$A" "DILL_STATUS_LISTENER=127.0.0.1:$q"
    upgrade 1
    old_ended "$OLD"
    must 5 "the service" answers "$p" a
    sleep 1.2
    descriptors
    memory_kb
    first=$FDS
    local kb=$KB
    for ((i = 2; i <= 10; i++)); do
        upgrade "$i"
        old_ended "$OLD"
        must 5 "the service" answers "$p" a
    done
    sleep 1.2
    descriptors
    memory_kb
    same "descriptors" "$first" "$FDS"
    at_most "memory, KB" $((kb + 256)) "$KB"
    end_upgraded
}
