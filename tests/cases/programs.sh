# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: the command lines and files of earlier programs, what -t says, the formats side by side.

# Earlier programs. What their documentation shows, word for word.

verdicts() { # what -t says of the services
    without_origins | grep -E '^(services\.|# .* is (accepted|refused): )'
}

without_origins() { # what -t printed, but for where it came from
    printf '%s\n' "$OUT" | sed 's/  # .*//'
}

case_tcp_proxy_usage() { # tcp-proxy: -laddr -timeout -lb BACKEND...
    local p
    dill_once -t -laddr localhost:4000 -timeout 3s -lb random localhost:8001 localhost:8002
    same "exit status" 0 "$RC"
    same "services" "services.static.listener = localhost:4000
services.static.backends = localhost:8001, localhost:8002
# static: localhost:4000 is accepted: 127.0.0.1:4000" "$(verdicts)"
    in_force proxy.balance random
    in_force proxy.connect_timeout 3s
    for word in RANDOM P2C ROUND_ROBIN p2c; do
        dill_once -t -lb "$word" localhost:8001
        in_force proxy.balance "${word,,}"
        contains "the default address" "services.static.listener = :4000" "$OUT"
    done
    p=$(next_port)
    start_bare -laddr "localhost:$p" -timeout 3s -lb random "localhost:$A" "localhost:$B"
    must 5 "traffic" answers "$p" a
    must 5 "the other backend" answers "$p" b
    dill_once localhost
    same "the error of a BACKEND without a port" "dill: BACKEND: \"localhost\" is not host:port" "$ERR"
    dill_once -laddr nowhere:4000 localhost:80 -t
    contains "the verdict on a name that is no label" "nowhere:4000 is refused: label \"nowhere\"" "$OUT"
    dill_once -laddr :4000
    same "exit status of -laddr alone" 2 "$RC"
    dill_once localhost:8001 --backend consul
    same "exit status of a BACKEND and --backend consul" 2 "$RC"
    contains "the error" "exclude each other" "$ERR"
}

case_tcpproxy_invocations() { # tcpproxy: its three examples, and its other options
    local p q
    dill_once -t --connections 8002:example.com:5432
    same "exit status" 0 "$RC"
    same "services" "services.8002:example.com:5432.listener = :8002
services.8002:example.com:5432.backends = example.com:5432
# 8002:example.com:5432: :8002 is accepted: 0.0.0.0:8002" "$(verdicts)"
    p=$(next_port)
    dill_once -t --connections 8002:example.com:5432 --status :8001
    in_force status.listener :8001
    while read -r word level; do
        dill_once -t --debug "$word" localhost:1
        in_force log.level "$level"
    done <<'END'
0 error
1 info
2 debug
END
    dill_once -t --connections 0000000000000000000080:127.0.0.1:80
    contains "a port with zeros before it" ".listener = :80" "$OUT"
    for word in 8002 8002:host x:host:80 8002:host:0 8002::80 70000:host:80; do
        dill_once -t --connections "$word"
        same "exit status of --connections $word" 1 "$RC"
        contains "the error" "dill: --connections: \"$word\" is not PORT:HOST:PORT" "$ERR"
    done
    p=$(next_port) q=$(next_port) STATUS=$(next_port)
    start_bare --status "127.0.0.1:$STATUS" --proxy blue --backend static --connections "$p:127.0.0.1:$A,$q:[::ffff:127.0.0.1]:$B"
    must 5 "the first connection" answers "$p" a
    must 5 "the second connection" answers "$q" b 127.0.0.9
    contains "/connections" '{"name":"blue",' "$(curl -s --max-time $((5 * SLOW)) "http://127.0.0.1:$STATUS/connections")"
}

case_tcpproxy_backends() { # tcpproxy: its examples with AWS, and their other options; without TLS, AWS is an error
    local words at=AWS_ENDPOINT_URL=http://127.0.0.1:1
    dill_once -t --backend dynamodb --proxy test $at
    same "exit status of dynamodb: $ERR" 0 "$RC"
    in_force routing.dynamodb.proxy test
    in_force routing.dynamodb.table classic-proxy
    in_force routing.dynamodb.poll_interval 1m
    dill_once -t --backend elasticache --elasticache-cluster-id my-redis-cluster --elasticache-port 6379 $at
    same "exit status of elasticache: $ERR" 0 "$RC"
    in_force routing.elasticache.cluster_id my-redis-cluster
    in_force routing.elasticache.port 6379
    dill_once -t --backend dynamodb --proxy realtime --dynamodb other --region eu-west-1 --status :8001 --debug 2 $at
    same "exit status of all options: $ERR" 0 "$RC"
    in_force routing.dynamodb.table other
    in_force aws.region eu-west-1
    in_force status.listener :8001
    in_force log.level debug
    dill_once --backend dynamodb $at
    same "exit status without --proxy" 1 "$RC"
    same "the error without --proxy" "dill: --backend dynamodb needs --proxy (routing.dynamodb.proxy)" "$ERR"
    dill_once --backend elasticache --elasticache-port 6379 $at
    same "exit status without a cluster" 1 "$RC"
    contains "the error without a cluster" "--backend elasticache needs --elasticache-cluster-id" "$ERR"
    dill_once --backend elasticache --elasticache-cluster-id my-redis-cluster $at
    same "exit status without a port" 1 "$RC"
    contains "the error without a port" "routing.elasticache.cluster_id needs routing.elasticache.port" "$ERR"
    dill_once -v
    [[ $OUT != *SSL* ]] || return 0
    for words in "dynamodb --proxy test" "elasticache --elasticache-cluster-id my-redis-cluster --elasticache-port 6379"; do
        # shellcheck disable=SC2086  # several words
        dill_once --backend $words
        same "exit status of $words without TLS" 1 "$RC"
        contains "the error of $words without TLS" "dill: ${words%% *}: https://${words%% *}.REGION.amazonaws.com is https, and this" "$ERR"
        contains "what else there is" "make TLS=openssl" "$ERR"
    done
}

case_aws_reload() { # another region, table or proxy is read at once; what has not changed runs on
    local p
    p=$(next_port)
    start_aws
    aws PUT '/table' "{\"realtime\": [\"$p:127.0.0.1:$A\"], \"other\": [\"$((p + 1)):127.0.0.1:$B\"]}"
    printf '[aws]\nregion = us-east-1\n[routing.dynamodb]\nproxy = realtime\n' >"$T/c.ini"
    start_bare "${AWS[@]}" DILL_BACKENDS_ALLOW=127.0.0.0/8 -c "$T/c.ini"
    must 5 "the route" answers "$p" a
    printf '[aws]\nregion = us-east-1\n[routing.dynamodb]\nproxy = realtime\n[log]\nlevel = debug\n' >"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the reload" log_has 'reload: done'
    stays 300 "another request" aws_requests_are 1
    aws PUT '/region?name=eu-west-1'
    printf '[aws]\nregion = eu-west-1\n[routing.dynamodb]\nproxy = realtime\n' >"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "a request of the other region" aws_requests_are 2
    same "its answer" "dynamodb Query AKIDEXAMPLE 200 -" "$(aws_last dynamodb)"
    answers "$p" a || fail "the route has gone with the region"
    ! log_has ' closed ' || fail "a listener closed at a reload"
    printf '[aws]\nregion = eu-west-1\n[routing.dynamodb]\nproxy = other\n' >"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the other proxy" answers "$((p + 1))" b
    must 3 "the first one gone" refuses 127.0.0.1 "$p"
}

aws_requests_are() { [ "$(aws_count dynamodb)" -eq "$1" ]; }

case_aws_explained() { # --explain and --plan read the tables of AWS once
    local p
    p=$(next_port)
    start_aws
    aws_table "$p:127.0.0.1:$A" nonsense '{"other": {"S": "x"}}' "80:127.0.0.1:$A"
    aws PUT /clusters '{"docker-registry": {"Nodes": [{"Id": "0001", "Status": "creating"}], "ReplicationGroupId": "group-1"}}'
    AWS+=(--backend dynamodb --proxy realtime)
    dill_once "${AWS[@]}" --explain nonsense
    same "exit status of nonsense" 0 "$RC"
    same "what is said of nonsense" "nonsense in dynamodb
    listener nonsense: refused: its item is not PORT:HOST:PORT" "$OUT"
    dill_once "${AWS[@]}" --explain '{}'
    contains "an item without the attribute" "refused: its item has no proxy_configuration" "$OUT"
    dill_once "${AWS[@]}" --explain "80:127.0.0.1:$A"
    contains "a low port" "listener any:80: refused by listeners.port_min" "$OUT"
    dill_once "${AWS[@]}" DILL_BACKENDS_ALLOW=127.0.0.0/8 --plan
    same "exit status of the plan" 2 "$RC"
    contains "the plan" "+ 0.0.0.0:$p for $p:127.0.0.1:$A, round_robin" "$OUT"
    contains "what is refused" "# refused: nonsense wants nonsense: its item is not PORT:HOST:PORT" "$OUT"
    AWS[-3]=elasticache
    dill_once "${AWS[@]}" --elasticache-cluster-id docker-registry --elasticache-port "$p" --explain docker-registry
    contains "a cluster without an endpoint" "listener :$p: refused: none of its nodes has an endpoint" "$OUT"
    contains "a replication group" "cluster docker-registry is in the replication group group-1, whose failovers are not followed" "$ERR"
    aws PUT '/fault?mode=error&name=AccessDeniedException&text=no'
    dill_once "${AWS[@]}" --elasticache-cluster-id docker-registry --elasticache-port "$p" --plan
    same "exit status without an answer" 1 "$RC"
    contains "the error without an answer" "dill: elasticache has not answered" "$ERR"
}

case_tcpproxy_apps() { # TCPProxy: its file with four apps
    local p
    cat >"$T/config.yaml" <<'END'
apps:
- name: five-thousand
  ports: [5001, 5200, 5300, 5400]
  targets: ["tcp-echo.fly.dev:5001", "tcp-echo.fly.dev:5002"]
- name: six-thousand
  ports: [6001, 6200, 6300, 6400]
  targets: ["tcp-echo.fly.dev:6001", "tcp-echo.fly.dev:6002", "bad.target.for.testing:6003"]
- name: seven-thousand
  ports:
  - 7001
  - 7200
  - 7300
  - 7400
  targets:
  - tcp-echo.fly.dev:7001
  - tcp-echo.fly.dev:7002
- name: broken
  ports: [8001]
  targets: ["bad.target.for.testing:6003", "bad.target.for.testing:6003"]
END
    dill_once -t -c "$T/config.yaml"
    same "exit status" 0 "$RC"
    same "listeners" 13 "$(grep -c 'is accepted: 0.0.0.0:' <<<"$OUT")"
    contains "an app" "# seven-thousand: any:7400 is accepted: 0.0.0.0:7400" "$OUT"
    contains "its targets" "services.six-thousand.backends = tcp-echo.fly.dev:6001, tcp-echo.fly.dev:6002, bad.target.for.testing:6003" "$OUT"
    p=$(next_port)
    printf 'apps:\n- name: one\n  ports: [%s, %s]\n  targets: ["127.0.0.1:%s", "127.0.0.1:%s"]\n' \
        "$p" "$((p + 1))" "$A" "$B" >"$T/config.yaml"
    start_bare -c "$T/config.yaml"
    must 5 "the first port" answers "$p" a 127.0.0.8
    must 5 "the second port" answers "$((p + 1))" a
    must 5 "the second target" answers "$p" b
    printf 'apps:\n- name: one\n  targets: ["127.0.0.1:80"]\n' >"$T/config.yaml"
    dill_once -t -c "$T/config.yaml"
    same "exit status without ports" 1 "$RC"
    contains "the error" "config.yaml:2: apps[0] has no ports" "$ERR"
}

case_go_dill_configuration() { # the examples of the Go dill, in its three formats, and its environment
    cat >"$T/config.toml" <<'END'
[listeners]
port_min = 1024
port_max = 49151

[listeners.allowed]
local = "127.0.0.1"
any = "0.0.0.0"

[routing.consul]
address = "http://127.0.0.1:8500"

[peek]
listener = "127.0.0.1:4141"

[runtime]
gomaxprocs = 4
END
    cat >"$T/config.yaml" <<'END'
listeners:
  port_min: 1024 
  port_max: 49151
  allowed:
    local: "127.0.0.1"
    any: "0.0.0.0"

routing:
  http:
    endpoint: "http://127.0.0.1:8000/config/routing.json"
    poll_interval: "5s"
    poll_timeout: "5s"

peek:
  listener: "127.0.0.1:4141"

runtime:
  gomaxprocs: 4
END
    cat >"$T/config.json" <<END
{
  "listeners": {
    "port_min": 1024,
    "port_max": 49151,
    "allowed": {
      "local": "127.0.0.1",
      "any": "0.0.0.0"
    }
  },
  "routing": {
    "file": {
      "path": "$T/routing.toml",
      "watch": true
    }
  },
  "peek": {
    "listener": "127.0.0.1:4141"
  },
  "runtime": {
    "gomaxprocs": 4
  }
}
END
    go_dill_routing
    for file in config.toml config.yaml config.json; do
        dill_once -t -config "$T/$file"
        same "exit status of $file" 0 "$RC"
        same "stderr of $file" "" "$ERR"
        in_force listeners.port_min 1024
        in_force peek.listener 127.0.0.1:4141
        in_force runtime.threads 4
        in_force listeners.allowed.any 0.0.0.0
    done
    in_force routing.file.watch true
    contains "the routing file" "# bar: any:4444 is accepted: 0.0.0.0:4444" "$OUT"
    dill_once -t -config "$T/config.yaml"
    in_force routing.http.endpoint http://127.0.0.1:8000/config/routing.json
    dill_once -t DILL_CONSUL_ADDRESS=http://127.0.0.1:8500 DILL_LISTENERS_PORT_MIN=1234
    in_force listeners.port_min 1234
}

# The Go dill's routing file in its three formats, without the proxy of its first service.
go_dill_routing() {
    cat >"$T/routing.toml" <<'END'
# /etc/dill/routing.toml
[[services]]
  name = "foo"
  listener = "local:1234"
  backends = ["127.0.0.1:5050"]

[[services]]
  name = "bar"
  listener = "any:4444"
  backends = ["127.0.0.1:4000", "127.0.0.1:4001"]
END
    cat >"$T/routing.json" <<'END'
{
  "services": [
    {
      "name": "foo",
      "listener": "local:1234",
      "backends": [
        "127.0.0.1:5050"
      ]
    },
    {
      "name": "bar",
      "listener": "any:4444",
      "backends": [
        "127.0.0.1:4000",
        "127.0.0.1:4001"
      ]
    }
  ]
}
END
    cat >"$T/routing.yaml" <<'END'
services:
  - name: foo
    listener: local:1234
    backends:
      - 127.0.0.1:5050
  - name: bar
    listener: any:4444
    backends:
      - 127.0.0.1:4000
      - 127.0.0.1:4001
END
}

case_go_dill_routing() { # its schema in three formats gives the same services
    local file
    go_dill_routing
    for file in routing.toml routing.json routing.yaml; do
        dill_once -t "DILL_ROUTING_FILE_PATH=$T/$file"
        same "exit status of $file" 0 "$RC"
        same "$file" "services.foo.listener = local:1234
services.foo.backends = 127.0.0.1:5050
services.bar.listener = any:4444
services.bar.backends = 127.0.0.1:4000, 127.0.0.1:4001
# foo: local:1234 is accepted: 127.0.0.1:1234
# bar: any:4444 is accepted: 0.0.0.0:4444" "$(verdicts)"
    done
}

case_limits_of_clients() { # listeners.allow wherever it is written, as a list and in one word; what is wrong, with its place
    dill_once -t DILL_LISTENERS_ALLOW=10.0.0.0/8,::1
    contains "the variable" "listeners.allow = 10.0.0.0/8,::1  # DILL_LISTENERS_ALLOW" "$OUT"
    printf '[listeners]\nallow = ["10.0.0.0/8",\n"192.168.0.0/16"]\n' >"$T/c.toml"
    dill_once -t -c "$T/c.toml"
    contains "the list" "listeners.allow = 10.0.0.0/8,192.168.0.0/16  # c.toml:3" "${OUT//$T\//}"
    dill_once -t --listeners.allow=10.0.0.0/33
    same "exit status of the option" 1 "$RC"
    contains "the option" '--listeners.allow: listeners.allow: "10.0.0.0/33" is not a network such as 10.0.0.0/8' "$ERR"
    printf '[listeners]\nallow = ["10.0.0.0/8",\n"everybody"]\n' >"$T/c.toml"
    dill_once -t -c "$T/c.toml"
    same "exit status of the list" 1 "$RC"
    contains "its place" 'c.toml:3: listeners.allow[1]: "everybody" is not a network' "$ERR"
    printf '[log]\nlevel = ["info"]\n' >"$T/c.toml"
    dill_once -t -c "$T/c.toml"
    contains "a list where there is none" 'c.toml:2: log.level: a value expected, not a list' "$ERR"
    same "exit status of a list where there is none" 1 "$RC"
    dill_once -t DILL_ROUTING_NOMAD_ADDRESS=h:x
    same "exit status of a source's variable" 1 "$RC"
}

case_precedence_of_services() { # field by field, the more important place wins; one place's lists add up
    printf '[services.web]\nlistener = any:8080\nbackends = 10.0.0.1:80, 10.0.0.2:80\nbalance = p2c\n' >"$T/c.ini"
    dill_once -t -c "$T/c.ini" DILL_SERVICES_WEB_BALANCE=random DILL_SERVICES_WEB_BACKENDS=10.0.0.3:80
    same "services" "services.web.listener = any:8080
services.web.backends = 10.0.0.3:80
services.web.balance = random
# web: any:8080 is accepted: 0.0.0.0:8080" "$(verdicts)"
    dill_once -t -c "$T/c.ini" DILL_SERVICES_WEB_BALANCE=random --services.web.balance=least_conn \
        --services.web.backends=10.0.0.4:80 --services.web.backends=10.0.0.5:80
    same "services" "services.web.listener = any:8080
services.web.backends = 10.0.0.4:80, 10.0.0.5:80
services.web.balance = least_conn
# web: any:8080 is accepted: 0.0.0.0:8080" "$(verdicts)"
}

case_env_file_is_an_environment() { # single labels add, JSON is read, DILL_ goes before DYNTCP_
    cat >"$T/c.env" <<'END'
DYNTCP_LISTENERS_PORT_MIN=1111
DILL_LISTENERS_PORT_MIN=2222
DYNTCP_LISTENERS_PORT_MAX=3333
DILL_LISTENERS_ALLOWED_PUBLIC=1.2.3.4
DILL_SERVICES='[{"name": "web", "listener": "any:2300", "backends": ["10.0.0.1:80"]}]'
DILL_COLOUR=1
END
    dill_once -t -c "$T/c.env"
    same "exit status: $ERR" 0 "$RC"
    in_force listeners.port_min 2222
    in_force listeners.port_max 3333
    in_force listeners.allowed.public 1.2.3.4
    in_force listeners.allowed.any 0.0.0.0
    contains "the service" "# web: any:2300 is accepted" "$OUT"
    contains "the warning" "c.env:6: unknown key DILL_COLOUR" "$ERR"
}

case_secrets_in_errors() { # not in what is said of a wrong value either
    dill_once -t "DILL_CONSUL_TOKEN=sesame"$'\n'
    same "exit status of a token with a line end" 1 "$RC"
    contains "the error" 'consul.token: "********" has a control character' "$ERR"
    lacks "the error" sesame "$ERR"
    dill_once -t --aws.secret_access_key=sesame
    lacks "the error" sesame "$ERR"
    dill_once -t DILL_ROUTING_HTTP_ENDPOINT=http://user:sesame@127.0.0.1/x
    same "exit status of a URL with a password" 1 "$RC"
    lacks "the error" sesame "$ERR"
    contains "the error" "has a user name or password" "$ERR"
    dill_once -t "DILL_ROUTING_HTTP_ENDPOINT=http://127.0.0.1/x?token=sesame"
    same "exit status of a URL with a query" 0 "$RC"
    lacks "-t" sesame "$OUT"
}

# -t

case_check_mode_verdicts() { # what admission would say, with secrets masked
    cat >"$T/c.toml" <<'END'
[[services]]
name = "web"
listener = ["any:8080", "local:80", "dmz:8080", "10.0.0.1:25"]
backends = ["10.0.0.1:80", "[fd00::1]:80", "db.internal:5432"]
balance = "fastest"

[[services]]
name = "tunnel"
listener = "any:8081"
backends = ["10.0.0.1:80"]
proxy = "socks5://user:pass@10.0.0.9:1080"

[[services]]
name = "wrong"
listener = "any:8082"
backends = ["10.0.0.1:80"]
proxy = "http://user:pass@10.0.0.9:1080"
allow = ["10.0.0.0/8", "::/0"]
deny = "10.0.0.0/99"
proxy_protocol = "v3"
END
    dill_once -t -c "$T/c.toml"
    same "exit status" 0 "$RC"
    same "verdicts" 'services.web.listener = any:8080, local:80, dmz:8080, 10.0.0.1:25
services.web.backends = 10.0.0.1:80, [fd00::1]:80, db.internal:5432
services.web.balance = fastest
services.tunnel.listener = any:8081
services.tunnel.backends = 10.0.0.1:80
services.tunnel.proxy = socks5://********@10.0.0.9:1080
services.wrong.listener = any:8082
services.wrong.backends = 10.0.0.1:80
services.wrong.proxy = http://********@10.0.0.9:1080
services.wrong.proxy_protocol = v3
services.wrong.allow = 10.0.0.0/8,::/0
services.wrong.deny = 10.0.0.0/99
# web: balance=fastest is refused: not one of round_robin, random, p2c, least_conn
# web: any:8080 is accepted: 0.0.0.0:8080
# web: local:80 is refused: port below listeners.port_min 1024
# web: dmz:8080 is refused: label "dmz" is not in listeners.allowed
# web: 10.0.0.1:25 is accepted: 10.0.0.1:25
# tunnel: any:8081 is accepted: 0.0.0.0:8081
# wrong: proxy=http://********@10.0.0.9:1080 is refused: is not socks5://[user:password@]host:port
# wrong: proxy_protocol=v3 is refused: not v1 or v2
# wrong: deny=10.0.0.0/99 is refused: is not a network such as 10.0.0.0/8' \
        "$(verdicts)"
    contains "where it came from" "services.tunnel.listener = any:8081  # $T/c.toml:9" "$OUT"
    dill_once -t "DILL_ROUTING_FILE_PATH=$T/missing.toml"
    same "exit status with a routing file that is not there" 1 "$RC"
    contains "the error" "$T/missing.toml: No such file" "$ERR"
}

case_credentials_stay_secret() { # of a proxy: not in the log, in Peek, or at any path of the status server
    local p STATUS page
    p=$(next_port) STATUS=$(next_port)
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" DILL_LOG_LEVEL=debug DILL_LOG_ACCESS=true
    register web web-1 "$A" dill "dill.listener=local:$p" dill.proxy=socks5://user:sesame@127.0.0.1:1
    register bad bad-1 "$A" dill "dill.listener=local:$((p + 1))" dill.proxy=http://user:sesame@127.0.0.1:1
    must 5 "the route" peek_contains "socks5://127.0.0.1:1 ─➤ 127.0.0.1:$A"
    must 5 "refusal" peek_contains "# refused: bad wants proxy=http://********@127.0.0.1:1: "
    says "$p" >/dev/null
    must 5 "the failure in the log" log_has 'end=connect_failed'
    kill -USR1 "$DILL_PID"
    must 3 "the counters" log_has 'info  counters '
    for page in / /routes /connections /metrics /explain/web /explain/bad; do
        curl -s "http://127.0.0.1:$STATUS$page" >"$T/page" || fail "no $page"
        lacks "$page" sesame "$(cat "$T/page")"
    done
    lacks "Peek" sesame "$(peek)"
    lacks "the log" sesame "$(cat "$LOG")"
}

case_seven_spellings() { # the same configuration in every format gives the same -t, byte for byte
    local file want="" got
    cat >"$T/c.toml" <<'END'
# comment
[listeners]
port_min = 2000
drain = "1m30s"
[listeners.allowed]
local = "127.0.0.1"
six = "::1"
[listeners.bind] # who may ask for what
"db-*" = "local:5432-5439, six:5432"
web = "local:8443"
"*" = "local:8000-8999"
[proxy]
balance = "p2c"
[routing.http]
endpoint = "http://127.0.0.1:8000/x y"
[log]
level = 'debug'

[[services]]
name = "web"
listener = ["local:8080", "six:8081"]
backends = ["10.0.0.1:80", "db.internal:5432"]
balance = "least_conn"

[[services]]
name = "db"
listener = "local:80"
backends = ["10.0.0.2:1"]
END
    sed -i 's| y"|%20y"|' "$T/c.toml"
    cat >"$T/c.ini" <<'END'
; comment
[listeners]
port_min = 2000
drain = 1m30s
[listeners.allowed]
local = 127.0.0.1
six = "::1"
[listeners.bind]
db-* = local:5432-5439, six:5432
web = local:8443
* = "local:8000-8999"
[proxy]
balance = p2c
[routing.http]
endpoint = http://127.0.0.1:8000/x%20y
[log]
level = debug
[services.web]
listener = local:8080, six:8081
backends = 10.0.0.1:80, db.internal:5432
balance = least_conn
[services.db]
listener = local:80
backends = 10.0.0.2:1
END
    cp "$T/c.ini" "$T/c.conf"
    cat >"$T/c.yaml" <<'END'
# comment
listeners:
  port_min: 2000
  drain: 1m30s
  allowed: {local: 127.0.0.1, six: "::1"}
  bind:
    db-*: local:5432-5439, six:5432
    web: [local:8443]
    "*": local:8000-8999
proxy: {balance: p2c}
routing:
  http:
    endpoint: 'http://127.0.0.1:8000/x%20y'
log:
    level: debug
services:
- name: web
  listener: ["local:8080", 'six:8081']
  backends:
    - 10.0.0.1:80
    - "db.internal:5432"
  balance: least_conn
- name: db
  listener: local:80
  backends: [10.0.0.2:1]
END
    cp "$T/c.yaml" "$T/c.yml"
    cat >"$T/c.json" <<'END'
{"listeners": {"port_min": 2000, "drain": "1m30s", "allowed": {"local": "127.0.0.1", "six": "::1"},
 "bind": {"db-*": ["local:5432-5439", "six:5432"], "web": "local:8443", "*": "local:8000-8999"}},
 "proxy": {"balance": "p2c"}, "routing": {"http": {"endpoint": "http://127.0.0.1:8000/x%20y"}},
 "log": {"level": "debug"}, "services": [
  {"name": "web", "listener": ["local:8080", "six:8081"], "backends": ["10.0.0.1:80", "db.internal:5432"],
   "balance": "least_conn"},
  {"name": "db", "listener": "local:80", "backends": ["10.0.0.2:1"]}]}
END
    cat >"$T/c.hcl" <<'END'
# comment
listeners {
  port_min = 2000
  drain    = "1m30s"
  allowed  = { local = "127.0.0.1", six = "::1" }
  bind     = { "db-*" = "local:5432-5439, six:5432", web = "local:8443", "*" = "local:8000-8999" }
}
proxy { balance = "p2c" }
routing "http" {
  endpoint = "http://127.0.0.1:8000/x%20y"
}
log = { level = "debug" }
services {
  name     = "web"
  listener = ["local:8080", "six:8081"]
  backends = ["10.0.0.1:80", "db.internal:5432"]
  balance  = "least_conn"
}
services {
  name     = "db"
  listener = "local:80"
  backends = ["10.0.0.2:1"]
}
END
    cat >"$T/c.env" <<'END'
# comment
export DILL_LISTENERS_PORT_MIN=2000
DILL_LISTENERS_DRAIN=1m30s
DILL_LISTENERS_ALLOWED="local=127.0.0.1,six=::1"
DILL_LISTENERS_BIND='db-*=local:5432-5439, six:5432; web=local:8443; *=local:8000-8999'
DILL_PROXY_BALANCE=p2c
DILL_ROUTING_HTTP_ENDPOINT='http://127.0.0.1:8000/x%20y'
DILL_LOG_LEVEL=debug
DILL_SERVICES_WEB_LISTENER=local:8080,six:8081
DILL_SERVICES_WEB_BACKENDS=10.0.0.1:80,db.internal:5432
DILL_SERVICES_WEB_BALANCE=least_conn
DILL_SERVICES_DB_LISTENER=local:80
DILL_SERVICES_DB_BACKENDS=10.0.0.2:1
END
    cat >"$T/c.properties" <<'END'
# comment
listeners.port_min=2000
listeners.drain : 1m30s
listeners.allowed.local = 127.0.0.1
listeners.allowed.six = ::1
listeners.bind.db-* = local:5432-5439, six:5432
listeners.bind.web: local:8443
listeners.bind.* local:8000-8999
proxy.balance p2c
routing.http.endpoint = http://127.0.0.1:8000/x%20y
log.level=debug
services.web.listener = local:8080, \
                        six:8081
services.web.backends = 10.0.0.1:80, db.internal:5432
services.web.balance = least_conn
services.db.listener = local:80
services.db.backends = 10.0.0.2:1
END
    for file in c.toml c.ini c.conf c.yaml c.yml c.json c.hcl c.env c.properties; do
        dill_once -t -c "$T/$file"
        same "exit status of $file: $ERR" 0 "$RC"
        same "stderr of $file" "" "$ERR"
        got=$(without_origins)
        want=${want:-$got}
        same "$file" "$want" "$got"
    done
    contains "the table" "# db: local:80 is refused: port below listeners.port_min 2000" "$want"
    contains "the table" "listeners.drain = 1m30s" "$want"
    contains "the table" "listeners.bind.db-* = local:5432-5439, six:5432" "$want"
}

case_readme_formats() { # the README's example in each format gives the same
    local name="" line file want="" got
    while IFS= read -r line; do
        if [[ $line =~ ^\`(dill\.[a-z]+)\` ]]; then
            name=${BASH_REMATCH[1]}
        elif [ -n "$name" ] && [[ $line == "    "* ]]; then
            printf '%s\n' "${line#    }" >>"$T/$name"
        elif [ -n "$line" ]; then
            name=""
        fi
    done <"$TOP/README.md"
    for file in toml ini yaml json hcl env properties; do
        dill_once -t -c "$T/dill.$file"
        same "exit status of $file: $ERR" 0 "$RC"
        got=$(without_origins)
        want=${want:-$got}
        same "$file" "$want" "$got"
    done
    contains "the table" "# web: any:8080 is accepted: 0.0.0.0:8080" "$want"
    contains "the table" "peek.listener = 127.0.0.1:2323" "$want"
}

# One name for each source, wherever it is named.

source_is() { # NAME PORT: in the log, /routes and /metrics the source of the service is called NAME
    local page
    must 5 "the service of $1" answers "$2" a
    must 2 "the log of $1" log_has " opened .*source=$1( |$)"
    page=$(curl -s --max-time $((5 * SLOW)) "http://127.0.0.1:$STATUS/routes")
    contains "/routes of $1" "\"sources\":[{\"name\":\"$1\"," "$page"
    page=$(curl -s --max-time $((5 * SLOW)) "http://127.0.0.1:$STATUS/metrics")
    contains "/metrics of $1" "dill_source_up{source=\"$1\"} 1" "$page"
    kill "$DILL_PID"
    stop_dill 0 8
}

case_one_name_a_source() { # static, consul, file, http: what --backend takes, too, and it alone is used then
    local p all
    p=$(next_port) STATUS=$(next_port)
    printf '[[services]]\nname = "web"\nlistener = "local:%s"\nbackends = ["127.0.0.1:%s"]\n' "$p" "$A" >"$T/routing.toml"
    start_routes
    serve_routes application/json "$(json_routes "$p" "$A")"
    register web web-1 "$A" dill "dill.listener=local:$p"
    all=("DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "DILL_CONSUL_ADDRESS=$CONSUL_URL" "DILL_ROUTING_FILE_PATH=$T/routing.toml"
        "DILL_ROUTING_HTTP_ENDPOINT=http://127.0.0.1:$ROUTES/routing"
        "DILL_SERVICES_WEB_LISTENER=local:$p" "DILL_SERVICES_WEB_BACKENDS=127.0.0.1:$A")
    for name in static consul file http; do
        start_bare "${all[@]}" --backend "$name"
        source_is "$name" "$p"
    done
    dill_once --backend url
    same "exit status of another name" 1 "$RC"
    same "the error" 'dill: --backend: "url" is not one of static, consul, file, http, nomad, dynamodb, elasticache' "$ERR"
}
