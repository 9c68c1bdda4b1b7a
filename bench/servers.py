"""The servers that bench/run measures, each pinned to one core, and where their data goes."""
import contextlib
import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
NUNC = os.environ.get("NUNC_BINARY", str(ROOT / "build/release/nunc"))
LOAD = os.environ.get("NUNC_LOAD", str(ROOT / "build/release/bench/nunc-load"))
REDIS = os.environ.get("REDIS_BINARY", "redis-server")
NATS = os.environ.get("NATS_BINARY", "nats-server")
START_SECONDS = 60
STOP_SECONDS = 10
ADMIN_SECONDS = 120
PR_SET_PDEATHSIG = 1
PR_SET_THP_DISABLE = 41


class Trouble(Exception):
    """The run cannot go on; the text says why."""


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def die_with_parent_in_small_pages():
    die_with_parent()
    ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


def pinned(core, command):
    return ["taskset", "-c", str(core)] + command


class Server:
    """A server process on a loopback port of the system's choice; `ports` maps wire to port."""

    name = ""
    wires = ()

    def __init__(self, core, folder=None, options=(), small_pages=False):
        """`small_pages`: without huge pages, which hide what is smaller than 2 MiB."""
        self.core = core
        self.prepare = die_with_parent_in_small_pages if small_pages else die_with_parent
        self.folder = folder
        self.options = options
        self.ports = {}
        self.process = None
        self.output = tempfile.TemporaryFile()

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def spawn(self, command):
        self.process = subprocess.Popen(pinned(self.core, command), stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=subprocess.STDOUT,
                                        cwd=tempfile.gettempdir(), preexec_fn=self.prepare)

    def printed(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def wait_until(self, ready):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if ready():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.002)
        raise Trouble(f"{self.name} did not start:\n{self.printed()[-2000:]}")

    @contextlib.contextmanager
    def connected(self, wire):
        with socket.create_connection(("127.0.0.1", self.ports[wire]), ADMIN_SECONDS) as connection:
            yield connection.makefile("rwb")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()


class NuncServer(Server):
    """In memory, unless `folder` says where the data goes."""

    name = "nunc"
    wires = ("tcp", "ws")

    def start(self):
        kept = ["--memory"] if self.folder is None else ["--data", self.folder]
        self.spawn([NUNC, "start", *kept, *self.options, "-w", "127.0.0.1:0", "-h", "127.0.0.1:0",
                    "-t", "127.0.0.1:0"])
        self.wait_until(lambda: "nunc ready" in self.printed())
        found = re.findall(r"^nunc (tcp|ws|http) \S+:(\d+)\s*$", self.printed(), re.MULTILINE)
        self.ports = {wire: int(port) for wire, port in found}
        self.ports["nunc1"] = self.ports["ws"]

    def ask(self, *lines):
        """Runs admin commands one after the other; the answer of the last one."""
        with self.connected("tcp") as reader:
            reader.readline()
            for line in ("auth admin admin-pwd", *lines):
                reader.write(line.encode() + b"\n")
                reader.flush()
                answer = b""
                while not answer.endswith(b"ok \n"):
                    more = reader.readline()
                    if not more or more.startswith(b"error"):
                        raise Trouble(f"{line}: {more.decode(errors='replace')}")
                    answer += more
        return answer.decode()


class RedisServer(Server):
    name = "redis"
    wires = ("resp",)

    def start(self):
        # Redis takes no port 0. The system names a free one; another process could still be
        # quicker, which shows as a start that failed.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.ports = {"resp": port}
        kept = ["--dir", self.folder, *self.options] if self.folder else ["--appendonly", "no"]
        self.spawn([REDIS, "--port", str(port), "--bind", "127.0.0.1", "--save", "", *kept,
                    "--io-threads", "1", "--maxclients", "15000"])
        self.wait_until(lambda: "Ready to accept connections" in self.printed())

    def ask(self, command):
        """Runs one command; the text of its answer, whatever kind it is."""
        with self.connected("resp") as reader:
            reader.write(command.encode() + b"\r\n")
            reader.flush()
            head = reader.readline().decode().strip()
            if head.startswith("-"):
                raise Trouble(f"{command}: {head}")
            return reader.read(int(head[1:])).decode() if head.startswith("$") else head[1:]


class NatsServer(Server):
    """Core NATS: what is published is told to who is there, and nothing is kept."""

    name = "nats"
    wires = ("nats",)

    def start(self):
        self.spawn([NATS, "--addr", "127.0.0.1", "--port", "-1"])
        self.wait_until(lambda: "Server is ready" in self.printed())
        address = r"Listening for client connections on \S+:(\d+)"
        self.ports = {"nats": int(re.search(address, self.printed()).group(1))}
