"""lb in tcp mode, and the PROXY protocol in both modes."""

import hashlib
import re
import socket
import threading
import time

from lab import wait_until
from lab.scripted import END, OPEN, RESET, Scripted, dial, receive, replies, talk
from lab.tandem import Lb

FRONT = "10.77.0.11"
WEB = "10.77.0.21"
CLIENT = "10.77.0.100"
WHERE = (FRONT, 80)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n"


class Stage:
    def __init__(self, lab, script=None, listener=None, pool=None, server=None, timeouts=None,
                 mode="tcp"):
        self.client = lab.node("client", f"{CLIENT}/24")
        self.node = lab.node("lb", f"{FRONT}/24")
        self.web = Scripted(lab.node("web", f"{WEB}/24"), WEB, 80, script)
        self.lb = Lb(self.node, {
            "logs": ["stderr"],
            "timeouts": {"connect": "1s", "client": "5s", "server": "5s", **(timeouts or {})},
            "listeners": {"in": {"bind": f"{FRONT}:80", "mode": mode, "pool": "web",
                                 "forwarded_for": False, **(listener or {})}},
            "pools": {"web": {"mode": mode, **(pool or {}),
                              "servers": {"s1": {"address": f"{WEB}:80", **(server or {})}}}}})

    def talk(self, *pieces, **how):
        return talk(self.client, WHERE, *pieces, **how)

    def wait_log(self, pattern):
        def found():
            return [line for line in self.lb.log.read() if re.search(pattern, line)]
        return wait_until(found, 5, f"line with {pattern!r}")[-1]


def echo(connection):
    while data := connection.sock.recv(65536):
        connection.send(data)


# --- bytes ---


def test_server_speaks_first(lab):
    """a protocol in which the server begins, and one in which the client does"""
    def script(connection):
        connection.send(b"220 ready\r\n")
        echo(connection)
    stage = Stage(lab, script)
    with dial(stage.client, WHERE) as sock:
        assert receive(sock, until=b"\n") == b"220 ready\r\n"
        sock.sendall(b"EHLO\r\n")
        assert receive(sock, until=b"\n") == b"EHLO\r\n"


def test_half_close(lab):
    """each side may end first; the other direction goes on until it ends, too"""
    def answer_at_the_end(connection):
        data = b""
        while more := connection.sock.recv(65536):
            data += more
        connection.send(b"%d bytes" % len(data))

    def end_first(connection):
        connection.send(b"bye")
        connection.sock.shutdown(socket.SHUT_WR)
        connection.note(connection.read(100000))
    stage = Stage(lab, answer_at_the_end)
    assert stage.talk(b"x" * 100000, shut=True, wait=2) == b"100000 bytes" + END
    stage.web.script = end_first
    with dial(stage.client, WHERE) as sock:
        assert receive(sock) == b"bye" + END
        sock.sendall(b"y" * 100000)
        sock.shutdown(socket.SHUT_WR)
        wait_until(lambda: stage.web.seen, 5, "the rest")
    assert stage.web.seen == [b"y" * 100000]


def test_whole(lab):
    """64 MB in each direction at once come out as they went in"""
    size = 64 << 20
    block = bytes(range(256)) * 256

    def script(connection):
        sums = hashlib.sha256()
        done = threading.Event()

        def take():
            left = size
            while left:
                data = connection.sock.recv(1 << 20)
                sums.update(data)
                left -= len(data)
            done.set()
        threading.Thread(target=take, daemon=True).start()
        for _ in range(size // len(block)):
            connection.send(block)
        done.wait(30)
        connection.send(sums.digest())
    stage = Stage(lab, script, timeouts={"client": "30s", "server": "30s"})
    expected = hashlib.sha256(block * (size // len(block))).digest()
    with dial(stage.client, WHERE) as sock:
        sock.settimeout(30)

        def give():
            for _ in range(size // len(block)):
                sock.sendall(block)
        giver = threading.Thread(target=give, daemon=True)
        giver.start()
        sums, left = hashlib.sha256(), size
        while left:
            data = sock.recv(min(1 << 20, left))
            sums.update(data)
            left -= len(data)
        assert sums.digest() == expected
        assert receive(sock, 10)[:32] == expected
        giver.join(10)
    line = stage.wait_log(r" in web/s1 ")
    assert re.search(rf"/\d+ {size + 32} (--|CD|SD) ", line), line


def test_slow_reader(lab):
    """a client that does not read holds back the server"""
    sent = [0]

    def script(connection):
        block = b"x" * 65536
        while True:
            connection.send(block)
            sent[0] += len(block)
    stage = Stage(lab, script, timeouts={"client": "30s", "server": "30s"})
    with dial(stage.client, WHERE) as sock:
        before = -1
        while before != sent[0]:
            before = sent[0]
            time.sleep(0.3)
        assert sent[0] < 32 << 20, sent
        sock.recv(1)


def test_byte_counts(lab):
    """the log's byte count is what the client got"""
    stage = Stage(lab, lambda connection: connection.send(connection.read(7) * 100))
    assert stage.talk(b"1234567") == b"1234567" * 100 + END
    assert " 700 " in stage.wait_log(" in web/s1 ")


# --- ends ---


def test_reset(lab):
    """a reset by either side reaches the other"""
    def script(connection):
        connection.sock.recv(10)
        connection.reset()
    stage = Stage(lab, script)
    assert stage.talk(b"hello") == RESET
    stage.wait_log(" SD ")
    ended = threading.Event()

    def wait_for_reset(connection):
        try:
            while connection.sock.recv(10):
                pass
        except ConnectionResetError:
            ended.set()
    stage.web.script = wait_for_reset
    with dial(stage.client, WHERE) as sock:
        sock.sendall(b"hello")
        time.sleep(0.1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert ended.wait(5)
    stage.wait_log(" CD ")


def test_timeouts(lab):
    """silence ends a session; after a half-close a shorter silence does"""
    stage = Stage(lab, echo, timeouts={"client": "300ms", "server": "1s"})
    began = time.monotonic()
    assert stage.talk(b"hello", wait=3).startswith(b"hello")
    assert 0.25 < time.monotonic() - began < 1.5
    stage.wait_log(" cD ")
    with dial(stage.client, WHERE) as sock:
        for _ in range(8):  # not silent: stays
            sock.sendall(b"x")
            assert receive(sock, 1, until=b"x") == b"x"
            time.sleep(0.1)


def test_nobody(lab):
    """no server: the connection ends, with SC in the log"""
    stage = Stage(lab, echo, server={"disabled": True})
    assert stage.talk(b"hello", wait=2) in (END, RESET)
    assert "in web/<NOSRV>" in stage.wait_log(" SC ")


# --- PROXY ---


def test_proxy_out(lab):
    """send_proxy tells the server who the client is, in both versions and both modes"""
    def take(connection):
        connection.note(connection.until(b"\r\n"))
        connection.send(connection.read(5))
    stage = Stage(lab, take, server={"send_proxy": "v1"})
    with dial(stage.client, WHERE) as sock:
        port = sock.getsockname()[1]
        sock.sendall(b"hello")
        assert receive(sock, until=b"hello") == b"hello"
    assert stage.web.seen == [b"PROXY TCP4 %s %s %d 80\r\n" % (CLIENT.encode(), FRONT.encode(), port)]


def test_proxy_out_v2_http(lab):
    """http: version 2 in front of the request, and each client has server connections of its own"""
    def take(connection):
        connection.note(connection.read(28))
        replies(OK)(connection)
    stage = Stage(lab, take, mode="http", server={"send_proxy": "v2"})
    for _ in range(2):
        with dial(stage.client, WHERE) as sock:
            port = sock.getsockname()[1]
            sock.sendall(GET)
            assert receive(sock, until=b"hi") == OK
    assert stage.web.connections == 2
    header = [seen for seen in stage.web.seen if seen.startswith(V2)][-1]
    assert header == (V2 + b"\x21\x11\x00\x0c" + socket.inet_aton(CLIENT) + socket.inet_aton(FRONT)
                      + port.to_bytes(2, "big") + (80).to_bytes(2, "big")), header


def test_proxy_in(lab):
    """accept_proxy: the header's client is the client, in rules, headers and logs"""
    stage = Stage(lab, replies(OK), mode="http",
                  listener={"accept_proxy": True, "forwarded_for": True})
    assert stage.talk(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n" + GET) == OK + OPEN
    assert b"X-Forwarded-For: 192.0.2.7\r\n" in stage.web.seen[0]
    stage.wait_log(r"192\.0\.2\.7:4711 ")
    v2 = (V2 + b"\x21\x11\x00\x0f" + socket.inet_aton("192.0.2.8") + socket.inet_aton("192.0.2.1")
          + b"\x10\x00\x00\x50" + b"\x04\x00\x00")
    assert stage.talk(v2 + GET) == OK + OPEN  # with an extension behind the addresses
    assert b"X-Forwarded-For: 192.0.2.8\r\n" in stage.web.seen[-1]
    header = b"PROXY TCP4 192.0.2.9 192.0.2.1 4711 80\r\n" + GET
    assert stage.talk(*[header[at:at + 1] for at in range(len(header))], pause=0.001) == OK + OPEN
    assert stage.talk(V2 + b"\x20\x00\x00\x00" + GET) == OK + OPEN  # LOCAL: the connection's own
    assert b"X-Forwarded-For: " + CLIENT.encode() in stage.web.seen[-1]


def test_proxy_in_refused(lab):
    """without the header, or with a wrong one, the connection ends and nothing is served"""
    stage = Stage(lab, replies(OK), mode="http", listener={"accept_proxy": True},
                  timeouts={"request": "300ms"})
    for bad in (GET, b"PROXY TCP4 192.0.2.7\r\n" + GET, b"PROXY TCP4 1 2 3 4\r\n" + GET,
                V2 + b"\x31\x11\x00\x0c" + b"x" * 12 + GET):
        assert stage.talk(bad, wait=2) in (END, RESET), bad
    assert stage.talk(b"PROX", wait=2) in (END, RESET)  # never finished
    assert stage.web.seen == []


# --- balance, in tcp mode ---


def test_retry_elsewhere(lab):
    """a refused connection goes to another server, and the queue holds tcp sessions, too"""
    stage = Stage(lab, echo)
    stage.lb.configure({
        "listeners": {"in": {"bind": f"{FRONT}:80", "mode": "tcp", "pool": "web"}},
        "logs": ["stderr"],
        "pools": {"web": {"mode": "tcp", "servers": {
            "gone": f"{WEB}:9", "s1": {"address": f"{WEB}:80", "maxconn": 1}}}}})
    stage.lb.ask("reload")
    first = dial(stage.client, WHERE)
    first.sendall(b"one")
    assert receive(first, 2, until=b"one") == b"one"
    stage.lb.ask("maint web/gone")
    second = dial(stage.client, WHERE)
    second.sendall(b"two")
    assert receive(second, 0.3) == OPEN
    first.close()
    assert receive(second, 2, until=b"two") == b"two"
    second.close()
