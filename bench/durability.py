"""The families of bench/run that keep data on the disk: log, snapshot, recovery.

Each side is a server with a new folder, on the file system of $TMPDIR or else of build/.
"""
import contextlib
import os
import pathlib
import re
import shutil
import tempfile
import threading
import time

from servers import ROOT, NuncServer, RedisServer, Trouble

SNAPSHOT_SECONDS = 110
VALUE_BYTES_LARGE = 1000


@contextlib.contextmanager
def data_folder():
    parent = pathlib.Path(os.environ.get("TMPDIR", ROOT / "build"))
    parent.mkdir(parents=True, exist_ok=True)
    if file_system(parent) in ("tmpfs", "ramfs"):
        raise Trouble(f"{parent} is in memory: TMPDIR must name a folder on a disk")
    folder = tempfile.mkdtemp(prefix="nunc-bench-", dir=parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def file_system(folder):
    mounts = [line.split()[1:3] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    inside = [(len(place), kind) for place, kind in mounts
              if pathlib.Path(place) in (folder.resolve(), *folder.resolve().parents)]
    return max(inside)[1]


class Side:
    """One way to run one of the two: `label` stands where other families name the wire."""

    def __init__(self, label, kind, options=(), on_disk=True, level=None):
        self.label = label
        self.kind = kind
        self.options = options
        self.on_disk = on_disk
        self.level = level

    @property
    def wire(self):
        return self.kind.wires[0]

    def serve(self, core, folder):
        return self.kind(core, folder if self.on_disk else None, self.options)

    def prepare(self, server):
        if self.kind is NuncServer:
            level = f" ack {self.level}" if self.level else ""
            server.ask(f"create-db bench bench-token{level}")


# Neither side makes its log shorter by itself in a run: when it did, it would be measured too.
NO_SNAPSHOT = ("--snapshot-every", "100GiB", "--oplog-max", "100GiB")
NO_REWRITE = ("--auto-aof-rewrite-percentage", "0")

MEMORY = Side("nunc memory", NuncServer, on_disk=False)
WRITTEN = Side("nunc written", NuncServer, NO_SNAPSHOT)
DISK = Side("nunc disk", NuncServer, NO_SNAPSHOT, level="disk")
EVERYSEC = Side("redis everysec", RedisServer,
                ("--appendonly", "yes", "--appendfsync", "everysec", *NO_REWRITE))
ALWAYS = Side("redis always", RedisServer,
              ("--appendonly", "yes", "--appendfsync", "always", *NO_REWRITE))
AOF = Side("redis aof", RedisServer,
           ("--appendonly", "yes", "--appendfsync", "everysec", "--aof-use-rdb-preamble", "no",
            *NO_REWRITE))
RDB = Side("redis rdb", RedisServer, ("--appendonly", "no"))


def rounds_of(bench, family, sides, measure):
    """Calls measure(side, server, folder) with fresh servers, the order turned round each time."""
    for number in range(bench.rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            if bench.args.peer not in ("both", side.kind.name):
                continue
            print(f"{family}: round {number + 1}, {side.label}", file=bench.log)
            with data_folder() as folder, side.serve(bench.server_core, folder) as server:
                side.prepare(server)
                measure(side, server, folder)


def note_turns(bench, figure, side, server):
    """The longest turn of our loop since this was asked last."""
    if side.kind is NuncServer:
        wall, cpu = re.findall(r"_us: (\d+)", server.ask("debug loop"))
        bench.note(figure, side.label, {"wall_us": int(wall), "cpu_us": int(cpu)})


def log(bench):
    def ops(side, server, name, **options):
        result = bench.load(server, side.wire, "ops", op="set",
                            duration_ms=bench.seconds(3000, 700),
                            warmup_ms=bench.seconds(700, 200), **options)
        bench.note(name, side.label, result)

    def measure(side, server, _):
        bench.load(server, side.wire, "fill")
        if side in (MEMORY, WRITTEN, EVERYSEC):
            ops(side, server, "set pipeline 16, 50", conns=50, pipeline=16)
        if side in (DISK, ALWAYS):
            ops(side, server, "set, 1", conns=1, pipeline=1)
            ops(side, server, "set, 50", conns=50, pipeline=1)
        if side in (WRITTEN, DISK, ALWAYS):
            ops(side, server, "set, 500", conns=500, pipeline=1)
        note_turns(bench, "turn, log", side, server)
    rounds_of(bench, "log", (MEMORY, WRITTEN, EVERYSEC, DISK, ALWAYS), measure)


def wait_for_bgsave(server):
    server.ask("BGSAVE")
    until = time.monotonic() + SNAPSHOT_SECONDS
    while "rdb_bgsave_in_progress:1" in server.ask("INFO persistence"):
        if time.monotonic() > until:
            raise Trouble("BGSAVE does not end")
        time.sleep(0.05)


def snapshot(bench):
    keys = bench.seconds(1_100_000, 150_000)

    def measure(side, server, folder):
        bench.load(server, side.wire, "fill", keys=keys, value_bytes=VALUE_BYTES_LARGE, noise=True)
        # 100,000 of them become small now and not while it counts.
        bench.load(server, side.wire, "fill")
        time.sleep(bench.seconds(5, 1))  # until the disk has what was filled
        rate = {"op": "set", "conns": 50, "pipeline": 1, "rate": 20_000}
        note_turns(bench, "turn, fill", side, server)
        bench.note("idle", side.label, bench.load(
            server, side.wire, "ops", duration_ms=bench.seconds(10_000, 2000),
            warmup_ms=bench.seconds(1000, 300), **rate))
        note_turns(bench, "turn, idle", side, server)
        started = time.monotonic()
        make = (lambda: server.ask("snapshot true bench")) if side is WRITTEN else (
            lambda: wait_for_bgsave(server))
        result = bench.load(server, side.wire, "ops", meanwhile=make, **rate)
        result["seconds"] = time.monotonic() - started
        result["file_bytes"] = max(file.stat().st_size for file in pathlib.Path(folder).rglob("*")
                                   if file.name.startswith(("snapshot", "dump")))
        bench.note("in snapshot", side.label, result)
        note_turns(bench, "turn, snapshot", side, server)
    rounds_of(bench, "snapshot", (WRITTEN, EVERYSEC), measure)


def recovery(bench):
    keys = bench.seconds(1_000_000, 200_000)
    short_log = 10_000

    def start_again(side, figure, folder):
        for _ in range(bench.seconds(3, 1)):
            started = time.monotonic()
            with side.serve(bench.server_core, folder) as server:
                bench.note(figure, side.label, {"seconds": time.monotonic() - started})
                note_turns(bench, "turn, recovery", side, server)

    def measure(side, server, folder):
        bench.load(server, side.wire, "fill", keys=keys)
        if side is RDB:
            server.ask("SAVE")
        server.stop()
        start_again(side, "recovery, log" if side is WRITTEN else "recovery", folder)
        if side is WRITTEN:
            with side.serve(bench.server_core, folder) as again:
                again.ask("snapshot true bench")
                bench.load(again, side.wire, "fill", keys=short_log)
            start_again(side, "recovery, snapshot", folder)
    rounds_of(bench, "recovery", (WRITTEN, AOF, RDB), measure)


FAMILIES = {"log": log, "snapshot": snapshot, "recovery": recovery}
TURN_MS_MAX = 5


def add_rows(table):
    nunc, disk, always = WRITTEN.label, DISK.label, ALWAYS.label
    figure = "set pipeline 16, 50"
    for other, bar in ((MEMORY.label, 0.9), (EVERYSEC.label, 1.2)):
        table.compare(f"written, pipeline 16, ops/s, against {other}",
                      (figure, nunc, "ops_per_s"), (figure, other, "ops_per_s"), bar=(">=", bar))
        table.compare(f"written, pipeline 16, ops per server CPU s, against {other}",
                      (figure, nunc, "ops_per_server_cpu_s"),
                      (figure, other, "ops_per_server_cpu_s"))
    for conns, bar in ((1, 1.5), (50, 1.5), (500, 1.25)):
        figure = f"set, {conns}"
        table.compare(f"disk, {conns} connections, ops/s, against {always}",
                      (figure, disk, "ops_per_s"), (figure, always, "ops_per_s"), bar=(">=", bar))
        table.compare(f"disk, {conns} connections, p99 ms", (figure, disk, "p99_us"),
                      (figure, always, "p99_us"), scale=0.001)
    table.compare("disk, 500 connections, ops/s, against own written",
                  ("set, 500", disk, "ops_per_s"), ("set, 500", nunc, "ops_per_s"),
                  bar=(">=", 0.9))
    for label, bar in ((nunc, ("<=", 2)), (EVERYSEC.label, None)):
        for field, limit in (("p999_us", bar), ("max_us", None)):
            name = "p99.9" if field == "p999_us" else "max"
            table.compare(f"20,000 SET/s in a snapshot, {name} ms, against idle: {label}",
                          ("in snapshot", label, field), ("idle", label, field), scale=0.001,
                          bar=limit)
    table.compare("seconds of a snapshot", ("in snapshot", nunc, "seconds"),
                  ("in snapshot", EVERYSEC.label, "seconds"))
    for kind in ("snapshot", "log"):
        for other, bar in ((AOF.label, 0.5), (RDB.label, 1.0)):
            table.compare(f"recovery from the {kind}, s, against {other}",
                          (f"recovery, {kind}", nunc, "seconds"), ("recovery", other, "seconds"),
                          bar=("<=", bar))
    for family in ("log", "fill", "idle", "snapshot"):
        for field in ("wall_us", "cpu_us"):
            for label in (nunc, disk):
                table.absolute(f"longest turn, {family}, {field[:-3]} ms: {label}",
                               (f"turn, {family}", label, field), (None, None, None), 0.001,
                               TURN_MS_MAX)
