"""lb's pools: who gets a request, who waits, who comes back to whom."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from lab import wait_until
from lab.scripted import OPEN, Scripted, dial, receive, talk
from lab.tandem import Lb

FRONT = "10.77.0.11"
WEB = "10.77.0.21"
WHERE = (FRONT, 80)
GET = b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n"


class Stage:
    """A client, lb, and servers s1 .. sN that say their name, on ports of one node. `hold` keeps
    answers back until release()."""

    def __init__(self, lab, count=3, pool=None, servers=None, listener=None, **top):
        self.client = lab.node("client", "10.77.0.100/24")
        self.node = lab.node("lb", f"{FRONT}/24")
        self.web = lab.node("web", f"{WEB}/24")
        self.held = set()
        self.gate = threading.Event()
        self.servers = {f"s{n}": Scripted(self.web, WEB, 8000 + n, self.script(f"s{n}"))
                        for n in range(1, count + 1)}
        written = {name: f"{WEB}:800{name[1]}" for name in self.servers}
        for name, more in (servers or {}).items():
            address = written.get(name, f"{WEB}:9")
            written[name] = {"address": address, **more}
        self.lb = Lb(self.node, {
            "logs": ["stderr"],
            "timeouts": {"connect": "1s", "client": "10s", "server": "10s"},
            "listeners": {"web-in": {"bind": f"{FRONT}:80", "pool": "web", **(listener or {})}},
            "pools": {"web": {"servers": written, **(pool or {})}}, **top})

    def script(self, name):
        def run(connection):
            while head := connection.head():
                connection.note(head)
                if name in self.held:
                    self.gate.wait(10)
                body = name.encode()
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Server: %s\r\n\r\n%s"
                                % (len(body), body, body))
        return run

    def ask(self, path=b"/", headers=b"", wait=5):
        """The whole answer."""
        with dial(self.client, WHERE) as sock:
            sock.sendall(GET % (path, headers))
            got = receive(sock, wait, until=b"\r\n\r\n")
            if b" 200 " in got and not got.endswith((b"s1", b"s2", b"s3")):
                got += receive(sock, wait, until=b"s")
            return got

    def who(self, path=b"/", headers=b""):
        """The name of the server that answered."""
        got = self.ask(path, headers)
        assert b"X-Server: " in got, got
        return got.split(b"X-Server: ")[1][:2].decode()

    def show(self):
        return self.lb.ask_json("show")["pools"][0]

    def state(self, name):
        return next(s for s in self.show()["servers"] if s["name"] == name)

    def refuses(self):
        try:
            dial(self.client, WHERE).close()
            return False
        except ConnectionRefusedError:
            return True

    def wait_log(self, text):
        wait_until(lambda: [line for line in self.lb.log.read() if text in line], 5,
                   f"line with {text!r}")
        return [line for line in self.lb.log.read() if text in line]


# --- algorithms ---


def test_weights(lab):
    """weights 2:1:1 give A B A C and so on, in even steps"""
    stage = Stage(lab, servers={"s1": {"weight": 2}})
    seen = [stage.who() for _ in range(16)]
    assert seen.count("s1") == 8 and seen.count("s2") == 4, seen
    assert "s1s1s1" not in "".join(seen), seen


def test_by_request(lab):
    """uri, parameter, header and source: the same question finds the same server"""
    rows = [
        ({"algorithm": "uri"}, [(b"/%d" % n, b"") for n in range(12)]),
        ({"algorithm": "url_param", "name": "id"}, [(b"/?id=%d" % n, b"") for n in range(12)]),
        ({"algorithm": "hdr", "name": "X-User"}, [(b"/", b"X-User: %d\r\n" % n) for n in range(12)]),
        ({"algorithm": "uri", "consistent": True, "avalanche": True}, [(b"/%d" % n, b"") for n in range(12)]),
    ]
    stage = Stage(lab)
    for balance, questions in rows:
        stage.lb.configure({
            "listeners": {"web-in": {"bind": f"{FRONT}:80", "pool": "web"}},
            "pools": {"web": {"balance": balance,
                              "servers": {f"s{n}": f"{WEB}:800{n}" for n in (1, 2, 3)}}}})
        stage.lb.ask("reload")
        first = [stage.who(*question) for question in questions]
        assert [stage.who(*question) for question in questions] == first, balance
        assert len(set(first)) > 1, (balance, first)


def test_source(lab):
    """source: a client keeps its server, also over new connections"""
    stage = Stage(lab, pool={"balance": "source"})
    assert len({stage.who() for _ in range(10)}) == 1


def test_leastconn(lab):
    """leastconn: a server that is busy gets no more until the others are as busy"""
    stage = Stage(lab, pool={"balance": "leastconn"})
    stage.held = {"s1"}
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(stage.who) for _ in range(1)]
        time.sleep(0.2)
        first = [stage.who() for _ in range(6)]
        stage.gate.set()
        held = [one.result() for one in waiting]
    assert "s1" not in first or held != ["s1"], (first, held)


def test_first(lab):
    """first: the second server only when the first has no room"""
    stage = Stage(lab, pool={"balance": "first"}, servers={"s1": {"maxconn": 1}, "s2": {"maxconn": 1}},
                  threads=1)
    assert {stage.who() for _ in range(5)} == {"s1"}
    stage.held = {"s1"}
    with ThreadPoolExecutor(4) as pool:
        held = pool.submit(stage.who)
        wait_until(lambda: stage.state("s1")["now"] == 1, 5, "s1 busy")
        assert {stage.who() for _ in range(5)} == {"s2"}
        stage.gate.set()
        assert held.result() == "s1"


def test_backup(lab):
    """a backup server serves only when no other can"""
    stage = Stage(lab, count=2, servers={"s2": {"backup": True}})
    assert {stage.who() for _ in range(4)} == {"s1"}
    stage.lb.ask("maint web/s1")
    assert {stage.who() for _ in range(4)} == {"s2"}
    stage.lb.ask("ready web/s1")
    assert {stage.who() for _ in range(4)} == {"s1"}


# --- queues ---


def test_queue(lab):
    """requests beyond maxconn wait their turn, in order, and all are answered"""
    stage = Stage(lab, count=1, servers={"s1": {"maxconn": 1}})
    stage.held = {"s1"}
    with ThreadPoolExecutor(10) as pool:
        asked = []
        for number in range(8):
            asked.append(pool.submit(stage.ask, b"/%d" % number))
            time.sleep(0.05)
        wait_until(lambda: stage.show()["waiting"] == 7, 5, "seven waiting")
        assert stage.state("s1")["now"] == 1
        stage.gate.set()
        assert all(b" 200 OK" in one.result() for one in asked)
    order = [head.split()[1] for head in stage.servers["s1"].seen]
    assert order == [b"/%d" % number for number in range(8)], order
    assert stage.show()["waiting"] == 0 and stage.state("s1")["now"] == 0
    assert stage.state("s1")["most"] == 1


def test_queue_timeout(lab):
    """who waits too long gets a 503 with the flags sQ; who finds the queue full gets it at once"""
    stage = Stage(lab, count=1, servers={"s1": {"maxconn": 1, "maxqueue": 1}},
                  timeouts={"queue": "300ms", "server": "10s"}, pool={"balance": "source"})
    stage.held = {"s1"}
    with ThreadPoolExecutor(4) as pool:
        served = pool.submit(stage.ask)
        wait_until(lambda: stage.state("s1")["now"] == 1, 5, "s1 busy")
        queued = pool.submit(stage.ask)
        wait_until(lambda: stage.show()["waiting"] == 1, 5, "one waiting")
        assert queued.result().startswith(b"HTTP/1.1 503 ")
        stage.wait_log(" sQ-- ")
        stage.gate.set()
        assert b" 200 OK" in served.result()
    assert stage.show()["waiting"] == 0 and stage.state("s1")["now"] == 0


def test_client_leaves_the_queue(lab):
    """a client that goes while it waits leaves its place, and no request reaches the server"""
    stage = Stage(lab, count=1, servers={"s1": {"maxconn": 1}}, pool={"abort_on_close": True})
    stage.held = {"s1"}
    with ThreadPoolExecutor(4) as pool:
        served = pool.submit(stage.ask)
        wait_until(lambda: stage.state("s1")["now"] == 1, 5, "s1 busy")
        with dial(stage.client, WHERE) as sock:
            sock.sendall(GET % (b"/gone", b""))
            wait_until(lambda: stage.show()["waiting"] == 1, 5, "one waiting")
        wait_until(lambda: stage.show()["waiting"] == 0, 5, "none waiting")
        stage.gate.set()
        served.result()
    stage.wait_log(" CQ-- ")
    assert len(stage.servers["s1"].seen) == 1


def test_queue_moves_on(lab):
    """who waits for a server that goes into maintenance is served by another"""
    stage = Stage(lab, count=2, servers={"s1": {"maxconn": 1}, "s2": {"maxconn": 1}},
                  pool={"balance": "source"})
    home = stage.who()
    other = "s2" if home == "s1" else "s1"
    stage.held = {home}
    with ThreadPoolExecutor(4) as pool:
        served = pool.submit(stage.who)
        wait_until(lambda: stage.state(home)["now"] == 1, 5, "busy")
        queued = pool.submit(stage.who)
        wait_until(lambda: stage.show()["waiting"] == 1, 5, "one waiting")
        stage.lb.ask(f"maint web/{home}")
        assert queued.result() == other
        stage.gate.set()
        assert served.result() == home


# --- retries ---


def test_redispatch(lab):
    """a server that refuses costs nothing while another is there; both counts tell"""
    stage = Stage(lab, count=1, servers={"s2": {}})
    assert [stage.who() for _ in range(6)] == ["s1"] * 6
    refused = stage.state("s2")["counters"]
    assert refused["connection_errors"] == refused["redispatches"] >= 3, refused
    stage.wait_log("/+1 ")  # the log's retries, marked as a redispatch


def test_refused_by_cookie(lab):
    """a cookie's server that refuses is asked again after a pause, the last try goes elsewhere"""
    stage = Stage(lab, count=1, servers={"s2": {}}, timeouts={"connect": "100ms"},
                  pool={"sticky": {"cookie": "SERVERID"}, "retries": 2})
    began = time.monotonic()
    got = stage.ask(headers=b"Cookie: SERVERID=s2\r\n")
    assert b"X-Server: s1" in got and b"SERVERID=s1" in got, got
    assert time.monotonic() - began >= 0.1
    stage.wait_log(" --DI ")


# --- stickiness ---


def test_cookie_states(lab):
    """drain keeps clients with a cookie, maintenance moves them, ready takes new ones again"""
    stage = Stage(lab, count=2, pool={"sticky": {"cookie": "SERVERID"}})
    cookie = b"Cookie: SERVERID=s1\r\n"
    assert {stage.who(headers=cookie) for _ in range(3)} == {"s1"}
    stage.lb.ask("drain web/s1")
    assert {stage.who(headers=cookie) for _ in range(3)} == {"s1"}
    assert {stage.who() for _ in range(3)} == {"s2"}
    stage.lb.ask("maint web/s1")
    got = stage.ask(headers=cookie)
    assert b"X-Server: s2" in got and b"set-cookie: SERVERID=s2; path=/" in got, got
    stage.lb.ask("ready web/s1")
    assert {stage.who(headers=cookie) for _ in range(3)} == {"s1"}
    assert {stage.who() for _ in range(4)} == {"s1", "s2"}


def test_stick_table(lab):
    """a client by its address: stays in drain, moves in maintenance, and stays where it is then"""
    stage = Stage(lab, count=2, pool={"sticky": {"table": {"type": "ip"}, "rules": ["src"]}})
    home = stage.who()
    other = "s2" if home == "s1" else "s1"
    assert {stage.who() for _ in range(6)} == {home}
    stage.lb.ask(f"drain web/{home}")
    assert {stage.who() for _ in range(3)} == {home}
    stage.lb.ask(f"maint web/{home}")
    assert {stage.who() for _ in range(3)} == {other}
    stage.lb.ask(f"ready web/{home}")
    assert {stage.who() for _ in range(6)} == {other}
    stage.lb.ask("reload")
    assert {stage.who() for _ in range(3)} == {other}


def test_maintenance_spares_what_runs(lab):
    """no state cuts a request that is being answered"""
    stage = Stage(lab, count=2)
    for order in ("drain", "maint"):
        stage.gate.clear()
        stage.held = {"s1", "s2"}
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(stage.ask) for _ in range(2)]
            wait_until(lambda: stage.show()["now"] == 2, 5, "two requests")
            for name in ("s1", "s2"):
                stage.lb.ask(f"{order} web/{name}")
            stage.gate.set()
            assert all(b" 200 OK" in one.result() for one in asked)
        for name in ("s1", "s2"):
            stage.lb.ask(f"ready web/{name}")


# --- limits ---


def test_listener_limit(lab):
    """connections beyond a listener's maxconn wait in the kernel, none is refused"""
    stage = Stage(lab, count=1, listener={"maxconn": 3})
    socks = [dial(stage.client, WHERE) for _ in range(6)]
    for sock in socks:
        sock.sendall(GET % (b"/", b""))
    answered = [b"s1" in receive(sock, 0.3, until=b"\r\n\r\ns1") for sock in socks]
    assert answered.count(True) == 3, answered
    for sock, got in zip(socks, answered):
        if got:
            sock.close()
    for sock, got in zip(socks, answered):
        assert got or b"s1" in receive(sock, 2, until=b"\r\n\r\ns1")
    assert stage.lb.ask_json("show")["listeners"][0]["most"] == 3


def test_drained_at_reload(lab):
    """a reload that takes a listener away loses no connection that was open or waiting"""
    stage = Stage(lab, count=1)
    stage.held = {"s1"}
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(stage.ask) for _ in range(3)]
        wait_until(lambda: stage.show()["now"] == 3, 5, "three requests")
        stage.lb.configure({
            "listeners": {"other": {"bind": f"{FRONT}:81", "pool": "web"}},
            "pools": {"web": {"servers": {"s1": f"{WEB}:8001"}}}})
        assert stage.lb.ask("reload").startswith("reloaded")
        wait_until(stage.refuses, 5, "port 80 closed")
        stage.gate.set()
        assert all(b" 200 OK" in one.result() for one in asked)
    stage.held = set()
    assert talk(stage.client, (FRONT, 81), GET % (b"/", b"")).endswith(b"s1" + OPEN)


def test_cut_when_down(lab):
    """on_marked_down: sessions of a server that goes down are cut, those of others are not"""
    stage = Stage(lab, count=2, pool={
        "balance": "source",
        "check": {"request": "tcp", "inter": "50ms", "fall": 1, "rise": 1,
                  "on_marked_down": "shutdown-sessions"}})
    home = stage.who()
    stage.held = {home}
    with dial(stage.client, WHERE) as sock:
        sock.sendall(GET % (b"/", b""))
        wait_until(lambda: stage.state(home)["now"] == 1, 5, "one request")
        stage.servers[home].close()
        assert receive(sock, 3, until=b"\r\n").startswith(b"HTTP/1.1 502 ")
    stage.wait_log(" DH-- ")
