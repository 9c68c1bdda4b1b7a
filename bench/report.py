"""The table of bench/run: what was seen, what against, which bars are met."""
import statistics


class Table:
    """Rows of the report: what was seen, what it is measured against, whether the bar is met."""

    HEAD = ("figure", "nunc", "against", "ratio", "bar", "")

    def __init__(self, results):
        self.results = results
        self.rows = []
        self.missed = 0

    def values(self, figure, wire, field):
        return [result[field] for result in self.results.get((figure, wire), [])]

    def add(self, name, seen, against, ratio, bar):
        """`bar` is None or (">=" or "<=", limit, the value that is compared)."""
        verdict = ""
        text = "-"
        if bar is not None:
            sign, limit, value = bar
            met = value >= limit if sign == ">=" else value <= limit
            verdict = "pass" if met else "MISSED"
            self.missed += not met
            text = f"{sign} {limit:g}"
        self.rows.append({"figure": name, "nunc": seen, "against": against, "ratio": ratio,
                          "bar": text, "verdict": verdict})

    def compare(self, name, ours, theirs, scale=1.0, bar=None):
        """`ours` and `theirs`: (figure, wire, field). The ratio is the median of the rounds'."""
        seen, against = self.values(*ours), self.values(*theirs)
        if not seen:
            return
        ratios = [a / b for a, b in zip(seen, against) if b]
        ratio = statistics.median(ratios) if ratios else None
        self.add(name, statistics.median(seen) * scale,
                 statistics.median(against) * scale if against else None, ratio,
                 (bar[0], bar[1], ratio) if bar and ratio is not None else None)

    def absolute(self, name, ours, theirs, scale, limit):
        seen, against = self.values(*ours), self.values(*theirs)
        if not seen:
            return
        value = statistics.median(seen) * scale
        other = statistics.median(against) * scale if against else None
        self.add(name, value, other, value / other if other else None,
                 limit and ("<=", limit, value))

    def text(self):
        lines = [self.HEAD]
        for row in self.rows:
            lines.append((row["figure"], number(row["nunc"]), number(row["against"]),
                          "-" if row["ratio"] is None else f"{row['ratio']:.2f}", row["bar"],
                          row["verdict"]))
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.HEAD))]
        return "\n".join(
            "  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
            for line in lines)


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def add_throughput(table, figures, field, bars, unit):
    for figure in figures:
        table.compare(f"{figure}, {unit}/s", (figure, "tcp", field + "_per_s"),
                      (figure, "resp", field + "_per_s"), bar=(">=", bars[figure]))
        table.compare(f"{figure}, {unit} per server CPU s",
                      (figure, "tcp", field + "_per_server_cpu_s"),
                      (figure, "resp", field + "_per_server_cpu_s"))
    for figure in figures:
        table.compare(f"{figure}, WebSocket against own TCP", (figure, "ws", field + "_per_s"),
                      (figure, "tcp", field + "_per_s"), bar=(">=", 0.9))
        table.compare(f"{figure}, WebSocket, {unit} per server CPU s",
                      (figure, "ws", field + "_per_server_cpu_s"),
                      (figure, "tcp", field + "_per_server_cpu_s"))


def add_curve(table, results):
    """CPU per change: only the watchers connected, against 10,000 connections."""
    def steps(connections, wire):
        found = results.get((f"curve {connections}", wire), [{"steps": []}])[0]["steps"]
        return {step["watchers"]: step["cpu_us_per_change"] for step in found}

    few, many, redis = steps(1, "tcp"), steps(10000, "tcp"), steps(1, "resp")
    for watchers, cost in few.items():
        other = redis.get(watchers)
        table.add(f"{watchers:,} watchers, CPU us per change", cost, other,
                  cost / other if other else None, None)
    for watchers, cost in many.items():
        ratio = cost / few[watchers]
        bar = ("<=", 1.5, ratio) if watchers < 10000 else None
        table.add(f"{watchers:,} watchers of 10,000 connections, against alone", cost,
                  few[watchers], ratio, bar)


def make_table(results):
    table = Table(results)
    add_throughput(table, ("get pipeline 16", "set pipeline 16", "get pipeline 1",
                           "set pipeline 1"), "ops",
                   {"get pipeline 16": 1.0, "set pipeline 16": 1.0, "get pipeline 1": 0.95,
                    "set pipeline 1": 0.95}, "ops")
    add_throughput(table, ("fanout 1 in flight", "fanout 64 in flight"), "deliveries",
                   {"fanout 1 in flight": 1.0, "fanout 64 in flight": 0.9}, "deliveries")
    for rate in (10, 100):
        figure = f"delivery at {rate}/s"
        table.compare(f"{figure}, p50 ms", (figure, "tcp", "p50_us"), (figure, "resp", "p50_us"),
                      scale=0.001)
        table.compare(f"{figure}, p99 ms", (figure, "tcp", "p99_us"), (figure, "resp", "p99_us"),
                      scale=0.001, bar=("<=", 1.0))
        table.compare(f"{figure}, p99 ms, WebSocket", (figure, "ws", "p99_us"),
                      (figure, "resp", "p99_us"), scale=0.001)
    for gap in (0, 2):
        figure = f"single watcher, {gap} ms after"
        table.compare(f"{figure} 5,000, p50 ms", (figure, "tcp", "p50_us"),
                      (figure, "resp", "p50_us"), scale=0.001)
        for wire, label in (("tcp", ""), ("ws", ", WebSocket")):
            table.absolute(f"{figure} 5,000, max ms{label}", (figure, wire, "max_us"),
                           (figure, "resp", "max_us"), 0.001, 10)
    bytes_field = "bytes_per_watcher"
    table.absolute("idle WebSocket watcher, bytes", ("idle watcher", "ws", bytes_field),
                   ("idle watcher", "resp", bytes_field), 1, 4096)
    table.compare("idle TCP watcher, bytes", ("idle watcher, TCP", "tcp", bytes_field),
                  ("idle watcher, TCP", "resp", bytes_field))
    table.compare("idle WebSocket watcher of its own key, bytes",
                  ("idle watcher, own key", "ws", bytes_field),
                  ("idle watcher, own key", "resp", bytes_field))
    table.compare("key of 16 bytes, value of 100, bytes", ("key", "tcp", "bytes_per_key"),
                  ("key", "resp", "bytes_per_key"), bar=("<=", 1.0))
    add_curve(table, results)
    return table
