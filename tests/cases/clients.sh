# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: who may connect, and what the backend is told of the client (PROXY protocol), by real HAProxy and nginx.

# PROXY protocol

# A server that reads the header on its own terms, and never a byte beyond it: HOST LOG greet|count. It logs "VERSION
# CLIENT PORT SERVER PORT" or "wrong HEX", and at the end "end BYTES". `greet` speaks once it has the header: that
# line. `count` reads to the end, and answers as peer.py's.
HEADER_SERVER='
import hashlib, ipaddress, os, re, socket, struct, sys, threading

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
log = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

def read(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ValueError(data)
        data += more
    return data

def header(sock):
    head = read(sock, 12)
    if head == SIGNATURE:
        version, family, size = struct.unpack("!BBH", read(sock, 4))
        rest = read(sock, size)
        if version != 0x21 or (family, size) not in ((0x11, 12), (0x21, 36)):
            raise ValueError(head + bytes((version, family)) + rest)
        half = 4 if size == 12 else 16
        ports = struct.unpack("!HH", rest[2 * half:])
        return "v2", ipaddress.ip_address(rest[:half]), ports[0], ipaddress.ip_address(rest[half:2 * half]), ports[1]
    while not head.endswith(b"\r\n") and len(head) < 107:
        head += read(sock, 1)
    found = re.fullmatch(rb"PROXY (TCP4|TCP6) ([0-9a-f.:]+) ([0-9a-f.:]+) ([1-9][0-9]*) ([1-9][0-9]*)\r\n", head)
    if not found:
        raise ValueError(head)
    word, client, server, client_port, server_port = (part.decode() for part in found.groups())
    client, server = ipaddress.ip_address(client), ipaddress.ip_address(server)
    if word != "TCP%d" % client.version or word != "TCP%d" % server.version:
        raise ValueError(head)
    return "v1", client, client_port, server, server_port

def serve(sock):
    try:
        line = "%s %s %s %s %s" % header(sock)
    except ValueError as error:
        line = "wrong " + error.args[0].hex()
    os.write(log, (line + "\n").encode())
    if sys.argv[3] == "greet":
        sock.sendall((line + "\n").encode())
        sock.shutdown(socket.SHUT_WR)
    size, digest = 0, hashlib.sha256()
    while True:
        data = sock.recv(65536)
        if not data:
            break
        size += len(data)
        digest.update(data)
    os.write(log, b"end %d\n" % size)
    if sys.argv[3] == "count":
        sock.sendall(b"%d %s\n" % (size, digest.hexdigest()[:16].encode()))
    sock.close()

server = socket.create_server((sys.argv[1], 0), family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
print(server.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
'

start_header_server() { # greet|count: sets HEADER_PORT and HEADERS, its log
    local file=$T/header.$((STARTED += 1))
    HEADERS=$file.seen
    : >"$HEADERS"
    "$PYTHON" -c "$HEADER_SERVER" 127.0.0.1 "$HEADERS" "$1" >"$file" 2>"$file.stderr" 9>&- &
    must 5 "server that wants a header" test -s "$file"
    read -r HEADER_PORT <"$file"
}

seen() { # LINE-REGEX: the server that wants a header has logged it
    grep -Eqx -- "$1" "$HEADERS"
}

# An HTTP server behind dill tells curl's own address, and the one that curl has asked.
told_of_client() { # HOST PORT [CURL-ARGUMENT]...
    local host=$1 port=$2 want
    shift 2
    : >"$T/told"
    want=$(curl -s --max-time $((5 * SLOW)) -o "$T/told" "$@" \
        -w '%{local_ip} %{local_port} %{remote_ip} %{remote_port}' "http://$host:$port/") ||
        fail "no answer from $host:$port: curl ended with $?"
    same "what the server behind $host:$port knows" "$want" "$(cat "$T/told")"
}

# Versions 1 and 2 for a HTTP server at PROGRAM_PORT: from Consul's tags and from a file, IPv4 and IPv6.
tell_of_clients() {
    local p q
    p=$(next_port)
    q=$(next_port) # two in a row
    next_port >/dev/null
    cat >"$T/c.toml" <<END
[listeners.allowed]
local = "127.0.0.1"
any = "0.0.0.0"
six = "::1"
[[services]]
name = "first"
listener = ["any:$q", "six:$q"]
backends = ["127.0.0.1:$PROGRAM_PORT"]
proxy_protocol = "v1"
[[services]]
name = "second"
listener = "six:$((q + 1))"
backends = ["127.0.0.1:$PROGRAM_PORT"]
proxy_protocol = "V2"
END
    start_dill -c "$T/c.toml"
    register web web-1 "$PROGRAM_PORT" dill "dill.listener=local:$p" dill.proxy_protocol=v2
    must 5 "the static listeners" peek_has "[::1]:$((q + 1))"
    must 5 "the static listeners" peek_has "0.0.0.0:$q"
    must 5 "the static listeners" peek_has "[::1]:$q"
    told_of_client 127.0.0.1 "$q"
    told_of_client 127.0.0.9 "$q" --interface 127.0.0.7
    told_of_client '[::1]' "$q"
    told_of_client '[::1]' $((q + 1))
    must 5 "the listener from Consul" peek_has "127.0.0.1:$p"
    told_of_client 127.0.0.1 "$p"
    told_of_client 127.0.0.1 "$p" --interface 127.0.0.8
}

case_preamble_haproxy() { # HAProxy knows the client by its own address, through both versions
    need_program haproxy haproxy
    PROGRAM_PORT=$(next_port)
    cat >"$T/haproxy.cfg" <<END
defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
frontend web
    bind 127.0.0.1:$PROGRAM_PORT accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]"
END
    start_program haproxy haproxy -db -q -f "$T/haproxy.cfg"
    tell_of_clients
}

# nginx, with LINES in its configuration; it serves at PROGRAM_PORT
start_nginx() { # LINE...
    local path
    need_program nginx nginx-light
    {
        [ -z "${MODULE:-}" ] || echo "load_module $MODULE;"
        echo "daemon off; master_process off; pid $T/nginx.pid; error_log stderr; events { worker_connections 64; }"
        printf '%s\n' "$@"
        if [ -z "${MODULE:-}" ]; then
            echo "access_log off;"
            for path in client_body proxy fastcgi uwsgi scgi; do echo "${path}_temp_path $T/nginx.$path;"; done
        fi
        echo "}"
    } >"$T/nginx.conf"
    start_program nginx nginx -p "$T" -e stderr -c "$T/nginx.conf"
}

case_preamble_nginx() { # nginx does
    PROGRAM_PORT=$(next_port)
    # shellcheck disable=SC2016  # nginx's variables
    start_nginx "http { server { listen 127.0.0.1:$PROGRAM_PORT proxy_protocol;" \
        'location / { return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port"; } }'
    tell_of_clients
}

case_preamble_nginx_speaks_first() { # as a TCP server: it answers before the client has said a word
    local p q said MODULE=/usr/lib/nginx/modules/ngx_stream_module.so
    PROGRAM_PORT=$(next_port) p=$(next_port) q=$(next_port)
    [ -e $MODULE ] || fail "nginx's stream module is missing (Debian package libnginx-mod-stream)"
    # shellcheck disable=SC2016  # nginx's variables
    start_nginx "stream { server { listen 127.0.0.1:$PROGRAM_PORT proxy_protocol;" \
        'return "$proxy_protocol_addr $proxy_protocol_port\n"; }'
    start_bare "DILL_SERVICES_WEB_LISTENER=local:$p" "DILL_SERVICES_WEB_BACKENDS=127.0.0.1:$PROGRAM_PORT" \
        DILL_SERVICES_WEB_PROXY_PROTOCOL=v2 DILL_PROXY_CONNECT_TIMEOUT=1m
    must 5 "the listener" peek_has "127.0.0.1:$p"
    said=$(timeout $((5 * SLOW)) nc -d -s 127.0.0.3 -p "$q" 127.0.0.1 "$p")
    same "what it says" "127.0.0.3 $q" "$said"
}

# with_header VERSION BACKENDS [WORD]...: dill with one static service at PORT that is sent the header
with_header() {
    local version=$1 backends=$2
    shift 2
    PORT=$(next_port)
    start_bare "DILL_SERVICES_WEB_LISTENER=local:$PORT" "DILL_SERVICES_WEB_BACKENDS=$backends" \
        "DILL_SERVICES_WEB_PROXY_PROTOCOL=$version" DILL_HEALTH_ENABLED=false DILL_LOG_ACCESS=true "$@"
    must 5 "the listener" peek_has "127.0.0.1:$PORT"
}

case_preamble_comes_at_once() { # a server that speaks first has it, though the client says nothing
    local version q
    start_header_server greet
    for version in v1 v2; do
        with_header $version "127.0.0.1:$HEADER_PORT" DILL_PROXY_CONNECT_TIMEOUT=1m
        q=$(next_port)
        same "what the client is told" "$version 127.0.0.4 $q 127.0.0.1 $PORT" \
            "$(timeout $((3 * SLOW)) nc -d -s 127.0.0.4 -p "$q" 127.0.0.1 "$PORT")"
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

case_preamble_once() { # other backends refused, or did not answer: the one that is reached has it once, and first
    local version dead
    start_peers full
    start_header_server count
    for version in v1 v2; do
        dead=$(next_port)
        with_header $version "127.0.0.1:$dead,127.0.0.1:${PORTS[0]},127.0.0.1:$HEADER_PORT" \
            DILL_PROXY_CONNECT_TIMEOUT=300ms
        : >"$HEADERS"
        same "an upload" same "$(client upload 127.0.0.1 "$PORT" 300000)"
        must 3 "the session in the log" access 'attempts=3 .* rx=300000 .* end=client'
        seen "$version 127\.0\.0\.1 [0-9]+ 127\.0\.0\.1 $PORT" || fail "the header: $(cat "$HEADERS")"
        same "an upload of nothing" same "$(client upload 127.0.0.1 "$PORT" 0)"
        same "sessions" "2 2 4" "$(grep -c "^$version " "$HEADERS") $(grep -c '^end' "$HEADERS") $(wc -l <"$HEADERS")"
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

case_preamble_of_another_service() { # who shares the listener wants another header, or none: what the client has said stays
    local first p i
    start_peers full
    start_header_server count
    for first in "" DILL_SERVICES_A_PROXY_PROTOCOL=v2; do
        p=$(next_port)
        start_bare "DILL_SERVICES_A_LISTENER=local:$p" "DILL_SERVICES_A_BACKENDS=127.0.0.1:${PORTS[0]}" \
            "DILL_SERVICES_B_LISTENER=local:$p" "DILL_SERVICES_B_BACKENDS=127.0.0.1:$HEADER_PORT" \
            DILL_SERVICES_B_PROXY_PROTOCOL=v1 DILL_HEALTH_ENABLED=false DILL_LOG_ACCESS=true \
            DILL_PROXY_CONNECT_TIMEOUT=300ms ${first:+"$first"}
        must 5 "the listener" peek_has "127.0.0.1:$p"
        : >"$HEADERS"
        for i in 1 2; do
            same "v1 after ${first:-none}: upload $i" same "$(client upload 127.0.0.1 "$p" 300000)"
        done
        must 3 "the session in the log" access 'attempts=2 .* rx=300000 .* end=client'
        same "v1 after ${first:-none}: headers" 2 "$(grep -c '^v1 127\.0\.0\.1 ' "$HEADERS")"
        same "v1 after ${first:-none}: bytes" 2 "$(grep -c '^end 300000$' "$HEADERS")"
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

case_preamble_is_not_counted() { # rx is what the client has sent; much of it arrives as it was
    local name
    STATUS=$(next_port)
    start_header_server count
    with_header v2 "127.0.0.1:$HEADER_PORT" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    open_conn "$PORT"
    must 3 "the silent session" json_says /connections "len(it['active']) == 1"
    must 3 "the header" test -s "$HEADERS"
    json_says /connections "it['active'][0]['rx'] == 0" || fail "rx of a silent client: $BODY"
    echo 1234567 >&"$FD"
    must 3 "its bytes" json_says /connections "it['active'][0]['rx'] == 8"
    exec {FD}>&-
    must 3 "its end" access 'rx=8 tx=[0-9]+ end=client'
    must 3 "its end behind dill" seen 'end 8'
    same "an upload" same "$(client upload 127.0.0.1 "$PORT" 20000000)"
    must 3 "its end" access 'rx=20000000 tx=[0-9]+ end=client'
    for name in "listener_received_bytes_total{listener=\"127.0.0.1:$PORT\"}" \
        "backend_received_bytes_total{listener=\"127.0.0.1:$PORT\",backend=\"127.0.0.1:$HEADER_PORT\"}"; do
        must 3 "$name" metric "dill_$name" 20000008
    done
}

case_preamble_tag_changes() { # for new clients
    local p
    p=$(next_port)
    start_header_server count
    start_dill
    register web web-1 "$HEADER_PORT" dill "dill.listener=local:$p" dill.proxy_protocol=v1
    must 5 "the listener" peek_has "127.0.0.1:$p"
    same "an upload" same "$(client upload 127.0.0.1 "$p" 1000)"
    seen "v1 .*" || fail "the header: $(cat "$HEADERS")"
    register web web-1 "$HEADER_PORT" dill "dill.listener=local:$p" dill.proxy_protocol=v2
    must 5 "the other version" told_by "$p" "v2 127.*"
    register web web-1 "$HEADER_PORT" dill "dill.listener=local:$p"
    must 5 "no header" told_by "$p" "wrong [0-9a-f]*"
}

told_by() { # PORT LAST-REGEX: a short upload through PORT makes the server log a line
    : >"$HEADERS"
    client upload 127.0.0.1 "$1" 200 >/dev/null
    seen "$2"
}

case_preamble_wrong() { # an unknown version refuses the service: it must not run without the header
    local p
    p=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p" dill.proxy_protocol=v3
    must 5 "refusal" peek_has "# refused: web wants proxy_protocol=v3: not v1 or v2"
    refuses 127.0.0.1 "$p" || fail "the listener is open"
}

# Who may connect

rejected() { # PORT COUNT: so many clients of the listener were turned away
    metric "dill_listener_rejected_total{listener=\"127.0.0.1:$1\",reason=\"denied\"}" "$2"
}

case_allow_tags() { # allow, deny, and both; who is turned away is closed, counted, logged and never seen by the backend
    local p q r
    STATUS=$(next_port) p=$(next_port) q=$(next_port) r=$(next_port)
    start_peers name:allow name:deny name:both
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" DILL_LOG_ACCESS=true
    register allow allow-1 "${PORTS[0]}" dill "dill.listener=local:$p" dill.allow=127.0.0.1/32,127.0.0.6
    register deny deny-1 "${PORTS[1]}" dill "dill.listener=local:$q" dill.deny=127.0.0.2/31
    register both both-1 "${PORTS[2]}" dill "dill.listener=local:$r" dill.allow=127.0.0.0/29 dill.deny=127.0.0.1
    must 5 "listeners" peek_has "127.0.0.1:$p"
    must 5 "listeners" peek_has "127.0.0.1:$q"
    must 5 "listeners" peek_has "127.0.0.1:$r"
    same "allow" "allow - - allow -" "$(for i in 1 2 3 6 9; do from 127.0.0.$i "$p"; done | xargs)"
    same "deny" "deny - - deny deny" "$(for i in 1 2 3 4 9; do from 127.0.0.$i "$q"; done | xargs)"
    same "both" "- both both - -" "$(for i in 1 2 7 8 9; do from 127.0.0.$i "$r"; done | xargs)"
    must 3 "counted" rejected "$p" 3
    must 3 "counted" rejected "$q" 2
    must 3 "counted" rejected "$r" 3
    same "clients that the backends saw" "2 3 2" \
        "$(grep -c '^1 accept' "$PEER_LOG") $(grep -c '^2 accept' "$PEER_LOG") $(grep -c '^3 accept' "$PEER_LOG")"
    must 2 "logged" log_has "warn +127.0.0.1:$p: client 127.0.0.2 is not allowed\$"
    must 2 "logged" log_has "warn +127.0.0.1:$q: client 127.0.0.2 is not allowed\$"
    must 2 "logged" log_has "warn +127.0.0.1:$r: client 127.0.0.1 is not allowed\$"
    must 2 "sessions in the access log" access 'service=both client=127.0.0.7:'
    same "sessions in the access log" 7 "$(log_count ' access ')"
}

case_allow_many_refusals() { # are counted each, and summed up in the log, whoever they are
    local p shown summed
    STATUS=$(next_port) p=$(next_port)
    start_peers name:x
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_SERVICES_WEB_LISTENER=local:$p" \
        "DILL_SERVICES_WEB_BACKENDS=127.0.0.1:${PORTS[0]}" DILL_SERVICES_WEB_ALLOW=127.0.0.1 DILL_HEALTH_ENABLED=false
    must 5 "the listener" peek_has "127.0.0.1:$p"
    "$PYTHON" -c 'import socket, sys
for i in range(100):
    sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10, ("127.0.0.%d" % (2 + i), 0))
    try:
        sock.sendall(b"x" * 100)
        got = sock.recv(100)
    except OSError:
        got = b""
    if got:
        sys.exit("the client got something")
    sock.close()' "$p" || fail "a client is not closed"
    must 3 "counted" rejected "$p" 100
    same "another client" x "$(from 127.0.0.1 "$p")"
    same "clients that the backend saw" 1 "$(grep -c ' accept' "$PEER_LOG")"
    kill "$DILL_PID"
    stop_dill 0 8
    shown=$(log_count 'client 127.0.0.[0-9]+ is not allowed')
    at_most "lines of 100" 4 "$shown" # two windows of 10 s, on a slow day
    at_least "lines of 100" 2 "$shown"
    summed=$(grep -o '([0-9]* more clients within' "$LOG" | awk '{ sum += substr($1, 2) } END { print sum + 0 }')
    same "refusals in the log" 100 $((summed + $(log_count 'client 127.0.0.[0-9]+ is not allowed$')))
}

case_allow_global() { # a tag narrows listeners.allow, and never widens it
    local p q
    p=$(next_port) q=$(next_port)
    start_dill DILL_LISTENERS_ALLOW=127.0.0.1,127.0.0.4/30
    register wide wide-1 "$A" dill "dill.listener=local:$p" dill.allow=0.0.0.0/0
    register narrow narrow-1 "$B" dill "dill.listener=local:$q" dill.allow=127.0.0.2,127.0.0.5
    register plain plain-1 "$C" dill "dill.listener=local:$((q + 1))"
    next_port >/dev/null
    must 5 "listeners" peek_has "127.0.0.1:$p"
    must 5 "listeners" peek_has "127.0.0.1:$q"
    must 5 "listeners" peek_has "127.0.0.1:$((q + 1))"
    same "a wide tag" "a - a a" "$(for i in 1 2 5 7; do from 127.0.0.$i "$p"; done | xargs)"
    same "a narrow tag" "- - b -" "$(for i in 1 2 5 7; do from 127.0.0.$i "$q"; done | xargs)"
    same "no tag" "c - c c" "$(for i in 1 2 5 7; do from 127.0.0.$i $((q + 1)); done | xargs)"
}

says_now() { # ADDRESS PORT TEXT
    [ "$(from "$1" "$2")" = "$3" ]
}

case_allow_reload() { # SIGHUP changes listeners.allow; live sessions stay; an error changes nothing
    local p q live
    p=$(next_port) q=$(next_port)
    cat >"$T/c.toml" <<END
[listeners]
allow = ["127.0.0.0/8"]
[[services]]
name = "web"
listener = "local:$p"
backends = ["127.0.0.1:$A"]
[[services]]
name = "echo"
listener = "local:$q"
backends = ["127.0.0.1:$ECHO"]
END
    start_bare -c "$T/c.toml"
    must 5 "listeners" peek_has "127.0.0.1:$q"
    same "before" "a a" "$(from 127.0.0.1 "$p") $(from 127.0.0.2 "$p")"
    open_conn "$q"
    live=$FD
    ask "$live" one || fail "no echo"
    sed -i 's/^allow.*/allow = ["127.0.0.2"]/' "$T/c.toml"
    kill -HUP "$DILL_PID"
    must 3 "the client is turned away" says_now 127.0.0.1 "$p" -
    same "the other client" a "$(from 127.0.0.2 "$p")"
    stays 300 "the live session has ended" ask "$live" two
    sed -i 's/^allow.*/allow = ["127.0.0.0\/40"]/' "$T/c.toml"
    kill -HUP "$DILL_PID"
    must 3 "the error" log_has '127.0.0.0/40'
    same "after an error" "- a" "$(from 127.0.0.1 "$p") $(from 127.0.0.2 "$p")"
    sed -i '/^allow/d' "$T/c.toml"
    kill -HUP "$DILL_PID"
    must 3 "everybody may come again" says_now 127.0.0.1 "$p" a
    ask "$live" three || fail "the live session has ended"
}

case_allow_tag_changes() { # a change in Consul counts for new clients; live sessions stay
    local p live
    p=$(next_port)
    start_dill
    register echo echo-1 "$GREET" dill "dill.listener=local:$p"
    must 5 "the listener" answers "$p" hi
    open_conn "$p"
    live=$FD
    read -r -t $((5 * SLOW)) -u "$live" _ || fail "no greeting"
    register echo echo-1 "$GREET" dill "dill.listener=local:$p" dill.deny=127.0.0.1
    must 5 "the client is turned away" answers "$p" -
    ask "$live" one || fail "the live session has ended"
    register echo echo-1 "$GREET" dill "dill.listener=local:$p" dill.deny=127.0.0.2
    must 5 "the client may come again" answers "$p" hi
    ask "$live" two || fail "the live session has ended"
}

case_allow_wrong() { # what is no network refuses the service: it must not be open to everybody
    local p i
    p=$(next_port)
    start_dill
    register web web-1 "$A" dill "dill.listener=local:$p" dill.allow=127.0.0.1,10.0.0.0/33
    register deny deny-1 "$A" dill "dill.listener=local:$p" dill.deny=everybody
    register none none-1 "$A" dill "dill.listener=local:$p" dill.allow=
    register good good-1 "$B" dill "dill.listener=local:$((p + 1))" dill.allow=127.0.0.1
    next_port >/dev/null
    must 5 "refusal" peek_has \
        "# refused: web wants allow=127.0.0.1,10.0.0.0/33: is not a network such as 10.0.0.0/8"
    must 5 "refusal" peek_has "# refused: deny wants deny=everybody: is not a network such as 10.0.0.0/8"
    must 5 "refusal" peek_contains "# refused: none wants allow=: "
    dill_once DILL_LISTENERS_ALLOW=, -t
    same "exit status with a list of nothing" 1 "$RC"
    contains "stderr" "listeners.allow: \",\" names no network" "$ERR"
    refuses 127.0.0.1 "$p" || fail "the listener is open"
    must 5 "the good one" answers $((p + 1)) b
}

case_allow_ipv6() { # ranges of both families, on listeners of both
    local p
    p=$(next_port) # seven in a row
    for _ in 1 2 3 4 5 6; do next_port >/dev/null; done
    start_dill DILL_LISTENERS_ALLOWED=six=::1,local=127.0.0.1
    register one one-1 "$A" dill "dill.listener=six:$p" dill.allow=::1/128
    register two two-1 "$A" dill "dill.listener=six:$((p + 1))" dill.allow=2001:db8::/32,127.0.0.0/8,0.0.0.0/0
    register three three-1 "$A" dill "dill.listener=six:$((p + 2))" dill.deny=::/127
    register four four-1 "$A" dill "dill.listener=six:$((p + 3))" dill.deny=2001:db8::/32,0.0.0.0/0
    register five five-1 "$A" dill "dill.listener=local:$((p + 4))" dill.allow=::/0
    register six six-1 "$A" dill "dill.listener=local:$((p + 5))" dill.deny=::/0 dill.allow=127.0.0.1,::1
    for i in 0 1 2 3; do must 5 "listeners" peek_has "[::1]:$((p + i))"; done
    for i in 4 5; do must 5 "listeners" peek_has "127.0.0.1:$((p + i))"; done
    same "over IPv6" "a - - a" "$(for i in 0 1 2 3; do says $((p + i)) ::1; done | xargs)"
    same "over IPv4" "- a" "$(for i in 4 5; do says $((p + i)); done | xargs)"
    must 2 "logged" log_has "\[::1\]:$((p + 1)): client ::1 is not allowed"
}

case_allow_shared_listener() { # two services with different networks: each client gets backends of those that admit it
    local p
    p=$(next_port)
    start_dill
    register bbb bbb-1 "$B" dill "dill.listener=local:$p" dill.allow=127.0.0.2,127.0.0.3
    must 5 "one service" says_now 127.0.0.2 "$p" b
    same "the other client" - "$(from 127.0.0.1 "$p")"
    register aaa aaa-1 "$A" dill "dill.listener=local:$p" dill.allow=127.0.0.1,127.0.0.3
    must 5 "the other one's clients" says_now 127.0.0.1 "$p" a
    same "each its own" "a a a b b b" "$({ for _ in 1 2 3; do from 127.0.0.1 "$p" && from 127.0.0.2 "$p"; done; } | sort | xargs)"
    same "whom both admit" "a b" "$(for _ in 1 2; do from 127.0.0.3 "$p"; done | sort | xargs)"
    same "whom nobody admits" - "$(from 127.0.0.4 "$p")"
    deregister bbb-1
    must 5 "one is left" says_now 127.0.0.2 "$p" -
    same "and its clients alone" a "$(from 127.0.0.1 "$p")"
}
