"""The families of bench/run for what docs/delivery.md promises to slow readers, after an absence
and to many watchers."""
import functools
import re
import shutil
import sys

from servers import NATS, NatsServer, NuncServer, RedisServer

RATE = 50_000
KEYS = 1_000
MANY_SLOW = 20
MANY_RATE = 5_000
SLOW_MEMORY_BYTES = (64 << 10) + 48 * KEYS
WIDE_WATCHERS = 10_000
RESUME_KEYS = 20_000
RESUME_WRITES = 1_000_000
LISTED_KEYS = 1_000_000
IDLE_WATCHES = 1_000_000
IDLE_SESSIONS = 10_000


def slow_reader(bench):
    """The same with and without the slow one, in turns, each on a server of its own."""
    def measure(server, figure, **more):
        bench.keep(figure, server, server.wires[0], "slow-reader", watchers=KEYS, rate=RATE,
                   duration_ms=bench.seconds(60_000, 4_000), warmup_ms=2_000, **more)

    sides = (functools.partial(measure, figure="no slow reader"),
             functools.partial(measure, figure="slow reader", slow=1))
    for number in range(bench.rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            bench.rounds_of(f"{side.keywords['figure']} {number + 1}", side, rounds=1)

    def memory(server):
        bench.keep("slow readers", server, server.wires[0], "slow-reader", watchers=KEYS,
                   rate=MANY_RATE, slow=MANY_SLOW, duration_ms=bench.seconds(15_000, 8_000),
                   warmup_ms=1_000)
    bench.rounds_of("slow readers", memory, rounds=1, small_pages=True)


def token_of(server):
    """Of the present, without being told everything: that of one key."""
    with server.connected("tcp") as reader:
        reader.readline()
        reader.write(b"use-db bench bench-token\nwatch key:000000000000 since 0\n")
        reader.flush()
        while True:
            line = reader.readline().decode()
            if line.startswith("ready "):
                return line.split()[-1]


def longest_turn(server):
    wall, cpu = re.findall(r"_us: (\d+)", server.ask("debug loop"))
    return {"turn_wall_us": int(wall), "turn_cpu_us": int(cpu)}


def resume(bench):
    keys = bench.seconds(1_000_000, 200_000)
    writes = bench.seconds(RESUME_WRITES, RESUME_WRITES // 5)

    def measure(server):
        bench.load(server, "tcp", "fill", keys=keys)
        token = token_of(server)
        for _ in range(writes // RESUME_KEYS):
            bench.load(server, "tcp", "fill", keys=RESUME_KEYS)
        longest_turn(server)
        result = bench.load(server, "tcp", "resume", since=token)
        bench.note("resume", "tcp", result | longest_turn(server))
    bench.rounds_of("resume", measure, kinds=(NuncServer,))


def listing(bench):
    """A watch of all keys begins with all that is there."""
    def measure(server):
        bench.load(server, "tcp", "fill", keys=bench.seconds(LISTED_KEYS, LISTED_KEYS // 5))
        longest_turn(server)
        result = bench.load(server, "tcp", "resume", since="0")
        bench.note("listing", "tcp", result | longest_turn(server))
    bench.rounds_of("listing", measure, kinds=(NuncServer,))


def wide(bench):
    kinds = [NuncServer, RedisServer]
    if shutil.which(NATS):
        kinds.append(NatsServer)
    else:
        print(f"wide: {NATS} is not there, so it is left out", file=sys.stderr)

    def measure(server):
        wire = "nunc1" if isinstance(server, NuncServer) else server.wires[-1]
        for in_flight in (1, 64):
            bench.keep(f"wide {in_flight}", server, wire, "fanout",
                       watchers=WIDE_WATCHERS, in_flight=in_flight,
                       duration_ms=bench.seconds(10_000, 2_000),
                       warmup_ms=bench.seconds(2_000, 500))
    bench.rounds_of("wide", measure, kinds=kinds)


def idle_watch(bench):
    def measure(server, figure, **more):
        bench.keep(figure, server, server.wires[0], "watch-memory", conns=IDLE_SESSIONS,
                   watchers=bench.seconds(IDLE_WATCHES, IDLE_WATCHES // 5), **more)

    for figure, more in (("idle watch", {}), ("idle watch, own key", {"own_keys": True})):
        bench.rounds_of(figure, functools.partial(measure, figure=figure, **more), rounds=1,
                        small_pages=True)


FAMILIES = {"slow-reader": slow_reader, "resume": resume, "listing": listing, "wide": wide,
            "idle-watch": idle_watch}


def add_slow_reader(table):
    slow, none = "slow reader", "no slow reader"
    for wire, label, bar in (("tcp", "", ("<=", 1.1)), ("resp", ", Redis", None)):
        for field, more in (("p99_us", bar), ("p50_us", None)):
            name = f"slow reader of 1,000: {field[:-3]} ms of the others{label}, against none"
            table.compare(name, (slow, wire, field), (none, wire, field), 0.001, more)
    table.absolute("slow reader: server memory, bytes (one of 20)",
                   ("slow readers", "tcp", "bytes_per_slow"),
                   ("slow readers", "resp", "bytes_per_slow"), 1, SLOW_MEMORY_BYTES)
    for figure in (slow, none):
        field = "memory_growth_max_bytes"
        table.compare(f"{figure}: growth of the server, MB", (figure, "tcp", field),
                      (figure, "resp", field), 1e-6)
    table.compare("slow reader: dropped", (slow, "tcp", "dropped"), (slow, "resp", "dropped"))
    table.compare("slow reader: newest values told when it reads again",
                  (slow, "tcp", "told_newest"), (None, None, None))


def add_resume(table):
    for name, field, scale, limit in (("entries", "entries", 1, RESUME_KEYS),
                                      ("server CPU ms", "server_cpu_ms", 1, 100),
                                      ("longest turn, CPU ms", "turn_cpu_us", 0.001, 5),
                                      ("longest turn, wall ms", "turn_wall_us", 0.001, 5)):
        table.absolute(f"resume after 1 M writes: {name}", ("resume", "tcp", field),
                       (None, None, None), scale, limit)


def add_listing(table):
    for name, field, scale, limit in (("entries", "entries", 1, None),
                                      ("wall ms", "wall_ms", 1, None),
                                      ("server CPU ms", "server_cpu_ms", 1, None),
                                      ("longest turn, CPU ms", "turn_cpu_us", 0.001, 5),
                                      ("longest turn, wall ms", "turn_wall_us", 0.001, 5)):
        table.absolute(f"watch of 1 M keys begins: {name}", ("listing", "tcp", field),
                       (None, None, None), scale, limit)


def add_wide(table):
    for in_flight, redis_bar in ((1, 1.0), (64, 1.2)):
        figure = f"wide {in_flight}"
        for wire, bar in (("resp", redis_bar), ("nats", 1.5)):
            if not table.values(figure, wire, "p99_us"):
                continue
            against = {"resp": "Redis", "nats": "NATS"}[wire]
            name = f"10,000 watchers of nunc.1, {in_flight} in flight"
            table.compare(f"{name}, deliveries/s, against {against}",
                          (figure, "nunc1", "deliveries_per_s"), (figure, wire, "deliveries_per_s"),
                          bar=(">=", bar))
            table.compare(f"{name}, deliveries per server CPU s, against {against}",
                          (figure, "nunc1", "deliveries_per_server_cpu_s"),
                          (figure, wire, "deliveries_per_server_cpu_s"))
            last = ("<=", 1.0) if (in_flight, wire) == (1, "resp") else None
            table.compare(f"{name}, p99 ms to the last, against {against}",
                          (figure, "nunc1", "p99_us"), (figure, wire, "p99_us"), 0.001, last)


def add_rows(table):
    add_slow_reader(table)
    add_resume(table)
    add_listing(table)
    add_wide(table)
    for figure, field, limit in (("idle watch", "bytes_per_watch", 128),
                                 ("idle watch, own key", "bytes", 256 << 20)):
        name = f"{figure}, bytes" + (" of 1,000,000" if field == "bytes" else "")
        table.absolute(name, (figure, "tcp", field), (figure, "resp", field), 1, limit)
