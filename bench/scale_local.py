"""What size costs where no Consul is: tables, those who look, balancing, checks."""
import multiprocessing
import os
import socket
import statistics
import time

from scale_lib import DIR, STATUS, Table, answers, cpu_of, get, listening, memory_of, percentile, quiet, start, start_dill, stop, until

FIRST, PEEK, LOAD, BACKEND = 10000, 6512, "build/bench/load", 9000
MOST = 9900     # listeners, with 20,000 open files
LOOKS = "/metrics", "/routes", "/", "peek"


def write_routes(path, services):
    """All at once: `services` has (name, port, backends)."""
    with open(path + ".new", "w") as file:
        file.write('{"services":[\n' + ",\n".join(
            '{"name":"%s","listener":"local:%d","backends":[%s]}' % (name, port, ",".join('"%s"' % b for b in backends))
            for name, port, backends in services) + "\n]}\n")
    os.rename(path + ".new", path)


def routes_of(size, changed=None):
    """One listener each; that of the middle one has another port when it has changed."""
    for i in range(size):
        yield "svc-%05d" % i, FIRST + (changed if changed and i == size // 2 else i), ["127.0.0.1:9"]


def open_routes(size, **settings):
    path = DIR + "/routes.json"
    write_routes(path, routes_of(size))
    dill = start_dill(routing_file_path=path, **settings)
    until(lambda: listening(FIRST, FIRST + size - 1) >= size, nap=0.05)
    quiet(dill.pid)
    return path, dill


def table(sizes, rounds):
    """One listener of routing.file moves to another port."""
    out = Table("One change in routing.file", "change", "services", "in force ms", "CPU ms", "of the control plane",
                "of the source and workers", "resident KB")
    for size in sizes:
        size = min(size, MOST)
        path, dill = open_routes(size, runtime_threads=1)
        figures = []
        for k in range(rounds):
            port = FIRST + size + k
            cpu, control = quiet(dill.pid), cpu_of(dill.pid, dill.pid)
            write_routes(path, routes_of(size, size + k))
            written = time.monotonic()
            until(lambda p=port: listening(p, p))
            took = time.monotonic() - written
            cpu = quiet(dill.pid) - cpu
            control = cpu_of(dill.pid, dill.pid) - control
            figures.append((took * 1e3, cpu, control, cpu - control))
        out.row("port", size, *(statistics.median(column) for column in zip(*figures)), memory_of(dill.pid))
        stop(dill)
    out.exponents({1: "all", 2: "control plane", 3: "source and workers"})


def read_peek():
    with socket.create_connection(("127.0.0.1", PEEK), 60) as sock:
        text = b""
        while True:
            data = sock.recv(1 << 16)
            if not data:
                return text
            text += data


class Pauses:
    """How long the status server takes to answer a small question meanwhile. A process asks: a thread would wait for ours."""

    def __init__(self):
        self.over, self.longest = multiprocessing.Event(), multiprocessing.Value("d", 0)
        self.process = multiprocessing.Process(target=self.ask, daemon=True)
        self.process.start()

    def ask(self):
        while not self.over.is_set():
            begun = time.monotonic()
            answers("/status", STATUS)
            self.longest.value = max(self.longest.value, (time.monotonic() - begun) * 1e3)
            time.sleep(0.001)

    def end(self):
        """The longest, in ms."""
        self.over.set()
        self.process.join()
        return self.longest.value


def look(sizes, rounds):
    """Everything is read once; a line is a series, a listener or a row."""
    out = Table("Those who look", "what", "listeners", "KB", "lines", "CPU ms", "CPU µs a line", "longest wait of another ms")
    for size in sizes:
        size = min(size, MOST)
        _, dill = open_routes(size, runtime_threads=1, peek_listener="127.0.0.1:%d" % PEEK)
        for what in LOOKS:
            figures = []
            for _ in range(rounds):
                cpu = quiet(dill.pid)
                text = read_peek() if what == "peek" else get(what)
                figures.append(quiet(dill.pid) - cpu)
            lines, cost = text.count(b"\n"), statistics.median(figures)
            pauses = Pauses()
            for _ in range(rounds):
                _ = read_peek() if what == "peek" else get(what)
            out.row(what, size, len(text) / 1024, lines, cost, cost * 1e3 / lines, pauses.end())
        stop(dill)


def addresses(count):
    """So many backends, all of which one process serves."""
    return ["127.%d.%d.%d:%d" % (1 + i // 62500, i // 250 % 250, i % 250 + 1, BACKEND) for i in range(count)]


def open_backends(count, **settings):
    path = DIR + "/routes.json"
    write_routes(path, [("all", FIRST, addresses(count))])
    dill = start_dill(routing_file_path=path, runtime_threads=1, **settings)
    until(lambda: listening(FIRST, FIRST))
    quiet(dill.pid)
    return dill


def load(*words):
    """Figures of a run of load."""
    process = start(LOAD, *words, stdout=-1, text=True)
    text = process.communicate(timeout=120)[0]
    return {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if len(line.split()) == 2}


def balance(sizes, rounds):
    """New connections to one listener, by how many backends it has."""
    out = Table("CPU of a connection in µs, by strategy", "strategy", "backends", "median", "least")
    for name in ("round_robin", "random", "p2c", "least_conn"):
        for size in sizes:
            dill = open_backends(size, proxy_balance=name)
            figures = [load("connrate", "conns=32", "time=1", "to=127.0.0.1:%d" % FIRST, "serve=0.0.0.0:%d" % BACKEND,
                            "pid=%d" % dill.pid)["cpu_us"] for _ in range(min(rounds, 5))]
            out.row(name, size, statistics.median(figures), min(figures))
            stop(dill)
    out.exponents({0: "CPU"})


def checks(sizes, _):
    """Active checks of all backends, every 5 s."""
    seconds = 20
    out = Table("Active checks, each backend every 5 s", "what", "backends", "CPU, % of a core", "CPU µs a check", "resident KB")
    for size in sizes:
        server = start(LOAD, "connrate", "serve=0.0.0.0:%d" % BACKEND)
        until(lambda: listening(BACKEND, BACKEND))
        dill = open_backends_checked(size)
        time.sleep(6)
        cpu = cpu_of(dill.pid)
        time.sleep(seconds)
        cpu = (cpu_of(dill.pid) - cpu) / seconds
        out.row("connect", size, cpu / 10, cpu * 1e3 / (size / 5), memory_of(dill.pid))
        stop(dill, server)


def open_backends_checked(size):
    path = DIR + "/routes.json"
    write_routes(path, [("all", FIRST, addresses(size))])
    dill = start_dill(routing_file_path=path, runtime_threads=1, health_enabled="true", health_interval="5s")
    until(lambda: listening(FIRST, FIRST))
    return dill
