# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: what depends on the host's ports and interfaces. Each runs on a host of its own.

# The ports of dill's own connections.

case_own_ports() { own_host host_own_ports; }

static_service() { # NAME LISTENER: adds it to the file
    printf '[[services]]\nname = "%s"\nlistener = "%s"\nbackends = ["127.0.0.1:7000"]\n' "$1" "$2" >>"$T/links.new"
    cp "$T/links.new" "$T/links.tmp"
    mv "$T/links.tmp" "$T/links.toml"
}

own_ports() { # PORT STATE: prints the local ports of connections to PORT in this state (hexadecimal), as numbers
    local at to state
    while read -r _ at to state _; do
        [ "$to $state" != "0100007F:$(printf '%04X' "$1") $2" ] || echo $((16#${at#*:}))
    done </proc/net/tcp
}

sessions() { [[ $(own_ports 7000 01) =~ ^[0-9]+$ ]]; }
another_session() { sessions && [[ $(own_ports 7000 01) != "$1" ]]; }
left() { own_ports 7000 06 | grep -qx "$1"; } # in TIME_WAIT

host_own_ports() { # a listener can have the port that a session, a source or what is left of them uses at its other end
    local port url
    start_peers hold@127.0.0.1:7000 deaf@127.0.0.1:7001
    static_service web local:4001
    start_bare DILL_ROUTING_FILE_PATH="$T/links.toml" DILL_LISTENERS_PORT_MAX=65535 DILL_ROUTING_HTTP_ENDPOINT=http://127.0.0.1:7001/ \
        DILL_ROUTING_HTTP_POLL_TIMEOUT=60s DILL_HEALTH_ENABLED=false
    must 5 "the listener" accepts 127.0.0.1 4001
    must 5 "the end of that session" not sessions
    exec 3<>/dev/tcp/127.0.0.1/4001
    must 5 "a session" sessions
    port=$(own_ports 7000 01) url=$(own_ports 7001 01)
    [ -n "$url" ] || fail "there is no connection of a source"
    static_service specific "local:$port"
    must 5 "a listener on a live session's port $port" accepts 127.0.0.1 "$port"
    static_service source "any:$url"
    must 5 "a listener on every address with the port $url of a source's connection" accepts 127.0.0.1 "$url"
    exec 3>&- 3<>/dev/tcp/127.0.0.1/4001
    must 5 "another session" another_session "$port"
    port=$(own_ports 7000 01)
    exec 3>&-
    must 5 "the end of the session on port $port" left "$port"
    static_service left "any:$port"
    must 5 "a listener on the port $port of a session that has ended" accepts 127.0.0.1 "$port"
    lacks "the log" "cannot listen" "$(cat "$LOG")"
}

# Interfaces that come and go.

case_link_local() { own_host host_link_local; }

make_link() { # NAME
    ip link add "$1" type veth peer name "$1.end" || fail "cannot make the interface $1"
    ip link set "$1.end" up
    ip link set "$1" up
    ip addr add fe80::7/64 dev "$1" nodad || fail "cannot give $1 an address"
}

host_link_local() { # an interface that comes late, and one that is made anew, under the same name
    STATUS=8001
    start_bare DILL_LISTENERS_ALLOWED='link=fe80::7%late,mapped=::ffff:127.0.0.1' DILL_STATUS_LISTENER=127.0.0.1:8001 \
        DILL_SERVICES_WEB_LISTENER=link:4001 DILL_SERVICES_WEB_BACKENDS='[fe80::7%late]:7000' \
        DILL_SERVICES_SIX_LISTENER=mapped:4002 DILL_SERVICES_SIX_BACKENDS='[::ffff:127.0.0.1]:7000' DILL_HEALTH_INTERVAL=200ms
    start_peers name:a@127.0.0.1:7000
    must 5 "an IPv4 address as IPv6 writes it" answers 4002 a
    contains "Peek" 127.0.0.1:4002 "$(peek)"
    must 5 "the failure" peek_contains '[fe80::7%late]:4001 (cannot listen: No such device)'
    must 5 "the unhealthy backend" peek_contains '[fe80::7%late]:7000 (unhealthy)'
    make_link late
    start_peers 'name:b@[fe80::7%late]:7000'
    must 5 "the interface has come" answers 4001 b fe80::7%late
    ip link del late
    ip link add other type veth peer name other.end    # take the numbers
    make_link late
    end_pid "$PEER_PID"
    start_peers 'name:c@[fe80::7%late]:7000'
    must 5 "the interface has been made anew" answers 4001 c fe80::7%late
    must 5 "the healthy backend" not peek_contains unhealthy
    log_has 'opened.*made anew' || fail "it is not said"
    must 5 "the metrics" metric 'dill_listener_connections_total{listener="[fe80::7%late]:4001"}' 2
}

case_link_local_status() { own_host host_link_local_status; }

host_link_local_status() { # the same for the status server
    make_link late
    start_bare DILL_STATUS_LISTENER='[fe80::7%late]:8001' DILL_CONSUL_ADDRESS=http://127.0.0.1:1
    must 5 "the status server" accepts fe80::7%late 8001
    ip link del late
    make_link late
    must 5 "the status server's interface has been made anew" accepts fe80::7%late 8001
}

case_no_ipv6() { own_host host_no_ipv6; }

host_no_ipv6() { # a host without it: such a backend cannot be reached, and that is no shortage of ports
    echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
    start_peers name:a@127.0.0.1:7000
    start_bare DILL_SERVICES_WEB_LISTENER=local:4001 DILL_SERVICES_WEB_BACKENDS='[::1]:7000,127.0.0.1:7000' DILL_HEALTH_ENABLED=false
    must 5 "the other backend" answers 4001 a
    answers 4001 a || fail "a client is lost"
    must 5 "the unhealthy backend" peek_contains '[::1]:7000 (unhealthy)'
    lacks "the log" "no local port" "$(cat "$LOG")"
}
