#!/usr/bin/env python3
"""Checks that every room of src/ includes only what the table below allows.

usage: check_layers.py [REPOSITORY]

Source: docs/architecture.md, "Rooms". Exit status 1 and one line per violation.
"""

import pathlib
import re
import sys

FOUNDATION = ["base"]
STATE = ["base", "env", "core", "storage", "cluster"]
DOORS = ["base", "env", "net", "core", "language", "node"]
SERVER = DOORS + ["storage", "cluster", "transport", "admin", "posix"]

ROOMS = {
    "base": [],
    "env": FOUNDATION,
    "core": FOUNDATION,
    "language": ["base", "core"],
    "storage": ["base", "env", "core"],
    "cluster": FOUNDATION,
    "node": STATE,
    "net": FOUNDATION,
    "transport": DOORS,
    "admin": ["base", "core", "node", "net"],
    "posix": ["base", "env", "net"],
    "sim": STATE + ["language", "node"],
    "server": SERVER,
    "cli": SERVER + ["server", "sim"],
}

# Third-party headers of a room, by prefix. Each library is included by one file of the room, so
# that leaving it later means changing that file; tl/expected is the shape of Result<T> itself.
THIRD_PARTY = {
    "base": ["tl/", "spdlog/", "xxhash.h"],
    "language": ["simdjson.h"],
    "storage": ["zstd.h"],
    "net": ["openssl/", "zlib.h", "boost/"],
    "transport": ["boost/smart_ptr/"],  # pointers that count without locks, for each delivery
    "admin": ["nlohmann/", "prometheus/"],
    "posix": ["curl/", "sodium.h"],
    "server": ["CLI/", "toml++/"],
    "cli": ["CLI/", "curl/", "histedit.h", "editline/"],
}
TEST_THIRD_PARTY = ["gtest/", "nlohmann/"]

# These rooms decide and do not act: they get time, randomness, bytes and ids as arguments.
PURE_ROOMS = ["core", "language", "storage", "cluster", "node", "env", "sim"]
WORLD = re.compile(
    r"^((sys|netinet|arpa|net|linux)/.*"
    r"|(unistd|fcntl|poll|netdb|pthread|signal|dirent|termios|sched|semaphore|ifaddrs)\.h"
    r"|thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token"
    r"|random|fstream|filesystem|csignal)$"
)
# What the compiler and the C library bring. Any other header in angle brackets is third-party.
SYSTEM = re.compile(
    r"^([a-z_0-9]+"
    r"|(sys|netinet|arpa|net|linux)/.*"
    r"|(unistd|fcntl|poll|netdb|pthread|signal|dirent|termios|sched|semaphore|ifaddrs)\.h"
    r"|(malloc|errno|getopt|pwd|grp|syslog|x86intrin|immintrin|emmintrin)\.h)$"
)
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>|(.*))')


def check_ours(room, header):
    """Returns what is wrong with `#include "header"` in a file of `room`, or None."""
    target, slash, _ = header.partition("/")
    if not slash:
        return f'"{header}" must be written with its room, as "{room}/{header}"'
    if target not in ROOMS:
        return f'"{header}": there is no room {target}'
    if target != room and target not in ROOMS[room]:
        return f'"{header}": {room} may not include {target}'
    return None


def third_party_prefix(room, header, is_test):
    """The prefix of the table that allows `header` in `room`, or None."""
    allowed = THIRD_PARTY.get(room, []) + (TEST_THIRD_PARTY if is_test else [])
    return next((prefix for prefix in allowed if header.startswith(prefix)), None)


def check_file(path, room, users):
    """Yields (line number, complaint); notes in `users` which file uses which library."""
    is_test = path.stem.endswith(("_test", "_fixture"))
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        ours, theirs, other = match.groups()
        if other is not None:
            yield number, "an include must name its header"
        elif ours is not None:
            complaint = check_ours(room, ours)
            if complaint:
                yield number, complaint
        elif WORLD.match(theirs) and room in PURE_ROOMS and not is_test:
            yield number, f"<{theirs}>: {room} does not reach the outside world"
        elif not SYSTEM.match(theirs):
            prefix = third_party_prefix(room, theirs, is_test)
            if prefix is None:
                yield number, f"<{theirs}>: {room} may not include this library"
            elif not is_test:
                users.setdefault((room, prefix), []).append(path)


def check(repository):
    """Returns the list of complaints about repository/src."""
    source = pathlib.Path(repository) / "src"
    complaints = []
    users = {}
    files = sorted(p for p in source.rglob("*") if p.suffix in (".h", ".cpp"))
    for path in files:
        room = path.relative_to(source).parts[0]
        if room not in ROOMS:
            complaints.append(f"{path}: {room} is not a room of the table in this check")
            continue
        complaints += [f"{path}:{number}: {text}" for number, text in check_file(path, room, users)]
    for (room, prefix), paths in sorted(users.items()):
        names = sorted({path.name for path in paths})
        if len(names) > 1:
            complaints.append(f"{source}/{room}: {prefix} is included by {', '.join(names)}; "
                              "one file only")
    if not files:
        complaints.append(f"{source}: no source files found")
    return complaints


def main():
    default = pathlib.Path(__file__).resolve().parent.parent
    complaints = check(sys.argv[1] if len(sys.argv) > 1 else default)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
