#!/usr/bin/env python3
"""A stand-in for the parts of AWS that dill asks: DynamoDB, ElastiCache, STS, and the places that give credentials.

    fake_aws.py [--address A] [--port N] [--tls NAME]     prints "PORT CONTROL" on one line and serves until it is killed

PORT is all of them at once: a POST is DynamoDB's when it has an X-Amz-Target, else ElastiCache's or STS's by its
Action; /credentials is a container's endpoint, /latest/ an instance's metadata. Signatures are verified (sigv4.py),
dates, region, service and session tokens, too. With --tls it is https, with NAME.pem and NAME.key. CONTROL is for the test:

    PUT  /table[?name=classic-proxy]   body: {"PROXY": ["5000:127.0.0.1:80", {"proxy_configuration": {"N": "1"}}, ..], ..}
                                       replaces the table. Reads that are not consistent see what was before, each second one
    PUT  /page?bytes=N&items=N&last=empty        a page's size (1 MiB), its items, whether an empty one follows the last
    PUT  /clusters                     body: {"ID": {"Status": "available", "Nodes": [{"Id": "0001", "Status": "available",
                                       "Address": .., "Port": ..}, ..], "ReplicationGroupId": ..}, ..}: all may be left out
    PUT  /key?id=K&secret=S[&token=T]  one more key;   DELETE /key?id=K     it is unknown from now on
    PUT  /region?name=R                that of this AWS (us-east-1)
    PUT  /clock?offset=SECONDS         its clock against ours
    PUT  /issue?seconds=N[&real=N]     credentials that places give from now on are good for N seconds; in truth for `real`
    PUT  /revoke                       those that were given are unknown from now on
    PUT  /container?token=T            the Authorization that it wants; without token: none
    PUT  /web_identity?token=T&arn=A   what STS takes
    PUT  /metadata?mode=M[&role=R][&region=R][&code=C]      M: required (a session is), optional, absent (no sessions: 404),
                                       forbidden (403), silent (the PUT is not answered), nothing (no request is); an empty
                                       role: none; code: that of an answer of 200, not Success
    PUT  /fault?mode=M[&on=PREFIX][&count=N][&...]           answers to what begins so go wrong, N times or for ever
    DELETE /fault
    GET  /count[?on=PREFIX]            number of requests so far: "dynamodb Query", "elasticache DescribeCacheClusters",
                                       "sts AssumeRoleWithWebIdentity", "GET /credentials", "PUT /latest/api/token", ..
    GET  /requests[?on=PREFIX]         one line each: what it was, the key's id or -, the status or -, the name of an error
    GET  /header?name=NAME[&on=PREFIX] one line a request: the header's value, or -
    GET  /bodies[?on=PREFIX]           one line a request
    DELETE /stats                      forgets requests

Modes (and their parameters):

    error            name=N [&status=400] [&text=..]   in the service's own way of saying it; [&key=Message]
    status           code=N [&text=..]                 an error of a proxy in between
    truncated        Content-Length is larger than what comes, then the connection closes
    garbage          200, but neither JSON nor XML
    document         200, and `text` as it is
    miscount         DynamoDB's Count is not that of its items
    drip             a proper answer, one byte in each `every` seconds (default 1)
    hang             no answer, the connection stays
    close, reset     no answer, the connection ends
    oneshot          a proper answer with Connection: close
"""

import binascii
import email.utils
import hmac
import http.server
import itertools
import json
import random
import re
import select
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

import sigv4

CORAL = "com.amazon.coral.service#"
DYNAMO = "com.amazonaws.dynamodb.v20120810#"
OWN = {"ResourceNotFoundException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "InternalServerError"}
TARGET = "DynamoDB_20120810."
CACHE = "http://elasticache.amazonaws.com/doc/2015-02-02/"
STS = "https://sts.amazonaws.com/doc/2011-06-15/"
ROLE_PATH = "/latest/meta-data/iam/security-credentials/"


class State:
    """What this AWS knows. Every field is guarded by `lock`."""

    def __init__(self):
        self.lock = threading.RLock()
        self.tables = {"classic-proxy": {}}
        self.older = {}
        self.page = {}
        self.clusters = {}
        self.keys = {"AKIDEXAMPLE": {"secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token": None, "expires": None}}
        self.issued = {"seconds": "3600"}
        self.numbers = itertools.count(1)
        self.region, self.offset = "us-east-1", 0.0
        self.container = None
        self.web_identity = {"token": "", "arn": ""}
        self.metadata = {"mode": "required", "role": "dill-role", "region": "us-east-1", "code": "Success"}
        self.sessions = set()
        self.faults = []
        self.requests = []

    def now(self):
        return time.time() + self.offset

    def take_fault(self, what):
        for fault in self.faults:
            if what.startswith(fault.get("on", "")) and fault["left"] != 0:
                fault["left"] -= 1
                return fault
        return {"mode": "none"}

    def issue(self, place):
        """A key of its own for each who asks: its members as all places name them, but for the token's."""
        number = next(self.numbers)
        life = float(self.issued["seconds"])
        key = {"secret": "c4n4ry/secret+%s%d" % (place, number), "token": "c4n4ry-token/%s+%d==" % (place, number),
               "expires": self.now() + float(self.issued.get("real", life)), "issued": True}
        name = "ASIA%s%d" % (place.upper(), number)
        self.keys[name] = key
        return {"AccessKeyId": name, "SecretAccessKey": key["secret"], "Token": key["token"],
                "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now() + life))}


STATE = State()


class Refused(Exception):
    """An error by name, in words; `status` when it is not the service's usual one."""

    def __init__(self, name, words, status=None):
        super().__init__(words)
        self.name, self.words, self.status = name, words, status


class Gone(Exception):
    """The connection is over."""


# DynamoDB

def size_of(item):
    """As DynamoDB counts: names and values, for strings and numbers."""
    return sum(len(name.encode()) + sum(len(str(v).encode()) for v in value.values()) for name, value in item.items())


def items_of(table, proxy, consistent):
    with STATE.lock:
        items = STATE.tables[table].get(proxy, [])
        if not consistent and next(STATE.numbers) % 2:
            items = STATE.older.get(proxy, [])
    items = [{"proxy_configuration": {"S": item}} if isinstance(item, str) else item for item in items]
    return [{"proxy_name": {"S": proxy}, **item} for item in items]


def one_page(items, limit):
    """How many of them are a page, and whether one follows: also behind the last, when just as many as fit are there."""
    taken = room = 0
    size = int(STATE.page.get("bytes", 1 << 20))
    while taken < len(items) and taken < limit and room < size:
        room += size_of(items[taken])
        taken += 1
    more = taken < len(items) or limit == taken > 0
    return taken, more or STATE.page.get("last") == "empty" and taken > 0


def query(asked):
    table = asked.get("TableName", "").rpartition("/")[2]
    if table not in STATE.tables:
        raise Refused("ResourceNotFoundException", "Requested resource not found")
    condition = re.fullmatch(r"\s*(#?\w+)\s*=\s*(:\w+)\s*", asked.get("KeyConditionExpression", ""))
    names = asked.get("ExpressionAttributeNames", {})
    if not condition or names.get(condition[1], condition[1]) != "proxy_name":
        raise Refused("ValidationException", "Query condition missed key schema element: proxy_name")
    proxy = asked["ExpressionAttributeValues"][condition[2]]["S"]
    wanted = [names.get(name.strip(), name.strip()) for name in asked.get("ProjectionExpression", "").split(",") if name.strip()]
    items = items_of(table, proxy, asked.get("ConsistentRead", False))
    start = 0
    if "ExclusiveStartKey" in asked:
        at = [n for n, item in enumerate(items) if key_of(n, item) == asked["ExclusiveStartKey"]]
        if not at:
            raise Refused("ValidationException", "The provided starting key is invalid")
        start = at[0] + 1
    limit = min(asked.get("Limit", 1 << 30), int(STATE.page.get("items", 1 << 30)))
    taken, more = one_page(items[start:], limit)
    found = [{name: value for name, value in item.items() if not wanted or name in wanted} for item in items[start:start + taken]]
    answer = {"Count": taken, "Items": found, "ScannedCount": taken}
    if more:
        answer["LastEvaluatedKey"] = key_of(start + taken - 1, items[start + taken - 1])
    return answer


def key_of(number, item):
    """Of a table whose items are not all proper ones, the number stands in for a missing part."""
    return {"proxy_name": item["proxy_name"], "proxy_configuration": item.get("proxy_configuration", {"S": str(number)})}


def dynamodb(request):
    operation = request.one("X-Amz-Target").removeprefix(TARGET)
    if operation != "Query" or request.one("Content-Type") != "application/x-amz-json-1.0":
        raise Refused("UnknownOperationException", "")
    try:
        asked = json.loads(request.body)
    except ValueError:
        raise Refused("SerializationException", "Start of structure or map found where not expected.") from None
    return query(asked)


# ElastiCache and STS: elements in any order, any space between them

def element(name, content):
    """`content`: text, or a list of elements, which are shuffled."""
    if isinstance(content, str):
        return "<%s>%s</%s>" % (name, escape(content), name)
    content = list(content)
    random.shuffle(content)
    space = random.choice(["", "\n  ", "<!-- <a> & -->", "\r\n\t"])
    return "<%s>%s%s</%s>" % (name, "".join(space + part for part in content), space, name)


def node_xml(node):
    parts = [element("CacheNodeId", node.get("Id", "0001")), element("CacheNodeStatus", node.get("Status", "available")),
             element("ParameterGroupStatus", "in-sync"), element("CustomerAvailabilityZone", "us-east-1a")]
    endpoint = [element(name, str(node[name])) for name in ("Address", "Port") if name in node]
    if endpoint:
        parts.append(element("Endpoint", endpoint))
    return element("CacheNode", parts)


def cluster_xml(name, cluster, with_nodes):
    parts = [element("CacheClusterId", name), element("CacheClusterStatus", cluster.get("Status", "available")),
             element("Engine", "redis"), element("NumCacheNodes", str(len(cluster.get("Nodes", []))))]
    if "ReplicationGroupId" in cluster:
        parts.append(element("ReplicationGroupId", cluster["ReplicationGroupId"]))
    parts.append("<SecurityGroups/>")
    if with_nodes:
        parts.append(element("CacheNodes", [node_xml(node) for node in cluster.get("Nodes", [])]))
    return element("CacheCluster", parts)


def elasticache(form):
    if form.get("Version") != "2015-02-02":
        raise Refused("NoSuchVersion", "The requested version (%s) is not valid." % form.get("Version"))
    if form["Action"] != "DescribeCacheClusters":
        raise Refused("InvalidAction", "Could not find operation %s for version 2015-02-02" % form["Action"])
    name = form.get("CacheClusterId", "")
    with STATE.lock:
        found = {k: v for k, v in STATE.clusters.items() if k == name.lower() or not name}
    if name and not found:
        raise Refused("CacheClusterNotFound", "CacheCluster not found: %s" % name, 404)
    nodes = form.get("ShowCacheNodeInfo") == "true"
    result = element("CacheClusters", [cluster_xml(name, cluster, nodes) for name, cluster in found.items()])
    return document("DescribeCacheClusters", CACHE, [result])


def document(action, space, result):
    parts = [element(action + "Result", result), element("ResponseMetadata", [element("RequestId", "b1f7d5c0")])]
    text = element(action + "Response", parts).replace("Response>", 'Response xmlns="%s">' % space, 1)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + text


def sts(form):
    if form["Action"] != "AssumeRoleWithWebIdentity" or form.get("Version") != "2011-06-15":
        raise Refused("InvalidAction", "Could not find operation %s" % form["Action"])
    if not re.fullmatch(r"[\w+=,.@-]{2,64}", form.get("RoleSessionName", "")):
        raise Refused("ValidationError", "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint")
    with STATE.lock:
        if form.get("WebIdentityToken") != STATE.web_identity["token"]:
            raise Refused("InvalidIdentityToken", "Couldn't retrieve verification key for %s" % form.get("WebIdentityToken"))
        if form.get("RoleArn") != STATE.web_identity["arn"]:
            raise Refused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
        given = STATE.issue("sts")
    parts = [element("SessionToken" if name == "Token" else name, value) for name, value in given.items()]
    return document("AssumeRoleWithWebIdentity", STS, [element("Credentials", parts), element("Audience", "sts.amazonaws.com")])


# Places that give credentials over HTTP

def container(request):
    with STATE.lock:
        if STATE.container is not None and not hmac.compare_digest(request.one("Authorization"), STATE.container):
            return 401, json.dumps({"code": "InvalidToken", "message": "not %s" % request.one("Authorization")})
        return 200, json.dumps(STATE.issue("container"))


def metadata(request):
    """None: no answer."""
    with STATE.lock:
        mode = STATE.metadata["mode"]
        if mode == "nothing" or mode == "silent" and request.method == "PUT":
            return None
        if request.method == "PUT":
            if mode in ("absent", "forbidden"):
                return (404, "Not Found") if mode == "absent" else (403, "Forbidden")
            if request.path != "/latest/api/token" or not request.one("X-aws-ec2-metadata-token-ttl-seconds").isdigit():
                return 400, "Bad Request"
            session = "c4n4ry-session-%d==" % next(STATE.numbers)
            STATE.sessions.add(session)
            return 200, session
        session = request.one("X-aws-ec2-metadata-token", None)
        if session not in STATE.sessions if session or mode == "required" else False:
            return 401, "Unauthorized"
        return metadata_of(request.path)


def metadata_of(path):
    role = STATE.metadata["role"]
    if path == "/latest/meta-data/placement/region":
        return 200, STATE.metadata["region"]
    if path == ROLE_PATH and role:
        return 200, role
    if path != ROLE_PATH + role or not role:
        return 404, '<?xml version="1.0"?><html><body><h1>404 - Not Found</h1></body></html>'
    if STATE.metadata["code"] != "Success":
        return 200, json.dumps({"Code": STATE.metadata["code"], "Message": "it is %s" % STATE.metadata["code"]})
    return 200, json.dumps({"Code": "Success", "LastUpdated": "2026-11-28T02:32:33Z", "Type": "AWS-HMAC", **STATE.issue("instance")})


def what_is(request, form):
    """Its words in /count and /fault."""
    if request.method == "POST" and request.all("X-Amz-Target"):
        return "dynamodb " + request.one("X-Amz-Target").removeprefix(TARGET)
    if request.method == "POST" and "Action" in form:
        return ("sts " if form["Action"].startswith("Assume") else "elasticache ") + form["Action"]
    return request.method + " " + request.path


class Connection:
    def __init__(self, sock):
        self.sock, self.data = sock, b""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self):
        try:
            while True:
                self.answer(self.request())
        except (Gone, OSError):
            pass
        finally:
            self.sock.close()

    def more(self):
        got = self.sock.recv(65536)
        if not got:
            raise Gone
        self.data += got

    def request(self):
        while b"\r\n\r\n" not in self.data:
            self.more()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        headers = [(name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines[1:])]
        method, target, _ = lines[0].split(" ")
        request = sigv4.Request(method, target, headers, b"")
        size = int(request.one("Content-Length", "0"))
        while len(self.data) < size:
            self.more()
        request.body, self.data = self.data[:size], self.data[size:]
        return request

    def answer(self, request):
        form = dict(urllib.parse.parse_qsl(request.body.decode("latin-1"), keep_blank_values=True))
        what = what_is(request, form)
        entry = {"what": what, "key": "-", "status": "-", "error": "-", "request": request}
        with STATE.lock:
            STATE.requests.append(entry)
            del STATE.requests[:-20000]
            fault = STATE.take_fault(what)
        if fault["mode"] == "hang":
            self.silence()
        if fault["mode"] in ("close", "reset"):
            if fault["mode"] == "reset":
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise Gone
        if fault["mode"] == "status":
            return self.send(entry, int(fault["code"]), "text/plain", fault.get("text", "upstream is gone"), {})
        if request.method == "POST":
            return self.service(entry, what, request, form, fault)
        given = metadata(request) if request.path.startswith("/latest/") else (404, "not here")
        if request.path.startswith("/credentials"):
            given = container(request)
        if given is None:
            self.silence()
        return self.send(entry, given[0], "application/json", given[1], fault)

    def service(self, entry, what, request, form, fault):
        name = what.partition(" ")[0]
        kind = "application/x-amz-json-1.0" if name == "dynamodb" else "text/xml"
        try:
            status, body = 200, self.judge(entry, name, request, form, fault)
        except sigv4.Refusal as refusal:
            error = refusal.json_name if name == "dynamodb" else refusal.xml_name
            status, body = self.error(entry, name, error, refusal.words, 400 if name == "dynamodb" else 403)
        except Refused as refused:
            status, body = self.error(entry, name, refused.name, refused.words, refused.status or 400, fault.get("key", "message"))
        self.send(entry, status, kind, body, fault)

    def judge(self, entry, name, request, form, fault):
        if name != "sts":
            with STATE.lock:
                entry["key"] = sigv4.verify(request, STATE.keys, STATE.now(), STATE.region, name)
        if fault["mode"] == "error":
            raise Refused(fault["name"], fault.get("text", "as the test has it"), int(fault.get("status", 400)))
        if name == "sts":
            return sts(form)
        if name == "elasticache":
            return elasticache(form)
        answer = dynamodb(request)
        if fault["mode"] == "miscount":
            answer["Count"] += 1
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))

    def error(self, entry, name, error, words, status, key="message"):
        entry["error"] = error
        if name == "dynamodb":
            space = DYNAMO if error in OWN else "com.amazon.coral.validate#" if error == "ValidationException" else CORAL
            return status, json.dumps({"__type": space + error, key: words})
        parts = [element("Type", "Sender"), element("Code", error), element("Message", words)]
        text = '<ErrorResponse xmlns="%s">%s%s</ErrorResponse>' % (
            STS if name == "sts" else CACHE, element("Error", parts), element("RequestId", "b1f7d5c0"))
        return status, text

    def silence(self):
        while True:
            select.select([self.sock], [], [])
            self.more()

    def send(self, entry, status, kind, text, fault):
        mode = fault.get("mode", "none")
        text = fault["text"] if mode == "document" else '{"what": [is, this}' if mode == "garbage" else text
        status = 200 if mode in ("document", "garbage") else status
        body = text.encode()
        entry["status"] = status
        headers = {"Content-Type": kind, "Content-Length": len(body), "Date": email.utils.formatdate(STATE.now(), usegmt=True),
                   "x-amzn-RequestId": "B1F7D5C0", "Connection": "close" if mode == "oneshot" else "keep-alive"}
        if "json-1.0" in kind:
            headers["x-amz-crc32"] = binascii.crc32(body)
        head = ["HTTP/1.1 %d %s" % (status, "OK" if status == 200 else "Bad")]
        head += ["%s: %s" % pair for pair in headers.items()]
        self.sock.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        if mode == "drip":
            for byte in body:
                self.sock.sendall(bytes([byte]))
                time.sleep(float(fault.get("every", 1)))
        else:
            self.sock.sendall(body[:len(body) // 2] if mode == "truncated" else body)
        if mode in ("truncated", "oneshot"):
            raise Gone


class Control(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, text="", code=200):
        body = text.encode("utf-8", "surrogateescape")
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_one(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        action = getattr(self, "%s_%s" % (self.command.lower(), url.path[1:]), None)
        if action is None:
            return self.reply("no such control\n", 404)
        with STATE.lock:
            said = action(query, json.loads(body) if body else {})
        return self.reply("".join(line + "\n" for line in said or []))

    do_GET = do_PUT = do_DELETE = handle_one

    def put_table(self, query, body):
        name = query.get("name", "classic-proxy")
        STATE.older = STATE.tables.get(name, {})
        STATE.tables[name] = body

    def put_page(self, query, _):
        STATE.page = query

    def put_clusters(self, _, body):
        STATE.clusters = body

    def put_key(self, query, _):
        STATE.keys[query["id"]] = {"secret": query["secret"], "token": query.get("token"), "expires": None}

    def delete_key(self, query, _):
        STATE.keys.pop(query["id"], None)

    def put_region(self, query, _):
        STATE.region = query["name"]

    def put_clock(self, query, _):
        STATE.offset = float(query["offset"])

    def put_issue(self, query, _):
        STATE.issued = query

    def put_revoke(self, *_):
        STATE.keys = {name: key for name, key in STATE.keys.items() if not key.get("issued")}

    def put_container(self, query, _):
        STATE.container = query.get("token")

    def put_web_identity(self, query, _):
        STATE.web_identity = query

    def put_metadata(self, query, _):
        STATE.metadata.update(query)

    def put_fault(self, query, _):
        STATE.faults.append({**query, "left": int(query.get("count", -1))})

    def delete_fault(self, *_):
        STATE.faults = []

    def delete_stats(self, *_):
        STATE.requests = []

    def mine(self, query):
        return [entry for entry in STATE.requests if entry["what"].startswith(query.get("on", ""))]

    def get_count(self, query, _):
        return [str(len(self.mine(query)))]

    def get_requests(self, query, _):
        return ["%(what)s %(key)s %(status)s %(error)s" % entry for entry in self.mine(query)]

    def get_header(self, query, _):
        return [entry["request"].one(query["name"], "-") for entry in self.mine(query)]

    def get_bodies(self, query, _):
        return [entry["request"].body.decode("utf-8", "surrogateescape") for entry in self.mine(query)]


def main():
    words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    sigv4.self_test()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((words.get("--address", "127.0.0.1"), int(words.get("--port", 0))))
    listener.listen(128)
    control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Control)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    if "--tls" in words:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(words["--tls"] + ".pem", words["--tls"] + ".key")
    print(listener.getsockname()[1], control.server_port, flush=True)
    while True:
        sock, _ = listener.accept()
        if "--tls" in words:
            sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=Connection(sock).run, daemon=True).start()


if __name__ == "__main__":
    main()
