#!/usr/bin/env python3
"""A Consul agent's answers, as far as dill reads them, for a catalog that changes many times a second.

    consul.py PORT CHANGES-PER-SECOND BACKEND-PORT

Ten services that never change listen on 7100 to 7109; a thousand others on 8000 to 8999, with two instances each. The
changes begin with SIGUSR1: nine of ten flip the check of a second instance, which takes a backend away or brings it
back; the tenth takes a whole service away or brings it back. SIGTERM ends it, and prints how many there were.
"""
import asyncio
import json
import os
import signal
import sys
import time
import urllib.parse

PORT, RATE, BACKEND = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
HEADER = ("HTTP/1.1 %s\r\nContent-Type: application/json\r\nX-Consul-Index: %d\r\nX-Consul-KnownLeader: true\r\n"
          "X-Consul-LastContact: 0\r\nContent-Length: %d\r\n\r\n")


def encode(value):
    return json.dumps(value, separators=(",", ":")).encode()


class Service:
    """One service, with its part of each answer ready as bytes."""

    def __init__(self, name, port, instances):
        self.name, self.port, self.instances = name, port, instances
        self.tags = ["dill", f"dill.listener=local:{port}"]
        self.there = True
        self.passing = True             # the second instance
        self.index = 1
        self.catalog_part = encode(name) + b":" + encode(self.tags)
        self.render()

    def check(self, i):
        return {"Node": "bench", "CheckID": f"service:{self.name}-{i}", "Name": "tcp", "Notes": "", "Output": "",
                "Status": "passing" if self.passing else "critical", "ServiceID": f"{self.name}-{i}",
                "ServiceName": self.name, "ServiceTags": self.tags, "Type": "tcp", "CreateIndex": 1,
                "ModifyIndex": self.index}

    def render(self):
        node = {"ID": "", "Node": "bench", "Address": "127.0.0.1", "Datacenter": "dc1"}
        entries = []
        for i in range(self.instances):
            service = {"ID": f"{self.name}-{i}", "Service": self.name, "Tags": self.tags, "Address": "127.0.0.1",
                       "Port": BACKEND + i, "Weights": {"Passing": 1, "Warning": 1}, "CreateIndex": 1,
                       "ModifyIndex": self.index}
            entries.append({"Node": node, "Service": service, "Checks": [self.check(i)] if i else []})
        self.health_part = encode(entries)
        self.check_part = encode(self.check(1)) if self.instances > 1 else b""


class Catalog:
    def __init__(self):
        still = [Service(f"still-{i}", 7100 + i, 1) for i in range(10)]
        self.moving = [Service(f"moving-{i}", 8000 + i, 2) for i in range(1000)]
        self.services = {s.name: s for s in still + self.moving}
        self.index = {"services": 1, "checks": 1}
        self.changed = asyncio.Condition()
        self.changes = 0

    async def change(self):
        service = self.moving[self.changes * 7 % len(self.moving)]
        self.changes += 1
        index = max(self.index.values()) + 1
        service.index = index
        if self.changes % 10 == 0:
            service.there = not service.there
            self.index["services"] = index
        else:
            service.passing = not service.passing
        self.index["checks"] = index
        service.render()
        async with self.changed:
            self.changed.notify_all()

    def services_body(self):
        return b"{" + b",".join(s.catalog_part for s in self.services.values() if s.there) + b"}"

    def checks_body(self, failing):
        parts = (s.check_part for s in self.services.values() if s.there and s.check_part and not (failing and s.passing))
        return b"[" + b",".join(parts) + b"]"

    async def answer(self, target):
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/v1/catalog/services":
            which, body = "services", self.services_body
        elif url.path == "/v1/health/state/any":
            which, body = "checks", lambda: self.checks_body(query.get("filter") == 'Status != "passing"')
        elif url.path.startswith("/v1/health/service/"):
            service = self.services.get(urllib.parse.unquote(url.path.rsplit("/", 1)[1]))
            there = service and service.there
            return "200 OK", service.index if service else 1, service.health_part if there else b"[]"
        else:
            return "404 Not Found", 1, b""
        known = int(query.get("index", 0))
        if known:
            async with self.changed:
                try:
                    await asyncio.wait_for(self.changed.wait_for(lambda: self.index[which] > known), 60)
                except asyncio.TimeoutError:
                    pass
        return "200 OK", self.index[which], body()

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                status, index, body = await self.answer(head.split(b" ", 2)[1].decode())
                writer.write((HEADER % (status, index, len(body))).encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def churn(self, begin, stop):
        await begin.wait()
        start = time.monotonic()
        while RATE and not stop.is_set():
            await self.change()
            await asyncio.sleep(max(0, start + self.changes / RATE - time.monotonic()))
        await stop.wait()
        return self.changes / (time.monotonic() - start)


async def main():
    catalog, begin, stop = Catalog(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, begin.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: (begin.set(), stop.set()))
    await asyncio.start_server(catalog.serve, "127.0.0.1", PORT)
    print("changes_per_s", await catalog.churn(begin, stop), flush=True)
    os._exit(0)             # with dill's connections still open


asyncio.run(main())
