"""What the parts of scale.py have in common: processes and what they cost, waiting, tables."""
import atexit
import http.client
import math
import os
import subprocess
import sys
import time

DILL, DIR = sys.argv[1], sys.argv[2]
STATUS = 6511
LISTENING = "0A"
QUIET = 0.5     # seconds without CPU time after which a process is done


def start(*command, **how):
    process = subprocess.Popen(command, **how)
    atexit.register(process.kill)       # nothing, once it has been waited for
    return process


def start_dill(**settings):
    environment = {"DILL_STATUS_LISTENER": "127.0.0.1:%d" % STATUS, "DILL_LISTENERS_ALLOWED": "local=127.0.0.1",
                   "DILL_LOG_LEVEL": "error", "DILL_HEALTH_ENABLED": "false"}
    environment.update({"DILL_" + key.upper(): str(value) for key, value in settings.items()})
    return start(DILL, env=environment, stderr=subprocess.DEVNULL)


def stop(*processes):
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(30)


def cpu_of(pid, thread=None):
    """Milliseconds, of all threads or of one."""
    total = 0
    for task in [str(thread)] if thread else os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
                total += int(file.read().split()[0])
        except FileNotFoundError:
            pass
    return total / 1e6


def children_of(pid):
    return [int(child) for child in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()]


def cpu_of_all(pid):
    """The same, of a process and its children."""
    return cpu_of(pid) + sum(cpu_of(child) for child in children_of(pid) if os.path.exists("/proc/%d" % child))


def memory_of(pid):
    """Resident KB."""
    with open("/proc/%d/status" % pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def listening(first, last):
    """How many ports from `first` to `last` somebody listens on."""
    with open("/proc/net/tcp") as file:
        rows = [line.split(None, 4) for line in file]
    return sum(row[3] == LISTENING and first <= int(row[1][-4:], 16) <= last for row in rows)


def until(what, limit=120, nap=0.002):
    end = time.monotonic() + limit
    while not what():
        if time.monotonic() > end:
            sys.exit("scale: not within %d s" % limit)
        time.sleep(nap)


def quiet(pid, cpu=cpu_of):
    """Waits until the process does nothing; returns its CPU time."""
    last, since = cpu(pid), time.monotonic()
    while time.monotonic() - since < QUIET:
        time.sleep(0.02)
        now = cpu(pid)
        if now - last > 0.3:
            last, since = now, time.monotonic()
    return cpu(pid)


def get(path, port=STATUS):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    return connection.getresponse().read()


def answers(path, port):
    try:
        return get(path, port)
    except (OSError, http.client.HTTPException):
        return b""


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, math.ceil(part * len(values)) - 1)]


def show(value):
    if isinstance(value, str):
        return value
    return "%d" % value if isinstance(value, int) or value >= 1000 else "%.3g" % value


class Table:
    """A table in Markdown, row by row, and what its columns grow with."""

    def __init__(self, title, *columns):
        print("\n%s\n" % title)
        self.rows = []
        self.put(columns)
        self.put(["---"] + ["--:"] * (len(columns) - 1))

    @staticmethod
    def put(values):
        print("| " + " | ".join(map(show, values)) + " |", flush=True)

    def row(self, name, size, *values):
        self.rows.append((name, size, values))
        self.put((name, size) + values)
        with open(DIR + "/rows.tsv", "a") as file:
            print(name, size, *values, sep="\t", file=file)

    def exponents(self, names):
        """How the columns called so grow with the size: 0, not at all; 1, as the size."""
        print("\nGrowth with the size, as an exponent (0: none, 1: as the size), fitted over all sizes:\n")
        for name in dict.fromkeys(name for name, _, _ in self.rows):
            rows = [(size, values) for row_name, size, values in self.rows if row_name == name]
            if len(rows) > 1:
                grows = ["%s %.2f" % (title, fit([(size, values[column]) for size, values in rows]))
                         for column, title in names.items() if not any(isinstance(values[column], str) for _, values in rows)]
                print("    %-22s %s" % (name, ", ".join(grows)))


def fit(points):
    """The slope of a line through the logarithms; what is next to nothing counts as such."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(max(y, 0.05)) for _, y in points]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys)) / sum((a - x) ** 2 for a in xs)
