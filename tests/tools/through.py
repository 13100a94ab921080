#!/usr/bin/env python3
"""Clients of dill while it is exchanged under them. Each ends on SIGTERM, and says in one line what has become of all.

    through.py knock RATE PORT...
        connects RATE times a second in all, to the ports by turns, sends some bytes to an echo server, half-closes and reads to
        the end: `N whole`, and how many were refused, reset, cut, or without an answer, if any were. Prints a line when the
        first was whole
    through.py hold COUNT PORT[:KIND]...
        keeps COUNT sessions, to the ports by turns, on which bytes move all the time: `N same`, or what was different. Prints a
        line when all are there. The kinds:

            echo    what is sent comes back (the default)
            proxy   the same, behind a line of the PROXY protocol that the echo server has been sent
            first   a `finfirst` server of peer.py: its side is closed, ours sends on; the sum of all that was sent follows
            idle    the same as echo, but seldom
            drip    a `send` server of peer.py: our side is closed, and we read its 64 MiB slowly
    through.py echo PORT
        is an echo server for many; prints a line when it listens
"""

import asyncio
import collections
import hashlib
import os
import random
import signal
import socket
import sys

from peer import TIMEOUT, pattern_sum

DRIP = 64 << 20
told = collections.Counter()


async def knock(port):
    data = b"%032x" % random.getrandbits(128)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        told["refused"] += 1
        return
    except OSError as error:
        told[str(error)] += 1
        return
    try:
        writer.write(data)
        writer.write_eof()
        got = await reader.read()
        told["whole" if got == data else "cut after %d bytes" % len(got)] += 1
        if told["whole"] == 1:
            print("there", flush=True)
    except OSError:     # also where its end has come before ours is said
        told["reset"] += 1
    finally:
        writer.close()


async def patiently(one, port):
    try:
        await asyncio.wait_for(one(port), TIMEOUT)
    except asyncio.TimeoutError:
        told["without an answer"] += 1


async def knocks(stop, rate, ports):
    loop, number, under_way = asyncio.get_running_loop(), 0, set()
    start = loop.time()
    while not stop.is_set():
        task = asyncio.ensure_future(patiently(knock, int(ports[number % len(ports)])))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        number += 1
        await asyncio.sleep(max(0, start + number / float(rate) - loop.time()))
    while under_way:
        await asyncio.wait(under_way)


class Session:
    def __init__(self, port, kind):
        self.port, self.kind, self.sent, self.begun = int(port), kind or "echo", 0, None

    async def run(self, stop, begun):
        try:
            sock = socket.socket()
            if self.kind == "drip":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
            self.reader, self.writer = await asyncio.open_connection(sock=sock)
            outcome = await getattr(self, self.kind)(stop, begun)
            self.writer.close()
        except (OSError, asyncio.IncompleteReadError) as error:
            outcome = "%s: %r" % (self.kind, error)
        begun.set()
        told[outcome] += 1

    async def idle(self, stop, begun):
        return await self.echo(stop, begun, 5)

    async def echo(self, stop, begun, pause=0.05):
        while not stop.is_set():
            data = os.urandom(random.randrange(1, 4000))
            self.writer.write(data)
            if await self.reader.readexactly(len(data)) != data:
                return "echo: different bytes"
            begun.set()
            await asyncio.wait([asyncio.ensure_future(stop.wait())], timeout=pause)
        self.writer.write_eof()
        return "echo: bytes behind the end" if await self.reader.read() else "same"

    async def proxy(self, stop, begun):
        self.writer.write(b"x")
        await self.writer.drain()
        if not (await self.reader.readline()).startswith(b"PROXY TCP4 127.0.0.1 "):
            return "proxy: no header"
        if await self.reader.readexactly(1) != b"x":
            return "proxy: another byte"
        return await self.echo(stop, begun)

    async def first(self, stop, begun):
        await self.reader.read()
        while not stop.is_set():
            data = os.urandom(random.randrange(1, 4000))
            self.writer.write(data)
            await self.writer.drain()
            self.sent += len(data)
            begun.set()
            await asyncio.sleep(0.05)
        self.writer.write_eof()
        return "same"

    async def drip(self, stop, begun):
        digest, size = hashlib.sha256(), 0
        self.writer.write_eof()
        while data := await self.reader.read(65536):
            digest.update(data)
            size += len(data)
            begun.set()
            if not stop.is_set():
                await asyncio.sleep(0.05)
        whole = size == DRIP and digest.hexdigest()[:16] == pattern_sum(DRIP)
        return "same" if whole else "drip: %d bytes, or other ones" % size


async def hold(stop, count, words):
    sessions, tasks = [], []
    for number in range(int(count)):
        port, _, kind = words[number % len(words)].partition(":")
        begun = asyncio.Event()
        sessions.append(Session(port, kind))
        tasks.append(asyncio.ensure_future(sessions[-1].run(stop, begun)))
        if number % 50 == 49:
            await begun.wait()
    await begun.wait()
    print("there", flush=True)
    await asyncio.wait(tasks)
    sent = sum(session.sent for session in sessions)
    if sent:
        told["bytes sent"] = sent


async def answer(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        pass
    writer.close()


async def echo(stop, port):
    await asyncio.start_server(answer, "127.0.0.1", int(port), backlog=4096)
    print("there", flush=True)
    await stop.wait()
    os._exit(0)     # whoever is there


async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if sys.argv[1] == "echo":
        await echo(stop, sys.argv[2])
        return
    await (knocks if sys.argv[1] == "knock" else hold)(stop, sys.argv[2], sys.argv[3:])
    print(", ".join("%d %s" % (count, what) for what, count in sorted(told.items())), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3 + (sys.argv[1] != "echo") or sys.argv[1] not in ("knock", "hold", "echo"):
        sys.exit(__doc__)
    asyncio.run(main())
