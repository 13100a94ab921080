#!/usr/bin/env python3
"""A scriptable stand-in for a Nomad agent: native service discovery, as a client of its HTTP API sees it.

    fake_nomad.py [--port N] [--socket PATH] [--tls NAME]     prints "PORT CONTROL" on one line and serves until it is killed

PORT is an agent's (with --tls over mutual TLS, with NAME.pem and NAME.key), PATH the task API's socket. They speak
GET /v1/services, /v1/service/NAME and /v1/client/allocation/ID/checks, with keep-alive, pipelining and blocking queries.
What follows is what the fake does, each with the version of Nomad that it was read in (source, but for those marked *:
documentation or public issues):

    1.3.0   both endpoints have the index of the whole table of registrations. A question whose index is lower is answered at
            once; else one for the list rings for every change in its namespace, also for a new port under the same tags, and one
            for a name for changes of that name
    1.3.0   a registration that changes nothing changes no index, neither the table's nor its own ModifyIndex
    1.3.0   an index is 1 at least, but 0 where nothing was looked up (below). What is no number is 400 "Invalid index" or
            "Invalid wait time". A wait is cut to 5 minutes, and lasts up to a sixteenth longer
    1.3.0   tags in the list are those of all instances, in no order; those of an instance are its own (canaries: canary_tags)
    1.3.0   a name that is unknown, a namespace without services, and one that does not exist, are 200 []
    1.3.0   namespace=* lists those that the token may read; /v1/service/NAME?namespace=* finds nothing. A list of namespaces is
            the name of one that does not exist
    1.3.0   with namespace=* a token that may read nowhere gets 200 [] and index 0, and waits in vain when it gives an index;
            with one namespace 403. Rights are looked at before a question waits, not afterwards
    1.7.0   an unknown token is 403 "Permission denied" ("ACL token not found" up to 1.4*, and with namespace=*); a workload
            identity may read any one namespace, and with namespace=* what its policies give it
    1.3.0   errors are text: 500 "No cluster leader" without stale, "No path to region", 403, 400; no header says an index
    1.3.0   with stale the answer comes without a leader, with X-Nomad-KnownLeader: false
    1.3.0   per_page, next_token and X-Nomad-NextToken for /v1/service/NAME alone; /v1/services knows no filter (2.0.6)
    1.3.0   unhealthy and dead instances stay (public issues 15603, 23317, 14618*): the list does not know about checks
    1.4.0   /v1/client/allocation/ID/checks
    1.5.0   the task API: 401 "Unauthorized" without a token, 403 "Forbidden" with a wrong one
    1.3.2*  more than 100 connections of one address: 429, and the connection ends
    1.3.0   gzip for whoever says Accept-Encoding: gzip

CONTROL is for the test. It is that of fake_consul.py, with these differences:

    PUT    /services      body: {"NAME": [{"ID", "Port", "Tags", "Address", "Alloc", "Job", "Status"}, ..], "NAMESPACE/NAME": [..]};
                          all but Port may be left out. Replaces everything; nothing else makes a registration leave
    PUT    /touch         the index of the table goes up, and all lists ring, though nothing is another
    PUT    /token?value=T&namespaces=A,B[&kind=workload]     a token, and what it may read; * is everything, nothing is nothing.
                          From the first one on there are ACLs. The same value again: other rights
    DELETE /token?value=T           it is not known any more
    PUT    /leader?known=false      there is no leader, until known=true
    PUT    /regions?names=A,B       regions that there is a path to, besides the agent's own, which is "global"
    PUT    /limit?connections=N     instead of 100

and these modes of faults instead of filtered and partial:

    paged            half of an answer, with X-Nomad-NextToken
    unled            a proper answer with X-Nomad-KnownLeader: false
"""

import gzip
import json
import random
import time
import urllib.parse

import fake_consul

LIST, NAME, CHECKS = "/v1/services", "/v1/service/", "/v1/client/allocation/"
TABLE = "table"
LONGEST = 300
TOO_MANY = (b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
            b"Your IP is issuing too many concurrent connections, please rate limit your calls\n")


class Refused(Exception):
    """An error as text: status and words."""


class State(fake_consul.State):
    """What the servers know. `services` maps (namespace, name) to registrations."""

    def __init__(self):
        super().__init__()
        self.index = {TABLE: 100}
        self.moved = {}             # (namespace, name): the index of its last change
        self.touched = 0
        self.tokens = None          # value: (namespaces, workload); None: no ACLs
        self.leader = True
        self.regions = {"", "global"}
        self.limit = 100

    def replace(self, services, bell):
        with self.changed:
            now = self.index[TABLE] + 1
            fresh = {}
            for key, given in services.items():
                namespace, _, name = key.rpartition("/")
                key = (namespace or "default", name)
                fresh[key] = [self.registration(key, number, one, now) for number, one in enumerate(given)]
            fresh = {key: registrations for key, registrations in fresh.items() if registrations}
            moved = [key for key in {*self.services, *fresh} if self.services.get(key) != fresh.get(key)]
            self.older, self.services = self.services, fresh
            if moved:
                self.index[TABLE] = now
            self.moved.update((key, now) for key in moved)
            self.changed.notify_all()

    def registration(self, key, number, given, now):
        alloc = given.get("Alloc", "%08x-0000-4000-8000-000000000000" % number)
        one = {"ID": "_nomad-task-%s-group-%s-port" % (alloc, key[1]), "ServiceName": key[1], "Namespace": key[0],
               "NodeID": "8a1c2f30-0000-4000-8000-000000000001", "Datacenter": "dc1", "JobID": given.get("Job", "job"),
               "AllocID": alloc, "Tags": [], "Address": "127.0.0.1", "Status": "success"}
        one.update({name: value for name, value in given.items() if name not in ("Alloc", "Job")})
        old = next((o for o in self.services.get(key, []) if o["ID"] == one["ID"]), None)
        one["CreateIndex"] = old["CreateIndex"] if old else now
        one["ModifyIndex"] = old["ModifyIndex"] if old else now
        if one != old:
            one["ModifyIndex"] = now
        return one

    def moved_at(self, namespace, name):
        """The index of the last change that a question for this is woken by."""
        mine = [index for key, index in self.moved.items() if namespace in ("*", key[0]) and name in (None, key[1])]
        return max(mine + [self.touched])


STATE = fake_consul.STATE = State()


def shown(registration):
    return {key: value for key, value in registration.items() if key != "Status"}


def stubs(namespace, rights):
    """The list of names: what /v1/services answers."""
    spaces = {}
    for (space, name), registrations in STATE.services.items():
        if namespace in ("*", space) and may_read(rights, space):
            tags = list({tag for registration in registrations for tag in registration["Tags"]})
            random.shuffle(tags)
            spaces.setdefault(space, []).append({"ServiceName": name, "Tags": tags})
    for names in spaces.values():
        random.shuffle(names)
    return [{"Namespace": space, "Services": names} for space, names in spaces.items()]


def may_read(rights, namespace):
    return rights is None or "*" in rights or namespace in rights


def whole(text, words):
    """A number as Go's ParseUint reads it."""
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 64):
        raise Refused(400, words)
    return int(text)


class Connection(fake_consul.Connection):
    VENDOR, KNOWN_LEADER, LAST_CONTACT = "Nomad", "KnownLeader", "LastContact"
    next = ""                   # where the next page begins

    def run(self):
        with STATE.changed:
            full = self.sock.family == fake_consul.socket.AF_INET and STATE.open >= STATE.limit
        if not full:
            return super().run()
        try:
            self.sock.sendall(TOO_MANY)
            time.sleep(0.01)
        except OSError:
            pass
        return self.sock.close()

    def answer(self, method, target):
        path, _, text = target.partition("?")
        query = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
        try:
            rights = self.rights(query, path)
            self.ready_to_answer(query)
            if method == "GET" and path.startswith(CHECKS) and path.endswith("/checks"):
                return self.checks(path[len(CHECKS):-len("/checks")])
            if method != "GET" or path != LIST and not path.startswith(NAME):
                raise Refused(404, "Invalid URL path")
            name = None if path == LIST else urllib.parse.unquote(path[len(NAME):])
            self.read(path, query, name, rights)
        except Refused as refused:
            self.text(*refused.args)
        return None

    def text(self, code, words):
        self.send(code, {"Content-Type": "text/plain; charset=utf-8"}, words.encode())

    def rights(self, query, path):
        """The namespaces that the question may read; None: all."""
        token = self.given.get("x-nomad-token", "")
        scheme, _, bearer = self.given.get("authorization", "").partition(" ")
        if not token and scheme.lower() == "bearer":
            token = bearer.strip()
        local = self.sock.family != fake_consul.socket.AF_INET
        if local and not token:
            raise Refused(401, "Unauthorized")
        if STATE.tokens is None:
            return None
        if token and token not in STATE.tokens:
            words = "ACL token not found" if query.get("namespace") == "*" else "Permission denied"
            raise Refused(403, "Forbidden" if local else words)
        rights, workload = STATE.tokens.get(token, ((), False))
        namespace = query.get("namespace") or "default"
        if path == LIST and namespace == "*":
            return rights
        if not workload and not may_read(rights, namespace):
            raise Refused(403, "Permission denied")
        return None

    def ready_to_answer(self, query):
        if query.get("stale", "true") not in ("", "true", "false", "1", "0"):
            raise Refused(400, "Expect `true` or `false` for `stale` query string parameter")
        if query.get("region", "") not in STATE.regions:
            raise Refused(500, "No path to region")
        self.led(query)

    def led(self, query):
        if not STATE.leader and query.get("stale", "false") in ("false", "0"):
            raise Refused(500, "No cluster leader")

    def wait(self, query, namespace, name, rights):
        try:
            longest = fake_consul.seconds(query["wait"]) if query.get("wait") else LONGEST
        except ValueError:
            raise Refused(400, "Invalid wait time") from None
        given = whole(query["index"], "Invalid index") if query.get("index") else 0
        if given <= 0:
            return
        longest = min(longest, LONGEST) if longest > 0 else LONGEST
        longest += random.uniform(0, longest / 16)
        try:
            if rights is not None and not rights:
                self.block(lambda: False, longest)
            elif STATE.index[TABLE] <= given:
                self.block(lambda: STATE.moved_at(namespace, name) > given, longest)
        except fake_consul.Cut as cut:
            if str(cut) == "close":
                raise fake_consul.Gone from cut
            raise Refused(int(str(cut)), "the gateway has waited for long enough") from cut
        self.led(query)

    def read(self, path, query, name, rights):
        namespace = query.get("namespace") or "default"
        page = whole(query["per_page"], "Expect a number for `per_page` query string parameter") if name and query.get(
            "per_page") else 0
        self.wait(query, namespace, name, rights)
        with STATE.changed:
            fault = STATE.take_fault(path) or {"mode": "none"}
            older = fault["mode"] == "older"
            index = STATE.index[TABLE] - older
            if name is None:
                data = stubs(namespace, rights)
                index = 0 if rights is not None and not rights else index
            else:
                known = STATE.older if older else STATE.services
                data = [shown(one) for one in known.get((namespace, name), [])]
        self.next = ""
        if page:
            data = [one for one in sorted(data, key=lambda one: one["ID"]) if one["ID"] >= query.get("next_token", "")]
            self.next, data = data[page]["ID"] if len(data) > page else "", data[:page]
        self.faulty(fault, data, index)

    def meta(self, index):
        more = {"X-Nomad-NextToken": self.next} if self.next else {}
        headers = super().meta(index)
        if not STATE.leader:
            headers.update({"X-Nomad-KnownLeader": "false", "X-Nomad-LastContact": "5000"})
        return {**headers, **more}

    def faulty(self, fault, data, index):
        if fault["mode"] == "paged":
            self.next = "next"
            return super().faulty({"mode": "none"}, data[:len(data) // 2], index)
        if fault["mode"] == "unled":
            headers = {**self.meta(index), "X-Nomad-KnownLeader": "false"}
            return self.send(200, headers, json.dumps(data).encode())
        return super().faulty(fault, data, index)

    def send(self, status, headers, body, length=None, case=None):
        if "gzip" in self.given.get("accept-encoding", "") and length is None:
            body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
        super().send(status, headers, body, length, case)

    def checks(self, alloc):
        with STATE.changed:
            found = [(key, one) for key, registrations in STATE.services.items() for one in registrations
                     if one["AllocID"] == alloc]
        if not found:
            raise Refused(404, "Unknown allocation \"%s\"" % alloc)
        checks = {"%032x" % n: {"ID": "%032x" % n, "Check": "check", "Group": "job.group[0]", "Mode": "healthiness",
                                "Output": "", "Service": key[1], "Status": one["Status"], "Task": "task",
                                "Timestamp": 1669000000} for n, (key, one) in enumerate(found)}
        return self.send(200, {}, json.dumps(checks).encode())


class Control(fake_consul.Control):
    def handle_one(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        action = {("PUT", "/touch"): self.touch, ("PUT", "/index"): self.restore, ("PUT", "/token"): self.token,
                  ("DELETE", "/token"): self.forget, ("PUT", "/leader"): self.leader, ("PUT", "/regions"): self.regions,
                  ("PUT", "/limit"): self.limit}.get((self.command, url.path))
        if action is None:
            return super().handle_one()
        with STATE.changed:
            action(query)
            STATE.changed.notify_all()
        return self.reply()

    def touch(self, _query):
        STATE.index[TABLE] += 1
        STATE.touched = STATE.index[TABLE]

    def restore(self, query):
        STATE.index[TABLE] = STATE.touched = int(query["value"])
        STATE.moved = {}
        STATE.wakes += 1

    def token(self, query):
        STATE.tokens = STATE.tokens or {}
        names = tuple(name for name in query["namespaces"].split(",") if name)
        STATE.tokens[query["value"]] = (names, query.get("kind") == "workload")

    def forget(self, query):
        STATE.tokens.pop(query["value"], None)

    def leader(self, query):
        STATE.leader = query["known"] != "false"
        STATE.wakes += 1

    def regions(self, query):
        STATE.regions = {"", "global", *query["names"].split(",")}

    def limit(self, query):
        STATE.limit = int(query["connections"])

    do_GET = do_PUT = do_DELETE = handle_one


if __name__ == "__main__":
    fake_consul.main(Connection, Control)
