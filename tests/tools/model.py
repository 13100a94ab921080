#!/usr/bin/env python3
"""Changes services in a real Consul at random, and compares dill with a model of what it should make of them.

    model.py CONSUL-PORT PEEK-PORT STATUS-PORT DILL-PID FIRST-PORT BATCHES SEED

dill must have local=127.0.0.1, two=127.0.0.2, six=::1 in listeners.allowed, and FIRST-PORT to FIRST-PORT + 7 as its ports.
After each batch of changes Peek must come to show what the model says, to the letter; then /routes, /metrics, what is
explained, and the sockets that really listen must agree. Prints "same", or what differs and the changes that led there.
"""

import json
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

CONSUL, PEEK, STATUS, PID, FIRST, BATCHES, SEED = map(int, sys.argv[1:])
LIMIT = 10 * float(os.environ.get("TEST_SLOW", "1") or "1")     # seconds
LABELS = {"local": "127.0.0.1", "two": "127.0.0.2", "six": "::1"}
PORTS = range(FIRST, FIRST + 8)
RULES = {   # values of options: good ones, a wrong one, why it is wrong
    "balance": (("random", "p2c", "least_conn", "round_robin"), "best", "not one of round_robin, random, p2c, least_conn"),
    "proxy_protocol": (("v1", "v2"), "v3", "not v1 or v2"),
    "allow": (("127.0.0.0/8,::1/128", "10.0.0.0/8"), "any", "is not a network such as 10.0.0.0/8"),
}
# What a tag of dill's that it does not know makes of its instance.
UNKNOWN = "dill.other=1"
FAULT = "its tag dill.other is unknown; there are dill.listener, .balance, .proxy, .proxy_protocol, .allow and .deny"
dice = random.Random(SEED)
services = {}   # in Consul, by id
ages = {}       # when each ID was registered for the first time: Consul's CreateIndex, in their order


def get(port, path, method="GET", body=None, tls=None):
    request = urllib.request.Request("http%s://127.0.0.1:%d%s" % ("s" if tls else "", port, path), method=method, data=body)
    with urllib.request.urlopen(request, timeout=LIMIT, context=tls) as answer:
        return answer.read().decode()


def agent_tls():
    """What the agent wants with TEST_TLS: see tests/lib.sh."""
    if not os.environ.get("TEST_TLS"):
        return None
    tls = ssl.create_default_context(cafile=os.environ["CONSUL_CACERT"])
    tls.load_cert_chain(os.environ["CONSUL_CLIENT_CERT"], os.environ["CONSUL_CLIENT_KEY"])
    return tls


AGENT_TLS = agent_tls()


# Changes


def agent(path, body=None):
    get(CONSUL, "/v1/agent/" + path, "PUT", body and json.dumps(body).encode(), AGENT_TLS)


def a_wish():
    if dice.random() < 0.8:
        return "%s:%d" % (dice.choice(list(LABELS)), dice.choice(PORTS[:2]))
    return dice.choice(["local:80", "local:%d" % (FIRST + 8), "nowhere:%d" % FIRST, "local", "local:", "local:0x50", "",
                        ":%d" % FIRST, "127.0.0.1:%d" % FIRST])


def some_tags():
    tags = ["dill"] * (dice.random() < 0.9) + ["dill.listener=" + a_wish() for _ in range(dice.choice([0, 1, 1, 1, 2, 3]))]
    for option, (good, wrong, _) in RULES.items():
        if dice.random() < 0.2:
            tags.append("dill.%s=%s" % (option, dice.choice(good + (wrong,))))
    tags += [dice.choice(["x", UNKNOWN, "dillx", "v=1"])] * (dice.random() < 0.3)
    dice.shuffle(tags)
    return tags


def register(key, service):
    body = {"Name": service["name"], "ID": key, "Port": service["port"], "Tags": service["tags"], "Address": service["host"]}
    if service["check"]:
        body["Check"] = {"TTL": "1h", "Status": service["check"]}
    agent("service/register", body)
    services[key] = service
    ages.setdefault(key, len(ages) and max(ages.values()) + 1)


def deregister(key):
    agent("service/deregister/" + key)
    del services[key], ages[key]


def change():
    """One change; returns it in words."""
    key = dice.choice(list(services) or [""])
    what = dice.choice(("new new come come go check check tags tags rest" if services else "come").split())
    if what in ("new", "come"):
        key = "i%d" % dice.randrange(14)
        if key in services:
            deregister(key)
        register(key, {"name": "s%d" % dice.randrange(3), "tags": some_tags(), "port": dice.randrange(9001, 9004),
                       "host": dice.choice(["127.0.0.1", "127.0.0.9", ""]), "rests": False,
                       "check": dice.choice([None, "passing", "passing", "passing", "critical", "warning"])})
    elif what == "go":
        deregister(key)
    elif what == "check" and services[key]["check"]:
        services[key]["check"], verb = dice.choice([("passing", "pass"), ("critical", "fail"), ("warning", "warn")])
        agent("check/%s/service:%s" % (verb, key))
    elif what == "tags":
        register(key, {**services[key], "tags": some_tags()})
    elif what == "rest":
        services[key]["rests"] = not services[key]["rests"]
        agent("service/maintenance/%s?enable=%s" % (key, str(services[key]["rests"]).lower()))
    return what, key, services.get(key)


# The model


def admit(wish):
    """The address that it means, and why not."""
    label, colon, port = wish.rpartition(":")
    if not colon:
        return None, "not label:port"
    if not re.fullmatch("[0-9]+", port):
        return None, "has no valid port (1-65535)"
    if not 1 <= int(port) <= 65535:
        return None, "has a port out of range (1-65535)"
    if label not in LABELS:
        return None, "label \"%s\" is not in listeners.allowed" % label
    if int(port) not in PORTS:
        return None, ("port below listeners.port_min %d" if int(port) < FIRST else "port above listeners.port_max %d") % (
            FIRST if int(port) < FIRST else PORTS[-1])
    return (LABELS[label], int(port)), None


def options_of(service, refused):
    """None when one of them is wrong that it needs."""
    options, fine = {}, True
    for tag in service["tags"]:
        option, _, value = tag.removeprefix("dill.").partition("=")
        if not tag.startswith("dill.") or option not in RULES:
            continue
        if value == RULES[option][1]:
            refused.add((service["name"], "%s=%s" % (option, value), RULES[option][2]))
            fine = fine and option == "balance"
        else:
            options[option] = value
    return options if fine else None


def is_healthy(service):
    return service["check"] in (None, "passing") and not service["rests"]


def in_order_of_owners():
    """The services, those of the oldest name first."""
    age = {}
    for key, service in services.items():
        age[service["name"]] = min(age.get(service["name"], ages[key]), ages[key])
    return sorted(services.items(), key=lambda item: (age[item[1]["name"]], item[1]["name"], item[0]))


def model():
    """The listeners by address, and what is refused. A backend belongs to the first service that names it."""
    listeners, refused = {}, set()
    for key, service in in_order_of_owners():
        if "dill" not in service["tags"] or not is_healthy(service):
            continue
        options = options_of(service, refused)
        faulty = UNKNOWN in service["tags"]
        if faulty and options is not None and not any(tag.startswith("dill.listener=") for tag in service["tags"]):
            refused.add((service["name"], UNKNOWN.partition("=")[0], FAULT))
        for tag in service["tags"] if options is not None else ():
            if not tag.startswith("dill.listener="):
                continue
            wish = tag.partition("=")[2]
            address, why = admit(wish)
            why = why or (FAULT if faulty else None)
            if why:
                refused.add((service["name"], wish, why))
                continue
            listener = listeners.setdefault(address, {"balance": options.get("balance", "round_robin"), "backends": {},
                                                      "services": set(), "options": []})
            listener["backends"]["%s:%d" % (service["host"] or "127.0.0.1", service["port"])] = True
            listener["services"].add(service["name"])
            asked = {"service": service["name"], **{o: v for o, v in options.items() if o != "balance"}}
            if listener["options"][-1:] != [asked]:
                listener["options"].append(asked)
    return {name(a): listeners[a] for a in sorted(listeners, key=place)}, sorted(refused)


def verdicts():
    """What is to be said of each wish, by service: (instance, wish, verdict). A service that nothing marks is not known."""
    wanted = {}
    for key, service in sorted(services.items()):
        if not any("dill" in one["tags"] for one in services.values() if one["name"] == service["name"]):
            continue
        wanted.setdefault(service["name"], [])
        for tag in service["tags"]:
            if not tag.startswith("dill.listener="):
                continue
            wish = tag.partition("=")[2]
            address, why = admit(wish)
            if not why and (not is_healthy(service) or "dill" not in service["tags"]):
                why = "no part in the routing"
            if not why and UNKNOWN in service["tags"]:
                why = "refused: " + FAULT
            if not why and options_of(service, set()) is None:
                why = "not routed without its option"
            wanted[service["name"]].append((key, wish, why or "accepted: %s, which is open" % name(address)))
    return wanted


def name(address):
    return ("[%s]:%d" if ":" in address[0] else "%s:%d") % address


def place(address):
    v6 = ":" in address[0]
    return v6, socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, address[0]), address[1]


def as_text(listeners, refused):
    lines = []
    for address, listener in listeners.items():
        lines += [address, "  ├ " + listener["balance"]]
        lines += ["  ├──➤ " + backend for backend in listener["backends"]]
    lines = lines or ["No registered backends. Please verify routing configuration."]
    return "".join(line + "\n" for line in lines + ["# refused: %s wants %s: %s" % one for one in refused])


# dill


def peek():
    with socket.create_connection(("127.0.0.1", PEEK), LIMIT) as sock:
        return sock.makefile("rb").read().decode()


def sockets():
    """Addresses that dill listens on, but for its own two."""
    lines = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    mine = {line.split()[3] for line in lines if "pid=%d," % PID in line}
    return mine - {"127.0.0.1:%d" % PEEK, "127.0.0.1:%d" % STATUS}


def unexplained(service, wanted):
    """What /explain says of it, when that is not what is wanted; None otherwise."""
    key, found = None, []
    try:
        text = get(STATUS, "/explain/" + service)
    except urllib.error.HTTPError as error:
        return str(error)   # it has not heard of it
    for line in text.splitlines():
        if not line.startswith(" "):
            key = re.search("instance ([^ ]+) on", line)[1]
        elif line.startswith("    dill.listener="):
            found.append((key, line))
    for (key, line), (instance, wish, verdict) in zip(found, wanted):
        if key != instance or not line.startswith("    dill.listener=%s: " % wish) or verdict not in line:
            return "%s\nhas of %s: %s" % (text, instance, line)
    return text if len(found) != len(wanted) else None


def differences(listeners, refused):
    """The first place that does not agree with the model; None: all do."""
    text = peek()
    if text != as_text(listeners, refused):
        return "Peek:\n%sinstead of:\n%s" % (text, as_text(listeners, refused))
    routes = json.loads(get(STATUS, "/routes"))
    got = {one["address"]: ([b["address"] for b in one["backends"]], one["services"], one["state"], one["balance"],
                            one.get("options", [])) for one in routes["listeners"]}
    want = {}
    for address, one in listeners.items():
        asked = [{**o, "allow": o["allow"].split(",")} if "allow" in o else o for o in one["options"] if len(o) > 1]
        want[address] = (list(one["backends"]), sorted(one["services"]), "open", one["balance"], asked)
    if got != want:
        return "/routes: %s\ninstead of: %s" % (got, want)
    if [(one["service"], one["wish"], one["reason"]) for one in routes["refused"]] != refused:
        return "/routes refuses %s\ninstead of: %s" % (routes["refused"], refused)
    metrics = get(STATUS, "/metrics")
    if set(re.findall(r'dill_listener_up\{listener="([^"]+)"\} 1', metrics)) != set(listeners):
        return "/metrics:\n" + metrics
    if sum(map(int, re.findall(r"dill_routes_refused\{.*\} (\d+)", metrics))) != len(refused):
        return "/metrics:\n" + metrics
    for service, wanted in verdicts().items():
        text = unexplained(service, wanted)
        if text:
            return "/explain/%s: %s\ninstead of %s" % (service, text, wanted)
    if sockets() != set(listeners):
        return "listening sockets: %s\ninstead of: %s" % (sorted(sockets()), list(listeners))
    return None


def main():
    changes = []
    for batch in range(BATCHES):
        changes += [change() for _ in range(dice.choice([1, 1, 2, 3, 6]) if batch else 20)]
        wanted, end = model(), time.monotonic() + LIMIT
        while difference := differences(*wanted):
            if time.monotonic() > end:
                print("seed %d, batch %d: %s\nafter:" % (SEED, batch, difference), *changes[-30:], sep="\n")
                sys.exit(1)
            time.sleep(0.02)
    print("same")


main()
