#!/usr/bin/env python3
"""Registrations whose every text tries to be more than text, and a parser for each output of dill that shows them.

    hostile.py register CONSUL-URL LABEL:PORT BACKEND-PORT      registers them
    hostile.py check STATUS-PORT PEEK-PORT LOG...               says what is wrong with an output; logs in text or JSON
    hostile.py name                                             prints the name of the one that is routed
    hostile.py text WHAT                                        stdin is text for people: says what is wrong with it
"""

import html.parser
import json
import re
import socket
import sys
import unicodedata
import urllib.parse
import urllib.request

FORGED = "2026-01-01T00:00:00.000Z info  opened address=6.6.6.6:66 service=forged"
# Ways to end a line, to colour a terminal, to turn text round, to leave a quotation, a label or an element.
ENDS = ["\n", "\r", "\x1b[31m", "\x9b31m", "\x07", "\x7f", "\x85", "\u2028", "\u2029", "\u202e", "\u2066", "\ufeff", "\xa0"]
MARKS = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&\\{}=,;$(id)`"
EVERY = MARKS + "".join(ENDS) + "\n" + FORGED + "\n# refused: forged wants"
NAME = "odd" + MARKS.replace("/", "")   # Consul answers no path with control bytes in it


def put(url, path, body):
    request = urllib.request.Request(url + path, data=json.dumps(body).encode(), method="PUT")
    urllib.request.urlopen(request, timeout=30).read()


def register(url, wish, port):
    good = "dill.listener=" + wish
    put(url, "/v1/catalog/register", {"Node": "node" + EVERY, "Address": "127.0.0.1", "Service": {
        "Service": NAME, "ID": "id" + EVERY, "Port": int(port), "Tags": ["dill", good, EVERY]}})
    tags = ["dill.listener=" + EVERY + ":1", "dill.allow=" + EVERY, "dill.balance=" + EVERY, "dill." + EVERY + "=1",
            "dill.proxy=socks5://" + EVERY, "dill.deny=" + EVERY, "dill.listener=lan:" + EVERY]
    for number, tag in enumerate(tags):
        put(url, "/v1/agent/service/register", {"Name": "tag%d%s" % (number, MARKS.replace("/", "")), "ID": "id%d%s" % (number, EVERY),
                                                "Port": int(port), "Tags": ["dill", good, tag]})
    put(url, "/v1/agent/service/register", {"Name": "address", "ID": EVERY, "Port": int(port), "Address": "a" + EVERY,
                                            "Tags": ["dill", good]})
    put(url, "/v1/agent/service/register", {"Name": "name" + EVERY, "Port": int(port), "Tags": ["dill", good]})


def clean(what, text):
    """Lines end where they seem to, for every reader, and nothing else is out of sight."""
    for place, char in enumerate(text):
        if char != "\n" and (unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") or char == "\xa0"):
            sys.exit("%s: %r in %r" % (what, char, text[max(0, place - 60):place + 20]))
    lines = text.splitlines()
    if lines != text.removesuffix("\n").split("\n") and text:
        sys.exit("%s: lines that only some readers see" % what)
    for line in lines:
        if line.startswith((FORGED[:20], "# refused: forged", "forged")):
            sys.exit("%s: a forged line: %s" % (what, line))
    return lines


def each(what, lines, pattern):
    for line in lines:
        if not re.fullmatch(pattern, line):
            sys.exit("%s: what is this? %r" % (what, line))


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.names, self.text = {}, set(), ""

    def handle_starttag(self, tag, attrs):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


def check_page(text):
    page = Page()
    clean("the page", text.replace("\t", ""))
    page.feed(text)
    if page.tags.get("script") != 1 or {"img", "svg", "iframe", "object"} & set(page.tags):
        sys.exit("the page: elements %s" % page.tags)
    if any(name.startswith("on") for name in page.names) or "src" in page.names:
        sys.exit("the page: attributes %s" % page.names)
    if MARKS.split("/")[0] not in page.text:
        sys.exit("the page does not show the name")


def check_log(path):
    with open(path, "rb") as file:
        lines = clean(path, file.read().decode())
    if not lines or lines[0][0] != "{":
        each(path, lines, r"\d{4}-\d\d-\d\dT[\d:.]{12}Z (error|warn |info |debug) .*")
        audit = [line for line in lines if re.match(r"\S+ info +(opened|closed|access) ", line)]
        each(path, audit, r'\S+ info +\w+( [a-z_]+=([^ "=\\]+|"([^"\\]|\\["\\]|\\u[0-9a-f]{4})*"(\.\.\.)?))+')
    else:
        entries = [json.loads(line) for line in lines]
        audit = [entry for entry in entries if entry["message"] in ("opened", "closed", "access")]
    if not [line for line in audit if "127.0.0." in str(line)]:
        sys.exit("%s: nothing was opened" % path)


def check_metrics(text):
    label = r'[a-z_]+="([^"\\\n]|\\[\\n"])*"'
    each("/metrics", [line for line in clean("/metrics", text) if line[:1] != "#"],
         r"[a-z_]+(\{%s(,%s)*\})? [-+.\deInf]+" % (label, label))


def check(status, peek, logs):
    def get(path):
        with urllib.request.urlopen("http://127.0.0.1:%s%s" % (status, path), timeout=30) as answer:
            return answer.read().decode()

    routes = get("/routes")
    clean("/routes", routes)
    services = [name for listener in json.loads(routes)["listeners"] for name in listener["services"]]
    if NAME not in services:
        sys.exit("/routes does not have the name: %s" % services)
    if not json.loads(routes)["refused"]:
        sys.exit("/routes: nothing is refused")
    connections = get("/connections")
    clean("/connections", connections)
    json.loads(connections)
    check_page(get("/"))
    check_metrics(get("/metrics"))
    for name in set(services) | {refusal["service"] for refusal in json.loads(routes)["refused"]}:
        clean("/explain", get("/explain/" + urllib.parse.quote(name, safe="")))
    with socket.create_connection(("127.0.0.1", int(peek)), timeout=30) as sock:
        text = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
    each("Peek", clean("Peek", text), r"(\d|\[).*|  ├.*|# .*|No registered backends.*")
    for log in logs:
        check_log(log)
    print("well")


if __name__ == "__main__":
    if sys.argv[1] == "register":
        register(*sys.argv[2:5])
    elif sys.argv[1] == "check":
        check(sys.argv[2], sys.argv[3], sys.argv[4:])
    elif sys.argv[1] == "name":
        print(NAME, end="")
    else:
        clean(sys.argv[2], sys.stdin.read())
        print("well")
