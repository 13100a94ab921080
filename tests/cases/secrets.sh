# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: what must not be seen is seen nowhere. Each secret has the word c4n4ry in it.

SECRET_URLS=(
    http://user:c4n4ry@127.0.0.1:1/x http://c4n4ry@127.0.0.1:1 c4n4ry@127.0.0.1:1 user:c4n4ry@127.0.0.1:1
    'http://127.0.0.1:1/x?token=c4n4ry' 'http://127.0.0.1:1/x?user=me@corp&token=c4n4ry' 'http://127.0.0.1:1?token=c4n4ry'
    '127.0.0.1:1/x?c4n4ry' '127.0.0.1:1?user=me@corp&token=c4n4ry' http://127.0.0.1:1/#c4n4ry http://127.0.0.1:1#c4n4ry
    'http://user:a?c4n4ry@127.0.0.1:1' http://user:a/c4n4ry@127.0.0.1:1 'http://user:a#c4n4ry@127.0.0.1:1/?q@r' https://user:c4n4ry@h/
    'http://user:c4n4ry@h/a?b@c' socks5://user:c4n4ry@h:1 'socks5://user:a?c4n4ry@h:1' http://user:c4n4ry@:1
    'unix:///run/consul.sock?c4n4ry' 'http://127.0.0.1:1/login?next=http://u:c4n4ry@h/'
)

nothing_leaked() { # WHAT: no run so far has said a secret
    local said
    said=$(cat "$T"/once.*.out "$T"/once.*.err "$T"/dill.*.out "$T"/dill.*.err 2>/dev/null | grep -a -m 3 c4n4ry)
    [ -z "$said" ] || fail "$1: $said"
}

case_secrets_of_urls() { # at each place of a configuration where one may stand
    local url key
    for url in "${SECRET_URLS[@]}"; do
        for key in consul.address routing.http.endpoint routing.nomad.address routing.consul.address; do
            dill_once -t "--$key=$url"
            dill_once -t "DILL_$(tr a-z. A-Z_ <<<"$key")=$url"
        done
        dill_once -t "CONSUL_HTTP_ADDR=$url"
        dill_once -t "$url"
        dill_once -t -laddr "$url" 127.0.0.1:1
        dill_once -t --backend "$url"
        [[ $url != *://* ]] || dill_once -t -c "$url/x.toml"
        [[ $url != *://* ]] || dill_once "--routing.file.path=$url/x.toml"
        dill_once -t -c "$url"
        dill_once -t "--listeners.bind.web=$url"
        dill_once -t "DILL_LISTENERS_BIND=web=local:5000,$url"
        dill_once -t "--listeners.reserved=:80,$url" "--status.hosts=$url" "--backends.allow=$url"
        dill_once -t "--connections=8002:$url"
        dill_once -t --connections "$url"
        nothing_leaked "$url"
        for key in proxy backends listener balance allow pasword; do
            dill_once -t DILL_SERVICES_WEB_LISTENER=:5000 DILL_SERVICES_WEB_BACKENDS=h:1 "DILL_SERVICES_WEB_${key^^}=$url"
            dill_once -t "DILL_SERVICES=[{\"name\":\"a\",\"listener\":\":5000\",\"backends\":\"h:1\",\"$key\":\"$url\"}]"
            printf '[[services]]\nname = "web"\n%s = "%s"\n' "$key" "$url" >"$T/routing.toml"
            dill_once -t "DILL_ROUTING_FILE_PATH=$T/routing.toml"
            printf 'DILL_SERVICES_WEB_%s=%s\n' "${key^^}" "$url" >"$T/routing.env"
            dill_once -t "DILL_ROUTING_FILE_PATH=$T/routing.env"
        done
        nothing_leaked "services with $url"
    done
}

case_secrets_of_keys() { # of those that are misspelled, or belong to what is not here; of tokens that are none
    local file text
    while IFS='|' read -r file text; do
        printf '%b' "$text" >"$T/$file"
        dill_once -t -c "$T/$file"
        dill_once -t "DILL_ROUTING_FILE_PATH=$T/$file"
        dill_once "DILL_ROUTING_FILE_PATH=$T/$file" --plan
        nothing_leaked "$text"
    done <<'END'
c.toml|[consul]\ntokn = "c4n4ry"\n
c.toml|[consul]\ntoken = "c4n4ry\n
c.toml|[consul]\ntoken = c4n4ry\n
c.toml|[consul]\ntoken = ["c4n4ry"]\n
c.toml|[consul]\ntoken = "c4n4ry\\t"\n[routing.consul]\ntoken = "c4n4ry"\n
c.toml|consul.token = { value = "c4n4ry" }\n
c.toml|[aws]\nsecret_access_kye = "c4n4ry"\n[routing.nomad]\ntokn = "c4n4ry"\naddress = "http://u:c4n4ry@h"\n
c.toml|[services.web]\nproxi = "socks5://u:c4n4ry@h:1"\n
c.toml|services = "c4n4ry@h"\n
c.json|{"consul": {"tokn": "c4n4ry", "token": c4n4ry}}
c.json|{"consul": {"tokn": "c4n4ry", "token": ["c4n4ry"]}, "servces": [{"password": "c4n4ry"}]}
c.yaml|consul:\n  tokn: c4n4ry\n  token: c4n4ry: x\n
c.yaml|consul:\n  token: >\n    c4n4ry\n
c.yaml|consul:\n  token:\n  - c4n4ry\n
c.hcl|consul {\n  tokn = "c4n4ry"\n  token = c4n4ry\n}\n
c.ini|[consul]\ntokn = c4n4ry\ntoken = "c4n4ry\n
c.properties|consul.tokn = c4n4ry\nconsul.token = c4n4ry\\u12\n
c.env|DILL_CONSUL_TOKN=c4n4ry\nconsul.tokn=c4n4ry\nDILL_CONSUL_TOKEN="c4n4ry\n
c.env|DILL_CONSUL_TOKEN= c4n4ry\n
END
    dill_once -t --consul.tokn=c4n4ry
    dill_once -t --consul.tokn c4n4ry
    dill_once -t DILL_CONSUL_TOKN=c4n4ry DILL_LOG_LEVEL=debug
    dill_once -t $'DILL_CONSUL_TOKEN=c4n4ry\n' --log.level=debug
    dill_once -t --aws.regin=c4n4ry --routing.dynamodb.tabel=c4n4ry --aws.x c4n4ry
    dill_once -t CONSUL_HTTP_TOKEN=c4n4ry --consul.token=c4n4ry
    dill_once -t -v --help DILL_CONSUL_TOKEN=c4n4ry
    dill_once --help DILL_CONSUL_TOKEN=c4n4ry "DILL_CONSUL_ADDRESS=http://u:c4n4ry@h"
    printf 'c4n4ry\nc4n4ry\n' >"$T/token"
    dill_once -t "DILL_CONSUL_TOKEN_FILE=$T/token"
    same "exit status with two tokens in a file" 1 "$RC"
    echo c4n4ry >"$T/token"
    dill_once -t "DILL_CONSUL_TOKEN_FILE=$T/token" DILL_CONSUL_TOKEN=c4n4ry
    same "exit status with both" 0 "$RC"
    contains "-t" 'consul.token =   # DILL_CONSUL_TOKEN; consul.token_file counts' "$OUT"
    nothing_leaked "tokens"
}

case_secrets_at_work() { # what Consul, a URL and the operator say: the log, Peek, all pages, --explain, --plan, processes
    local p q STATUS name page tags names=() i=0
    p=$(next_port) q=$(next_port) STATUS=$(next_port)
    start_routes
    serve_routes application/json "{\"services\": [{\"name\": \"json\", \"listener\": \"local:$q\",
        \"backends\": [\"127.0.0.1:$A\"], \"proxy\": \"socks5://user:c4n4ry@127.0.0.1:1\"}]}"
    echo c4n4ry >"$T/token"
    while read -ra tags; do
        i=$((i + 1))
        register "name$i" "name$i" "$A" dill "dill.listener=local:$p" "${tags[@]}"
        names+=("name$i")
    done <<'END'
dill.proxy=socks5://user:c4n4ry@127.0.0.1:1
dill.proxy=http://user:c4n4ry@127.0.0.1:1
dill.proxy=socks5://user:a@c4n4ry
dill.proxy=socks5://user:c4n4ry
dill.proxy=socks5://user:a?c4n4ry@127.0.0.1:x
dill.proxy=socks5://user:c4n4ry@h:1 dill.proxy=socks5://user:c4n4ry@h:2
dill.listener=http://user:c4n4ry@h:80
dill.listener=h?token=c4n4ry:80
dill.listener=http://h/?user=me@corp&token=c4n4ry
dill.pasword=c4n4ry
dill.proxi=socks5://user:c4n4ry@h:1
dill.user:c4n4ry@h
dill.allow=http://user:c4n4ry@h dill.allow=http://user:c4n4ry@k
dill.balance=user:c4n4ry@h
auth=c4n4ry urlprefix-http://h/x?c4n4ry user:c4n4ry@h
END
    start_bare "DILL_CONSUL_ADDRESS=$CONSUL_URL" "DILL_CONSUL_TOKEN_FILE=$T/token" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" \
        DILL_LOG_LEVEL=debug DILL_LOG_ACCESS=true DILL_ROUTING_HTTP_POLL_INTERVAL=50ms "DILL_STATE_PATH=$T/state" \
        "DILL_ROUTING_HTTP_ENDPOINT=http://127.0.0.1:$ROUTES/x?user=me@corp&token=c4n4ry"
    must 5 "the routes of the URL" peek_has "127.0.0.1:$q"
    must 5 "those of Consul" peek_contains "# refused: name14"
    says "$p" >/dev/null
    says "$q" >/dev/null
    serve_routes application/json '{"services": [{"name": "x", "pasword": "c4n4ry"}]}'
    must 3 "a key that nobody knows" log_has 'pasword: "\*{8}" is not a key of a service'
    serve_routes 'text/html; x=http://h/?user=me@corp&token=c4n4ry' '<html>c4n4ry'
    sleep 0.3
    for page in 'http://user:c4n4ry@elsewhere/' 'http://elsewhere/?user=me@corp&token=c4n4ry' '/login?c4n4ry' "http://$(printf 'x%.0s' {1..300}):c4n4ry@h/"; do
        serve_routes application/json x "Location: $page"
        echo 302 >"$T/routes/status"
        sleep 0.3
    done
    kill -USR1 "$DILL_PID"
    must 3 "the counters" log_has 'info  counters '
    for page in / /status /routes /connections /metrics $(printf '/explain/%s ' "${names[@]}" json) '/none?token=x'; do
        curl -s "http://127.0.0.1:$STATUS$page" >"$T/once.0$i.out" || fail "no $page"
        i=$((i + 1))
    done
    peek >"$T/once.0peek.out"
    for name in "${names[@]}" json; do
        dill_once --explain "$name" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_CONSUL_ADDRESS=$CONSUL_URL" "DILL_CONSUL_TOKEN_FILE=$T/token"
        dill_once --explain "$name" "DILL_CONSUL_ADDRESS=$CONSUL_URL" CONSUL_HTTP_TOKEN=c4n4ry
    done
    dill_once --plan "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_CONSUL_ADDRESS=$CONSUL_URL" DILL_CONSUL_TOKEN=c4n4ry
    dill_once --plan "DILL_CONSUL_ADDRESS=$CONSUL_URL" "DILL_ROUTING_HTTP_ENDPOINT=http://127.0.0.1:$ROUTES/x?user=me@corp&token=c4n4ry"
    cat "/proc/$DILL_PID"/task/*/comm "/proc/$DILL_PID/cmdline" >"$T/once.0titles.out"
    kill "$DILL_PID"
    stop_dill 0 8
    grep -q c4n4ry "$T/state" || fail "the state file lacks the services"
    start_bare DILL_CONSUL_ADDRESS=http://127.0.0.1:1 "DILL_STATE_PATH=$T/state" DILL_LOG_LEVEL=debug
    must 5 "what is remembered" peek_contains "from state.path"
    peek >"$T/once.0remembered.out"
    nothing_leaked "at work"
    at_least "places that show that proxy" 5 "$(grep -lF 'socks5://********@127.0.0.1:1' "$T"/once.* | wc -l)"
}

case_secrets_echoed() { # an error of Consul, or of a gateway, with the token in its words
    start_fake
    start_dill_on_fake DILL_CONSUL_TOKEN=c4n4ry DILL_LOG_LEVEL=debug
    fake PUT '/fault?mode=status&code=500&text=no%20such%20token:%20c4n4ry'
    must 5 "the error" log_has 'warn .*answered 500: \(words with the token in them\)'
    nothing_leaked "an echo"
}
