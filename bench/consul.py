#!/usr/bin/env python3
"""A Consul agent's answers, as far as dill reads them, for more services and more changes than an agent takes.

    consul.py PORT [CHANGES-PER-SECOND BACKEND-PORT]

It knows PUT /v1/catalog/register and /v1/catalog/deregister, as the agent does: scale.py fills it by these. With a rate,
which may be 0, it has services of its own instead: ten that never change listen on 7100 to 7109; a thousand others on 8000
to 8999, with two instances each. The changes begin with SIGUSR1: nine of ten flip the check of a second instance, which
takes a backend away or brings it back; the tenth takes a whole service away or brings it back. SIGTERM ends it, and prints
how many there were.
"""
import asyncio
import json
import os
import signal
import sys
import time
import urllib.parse

PORT = int(sys.argv[1])
OWN = len(sys.argv) > 2             # services of its own
RATE, BACKEND = (float(sys.argv[2]), int(sys.argv[3])) if OWN else (0, 0)
HEADER = ("HTTP/1.1 %s\r\nContent-Type: application/json\r\nX-Consul-Index: %d\r\nX-Consul-KnownLeader: true\r\n"
          "X-Consul-LastContact: 0\r\nContent-Length: %d\r\n\r\n")


def encode(value):
    return json.dumps(value, separators=(",", ":")).encode()


class Node:
    def __init__(self, name, address, index):
        self.services = {}              # by ID
        self.moves = 0                  # how often they have changed
        self.part = encode({"ID": "", "Node": name, "Address": address, "Datacenter": "dc1", "CreateIndex": index,
                            "ModifyIndex": index})


class Instance:
    def __init__(self, node, service, created, index):
        self.name, self.tags = service["Service"], service.get("Tags", [])
        self.node, self.checks = node, {}
        self.created, self.said = created, service
        self.marked = any(tag == "dill" or tag.startswith("dill.") for tag in self.tags)
        self.part = encode({"ID": service["ID"], "Service": self.name, "Tags": self.tags, "Address": service["Address"],
                            "Port": service["Port"], "Weights": {"Passing": 1, "Warning": 1}, "CreateIndex": created,
                            "ModifyIndex": index})


class Check:
    def __init__(self, said, instance, created, index):
        self.said, self.created, self.failing = said, created, said["Status"] != "passing"
        self.part = encode({"Node": said["Node"], "CheckID": said["CheckID"], "Name": said["Name"], "Notes": "", "Output": "",
                            "Status": said["Status"], "ServiceID": said["ServiceID"], "ServiceName": instance.name,
                            "ServiceTags": instance.tags, "Type": "", "CreateIndex": created, "ModifyIndex": index})


class Catalog:
    def __init__(self):
        self.nodes, self.names = {}, {}
        self.parts = {}                 # of the list of names
        self.index, self.at = {"services": 1, "checks": 1, "nodes": 1}, {}
        self.now = 1
        self.changed = asyncio.Condition()

    def touch(self, name, *which):
        for key in which:
            self.index[key] = self.now
        self.at[name] = self.now
        instances = self.names[name]
        if instances:
            self.parts[name] = encode(name) + b":" + encode(sorted({tag for i in instances.values() for tag in i.tags}))
        else:
            del self.names[name], self.parts[name]

    def register(self, body):
        said, check = body["Service"], body.get("Check")
        self.now += 1
        if body["Node"] not in self.nodes:
            self.nodes[body["Node"]] = Node(body["Node"], body["Address"], self.now)
            self.index["nodes"] = self.now
        node = self.nodes[body["Node"]]
        old = node.services.get(said["ID"])
        if not old or old.said != said:
            node.moves += 1
            node.services[said["ID"]] = new = Instance(node, said, old.created if old else self.now, self.now)
            new.checks = old.checks if old else {}
            self.names.setdefault(said["Service"], {})[body["Node"], said["ID"]] = new
            self.touch(said["Service"], "services")
        instance = node.services[said["ID"]]
        known = check and instance.checks.get(check["CheckID"])
        if check and not (known and known.said == check):
            instance.checks[check["CheckID"]] = Check(check, instance, known.created if known else self.now, self.now)
            self.touch(said["Service"], "checks")

    def deregister(self, body):
        self.now += 1
        self.nodes[body["Node"]].moves += 1
        instance = self.nodes[body["Node"]].services.pop(body["ServiceID"])
        del self.names[instance.name][body["Node"], body["ServiceID"]]
        self.touch(instance.name, "services", "checks")

    def checks_body(self, failing):
        return b"[" + b",".join(check.part for node in self.nodes.values() for instance in node.services.values()
                                for check in instance.checks.values()
                                if (check.failing if failing else instance.marked)) + b"]"

    def node_body(self, name):
        node = self.nodes.get(name)
        if not node:
            return b"null"
        return (b'{"Node":' + node.part + b',"Services":[' +
                b",".join(i.part for i in node.services.values() if i.marked) + b"]}")

    def health_body(self, name):
        return b"[" + b",".join(
            b'{"Node":' + i.node.part + b',"Service":' + i.part + b',"Checks":[' +
            b",".join(check.part for check in i.checks.values()) + b"]}" for i in self.names.get(name, {}).values()) + b"]"

    async def answer_node(self, name, known):
        """The index is that of all services, but what waits is woken by those of that node alone."""
        index, node = max(self.index["services"], self.index["nodes"]), self.nodes.get(name)
        if known >= index and node:
            moves = node.moves
            async with self.changed:
                try:
                    await asyncio.wait_for(self.changed.wait_for(lambda: node.moves != moves), 60)
                except asyncio.TimeoutError:
                    pass
        return "200 OK", max(self.index["services"], self.index["nodes"]), self.node_body(name)

    async def answer(self, target):
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        path, last = url.path, urllib.parse.unquote(url.path.rsplit("/", 1)[1])
        which = {"/v1/catalog/services": "services", "/v1/catalog/nodes": "nodes", "/v1/health/state/any": "checks"}.get(path)
        if path.startswith("/v1/health/service/"):
            return "200 OK", self.at.get(last, 1), self.health_body(last)
        if path.startswith("/v1/catalog/node-services/"):
            return await self.answer_node(last, int(query.get("index", 0)))
        if not which:
            return "404 Not Found", 1, b""
        known = int(query.get("index", 0))
        if known:
            async with self.changed:
                try:
                    await asyncio.wait_for(self.changed.wait_for(lambda: self.index[which] > known), 60)
                except asyncio.TimeoutError:
                    pass
        if which == "services":
            body = b"{" + b",".join(self.parts[name] for name in sorted(self.parts)) + b"}"
        elif which == "nodes":
            body = b"[" + b",".join(node.part for node in self.nodes.values()) + b"]"
        else:
            body = self.checks_body("Status !=" in query.get("filter", ""))
        return "200 OK", self.index[which], body

    async def change(self, path, body):
        if path == "/v1/catalog/register":
            self.register(body)
        else:
            self.deregister(body)
        async with self.changed:
            self.changed.notify_all()

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target, _ = head.split(" ", 2)
                if method == "PUT":
                    length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:"))
                    await self.change(target, json.loads(await reader.readexactly(length)))
                    status, index, body = "200 OK", self.now, b"true"
                else:
                    status, index, body = await self.answer(target)
                writer.write((HEADER % (status, index, len(body))).encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


# Changes of its own


def registration(name, port, i, status):
    said = {"Node": "bench", "Address": "127.0.0.1", "Service": {
        "ID": f"{name}-{i}", "Service": name, "Tags": ["dill", f"dill.listener=local:{port}"], "Address": "127.0.0.1",
        "Port": BACKEND + i}}
    if i:
        said["Check"] = {"Node": "bench", "CheckID": f"service:{name}-{i}", "Name": "tcp", "Status": status,
                         "ServiceID": f"{name}-{i}"}
    return said


async def churn(catalog, begin, stop):
    for i in range(10 if OWN else 0):
        catalog.register(registration(f"still-{i}", 7100 + i, 0, ""))
    passing, there = [True] * 1000, [True] * 1000
    for k in range(2000 if OWN else 0):
        catalog.register(registration(f"moving-{k // 2}", 8000 + k // 2, k % 2, "passing"))
    await begin.wait()
    start, changes = time.monotonic(), 0
    while RATE and not stop.is_set():
        k = changes * 7 % 1000
        changes += 1
        flips = bool(changes % 10)
        if flips:
            passing[k] = not passing[k]
        else:
            there[k] = not there[k]
        for i in range(2):
            if there[k] and (i or not flips):
                status = "passing" if passing[k] else "critical"
                await catalog.change("/v1/catalog/register", registration(f"moving-{k}", 8000 + k, i, status))
            elif not there[k] and not flips:
                await catalog.change("/v1/catalog/deregister", {"Node": "bench", "ServiceID": f"moving-{k}-{i}"})
        await asyncio.sleep(max(0, start + changes / RATE - time.monotonic()))
    await stop.wait()
    return changes / (time.monotonic() - start)


async def main():
    catalog, begin, stop = Catalog(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, begin.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: (begin.set(), stop.set()))
    changes = asyncio.ensure_future(churn(catalog, begin, stop))
    await asyncio.sleep(0)              # its services are there
    await asyncio.start_server(catalog.serve, "127.0.0.1", PORT)
    print("changes_per_s", await changes, flush=True)
    os._exit(0)                         # with dill's connections still open


asyncio.run(main())
