#!/usr/bin/python3
"""Runs a program under what a unit of systemd says that it may do, without systemd.

    sandbox.py [--kill] [--user UID] UNIT PROGRAM NAME [ARGUMENT]...

What counts: SystemCallFilter (its groups as `systemd-analyze syscall-filter` has them), SystemCallErrorNumber,
SystemCallArchitectures=native, RestrictAddressFamilies, RestrictNamespaces, MemoryDenyWriteExecute,
CapabilityBoundingSet, AmbientCapabilities, NoNewPrivileges. A unit without one of these is an error. The user stays,
but with --user, when root starts this. The program has NAME as its own; a program that starts this again, as an upgrade does, is under all of it already. With --kill
a call that the filter refuses ends the process, which shows what an error would hide. Exit status 2: it cannot be done.

Debian: python3-seccomp, systemd, util-linux.
"""
import errno
import mmap
import os
import re
import subprocess
import sys

import seccomp
from seccomp import ALLOW, EQ, ERRNO, GE, KILL_PROCESS, MASKED_EQ, Arg, SyscallFilter

ON = "SANDBOX_ON"       # in the environment: under it already
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
NAMESPACES = (0x00000080, 0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)


def read_unit(path):
    keys = {}
    for line in open(path):
        match = re.match(r"(\w+)=(.*)", line)
        if match:
            keys.setdefault(match[1], []).append(match[2].strip())
    return keys


def read_groups():
    """@group -> its members, some of which are groups; a group's line begins in the first column."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True, text=True).stdout
    groups, members = {}, []
    for line in text.splitlines():
        word = line.strip()
        if line.startswith("@"):
            members = groups.setdefault(word, [])
        elif line.startswith(" ") and word and not word.startswith("#"):
            members.append(word)
        elif not line.startswith(" "):
            members = []
    return groups


def expand(words, groups):
    for word in words:
        if word.startswith("@"):
            yield from expand(groups[word], groups)
        else:
            yield word


def allowed_calls(lines):
    groups, calls = read_groups(), set()
    for line in lines:
        names = set(expand(line.lstrip("~").split(), groups))
        calls = calls - names if line.startswith("~") else calls | names
    return calls | set(expand(["@default"], groups))    # which systemd always allows


def filter_calls(unit, kill):
    error = ERRNO(getattr(errno, unit["SystemCallErrorNumber"][-1]))
    rules = SyscallFilter(KILL_PROCESS if kill else error)
    for name in allowed_calls(unit["SystemCallFilter"]):
        if seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) != -1:
            rules.add_rule(ALLOW, name)
    rules.load()


def filter_rest(unit):
    """What systemd refuses with an error in any case: a filter of its own."""
    rules = SyscallFilter(ALLOW)
    families = [FAMILIES[name] for name in unit["RestrictAddressFamilies"][-1].split()]
    for family in range(64):
        if family not in families:
            rules.add_rule(ERRNO(errno.EAFNOSUPPORT), "socket", Arg(0, EQ, family))
    rules.add_rule(ERRNO(errno.EAFNOSUPPORT), "socket", Arg(0, GE, 64))
    for flag in NAMESPACES:
        rules.add_rule(ERRNO(errno.EPERM), "unshare", Arg(0, MASKED_EQ, flag, flag))
        rules.add_rule(ERRNO(errno.EPERM), "clone", Arg(0, MASKED_EQ, flag, flag))
    rules.add_rule(ERRNO(errno.EPERM), "setns")
    rules.add_rule(ERRNO(errno.ENOSYS), "clone3")       # its flags are out of reach
    both = mmap.PROT_WRITE | mmap.PROT_EXEC
    rules.add_rule(ERRNO(errno.EPERM), "mmap", Arg(2, MASKED_EQ, both, both))
    for call in ("mprotect", "pkey_mprotect"):
        rules.add_rule(ERRNO(errno.EPERM), call, Arg(2, MASKED_EQ, mmap.PROT_EXEC, mmap.PROT_EXEC))
    rules.load()


def bound(unit, user, words):
    """Never returns: starts this again with the unit's capabilities."""
    def names(key):
        return ",".join(["-all"] + ["+" + name[4:].lower() for name in unit[key][-1].split()])
    os.environ[ON] = "bounded"
    change = ["--reuid", user, "--regid", user, "--clear-groups"] if user else []
    os.execvp("setpriv", ["setpriv", *change, "--bounding-set", names("CapabilityBoundingSet"), "--inh-caps",
                          names("AmbientCapabilities"), "--ambient-caps", names("AmbientCapabilities"), "--no-new-privs", "--",
                          sys.executable, __file__, *words])


def main(words):
    all_words = list(words)
    kill = words[0] == "--kill" and bool(words.pop(0))
    user = words[0] == "--user" and words.pop(0) and words.pop(0)
    path, program, *rest = words
    unit = read_unit(path)
    for key in ("NoNewPrivileges", "RestrictNamespaces", "MemoryDenyWriteExecute"):
        if unit[key][-1] != "yes":
            raise ValueError(f"{path}: {key} is not yes")
    if unit["SystemCallArchitectures"][-1] != "native":     # as seccomp has it: calls of another one end the process
        raise ValueError(f"{path}: SystemCallArchitectures is not native")
    if ON not in os.environ:
        bound(unit, user, all_words)
    if os.environ[ON] == "bounded":
        os.environ[ON] = "yes"
        filter_rest(unit)
        filter_calls(unit, kill)
    os.execv(program, rest)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, LookupError, ValueError, AttributeError, subprocess.CalledProcessError) as error:
        print(f"sandbox: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)
