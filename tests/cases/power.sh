# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: what dill may do, and whom it becomes. They need root, for nobody else can become another user.

# As root: dill's files are for nobody (65534) to write, and the program for nobody to start again. Sets PROGRAM.
for_nobody() {
    [ "$(id -u)" -eq 0 ] || skip "not root"
    setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null || skip "root may not become another user"
    mkdir "$T/bin" "$T/var"
    cp -L "$DILL" "$T/bin/dill"
    chmod o+x "$TMP" "$T"
    chown 65534:65534 "$T/var"
    PROGRAM=$T/bin/dill
}

rights() { # sets RIGHTS: what all threads have in common, or may have: user, group, groups, capabilities, no new ones
    RIGHTS=$(awk '/^(Uid|Gid|Groups|Cap[PEA]..|NoNewPrivs):/ { $1 = $1; print }' "/proc/$DILL_PID"/task/*/status | sort -u | xargs)
}

right_of() { # NAME: of the main thread, as a number
    awk -v name="$1:" '$1 == name { print $2 }' "/proc/$DILL_PID/status"
}

threads() { # sets THREADS
    local all=("/proc/$DILL_PID/task/"*)
    THREADS=${#all[@]}
}

low_port() { # prints one below 1024 that is free
    local port
    for ((port = 600 + RANDOM % 300; port < 1024; port++)); do
        accepts 127.0.0.1 "$port" || { echo "$port"; return; }
    done
}

NONE='CapAmb: 0000000000000000 CapEff: 0000000000000000 CapPrm: 0000000000000000'
LOW='CapAmb: 0000000000000400 CapEff: 0000000000000400 CapPrm: 0000000000000400'
NOBODY='Gid: 65534 65534 65534 65534 Groups: 65534 NoNewPrivs: 1 Uid: 65534 65534 65534 65534'

case_power_none() { # without a user it stays who it is, and gains nothing any more
    start_dill
    same "no new rights" 1 "$(right_of NoNewPrivs)"
    same "user" "$(id -u)" "$(right_of Uid)"
}

case_power_user() { # root's rights are gone in all threads, and what is written is that user's
    local p
    for_nobody
    p=$(next_port)
    DILL=$PROGRAM start_dill DILL_RUNTIME_USER=65534 "DILL_RUNTIME_PID_FILE=$T/var/pid" "DILL_STATE_PATH=$T/var/state"
    rights
    same "rights" "$NONE $NOBODY" "$RIGHTS"
    same "what programs may gain" 0000000000000000 "$(right_of CapBnd)"
    threads
    at_least "threads" 5 "$THREADS"
    register web web-1 "$A" dill "dill.listener=local:$p"
    must 5 "the service" answers "$p" a
    must 5 "the state" test -s "$T/var/state"
    same "whose files" "65534 65534" "$(stat -c %u "$T/var/state" "$T/var/pid" | xargs)"
    same "who may count its descriptors" 65534 "$(stat -c %u "/proc/$DILL_PID/fd")"
    kill -TERM "$DILL_PID"
    stop_dill 0 8
    [ ! -e "$T/var/pid" ] || fail "the pid file stays"
}

case_power_low_port() { # the one right that is kept, when it is needed; also after an upgrade
    local low
    for_nobody
    DILL=$PROGRAM start_dill DILL_RUNTIME_USER=65534 DILL_LISTENERS_PORT_MIN=1 "DILL_RUNTIME_PID_FILE=$T/var/pid"
    ln -s var/pid "$T/pid"
    rights
    same "rights of the threads that open sockets" "$LOW $NOBODY" "$RIGHTS"
    same "what programs may gain" 0000000000000400 "$(right_of CapBnd)"
    low=$(low_port)
    register web web-1 "$A" dill "dill.listener=local:$low"
    must 5 "a port below 1024" answers "$low" a
    upgrade
    old_ended "$OLD"
    rights
    same "rights of the next process" "$LOW $NOBODY" "$RIGHTS"
    answers "$low" a || fail "the next process does not answer"
    low=$(low_port)
    register late late-1 "$B" dill "dill.listener=local:$low"
    must 5 "a port below 1024 that the next process opens" answers "$low" b
    end_upgraded
}

kept() { # RIGHTS ARGUMENT...: what -t says that nobody keeps
    dill_once -t --runtime.user 65534 "${@:2}"
    same "exit status with ${*:2}: $ERR" 0 "$RC"
    contains "with ${*:2}" "# runtime.user: dill runs as user 65534$1"$'\n' "$OUT"$'\n'
}

case_power_unit() { # as the unit has it: its user, its rights, its calls, and whatever else it makes ends the process
    local low
    for_nobody
    /usr/bin/python3 -c 'import seccomp' 2>/dev/null || skip "no python3-seccomp"
    command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
    ! grep -qaE '__(asan|tsan)_init' "$PROGRAM" || skip "a sanitizer makes calls of its own"
    cp "$TOP/tests/tools/sandbox.py" "$TOP/packaging/dill.service" "$T/bin"
    # shellcheck disable=SC2016  # words of another script
    printf '#!/bin/sh\nexec /usr/bin/python3 %s/sandbox.py --kill --user 65534 %s/dill.service %s/dill "$0" "$@"\n' \
        "$T/bin" "$T/bin" "$T/bin" >"$T/bin/boxed"
    chmod 755 "$T/bin/boxed"
    low=$(low_port)
    DILL=$T/bin/boxed start_dill DILL_LISTENERS_PORT_MIN=1 "DILL_RUNTIME_PID_FILE=$T/var/pid" "DILL_STATE_PATH=$T/var/state" \
        DILL_RUNTIME_USER=65534
    ln -s var/pid "$T/pid"
    rights
    same "rights" "$LOW ${NOBODY/Groups: 65534 /Groups: }" "$RIGHTS"
    same "filters" "2 2" "$(right_of Seccomp) $(right_of Seccomp_filters)"
    register web web-1 "$ECHO" dill "dill.listener=local:$low"
    must 5 "a port below 1024" accepts 127.0.0.1 "$low"
    open_conn "$low"
    ask "$FD" one || fail "no echo"
    kill -HUP "$DILL_PID"
    must 5 "a reload" log_has 'reload: done$'
    upgrade
    ask "$FD" two || fail "no echo of the old process"
    exec {FD}>&-
    old_ended "$OLD"
    rights
    same "rights of the next process" "$LOW ${NOBODY/Groups: 65534 /Groups: }" "$RIGHTS"
    same "its filters" "2 2" "$(right_of Seccomp) $(right_of Seccomp_filters)"
    must 5 "the state" test -s "$T/var/state"
    open_conn "$low"
    ask "$FD" three || fail "the next process does not answer"
    exec {FD}>&-
    end_upgraded
}

boxed() { # PYTHON: what it prints under the unit's rules
    "$TOP/tests/tools/sandbox.py" "${@:2}" "$TOP/packaging/dill.service" /usr/bin/python3 python3 -c "import os, socket
def refused(call, *words):
    try: call(*words)
    except OSError as error: print(error.errno, end=' ')
    else: print('-', end=' ')
$1"
}

case_power_unit_refuses() { # what the unit's rules are worth: the tool that the tests have for them refuses what they do
    [ "$(id -u)" -eq 0 ] || skip "not root"
    /usr/bin/python3 -c 'import seccomp' 2>/dev/null || skip "no python3-seccomp"
    command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
    same "other calls, and families" "1 1 1 97 97 - - " "$(boxed "refused(os.chroot, '/')
refused(os.setuid, 65534)
refused(os.chown, '$T', 1, 1)
refused(socket.socket, socket.AF_PACKET, socket.SOCK_RAW)
refused(socket.socket, 40)
refused(socket.socket, socket.AF_INET6)
refused(os.listdir, '/')")"
    boxed "refused(os.chroot, '/')" --kill 2>/dev/null
    same "exit status after SIGSYS" 159 $?
}

case_power_said() { # -t says what would be, and what is wrong
    local none=', without any capability' low=', and keeps CAP_NET_BIND_SERVICE for ports below 1024'
    for_nobody
    DILL=$PROGRAM
    kept "$none"
    kept "$none" --listeners.port_min 1024 --laddr 127.0.0.1:1024 127.0.0.1:80
    kept "$low" --listeners.port_min 1023
    kept "$low" --laddr 127.0.0.1:1023 127.0.0.1:80
    kept "$low" --peek.listener 127.0.0.1:23
    kept "$low" --status.listener :80
    printf '{"services": [{"name": "web", "listener": "127.0.0.1:443", "backends": ["127.0.0.1:1"]}]}' >"$T/var/routes.json"
    kept "$low" --routing.file.path "$T/var/routes.json"
    dill_once -t --runtime.user nosuchuser
    same "exit status of nobody known" 1 "$RC"
    contains "its error" '"nosuchuser" names a user that /etc/passwd does not have' "$ERR"
    dill_once -t --runtime.user 65534 --state.path "$T/bin/state" --runtime.pid_file "$T/none/pid"
    same "exit status" 1 "$RC"
    contains "the error of state.path" "dill: state.path: $T/bin/state: user 65534 cannot write files in $T/bin: Permission denied" "$ERR"
    contains "that of the pid file" "dill: runtime.pid_file: $T/none/pid: user 65534 cannot write files in $T/none: No such file" "$ERR"
    printf '[runtime]\nuser = "65534"\n' >"$T/var/c.toml"
    chmod 600 "$T/var/c.toml"
    dill_once -t -c "$T/var/c.toml"
    same "exit status with a file that is root's" 0 "$RC"
    contains "what is said of it" "dill: $T/var/c.toml: user 65534 cannot read it, as a reload and an upgrade must: Permission denied" "$ERR"
}

case_power_refused() { # who is not root becomes nobody else, and needs no right to stay who it is
    local p
    for_nobody
    p=$(next_port)
    DILL_RUN=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    DILL=$PROGRAM
    dill_once --runtime.user 65534 --state.path "$T/bin/state" --laddr "127.0.0.1:$p" "127.0.0.1:$A"
    same "exit status with a folder that is root's" 1 "$RC"
    contains "the error of state.path" "state.path: $T/bin/state: user 65534 cannot write" "$ERR"
    env -i "${SANITIZERS[@]}" timeout 20 "${DILL_RUN[@]}" "$PROGRAM" --runtime.user 0 --laddr "127.0.0.1:$p" "127.0.0.1:$A" 2>"$T/other"
    same "exit status of who would be root" 1 "$?"
    contains "the error" "runtime.user: only root can become 0, and dill is started by user 65534" "$(cat "$T/other")"
    start_bare DILL_RUNTIME_USER=65534 --laddr "127.0.0.1:$p" "127.0.0.1:$A"
    must 5 "the service" answers "$p" a
    rights
    contains "rights" "$NONE" "$RIGHTS"
}

case_power_reload() { # another user counts from the next start on; a port below 1024 then, too
    local p low
    for_nobody
    p=$(next_port) low=$(low_port)
    config() { printf '[runtime]\nuser = "%s"\n[services.web]\nlistener = "127.0.0.1:%s"\nbackends = ["127.0.0.1:%s"]\n' "$@" >"$T/var/c.toml"; }
    config 65534 "$p" "$A"
    DILL=$PROGRAM start_bare -c "$T/var/c.toml"
    must 5 "the service" answers "$p" a
    config 65533 "$low" "$B"
    kill -HUP "$DILL_PID"
    must 5 "what is said" log_has 'reload: runtime.user is "65533" now, and counts from the next start on'
    rights
    same "rights" "$NONE $NOBODY" "$RIGHTS"
    [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -lt 1024 ] ||
        must 5 "the port that it may not open" log_has "127.0.0.1:$low.*Permission denied"
}
