#!/usr/bin/env python3
"""One change after the other in a real Consul, and what each costs dill: see scale.sh.

    scale.py DILL CONSUL DIRECTORY ROUNDS SIZE...

Every figure is the median of the rounds. A change is over when it is in force and dill has been quiet for a moment; the
CPU time is that of all of dill's threads from the change until then.
"""
import atexit
import http.client
import json
import math
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

DILL, CONSUL, DIR, ROUNDS, SIZES = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), list(map(int, sys.argv[5:]))
AGENT, RELAY, STATUS, FIRST = 6500, 6510, 6511, 10000
NODES = 50
QUIET = 1        # seconds without CPU time after which dill is done
HEADER = ("change", "services", "in force ms", "dill CPU ms", "KB from Consul", "agent CPU ms")


# Consul


class Api:
    def __init__(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", AGENT, timeout=60)

    def put(self, path, body):
        self.connection.request("PUT", path, json.dumps(body))
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError("%s: %d %s" % (path, answer.status, text))

    def register(self, i, tags, status="passing"):
        """Service i, which stands at its node, with one check."""
        name, node = "svc-%05d" % i, "node-%02d" % (i % NODES)
        self.put("/v1/catalog/register", {
            "Node": node, "Address": "127.0.0.1", "SkipNodeUpdate": i >= NODES,
            "Service": {"ID": name, "Service": name, "Tags": tags, "Address": "127.0.0.1", "Port": 9},
            "Check": {"Node": node, "CheckID": "service:" + name, "Name": "check", "Status": status, "ServiceID": name}})

    def deregister(self, i):
        self.put("/v1/catalog/deregister", {"Node": "node-%02d" % (i % NODES), "ServiceID": "svc-%05d" % i})


def tags_of(i):
    return ["dill", "dill.listener=local:%d" % (FIRST + i)]


# Processes


def cpu_of(pid):
    """Seconds."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
                total += int(file.read().split()[0])
        except FileNotFoundError:
            pass
    return total / 1e9


def memory_of(pid):
    """Resident KB."""
    with open("/proc/%d/status" % pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def until(what, limit=120, nap=0.002):
    end = time.monotonic() + limit
    while not what():
        if time.monotonic() > end:
            sys.exit("scale: not within %d s" % limit)
        time.sleep(nap)


def opens(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def quiet(pid):
    """Waits until dill does nothing; returns its CPU time."""
    last, since = cpu_of(pid), time.monotonic()
    while time.monotonic() - since < QUIET:
        time.sleep(0.02)
        now = cpu_of(pid)
        if now - last > 0.0005:
            last, since = now, time.monotonic()
    return cpu_of(pid)


class Relay(threading.Thread):
    """Between dill and the agent; counts what comes from there."""

    def __init__(self):
        super().__init__(daemon=True)
        self.received = 0
        self.server = socket.create_server(("127.0.0.1", RELAY), backlog=64)
        self.start()

    def run(self):
        select = selectors.DefaultSelector()
        select.register(self.server, selectors.EVENT_READ, None)
        while True:
            for key, _ in select.select():
                if key.fileobj.fileno() < 0:    # its other side has just ended it
                    continue
                if key.data is None:
                    near = self.server.accept()[0]
                    try:
                        far = socket.create_connection(("127.0.0.1", AGENT))
                    except OSError:                 # between two agents
                        near.close()
                        continue
                    for sock in (near, far):        # or small answers wait for an acknowledgement, 40 ms each
                        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    select.register(near, selectors.EVENT_READ, (far, False))
                    select.register(far, selectors.EVENT_READ, (near, True))
                    continue
                other, counts = key.data
                try:
                    data = key.fileobj.recv(1 << 18)
                    self.received += len(data) if counts else 0
                    other.sendall(data)
                except OSError:
                    data = b""
                if not data:
                    for sock in (key.fileobj, other):
                        select.unregister(sock)
                        sock.close()


def start(*command, **how):
    process = subprocess.Popen(command, **how)
    atexit.register(process.kill)       # nothing, once it has been waited for
    return process


# Measuring


class World:
    def __init__(self, size, relay):
        self.size, self.relay, self.next = size, relay, size
        with open(DIR + "/consul.log", "w") as log:
            self.agent = start(
                CONSUL, "agent", "-dev", "-bind", "127.0.0.1", "-client", "127.0.0.1", "-node", "bench", "-log-level", "error",
                "-http-port", str(AGENT), "-server-port", str(AGENT + 1), "-serf-lan-port", str(AGENT + 2),
                "-serf-wan-port", "-1", "-dns-port", "-1", "-grpc-port", "-1", stdout=log, stderr=log)
        until(self.leads)
        self.api = Api()
        for i in range(size):
            self.api.register(i, tags_of(i))

    @staticmethod
    def leads():
        try:
            connection = http.client.HTTPConnection("127.0.0.1", AGENT, timeout=5)
            connection.request("GET", "/v1/catalog/nodes")
            return b"Address" in connection.getresponse().read()
        except OSError:
            return False

    def open_ports(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", STATUS, timeout=30)
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            return next(int(line.split()[1]) for line in text.splitlines() if line.startswith('dill_listeners{state="open"}'))
        except (OSError, StopIteration):
            return -1

    def start(self):
        environment = {"DILL_CONSUL_ADDRESS": "http://127.0.0.1:%d" % RELAY, "DILL_STATUS_LISTENER": "127.0.0.1:%d" % STATUS,
                       "DILL_LISTENERS_ALLOWED": "local=127.0.0.1", "DILL_LOG_LEVEL": "error"}
        before, begun, bytes_before = cpu_of(self.agent.pid), time.monotonic(), self.relay.received
        self.dill = start(DILL, env=environment, stderr=subprocess.DEVNULL)
        until(lambda: opens(STATUS))
        until(lambda: self.open_ports() >= self.size, nap=0.1)
        took = time.monotonic() - begun
        cpu = quiet(self.dill.pid)
        row(("start", self.size, took * 1e3, cpu * 1e3, (self.relay.received - bytes_before) / 1024,
             (cpu_of(self.agent.pid) - before) * 1e3))
        self.memory = memory_of(self.dill.pid)

    def measure(self, change, done):
        """Returns (ms until done, ms of dill, KB, ms of the agent)."""
        cpu, agent, received = quiet(self.dill.pid), cpu_of(self.agent.pid), self.relay.received
        begun = time.monotonic()
        change()
        until(done)
        took = time.monotonic() - begun
        return (took * 1e3, (quiet(self.dill.pid) - cpu) * 1e3, (self.relay.received - received) / 1024,
                (cpu_of(self.agent.pid) - agent) * 1e3)

    def registration(self):
        i = self.next
        self.next += 1
        return self.measure(lambda: self.api.register(i, tags_of(i)), lambda: opens(FIRST + i))

    def flap(self):
        """A check that fails, and passes again: what the second half costs."""
        self.api.register(0, tags_of(0), "critical")
        until(lambda: not opens(FIRST))
        return self.measure(lambda: self.api.register(0, tags_of(0)), lambda: opens(FIRST))

    def foreign(self):
        """Of a service without dill's tag; it is done at once."""
        i = self.next
        self.next += 1
        end = time.monotonic() + 1
        return self.measure(lambda: self.api.register(i, ["other"]), lambda: time.monotonic() > end)

    def stop(self):
        for process in (self.dill, self.agent):
            process.send_signal(signal.SIGTERM)
        for process in (self.dill, self.agent):
            process.wait(30)


def row(values):
    print("| " + " | ".join(v if isinstance(v, str) else "%d" % v if isinstance(v, int) else "%.3g" % v if v < 1000 else "%.0f" % v
                            for v in values) + " |", flush=True)


def main():
    relay, costs, memory = Relay(), {}, {}
    row(HEADER)
    row(["---"] * len(HEADER))
    for size in SIZES:
        world = World(size, relay)
        world.start()
        memory[size] = world.memory
        for name in ("registration", "flap", "foreign"):
            rounds = [getattr(world, name)() for _ in range(ROUNDS)]
            figures = [statistics.median(column) for column in zip(*rounds)]
            costs.setdefault(name, []).append(figures)
            row([name, size, "-" if name == "foreign" else figures[0]] + figures[1:])
        world.stop()
    if len(SIZES) > 1:
        print("\nGrowth with the size, as an exponent (0: none, 1: as the size):\n")
        for name, figures in costs.items():
            grows = [math.log(max(b, 1e-3) / max(a, 1e-3)) / math.log(SIZES[-1] / SIZES[0])
                     for a, b in zip(figures[0][1:], figures[-1][1:])]
            print("    %-13s dill CPU %.2f, bytes %.2f, agent CPU %.2f" % (name, *grows))
    print("\nResident KB once all ports are open: " + ", ".join("%d with %d" % (memory[s], s) for s in SIZES))


main()
