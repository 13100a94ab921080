"""The same change in HAProxy and nginx: a server more at run time, a listener more by a reload."""
import os
import shutil
import socket
import statistics

from scale_lib import DIR, Table, children_of, cpu_of, cpu_of_all, listening, memory_of, quiet, start, stop, until

FIRST = 10000


def ask_haproxy(path, *commands):
    for command in commands:
        with socket.socket(socket.AF_UNIX) as sock:
            until(lambda s=sock: s.connect_ex(path) == 0)
            sock.sendall(command.encode() + b"\n")
            sock.recv(4096)


def haproxy_config(size, listeners):
    with open(DIR + "/haproxy.cfg", "w") as file:
        file.write("global\n    nbthread 1\n    stats socket %s/haproxy.sock level admin expose-fd listeners\n"
                   "defaults\n    mode tcp\n    timeout connect 3s\n    timeout client 1h\n    timeout server 1h\n" % DIR)
        if not listeners:
            file.write("listen all\n    bind 127.0.0.1:%d\n    balance roundrobin\n" % FIRST)
        for i in range(size):
            if listeners:
                file.write("listen l%d\n    bind 127.0.0.1:%d\n" % (i, FIRST + i))
            file.write("    server s%d 127.0.0.1:9\n" % i)


def server_added(size, rounds):
    """HAProxy's runtime API: `add server`, and `enable server`."""
    haproxy_config(size, False)
    process = start("haproxy", "-db", "-q", "-f", DIR + "/haproxy.cfg", stderr=-3)
    until(lambda: listening(FIRST, FIRST))
    figures = []
    for k in range(rounds):
        cpu = quiet(process.pid, cpu_of_all)
        ask_haproxy(DIR + "/haproxy.sock", "experimental-mode on; add server all/n%d 127.0.0.1:9" % k,
                    "enable server all/n%d" % k)
        figures.append(quiet(process.pid, cpu_of_all) - cpu)
    memory = memory_of(process.pid)
    stop(process)
    return statistics.median(figures), memory


def reloaded(size, rounds, begin, reload):
    """CPU of the process that gets the new configuration, and of its children, until it is quiet."""
    figures = []
    for _ in range(min(rounds, 3)):
        old = begin(size)
        until(lambda: listening(FIRST, FIRST + size - 1) >= size, nap=0.02)
        quiet(old.pid, cpu_of_all)
        first = cpu_of(old.pid)
        new = reload(old, size + 1)
        until(lambda: listening(FIRST + size, FIRST + size), nap=0.02)
        last = new or old
        cost = quiet(last.pid, cpu_of_all) - (0 if new else first)
        memory = sum(map(memory_of, [last.pid] + children_of(last.pid)))
        stop(last)
        old.wait(30)
        figures.append((cost, memory))
    return [statistics.median(column) for column in zip(*figures)]


def begin_haproxy(size):
    haproxy_config(size, True)
    return start("haproxy", "-db", "-q", "-f", DIR + "/haproxy.cfg", stderr=-3)


def reload_haproxy(old, size):
    """A new process takes the sockets from the old one, which then ends: what -sf does."""
    haproxy_config(size, True)
    return start("haproxy", "-db", "-q", "-f", DIR + "/haproxy.cfg", "-x", DIR + "/haproxy.sock", "-sf", str(old.pid), stderr=-3)


def nginx_config(size):
    with open(DIR + "/nginx.conf", "w") as file:
        module = "/usr/lib/nginx/modules/ngx_stream_module.so"
        if os.path.exists(module):
            file.write("load_module %s;\n" % module)
        file.write("worker_processes 1; worker_rlimit_nofile 20000; daemon off; user root; pid %s/nginx.pid; error_log /dev/null;\n"
                   "events { worker_connections 19900; }\nstream {\n" % DIR)
        for i in range(size):
            file.write("server { listen 127.0.0.1:%d; proxy_pass 127.0.0.1:9; }\n" % (FIRST + i))
        file.write("}\n")


def begin_nginx(size):
    nginx_config(size)
    return start("nginx", "-c", DIR + "/nginx.conf", stderr=-3)


def reload_nginx(old, size):
    nginx_config(size)
    old.send_signal(1)


def peers(sizes, rounds):
    out = Table("The same in others", "change", "size", "CPU ms", "resident KB")
    if shutil.which("haproxy"):
        for size in sizes:
            out.row("HAProxy: add server", size, *server_added(size, rounds))
        for size in sizes:
            out.row("HAProxy: reload, listener", size, *reloaded(size, rounds, begin_haproxy, reload_haproxy))
    if shutil.which("nginx"):
        for size in sizes:
            out.row("nginx: reload, listener", size, *reloaded(size, rounds, begin_nginx, reload_nginx))
    out.exponents({0: "CPU"})
