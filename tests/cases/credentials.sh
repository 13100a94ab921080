# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: where credentials come from, that they run out, and that nobody sees them. Each secret has the word c4n4ry in it.

start_places() { # a table with one service at p, and nothing that gives credentials; sets PLACES, words for dill
    p=$(next_port)
    start_aws
    aws_table "$p:127.0.0.1:$A"
    aws DELETE '/key?id=AKIDEXAMPLE'
    aws PUT '/key?id=AKIDFILE&secret=c4n4ry-file'
    AWS=("AWS_ENDPOINT_URL=http://127.0.0.1:$AWS_PORT" "HOME=$T")
    CONTAINER=("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:$AWS_PORT/credentials")
    INSTANCE=("AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:$AWS_PORT")
    NOWHERE=AWS_EC2_METADATA_DISABLED=true
    echo c4n4ry-identity >"$T/identity"
    IDENTITY=("AWS_WEB_IDENTITY_TOKEN_FILE=$T/identity" AWS_ROLE_ARN=arn:aws:iam::123456789012:role/dill)
    aws PUT '/web_identity?token=c4n4ry-identity&arn=arn:aws:iam::123456789012:role/dill'
    mkdir "$T/.aws"
}

signed_by() { # KEY WORD...: dill, started so, reads the table with a key whose name begins so
    local key=$1
    shift
    aws DELETE /stats
    PEEK=$(next_port)
    start_table "$@"
    must 10 "the route with $*" answers "$p" a
    contains "the key with $*" "dynamodb Query $key" "$(aws GET '/requests?on=dynamodb' | grep -m 1 ' 200 ')"
    kill "$DILL_PID"
    stop_dill 0 8
}

not_signed() { # REGEX WORD...: dill, started so, has no credentials, and says why
    local regex=$1
    shift
    aws DELETE /stats
    PEEK=$(next_port)
    start_table "$@"
    must 15 "the reason with $*" log_has "dynamodb: .*$regex.*; keeping the last known services"
    same "signed requests with $*" 0 "$(aws_count dynamodb)"
    kill "$DILL_PID"
    stop_dill 0 8
}

write_profile() { # FILE SECTION KEY SECRET
    printf '[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$2" "$3" "$4" >>"$1"
}

case_credentials_order() { # environment, web identity, files, container, instance
    local p every
    start_places
    aws PUT '/key?id=AKIDENV&secret=c4n4ry%2Fenv&token=c4n4ry%2Ftoken%3D'
    write_profile "$T/.aws/credentials" default AKIDFILE c4n4ry-file
    every=("${CONTAINER[@]}" "${INSTANCE[@]}")
    signed_by AKIDENV "${every[@]}" "${IDENTITY[@]}" AWS_ACCESS_KEY_ID=AKIDENV AWS_SECRET_ACCESS_KEY=c4n4ry/env AWS_SESSION_TOKEN=c4n4ry/token=
    signed_by ASIASTS "${every[@]}" "${IDENTITY[@]}"
    signed_by AKIDFILE "${every[@]}"
    rm "$T/.aws/credentials"
    signed_by ASIACONTAINER "${every[@]}"
    signed_by ASIAINSTANCE "${INSTANCE[@]}"
    not_signed . "$NOWHERE"
    nothing_leaked order
}

case_credentials_environment() { # one of the two alone is an error, whatever else there is
    local p
    start_places
    write_profile "$T/.aws/credentials" default AKIDFILE c4n4ry-file
    not_signed AWS_SECRET_ACCESS_KEY "$NOWHERE" AWS_ACCESS_KEY_ID=AKIDENV
    not_signed AWS_ACCESS_KEY_ID "$NOWHERE" AWS_SECRET_ACCESS_KEY=c4n4ry
    nothing_leaked environment
}

case_credentials_files() { # both of them, named or not; profiles; what is not supported is said
    local p
    start_places
    printf '# comment\n\n[other]\naws_access_key_id=no\naws_secret_access_key=c4n4ry-no\n' >"$T/.aws/credentials"
    write_profile "$T/.aws/credentials" default AKIDFILE c4n4ry-file
    printf '[profile deep]\ns3 =\n  aws_access_key_id = no\n  max = 1\naws_access_key_id = AKIDFILE\naws_secret_access_key = c4n4ry-file\n' >"$T/.aws/config"
    printf '[profile role]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n[profile sso]\nsso_session = x\n' >>"$T/.aws/config"
    signed_by AKIDFILE "$NOWHERE"
    signed_by AKIDFILE "$NOWHERE" AWS_PROFILE=default
    signed_by AKIDFILE "$NOWHERE" AWS_PROFILE=deep
    signed_by AKIDFILE "$NOWHERE" AWS_PROFILE=other --aws.profile=deep
    mv "$T/.aws/credentials" "$T/elsewhere"
    signed_by AKIDFILE "$NOWHERE" "AWS_SHARED_CREDENTIALS_FILE=$T/elsewhere"
    mv "$T/.aws/config" "$T/configured"
    signed_by AKIDFILE "$NOWHERE" "AWS_CONFIG_FILE=$T/configured" AWS_PROFILE=deep
    not_signed role_arn "$NOWHERE" "AWS_CONFIG_FILE=$T/configured" AWS_PROFILE=role
    not_signed sso_ "$NOWHERE" "AWS_CONFIG_FILE=$T/configured" AWS_PROFILE=sso
    not_signed . "$NOWHERE" AWS_PROFILE=none
    nothing_leaked files
}

case_credentials_of_a_container() { # with the token that it wants, from a variable or a file that changes; nowhere else
    local p fd
    start_places
    aws PUT '/container?token=Bearer%20c4n4ry'
    signed_by ASIACONTAINER "${CONTAINER[@]}" "AWS_CONTAINER_AUTHORIZATION_TOKEN=Bearer c4n4ry"
    not_signed 401 "$NOWHERE" "${CONTAINER[@]}" AWS_CONTAINER_AUTHORIZATION_TOKEN=c4n4ry-wrong
    not_signed line "$NOWHERE" "${CONTAINER[@]}" AWS_CONTAINER_AUTHORIZATION_TOKEN=$'c4n4ry\r\nX: y'
    not_signed 'must be https' "$NOWHERE" AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/credentials
    printf 'Bearer c4n4ry' >"$T/authorization"
    start_table "${CONTAINER[@]}" "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$T/authorization"
    must 5 "the route" answers "$p" a
    printf 'c4n4ry-2' >"$T/authorization"
    aws PUT /container?token=c4n4ry-2
    aws PUT /revoke
    aws_table "$p:127.0.0.1:$B"
    must 20 "the next key" answers "$p" b
    ! log_has 'keeping the last known' || fail "an outage: $(grep keeping "$LOG")"
    nothing_leaked container
}

case_credentials_of_an_instance() { # with a session where there are sessions, and without where the PUT is lost
    local p mode
    start_places
    for mode in required optional absent forbidden silent; do
        aws PUT "/metadata?mode=$mode"
        signed_by ASIAINSTANCE "${INSTANCE[@]}"
    done
    aws PUT '/metadata?mode=silent'
    not_signed . "${INSTANCE[@]}" AWS_EC2_METADATA_V1_DISABLED=true
    aws PUT '/metadata?mode=required&role='
    not_signed . "${INSTANCE[@]}"
    aws PUT '/metadata?mode=required&role=r&code=AssumeRoleUnauthorizedAccess'
    not_signed AssumeRoleUnauthorizedAccess "${INSTANCE[@]}"
    aws PUT '/metadata?mode=nothing&code=Success'
    not_signed . "${INSTANCE[@]}"
    nothing_leaked instance
}

case_credentials_of_an_identity() { # whose token is renewed in its file
    local p
    start_places
    start_table "${IDENTITY[@]}" AWS_ROLE_SESSION_NAME=proxy
    must 5 "the route" answers "$p" a
    contains "what STS was asked" RoleSessionName=proxy "$(aws GET '/bodies?on=sts')"
    contains "what STS was asked" RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdill "$(aws GET '/bodies?on=sts')"
    aws PUT '/web_identity?token=c4n4ry-2&arn=arn:aws:iam::123456789012:role/dill'
    aws PUT /revoke
    must 10 "that the token is not taken" log_has 'dynamodb: .*InvalidIdentityToken.*; keeping'
    answers "$p" a || fail "the route has gone"
    echo c4n4ry-2 >"$T/identity"
    aws_table "$p:127.0.0.1:$B"
    must 30 "the renewed token" answers "$p" b
    nothing_leaked identity
}

clients_of() { # PORT TEXT: one after the other, while there is $T/load; each is told TEXT
    local count=0
    while [ -e "$T/load" ]; do
        answers "$1" "$2" || echo "client $count" >>"$T/unserved"
        count=$((count + 1))
    done
    echo "$count" >"$T/clients"
}

case_credentials_run_out() { # sooner than they say, under load: got anew without an outage; then the place fails, too
    local p q fd
    start_places
    q=$((p + 1))
    aws_table "$p:127.0.0.1:$A" "$q:127.0.0.1:$ECHO"
    aws PUT '/issue?seconds=3600&real=2'
    start_table "${CONTAINER[@]}" "$NOWHERE"
    must 5 "the route" answers "$p" a
    open_conn "$q"
    fd=$FD
    : >"$T/load"
    clients_of "$p" a &
    must 30 "the third key" aws_more_than 2 'GET /credentials'
    at_least "requests that were refused" 2 "$(aws GET /requests | grep -c ' 400 ExpiredTokenException$')"
    ! log_has 'keeping the last known' || fail "an outage: $(grep keeping "$LOG")"
    ask "$fd" one || fail "the session has gone"
    aws PUT '/fault?mode=status&code=500&on=GET%20/credentials'
    must 20 "the outage" log_has 'dynamodb: .*; keeping the last known services'
    answers "$p" a || fail "the route has gone"
    ask "$fd" two || fail "the session has gone"
    rm "$T/load"
    must 10 "the last client" test -s "$T/clients"
    same "clients that were not served" "" "$(cat "$T/unserved" 2>/dev/null)"
    at_least "clients meanwhile" 50 "$(cat "$T/clients")"
    aws DELETE /fault
    aws PUT '/issue?seconds=3600'
    aws_table "$p:127.0.0.1:$B" "$q:127.0.0.1:$ECHO"
    must 30 "the change after it" answers "$p" b
    ask "$fd" three || fail "the session has gone"
    nothing_leaked "that run out"
}

case_credentials_due() { # before they run out others are got, after half their time when it is short; none is refused
    local p
    start_places
    aws PUT '/issue?seconds=12'
    start_table "${CONTAINER[@]}" "$NOWHERE"
    must 5 "the route" answers "$p" a
    must 20 "the next ones" aws_more_than 1 'GET /credentials'
    aws_asked dynamodb
    at_most "times the table was read with the first ones, in twelve seconds" 9 "$(aws GET '/requests?on=dynamodb' | grep -c ASIACONTAINER1)"
    same "requests with those that had run out" 0 "$(aws GET /requests | grep -c Expired)"
    nothing_leaked "that are due"
}

case_credentials_renewed() { # before they run out; while that fails, they are used until they are over
    local p
    start_places
    aws PUT '/issue?seconds=6'
    start_table "${CONTAINER[@]}" "$NOWHERE"
    must 5 "the route" answers "$p" a
    aws PUT '/fault?mode=status&code=500&on=GET%20/credentials'
    aws_table "$p:127.0.0.1:$B"
    must 5 "the change, with those that still are good" answers "$p" b
    must 20 "the outage when they are over" log_has 'dynamodb: .*; keeping the last known services'
    answers "$p" b || fail "the route has gone"
    aws DELETE /fault
    aws_table "$p:127.0.0.1:$C"
    must 30 "those that came" answers "$p" c
    nothing_leaked "that were renewed"
}

case_credentials_revoked() { # are got anew once; those of a file are read again
    local p
    start_places
    write_profile "$T/.aws/credentials" default AKIDFILE c4n4ry-file
    start_table "$NOWHERE"
    must 5 "the route" answers "$p" a
    aws PUT '/key?id=AKIDNEXT&secret=c4n4ry-next'
    rm "$T/.aws/credentials"
    write_profile "$T/.aws/credentials" default AKIDNEXT c4n4ry-next
    aws DELETE '/key?id=AKIDFILE'
    aws_table "$p:127.0.0.1:$B"
    must 10 "the key that is in the file now" answers "$p" b
    ! log_has 'keeping the last known' || fail "an outage: $(grep keeping "$LOG")"
    aws DELETE '/key?id=AKIDNEXT'
    must 10 "that no key is good" log_has 'dynamodb: .*UnrecognizedClientException.*; keeping'
    answers "$p" b || fail "the route has gone"
    nothing_leaked "that were revoked"
}

case_credentials_of_elasticache() { # whose errors are XML: a clock that is off, and credentials that end, at once
    local p
    p=$(next_port)
    start_aws
    AWS=("AWS_ENDPOINT_URL=http://127.0.0.1:$AWS_PORT" "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:$AWS_PORT/credentials")
    aws PUT '/clock?offset=-4000'
    aws PUT '/issue?seconds=3600&real=0'
    CLUSTER=available aws_nodes "0001:available:127.0.0.1:$A"
    start_cluster "$p"
    must 5 "that they have ended" log_has 'elasticache: .*answered 403 ExpiredToken: .*; keeping'
    aws PUT '/issue?seconds=3600'
    must 20 "the route" answers "$p" a
    contains "what it was told first" ' 403 SignatureDoesNotMatch' "$(aws GET '/requests?on=elasticache' | head -n 1)"
    same "times the clock was wrong" 1 "$(aws GET /requests | grep -c SignatureDoesNotMatch)"
    same "times it was said" 1 "$(log_count "this host's clock is .* ahead of AWS's")"
    nothing_leaked "of ElastiCache"
}

case_credentials_stay_secret_at_work() { # also when AWS says them: the log, -t, --explain, --plan, all pages, the state file
    local p page i=0 words name
    start_places
    STATUS=$(next_port)
    aws PUT '/key?id=AKIDENV&secret=c4n4ry%2Fother&token=c4n4ry%2Ftoken%3D'
    words=("DILL_STATUS_LISTENER=127.0.0.1:$STATUS" "${IDENTITY[@]}" AWS_ACCESS_KEY_ID=AKIDENV AWS_SECRET_ACCESS_KEY=c4n4ry/env
        AWS_SESSION_TOKEN=c4n4ry/token= AWS_CONTAINER_AUTHORIZATION_TOKEN=c4n4ry "${AWS[@]}")
    start_table "${words[@]}" DILL_LOG_LEVEL=debug "DILL_STATE_PATH=$T/state" DILL_LOG_ACCESS=true
    must 5 "the echo of what was to be signed" log_has 'InvalidSignatureException'
    aws PUT '/key?id=AKIDENV&secret=c4n4ry%2Fenv&token=c4n4ry%2Ftoken%3D'
    must 20 "the route" answers "$p" a
    aws PUT '/fault?mode=error&on=dynamodb&name=AccessDeniedException&text=User%20c4n4ry%2Ftoken%3D%20c4n4ry%2Fenv'
    must 10 "an error with secrets in it" log_has AccessDeniedException
    for page in / /status /routes /connections /metrics /explain/realtime /explain/x; do
        curl -s "http://127.0.0.1:$STATUS$page" >"$T/once.0$i.out" || fail "no $page"
        i=$((i + 1))
    done
    peek >"$T/once.0peek.out"
    dill_once -t "${words[@]}" --routing.dynamodb.proxy=realtime
    dill_once --plan "${words[@]}" --routing.dynamodb.proxy=realtime
    for name in realtime "$p:127.0.0.1:$A"; do
        dill_once --explain "$name" "${words[@]}" --routing.dynamodb.proxy=realtime
        dill_once --explain "$name" "${words[@]:1}" --routing.dynamodb.proxy=realtime
    done
    cp "$T/state" "$T/once.0state.out" 2>/dev/null
    cat "/proc/$DILL_PID"/task/*/comm "/proc/$DILL_PID/cmdline" >"$T/once.0titles.out"
    nothing_leaked "at work"
}

case_credentials_of_default_addresses() { # see tests/tools/aws_places.sh
    local own="unshare -n -m" out
    $own true 2>/dev/null || own="unshare -r -n -m"
    out=$($own env -i PATH="$PATH" "${SANITIZERS[@]}" TEST_SLOW="$SLOW" "$TOP/tests/tools/aws_places.sh" "$(realpath "$DILL")" "$T" 2>&1 9>&-) ||
        fail "$out"
}
