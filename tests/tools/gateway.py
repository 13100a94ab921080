#!/usr/bin/env python3
"""A gateway before an HTTP server, as people put one before Consul's agent.

    gateway.py PORT [--prefix /PATH] [--login USER:PASSWORD]

Prints the port that it listens on, and passes requests without bodies, pipelined ones too, to PORT of 127.0.0.1. Below any
other path it answers 404; without the login 401, and as some servers do, it shows the request in its words. On stderr: one
line a request, its path alone.
"""
import argparse
import base64
import socket
import sys
import threading


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def refuse(client, status, head):
    lines = head.split(b"\r\n")
    body = b"sorry, this is what you said:\n" + b"\n".join(reversed(lines))  # what dill adds comes first
    client.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body))


def serve(client, options):
    server = socket.create_connection(("127.0.0.1", options.port))
    threading.Thread(target=pump, args=(server, client), daemon=True).start()
    rest = b""
    while data := client.recv(65536):
        rest += data
        while b"\r\n\r\n" in rest:
            head, rest = rest.split(b"\r\n\r\n", 1)
            path = head.split(b" ")[1]
            sys.stderr.write(path.decode() + "\n")     # at once: another thread may write, too
            if options.login and b"\r\nAuthorization: Basic " + base64.b64encode(options.login.encode()) not in head:
                return refuse(client, b"401 Unauthorized", head)
            if not path.startswith(options.prefix.encode() + b"/v1/"):
                return refuse(client, b"404 Not Found", head)
            server.sendall(head.replace(options.prefix.encode(), b"", 1) + b"\r\n\r\n")
    server.shutdown(socket.SHUT_WR)


def handle(client, options):
    try:
        serve(client, options)
    except OSError:
        pass
    finally:
        client.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--login", default="")
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=handle, args=(client, options), daemon=True).start()


main()
