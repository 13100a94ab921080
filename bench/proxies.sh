# shellcheck shell=bash
# Starting and stopping the proxies that are compared; read in by the other scripts here, from the top of the tree.
#
#   HAPROXY_NEW, NGINX_NEW   paths of newer ones, compared beside Debian's
#   PEER                     a program to compare with, run as: PEER 127.0.0.1:LISTEN 127.0.0.1:BACKEND
#   DILL                     a dill to use instead of building one

BUILD=build/bench
PIDS=()         # the processes of the proxy
HELPERS=()      # what else was started beside it

say() { echo "$*" >&2; }

build_tools() {
    mkdir -p "$BUILD"
    cc -O2 bench/load.c bench/traffic.c bench/meter.c -o "$BUILD/load"
    cc -O2 bench/torture.c -o "$BUILD/torture"
    cc -O2 bench/floor.c -o "$BUILD/floor"
    if [ -n "${DILL-}" ]; then
        cp "$DILL" "$BUILD/dill"
    elif [ -e dill.c ]; then
        cc -O2 -pthread ./*.c -o "$BUILD/dill"
        cc -O2 -pthread -DLOOP_POLL ./*.c -o "$BUILD/dill-poll"
    fi
}

# The nginx of this path has the stream module, built in or to be loaded.
nginx_module() {
    if "$1" -V 2>&1 | grep -q -e '--with-stream=dynamic'; then
        local dir
        for dir in /usr/lib/nginx/modules /usr/share/nginx/modules; do
            [ -e "$dir/ngx_stream_module.so" ] && echo "load_module $dir/ngx_stream_module.so;" && return
        done
        return 1
    fi
    "$1" -V 2>&1 | grep -q -e '--with-stream'
}

# Prints the names of all that can be compared here, and says on stderr what is missing.
available_proxies() {
    echo floor
    if command -v haproxy >/dev/null; then
        echo haproxy haproxy-splice
    else
        say "no haproxy: apt-get install haproxy"
    fi
    [ -n "${HAPROXY_NEW-}" ] && echo haproxy-new haproxy-new-splice
    if command -v nginx >/dev/null && nginx_module nginx >/dev/null; then
        echo nginx
    else
        say "no nginx with its stream module: apt-get install nginx-light libnginx-mod-stream"
    fi
    [ -n "${NGINX_NEW-}" ] && echo nginx-new
    [ -n "${PEER-}" ] && echo peer
    [ -x "$BUILD/dill" ] && echo dill
    [ -x "$BUILD/dill-poll" ] && echo dill-poll
    return 0
}

haproxy_config() { # THREADS LISTEN "BACKEND..." SPLICE
    local backend
    echo "global"
    echo "    nbthread $1"
    echo "    maxconn 9500"
    [ "$4" = yes ] && echo "    maxpipes 200" && echo "    tune.pipesize 1048576"
    echo "defaults"
    echo "    mode tcp"
    echo "    timeout connect 3s"
    echo "    timeout client 1h"
    echo "    timeout server 1h"
    [ "$4" = yes ] && echo "    option splice-request" && echo "    option splice-response"
    echo "listen bench"
    echo "    bind 127.0.0.1:$2 backlog 4096"
    for backend in $3; do
        echo "    server s$backend 127.0.0.1:$backend"
    done
}

nginx_config() { # BINARY THREADS LISTEN "BACKEND..."
    local backend
    nginx_module "$1"
    echo "worker_processes $2; worker_rlimit_nofile 20000; daemon off; user root;"
    echo "pid $PWD/$BUILD/nginx.pid; error_log /dev/null;"
    echo "events { worker_connections 19900; }"
    echo "stream {"
    echo "    upstream backends {"
    for backend in $4; do
        echo "        server 127.0.0.1:$backend max_fails=0;"
    done
    echo "    }"
    echo "    server {"
    echo "        listen 127.0.0.1:$3 backlog=4096;"
    echo "        proxy_pass backends; proxy_timeout 1h; proxy_connect_timeout 3s; proxy_half_close on;"
    echo "    }"
    echo "}"
}

wait_listening() { # PORT [SECONDS]
    local hex i
    hex=$(printf '%04X' "$1")
    for ((i = 0; i < ${2-10} * 50; i++)); do
        grep -q "^ *[0-9]*: [0-9A-F]*:$hex [0-9A-F]*:[0-9A-F]* 0A" /proc/net/tcp && return
        sleep 0.02
    done
    say "nothing listens on port $1"
    return 1
}

# Starts a proxy, with CPU as its affinity, and leaves its processes in PIDS.
start_proxy() { # NAME THREADS CPU LISTEN "BACKEND..."
    local name=$1 threads=$2 on=(taskset -c "$3") listen=$4 backends=$5 binary pid port to=()
    case $name in
    floor)
        "${on[@]}" "$BUILD/floor" "$listen" "$backends" &
        ;;
    haproxy*)
        binary=haproxy
        [[ $name == haproxy-new* ]] && binary=$HAPROXY_NEW
        haproxy_config "$threads" "$listen" "$backends" "$([[ $name == *-splice ]] && echo yes)" >"$BUILD/haproxy.cfg"
        "${on[@]}" "$binary" -db -q -f "$BUILD/haproxy.cfg" &
        ;;
    nginx*)
        binary=nginx
        [ "$name" = nginx-new ] && binary=$NGINX_NEW
        nginx_config "$binary" "$threads" "$listen" "$backends" >"$BUILD/nginx.conf"
        "${on[@]}" "$binary" -e /dev/null -c "$PWD/$BUILD/nginx.conf" &
        ;;
    peer)
        "${on[@]}" "$PEER" "127.0.0.1:$listen" "127.0.0.1:$backends" &
        ;;
    dill*)
        for port in $backends; do to+=("127.0.0.1:$port"); done
        DILL_HEALTH_ENABLED=false DILL_LOG_LEVEL=error DILL_RUNTIME_THREADS=$threads \
            "${on[@]}" "$BUILD/$name" --laddr "127.0.0.1:$listen" "${to[@]}" &
        ;;
    *)
        say "no proxy is called $name"
        return 1
        ;;
    esac
    pid=$!
    PIDS=("$pid")
    wait_listening "$listen" || return
    sleep 0.1
    mapfile -t -O 1 PIDS < <(tr ' ' '\n' <"/proc/$pid/task/$pid/children" 2>/dev/null | grep .)
}

stop_proxy() {
    [ ${#PIDS[@]} -gt 0 ] || return 0
    kill -TERM "${PIDS[0]}" 2>/dev/null || return 0
    local i
    for ((i = 0; i < 400; i++)); do
        kill -0 "${PIDS[0]}" 2>/dev/null || break
        sleep 0.02
    done
    kill -KILL "${PIDS[@]}" 2>/dev/null || true
    wait "${PIDS[0]}" 2>/dev/null || true
    PIDS=()
}

stop_all() {
    stop_proxy
    [ ${#HELPERS[@]} -eq 0 ] || kill "${HELPERS[@]}" 2>/dev/null || true
}

pid_list() { local IFS=,; echo "${PIDS[*]}"; }

# A network of its own: nothing else uses its ports, and its congestion control is one that does not pace.
enter_network() {
    ip link set lo up
    sysctl -qw net.ipv4.ip_local_port_range="15000 65000" net.ipv4.tcp_congestion_control=reno
}

# Prints the words that run a command in such a network, if that is possible here.
network() {
    if unshare -n true 2>/dev/null; then
        echo unshare -n env OWN_NETWORK=1
    elif unshare -rn true 2>/dev/null; then
        echo unshare -rn env OWN_NETWORK=1
    else
        say "no network namespace can be made here: running in the one there is, under its congestion control"
        echo env
    fi
}
