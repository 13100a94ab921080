#!/usr/bin/env python3
"""An HTTP server whose answer is what lies in a directory: for routing.http.

    routes_server.py DIRECTORY      prints its port

    answer    what a GET is answered with: header lines, "Name: value", an empty line, and the body; an ETag among the
              header lines is compared with If-None-Match
    status    another status than 200; "hang": the answer stops in the middle; "chunked": sent in chunks
    requests  is written: a line a request, "PATH CONNECTION-NUMBER IF-NONE-MATCH STATUS"
"""

import http.server
import itertools
import os
import sys
import time

os.chdir(sys.argv[1])
numbers = itertools.count(1)


def content(name):
    try:
        with open(name, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.number = next(numbers)

    def do_GET(self):
        status = content("status").decode().strip()
        head, _, body = content("answer").partition(b"\n\n")
        head = [line.split(": ", 1) for line in head.decode().splitlines()]
        asked = self.headers.get("If-None-Match", "-")
        code = int(status) if status.isdigit() else 200
        if code == 200 and asked in (value for name, value in head if name == "ETag"):
            code = 304
        body = b"" if code == 304 else body
        with open("requests", "a") as file:
            print(self.path, self.number, asked, code, file=file)
        self.send_response(code)
        for name, value in head:
            self.send_header(name, value)
        if status == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        elif code != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status == "hang":
            self.wfile.write(body[:10])
            time.sleep(60)
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
