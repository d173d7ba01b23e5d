"""lb under mixed faults: each response is whole and right, or cleanly an error, and in the end
memory and descriptors are where they were.

TANDEM_SOAK is the number of requests (default 6000; the long run has 200000).
"""

import asyncio
import os
import random
import re
import socket
import time

from lab import wait_until
from lab.tandem import Lb, program

FRONT = "10.77.0.11"
WEB = "10.77.0.21"
REQUESTS = int(os.environ.get("TANDEM_SOAK", "6000"))
CLIENTS = 40
SERVERS = 3
SEED = 20261121


def body_of(name, size):
    """What the answer to a request must be: its own name, again and again."""
    unit = f"<{name}>".encode()
    return (unit * (size // len(unit) + 1))[:size]


class Server:
    """Answers as the path says: /KIND/NAME/SIZE."""

    def __init__(self, node, port):
        self.node, self.port = node, port
        self.writers = set()
        self.server = None

    async def start(self):
        sock = self.node.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((WEB, self.port))
        self.server = await asyncio.start_server(self.serve, sock=sock, backlog=1024)

    async def kill(self):
        """As if the process had been killed: nothing listens, what was open is reset."""
        self.server.close()
        for writer in list(self.writers):
            writer.transport.abort()

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while await self.answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def answer(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        _, kind, name, size = head.split()[1].decode().split("/")
        length = re.search(rb"content-length: (\d+)", head, re.I)
        if length:
            body = await reader.readexactly(int(length.group(1)))
            if body != body_of(name, len(body)):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nWRONG")
                return True
        content = body_of(name, int(size))
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content
        if kind == "slow":
            await asyncio.sleep(0.05)
        if kind == "hang":
            await asyncio.sleep(1)
        if kind in ("ok", "slow", "hang"):
            writer.write(whole)
            await writer.drain()
            return True
        if kind == "chunked":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(content), 1000):
                piece = content[at:at + 1000]
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
            return True
        if kind == "until":
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content)
            await writer.drain()
            return False
        if kind == "nonsense":
            writer.write(b"this is no answer\r\n\r\n")
            return False
        if kind == "half":  # and then the end, or a reset
            writer.write(whole[:len(whole) - len(content) // 2 - 1])
            await writer.drain()
            if len(content) % 2:
                writer.transport.abort()
        if kind == "reset":
            writer.transport.abort()
        return False


class Wrong(AssertionError):
    """A response that is neither right nor an error."""


class Client:
    """Asks one question after the other, over connections that it keeps or not."""

    def __init__(self, node, number, tally):
        self.node, self.number, self.tally = node, number, tally
        self.random = random.Random(SEED + number)
        self.reader = self.writer = None

    async def connect(self):
        sock = self.node.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (FRONT, 80))
        self.reader, self.writer = await asyncio.open_connection(sock=sock, limit=1 << 20)

    def close(self, reset=False):
        if self.writer and reset:
            self.writer.transport.abort()
        elif self.writer:
            self.writer.close()
        self.reader = self.writer = None

    def question(self, number):
        kind = self.random.choices(
            ["ok", "chunked", "slow", "until", "half", "reset", "nonsense", "hang"],
            [60, 15, 8, 5, 4, 4, 3, 0.3])[0]
        size = self.random.choice([0, 1, 10, 500, 5000, 20000, 70000, 300000])
        return kind, f"{self.number}-{number}", size

    async def ask(self, number):
        kind, name, size = self.question(number)
        method, body = "GET", b""
        if self.random.random() < 0.15:
            method, body = "POST", body_of(name, self.random.choice([1, 100, 10000, 100000]))
        leaves = self.random.random() < 0.03
        try:
            if not self.writer:
                await self.connect()
            head = f"{method} /{kind}/{name}/{size} HTTP/1.1\r\nHost: x\r\n"
            head += f"Content-Length: {len(body)}\r\n" if body else ""
            self.writer.write(head.encode() + b"\r\n" + body)
            await self.writer.drain()
            if leaves:
                await asyncio.sleep(self.random.random() * 0.02)
                self.tally["left"] += 1
                self.close(reset=self.random.random() < 0.5)
                return
            await self.read_answer(kind, name, size)
        except (OSError, asyncio.IncompleteReadError):
            self.tally["cut"] += 1
            self.close()

    async def read_answer(self, kind, name, size):
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head.split()[1])
        got, ended = await self.read_body(head)
        if status == 200:
            if got != body_of(name, size):
                if not (ended and kind in ("until", "half") and body_of(name, size).startswith(got)):
                    raise Wrong(f"/{kind}/{name}/{size}: {len(got)} bytes, {got[:60]!r}")
            self.tally["right"] += 1
        elif status in (408, 502, 503, 504):
            if b"<h1>%d " % status not in got:
                raise Wrong(f"{status} without its text: {got[:60]!r}")
            self.tally[str(status)] += 1
        else:
            raise Wrong(f"/{kind}/{name}/{size}: {head!r}")
        if ended or b"connection: close" in head.lower() or self.random.random() < 0.1:
            self.close()

    async def read_body(self, head):
        """The body, and whether the connection ended with it."""
        length = re.search(rb"content-length: (\d+)", head, re.I)
        if length:
            return await self.reader.readexactly(int(length.group(1))), False
        if b"chunked" not in head.lower():
            return await self.reader.read(-1), True
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body, False


async def trouble(servers, done):
    """One server after the other is killed and comes back."""
    rng = random.Random(SEED)
    while not done.is_set():
        victim = rng.choice(servers)
        await asyncio.sleep(0.7)
        await victim.kill()
        await asyncio.sleep(0.3)
        await victim.start()


async def soak(client_node, servers, tally):
    for server in servers:
        await server.start()
    done = asyncio.Event()
    clients = [Client(client_node, number, tally) for number in range(CLIENTS)]

    async def run(client):
        for number in range(REQUESTS // CLIENTS):
            await client.ask(number)
        client.close()
    maker = asyncio.create_task(trouble(servers, done))
    try:
        await asyncio.gather(*(run(client) for client in clients))
    finally:
        done.set()
        await maker
        for server in servers:
            await server.kill()


def usage(lb):
    """Descriptors and resident kilobytes of the process."""
    pid = int(lb.ask_json("show")["pid"])
    pid = next(int(entry) for entry in os.listdir("/proc") if entry.isdigit()
               and _is_lb(entry, pid, lb))
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        resident = int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))
    return len(os.listdir(f"/proc/{pid}/fd")), resident


def _is_lb(entry, inner, lb):
    """The process that the node knows as `inner`."""
    try:
        with open(f"/proc/{entry}/status", encoding="ascii") as file:
            text = file.read()
    except OSError:
        return False
    return (re.search(r"^Name:\s+lb$", text, re.M) is not None
            and re.search(rf"^NSpid:.*\s{inner}$", text, re.M) is not None
            and os.stat(f"/proc/{entry}/ns/net").st_ino
            == os.stat(f"/proc/{lb.node.init_pid}/ns/net").st_ino)


def sanitized():
    with open(program("lb/lb"), "rb") as file:
        data = file.read()
    return b"__asan_init" in data or b"__tsan_init" in data


def test_soak(lab):
    """mixed faults: every answer is whole and right, or cleanly an error; nothing is left behind"""
    client = lab.node("client", "10.77.0.100/24")
    node = lab.node("lb", f"{FRONT}/24")
    web = lab.node("web", f"{WEB}/24")
    servers = [Server(web, 8001 + number) for number in range(SERVERS)]
    lb = Lb(node, {
        "timeouts": {"connect": "300ms", "client": "5s", "server": "500ms"},
        "listeners": {"in": {"bind": f"{FRONT}:80", "pool": "web"}},
        "pools": {"web": {
            "idle": "300ms",
            "check": {"type": "tcp", "inter": "100ms", "fall": 1, "rise": 1},
            "servers": {f"s{s.port}": {"address": f"{WEB}:{s.port}", "maxconn": 30}
                        for s in servers}}}})
    tally = dict.fromkeys(["right", "cut", "left", "408", "502", "503", "504"], 0)
    before = usage(lb)
    began = time.monotonic()
    asyncio.run(soak(client, servers, tally))
    took = time.monotonic() - began
    total = sum(tally.values())
    print(f"# {total} requests in {took:.1f} s: {tally}", flush=True)
    assert total == REQUESTS // CLIENTS * CLIENTS, tally
    assert tally["right"] > total * 0.8, tally

    def quiet():
        show = lb.ask_json("show")
        pool = show["pools"][0]
        return (show["connections"] == 0 and pool["now"] == 0 and pool["waiting"] == 0
                and usage(lb)[0] <= before[0])
    wait_until(quiet, 10, "no connection, no slot, no descriptor more than before")
    after = usage(lb)
    print(f"# descriptors {before[0]} -> {after[0]}, resident {before[1]} -> {after[1]} kB", flush=True)
    if not sanitized():  # sanitizers keep what was freed; they find leaks when lb ends
        assert after[1] - before[1] < 12000, (before, after)
    assert lb.stop() == 0
