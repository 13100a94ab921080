"""One change after the other in Consul, and what each costs dill."""
import http.client
import json
import selectors
import socket
import socketserver
import statistics
import subprocess
import sys
import threading
import time

from scale_lib import (DIR, Table, answers, cpu_of, listening, memory_of, percentile, quiet, start, start_dill, stop, until)

AGENT, RELAY, FIRST = 6500, 6510, 10000
PORTS = 9000    # listeners, at most: services beyond share them, for open files are limited
BACKENDS = 6520, 6521
NODES = 50
AT_ONCE = 200   # names; of fewer all are read again at each ring
BELLS = b"/v1/catalog/services", b"/v1/catalog/nodes", b"/v1/health/state/"


class Api:
    def __init__(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", AGENT, timeout=60)

    def put(self, path, body):
        self.connection.request("PUT", path, json.dumps(body))
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError("%s: %d %s" % (path, answer.status, text))

    def register(self, i, tags, status="passing", number=0, backend=0):
        """An instance of service i, which stands at its node, with one check, or none."""
        name, node = "svc-%05d" % i, "node-%02d" % ((i + number) % NODES)
        said = {"Node": node, "Address": "127.0.0.1", "SkipNodeUpdate": i >= NODES,
                "Service": {"ID": "%s-%d" % (name, number), "Service": name, "Tags": tags, "Address": "127.0.0.1",
                            "Port": BACKENDS[backend]}}
        if status:
            said["Check"] = {"Node": node, "CheckID": "service:%s-%d" % (name, number), "Name": "check", "Status": status,
                             "ServiceID": "%s-%d" % (name, number)}
        self.put("/v1/catalog/register", said)

    def deregister(self, i, number=0):
        name = "svc-%05d" % i
        self.put("/v1/catalog/deregister", {"Node": "node-%02d" % ((i + number) % NODES), "ServiceID": "%s-%d" % (name, number)})


def tags_of(port):
    return ["dill", "dill.listener=local:%d" % port]


def opens(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def leads_to(port):
    """The backend that a client of the port gets: 0, 1, or nothing."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as sock:
            return int(sock.recv(1) or b"9")
    except OSError:
        return None


class Backend(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self, which):
        class Tell(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.sendall(b"%d" % which)
        super().__init__(("127.0.0.1", BACKENDS[which]), Tell)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Link:
    """One connection of dill to Consul. A bell's connection asks for nothing else."""

    def __init__(self, near, far):
        self.near, self.far, self.seen, self.bell = near, far, b"", False
        for sock in (near, far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Relay(threading.Thread):
    """Between dill and the agent: counts requests, and bytes of the bells' answers and of all others."""

    def __init__(self):
        super().__init__(daemon=True)
        self.bells = self.others = self.requests = 0
        self.server = socket.create_server(("127.0.0.1", RELAY), backlog=64)
        self.start()

    def counts(self):
        return self.bells / 1024, self.others / 1024, self.requests

    def look(self, link, data):
        text = link.seen + data
        self.requests += text.count(b"\r\n\r\n")
        at = text.rfind(b"GET ")
        if at >= 0:
            link.bell = text.startswith(BELLS, at + 4)
        link.seen = text[text.rfind(b"\r\n\r\n") + 4:] if b"\r\n\r\n" in text else text

    def connect(self, select):
        near = self.server.accept()[0]
        try:
            link = Link(near, socket.create_connection(("127.0.0.1", AGENT)))
        except OSError:                 # between two agents
            near.close()
            return
        select.register(link.near, selectors.EVENT_READ, link)
        select.register(link.far, selectors.EVENT_READ, link)

    def move(self, select, sock, link):
        other = link.far if sock is link.near else link.near
        try:
            data = sock.recv(1 << 18)
            if sock is link.near:
                self.look(link, data)
            elif link.bell:
                self.bells += len(data)
            else:
                self.others += len(data)
            other.sendall(data)
        except OSError:
            data = b""
        if not data:
            for end in (link.near, link.far):
                select.unregister(end)
                end.close()

    def run(self):
        select = selectors.DefaultSelector()
        select.register(self.server, selectors.EVENT_READ, None)
        while True:
            for key, _ in select.select():
                if key.fileobj.fileno() < 0:    # its other side has just ended it
                    continue
                if key.data is None:
                    self.connect(select)
                else:
                    self.move(select, key.fileobj, key.data)


def agent_of(consul):
    if not consul:
        return start(sys.executable, "bench/consul.py", str(AGENT), stdout=subprocess.DEVNULL)
    log = open(DIR + "/consul.log", "w")
    return start(consul, "agent", "-dev", "-bind", "127.0.0.1", "-client", "127.0.0.1", "-node", "bench", "-log-level", "error",
                 "-http-port", str(AGENT), "-server-port", str(AGENT + 1), "-serf-lan-port", str(AGENT + 2),
                 "-serf-wan-port", "-1", "-dns-port", "-1", "-grpc-port", "-1", stdout=log, stderr=log)


class World:
    """So many services on 50 nodes, and a dill that watches them. Without a path to consul the agent is a made-up one."""

    def __init__(self, size, relay, consul):
        self.size, self.relay, self.next, self.ports = size, relay, size, min(size, PORTS)
        self.agent = agent_of(consul)
        until(lambda: answers("/v1/catalog/nodes", AGENT).startswith(b"["))
        time.sleep(1)
        self.api = Api()
        for i in range(size):
            self.api.register(i, tags_of(FIRST + i % self.ports))

    def start(self):
        before, agent, begun = self.relay.counts(), cpu_of(self.agent.pid), time.monotonic()
        self.dill = start_dill(consul_address="http://127.0.0.1:%d" % RELAY)
        until(lambda: listening(FIRST, FIRST + self.ports - 1) >= self.ports, nap=0.05)
        took = (time.monotonic() - begun) * 1e3
        cpu = quiet(self.dill.pid)
        self.memory = memory_of(self.dill.pid)
        idle, since = cpu_of(self.agent.pid), time.monotonic()
        agent = idle - agent
        time.sleep(3)
        self.idle = (cpu_of(self.agent.pid) - idle) / (time.monotonic() - since)    # ms a second
        after = self.relay.counts()
        return [took, cpu] + [b - a for a, b in zip(before, after)] + [agent]

    def measure(self, change, done, nap=0.002):
        """Returns ms until done, ms of dill, KB of the bells and of all else, requests, ms of the agent beyond idle."""
        cpu, agent, before, begun = quiet(self.dill.pid), cpu_of(self.agent.pid), self.relay.counts(), time.monotonic()
        change()
        told = time.monotonic()
        until(done, nap=nap)
        took = (time.monotonic() - told) * 1e3
        cpu = quiet(self.dill.pid) - cpu
        counts = [b - a for a, b in zip(before, self.relay.counts())]
        return [took, cpu] + counts + [cpu_of(self.agent.pid) - agent - self.idle * (time.monotonic() - begun)]

    def fresh(self):
        """The number of one more service, and a port for it."""
        self.next += 1
        return self.next - 1, FIRST + self.ports + self.next - 1 - self.size

    def registration(self):
        i, port = self.fresh()
        return self.measure(lambda: self.api.register(i, tags_of(port)), lambda: opens(port))

    def flap(self):
        """A check that fails, and passes again: what the second half costs."""
        self.api.register(0, tags_of(FIRST), "critical")
        until(lambda: not opens(FIRST))
        return self.measure(lambda: self.api.register(0, tags_of(FIRST)), lambda: opens(FIRST))

    def one_more(self, *states):
        """One more instance of a service that is routed, whose check is in these states, one after the other."""
        def come():
            for i, state in enumerate(states):
                if i:
                    quiet(self.dill.pid)
                self.api.register(1, tags_of(FIRST + 1), state, number=1, backend=1)
        self.api.register(1, tags_of(FIRST + 1))
        figures = self.measure(come, lambda: leads_to(FIRST + 1) == 1, 0.005)
        self.api.deregister(1, 1)
        until(lambda: all(leads_to(FIRST + 1) == 0 for _ in range(4)), nap=0.05)
        return figures

    def instance(self):
        """As agents register one: its check fails until it has run."""
        return self.one_more("critical", "passing")

    def instance_that_passes(self):
        """At once: nothing in Consul points at it."""
        return self.one_more("passing")

    def tags(self):
        port = self.fresh()[1]
        return self.measure(lambda: self.api.register(2, tags_of(port)), lambda: opens(port))

    def port(self):
        """That of a service without a check: nothing in Consul points at it."""
        self.api.register(3, tags_of(FIRST + 3), backend=0)
        until(lambda: leads_to(FIRST + 3) == 0, nap=0.05)
        return self.measure(lambda: self.api.register(3, tags_of(FIRST + 3), None, backend=1),
                            lambda: leads_to(FIRST + 3) == 1, 0.005)

    def foreign(self):
        """A service without dill's tag, which is done at once."""
        i = self.fresh()[0]
        return self.measure(lambda: self.api.register(i, ["other"]), lambda: True)

    def churn(self, seconds, change):
        """A foreign change each second. Returns the dill and agent's ms, and KB, of a second."""
        quiet(self.dill.pid)
        cpu, agent, before, begun = cpu_of(self.dill.pid), cpu_of(self.agent.pid), self.relay.counts(), time.monotonic()
        for i in range(seconds):
            change(i)
            time.sleep(max(0, begun + i + 1 - time.monotonic()))
        took = time.monotonic() - begun
        counts = [b - a for a, b in zip(before, self.relay.counts())]
        return [(cpu_of(self.dill.pid) - cpu) / took, (counts[0] + counts[1]) / took, counts[2] / took,
                (cpu_of(self.agent.pid) - agent) / took - self.idle]

    def stop(self):
        stop(self.dill, self.agent)


def beyond_bounds(kind, size, besides, requests):
    """Of what no other bell points at, the list of one node is read, 800 bytes a service at most."""
    if kind in ("instance_that_passes", "port"):
        return besides > 8 + 0.8 * size / NODES or requests > 12
    return besides > 64 or requests > 8


KINDS = ("registration", "flap", "instance", "tags", "instance_that_passes", "port", "foreign")


def consul(binary, sizes, rounds, seconds, check=False):
    """The cost of one change, of a start, and of foreign changes each second. check: exits with 1 when a change makes more
    requests, or brings more bytes, than it may."""
    relay, memory, bad = Relay(), {}, False
    backends = [Backend(i) for i in range(2)]
    table = Table("One change in %s" % ("a real agent" if binary else "a made-up agent"), "change", "services", "in force ms",
                  "p95 ms", "dill CPU ms", "KB of bells", "KB besides", "requests", "agent CPU ms")
    steady = []
    for size in sizes:
        world = World(size, relay, binary)
        took, *rest = world.start()
        table.row("start", size, took, "-", *rest)
        memory[size] = world.memory
        took, *rest = world.instance_that_passes()      # once: all nodes are listed, and from then on waited for
        table.row("first_that_passes", size, took, "-", *rest)
        for kind in KINDS:
            figures = [getattr(world, kind)() for _ in range(rounds)]
            median = [max(0.0, statistics.median(column)) for column in zip(*figures)]
            table.row(kind, size, *(("-", "-") if kind == "foreign" else
                                    (median[0], percentile([f[0] for f in figures], 0.95))), *median[1:])
            if check and size >= AT_ONCE and beyond_bounds(kind, size, *median[3:5]):
                print("scale: %s with %d services: %d KB besides the bells' answers, %d requests" %
                      (kind, size, median[3], median[4]), file=sys.stderr)
                bad = True
        if seconds:
            i = world.fresh()[0]
            steady.append(("new names", size, world.churn(seconds, lambda _, w=world: w.api.register(w.fresh()[0], ["other"]))))
            steady.append(("one name", size, world.churn(
                seconds, lambda k, w=world, i=i: w.api.register(i, ["other"], None, backend=k % 2))))
        world.stop()
    table.exponents({2: "dill CPU", 3: "bells", 4: "besides", 6: "agent CPU"})
    if steady:
        table = Table("A foreign change each second, for %d s; of a second" % seconds, "change", "services", "dill CPU ms", "KB",
                      "requests", "agent CPU ms beyond idle")
        for name, size, figures in steady:
            table.row(name, size, *figures)
    print("\nResident KB once all ports are open: " + ", ".join("%d with %d" % (memory[s], s) for s in sizes))
    for backend in backends:
        backend.shutdown()
        backend.server_close()
    if bad:
        sys.exit(1)
