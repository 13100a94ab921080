# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# Cases: the page for people, as text and in a browser.

page() { # sets PAGE
    PAGE=$(curl -s -f --max-time $((5 * SLOW)) "http://127.0.0.1:$STATUS/")
}

page_contains() { # TEXT
    page
    [[ $PAGE == *"$1"* ]]
}

# A headless chromium, spoken to over its debugging pipe: JSON that ends in NUL, in on descriptor 3 and out on 4.

start_browser() {
    command -v chromium >/dev/null || fail "chromium is missing (Debian package chromium, see tests/packages.txt)"
    mkfifo "$T/to_browser" "$T/from_browser"
    # shellcheck disable=SC2094  # two pipes
    chromium --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir="$T/profile" \
        --remote-debugging-pipe about:blank 3<"$T/to_browser" 4>"$T/from_browser" 9>&- >"$T/browser.out" 2>&1 &
    BROWSER_PID=$!
    { exec {TO_BROWSER}>"$T/to_browser" {FROM_BROWSER}<"$T/from_browser"; } || fail "no pipe to chromium"
    CONNECTIONS+=("$TO_BROWSER" "$FROM_BROWSER")
    SESSION='' SAID=0
    tell_browser Target.createTarget '{"url":"about:blank"}'
    tell_browser Target.attachToTarget "{\"targetId\":$(field targetId),\"flatten\":true}"
    SESSION=",\"sessionId\":$(field sessionId)"
    tell_browser Page.enable
    tell_browser Runtime.enable
    tell_browser Log.enable
}

field() { # NAME: its value, a string with the quotes, in ANSWER
    grep -o "\"$1\":\"[^\"]*\"" <<<"$ANSWER" | head -n 1 | cut -d : -f 2-
}

tell_browser() { # METHOD [PARAMETERS]: sets ANSWER. Everything that is said goes to $T/browser.log.
    SAID=$((SAID + 1))
    printf '{"id":%d,"method":"%s","params":%s%s}\0' "$SAID" "$1" "${2:-{\}}" "$SESSION" >&"$TO_BROWSER"
    browser_says "\"id\":$SAID,"
    lacks "$1" '"error":{' "$ANSWER"
}

browser_says() { # TEXT: waits for a message that contains it; sets ANSWER
    while read -r -d '' -t $((10 * SLOW)) ANSWER <&"$FROM_BROWSER"; do
        printf '%s\n' "$ANSWER" >>"$T/browser.log"
        [[ $ANSWER != *"$1"* ]] || return 0
    done
    fail "chromium does not say $1: $(tail -n 1 "$T/browser.out")"
}

loads() { grep -c Page.loadEventFired "$T/browser.log"; }

visit() { # loads the page
    local before
    before=$(loads)
    tell_browser Page.navigate "{\"url\":\"http://127.0.0.1:$STATUS/\"}"
    while [ "$(loads)" -le "$before" ]; do browser_says '"method"'; done
}

script() { # JAVASCRIPT, without double quotes, its lines joined: sets ANSWER; waits for a promise
    tell_browser Runtime.evaluate "{\"expression\":\"${1//$'\n'/ }\",\"awaitPromise\":true,\"returnByValue\":true}"
}

script_is() { # JAVASCRIPT: it is true
    script "$1"
    [[ $ANSWER == *'"value":true'* ]]
}

case_page_text() { # it says what there is, takes nothing from elsewhere, and shows strangers' names as text
    local p q word
    p=$(next_port) q=$(next_port) STATUS=$(next_port)
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "that Consul has answered" page_contains "in step"
    contains "without a route" "$NO_ROUTE" "$PAGE"
    contains "what to do" '"dill", "dill.listener=' "$PAGE"
    contains "readiness" '>ready<' "$PAGE"
    at_most "bytes of the page without routes" 20000 "${#PAGE}"
    register web web-1 "$A" dill "dill.listener=local:$p" dill.balance=p2c dill.allow=127.0.0.0/8
    register web web-2 "$B" dill "dill.listener=local:$p" dill.balance=p2c dill.allow=127.0.0.0/8
    register '<script>alert(1)</script>' evil-1 "$C" dill "dill.listener=local:$q"
    register 'a&b' low-1 "$A" dill "dill.listener=<b>'x:80"
    must 5 "listeners" page_contains "<b>127.0.0.1:$q</b>"
    must 5 "the refused wish" page_contains "1 refused wish"
    contains "a listener" "<b>127.0.0.1:$p</b><bdi>web</bdi><small>p2c · allow 1 network</small>" "$PAGE"
    contains "a backend" ">127.0.0.1:$B</th>" "$PAGE"
    contains "its state" "healthy" "$PAGE"
    contains "an evil name" '<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>' "$PAGE"
    contains "a refused service" '>a&amp;b<' "$PAGE"
    contains "its wish" '>&lt;b&gt;&#39;x:80<' "$PAGE"
    same "scripts" 1 "$(grep -o '<script' <<<"$PAGE" | wc -l)"
    for word in http:// https:// src= url\( @import; do lacks "the page" "$word" "$PAGE"; done
    [[ $(says "$p") == [ab] ]] || fail "no service"
    must 3 "the connection" page_contains "<td>1</td><td>0 B</td><td>2 B</td>"
}

case_page_policy() { # it covers the page's own style and script, and nothing else
    STATUS=$(next_port)
    start_bare "DILL_STATUS_LISTENER=127.0.0.1:$STATUS" -laddr "127.0.0.1:$(next_port)" "127.0.0.1:$A"
    must 5 "the page" page_contains "<h1>"
    "$PYTHON" - "$STATUS" >"$T/policy" 2>&1 <<'END' || fail "$(tail -n 1 "$T/policy")"
import base64, hashlib, html.parser, sys, urllib.request
class Page(html.parser.HTMLParser):
    own, inside, wrong = {"style": [], "script": []}, None, []
    def handle_starttag(self, tag, attributes):
        self.wrong += [name for name, _ in attributes if name in ("style", "src") or name.startswith("on")]
        if tag in self.own:
            self.own[tag].append("")
            self.inside = tag
    def handle_endtag(self, tag):
        self.inside = None
    def handle_data(self, data):
        if self.inside:
            self.own[self.inside][-1] += data
with urllib.request.urlopen("http://127.0.0.1:%s/" % sys.argv[1]) as answer:
    text, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
page = Page()
page.feed(text)
page.close()
assert not page.wrong, page.wrong
allowed = dict(part.split(" ", 1) for part in policy.split("; "))
for tag, texts in page.own.items():
    hashes = ["'sha256-%s'" % base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in texts]
    assert len(texts) == 1 and texts[0], (tag, len(texts))
    assert allowed[tag + "-src"] == hashes[0], "%s: the policy has %s, and the page %s" % (tag, allowed[tag + "-src"], hashes[0])
assert "unsafe" not in policy, policy
for name in ("default-src", "base-uri", "form-action", "frame-ancestors"):
    assert allowed[name] == "'none'", policy
END
}

case_page_browser() { # it follows by itself, leaves selected text alone, says when dill is gone, and works without script
    local p q
    p=$(next_port) q=$(next_port) STATUS=$(next_port)
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    register '<img src=x onerror=alert(1)>' web-1 "$A" dill "dill.listener=local:$p"
    must 5 "a listener" page_contains "127.0.0.1:$p"
    start_browser

    tell_browser Emulation.setScriptExecutionDisabled '{"value":true}'
    visit
    tell_browser DOM.getDocument '{"depth":-1}'
    contains "the page without script" "127.0.0.1:$p" "$ANSWER"
    contains "its backends" "127.0.0.1:$A" "$ANSWER"
    grep -q '"delay":5,.*"metaTagRefresh"' "$T/browser.log" || browser_says '"metaTagRefresh"'
    tell_browser Emulation.setScriptExecutionDisabled '{"value":false}'

    visit
    script_is "document.querySelectorAll('main img, main script').length === 0" || fail "a name became an element"
    register late late-1 "$B" dill "dill.listener=local:$q" dill.listener=local:81
    must 5 "the new listener" script_is "document.querySelector('main').innerText.includes('127.0.0.1:$q')"
    must 5 "the refused wish" script_is "document.querySelector('main').innerText.includes('local:81')"
    script "title = document.querySelector('h1'); title.textContent = 'x'; getSelection().selectAllChildren(title)"
    script_is "refresh().then(() => title.textContent === 'x')" || fail "selected text was replaced"
    script "getSelection().empty()"
    script_is "refresh().then(() => title.textContent === 'dill')" || fail "the page is not brought up to date"
    script_is "document.getElementById('gone').textContent === ''" || fail "it says that dill is gone: $ANSWER"
    lacks "what the browser says" 'exceptionThrown' "$(cat "$T/browser.log")"
    lacks "what the browser says" 'Log.entryAdded' "$(cat "$T/browser.log")"

    kill "$DILL_PID"
    stop_dill 0 8
    script_is "refresh().then(() => document.getElementById('gone').textContent.includes('does not answer since'))" ||
        fail "it does not say that dill is gone"
    script_is "document.querySelector('main').innerText.includes('127.0.0.1:$q')" || fail "the last figures went away"
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    must 5 "the end of the outage" script_is "refresh().then(() => document.getElementById('gone').textContent === '')"
    tell_browser Browser.close
    wait "$BROWSER_PID"
}

case_page_phone() { # nothing is cut off on a small screen; every text can be read there, by day and by night
    local p taken scheme
    p=$(next_port) taken=$(next_port) STATUS=$(next_port)
    start_peers "name:x@127.0.0.1:$taken"
    start_dill "DILL_STATUS_LISTENER=127.0.0.1:$STATUS"
    register "$(printf 'long-%.0s' {1..30})" long-1 "$A" dill "dill.listener=local:$p" dill.proxy_protocol=v1 dill.allow=127.0.0.1
    register sick sick-1 1 dill "dill.listener=local:$p" "dill.listener=local:$taken" "dill.listener=$(printf 'x%.0s' {1..100}):1"
    must 5 "a listener" page_contains "127.0.0.1:$p"
    must 5 "the refused wish" page_contains "1 refused wish"
    says "$p" >/dev/null
    says "$p" >/dev/null
    must 5 "an unhealthy backend" page_contains unhealthy
    start_browser
    tell_browser Emulation.setDeviceMetricsOverride '{"width":360,"height":740,"deviceScaleFactor":2,"mobile":true}'
    for scheme in light dark; do
        tell_browser Emulation.setEmulatedMedia \
            "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"$scheme\"}]}"
        visit
        script_is "innerWidth === 360 && document.documentElement.scrollWidth <= 360" || fail "$scheme: it is wider than the screen"
        # By WCAG 2's formula, of every element that has a text of its own and is shown.
        script "luminance = colour => colour.match(/[0-9.]+/g).slice(0, 3).map(c => c / 255)
                .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
            behind = e => !e ? 'rgb(255, 255, 255)' : getComputedStyle(e).backgroundColor === 'rgba(0, 0, 0, 0)' ?
                behind(e.parentElement) : getComputedStyle(e).backgroundColor;
            texts = [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() &&
                [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
            contrast = e => (([a, b]) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05))
                ([getComputedStyle(e).color, behind(e)].map(luminance));
            dull = texts.filter(e => contrast(e) < 4.5 || parseFloat(getComputedStyle(e).fontSize) < 12);
            texts.length + ' texts, dull: ' + dull.map(e => e.outerHTML).join(' ')"
        [[ $ANSWER =~ \"value\":\"([0-9]+)\ texts,\ dull:\ (.*)\"\}\} ]] || fail "$scheme: $ANSWER"
        at_least "$scheme: texts" 30 "${BASH_REMATCH[1]}"
        same "$scheme: texts that are hard to read" "" "${BASH_REMATCH[2]}"
        script_is "(luminance(behind(document.body)) < .1) === ('$scheme' === 'dark')" || fail "$scheme: the background is not"
    done
    tell_browser Browser.close
    wait "$BROWSER_PID"
}
