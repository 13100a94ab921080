#!/usr/bin/env python3
"""A DNS server that says what a file tells it to, the wrong things as well, over UDP and TCP.

    dns_server.py [ADDRESS:]PORT ZONE LOG

prints its port on one line (PORT 0: any free one). ZONE is read again when it changes. A line of it is a record or a rule:

    NAME TTL TYPE DATA...       TYPE is A, AAAA, CNAME, SRV (priority weight port target), SOA (minimum; NAME is a domain),
                                or TYPEnn with hexadecimal data
    NAME TTL TYPE FIRST-LAST    A: all addresses from the first to the last
    NAME ! TYPE RULE...         for questions of this name and TYPE; `*` is any. The first line that fits counts

An answer has the whole chain of CNAMEs. A name without records does not exist (NXDOMAIN), unless others end with it. The rules:

    silent servfail refused formerr notimp      what is answered; silent: nothing
    plain           with EDNS: FORMERR
    delay=MS        later
    loss=N          one query in N is not answered: the first, then each Nth
    swap            it is kept until the next question, and answered behind it
    cut             TC over UDP, as if the answer were long
    no-tcp          a TCP connection that asks this ends without an answer
    half            over TCP: half of the answer, then the end
    bytes           over TCP: byte by byte
    mixed           letters of the answer's names in the other case
    dnssec          RRSIG records between the others, and an NSEC
    reverse         the records in reverse order
    forged=KIND     before the true answer one with 192.0.2.66 in it and a wrong KIND: id, question, type, class, port (that it
                    comes from), address (likewise), query (it is a question); `many`: 64 NXDOMAIN with the next ids
    broken=KIND     in place of the answer one with the right id that cannot be read: count, pointer, loop, label, length, cut,
                    empty; with `once=1` the first time only

LOG has a line for each question: `MILLISECONDS udp|tcp edns|plain TYPE NAME ID PORT`.
"""
import heapq
import ipaddress
import os
import selectors
import socket
import struct
import sys
import time

TYPES = {"A": 1, "CNAME": 5, "SOA": 6, "AAAA": 28, "SRV": 33, "RRSIG": 46, "NSEC": 47}
NAMES = {number: name for name, number in TYPES.items()}
CODES = {"formerr": 1, "servfail": 2, "notimp": 4, "refused": 5}
ROOT_OPT = b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)


def encode(name):
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def decode(message, at):
    labels = []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    return ".".join(labels), at + 1


def record(name, kind, ttl, data):
    return encode(name) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def rdata(kind, words):
    if kind == "A":
        return socket.inet_aton(words[0])
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, words[0])
    if kind == "CNAME":
        return encode(words[0])
    if kind == "SRV":
        return struct.pack(">HHH", *map(int, words[:3])) + encode(words[3])
    if kind == "SOA":
        return encode("ns.test") + encode("root.test") + struct.pack(">IIIII", 1, 600, 600, 600, int(words[0]))
    return bytes.fromhex("".join(words))


class Zone:
    def __init__(self, path):
        self.path, self.stamp = path, None
        self.read()

    def read(self):
        try:
            stat = os.stat(self.path)
        except FileNotFoundError:
            return
        if self.stamp == (stat.st_mtime_ns, stat.st_ino):
            return
        self.stamp = (stat.st_mtime_ns, stat.st_ino)
        self.records, self.rules, self.soas, self.parents, self.counts = {}, [], {}, set(), {}
        with open(self.path) as file:
            for line in file:
                words = line.split()
                if words:
                    self.line(words)

    def line(self, words):
        name = words[0].lower().rstrip(".")
        if words[1] == "!":
            rules = dict(word.partition("=")[::2] for word in words[3:])
            self.rules.append((name, words[2], rules))
            return
        ttl, kind, data = int(words[1]), words[2], words[3:]
        number = TYPES.get(kind) or int(kind[4:])
        if kind == "SOA":
            self.soas[name] = (ttl, rdata(kind, data))
            return
        if kind == "A" and "-" in data[0]:
            first, last = (int(ipaddress.IPv4Address(word)) for word in data[0].split("-"))
            data = [str(ipaddress.IPv4Address(address)) for address in range(first, last + 1)]
        else:
            data = [" ".join(data)]
        for item in data:
            self.records.setdefault(name, []).append((number, ttl, rdata(kind, item.split())))
        while "." in name:
            name = name.partition(".")[2]
            self.parents.add(name)

    def rules_of(self, name, kind):
        for rule_name, rule_kind, rules in self.rules:
            if rule_name in ("*", name) and rule_kind in ("*", kind):
                return rules
        return {}

    def find(self, name, kind):
        """Records of the answer, and the response code."""
        found, name = [], name.lower()
        for _ in range(64):
            here = self.records.get(name)
            if here is None:
                return found, 0 if name in self.parents else 3, name
            chain = [item for item in here if item[0] == 5]
            found += [(name, *item) for item in (chain if chain and kind != 5 else here) if item[0] in (kind, 5)]
            if not chain or kind == 5:
                return found, 0, name
            name, _ = decode(chain[0][2], 0)
            name = name.lower()
        return found, 0, name

    def authority(self, name):
        while name not in self.soas:
            if "." not in name:
                return []
            name = name.partition(".")[2]
        return [(name, 6, *self.soas[name])]


class Question:
    def __init__(self, message, proto):
        self.id, flags, count = struct.unpack(">HHH", message[:6])
        if flags & 0x8000 or count != 1:
            raise ValueError("no question")
        self.name, at = decode(message, 12)
        self.type, self.class_ = struct.unpack(">HH", message[at:at + 4])
        self.raw, self.proto = message[12:at + 4], proto
        self.edns = bool(struct.unpack(">H", message[10:12])[0])
        self.room = struct.unpack(">H", message[at + 7:at + 9])[0] if self.edns else 512
        self.kind = NAMES.get(self.type, f"TYPE{self.type}")


def message(question, records, code=0, flags=0, authority=(), id_=None, raw=None):
    opt = ROOT_OPT if question.edns else b""
    head = struct.pack(">HHHHHH", question.id if id_ is None else id_, 0x8180 | flags | code, 1, len(records), len(authority),
                       len(opt) > 0)
    return head + (raw or question.raw) + b"".join(record(*item) for item in [*records, *authority]) + opt


def with_noise(found):
    noisy = []
    for item in found:
        covered = struct.pack(">HBBIII H", item[1], 13, 2, item[2], 2000000000, 1000000000, 4711) + encode("test") + b"\x5a" * 64
        noisy += [(item[0], 46, 1, covered), item, (item[0], 47, 1, encode("zz.test") + b"\0\x01\x40")]
    return noisy


def answer(zone, question, rules):
    for word, code in CODES.items():
        if word in rules:
            return message(question, [], code)
    if "plain" in rules and question.edns:
        return struct.pack(">HHHHHH", question.id, 0x8181, 0, 0, 0, 0)
    found, code, end = zone.find(question.name, question.type)
    authority = [] if any(item[1] == question.type for item in found) else zone.authority(end)
    if "dnssec" in rules:
        found = with_noise(found)
    if "reverse" in rules:
        found = found[::-1]
    if "mixed" in rules:
        found = [(item[0].swapcase(), *item[1:]) for item in found]
    reply = message(question, found, code, authority=authority)
    if question.proto == "udp" and ("cut" in rules or len(reply) > question.room):
        return message(question, [], 0, 0x0200)
    return reply


def forged(question, kind):
    """An answer that is wrong in one thing; where it comes from is the caller's."""
    data = socket.inet_aton("192.0.2.66") if question.type == 1 else rdata("AAAA", ["2001:db8::66"])
    if question.type == 33:
        data = rdata("SRV", ["0", "0", "66", "forged.test"])
    records, raw, id_, flags = [(question.name, question.type, 3600, data)], None, None, 0
    if kind == "id":
        id_ = question.id ^ 1
    elif kind == "question":
        raw = encode("x" + question.name) + question.raw[-4:]
    elif kind == "type":
        raw = question.raw[:-4] + struct.pack(">HH", question.type ^ 29, 1)
    elif kind == "class":
        raw = question.raw[:-2] + b"\0\x03"
    reply = message(question, records, 0, flags, (), id_, raw)
    return reply[:2] + bytes([reply[2] & 0x7f]) + reply[3:] if kind == "query" else reply


def broken(question, kind):
    body = question.raw
    head = struct.pack(">HHHHHH", question.id, 0x8180, 1, 1, 0, 0)
    tail = struct.pack(">HHIH", question.type, 1, 60, 4) + b"\xc0\0\x02\x42"
    at = 12 + len(body)
    return {
        "count": head[:6] + b"\xff\xff" + head[8:] + body + b"\xc0\x0c" + tail,
        "pointer": head + body + b"\xff\xff" + tail,
        "loop": head + body + struct.pack(">H", 0xc000 | at) + tail,
        "label": head + body + b"\x80abc\0" + tail,
        "length": head + body + b"\xc0\x0c" + tail[:8] + b"\0\xff" + tail[10:],
        "cut": (head + body + b"\xc0\x0c" + tail)[:-3],
        "empty": head[:4],
    }[kind]


class Server:
    def __init__(self, host, port, zone, log):
        self.host, self.zone, self.log = host, Zone(zone), open(log, "w", buffering=1)
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.udp, self.tcp = self.listen(port)
        self.other = socket.socket(self.family, socket.SOCK_DGRAM)
        self.other.bind(self.address(0))
        self.elsewhere = socket.socket(self.family, socket.SOCK_DGRAM)
        if self.family == socket.AF_INET and host.startswith("127."):
            self.elsewhere.bind(("127.66.6" + host[host.rindex("."):], self.port))
        self.selector, self.later, self.number, self.kept = selectors.DefaultSelector(), [], 0, []
        self.selector.register(self.udp, selectors.EVENT_READ, self.from_udp)
        self.selector.register(self.tcp, selectors.EVENT_READ, self.accept)

    def address(self, port):    # with the number of an IPv6 interface
        return socket.getaddrinfo(self.host, port)[0][4]

    def listen(self, port):
        for _ in range(100):
            udp = socket.socket(self.family, socket.SOCK_DGRAM)
            tcp = socket.socket(self.family, socket.SOCK_STREAM)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
                tcp.bind(self.address(port))
                self.port = tcp.getsockname()[1]
                udp.bind(self.address(self.port))
                tcp.listen(256)
                return udp, tcp
            except OSError:
                if port:
                    raise
                udp.close()
                tcp.close()
        raise OSError("no port is free")

    def after(self, delay, function, *args):
        self.number += 1
        heapq.heappush(self.later, (time.monotonic() + delay, self.number, function, args))

    def from_udp(self, _):
        for _ in range(256):
            try:
                data, peer = self.udp.recvfrom(4096, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                continue    # an ICMP error of an answer that nobody waited for
            self.ask(data, "udp", peer[1], lambda reply, peer=peer: self.udp.sendto(reply, peer), peer)

    def accept(self, _):
        sock, peer = self.tcp.accept()
        sock.settimeout(5)
        state = {"data": b"", "peer": peer}
        self.selector.register(sock, selectors.EVENT_READ, lambda sock: self.from_tcp(sock, state))

    def from_tcp(self, sock, state):
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.end(sock)
            return
        state["data"] += data
        while len(state["data"]) >= 2:
            length = struct.unpack(">H", state["data"][:2])[0]
            if len(state["data"]) < 2 + length:
                return
            query, state["data"] = state["data"][2:2 + length], state["data"][2 + length:]
            self.ask(query, "tcp", state["peer"][1], lambda reply: sock.sendall(struct.pack(">H", len(reply)) + reply), sock)

    def end(self, sock):
        try:
            self.selector.unregister(sock)
        except (KeyError, ValueError):
            return
        sock.close()

    def ask(self, data, proto, port, send, peer):
        try:
            question = Question(data, proto)
        except (ValueError, IndexError, struct.error) as error:
            print(f"not a question: {error}: {data.hex()}", file=sys.stderr)
            return
        self.zone.read()
        rules = self.zone.rules_of(question.name.lower(), question.kind)
        self.log.write(f"{time.time_ns() // 1000000} {proto} {'edns' if question.edns else 'plain'} {question.kind} "
                       f"{question.name} {question.id} {port}\n")
        self.obey(question, rules, send, peer)

    def first(self, question):
        key = (question.name, question.kind)
        self.zone.counts[key] = self.zone.counts.get(key, 0) + 1
        return self.zone.counts[key]

    def obey(self, question, rules, send, peer):
        count = self.first(question)
        if "silent" in rules or ("loss" in rules and count % int(rules["loss"]) == 1):
            return
        if question.proto == "udp" and "forged" in rules:
            self.forge(question, rules["forged"], peer)
        if "broken" in rules and (count == 1 or "once" not in rules):
            reply = broken(question, rules["broken"])
        else:
            reply = answer(self.zone, question, rules)
        if question.proto == "tcp":
            if self.odd_tcp(question, rules, reply, peer):
                return
        kept, self.kept = self.kept, []
        if "swap" in rules and not kept:
            self.kept = [lambda: self.send(send, reply)]
            return
        if "delay" in rules:
            self.after(int(rules["delay"]) / 1000, self.send, send, reply)
        else:
            self.send(send, reply)
        for function in kept:
            function()

    def odd_tcp(self, question, rules, reply, sock):
        whole = struct.pack(">H", len(reply)) + reply
        if "no-tcp" in rules:
            self.end(sock)
        elif "half" in rules:
            self.send(sock.sendall, whole[:len(whole) // 2])
            self.end(sock)
        elif "bytes" in rules:
            for i in range(len(whole)):
                self.after(i * 0.001, self.send, sock.sendall, whole[i:i + 1])
        else:
            return False
        return True

    def forge(self, question, kind, peer):
        if kind == "many":
            for i in range(64):
                self.udp.sendto(message(question, [], 3, 0, (), (question.id + i + 1) % 65536), peer)
            return
        sock = {"port": self.other, "address": self.elsewhere}.get(kind, self.udp)
        self.send(lambda reply: sock.sendto(reply, peer), forged(question, kind))

    @staticmethod
    def send(function, reply):
        try:
            function(reply)
        except OSError:
            pass    # who asked has gone

    def run(self):
        while True:
            wait = max(0, self.later[0][0] - time.monotonic()) if self.later else None
            for key, _ in self.selector.select(wait):
                key.data(key.fileobj)
            while self.later and self.later[0][0] <= time.monotonic():
                _, _, function, args = heapq.heappop(self.later)
                function(*args)


def main():
    where, zone, log = sys.argv[1:]
    host, _, port = where.rpartition(":")
    server = Server(host.strip("[]") or "127.0.0.1", int(port), zone, log)
    print(server.port, flush=True)
    server.run()


if __name__ == "__main__":
    main()
