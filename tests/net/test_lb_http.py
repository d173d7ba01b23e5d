"""lb in http mode, byte by byte: what the client gets, and what the server got."""

import signal
import socket
import threading
import time

from lab import wait_until
from lab.scripted import END, OPEN, RESET, Scripted, dial, receive, replies, talk
from lab.tandem import Lb
from lab.wire import Capture

FRONT = "10.77.0.11"
WEB = "10.77.0.21"
WHERE = (FRONT, 80)

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Stage:
    """A client, lb, and one scripted server."""

    def __init__(self, lab, script=None, listener=None, pool=None, timeouts=None, servers=None,
                 **top):
        self.client = lab.node("client", "10.77.0.100/24")
        self.node = lab.node("lb", f"{FRONT}/24")
        self.web = Scripted(lab.node("web", f"{WEB}/24"), WEB, 80, script)
        self.lb = Lb(self.node, {
            "timeouts": {"connect": "1s", "client": "5s", "server": "5s", **(timeouts or {})},
            "logs": ["stderr"],
            "threads": 1,
            "listeners": {"web-in": {"bind": f"{FRONT}:80", "pool": "web", "forwarded_for": False,
                                     **(listener or {})}},
            "pools": {"web": {"servers": servers or {"web-01": f"{WEB}:80"}, **(pool or {})}},
            **top,
        })

    def talk(self, *pieces, **how):
        return talk(self.client, WHERE, *pieces, **how)

    def server(self):
        return self.lb.ask_json("show")["pools"][0]["servers"][0]

    def wait_log(self, text):
        wait_until(lambda: [line for line in self.lb.log.read() if text in line], 5,
                   f"line with {text!r}")


def check(stage, rows):
    """Each row: title, what the client sends, what the server answers and whether it closes then,
    what the client gets, and (None: whatever) what the server got."""
    for title, sent, answer, close, expected, seen in rows:
        stage.web.clear()
        stage.web.script = replies(answer, close=close)
        got = stage.talk(sent)
        assert got == expected, f"{title}: {got!r}, not {expected!r}"
        assert seen is None or stage.web.seen == seen, f"{title}: {stage.web.seen!r}"


# --- messages ---


def test_connection_header(lab):
    """connection headers end at each hop: close, keep-alive and upgrade are said anew"""
    stage = Stage(lab, pool={"reuse": "never"})
    check(stage, [
        ("plain", GET, OK, False, OK + OPEN, [GET]),
        ("the client closes", b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", OK, False,
         b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: close\r\n\r\nhi" + END, [GET]),
        ("the server closes", GET,
         b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", True, OK + OPEN,
         [GET]),
        ("what Connection names goes", b"GET / HTTP/1.1\r\nHost: x\r\nConnection: X-Hop\r\n"
         b"X-Hop: 1\r\nX-End: 2\r\nKeep-Alive: timeout=5\r\n\r\n", OK, False, OK + OPEN,
         [b"GET / HTTP/1.1\r\nHost: x\r\nX-End: 2\r\n\r\n"]),
        ("names keep their case", b"GET /A?b=C HTTP/1.1\r\nhOsT: X\r\nX-cAsE:  a \r\n\r\n", OK,
         False, OK + OPEN, [b"GET /A?b=C HTTP/1.1\r\nhOsT: X\r\nX-cAsE:  a \r\n\r\n"]),
        ("an absolute target stays", b"GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n", OK, False,
         OK + OPEN, [b"GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n"]),
        ("TE: trailers is passed on",
         b"GET / HTTP/1.1\r\nHost: x\r\nTE: gzip, trailers\r\nConnection: TE\r\n\r\n", OK, False,
         OK + OPEN, None),
    ])
    assert b"te: trailers" in stage.web.seen[0].lower(), stage.web.seen


def test_http_1_0(lab):
    """HTTP/1.0 on either side"""
    stage = Stage(lab, pool={"reuse": "never"})
    keep = b"Connection: keep-alive\r\n"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n"
    check(stage, [
        ("a client of 1.0", b"GET / HTTP/1.0\r\n\r\n", OK, False,
         b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: close\r\n\r\nhi" + END,
         [b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"]),
        ("one that wants to stay", b"GET / HTTP/1.0\r\n" + keep + b"\r\n", OK, False,
         b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: keep-alive\r\n\r\nhi" + OPEN, None),
        ("gets no chunks", b"GET / HTTP/1.0\r\n" + keep + b"\r\n", chunked, False,
         b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhi!" + END, None),
        ("gets no interim response", b"GET / HTTP/1.0\r\n\r\n",
         b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, False,
         b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: close\r\n\r\nhi" + END, None),
        ("a server of 1.0", GET, b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", True,
         OK + OPEN, None),
        ("one without a length", GET, b"HTTP/1.0 200 OK\r\n\r\nhi", True,
         b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhi" + END, None),
    ])


def test_bodies(lab):
    """bodies by length, in chunks, with trailers, until the end, and none at all"""
    stage = Stage(lab, pool={"reuse": "never"})
    chunked = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n"
               b"2;x=y\r\nhi\r\n0\r\nA: b\r\n\r\n")
    until_close = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100000
    check(stage, [
        ("chunks and trailers are passed on", GET, chunked, False, chunked + OPEN, None),
        ("until the server closes", GET, until_close, True,
         until_close.replace(b"OK\r\n", b"OK\r\nconnection: close\r\n", 1) + END, None),
        ("204", GET, b"HTTP/1.1 204 No Content\r\n\r\n", False,
         b"HTTP/1.1 204 No Content\r\n\r\n" + OPEN, None),
        ("304 with a length", GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", False,
         b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n" + OPEN, None),
        ("HEAD", b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
         b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", False,
         b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + OPEN, None),
        ("a body that is cut short", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", True,
         b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi" + END, None),
        ("chunks that are cut short", GET, chunked[:-6], True, chunked[:-6] + END, None),
        ("more than was asked for", GET, OK + b"HTTP/1.1 200 OK\r\n\r\n", False, OK + OPEN, None),
        ("interim responses", GET,
         b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK, False,
         b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK + OPEN,
         None),
    ])


def test_bad_responses(lab):
    """a response that is none becomes a 502, and the client may go on"""
    stage = Stage(lab, pool={"reuse": "never"})
    for bad in (b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 20000 + b"\r\n\r\n"):
        stage.web.script = replies(bad)
        got = stage.talk(GET)
        assert got.startswith(b"HTTP/1.1 502 Bad Gateway\r\n") and got.endswith(OPEN), (bad, got)
    stage.web.script = lambda connection: connection.head()  # and closes
    assert stage.talk(GET).startswith(b"HTTP/1.1 502 ")
    stage.wait_log(" 502 ")
    stage.wait_log(" PH-- ")
    stage.wait_log(" SH-- ")


def test_bad_bodies(lab):
    """a request whose body is malformed gets a 400 and never a second reading"""
    stage = Stage(lab, replies(OK))
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    for body in (b"z\r\n", b"5\nhello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"-1\r\n",
                 b"0x5\r\nhello\r\n0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b"5;a\nb\r\nhello\r\n0\r\n\r\n",
                 b"11111111111111111\r\n", b"0\r\nContent-Length: 5\r\n\r\n"):
        stage.web.clear()
        got = stage.talk(head + body + smuggled)
        assert got.startswith(b"HTTP/1.1 400 ") and got.endswith(END), (body, got)
        assert not any(b"smuggled" in seen for seen in stage.web.seen), (body, stage.web.seen)


# --- requests, one after the other ---


def test_pieces(lab):
    """a request may come byte by byte, and so may a response"""
    stage = Stage(lab)

    def script(connection):
        connection.note(connection.head() + connection.read(5))
        for byte in OK:
            connection.send(bytes([byte]))
            time.sleep(0.001)
    stage.web.script = script
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    pieces = [request[at:at + 1] for at in range(len(request))]
    assert stage.talk(*pieces, pause=0.002) == OK + OPEN
    assert stage.web.seen == [request]


def test_pipelining(lab):
    """requests in one piece, bodies between them, are answered in order and each read once"""
    def script(connection):
        while head := connection.head():
            body = connection.read(5) if head.startswith(b"POST") else b""
            connection.note(head.split()[1] + body)
            path = head.split()[1]
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))
    stage = Stage(lab, script)
    get, post = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    requests = [(post if number % 3 == 1 else get) % number for number in range(50)]
    got = stage.talk(b"".join(requests))
    paths = [part.split(b"\r\n\r\n")[1] for part in got.split(b"HTTP/1.1 200 OK")[1:]]
    expected = [b"/%d" % number for number in range(50)]
    assert paths[:-1] == expected[:-1] and paths[-1] == expected[-1] + OPEN, got
    assert stage.web.seen == [b"/%d" % n + (b"hello" if n % 3 == 1 else b"") for n in range(50)]


def test_half_close(lab):
    """a client that sends no more gets its answers, then the end"""
    stage = Stage(lab, replies(OK))
    assert stage.talk(GET + GET, shut=True) == OK + OK + END


def test_expect_continue(lab):
    """Expect: 100-continue goes through, and so does the 100"""
    def script(connection):
        connection.note(connection.head())
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.note(connection.read(5))
        connection.send(OK)
    stage = Stage(lab, script)
    with dial(stage.client, WHERE) as sock:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        sock.sendall(head)
        assert receive(sock, until=b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hello")
        assert receive(sock) == OK + OPEN
        assert stage.web.seen == [head, b"hello"]


def test_early_answer(lab):
    """an answer before the request's end reaches a client that is still sending"""
    stage = Stage(lab, replies(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"))
    with dial(stage.client, WHERE) as sock:
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 1000)
        got = receive(sock, until=b"\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 413 "), got
        sock.settimeout(1)
        try:
            sock.sendall(b"x" * 100000)
        except OSError:
            pass


# --- tunnels ---


def test_upgrade(lab):
    """101 makes a tunnel: bytes both ways, each side may end first, and it is logged at the end"""
    def script(connection):
        connection.note(connection.head())
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nhello")
        while data := connection.sock.recv(65536):
            connection.send(data.upper())
        connection.send(b"bye")
    stage = Stage(lab, script)
    request = b"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
    with dial(stage.client, WHERE) as sock:
        sock.sendall(request + b"early")
        got = receive(sock, until=b"EARLY")
        assert got.startswith(b"HTTP/1.1 101 ") and got.endswith(b"\r\n\r\nhelloEARLY"), got
        assert b"upgrade: echo" in got.lower() and b"connection: upgrade" in got.lower()
        sock.sendall(b"more")
        assert receive(sock, until=b"MORE") == b"MORE"
        sock.shutdown(socket.SHUT_WR)
        assert receive(sock) == b"bye" + END
    assert b"upgrade: echo" in stage.web.seen[0].lower()
    stage.wait_log('101')
    stage.wait_log('"GET /chat HTTP/1.1"')


def test_upgrade_refused(lab):
    """a server that does not upgrade answers as always, and the connection goes on"""
    stage = Stage(lab, replies(OK))
    request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
    assert stage.talk(request + GET) == OK + OK + OPEN


def test_connect(lab):
    """CONNECT becomes a tunnel with the server's 200"""
    def script(connection):
        connection.note(connection.head())
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.send(connection.sock.recv(100).upper())
    stage = Stage(lab, script)
    got = stage.talk(b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", b"bytes")
    assert got == b"HTTP/1.1 200 OK\r\n\r\nBYTES" + END, got


# --- connections to servers ---


def test_stale_connection(lab):
    """a request on a connection that the server is just closing is sent again on another"""
    def script(connection):
        connection.note(connection.head())
        connection.send(OK)
        if connection.head():  # the second request on a connection is not answered
            connection.note("stale")
            connection.reset()
    stage = Stage(lab, script)
    for _ in range(5):
        assert stage.talk(GET) == OK + OPEN
    assert "stale" in stage.web.seen
    assert stage.web.seen.count(GET) == 5
    assert stage.server()["counters"]["response_errors"] == 0


def test_post_is_not_repeated(lab):
    """what may not be done twice is not sent twice: a 502 for the first request of a client"""
    bodies = []

    def script(connection):
        connection.head()
        bodies.append(connection.read(5))
        connection.reset()
    stage = Stage(lab, script)
    got = stage.talk(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
    assert got.startswith(b"HTTP/1.1 502 "), got
    assert bodies == [b"hello"]


def test_pool_is_shared(lab):
    """many clients share few server connections, and idle ones are closed in time"""
    stage = Stage(lab, replies(OK), pool={"idle": "300ms"})
    with dial(stage.client, WHERE) as sock:
        for _ in range(20):
            sock.sendall(GET)
            assert receive(sock, wait=5, until=OK) == OK
    assert stage.web.connections == 1
    time.sleep(0.6)
    assert stage.talk(GET) == OK + OPEN
    assert stage.web.connections == 2


def test_connection_modes(lab):
    """server-close: one request a server connection; close: one a client connection, too"""
    stage = Stage(lab, replies(OK), pool={"connection": "server-close"})
    assert stage.talk(GET + GET) == OK + OK + OPEN
    assert stage.web.connections == 2
    assert b"connection: close" in stage.web.seen[0]
    stage.lb.configure({
        "listeners": {"web-in": {"bind": f"{FRONT}:80", "pool": "web", "connection": "close"}},
        "pools": {"web": {"servers": {"web-01": f"{WEB}:80"}}}})
    stage.lb.reload()
    stage.wait_log("reloaded")
    got = stage.talk(GET + GET)
    assert got == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: close\r\n\r\nhi" + END, got


# --- time ---


def test_request_timeout(lab):
    """a head that does not come in time: 408; a client that asks for nothing: the end"""
    stage = Stage(lab, replies(OK), timeouts={"request": "300ms", "keep_alive": "400ms"})
    got = stage.talk(b"GET / HTTP/1.1\r\nHos", wait=2)
    assert got.startswith(b"HTTP/1.1 408 ") and got.endswith(END), got
    stage.wait_log(" cR-- ")
    assert stage.talk(GET, wait=2) == OK + END  # idle between two requests: nothing is said
    pieces = [b"GET / HTTP/1.1\r\n"] + [b"X-A: b\r\n"] * 20
    with dial(stage.client, WHERE) as sock:  # slow, but never silent
        began = time.monotonic()
        try:
            for piece in pieces:
                sock.sendall(piece)
                time.sleep(0.05)
        except OSError:
            pass
        assert receive(sock, wait=2).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began < 2


def test_slow_body(lab):
    """a body that stops coming: 408, and the server is let go"""
    ended = threading.Event()

    def script(connection):
        connection.head()
        connection.read(10)
        ended.set()
    stage = Stage(lab, script, timeouts={"request": "300ms"})
    got = stage.talk(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhel", wait=2)
    assert got.startswith(b"HTTP/1.1 408 ") and got.endswith(END), got
    assert ended.wait(2)


def test_server_timeout(lab):
    """a server that is silent: 504 before the answer, the end of it in the middle"""
    stage = Stage(lab, lambda connection: (connection.head(), time.sleep(1)),
                  timeouts={"server": "200ms"})
    got = stage.talk(GET, wait=2)
    assert got.startswith(b"HTTP/1.1 504 Gateway Time-out\r\n") and got.endswith(OPEN), got
    stage.wait_log(" sH-- ")

    def half(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhi")
        time.sleep(1)
    stage.web.script = half
    assert stage.talk(GET, wait=2) == b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhi" + END
    stage.wait_log(" sD-- ")


def test_connect_timeout(lab):
    """a server that does not answer at all: 503 after the tries, each as long as `connect`"""
    stage = Stage(lab, servers={"gone": "10.77.0.222:80"}, timeouts={"connect": "100ms"},
                  pool={"retries": 1})
    with dial(stage.client, WHERE) as sock:
        began = time.monotonic()
        sock.sendall(GET)
        assert receive(sock, wait=5, until=b"</html>").startswith(b"HTTP/1.1 503 ")
    # two tries of 100 ms, and a pause that is never longer than `connect`
    assert 0.29 <= time.monotonic() - began < 1.5
    stage.wait_log(" sC-- ")


# --- limits ---


def test_slow_reader(lab):
    """a client that does not read holds back the server, and bounded memory"""
    size = 64 << 20
    sent = [0]

    def script(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        block = b"x" * 65536
        while sent[0] < size:
            connection.send(block)
            sent[0] += len(block)
    stage = Stage(lab, script, timeouts={"client": "30s", "server": "30s"})
    with dial(stage.client, WHERE) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.sendall(GET)
        before = -1
        while before != sent[0]:
            before = sent[0]
            time.sleep(0.3)
        assert sent[0] < size // 2, sent
        got = 0
        sock.settimeout(10)
        while got < size:
            data = sock.recv(1 << 20)
            assert data
            got += len(data)


def test_slow_server(lab):
    """a server that does not read holds back the client"""
    taken = []
    go = threading.Event()

    def script(connection):
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.head()
        go.wait(10)
        taken.append(len(connection.read(64 << 20)))
        connection.send(OK)
    stage = Stage(lab, script, timeouts={"client": "30s", "server": "30s", "request": "30s"})
    with dial(stage.client, WHERE) as sock:
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
        sock.setblocking(False)
        sent, data = 0, b"y" * 65536
        quiet = 0
        while quiet < 5:
            try:
                sent += sock.send(data[:min(len(data), (64 << 20) - sent)])
                quiet = 0
            except BlockingIOError:
                quiet += 1
                time.sleep(0.1)
        assert sent < 32 << 20, sent
        go.set()
        sock.settimeout(10)
        while sent < 64 << 20:
            sent += sock.send(data[:min(len(data), (64 << 20) - sent)])
        assert receive(sock, wait=5, until=b"hi").endswith(b"hi")
    assert taken == [64 << 20]


def test_long_heads(lab):
    """heads that are too long are refused, each with its status"""
    stage = Stage(lab, replies(OK))
    got = stage.talk(b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 414 ") and got.endswith(END), got
    got = stage.talk(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 20000 + b"\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 431 ") and got.endswith(END), got
    got = stage.talk(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 1000 + b"\r\n")
    assert got.startswith(b"HTTP/1.1 431 ") and got.endswith(END), got
    got = stage.talk(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 15000 + b"\r\n\r\n")
    assert got == OK + OPEN, got


def test_client_leaves(lab):
    """a client that leaves in the middle of an answer is noticed, and the server let go"""
    ended = threading.Event()

    def script(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        try:
            while True:
                connection.send(b"x" * 65536)
        finally:
            ended.set()
    stage = Stage(lab, script)
    with dial(stage.client, WHERE) as sock:
        sock.sendall(GET)
        sock.recv(1000)
    assert ended.wait(5)
    stage.wait_log(" CD-- ")


def test_reset_is_passed_on(lab):
    """an answer without length that is cut by a reset does not look whole"""
    def script(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        time.sleep(0.1)
        connection.reset()
    stage = Stage(lab, script)
    assert stage.talk(GET, wait=2).endswith(b"half" + RESET)


# --- ends ---


CLOSE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
CLOSED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: close\r\n\r\nhi"


def test_end_with_answer(lab):
    """the end of a connection travels in the last packet of its last answer"""
    stage = Stage(lab, replies(OK))
    with Capture(stage.client) as wire:
        assert stage.talk(CLOSE) == CLOSED + END
        last = [frame.payload for frame in wire.read()
                if frame.source == FRONT and frame.payload.endswith(CLOSED)]
    fin = 1
    assert last and last[0][13] & fin, last


def test_unread_bytes(lab):
    """an answer arrives whole although the client has sent more than anybody will read"""
    def script(connection):
        connection.head()
        time.sleep(0.2)
        connection.send(OK)
    stage = Stage(lab, script)
    for more in (b"\r\n", GET):
        got = stage.talk(CLOSE, more)
        assert got in (CLOSED + END, CLOSED + RESET), got


def test_no_ports_wait(lab):
    """a server connection that lb ends leaves no port behind that waits for a minute"""
    stage = Stage(lab, replies(OK), pool={"connection": "server-close"})
    with dial(stage.client, WHERE) as sock:
        for _ in range(20):
            sock.sendall(GET)
            assert receive(sock, wait=5, until=OK) == OK
    with open(f"/proc/{stage.node.init_pid}/net/sockstat", encoding="ascii") as file:
        assert " tw 0 " in file.read()
    assert stage.web.connections == 20


def test_graceful_stop(lab):
    """SIGTERM: idle clients are let go, a request that is being answered is, and says close"""
    go = threading.Event()

    def script(connection):
        while head := connection.head():
            if b"/slow" in head:
                go.wait(10)
            connection.send(OK)
    stage = Stage(lab, script)
    idle, busy = dial(stage.client, WHERE), dial(stage.client, WHERE)
    idle.sendall(GET)
    assert receive(idle, 5, until=OK) == OK
    busy.sendall(GET.replace(b"/ ", b"/slow "))
    wait_until(lambda: stage.server()["now"] == 1, 5, "one request")
    stage.lb.process.kill(signal.SIGTERM)
    assert receive(idle, 5) == END
    go.set()
    assert receive(busy, 5) == OK.replace(b"2\r\n", b"2\r\nconnection: close\r\n") + END
    assert stage.lb.process.wait() == 0
