# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: DynamoDB and ElastiCache as sources, against the fake AWS and dynalite.

start_aws() { # [--port PORT]: sets AWS_PORT and AWS_CONTROL, AWS (words for dill: its endpoint, a key that is good)
    local file=$T/aws.$((STARTED += 1))
    "$PYTHON" "$TOP/tests/tools/fake_aws.py" "$@" >"$file" 2>"$file.err" &
    must 5 "fake AWS" test -s "$file"
    read -r AWS_PORT AWS_CONTROL <"$file"
    AWS=("AWS_ENDPOINT_URL=http://127.0.0.1:$AWS_PORT" AWS_ACCESS_KEY_ID=AKIDEXAMPLE
        AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY)
}

aws() { # METHOD PATH [BODY]: of its control
    curl -sS -f --max-time $((10 * SLOW)) -X "$1" ${3:+--data-binary} ${3:+"$3"} "http://127.0.0.1:$AWS_CONTROL$2" ||
        fail "fake AWS: $1 $2"
}

aws_table() { # ITEM...: the proxy realtime is these; an item is LOCALPORT:HOST:PORT, or JSON
    local item items=()
    for item in "$@"; do
        [ "${item:0:1}" = '{' ] || item="\"$item\""
        items+=("$item")
    done
    aws PUT /table "{\"realtime\": [$(IFS=,; echo "${items[*]}")]}"
}

aws_nodes() { # ID:STATUS:HOST:PORT...: the cluster docker-registry has these; without HOST a node has no endpoint
    local node id status host port nodes=()
    for node in "$@"; do
        IFS=: read -r id status host port <<<"$node"
        nodes+=("{\"Id\": \"$id\", \"Status\": \"$status\"${host:+, \"Address\": \"$host\", \"Port\": $port}}")
    done
    aws PUT /clusters "{\"docker-registry\": {\"Status\": \"${CLUSTER:-available}\", \"Nodes\": [$(IFS=,; echo "${nodes[*]}")]}}"
}

aws_count() { aws GET "/count?on=${1// /%20}"; }

aws_more_than() { [ "$(aws_count "$2")" -gt "$1" ]; }

aws_asked() { # WHAT [TIMES]: so often from now on
    must 40 "another $1" aws_more_than $(($(aws_count "$1") + ${2:-1} - 1)) "$1"
}

aws_last() { aws GET "/requests?on=${1// /%20}" | tail -n 1; }      # WHAT KEY STATUS ERROR

AWS_NEAR="DILL_BACKENDS_ALLOW=127.0.0.0/8,::1/128"      # where our backends are, and where AWS's never should be
TABLE_FAST=DILL_ROUTING_DYNAMODB_POLL_INTERVAL=1s
CLUSTER_FAST=DILL_ROUTING_ELASTICACHE_POLL_INTERVAL=10s

start_table() { # [WORD]...: dill on the table, asked each second
    start_bare "${AWS[@]}" "$AWS_NEAR" "$TABLE_FAST" --backend dynamodb --proxy realtime "$@"
}

start_cluster() { # PORT [WORD]...
    start_bare "${AWS[@]}" "$AWS_NEAR" "$CLUSTER_FAST" --backend elasticache --elasticache-cluster-id docker-registry --elasticache-port "$@"
}

# DynamoDB

case_dynamodb_routes() { # come, change and go with the table; a session lives through changes; order, shared ports
    local p fd
    p=$(next_port)
    start_aws
    aws_table "$p:127.0.0.1:$ECHO" "$((p + 1)):127.0.0.1:$A"
    start_table
    must 5 "the first item" accepts 127.0.0.1 "$p"
    must 5 "the second" answers "$((p + 1))" a
    open_conn "$p"
    fd=$FD
    ask "$fd" one || fail "no echo"
    aws_table "$p:127.0.0.1:$ECHO" "$((p + 1)):127.0.0.1:$B" "$((p + 2)):127.0.0.1:$C"
    must 5 "a changed item" answers "$((p + 1))" b
    must 5 "a new item" answers "$((p + 2))" c
    aws_table "$p:127.0.0.1:$ECHO" "$((p + 1)):127.0.0.1:$A" "$((p + 1)):127.0.0.1:$B"
    must 5 "an item that has gone" refuses 127.0.0.1 "$((p + 2))"
    must 5 "two items with one port" answers "$((p + 1))" a
    must 5 "two items with one port" answers "$((p + 1))" b
    ask "$fd" two || fail "the connection did not live through the changes"
    aws_table
    peek_must_be "$NO_ROUTE"
    aws PUT /table "{}"
    aws_asked dynamodb 2
    ! log_has ' (warn|error) ' || fail "the log: $(grep -E ' (warn|error) ' "$LOG" | head -n 1)"
    same "requests that were refused" 0 "$(aws GET /requests | grep -vc ' 200 -$')"
}

case_dynamodb_pages() { # are joined, also by an empty last one; one that fails fails the poll
    local p i items=()
    p=$(next_port)
    start_aws
    for i in 0 1 2 3 4 5 6; do items+=("$((p + i)):127.0.0.1:$A"); done
    aws_table "${items[@]}"
    aws PUT '/page?items=3&last=empty'
    start_table
    for i in 0 1 2 3 4 5 6; do must 5 "item $i" answers "$((p + i))" a; done
    aws DELETE /stats
    aws_asked 'dynamodb Query' 5
    at_least "requests with a key to begin behind" 2 "$(aws GET /bodies | grep -c ExclusiveStartKey)"
    # the third page of each poll is refused
    aws PUT '/fault?mode=error&name=InternalServerError&status=500&on=dynamodb&count=1'
    must 10 "the failure" log_has 'dynamodb: .*InternalServerError.*; keeping the last known services'
    for i in 0 3 6; do answers "$((p + i))" a || fail "item $i has gone"; done
    must 20 "that it answers again" log_has 'dynamodb: .* answers again'
    aws PUT '/page?bytes=60'
    aws_table "${items[@]:0:5}"
    must 10 "the table by size" refuses 127.0.0.1 "$((p + 6))"
    answers "$((p + 4))" a || fail "the last item of pages by size has gone"
}

case_dynamodb_cut_pages() { # a later page that is lost, or is nonsense, is no end of the table
    local p i items=() mode
    p=$(next_port)
    start_aws
    for i in 0 1 2 3; do items+=("$((p + i)):127.0.0.1:$A"); done
    aws_table "${items[@]}"
    aws PUT '/page?items=2'
    start_table
    for i in 0 3; do must 5 "item $i" answers "$((p + i))" a; done
    for mode in truncated garbage close miscount; do
        aws PUT "/fault?mode=none&on=dynamodb&count=1"
        aws PUT "/fault?mode=$mode&on=dynamodb&count=3"
        aws_asked 'dynamodb Query' 6
        for i in 0 1 2 3; do answers "$((p + i))" a || fail "item $i has gone with $mode"; done
        aws DELETE /fault
    done
    ! log_has ' closed ' || fail "a listener closed meanwhile"
}

case_dynamodb_bad_items() { # are refused alone, each with its reason
    local p
    STATUS=$(next_port) p=$(next_port)
    start_aws
    aws_table "$p:127.0.0.1:$A" "80:127.0.0.1:$A" '{"proxy_configuration": {"N": "1"}}' '{"other": {"S": "x"}}' nonsense \
        "99999:127.0.0.1:$A" "$((p + 1)):127.0.0.1:0" "$((p + 2)):127.0.0.1:$B:x" ":127.0.0.1:$B" "$((p + 3)):[::1]:$B" \
        '{"proxy_configuration": {"S": "a\u0000b\n\u001b[31m"}}' "$((p + 4)):127.0.0.1:$C"
    start_table "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "the first item" answers "$p" a
    must 5 "the last item" answers "$((p + 4))" c
    must 5 "the port below 1024" peek_contains "# refused: 80:127.0.0.1:$A wants any:80: port below listeners.port_min 1024"
    must 5 "an address of the sixth version" peek_contains "[::1]:$B"
    for said in nonsense 99999:127.0.0.1 "$((p + 1)):127.0.0.1:0" "$((p + 2)):127.0.0.1:$B:x" proxy_configuration; do
        must 5 "the log of $said" grep -Fqs -- "$said" "$LOG"
    done
    ! grep -q $'\033' "$LOG" || fail "the log has a control character"
    aws_table "$p:127.0.0.1:$A" "$((p + 5)):127.0.0.1:$C"
    must 5 "a good table" answers "$((p + 5))" c
}

case_dynamodb_consistent() { # what a replica has not yet closes nothing
    local p
    p=$(next_port)
    start_aws
    aws_table "$p:127.0.0.1:$A"
    start_table
    must 5 "the first item" answers "$p" a
    aws_table "$p:127.0.0.1:$A" "$((p + 1)):127.0.0.1:$B"
    must 5 "the new item" answers "$((p + 1))" b
    aws_asked 'dynamodb Query' 5
    ! log_has ' closed ' || fail "the port has been closed meanwhile"
    same "bodies that ask for it" "$(aws_count dynamodb)" "$(aws GET /bodies | grep -c '"ConsistentRead":true')"
}

dynamodb_fault() { # QUERY REGEX: what the log says; routes and the session survive, and it goes on afterwards
    local outages again
    outages=$(log_count '; keeping the last known') again=$(log_count 'dynamodb: .* answers again')
    aws PUT "/fault?on=dynamodb&$1"
    must 20 "the outage with $1" log_more_than "$outages" '; keeping the last known'
    grep '; keeping the last known' "$LOG" | tail -n 1 | grep -Eq "dynamodb: .*: $2; keeping" ||
        fail "the words for $1: $(grep '; keeping' "$LOG" | tail -n 1)"
    answers "$((p + 1))" a || fail "the route has gone with $1"
    ask "$fd" "$1" || fail "the session has gone with $1"
    aws DELETE /fault
    must 30 "that it answers again after $1" log_more_than "$again" 'dynamodb: .* answers again'
}

log_more_than() { [ "$(log_count "$2")" -gt "$1" ]; }

case_dynamodb_faults() { # whatever it answers: routes and live sessions stay
    local p fd
    p=$(next_port)
    start_aws
    aws_table "$p:127.0.0.1:$ECHO" "$((p + 1)):127.0.0.1:$A"
    start_table DILL_ROUTING_DYNAMODB_POLL_TIMEOUT=1s
    must 5 "the route" answers "$((p + 1))" a
    open_conn "$p"
    fd=$FD
    dynamodb_fault 'mode=error&name=ResourceNotFoundException&text=Requested%20resource%20not%20found' \
        'answered 400 ResourceNotFoundException: Requested resource not found'
    dynamodb_fault 'mode=error&name=ProvisionedThroughputExceededException' 'answered 400 ProvisionedThroughputExceededException: .*'
    dynamodb_fault 'mode=error&name=AccessDeniedException&key=Message&text=User%20is%20not%20authorized' \
        'answered 400 AccessDeniedException: User is not authorized'
    dynamodb_fault 'mode=error&name=ExpiredTokenException' 'answered 400 ExpiredTokenException: .*'
    dynamodb_fault 'mode=error&name=InternalServerError&status=500' 'answered 500 InternalServerError: .*'
    dynamodb_fault 'mode=status&code=503' 'answered 503'
    dynamodb_fault 'mode=status&code=429' 'answered 429'
    dynamodb_fault 'mode=document&text=%7B%7D' 'its answer cannot be used: it has no Items'
    dynamodb_fault 'mode=document&text=%7B%22Count%22%3A0%7D' 'its answer cannot be used: it has no Items'
    dynamodb_fault 'mode=document&text=' 'its answer cannot be used: .*'
    dynamodb_fault mode=garbage 'its answer cannot be used: .*'
    dynamodb_fault mode=truncated 'answer cut short'
    dynamodb_fault mode=miscount 'its answer cannot be used: its Count is not that of its Items'
    dynamodb_fault mode=hang 'timed out'
    dynamodb_fault 'mode=drip&every=0.1' 'timed out'
    dynamodb_fault mode=reset '.*'
    dynamodb_fault mode=close '.*'
    aws PUT '/fault?mode=oneshot&on=dynamodb'
    aws_asked dynamodb 2
    aws DELETE /fault
    ! log_has ' closed ' || fail "a listener closed meanwhile"
    ask "$fd" end || fail "the session has gone"
}

case_dynamodb_outage() { # nothing listens at the start; it comes, restarts with an empty table, and loses the table
    local p
    p=$(next_port)
    AWS_PORT=$(next_port)
    AWS=("AWS_ENDPOINT_URL=http://127.0.0.1:$AWS_PORT" AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=none)
    start_table
    must 5 "that it is not there" log_has 'dynamodb: .*refused.*; keeping the last known services'
    start_aws --port "$AWS_PORT"
    must 20 "that the secret is wrong" aws_more_than 0 dynamodb
    contains "what it was told" "400 InvalidSignatureException" "$(aws_last dynamodb)"
    aws PUT '/key?id=AKIDEXAMPLE&secret=none'
    aws_table "$p:127.0.0.1:$A"
    must 20 "the route" answers "$p" a
    must 5 "that it answers" log_has 'dynamodb: .* answers again'
}

case_dynalite() { # keys, pages of a MB, consistent reads and errors as DynamoDB itself has them
    local cli port p i padding
    cli=$("$TOP/tests/tools/get-dynalite.sh" 2>"$T/reason.dynalite") || skip "$(tail -n 1 "$T/reason.dynalite")"
    PROGRAM_PORT=$(next_port)
    p=$(next_port)
    port=$PROGRAM_PORT
    start_program dynalite env node "$cli" --host 127.0.0.1 --port "$port" --createTableMs 0
    AWS=("AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any)
    start_table
    must 5 "that there is no table" log_has 'dynamodb: .*ResourceNotFoundException: .*; keeping'
    dynalite CreateTable '{"TableName": "classic-proxy", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "proxy_name", "AttributeType": "S"}, {"AttributeName": "proxy_configuration", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "proxy_name", "KeyType": "HASH"}, {"AttributeName": "proxy_configuration", "KeyType": "RANGE"}]}'
    must 20 "that the table is empty" log_has 'dynamodb: .* answers again'
    peek_is "$NO_ROUTE" || fail "Peek: $(peek)"
    printf -v padding '%380000s' ''
    for i in 0 1 2 3 4 5 6; do dynalite_put realtime "$((p + i)):127.0.0.1:$A" "$padding"; done
    dynalite_put another "$((p + 7)):127.0.0.1:$A" ''
    for i in 0 1 2 3 4 5 6; do must 10 "item $i, of pages of three" answers "$((p + i))" a; done
    refuses 127.0.0.1 $((p + 7)) || fail "an item of another proxy is routed"
    dynalite DeleteItem "{\"TableName\": \"classic-proxy\", \"Key\": $(dynalite_key realtime "$((p + 6)):127.0.0.1:$A")}"
    must 10 "an item that has been deleted" refuses 127.0.0.1 $((p + 6))
    answers $((p + 5)) a || fail "the item before it has gone"
    dynalite DeleteTable '{"TableName": "classic-proxy"}'
    must 10 "that the table has gone" log_count_is 2 'ResourceNotFoundException: .*; keeping'
    answers "$p" a || fail "the route has gone with its table"
}

log_count_is() { [ "$(log_count "$2")" -eq "$1" ]; }

dynalite() { # OPERATION BODY
    printf '%s' "$2" >"$T/dynalite.body"
    curl -sS -f --max-time $((10 * SLOW)) -H "X-Amz-Target: DynamoDB_20120810.$1" -H 'Content-Type: application/x-amz-json-1.0' \
        -H 'X-Amz-Date: 20261128T000000Z' -H 'Authorization: AWS4-HMAC-SHA256 Credential=any/20261128/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=any' \
        --data-binary "@$T/dynalite.body" "http://127.0.0.1:$port/" >"$T/dynalite.answer" || fail "dynalite: $1: $(cat "$T/dynalite.answer")"
}

dynalite_key() { printf '{"proxy_name": {"S": "%s"}, "proxy_configuration": {"S": "%s"}}' "$1" "$2"; }

dynalite_put() { # PROXY CONFIGURATION PADDING
    local key
    key=$(dynalite_key "$1" "$2")
    dynalite PutItem "{\"TableName\": \"classic-proxy\", \"Item\": ${key%\}}, \"note\": {\"S\": \"-$3\"}}}"
}

# ElastiCache

case_elasticache_nodes() { # which one is taken: with an endpoint, available before any other, the lowest number
    local p want state nodes
    p=$(next_port)
    start_aws
    while read -r want state nodes; do
        # shellcheck disable=SC2086  # several words
        CLUSTER=$state aws_nodes $nodes
        PEEK=$(next_port)
        start_cluster "$p"
        if [ "$want" = none ]; then
            must 5 "an answer for $nodes" aws_more_than 0 elasticache
            stays 300 "a route for $nodes" peek_is "$NO_ROUTE"
        elif [ "$want" = refused ]; then
            must 5 "the reason for $nodes" peek_contains "# refused: docker-registry wants :$p: none of its nodes has an endpoint"
            continue
        else
            must 5 "the node of $state $nodes" answers "$p" "$want"
        fi
        ! log_has ' (warn|error) ' || fail "the log for $nodes: $(grep -E ' (warn|error) ' "$LOG" | head -n 1)"
        kill "$DILL_PID"
        stop_dill 0 8
        aws DELETE /stats
    done <<END
a available 0002:available:127.0.0.1:$B 0001:available:127.0.0.1:$A
a available 0010:available:127.0.0.1:$B 9:available:127.0.0.1:$A
b available 0001:creating 0002:available:127.0.0.1:$B
b available 0001:rebooting:127.0.0.1:$A 0002:available:127.0.0.1:$B
a available 0001:rebooting:127.0.0.1:$A 0002:modifying:127.0.0.1:$B
a snapshotting 0001:available:127.0.0.1:$A
a modifying 0001:available:localhost:$A
none creating
refused available 0001:creating 0002:creating
END
}

case_elasticache_changes() { # another node, none, one again; a session lives; names as tcpproxy had them
    local p fd
    p=$(next_port)
    start_aws
    aws_nodes "0001:available:127.0.0.1:$ECHO" "0002:available:127.0.0.1:$B"
    start_cluster "$p"
    must 5 "the first node" accepts 127.0.0.1 "$p"
    open_conn "$p"
    fd=$FD
    ask "$fd" one || fail "no echo"
    log_has ' opened .*instance=docker-registry::0001 ' || fail "the name of the node is not said"
    aws_nodes 0001:creating "0002:available:127.0.0.1:$B"
    must 15 "the second node" answers "$p" b
    aws_nodes
    must 15 "no nodes" peek_is "$NO_ROUTE"
    aws_nodes "0003:available:127.0.0.1:$C"
    must 15 "the third node" answers "$p" c
}

elasticache_fault() { # QUERY REGEX: what is said of it, at least to those who debug
    local lines
    lines=$(wc -l <"$LOG")
    aws PUT "/fault?on=elasticache&$1"
    must 30 "the words for $1" log_says_behind "$lines" "elasticache: http[^ ]*: .*$2"
    answers "$p" a || fail "the route has gone with $1"
    aws DELETE /fault
}

log_says_behind() { # LINES REGEX
    grep -Eq -- "$2" < <(tail -n +"$(($1 + 1))" "$LOG")
}

case_elasticache_faults() { # a cluster that has gone, throttling, nonsense: the route stays
    local p
    p=$(next_port)
    start_aws
    aws_nodes "0001:available:127.0.0.1:$A"
    start_cluster "$p" DILL_ROUTING_ELASTICACHE_POLL_TIMEOUT=1s DILL_LOG_LEVEL=debug
    must 5 "the route" answers "$p" a
    aws PUT /clusters '{}'
    must 15 "that the cluster is not known" log_has 'elasticache: .*CacheClusterNotFound: CacheCluster not found: docker-registry; keeping'
    answers "$p" a || fail "the route has gone with its cluster"
    elasticache_fault 'mode=error&name=InvalidParameterValue&text=what%20%3Cis%3E%20%26%20this' 'InvalidParameterValue: what <is> & this'
    elasticache_fault 'mode=error&name=Throttling&text=Rate%20exceeded' 'Throttling: Rate exceeded'
    elasticache_fault 'mode=error&name=AccessDenied&status=403' 'AccessDenied'
    elasticache_fault 'mode=status&code=502' 502
    elasticache_fault 'mode=document&text=%3C!DOCTYPE%20x%3E%3Cx%2F%3E' 'its answer cannot be used: has a DOCTYPE'
    elasticache_fault 'mode=document&text=%3Ca%3E%3Cb%3E%3C%2Fa%3E' 'its answer cannot be used: has an end tag that does not match'
    elasticache_fault 'mode=document&text=%3CListTables%2F%3E' 'its answer cannot be used: it has no CacheClusters'
    elasticache_fault mode=garbage 'its answer cannot be used'
    elasticache_fault mode=truncated 'answer cut short'
    elasticache_fault mode=hang 'timed out'
    aws_nodes "0001:available:127.0.0.1:$B"
    must 40 "the route after that" answers "$p" b
    ! log_has ' closed ' || fail "a listener closed meanwhile"
}

# Region, endpoint, host, clock

region_is() { # REGION WORD...: the table is read with this region in what is signed
    local region=$1
    shift
    aws PUT "/region?name=$region"
    aws DELETE /stats
    PEEK=$(next_port)
    start_table "HOME=$T" "$@"
    must 5 "an answer with $*" aws_more_than 0 dynamodb
    must 5 "the route with $*: $(aws_last dynamodb)" answers "$p" a
    same "what $* got" "dynamodb Query AKIDEXAMPLE 200 -" "$(aws_last dynamodb)"
    kill "$DILL_PID"
    stop_dill 0 8
}

case_aws_region() { # the key, the variables, the profile, the instance, us-east-1: in this order
    local p all
    p=$(next_port)
    start_aws
    aws_table "$p:127.0.0.1:$A"
    mkdir "$T/.aws"
    printf '[default]\nregion = p-default-1\n[profile other]\nregion = p-other-1\n' >"$T/.aws/config"
    aws PUT '/metadata?mode=required&region=i-west-1'
    all=("AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:$AWS_PORT")
    region_is eu-west-1 "${all[@]}" AWS_REGION=v-west-1 AWS_DEFAULT_REGION=d-west-1 --region eu-west-1
    region_is eu-west-2 "${all[@]}" AWS_REGION=v-west-1 DILL_AWS_REGION=eu-west-2
    region_is v-west-1 "${all[@]}" AWS_REGION=v-west-1 AWS_DEFAULT_REGION=d-west-1
    region_is d-west-1 "${all[@]}" AWS_REGION= AWS_DEFAULT_REGION=d-west-1
    region_is p-default-1 "${all[@]}"
    region_is p-other-1 "${all[@]}" AWS_PROFILE=other
    region_is p-other-1 "${all[@]}" --aws.profile=other
    rm "$T/.aws/config"
    region_is i-west-1 "${all[@]}"
    region_is us-east-1 AWS_EC2_METADATA_DISABLED=true
}

case_aws_endpoint() { # the key, the variable of the service, that of all; what is signed is what is sent as Host
    local p port one
    p=$(next_port)
    start_aws
    aws_table "$p:127.0.0.1:$A"
    port=$AWS_PORT one=http://127.0.0.1:1
    AWS=("${AWS[@]:1}")
    endpoint_is "127.0.0.1:$port" "AWS_ENDPOINT_URL=$one" "AWS_ENDPOINT_URL_DYNAMODB=$one" "DILL_ROUTING_DYNAMODB_ENDPOINT=http://127.0.0.1:$port"
    endpoint_is "127.0.0.1:$port" "AWS_ENDPOINT_URL=$one" "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:$port/"
    endpoint_is "localhost:$port" "AWS_ENDPOINT_URL_ELASTICACHE=$one" "AWS_ENDPOINT_URL=http://localhost:$port"
    endpoint_is "127.0.0.1:$port" AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true "AWS_ENDPOINT_URL=$one" "AWS_ENDPOINT_URL_DYNAMODB=$one" \
        "DILL_ROUTING_DYNAMODB_ENDPOINT=http://127.0.0.1:$port"
    endpoint_is dynamodb.us-east-1.amazonaws.com "AWS_ENDPOINT_URL=http://127.0.0.1:$port" --aws.host=dynamodb.us-east-1.amazonaws.com
}

endpoint_is() { # HOST WORD...
    local host=$1
    shift
    aws DELETE /stats
    PEEK=$(next_port)
    start_table AWS_EC2_METADATA_DISABLED=true "$@"
    must 5 "the route with $*" answers "$p" a
    same "Host with $*" "$host" "$(aws GET '/header?name=host' | sort -u)"
    kill "$DILL_PID"
    stop_dill 0 8
}

case_aws_clock() { # that is wrong by more than AWS bears is corrected, said once, and corrected again
    local p
    p=$(next_port)
    start_aws
    aws_table "$p:127.0.0.1:$A"
    aws PUT '/clock?offset=-4000'
    start_table
    must 5 "the route" answers "$p" a
    same "refused first" "dynamodb Query - 400 InvalidSignatureException" "$(aws GET /requests | head -n 1)"
    aws_table "$p:127.0.0.1:$B"
    must 5 "the next change" answers "$p" b
    aws_asked dynamodb 3
    same "requests that were refused" 1 "$(aws GET /requests | grep -vc ' 200 -$')"
    aws PUT '/clock?offset=90000'
    aws_table "$p:127.0.0.1:$C"
    must 5 "a clock that has been set" answers "$p" c
    same "requests that were refused" 2 "$(aws GET /requests | grep -vc ' 200 -$')"
    same "times it was said" 2 "$(log_count 'clock')"
    ! log_has 'keeping the last known' || fail "an outage: $(grep keeping "$LOG")"
}

case_aws_wrong_secret() { # is an outage with the name of the error, asked for twice at most each time
    local p
    p=$(next_port)
    start_aws
    aws_table "$p:127.0.0.1:$A"
    AWS[2]=AWS_SECRET_ACCESS_KEY=wrong
    start_table
    must 5 "the error" log_has 'dynamodb: .*InvalidSignatureException: The request signature we calculated does not match.*; keeping'
    aws PUT '/key?id=AKIDEXAMPLE&secret=wrong'
    must 20 "the route" answers "$p" a
}

case_aws_tls() { # by https, STS too: CAs by the key and the variables; wrong ones are an outage, and nothing is sent
    local p c=$T/certs bundle=$T/bundle.pem
    p=$(next_port)
    if ! tls_is_in; then
        dill_once -t "SSL_CERT_FILE=$bundle"
        same "exit status with a variable" 0 "$RC"
        dill_once -t "--tls.ca=$bundle"
        same "exit status with the key" 1 "$RC"
        contains "its error" "dill: --tls.ca: tls.ca: \"$bundle\" needs TLS" "$ERR"
        return
    fi
    "$TOP/tests/tools/certificates.sh" "$c" || fail "no certificates"
    start_aws --tls "$c/server"
    aws_table "$p:127.0.0.1:$A"
    AWS=("AWS_ENDPOINT_URL=https://127.0.0.1:$AWS_PORT" "AWS_WEB_IDENTITY_TOKEN_FILE=$T/identity"
        AWS_ROLE_ARN=arn:aws:iam::123456789012:role/dill AWS_EC2_METADATA_DISABLED=true)
    echo c4n4ry-identity >"$T/identity"
    aws PUT '/web_identity?token=c4n4ry-identity&arn=arn:aws:iam::123456789012:role/dill'
    cp "$c/other.pem" "$bundle"
    start_table "--tls.ca=$bundle" "SSL_CERT_FILE=$c/ca.pem"
    must 10 "that it is not trusted" log_has "warn +dynamodb: https://127.0.0.1:$AWS_PORT: .*STS.*certificate.*; keeping the last known"
    same "requests to a stranger" 0 "$(aws GET /requests | wc -l)"
    cp "$c/ca.pem" "$bundle"
    must 25 "with the right file" answers "$p" a
    at_least "questions to STS" 1 "$(aws_count sts)"
    ! log_has c4n4ry || fail "the token is in the log"
    kill "$DILL_PID"
    stop_dill 0 8
    start_table "AWS_CA_BUNDLE=$c/ca.pem" "SSL_CERT_FILE=$c/other.pem"
    must 10 "by a variable" answers "$p" a
}

# tcpproxy's command lines, word for word

case_tcpproxy_lines() { # against what answers as AWS does; DEBUG and the port of /connections as it had them
    local p line words
    p=$(next_port)
    start_aws
    aws_table "$p:127.0.0.1:$A"
    aws_nodes "0001:available:127.0.0.1:$B"
    while read -r line; do
        read -ra words <<<"$line"
        PEEK=$(next_port)
        case $line in *--region*) aws PUT '/region?name=eu-west-1' ;; *) aws PUT '/region?name=us-east-1' ;; esac
        start_bare "${AWS[@]}" "$AWS_NEAR" AWS_EC2_METADATA_DISABLED=true "${words[@]}"
        case $line in *elasticache*) must 5 "$line" answers "$p" b ;; *) must 5 "$line" answers "$p" a ;; esac
        kill "$DILL_PID"
        stop_dill 0 8
    done <<END
--backend dynamodb --proxy realtime
--backend dynamodb --proxy realtime --dynamodb classic-proxy
--backend dynamodb --proxy realtime --region eu-west-1
--backend dynamodb --proxy realtime --debug 2
--backend elasticache --elasticache-cluster-id docker-registry --elasticache-port $p
--backend elasticache --elasticache-cluster-id docker-registry --elasticache-port $p --region eu-west-1
END
}
