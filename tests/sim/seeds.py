#!/usr/bin/env python3
"""Runs the simulator: first the kept seeds, then a range of them.

usage: seeds.py NUNC KEPT COUNT SECONDS [FIRST] [NODES]   run and expect no violation
       seeds.py --same NUNC SEED SECONDS [NODES]    run twice and compare the hashes
       seeds.py --clean NUNC                        no planted bug is in the program
NODES may be 2+1: two nodes and an arbiter node.

KEPT has one `SEED SECONDS [NODES]` a line: scenarios that once failed.
"""

import re
import subprocess
import sys


def simulate(nunc, *arguments):
    return subprocess.run([nunc, "simulate", *arguments], capture_output=True, text=True,
                          check=False)


def shape(nodes):
    return ["--arbiter-node"] if nodes == "2+1" else ["--nodes", nodes]


def run(nunc, kept, count, seconds, first="1", nodes="1"):
    with open(kept, encoding="utf-8") as file:
        scenarios = [line.split("#")[0].split() for line in file]
    for seed, length, *of in filter(None, scenarios):
        if (of or ["1"]) != [nodes]:
            continue
        done = simulate(nunc, "--seed", seed, "--seconds", length, *shape(nodes))
        if done.returncode != 0:
            print(done.stdout + done.stderr)
            return 1
    done = simulate(nunc, "--seed", first, "--seeds", count, "--seconds", seconds,
                    *shape(nodes))
    print("\n".join(line for line in done.stdout.splitlines()
                    if line.startswith(("violated", "seeds"))), done.stderr)
    return done.returncode


def trace_hash(nunc, seed, seconds, nodes):
    done = simulate(nunc, "--seed", seed, "--seconds", seconds, *shape(nodes))
    return re.search(r"trace hash (\w+)", done.stdout)[1]


def same(nunc, seed, seconds, nodes="1"):
    hashes = [trace_hash(nunc, seed, seconds, nodes) for _ in range(2)]
    other = trace_hash(nunc, seed + "1", seconds, nodes)
    print(*hashes, other)
    return 0 if hashes[0] == hashes[1] != other else 1


def clean(nunc):
    symbols = subprocess.run(["nm", "--demangle", nunc], capture_output=True, text=True,
                             check=True).stdout.splitlines()
    found = [line for line in symbols if "Planted" in line or "ChosenBug" in line]
    print("symbols:", len(symbols), "of planted bugs:", found)
    return 1 if found or not symbols else 0


def main():
    modes = {"--same": same, "--clean": clean}
    mode = modes.get(sys.argv[1])
    return mode(*sys.argv[2:]) if mode else run(*sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
