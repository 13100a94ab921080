#!/usr/bin/env python3
"""Measures dill against a real Consul agent, or the fake Nomad, and prints figures; nothing passes or fails here.

    tests/latency.py [--nomad] [--dill PATH] [--samples 100] [--gap 1.0] [--burst 300] [--idle 60] [--listeners 1000]

(a) a service is registered -> the first connection through dill is accepted and answered: p50, p95, max of `samples`
(b) `burst` services registered one after the other at full speed -> all their ports accept, from the last answer
(c) processor time of dill over `idle` seconds in which nothing changes, and the requests to Nomad
(d) resident memory of dill with 1 and with `listeners` listeners

A figure whose number is given as 0 is left out. The consul binary is the one that tests/tools/get-consul.sh finds.
"""

import argparse
import atexit
import glob
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FIRST_PORT = 2500  # test.sh has those above 12000


class Consul:
    key = "DILL_CONSUL_ADDRESS"

    def __init__(self, binary, port, directory):
        self.port, self.address = port, port
        self.log = open(os.path.join(directory, "consul.log"), "w")
        self.process = subprocess.Popen(
            [binary, "agent", "-dev", "-bind", "127.0.0.1", "-log-level", "warn", "-http-port", str(port),
             "-server-port", str(port + 1), "-serf-lan-port", str(port + 2), "-serf-wan-port", "-1",
             "-dns-port", "-1", "-grpc-port", "-1"], stdout=self.log, stderr=self.log)
        atexit.register(self.process.kill)
        self.kept = None
        self.wait()

    def wait(self):
        for _ in range(500):
            try:
                if b"Address" in self.request("GET", "/v1/catalog/nodes"):
                    return
            except (OSError, http.client.HTTPException):
                self.kept = None
            time.sleep(0.02)
        sys.exit("Consul did not start")

    def request(self, method, path, body=None):
        if self.kept is None:
            self.kept = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        self.kept.request(method, path, body)
        return self.kept.getresponse().read()

    def register(self, name, port, listener):
        self.request("PUT", "/v1/agent/service/register", json.dumps(
            {"Name": name, "Port": port, "Tags": ["dill", "dill.listener=local:%d" % listener]}))

    def requests(self):
        return None

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Nomad(Consul):
    """tests/tools/fake_nomad.py; requests go to its control."""
    key = "DILL_ROUTING_NOMAD_ADDRESS"

    def __init__(self, _binary, port, directory):
        self.log = open(os.path.join(directory, "nomad.log"), "w")
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "tools", "fake_nomad.py"), "--port", str(port)],
                                        stdout=subprocess.PIPE, stderr=self.log, universal_newlines=True)
        atexit.register(self.process.kill)
        self.address, self.port = (int(word) for word in self.process.stdout.readline().split())
        self.kept, self.services = None, {}

    def register(self, name, port, listener):
        self.services[name] = [{"Port": port, "Tags": ["dill", "dill.listener=local:%d" % listener]}]
        self.request("PUT", "/services", json.dumps(self.services))

    def requests(self):
        return int(self.request("GET", "/count"))


class Dill:
    def __init__(self, binary, consul, directory):
        self.peek_port = consul.address + 3
        self.log = open(os.path.join(directory, "dill.log"), "a")
        environment = {consul.key: "http://127.0.0.1:%d" % consul.address,
                       "DILL_PEEK_LISTENER": "127.0.0.1:%d" % self.peek_port}
        self.process = subprocess.Popen([binary], env=environment, stderr=self.log)
        atexit.register(self.process.kill)
        for _ in range(500):
            if connects(self.peek_port):
                return
            time.sleep(0.01)
        sys.exit("dill did not start")

    def peek(self):
        with socket.create_connection(("127.0.0.1", self.peek_port), timeout=10) as sock:
            return b"".join(iter(lambda: sock.recv(65536), b"")).decode()

    def wait_for_listeners(self, count):
        for _ in range(6000):
            if sum(line.startswith("127.0.0.1:") and "cannot" not in line for line in self.peek().split("\n")) == count:
                return
            time.sleep(0.01)
        sys.exit("dill did not open %d listeners" % count)

    def cpu_seconds(self):
        total = 0
        for name in glob.glob("/proc/%d/task/*/schedstat" % self.process.pid):
            with open(name) as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def memory_kb(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            return int([line for line in file if line.startswith("VmRSS")][0].split()[1])

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=15)
        self.log.close()
        if code != 0:
            print("dill exited with %d" % code)


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    except ConnectionRefusedError:
        return False


def answers(port):
    """A connection is accepted and the backend's line comes through it."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            return sock.recv(10) != b""
    except (ConnectionRefusedError, ConnectionResetError):
        return False


def backend():
    """A server that says a line and closes; returns its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)

    def run():
        while True:
            sock, _ = listener.accept()
            sock.sendall(b"hello\n")
            sock.close()

    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()[1]


def single(consul, port, samples, gap):
    times = []
    for number in range(samples):
        time.sleep(gap * random.uniform(0.8, 1.2))
        listener = FIRST_PORT + number
        start = time.monotonic()
        consul.register("single-%d" % number, port, listener)
        while not answers(listener):
            time.sleep(0.0005)
            if time.monotonic() - start > 30:
                sys.exit("port %d did not open" % listener)
        times.append((time.monotonic() - start) * 1000)
    times.sort()
    print("register -> first connection answered, %d samples: p50 %.1f ms, p95 %.1f ms, max %.1f ms"
          % (samples, times[len(times) // 2], times[int(len(times) * 0.95) - 1], times[-1]), flush=True)


def burst(consul, port, count):
    first = FIRST_PORT + 2000
    start = time.monotonic()
    for number in range(count):
        consul.register("burst-%d" % number, port, first + number)
    registered = time.monotonic()
    for number in range(count):
        while not connects(first + number):
            time.sleep(0.001)
            if time.monotonic() - registered > 60:
                sys.exit("port %d did not open" % (first + number))
    print("%d services registered in %.2f s -> all ports accept %.2f s after the last"
          % (count, registered - start, time.monotonic() - registered), flush=True)


def idle(dill, consul, seconds):
    time.sleep(3)
    asked, before = consul.requests(), dill.cpu_seconds()
    time.sleep(seconds)
    used = dill.cpu_seconds() - before
    if asked is not None:
        print("idle: %d requests in %d s" % (consul.requests() - asked, seconds))
    print("idle: %.1f ms of processor time in %d s, %.4f %% of a core" % (used * 1000, seconds, used / seconds * 100),
          flush=True)


def memory(binary, consul, port, count, directory):
    consul.register("memory-0", port, FIRST_PORT)
    dill = Dill(binary, consul, directory)
    dill.wait_for_listeners(1)
    time.sleep(2)
    small = dill.memory_kb()
    for number in range(1, count):
        consul.register("memory-%d" % number, port, FIRST_PORT + number)
    dill.wait_for_listeners(count)
    time.sleep(3)
    grown = dill.memory_kb()
    dill.stop()
    dill = Dill(binary, consul, directory)
    dill.wait_for_listeners(count)
    time.sleep(3)
    print("resident memory: %d kB with 1 listener, %d kB after growing to %d, %d kB when started with %d"
          % (small, grown, count, dill.memory_kb(), count), flush=True)
    dill.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nomad", action="store_true")
    parser.add_argument("--dill", default=os.path.join(HERE, "..", "dill"))
    for name, value, kind in (("samples", 100, int), ("gap", 1.0, float), ("burst", 300, int), ("idle", 60, int),
                              ("listeners", 1000, int)):
        parser.add_argument("--" + name, type=kind, default=value)
    options = parser.parse_args()
    agent = Nomad if options.nomad else Consul
    binary = options.nomad or subprocess.run([os.path.join(HERE, "tools", "get-consul.sh")], check=True, stdout=subprocess.PIPE,
                            universal_newlines=True).stdout.strip()
    directory = tempfile.mkdtemp(prefix="dill-latency.")
    port = backend()
    running = []
    try:
        if options.samples or options.burst or options.idle:
            consul = agent(binary, 19600, directory)
            running.append(consul)
            dill = Dill(options.dill, consul, directory)
            running.append(dill)
            if options.samples:
                single(consul, port, options.samples, options.gap)
            if options.burst:
                burst(consul, port, options.burst)
            if options.idle:
                idle(dill, consul, options.idle)
            running.pop().stop()
            running.pop().stop()
        if options.listeners:
            consul = agent(binary, 19600, directory)
            running.append(consul)
            memory(options.dill, consul, port, options.listeners, directory)
    finally:
        for thing in reversed(running):
            thing.stop()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
