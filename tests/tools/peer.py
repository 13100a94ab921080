#!/usr/bin/env python3
"""Scriptable TCP peers for the system tests: servers behind dill, and clients in front of it.

    peer.py serve [--log FILE] KIND[:ARG][@HOST[:PORT]]...

runs one server for each word and prints their ports on one line, in order. HOST is 127.0.0.1 and PORT is any free
one unless given; an IPv6 HOST is written [::1]. With --log, what each connection saw goes to FILE, a line an event:
`NUMBER EVENT DETAIL`, where NUMBER counts the words from 1. The kinds:

    name:TEXT     sends TEXT and a line end, then closes
    http:TEXT     answers one HTTP request with TEXT
    echo:TEXT     sends back what it gets, passes a half-close on; TEXT, when given, is a first line
    count         reads to the end, then answers "BYTES SHA256"
    send:N        sends N bytes that anybody can compute again (see pattern), then closes
    finfirst:TEXT sends TEXT, half-closes, then reads to the end and logs "count BYTES"
    hold          sends nothing, reads, logs how the connection ended: `fin` or `rst`
    deaf          accepts and never reads
    reset         reads one byte, then resets the connection
    reset:N       sends N bytes and resets
    full          lets no connection be established: its queue is full
    late:TEXT     the same, until SIGUSR1; then it is `hold`, or `name:TEXT`, and lets them in when their systems ask again

    peer.py COMMAND HOST PORT [ARG]

is a client that prints one result line; see COMMANDS at the end of this file. TEST_SLOW multiplies its timeouts.
"""

import errno
import hashlib
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

SLOW = float(os.environ.get("TEST_SLOW", "1") or "1")
TIMEOUT = 10 * SLOW
LATE = threading.Event()


def pattern(size):
    """`size` bytes without a short period, the same in every process."""
    block = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(2048)) + b"odd length"
    whole, rest = divmod(size, len(block))
    for _ in range(whole):
        yield block
    yield block[:rest]


def pattern_sum(size):
    digest = hashlib.sha256()
    for block in pattern(size):
        digest.update(block)
    return digest.hexdigest()[:16]


def reset(sock):
    """Closes with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_to_end(sock):
    """Returns (number of bytes, checksum, how it ended)."""
    digest, size = hashlib.sha256(), 0
    try:
        while True:
            data = sock.recv(65536)
            if not data:
                return size, digest.hexdigest()[:16], "fin"
            digest.update(data)
            size += len(data)
    except ConnectionResetError:
        return size, digest.hexdigest()[:16], "rst"
    except socket.timeout:
        return size, digest.hexdigest()[:16], "timeout"


# Servers


class Server:
    def __init__(self, number, word, log):
        self.number, self.log = number, log
        spec, _, place = word.partition("@")
        self.kind, _, self.arg = spec.partition(":")
        host, port = place or "127.0.0.1", 0
        if host.startswith("["):
            host, _, rest = host[1:].partition("]")
            port = int(rest[1:] or 0)
        elif ":" in host:
            host, _, port = host.partition(":")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.kind == "deaf":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.sock.bind(socket.getaddrinfo(host, int(port), family)[0][4])   # which knows the scope of fe80::1%eth0
        self.sock.listen(0 if self.kind in ("full", "late") else 1024)
        self.port = self.sock.getsockname()[1]
        self.kept = []
        if self.kind in ("full", "late"):
            self.fill(family)

    def fill(self, family):
        """Connects until the kernel takes no more, and accepts none of it."""
        for _ in range(4):
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.connect_ex(self.sock.getsockname())
            self.kept.append(sock)
        time.sleep(0.05)

    def event(self, *words):
        if self.log:
            line = " ".join(str(word) for word in (self.number,) + words) + "\n"
            os.write(self.log, line.encode())

    def run(self):
        if self.kind == "full":
            return
        if self.kind == "late":
            LATE.wait()
            self.sock.listen(1024)
            self.kind = "name" if self.arg else "hold"
        while True:
            try:
                sock, address = self.sock.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    time.sleep(0.05)
                    continue
                raise
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.event("accept", address[0])
            if self.kind == "deaf":
                self.kept.append(sock)
            else:
                threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            getattr(self, "do_" + self.kind)(sock)
        except ConnectionResetError:
            self.event("rst")
        except OSError as error:
            self.event("error", errno.errorcode.get(error.errno, error))
        finally:
            sock.close()

    def do_name(self, sock):
        sock.sendall(self.arg.encode() + b"\n")
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(TIMEOUT)
        size, _, how = read_to_end(sock)
        self.event(how, size)

    def do_http(self, sock):
        head = b""
        while b"\r\n\r\n" not in head:
            data = sock.recv(4096)
            if not data:
                return
            head += data
        body = self.arg.encode() + b"\n"
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))

    def do_echo(self, sock):
        if self.arg:
            sock.sendall(self.arg.encode() + b"\n")
        total = 0
        while True:
            data = sock.recv(65536)
            if not data:
                break
            total += len(data)
            sock.sendall(data)
        self.event("fin", total)

    def do_count(self, sock):
        size, digest, how = read_to_end(sock)
        self.event(how, size)
        if how == "fin":
            sock.sendall(b"%d %s\n" % (size, digest.encode()))

    def do_send(self, sock):
        for block in pattern(int(self.arg)):
            sock.sendall(block)
        sock.shutdown(socket.SHUT_WR)
        self.event(read_to_end(sock)[2])

    def do_finfirst(self, sock):
        sock.sendall(self.arg.encode() + b"\n")
        sock.shutdown(socket.SHUT_WR)
        size, _, how = read_to_end(sock)
        self.event("count", size, how)

    def do_hold(self, sock):
        size, _, how = read_to_end(sock)
        self.event(how, size)

    def do_reset(self, sock):
        if self.arg:
            for block in pattern(int(self.arg)):
                sock.sendall(block)
            time.sleep(0.2)     # what was sent arrives before the reset discards it
        else:
            sock.recv(1)
        reset(sock)


def serve(words):
    log = None
    while words and words[0].startswith("--"):
        if words[0] == "--log":
            log = os.open(words[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        words = words[2:]
    signal.signal(signal.SIGUSR1, lambda *_: LATE.set())
    servers = [Server(number, word, log) for number, word in enumerate(words, 1)]
    for server in servers:
        threading.Thread(target=server.run, daemon=True).start()
    print(*(server.port for server in servers), flush=True)
    sys.stdout.close()
    while True:
        signal.pause()


# Clients


def dial(host, port, timeout=TIMEOUT):
    sock = socket.create_connection((host, int(port)), timeout=timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def accepts(host, first, last):
    """How many ports from first to last accept."""
    count = 0
    for port in range(int(first), int(last) + 1):
        with socket.socket() as sock:
            sock.settimeout(TIMEOUT)
            count += sock.connect_ex((host, port)) == 0
    print(count)


def names(host, port, count="1"):
    """Connects COUNT times, one after the other, and prints what was said, joined by blanks; `-` for nothing."""
    said = []
    for _ in range(int(count)):
        try:
            with dial(host, port) as sock:
                sock.shutdown(socket.SHUT_WR)
                text = b""
                while True:
                    data = sock.recv(4096)
                    if not data:
                        break
                    text += data
            said.append(text.decode().strip() or "-")
        except OSError:
            said.append("-")
    print(*said)


def transfer(host, port, size, connections="1", chunk="65536"):
    """Sends SIZE random bytes through an echo server on each of several connections, half-closes, compares."""
    size, chunk = int(size), int(chunk)
    results = []

    def one():
        try:
            data = os.urandom(size)
            sock = dial(host, port)

            def send():
                for start in range(0, size, chunk):
                    sock.sendall(data[start:start + chunk])
                sock.shutdown(socket.SHUT_WR)

            sender = threading.Thread(target=send, daemon=True)
            sender.start()
            got, digest, how = read_to_end(sock)
            same = got == size and digest == hashlib.sha256(data).hexdigest()[:16]
            results.append("same" if same and how == "fin" else "different: %d of %d bytes, %s" % (got, size, how))
            sock.close()
        except OSError as error:
            results.append(str(error))

    threads = [threading.Thread(target=one) for _ in range(int(connections))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(*sorted(set(results)), sep=", ")


def upload(host, port, size):
    """Sends the pattern, half-closes, and compares the server's count and checksum with its own."""
    sock = dial(host, port)
    for block in pattern(int(size)):
        sock.sendall(block)
    sock.shutdown(socket.SHUT_WR)
    answer = b""
    while True:
        data = sock.recv(4096)
        if not data:
            break
        answer += data
    print("same" if answer.split() == [size.encode(), pattern_sum(int(size)).encode()] else "different: %r" % answer)


def download(host, port, size, pause="0"):
    """Waits PAUSE seconds, then reads SIZE bytes of the pattern to the end and compares."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    sock.settimeout(TIMEOUT)
    sock.connect((host, int(port)))
    time.sleep(float(pause))
    got, digest, how = read_to_end(sock)
    if (got, digest, how) == (int(size), pattern_sum(int(size)), "fin"):
        print("same")
    else:
        print("different: %d bytes, %s" % (got, how))


def flood(host, port, seconds):
    """Sends without reading for SECONDS, or until nothing more is taken for that long; prints how much went."""
    sock = dial(host, port)
    sock.setblocking(False)
    total, block = 0, b"x" * 65536
    quiet = time.monotonic() + float(seconds)
    while time.monotonic() < quiet and total < 1 << 30:
        try:
            total += sock.send(block)
            quiet = time.monotonic() + float(seconds)
        except BlockingIOError:
            time.sleep(0.005)
    print(total)


def outcome(host, port, text=""):
    """Sends TEXT, keeps its side open, and prints how many bytes came and how the connection ended."""
    try:
        sock = dial(host, port)
        if text:
            sock.sendall(text.encode())
        size, _, how = read_to_end(sock)
        print(how, size)
    except socket.timeout:
        print("timeout 0")
    except OSError as error:
        print(errno.errorcode.get(error.errno, error))


def rst(host, port, text="x"):
    """Sends TEXT, waits a moment, resets."""
    sock = dial(host, port)
    sock.sendall(text.encode())
    time.sleep(0.1 * SLOW)
    reset(sock)
    print("reset")


def halves(host, port, size):
    """With a `finfirst` server: reads to its end, and only then sends SIZE bytes."""
    sock = dial(host, port)
    got, _, how = read_to_end(sock)
    for block in pattern(int(size)):
        sock.sendall(block)
    sock.shutdown(socket.SHUT_WR)
    sock.close()
    print(how, got)


def pingpong(host, port, count):
    """COUNT small messages through an echo server, each answered before the next; prints the median in µs."""
    sock = dial(host, port)
    times = []
    for number in range(int(count)):
        message = b"%08d" % number
        start = time.monotonic()
        sock.sendall(message)
        got = b""
        while len(got) < len(message):
            data = sock.recv(64)
            if not data:
                print("closed after", number)
                return
            got += data
        if got != message:
            print("different at", number)
            return
        times.append(time.monotonic() - start)
    print("same", int(sorted(times)[len(times) // 2] * 1e6))


def crowd(host, port, count, seconds="3"):
    """Opens COUNT connections to a server that greets, without waiting, and follows them for up to SECONDS. Then
    closes those that were greeted, again and again, until every one has had its turn. Prints three numbers: greeted
    at first, greeted in the end, and lost (closed or reset before the greeting)."""
    waiting, first, done, lost = {}, None, 0, 0
    for _ in range(int(count)):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex((host, int(port)))
        waiting[sock.fileno()] = sock
    greeted = []
    quiet = float(seconds) * SLOW
    while waiting:
        ready = select.select(list(waiting.values()), [], [], quiet)[0]
        for sock in ready:
            del waiting[sock.fileno()]
            try:
                data = sock.recv(100)
            except OSError:
                data = b""
            if data:
                done += 1
                greeted.append(sock)
            else:
                lost += 1
                sock.close()
        if not ready:
            if first is None:
                first = done
            elif not greeted:
                break
            for sock in greeted:
                sock.close()
            greeted = []
    print(done if first is None else first, done, lost)


def outage(host, port, seconds):
    """Connects again and again to a server that speaks first, for SECONDS; prints the longest time without one that was
    served, in ms."""
    end = time.monotonic() + float(seconds)
    served, longest = time.monotonic(), 0.0
    while served < end:
        try:
            with dial(host, port, 1) as sock:
                data = sock.recv(100)
        except OSError:
            data = b""
        now = time.monotonic()
        if data:
            longest, served = max(longest, now - served), now
        elif now > end + TIMEOUT:
            longest = now - served
            break
        else:
            time.sleep(0.001)
    print(int(longest * 1000))


def mute(host, port, count):
    """Opens COUNT connections with a small window, prints how many, reads nothing and holds them."""
    socks = []
    for _ in range(int(count)):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect((host, int(port)))
        socks.append(sock)
    print(len(socks), flush=True)
    time.sleep(600)


def besiege(host, port, kind, count):
    """Keeps COUNT connections that come to no end, until it is ended itself, and opens anew what is closed. Each one
    sends a byte of a head every 50 ms (`heads`), says nothing (`idle`), or asks for /metrics, or PATH, and reads nothing
    (`readers`, `readers:PATH`), or asks for that again and again before it is answered (`askers`). Prints COUNT when all
    are there."""
    socks, at, events, said = {}, {}, select.poll(), False
    asked = b"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100
    kind, _, path = kind.partition(":")
    while True:
        while len(socks) < int(count):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(TIMEOUT)
            sock.connect((host, int(port)))
            sock.setblocking(False)
            if kind == "readers":
                sock.send(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (path or "/metrics").encode())
            socks[sock.fileno()] = sock
            events.register(sock, select.POLLRDHUP | (select.POLLIN | select.POLLOUT if kind == "askers" else 0))
        if not said:
            print(count, flush=True)
            said = True
        for number, event in events.poll(50):
            try:
                if event & select.POLLIN and not socks[number].recv(1 << 18):
                    raise ConnectionResetError
                if event & select.POLLOUT:
                    at[number] = (at.get(number, 0) + socks[number].send(asked[at.get(number, 0):])) % len(asked)
                if not event & (select.POLLRDHUP | select.POLLHUP | select.POLLERR):
                    continue
            except OSError:
                pass
            events.unregister(number)
            socks.pop(number).close()
            at.pop(number, None)
        for sock in socks.values() if kind == "heads" else ():
            try:
                sock.send(b"G")
            except OSError:
                pass


def together(host, port, count, text=""):
    """Connects COUNT times and sends TEXT, a while before it reads, and prints how many were told something to its end."""
    socks, told = [dial(host, port) for _ in range(int(count))], 0
    for sock in socks:
        try:
            sock.sendall(text.encode())
        except OSError:
            pass
    time.sleep(0.3)
    for sock in socks:
        size, _, how = read_to_end(sock)
        told += size > 0 and how == "fin"
        sock.close()
    print(told)


def steady(host, port, text, seconds):
    """Sends TEXT, which asks for an answer in chunks and its end, twice: reads it at once to see how long it is, and then a
    little at a time, over at least SECONDS. Prints how that ended, and whether the answer is whole."""
    size = data = 0
    for slowly in (False, True):
        sock = socket.socket()
        if slowly:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(TIMEOUT)
        sock.connect((host, int(port)))
        sock.sendall(text.encode())
        data, how, start = b"", "fin", time.monotonic()
        try:
            while part := sock.recv(65536):
                data += part
                if slowly:
                    time.sleep(max(0, start + float(seconds) * min(1, len(data) / size) - time.monotonic()))
        except OSError as error:
            how = errno.errorcode.get(error.errno, str(error))
        sock.close()
        size = size or len(data)
    chunked = b"\r\nTransfer-Encoding: chunked\r\n" in data
    print(how, "whole" if chunked and data.endswith(b"\r\n0\r\n\r\n") else "%d of about %d bytes" % (len(data), size))


COMMANDS = {command.__name__: command for command in (
    names, accepts, transfer, upload, download, flood, outcome, rst, halves, pingpong, crowd, outage,
    mute, besiege, together, steady)}


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "serve":
        serve(sys.argv[2:])
    elif len(sys.argv) > 3 and sys.argv[1] in COMMANDS:
        try:
            COMMANDS[sys.argv[1]](*sys.argv[2:])
        except OSError as error:
            print(errno.errorcode.get(error.errno, error))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
