#!/usr/bin/env python3
"""What costs how much with how much of it: see scale.sh.

    scale.py DILL DIRECTORY CONSUL ROUNDS SECONDS PART...

A part is a name, or a name with sizes: consul=100,1000
"""
import sys

from scale_consul import consul
from scale_local import balance, checks, look, table
from scale_peers import peers

PARTS = {"count": "20,250", "consul": "100,1000,5000", "fake": "20000", "table": "100,1000,10000", "look": "100,1000,10000",
         "balance": "1,10,100,1000,5000", "checks": "1000,10000", "peers": "100,1000,5000"}


def main():
    binary, rounds, seconds = sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    for part in sys.argv[6:]:
        name, _, sizes = part.partition("=")
        sizes = [int(size) for size in (sizes or PARTS[name]).split(",")]
        if name in ("consul", "fake", "count"):
            consul(binary if name == "consul" else None, sizes, rounds, seconds, name == "count")
        else:
            {"table": table, "look": look, "balance": balance, "checks": checks, "peers": peers}[name](sizes, rounds)


main()
