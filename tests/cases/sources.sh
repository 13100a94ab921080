# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: the sources beside Consul: routing.file, routing.http, several at once, SIGHUP.

# routing.file

routing() { # PORT BACKEND...: prints a routing file with one service
    printf '[[services]]\nname = "web"\nlistener = "local:%s"\nbackends = [' "$1"
    shift
    printf '"127.0.0.1:%s", ' "$@"
    printf ']\n'
}

case_routing_file_changes() { # in place, by rename, gone and back; live connections stay
    local p fd
    p=$(next_port)
    routing "$p" "$ECHO" >"$T/routing.toml"
    start_bare "DILL_ROUTING_FILE_PATH=$T/routing.toml"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO")"
    open_conn "$p"
    fd=$FD
    ask "$fd" one || fail "no echo"
    { routing "$p" "$ECHO" "$A"; } >"$T/routing.toml"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO" "127.0.0.1:$A")" 1
    routing "$p" "$ECHO" "$B" >"$T/new"
    mv "$T/new" "$T/routing.toml"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO" "127.0.0.1:$B")" 1
    rm "$T/routing.toml"
    must 4 "the loss is said" log_has 'file: .*No such file'
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO" "127.0.0.1:$B")"
    routing "$p" "$ECHO" "$C" >"$T/routing.toml"
    peek_must_be "$(route "127.0.0.1:$p" "127.0.0.1:$ECHO" "127.0.0.1:$C")" 2
    ask "$fd" two || fail "the connection did not live through the changes"
    same "losses said" 1 "$(log_count 'No such file')"
    printf 'services = []\n' >"$T/routing.toml"
    peek_must_be "$NO_ROUTE" 2
}

case_routing_file_memory() { # reading a large document takes a small multiple of its size, whatever is in it
    local element grown said factor=25
    ! grep -Eqs '__asan_init|setarch' "$DILL" || factor=250         # they have memory of their own
    for element in 1 '[]' '{}' '"a"' 1,1,1; do
        said='more'
        [ "$element" != 1,1,1 ] || said='too many values for a text of its size'
        PEEK=$(next_port)
        "$PYTHON" -c 'import sys; print("{\"services\": [], \"more\": [" + ",".join([sys.argv[1]] * 900000) + "]}")' "$element" >"$T/r.json"
        start_bare "DILL_ROUTING_FILE_PATH=$T/r.json"
        must 20 "that it has been read" log_has "file: .*$said"
        grown=$(awk '/^VmHWM/ { print $2 }' "/proc/$DILL_PID/status")
        at_most "KB at most, for $(stat -c %s "$T/r.json") bytes of $element" $((factor * $(stat -c %s "$T/r.json") / 1024)) "$grown"
        kill "$DILL_PID"
        stop_dill 0 8
    done
}

case_routing_file_broken() { # keeps the old routes, and says where it is wrong; once
    local p text
    p=$(next_port)
    routing "$p" "$A" >"$T/routing.toml"
    start_bare "DILL_ROUTING_FILE_PATH=$T/routing.toml"
    must 5 "service" answers "$p" a
    while IFS='|' read -r place text; do
        # shellcheck disable=SC2059  # with its escapes
        printf "$text" >"$T/routing.toml"
        must 3 "the error of $text" log_has "error +file: $T/routing.toml$place"
        answers "$p" a || fail "the route has gone after $text"
    done <<'END'
:2: |[[services]]\nname = \n
:3: services\[0\].listener: "nowhere" |[[services]]\nname = "x"\nlistener = "nowhere"\nbackends = ["127.0.0.1:80"]\n
:2: services\[0\] has no backends|[[services]]\nname = "x"\nlistener = "local:5000"\n
:1: services\[0\]: "" is not a service|services = [{}]\n
:1: services\[0\]: "" is not a service|services = [""]\n
:1: services: "" is not a list of services|services = ""\n
:1: servces\[0\].name: "\*\*\*\*\*\*\*\*" is neither below services nor below apps|servces = [{ name = "x" }]\n
 is empty|\n
END
    same "errors, of which two are the same" 7 "$(log_count ' error ')"
    routing "$p" "$A" >"$T/routing.toml"
    must 3 "that it is good again, though nothing has changed" log_mended
    routing "$p" "$B" >"$T/routing.toml"
    must 3 "a good file" answers "$p" b
}

log_mended() { [ "$(log_count 'info +file: 1 service in')" -ge 2 ]; }

case_routing_file_lines() { # a service is explained by the line where it is now
    local p
    p=$(next_port) STATUS=$(next_port)
    routing "$p" "$A" >"$T/routing.toml"
    start_bare "DILL_ROUTING_FILE_PATH=$T/routing.toml" "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "service" answers "$p" a
    must 2 "its line" explained web "routing.toml:2, backend"
    { echo; routing "$p" "$A"; } >"$T/routing.toml"
    must 3 "the line below an empty one" explained web "routing.toml:3, backend"
    same "changes of services said" 1 "$(log_count 'info +file: 1 service in')"
}

case_routing_file_bystanders() { # another file that is closed beside a half-written one changes nothing
    local p
    p=$(next_port)
    { routing "$p" "$A"; routing "$((p + 1))" "$B" | sed 's/web/two/'; } >"$T/routing.toml"
    start_bare "DILL_ROUTING_FILE_PATH=$T/routing.toml"
    must 5 "both services" answers "$((p + 1))" b
    exec 5>"$T/routing.toml"
    routing "$p" "$C" >&5
    echo >"$T/other"
    mv "$T/other" "$T/another"
    stays 700 "half a file was read" answers "$((p + 1))" b
    routing "$((p + 1))" "$B" | sed 's/web/two/' >&5
    exec 5>&-
    must 1 "the whole file" answers "$p" c
}

case_routing_file_no_file() { # a FIFO or a directory is an error, and keeps nobody waiting
    local p
    p=$(next_port)
    mkfifo "$T/routing.toml"
    printf '[services.web]\nlistener = local:%s\nbackends = 127.0.0.1:%s\n[routing.file]\npath = %s\n' "$p" "$A" "$T/routing.toml" >"$T/c.ini"
    start_bare -c "$T/c.ini"
    must 3 "the error" log_has 'file: .*routing.toml: '
    answers "$p" a || fail "no service"
    sed -i '/routing/d;/path/d' "$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the reload" log_has 'reload: done'
    answers "$p" a || fail "no service after it"
}

case_routing_file_symlinks() { # as Kubernetes swaps a config map, and a link to a file elsewhere
    local p
    p=$(next_port)
    mkdir -p "$T/map/..1" "$T/map/..2" "$T/elsewhere"
    routing "$p" "$A" >"$T/map/..1/routing.toml"
    routing "$p" "$B" >"$T/map/..2/routing.toml"
    ln -s ..1 "$T/map/..data"
    ln -s ..data/routing.toml "$T/map/routing.toml"
    start_bare "DILL_ROUTING_FILE_PATH=$T/map/routing.toml"
    must 5 "the first map" answers "$p" a
    ln -s ..2 "$T/map/..data_tmp"
    mv -T "$T/map/..data_tmp" "$T/map/..data"
    rm -r "$T/map/..1"
    must 1 "the second map" answers "$p" b
    routing "$p" "$C" >"$T/elsewhere/routing.toml"
    ln -s ../elsewhere/routing.toml "$T/map/link"
    mv -T "$T/map/link" "$T/map/routing.toml"
    must 1 "a link elsewhere" answers "$p" c
    routing "$p" "$A" >"$T/elsewhere/routing.toml"
    must 1 "a change behind the link" answers "$p" a
}

case_routing_file_slow_writer() { # what is still being written is not read
    local p
    p=$(next_port)
    { routing "$p" "$A"; routing "$((p + 1))" "$B" | sed 's/web/two/'; } >"$T/routing.toml"
    start_bare "DILL_ROUTING_FILE_PATH=$T/routing.toml"
    must 5 "both services" answers "$((p + 1))" b
    {
        routing "$p" "$C"
        sleep 0.7
        routing "$((p + 1))" "$B" | sed 's/web/two/'
    } >"$T/routing.toml" &
    stays 600 "half a file was read" answers "$((p + 1))" b
    wait $!
    must 2 "the whole file" answers "$p" c
    answers "$((p + 1))" b || fail "the second service has gone"
    ! log_has "closed" || fail "a listener closed meanwhile"
}

case_routing_file_late() { # dill starts before its file, and before the file's directory
    local p
    p=$(next_port)
    start_bare "DILL_ROUTING_FILE_PATH=$T/later/routing.yaml"
    must 3 "the loss is said" log_has 'file: .*No such file'
    peek_is "$NO_ROUTE" || fail "Peek: $(peek)"
    mkdir "$T/later"
    printf 'services:\n- {name: web, listener: "local:%s", backends: ["127.0.0.1:%s"]}\n' "$p" "$A" >"$T/later/routing.yaml"
    must 5 "service" answers "$p" a
}

case_routing_file_unwatched() { # watch = false: SIGHUP reads it again
    local p
    p=$(next_port)
    routing "$p" "$A" >"$T/routing.toml"
    start_bare "DILL_ROUTING_FILE_PATH=$T/routing.toml" DILL_ROUTING_FILE_WATCH=false
    must 5 "service" answers "$p" a
    routing "$p" "$B" >"$T/routing.toml"
    stays 1500 "an unwatched file was read" answers "$p" a
    kill -HUP "$DILL_PID"
    must 3 "the file after SIGHUP" answers "$p" b
}

# routing.http

start_routes() { # sets ROUTES, the port; $T/routes is the server's directory
    mkdir -p "$T/routes"
    "$PYTHON" "$TOP/tests/tools/routes_server.py" "$T/routes" >"$T/routes.port" 2>"$T/routes.err" &
    must 5 "the routes server" test -s "$T/routes.port"
    ROUTES=$(cat "$T/routes.port")
}

serve_routes() { # CONTENT-TYPE BODY [HEADER-LINE]: all at once
    rm -f "$T/routes/status"
    printf 'Content-Type: %s\n%s\n%s' "$1" "${3:+$3
}" "$2" >"$T/answer"
    mv "$T/answer" "$T/routes/answer"
}

json_routes() { # PORT BACKEND
    printf '{"services": [{"name": "web", "listener": "local:%s", "backends": ["127.0.0.1:%s"]}]}' "$1" "$2"
}

case_routing_http() { # polled; formats by Content-Type; what is wrong keeps the old routes
    local p type
    p=$(next_port)
    start_routes
    serve_routes application/json "$(json_routes "$p" "$A")"
    start_bare "DILL_ROUTING_HTTP_ENDPOINT=http://127.0.0.1:$ROUTES/config/routing?x=1" \
        DILL_ROUTING_HTTP_POLL_INTERVAL=50ms DILL_ROUTING_HTTP_POLL_TIMEOUT=500ms
    must 5 "JSON" answers "$p" a
    grep -q '^/config/routing?x=1 1 - 200' "$T/routes/requests" || fail "requests: $(head -n 2 "$T/routes/requests")"
    for type in application/yaml application/x-yaml 'text/yaml; charset=utf-8' text/x-yaml 'Application/X-YAML;charset=utf-8'; do
        serve_routes "$type" "services: [{name: web, listener: 'local:$p', backends: ['127.0.0.1:$B']}]"
        must 3 "$type" answers "$p" b
        serve_routes application/toml "$(routing "$p" "$C")"
        must 3 "TOML after $type" answers "$p" c
    done
    serve_routes text/html '<html>'
    must 3 "the wrong type is said" log_has 'Content-Type "text/html" is not JSON, YAML or TOML'
    answers "$p" c || fail "the route has gone"
    serve_routes application/json "$(json_routes "$p" "$A")"
    must 15 "JSON again" answers "$p" a
    must 2 "that it answers again" log_has 'answers again'
    echo 503 >"$T/routes/status"
    must 3 "the status is said" log_has 'it answered 503'
    serve_routes application/json '{"services": ['
    sleep 0.3
    answers "$p" a || fail "the route has gone"
    same "connections opened to the server while all was well" 1 "$(head -n 5 "$T/routes/requests" | cut -d ' ' -f 2 | sort -u | wc -l)"
}

case_routing_http_foreign() { # where a redirect points to; an answer that is compressed, or a page for people; a scheme in capitals
    local p
    p=$(next_port)
    start_routes
    serve_routes application/json "$(json_routes "$p" "$A")"
    # It may ask between two changes of the server: what it says after the first reason is for debug.
    start_bare "DILL_ROUTING_HTTP_ENDPOINT=HTTP://127.0.0.1:$ROUTES/" DILL_ROUTING_HTTP_POLL_INTERVAL=50ms DILL_LOG_LEVEL=debug
    must 5 "JSON" answers "$p" a
    serve_routes application/json x 'Location: https://user:secret@elsewhere/routes'
    echo 302 >"$T/routes/status"
    must 20 "where it points to" log_has 'it answered 302 Found, which points to https://\*{8}@elsewhere/routes and is not followed'
    serve_routes application/json "$(json_routes "$p" "$B")"
    must 20 "JSON again" answers "$p" b
    serve_routes application/json '<!DOCTYPE html>'
    must 20 "a page" log_has 'its answer is HTML or XML: plain JSON, YAML or TOML expected'
    serve_routes application/json "$(json_routes "$p" "$A")"
    must 20 "JSON once more" answers "$p" a
    serve_routes application/json x 'Content-Encoding: gzip'
    must 20 "gzip" log_has 'its answer is compressed \(gzip or the like\): plain JSON, YAML or TOML expected'
    answers "$p" a || fail "the route has gone"
    lacks "the log" secret "$(cat "$LOG")"
}

case_routing_http_etag() { # If-None-Match once the server has given an ETag
    local p
    p=$(next_port)
    start_routes
    serve_routes application/json "$(json_routes "$p" "$A")" 'ETag: "one"'
    start_bare "DILL_ROUTING_HTTP_ENDPOINT=http://127.0.0.1:$ROUTES/" DILL_ROUTING_HTTP_POLL_INTERVAL=50ms
    must 5 "service" answers "$p" a
    must 3 "a 304" grep -q '^/ 1 "one" 304' "$T/routes/requests"
    answers "$p" a || fail "the route has gone"
    serve_routes application/json "$(json_routes "$p" "$B")" 'ETag: "two"'
    must 3 "the change" answers "$p" b
    must 3 "the new tag" grep -q '^/ 1 "two" 304' "$T/routes/requests"
    ! log_has ' (warn|error) ' || fail "the log: $(grep -E ' (warn|error) ' "$LOG" | head -n 1)"
}

case_routing_http_slow() { # an answer that stops in the middle is given up; chunked ones are read
    local p
    p=$(next_port)
    start_routes
    serve_routes application/json "$(json_routes "$p" "$A")"
    echo chunked >"$T/routes/status"
    start_bare "DILL_ROUTING_HTTP_ENDPOINT=http://127.0.0.1:$ROUTES/" DILL_ROUTING_HTTP_POLL_INTERVAL=50ms \
        DILL_ROUTING_HTTP_POLL_TIMEOUT=300ms
    must 5 "a chunked answer" answers "$p" a
    echo hang >"$T/routes/status"
    must 5 "the time-out is said" log_has 'http: .*keeping the last known services; retrying'
    answers "$p" a || fail "the route has gone"
    serve_routes application/json "$(json_routes "$p" "$B")"
    must 15 "the route after that" answers "$p" b
}

case_routing_http_is_not_trusted() { # a URL names labels, never addresses
    local p
    p=$(next_port)
    start_routes
    serve_routes application/json \
        "{\"services\": [{\"name\": \"web\", \"listener\": \"127.0.0.1:$p\", \"backends\": [\"127.0.0.1:$A\"]}]}"
    start_bare "DILL_ROUTING_HTTP_ENDPOINT=http://127.0.0.1:$ROUTES/"
    peek_must_be "$NO_ROUTE
# refused: web wants 127.0.0.1:$p: label \"127.0.0.1\" is not in listeners.allowed"
}

case_routing_http_errors() { # in the configuration
    local url
    for url in ftp://x/ httpbin.org/x $(tls_is_in || echo https://127.0.0.1/x) 127.0.0.1:80/x http:// http://host:0/; do
        dill_once -t "DILL_ROUTING_HTTP_ENDPOINT=$url"
        same "exit status of $url" 1 "$RC"
        contains "the error of $url" "dill: DILL_ROUTING_HTTP_ENDPOINT: routing.http.endpoint: \"$url\" " "$ERR"
    done
}

# Several at once

case_sources_together() { # the table is the union of what they say; they share listeners
    local p q
    p=$(next_port) q=$(next_port)
    start_routes
    serve_routes application/json "$(json_routes "$p" "$B")"
    routing "$p" "$A" >"$T/routing.toml"
    start_dill "DILL_ROUTING_FILE_PATH=$T/routing.toml" "DILL_ROUTING_HTTP_ENDPOINT=http://127.0.0.1:$ROUTES/" \
        "DILL_SERVICES_OWN_LISTENER=local:$q" "DILL_SERVICES_OWN_BACKENDS=127.0.0.1:$WEB"
    register web web-1 "$C" dill "dill.listener=local:$p"
    must 5 "the file's backend" peek_contains "127.0.0.1:$A"
    must 5 "the URL's backend" peek_contains "127.0.0.1:$B"
    must 5 "Consul's backend" peek_contains "127.0.0.1:$C"
    peek_contains "127.0.0.1:$WEB" || fail "the static service is missing"
    printf 'services = []\n' >"$T/routing.toml"
    must 3 "the file's service leaves" not peek_contains "127.0.0.1:$A"
    answers "$q" - || true
    peek_contains "127.0.0.1:$C" || fail "Consul's backend has gone too"
}

case_one_source_only() { # --backend
    local p q
    p=$(next_port) q=$(next_port)
    routing "$p" "$A" >"$T/routing.toml"
    register web web-1 "$B" dill "dill.listener=local:$q"
    start_dill "DILL_ROUTING_FILE_PATH=$T/routing.toml" --backend consul
    must 5 "Consul's service" answers "$q" b
    refuses 127.0.0.1 "$p" || fail "the file's service is there"
    kill "$DILL_PID"
    stop_dill 0 8
    start_dill "DILL_ROUTING_FILE_PATH=$T/routing.toml" --backend file
    must 5 "the file's service" answers "$p" a
    stays 500 "Consul's service is there" refuses 127.0.0.1 "$q"
    for word in static file http; do
        dill_once --backend "$word"
        same "exit status of --backend $word alone" 1 "$RC"
        contains "the error" "dill: --backend $word needs " "$ERR"
    done
    dill_once --backend nonsense
    same "exit status of --backend nonsense" 1 "$RC"
    contains "the error" "static, consul, file, http" "$ERR"
}

# SIGHUP

case_reload() { # applies what can change at run time; live connections stay
    local p q fd
    p=$(next_port) q=$(next_port)
    printf '[services.web]\nlistener = local:%s\nbackends = 127.0.0.1:%s\n[services.other]\nlistener = new:%s\nbackends = 127.0.0.1:%s\n' \
        "$p" "$ECHO" "$q" "$B" >"$T/c.ini"
    start_bare -c "$T/c.ini"
    must 5 "service" accepts 127.0.0.1 "$p"
    peek_contains 'label "new" is not in listeners.allowed' || fail "Peek: $(peek)"
    open_conn "$p"
    fd=$FD
    ask "$fd" one || fail "no echo"
    sed -i "s/\(backends = .*:$ECHO\)/\1, 127.0.0.1:$A/" "$T/c.ini"
    printf '[listeners.allowed]\nlocal = 127.0.0.1\nnew = 127.0.0.3\n[proxy]\nbalance = p2c\n[log]\nlevel = debug\n' >>"$T/c.ini"
    kill -HUP "$DILL_PID"
    peek_must_be "$(BALANCE=p2c route "127.0.0.1:$p" "127.0.0.1:$ECHO" "127.0.0.1:$A"
        BALANCE=p2c route "127.0.0.3:$q" "127.0.0.1:$B")" 3
    answers "$q" b 127.0.0.3 || fail "no service on the new label"
    ask "$fd" two || fail "the connection did not live through it"
    must 2 "that it is done" log_has 'reload: done'
    printf '[listeners.allowed]\nnew = 127.0.0.3\n' >"$T/c.ini"
    kill -HUP "$DILL_PID"
    peek_must_be "$NO_ROUTE" 3
}

case_reload_error() { # changes nothing, and says where it is wrong
    local p
    p=$(next_port)
    printf '[services.web]\nlistener = local:%s\nbackends = 127.0.0.1:%s\n' "$p" "$A" >"$T/c.ini"
    start_bare -c "$T/c.ini"
    must 5 "service" answers "$p" a
    while IFS='|' read -r place text; do
        # shellcheck disable=SC2059  # with its escapes
        printf "$text" >"$T/c.ini"
        kill -HUP "$DILL_PID"
        must 3 "the error of $text" log_has "error +$T/c.ini:$place"
        must 3 "what follows" test "$(log_count 'reload: the configuration has an error; nothing changes')" -ge 1
        answers "$p" a || fail "the route has gone"
    done <<'END'
2: proxy.balance: "x" is not one of|[proxy]\nbalance = x\n
1: |[proxy\n
2: services.web.listener: "x" is not|[services.web]\nlistener = x\nbackends = 127.0.0.1:1\n
END
    rm "$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the missing file" log_has "c.ini: No such file"
    answers "$p" a || fail "the route has gone"
}

case_reload_sources() { # a source that changed is another one; one that did not goes on
    local p q
    p=$(next_port) q=$(next_port)
    routing "$p" "$A" >"$T/one.toml"
    routing "$p" "$B" >"$T/two.toml"
    register web web-1 "$C" dill "dill.listener=local:$q"
    printf '[routing.file]\npath = %s\n[consul]\naddress = %s\n' "$T/one.toml" "$CONSUL_URL" >"$T/c.ini"
    start_bare -c "$T/c.ini"
    must 5 "the first file" answers "$p" a
    must 5 "Consul's service" answers "$q" c
    sed -i 's/one.toml/two.toml/' "$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the second file" answers "$p" b
    answers "$q" c || fail "Consul's service has gone"
    ! log_has "closed" || fail "a listener closed"
    sed -i '/routing/d;/path/d' "$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the file's service is gone" refuses 127.0.0.1 "$p"
    answers "$q" c || fail "Consul's service has gone"
    printf '[services.own]\nlistener = local:%s\nbackends = 127.0.0.1:%s\n' "$p" "$A" >"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the static service" answers "$p" a
    must 3 "Consul's service is gone" refuses 127.0.0.1 "$q"
}

case_reload_closes_carefully() { # a Consul source that starts anew takes its services along: less is no news at once
    local p
    p=$(next_port)
    start_fake
    fake PUT /services "{\"web\": [$(instance w "$A" dill "dill.listener=local:$p")]}"
    printf '[consul]\naddress = http://127.0.0.1:%s\ntoken = one\n' "$FAKE" >"$T/c.ini"
    start_bare -c "$T/c.ini"
    must 5 "service" answers "$p" a
    fake PUT /services '{}'
    sed -i 's/one/two/' "$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the reload" log_has 'reload: done'
    sleep 0.3
    fake PUT /services "{\"web\": [$(instance w "$A" dill "dill.listener=local:$p")]}"
    sleep 1.5
    answers "$p" a || fail "no service"
    ! log_has 'closed' || fail "the listener closed"
}

case_reload_timeouts() { # count for the sessions that live, too
    local p idle drain
    p=$(next_port)
    printf '[services.web]\nlistener = local:%s\nbackends = 127.0.0.1:%s\n' "$p" "$ECHO" >"$T/c.ini"
    start_bare -c "$T/c.ini"
    must 5 "service" accepts 127.0.0.1 "$p"
    open_conn "$p"
    idle=$FD
    ask "$idle" one || fail "no echo"
    printf '[proxy]\nidle_timeout = 300ms\n' >>"$T/c.ini"
    kill -HUP "$DILL_PID"
    ended "$idle" 3 || fail "an idle connection lives on"
    sed -i 's/300ms/0/' "$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the second reload" test "$(log_count 'reload: done')" -ge 1
    sleep 0.2
    open_conn "$p"
    drain=$FD
    ask "$drain" two || fail "no echo"
    sleep 0.6
    ask "$drain" three || fail "the idle timeout is still in force"
    printf '[listeners]\ndrain = 300ms\n[services.other]\nlistener = local:%s\nbackends = 127.0.0.1:%s\n' "$p" "$A" >"$T/c.ini"
    kill -HUP "$DILL_PID"
    ended "$drain" 3 || fail "the connection of a removed backend lives on"
}

case_reload_widens_peek() { # from one address to all of them, on the same port, which exclude each other
    printf '[peek]\nlistener = 127.0.0.1:%s\n' "$PEEK" >"$T/c.ini"
    env -i PATH="$PATH" "${SANITIZERS[@]}" "$DILL" -c "$T/c.ini" --consul.address "$CONSUL_URL" 2>"$T/dill.9.err" 9>&- &
    DILL_PID=$!
    DILLS+=("$DILL_PID")
    LOG=$T/dill.9.err
    must 5 "Peek" peek_is "$NO_ROUTE"
    printf '[peek]\nlistener = :%s\n' "$PEEK" >"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "every address" accepts 127.0.0.9 "$PEEK"
    ! log_has 'cannot listen' || fail "the log: $(tail -n 1 "$LOG")"
}

case_reload_what_cannot() { # runtime.threads is said; Peek moves, and stays where it is when it cannot
    local q
    q=$(next_port)
    printf '[runtime]\nthreads = 1\n[peek]\nlistener = 127.0.0.1:%s\n' "$PEEK" >"$T/c.ini"
    start_bare -c "$T/c.ini" DILL_PEEK_LISTENER= "DILL_CONSUL_ADDRESS=$CONSUL_URL" DILL_RUNTIME_THREADS=1 \
        "--peek.listener=127.0.0.1:$PEEK"
    kill "$DILL_PID"
    stop_dill 0 8
    # Without a variable of its own, Peek follows the file.
    env -i PATH="$PATH" "${SANITIZERS[@]}" "$DILL" -c "$T/c.ini" --consul.address "$CONSUL_URL" 2>"$T/dill.9.err" 9>&- &
    DILL_PID=$!
    DILLS+=("$DILL_PID")
    LOG=$T/dill.9.err
    must 5 "Peek" peek_is "$NO_ROUTE"
    printf '[runtime]\nthreads = 2\n[peek]\nlistener = 127.0.0.1:%s\n' "$q" >"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the new place" accepts 127.0.0.1 "$q"
    must 3 "the old place is closed" refuses 127.0.0.1 "$PEEK"
    must 3 "what does not change" log_has 'runtime.threads is 2 now, and counts from the next start on'
    printf '[peek]\nlistener = 127.0.0.1:%s\n' "$CONSUL_PORT" >"$T/c.ini"
    kill -HUP "$DILL_PID"
    must 3 "the error" log_has "peek.listener: cannot listen on 127.0.0.1:$CONSUL_PORT: Address already in use"
    accepts 127.0.0.1 "$q" || fail "Peek is gone"
}
