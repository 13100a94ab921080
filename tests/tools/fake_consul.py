#!/usr/bin/env python3
"""A scriptable stand-in for a Consul agent, for answers that a real one does not give on demand.

    fake_consul.py [--port N] [--socket PATH]      prints "PORT CONTROL" on one line and serves until it is killed

PORT, and the Unix socket, speak what a client of Consul's catalog needs: GET /v1/catalog/services, /v1/catalog/nodes,
/v1/catalog/node-services/NODE, /v1/health/state/any, /v1/health/service/NAME and (never an entry) /v1/config/service-defaults/NAME, with blocking queries, keep-alive and pipelining. CONTROL is for the test:

    PUT    /services[?bell=catalog|health|both|none]
                          body: {"NAME": [{"ID": .., "Port": .., "Tags": [..], "Address": .., "Node": ..,
                          "NodeAddress": .., "Status": "passing"|..|null, "NodeStatus": "passing"|.., "Weight": 1},
                          ..], ..}; all but Port may be left out. Replaces everything; the index of the endpoints
                          named by bell goes up, and that of the nodes when one has another address. A node's check
                          (serfHealth) has the first NodeStatus of its instances.
    PUT    /gateway?seconds=N&how=504|408|close
                          queries that wait end after N seconds, as if a gateway stood in between
    DELETE /gateway       it is gone
    PUT    /rights?names=A,B         ACLs: the token sees these names alone, with service:read and node:read
    PUT    /touch         both indexes go up, nothing else changes
    PUT    /index?value=N all indexes are N from now on, as after a restore from an old snapshot
    PUT    /fault?mode=M[&path=PREFIX][&count=N][&...]
                          answers to paths with that prefix go wrong, N times or for ever; waiting queries return
    DELETE /fault         no faults any more
    GET    /count[?path=PREFIX]      number of requests so far
    GET    /connections              connections: open now, most at once, in all
    GET    /queries[?path=PREFIX]    one line a request: PATH?QUERY as it was sent
    GET    /header?name=NAME         one line a request: the header's value, or -
    GET    /gaps[?path=PREFIX]       seconds between requests, one a line
    DELETE /stats                    forgets requests and the most at once

Modes (and their parameters):

    status           code=N [&text=..] [&retry=SECONDS] [&location=URL]   an HTTP error
    index            value=X          a proper answer with X-Consul-Index: X (missing: without one)
    truncated        Content-Length is larger than what comes, then the connection closes
    truncated-chunks a chunked body that ends early
    garbage          200, but not JSON
    body             a proper answer with text=.. as its body
    endless          a body that never ends, in chunks, or with a Content-Length when it is given [&length=BYTES]
    unending         size, extension, trailer or interim in `of`: that part of an answer never ends
    chunks           a proper answer in chunks of odd sizes, with extensions and a trailer
    bytes            a proper answer in chunks of one byte
    drip             a proper answer, one byte in each `every` seconds (default 1)
    hang             no answer, the connection stays
    close, reset     no answer, the connection ends
    empty            a proper answer with nothing in it
    noleader         an empty answer with X-Consul-KnownLeader: false
    filtered         an empty answer with X-Consul-Results-Filtered-By-ACLs: true
    partial          a proper answer with it
    headers          a proper answer, header names in `case`: lower, upper or odd
    oneshot          a proper answer with Connection: close
    closing          a proper answer, and then the connection closes without a word [&reset=1: is reset]
    older            what was true before the last change of services, with the index of then
    big              a proper answer with `megabytes` of Output behind it
"""

import http.server
import json
import os
import re
import select
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

CHECKED = {"Status", "NodeStatus", "ModifyIndex"}     # of an instance, what is no part of its service
DEFAULTS = "/v1/config/service-defaults/"
PATHS = ("/v1/catalog/services", "/v1/health/state/any", "/v1/health/service/", "/v1/catalog/nodes",
         "/v1/catalog/node-services/")


def seconds(text):
    """A Go duration, as far as blocking queries use them."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    found = re.findall(r"([0-9.]+)(ms|s|m|h)", text)
    if not found or "".join(a + b for a, b in found) != text:
        raise ValueError(text)
    return sum(float(a) * units[b] for a, b in found)


class State:
    """What the agent knows. Every field is guarded by `changed`."""

    def __init__(self):
        self.changed = threading.Condition()
        self.services = {}
        self.older = {}             # the services before the last change
        self.index = {"catalog": 100, "health": 100, "nodes": 100}
        self.moves = {}             # of each node: how often its services have changed
        self.gateway = None
        self.faults = []
        self.rights = None          # names that the token sees; None: all
        self.wakes = 0              # goes up when waiting queries shall return whatever the index
        self.requests = []
        self.open = self.most = self.total = 0

    def replace(self, services, bell):
        with self.changed:
            now = max(self.index.values()) + 1
            fresh = {}
            for name, instances in services.items():
                fresh[name] = []
                for number, given in enumerate(instances):
                    instance = {"ID": "%s-%d" % (name, number), "Tags": [], "Address": "", "Node": "node",
                                "NodeAddress": "127.0.0.1", "Status": "passing", "NodeStatus": "passing", "Weight": 1}
                    instance.update(given)
                    old = next((o for o in self.services.get(name, []) if o["ID"] == instance["ID"]), {})
                    same = {key for key in instance if old.get(key) == instance[key]}
                    instance["ModifyIndex"] = old["ModifyIndex"] if same == set(instance) else now
                    instance["ServiceIndex"] = old["ServiceIndex"] if same >= set(instance) - CHECKED else now
                    fresh[name].append(instance)
            moved = nodes(self.services) != nodes(fresh)
            if bell in ("catalog", "both"):
                for node in nodes(self.services).keys() | nodes(fresh).keys():
                    if on_node(node, self.services) != on_node(node, fresh):
                        self.moves[node] = self.moves.get(node, 0) + 1
            self.older, self.services = self.services, fresh
            for which in self.index:
                if bell in (which, "both") and which != "nodes" or which == "nodes" and moved:
                    self.index[which] = now
            self.changed.notify_all()

    def sees(self, name):
        return self.rights is None or name in self.rights

    def take_fault(self, path):
        for fault in self.faults:
            if path.startswith(fault.get("path", "/")) and fault["left"] != 0:
                fault["left"] -= 1
                return fault
        return None


STATE = State()


def check(name, instance):
    return {"Node": instance["Node"], "CheckID": "service:" + instance["ID"], "Name": "check",
            "Status": instance["Status"], "Notes": "", "Output": "", "ServiceID": instance["ID"],
            "ServiceName": name, "ServiceTags": instance["Tags"], "Definition": {},
            "CreateIndex": 10, "ModifyIndex": instance["ModifyIndex"]}


def serf(instance):
    return {"Node": instance["Node"], "CheckID": "serfHealth", "Name": "Serf Health Status",
            "Status": instance["NodeStatus"], "Notes": "", "Output": "Agent alive and reachable", "ServiceID": "",
            "ServiceName": "", "ServiceTags": [], "Definition": {}, "CreateIndex": 10, "ModifyIndex": 10}


def nodes(services):
    return {i["Node"]: i["NodeAddress"] for instances in services.values() for i in instances}


def catalog():
    names = {"consul": []}
    for name, instances in STATE.services.items():
        if instances:
            names[name] = sorted({tag for instance in instances for tag in instance["Tags"]})
    return {name: tags for name, tags in names.items() if STATE.sees(name)}


def state_any(query):
    checks = {}
    for name, instances in STATE.services.items():
        for i in instances:
            checks.setdefault((i["Node"], ""), serf(i))
            if i["Status"] is not None:
                checks[i["Node"], name, i["ID"]] = check(name, i)
    return filtered(list(checks.values()), query)


def filtered(objects, query):
    """What a filter made of FIELD != "VALUE" and FIELD contains "VALUE", joined by `or`, leaves. None: it is another."""
    if "filter" not in query:
        return objects
    terms = [re.fullmatch(r'\s*(\w+) (!=|contains) ["`]([^"`]*)["`]\s*', term) for term in query["filter"].split(" or ")]
    if not all(terms) or any(term[1] not in o for term in terms for o in objects):
        return None
    return [o for o in objects if any(t[3] in o[t[1]] if t[2] == "contains" else o[t[1]] != t[3] for t in terms)]


def service(name, services):
    answer = []
    for i in services.get(name, []):
        checks = [serf(i)] + ([check(name, i)] if i["Status"] is not None else [])
        answer.append({
            "Node": {"ID": "", "Node": i["Node"], "Address": i["NodeAddress"], "Datacenter": "dc1", "Meta": None},
            "Service": {"ID": i["ID"], "Service": name, "Tags": i["Tags"], "Address": i["Address"], "Meta": None,
                        "Port": i["Port"], "Weights": {"Passing": i["Weight"], "Warning": 1},
                        "EnableTagOverride": False, "Proxy": {"MeshGateway": {}, "Expose": {}}, "Connect": {},
                        "CreateIndex": 10, "ModifyIndex": i["ServiceIndex"]},
            "Checks": checks})
    return answer


def on_node(node, services):
    """All that its list says, whoever may see it."""
    return [(name, {k: v for k, v in i.items() if k not in CHECKED}) for name in services for i in services[name]
            if i["Node"] == node]


def node_services(node, query, services):
    found = [i["Service"] for name in services if STATE.sees(name) for i in service(name, services)
             if i["Node"]["Node"] == node]
    if not any(i["Node"] == node for instances in services.values() for i in instances):
        return {"Node": None, "Services": None}
    found = filtered(found, query)
    return None if found is None else {"Node": {"Node": node}, "Services": found}


class Gone(Exception):
    """The connection is over."""


class Cut(Exception):
    """A gateway has waited for long enough."""


class Connection:
    VENDOR = "Consul"           # in the names of headers
    KNOWN_LEADER, LAST_CONTACT = "Knownleader", "Lastcontact"

    def __init__(self, sock):
        self.sock, self.data, self.given = sock, b"", {}
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self):
        with STATE.changed:
            STATE.open += 1
            STATE.total += 1
            STATE.most = max(STATE.most, STATE.open)
        try:
            while True:
                self.answer(*self.request())
        except (Gone, OSError):
            pass
        finally:
            with STATE.changed:
                STATE.open -= 1
            self.sock.close()

    def request(self):
        while b"\r\n\r\n" not in self.data:
            got = self.sock.recv(65536)
            if not got:
                raise Gone
            self.data += got
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        target = lines[0].split(" ")[1]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        with STATE.changed:
            self.given = headers
            STATE.requests.append((time.monotonic(), target, headers))
            del STATE.requests[:-20000]
        return lines[0].split(" ")[0], target

    def peer_left(self):
        """True when the client has closed; a pipelined request is kept."""
        if not select.select([self.sock], [], [], 0)[0]:
            return False
        got = self.sock.recv(65536)
        self.data += got
        return not got

    def wait_for_change(self, which, query, node=None):
        """Blocks as Consul does, until the index is above the query's one, or a fault was set. The index of a node's list
        is that of all services, so it may answer at once; but once it waits, only that node's services end that [1.8.7]."""
        given = int(query.get("index", "0") or 0)
        moves, waits = STATE.moves.get(node), node and STATE.index[which] <= given
        if given > 0:
            self.block(lambda: STATE.index[which] > given and not (waits and STATE.moves.get(node) == moves),
                       min(seconds(query.get("wait", "5m")), 600))

    def block(self, ready, longest):
        """Until it is ready, a fault was set, or so many seconds have passed."""
        end = time.monotonic() + longest
        gateway = STATE.gateway
        limit = time.monotonic() + float(gateway["seconds"]) if gateway else end + 1
        with STATE.changed:
            wakes = STATE.wakes
            while not ready() and STATE.wakes == wakes:
                left = end - time.monotonic()
                if left <= 0:
                    return
                if time.monotonic() >= limit:
                    raise Cut(gateway["how"])
                STATE.changed.wait(min(left, limit - time.monotonic(), 0.25))
                if self.peer_left():
                    raise Gone

    def answer(self, method, target):
        path, _, text = target.partition("?")
        query = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
        which = {PATHS[0]: "catalog", PATHS[3]: "nodes"}.get(path, "health")
        node = None
        if path.startswith(PATHS[4]):
            which, node = "catalog", urllib.parse.unquote(path[len(PATHS[4]):])
        if method == "GET" and path.startswith(DEFAULTS):
            return self.right(path)
        if method != "GET" or not path.startswith(PATHS):
            return self.send(404, {}, b"not here")
        if "stale" in query and "consistent" in query:
            return self.send(400, {}, b"Cannot specify ?stale with ?consistent, conflicting semantics.")
        try:
            self.wait_for_change(which, query, node)
        except ValueError:
            return self.send(400, {}, b"Invalid index or wait")
        except Cut as cut:
            if str(cut) == "close":
                raise Gone from cut
            return self.send(int(str(cut)), {}, b"the gateway has waited for long enough")
        with STATE.changed:
            if path == PATHS[0]:
                data = catalog()
            elif path == PATHS[1]:
                data = state_any(query)
            elif path == PATHS[3]:
                data = [{"Node": node, "Address": address} for node, address in nodes(STATE.services).items()]
            fault = STATE.take_fault(path)
            index = STATE.index[which]
            if path.startswith(PATHS[4]):
                older = fault and fault["mode"] == "older"
                index -= bool(older)
                data = node_services(node, query,
                                     STATE.older if older else STATE.services)
            if path.startswith(PATHS[2]):
                older = fault and fault["mode"] == "older"
                index = max(STATE.index.values()) - bool(older)
                name = urllib.parse.unquote(path[len(PATHS[2]):])
                data = service(name, STATE.older if older else STATE.services) if STATE.sees(name) else []
        if data is None:
            return self.send(400, {}, b"Failed to create boolean expression evaluator")
        self.faulty(fault or {"mode": "none"}, data, index)

    def right(self, path):
        with STATE.changed:
            code = 404 if STATE.sees(urllib.parse.unquote(path[len(DEFAULTS):])) else 403
            fault = STATE.take_fault(path) or {"mode": "none"}
        last = fault["mode"] == "oneshot"
        self.send(code, {"Connection": "close"} if last else {}, b"Permission denied" if code == 403 else b"not found")
        if last:
            raise Gone

    def meta(self, index):
        start = "X-%s-" % self.VENDOR
        return {start + "Index": str(index), start + self.KNOWN_LEADER: "true", start + self.LAST_CONTACT: "0"}

    def faulty(self, fault, data, index):
        mode = fault["mode"]
        empty = b"{}" if isinstance(data, dict) else b"[]"
        body = json.dumps(data, ensure_ascii=False).encode()
        headers = self.meta(index)
        if mode == "status":
            retry = {"Retry-After": fault["retry"]} if "retry" in fault else {}
            if "location" in fault:
                retry["Location"] = fault["location"]
            self.send(int(fault["code"]), retry, fault.get("text", "No cluster leader").encode())
        elif mode == "index":
            headers["X-%s-Index" % self.VENDOR] = fault["value"]
            if fault["value"] == "missing":
                del headers["X-%s-Index" % self.VENDOR]
            self.send(200, headers, body)
        elif mode == "truncated":
            self.send(200, headers, body[:len(body) // 2], length=len(body))
            raise Gone
        elif mode == "truncated-chunks":
            self.head(200, {**headers, "Transfer-Encoding": "chunked"})
            half = body[:len(body) // 2]
            self.sock.sendall(b"%x\r\n%s\r\n" % (len(half), half))
            raise Gone
        elif mode == "garbage":
            self.send(200, headers, b'{"what": [is, this}')
        elif mode == "body":
            self.send(200, headers, fault["text"].encode())
        elif mode == "endless":
            self.endless(headers, data, int(fault.get("length", 0)))
        elif mode == "unending":
            self.unending(headers, fault.get("of", ""))
        elif mode in ("chunks", "bytes"):
            self.chunks(headers, body, mode == "bytes")
        elif mode == "drip":
            self.drip(headers, body, float(fault.get("every", 1)))
        elif mode == "hang":
            while not self.peer_left():
                select.select([self.sock], [], [], 5)
            raise Gone
        elif mode == "close":
            raise Gone
        elif mode == "reset":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise Gone
        elif mode == "empty":
            self.send(200, headers, empty)
        elif mode == "noleader":
            self.send(200, {**headers, "X-%s-%s" % (self.VENDOR, self.KNOWN_LEADER): "false"}, empty)
        elif mode == "filtered":
            self.send(200, {**headers, "X-Consul-Results-Filtered-By-ACLs": "true"}, empty)
        elif mode == "partial":
            self.send(200, {**headers, "X-Consul-Results-Filtered-By-ACLs": "true"}, body)
        elif mode == "headers":
            self.send(200, headers, body, case=fault.get("case", "lower"))
        elif mode == "oneshot":
            self.send(200, {**headers, "Connection": "close"}, body)
            raise Gone
        elif mode == "closing":
            self.send(200, headers, body)
            if "reset" in fault:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise Gone
        elif mode == "big":
            self.big(headers, body, int(fault["megabytes"]) << 20)
        else:
            self.send(200, headers, body)

    def big(self, headers, body, size):
        """With a member that nobody needs, nested deeper than anything should be; of an empty list, a check has it."""
        body = b'[{"Status": "passing"}]' if body == b"[]" else body
        last = body.rstrip(b"]}")
        deep = b', "Output": ' + b'[{"a":' * 20000 + b"1" + b"}]" * 20000 + b', "Notes": "'
        self.head(200, {**headers, "Content-Length": len(body) + len(deep) + size + 1})
        self.sock.sendall(last + deep)
        for _ in range(size >> 20):
            self.sock.sendall(b"x" * (1 << 20))
        self.sock.sendall(b'"' + body[len(last):])

    def head(self, status, headers, case=None):
        fold = {None: str, "lower": str.lower, "upper": str.upper,
                "odd": lambda s: "".join(c.upper() if n % 2 else c.lower() for n, c in enumerate(s))}[case]
        lines = ["HTTP/1.1 %d %s" % (status, "OK" if status == 200 else "Error")]
        for name, value in {"Content-Type": "application/json", "Vary": "Accept-Encoding", **headers}.items():
            lines.append("%s: %s" % (fold(name), value))
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def send(self, status, headers, body, length=None, case=None):
        self.head(status, {**headers, "Content-Length": len(body) if length is None else length}, case)
        self.sock.sendall(body)

    def chunks(self, headers, body, single):
        """Sizes 1, 2, 3, ... in hexadecimal of both cases, extensions, and pieces cut without regard to chunks."""
        self.head(200, {**headers, "Transfer-Encoding": "chunked", "Trailer": "X-Late"})
        out, start, size = b"", 0, 1
        while start < len(body):
            part = body[start:start + size]
            frame = b"%X" % len(part) if size % 2 else b"00%x" % len(part)
            if not single and size % 3 == 0:
                frame += b';note="a b;c"'
            out += frame + b"\r\n" + part + b"\r\n"
            start += len(part)
            size = 1 if single else size + 1
        out += b"0;last\r\nX-Late: yes\r\nX-Later: too\r\n\r\n"
        step = 1 if single else 7
        for count, start in enumerate(range(0, len(out), step)):
            self.sock.sendall(out[start:start + step])
            if count % 50 == 0:
                time.sleep(0.001)

    def drip(self, headers, body, every):
        self.head(200, {**headers, "Content-Length": len(body)})
        for byte in body:
            self.sock.sendall(bytes([byte]))
            time.sleep(every)

    def unending(self, headers, part):
        first, block = {"size": (b"", b"0"), "extension": (b"5;", b"x"), "trailer": (b"0\r\n", b"A: b\r\n"),
                        "interim": (b"", b"HTTP/1.1 100 Continue\r\n\r\n")}[part]
        if part != "interim":
            self.head(200, {**headers, "Transfer-Encoding": "chunked"})
        self.sock.sendall(first)
        while True:
            self.sock.sendall(block * 4096)

    def endless(self, headers, data, length):
        size = {"Content-Length": length} if length else {"Transfer-Encoding": "chunked"}
        self.head(200, {**headers, **size})
        start, part = (b'{"x": []', b', "some-service": ["dill"]') if isinstance(data, dict) else (b'[{}', b', {"a": 1}')
        block, sent = start + part * 4096, 0
        while not length or sent < length:
            self.sock.sendall(block if length else b"%x\r\n%s\r\n" % (len(block), block))
            sent += len(block)
            block = part * 4096
        raise Gone


class Control(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, text="", code=200):
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_one(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        name = (self.command, url.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with STATE.changed:
            mine = [r for r in STATE.requests if r[1].startswith(query.get("path", "/"))]
        if name == ("PUT", "/services"):
            STATE.replace(json.loads(body), query.get("bell", "both"))
            return self.reply()
        if name == ("PUT", "/rights"):
            with STATE.changed:
                STATE.rights = query.get("names", "").split(",")
            return self.reply()
        if name == ("PUT", "/touch"):
            with STATE.changed:
                now = max(STATE.index.values()) + 1
                STATE.index = {which: now for which in STATE.index}
                STATE.changed.notify_all()
            return self.reply()
        if name == ("PUT", "/index"):
            with STATE.changed:
                STATE.index = {which: int(query["value"]) for which in STATE.index}
                STATE.wakes += 1
                STATE.changed.notify_all()
            return self.reply()
        if name == ("PUT", "/gateway"):
            STATE.gateway = query
            return self.reply()
        if name == ("DELETE", "/gateway"):
            STATE.gateway = None
            return self.reply()
        if name == ("PUT", "/fault"):
            with STATE.changed:
                STATE.faults.append({**query, "left": int(query.get("count", -1))})
                STATE.wakes += 1
                STATE.changed.notify_all()
            return self.reply()
        if name == ("DELETE", "/fault"):
            with STATE.changed:
                STATE.faults = []
            return self.reply()
        if name == ("DELETE", "/stats"):
            with STATE.changed:
                STATE.requests = []
                STATE.most = STATE.open
            return self.reply()
        if name == ("GET", "/count"):
            return self.reply("%d\n" % len(mine))
        if name == ("GET", "/connections"):
            return self.reply("%d %d %d\n" % (STATE.open, STATE.most, STATE.total))
        if name == ("GET", "/queries"):
            return self.reply("".join(target + "\n" for _, target, _ in mine))
        if name == ("GET", "/header"):
            return self.reply("".join(headers.get(query["name"].lower(), "-") + "\n" for _, _, headers in mine))
        if name == ("GET", "/gaps"):
            return self.reply("".join("%.3f\n" % (b[0] - a[0]) for a, b in zip(mine, mine[1:])))
        return self.reply("no such control\n", 404)

    do_GET = do_PUT = do_DELETE = handle_one


def serve(listener, connection):
    listener.listen(128)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=connection(sock).run, daemon=True).start()


def over_tls(listener, name):
    """The same, with NAME.pem and NAME.key; clients need a certificate of the CA beside them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(name + ".pem", name + ".key")
    context.load_verify_locations(os.path.join(os.path.dirname(name), "ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    return context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)


def main(connection=Connection, control=Control):
    options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(options.get("--port", 0))))
    if "--socket" in options:
        local = socket.socket(socket.AF_UNIX)
        local.bind(options["--socket"])
        threading.Thread(target=serve, args=(local, connection), daemon=True).start()
    controller = http.server.ThreadingHTTPServer(("127.0.0.1", 0), control)
    threading.Thread(target=controller.serve_forever, daemon=True).start()
    listener.listen(128)
    print(listener.getsockname()[1], controller.server_port, flush=True)
    serve(over_tls(listener, options["--tls"]) if "--tls" in options else listener, connection)


if __name__ == "__main__":
    main()
