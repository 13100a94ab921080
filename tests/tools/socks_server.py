#!/usr/bin/env python3
"""A SOCKS5 proxy (RFC 1928, RFC 1929) for the system tests, which serves until it is killed.

    socks_server.py [OPTION]...     prints its port on 127.0.0.1

    --user U --password P   wants this login; without --user it wants none
    --name NAME=ADDR        a name that only this proxy knows; may be repeated
    --reply CODE            refuses every request with CODE
    --pieces N              sends its answers N bytes at a time
    --delay MS              waits so long before each answer
    --glue                  waits for the backend's first words, and sends them together with the reply
    --mute                  accepts connections and never answers
    --log FILE              is written: a line a request, "ATYP HOST PORT user=U"; ATYP is ipv4, ipv6 or name, and
                            U is "-" without a login
"""

import argparse
import errno
import ipaddress
import os
import socket
import struct
import threading
import time

VERSION, NO_LOGIN, LOGIN, NO_METHOD = 5, 0, 2, 0xFF
GENERAL, NETWORK, HOST, REFUSED, COMMAND, ADDRESS = 1, 3, 4, 5, 7, 8
CODES = {errno.ENETUNREACH: NETWORK, errno.EHOSTUNREACH: HOST, errno.ECONNREFUSED: REFUSED}

parser = argparse.ArgumentParser()
parser.add_argument("--user")
parser.add_argument("--password", default="")
parser.add_argument("--name", action="append", default=[])
parser.add_argument("--reply", type=int, default=0)
parser.add_argument("--pieces", type=int, default=0)
parser.add_argument("--delay", type=float, default=0)
parser.add_argument("--glue", action="store_true")
parser.add_argument("--mute", action="store_true")
parser.add_argument("--log")
options = parser.parse_args()
names = dict(name.split("=", 1) for name in options.name)
log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if options.log else None


class Refused(Exception):
    """The client has its answer; the connection ends."""


def read(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise Refused
        data += more
    return data


def answer(sock, data):
    time.sleep(options.delay / 1000)
    step = options.pieces or len(data)
    for start in range(0, len(data), step):
        if start:
            time.sleep(0.002)
        sock.sendall(data[start:start + step])


def read_text(sock):
    return read(sock, read(sock, 1)[0]).decode("utf-8", "backslashreplace")


def greet(sock):
    """Returns the user, "-" without a login."""
    version, count = read(sock, 2)
    method = NO_LOGIN if options.user is None else LOGIN
    if version != VERSION or method not in read(sock, count):
        method = NO_METHOD
    answer(sock, bytes((VERSION, method)))
    if method == NO_METHOD:
        raise Refused
    if method == NO_LOGIN:
        return "-"
    version = read(sock, 1)[0]
    user, password = read_text(sock), read_text(sock)
    wrong = version != 1 or (user, password) != (options.user, options.password)
    answer(sock, bytes((1, wrong)))
    if wrong:
        raise Refused
    return user


def reply(code, bound=("0.0.0.0", 0)):
    address = ipaddress.ip_address(bound[0].partition("%")[0])
    return bytes((VERSION, code, 0, 1 if address.version == 4 else 4)) + address.packed + struct.pack("!H", bound[1])


def refuse(sock, code):
    answer(sock, reply(code))
    raise Refused


def read_request(sock, user):
    """Returns the host and port that are asked for."""
    version, command, _, kind = read(sock, 4)
    if kind == 1:
        word, host = "ipv4", str(ipaddress.IPv4Address(read(sock, 4)))
    elif kind == 3:
        word, host = "name", read_text(sock)
    elif kind == 4:
        word, host = "ipv6", str(ipaddress.IPv6Address(read(sock, 16)))
    else:
        refuse(sock, ADDRESS)
    port = struct.unpack("!H", read(sock, 2))[0]
    if log is not None:
        os.write(log, ("%s %s %d user=%s\n" % (word, host, port, user)).encode())
    if version != VERSION or command != 1:
        refuse(sock, COMMAND)
    return host, port


def connect(sock, host, port):
    try:
        backend = socket.create_connection((names.get(host, host), port), timeout=10)
    except socket.gaierror:
        refuse(sock, HOST)
    except socket.timeout:
        refuse(sock, HOST)
    except OSError as error:
        refuse(sock, CODES.get(error.errno, GENERAL))
    backend.settimeout(None)
    backend.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return backend


def first_words(backend):
    backend.settimeout(5)
    try:
        return backend.recv(65536)
    except OSError:
        return b""
    finally:
        backend.settimeout(None)


def copy(source, to):
    """Passes the end on as it came: a half-close, or a reset, for which both sides have to be closed."""
    try:
        while True:
            data = source.recv(65536)
            if not data:
                to.shutdown(socket.SHUT_WR)
                return
            to.sendall(data)
    except OSError:
        for sock in (source, to):
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RD)   # wakes the other thread
            except OSError:
                pass


def relay(sock, backend):
    other = threading.Thread(target=copy, args=(sock, backend), daemon=True)
    other.start()
    copy(backend, sock)
    other.join()


def serve(sock):
    backend = None
    try:
        if options.mute:
            while sock.recv(65536):
                pass
            return
        user = greet(sock)
        host, port = read_request(sock, user)
        if options.reply:
            refuse(sock, options.reply)
        backend = connect(sock, host, port)
        answer(sock, reply(0, backend.getsockname()) + (first_words(backend) if options.glue else b""))
        relay(sock, backend)
    except (Refused, OSError):
        pass
    finally:
        sock.close()
        if backend:
            backend.close()


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(listener.getsockname()[1], flush=True)
    while True:
        try:
            sock, _ = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            time.sleep(0.05)
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
