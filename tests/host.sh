# shellcheck shell=bash
# Words for cases on a host of their own, and its DNS servers. Sourced by test.sh and, there, by tests/tools/own_host.sh.

# shellcheck disable=SC2034,SC2153,SC2154  # the cases use what this file only sets, and lib.sh sets what it uses

# own_host FUNCTION: runs a function of the file that calls this on a host of its own; see tests/tools/own_host.sh
own_host() {
    local own=(unshare -n -m -p -f --kill-child --mount-proc)
    "${own[@]}" true 2>/dev/null || own+=(-r)
    export TOP T W DILL CONSUL PORT_START PORT_END PYTHON
    "${own[@]}" env DILL="$(realpath "$DILL")" TEST_SLOW="$SLOW" "$TOP/tests/tools/own_host.sh" "${BASH_SOURCE[1]}" "$1" 9>&- &
    wait $! || fail "ended with $?"
}

own_etc() { # there: an /etc that may be written to, without names but localhost, and the DNS server 127.0.0.1
    cp -a /etc "$T/etc"
    mount --bind "$T/etc" /etc || fail "cannot mount over /etc"
    etc resolv.conf 'nameserver 127.0.0.1' 'options timeout:1 attempts:1'
    etc nsswitch.conf 'hosts: files dns'
    etc hosts '127.0.0.1 localhost'
}

etc() { # NAME LINE...: there /etc/NAME is this from now on
    local name=$1
    shift
    printf '%s\n' "$@" >"/etc/$name.new"
    mv "/etc/$name.new" "/etc/$name"
}

own_link() { # there: an interface `host` with addresses of both families, and nobody at its other end
    ip link add host type veth peer name other || fail "cannot make an interface"
    ip link set other up
    ip link set host up
    ip addr add 10.77.0.5/24 dev host
    ip addr add fd77::5/64 dev host nodad || fail "cannot give it an address"
}

start_dns() { # LINE...: the scripted server; sets DNS (ADDRESS:PORT), DNS_PID, DNS_LOG, and ZONE, what `zone` writes
    local file=$T/dns.$((STARTED += 1)) at=${DNS_AT:-127.0.0.1:0} port
    ZONE=$file.zone DNS_LOG=$file.log
    zone "$@"
    "$PYTHON" "$TOP/tests/tools/dns_server.py" "$at" "$ZONE" "$DNS_LOG" >"$file" 2>"$file.stderr" 9>&- &
    DNS_PID=$!
    must 5 "the scripted DNS server" test -s "$file"
    read -r port <"$file"
    DNS=${at%:*}:$port
}

zone() { # LINE...: its records and rules from now on; see tests/tools/dns_server.py
    printf '%s\n' "$@" >"$ZONE.new"
    mv "$ZONE.new" "$ZONE"
}

asked() { # WORDS: how many questions had these words of its log: `udp edns A db.test `, ` AAAA `
    grep -Fc -- "$1" "$DNS_LOG"
}

was_asked() { # WORDS [TIMES]
    [ "$(asked "$1")" -ge "${2:-1}" ]
}

# own_names WORD...: what most cases of names begin with: addresses of both families, the scripted server at 127.0.0.1:53 with
# this zone, and servers that say a, b, c at 127.0.0.11, .12 and .13, and six at fd77::5, port 7000
own_names() {
    own_etc
    own_link
    DNS_AT=127.0.0.1:53 start_dns "$@"
    start_named_peers
}

start_named_peers() { start_peers name:a@127.0.0.11:7000 name:b@127.0.0.12:7000 name:c@127.0.0.13:7000 "name:six@[fd77::5]:7000"; }

# start_named [WORD]... NAME...: dill with a listener for each name, from port 4001 on, in their order; words as for start_bare
start_named() {
    local words=() list='' port=4000 word
    for word in "$@"; do
        if [[ $word == *=* ]]; then words+=("$word"); else list+=,$((port += 1)):$word:7000; fi
    done
    start_bare DILL_HEALTH_ENABLED=false "${words[@]}" --connections "${list#,}"
}

leads() { # PORT ADDRESS...: Peek shows exactly these backends of the listener, in any order, all with port 7000
    local port=$1
    shift
    leads_to "$port" "${@/%/:7000}"
}

leads_to() { # PORT ADDRESS:PORT...; names without an address do not count
    local port=$1
    shift
    [ "$(peek | awk -v at="0.0.0.0:$port" '/^[^ ]/ { on = $0 == at } on && /➤/ && !/resolv/ { print $2 }' | sort)" = "$(printf '%s\n' "$@" | sort)" ]
}

start_dnsmasq() { # ADDRESS TTL: dnsmasq, which knows hosts of dnsmasq_zone, and nothing else below test.; sets DNS_PID
    DNSMASQ_ZONE=$T/dnsmasq.$((STARTED += 1))
    : >"$DNSMASQ_ZONE"
    PROGRAM_HOST=$1 PROGRAM_PORT=53 start_program "dnsmasq.$STARTED" dnsmasq --keep-in-foreground --conf-file=/dev/null \
        --no-resolv --no-hosts --addn-hosts="$DNSMASQ_ZONE" --local-ttl="$2" --local=/test/ --pid-file= --user=root \
        --listen-address="$1" --bind-interfaces --log-facility="$DNSMASQ_ZONE.log"
    DNS_PID=$PROGRAM_PID
}

dnsmasq_zone() { # LINE...: hosts that it knows from now on
    printf '%s\n' "$@" >"$DNSMASQ_ZONE"
    kill -HUP "$DNS_PID"
}
