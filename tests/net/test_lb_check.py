"""lb's checks: what makes a server go down and come up, and what is said about it."""

import re
import socket
import threading
import time

from lab import wait_until
from lab.scripted import Scripted, dial, receive, replies, talk
from lab.tandem import Lb

FRONT = "10.77.0.11"
WEB = "10.77.0.21"
WHERE = (FRONT, 80)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
FAST = {"inter": "50ms", "rise": 2, "fall": 2}


class Stage:
    """lb in front of one scripted server (s1), and if `second`, another that is always well."""

    def __init__(self, lab, script=None, check=None, server=None, pool=None, second=False):
        self.client = lab.node("client", "10.77.0.100/24")
        self.node = lab.node("lb", f"{FRONT}/24")
        self.host = lab.node("web", f"{WEB}/24")
        self.web = Scripted(self.host, WEB, 8001, script or replies(OK))
        servers = {"s1": {"address": f"{WEB}:8001", **(server or {})}}
        if second:
            self.other = Scripted(self.host, WEB, 8002, replies(OK))
            servers["s2"] = {"address": f"{WEB}:8002", "check": "none"}
        self.lb = Lb(self.node, {
            "logs": ["stderr"],
            "timeouts": {"connect": "1s", "client": "5s", "server": "5s"},
            "listeners": {"web-in": {"bind": f"{FRONT}:80", "pool": "nodes"}},
            "pools": {"nodes": {"servers": servers, **({"check": check} if check else {}),
                                **(pool or {})}}})

    def server(self, name="s1"):
        return next(s for s in self.lb.ask_json("show")["pools"][0]["servers"] if s["name"] == name)

    def wait_state(self, state, within=5):
        wait_until(lambda: self.server()["state"] == state, within, f"s1 is {state}")

    def wait_log(self, pattern, within=5):
        def found():
            return [line for line in self.lb.log.read() if re.search(pattern, line)]
        return wait_until(found, within, f"line with {pattern!r}")[-1]


def answers(status, body=b"", headers=b""):
    """A script that gives each connection this answer and closes."""
    def script(connection):
        connection.note(connection.head())
        connection.send(b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s"
                        % (status, headers, len(body), body))
    return script


# --- kinds ---


def test_the_request(lab):
    """an http check sends what is written: method, path, version, host, headers, body"""
    stage = Stage(lab, answers(b"200 OK"), check={
        **FAST, "request": "POST /alive?x=1", "version": "HTTP/1.1", "host": "web.test",
        "headers": ["X-Check: lb"], "body": "ping"})
    stage.wait_state("UP")
    wait_until(lambda: stage.web.seen, 5, "a check")
    assert stage.web.seen[0] == (b"POST /alive?x=1 HTTP/1.1\r\nHost: web.test\r\nX-Check: lb\r\n"
                                 b"Content-Length: 4\r\nConnection: close\r\n\r\n"), stage.web.seen[0]


def test_default_request(lab):
    """the shortest form asks OPTIONS / in HTTP/1.0; 2xx and 3xx are good, the rest is not"""
    stage = Stage(lab, answers(b"302 Found"), check={**FAST, "request": "OPTIONS /"})
    stage.wait_state("UP")
    wait_until(lambda: stage.web.seen, 5, "a check")
    assert stage.web.seen[0].startswith(b"OPTIONS / HTTP/1.0\r\n")
    for status in (b"404 Not Found", b"500 Oops"):
        stage.web.script = answers(status)
        stage.wait_state("DOWN")
        code, _, phrase = status.decode().partition(" ")
        line = stage.wait_log(r"s1 is DOWN.*code: " + code)
        assert f'reason: Layer7 wrong status, code: {code}, info: "{phrase}", check duration: ' in line
        stage.web.script = answers(b"204 No Content")
        stage.wait_state("UP")


def test_expect(lab):
    """what is expected: statuses, a body, a pattern, a header, and their opposites"""
    stage = Stage(lab)
    rows = [  # expectation, good answer, bad answer
        (["status 200,300-302"], (b"301 Moved",), (b"303 Other",)),
        (["rstatus ^2.4$"], (b"204 No Content",), (b"205 Reset",)),
        (["string alive"], (b"200 OK", b"I am alive"), (b"200 OK", b"I am well")),
        (["! string ill"], (b"200 OK", b"well"), (b"200 OK", b"i am ill")),
        (["rstring '^ok [0-9]+$'"], (b"200 OK", b"ok 42"), (b"200 OK", b"ok no")),
        (["hdr name X-Ready value yes"], (b"200 OK", b"", b"X-Ready: yes\r\n"),
         (b"200 OK", b"", b"X-Ready: no\r\n")),
        (["status 200", "string alive"], (b"200 OK", b"alive"), (b"500 Oops", b"alive")),
    ]
    for expect, good, bad in rows:
        stage.web.script = answers(*good)
        stage.lb.configure({
            "listeners": {"web-in": {"bind": f"{FRONT}:80", "pool": "nodes"}}, "logs": ["stderr"],
            "pools": {"nodes": {"servers": {"s1": f"{WEB}:8001"},
                                "check": {**FAST, "request": "GET /", "expect": expect}}}})
        assert stage.lb.ask("reload").endswith("reloaded\n")
        stage.wait_state("UP")
        stage.web.script = answers(*bad)
        stage.wait_state("DOWN")


def test_slow_answer(lab):
    """a server that answers after 2500 ms is DOWN with "Layer7 timeout, check duration: 2001ms\""""
    def script(connection):
        connection.head()
        time.sleep(2.5)
        connection.send(OK)
    stage = Stage(lab, script, check="OPTIONS /")
    line = stage.wait_log("s1 is DOWN", within=8)
    duration = int(re.search(r"reason: Layer7 timeout, check duration: (\d+)ms\.", line).group(1))
    assert 2000 <= duration <= 2050, line
    assert line.endswith("0 active and 0 backup servers left. 0 sessions active, 0 requeued, "
                         "0 remaining in queue."), line
    stage.wait_log("backend nodes has no server available!")


def test_refused(lab):
    """a server that refuses: Layer4 connection problem; back up after `rise` good ones"""
    stage = Stage(lab, check={**FAST, "request": "tcp"})
    stage.wait_state("UP")
    stage.web.close()
    line = stage.wait_log("s1 is DOWN")
    assert 'reason: Layer4 connection problem, info: "Connection refused", check duration: ' in line
    stage.web = Scripted(stage.host, WEB, 8001, replies(OK))
    stage.wait_state("UP")
    line = stage.wait_log("s1 is UP")
    assert "Server nodes/s1 is UP, reason: Layer4 check passed, check duration: " in line


def test_steps(lab):
    """a tcp check may talk: send, expect, in turn"""
    def redis(connection):
        connection.until(b"PING\r\n")
        connection.send(b"+PONG\r\n")
        connection.until(b"info\r\n")
        connection.send(b"role:master\r\n")
        connection.until(b"never")
    stage = Stage(lab, redis, check={**FAST, "request": "tcp", "steps": [
        'send "PING\r\n"', "expect string +PONG", "send-binary 696e666f0d0a",
        "expect rstring role:(master|slave)"]})
    stage.wait_state("UP")
    wait_until(lambda: stage.server()["check"]["result"] == "L7OK", 5, "L7OK")

    def wrong(connection):
        connection.until(b"PING\r\n")
        connection.send(b"-ERR\r\n")
    stage.web.script = wrong
    stage.wait_state("DOWN")
    assert "step 2 failed: expect string +PONG" in stage.wait_log("s1 is DOWN")


def test_script(lab):
    """a command's exit status decides, its last words are in the log; one that hangs is killed"""
    command = "/bin/sh -c 'cat /run/health 2>/dev/null || { echo no health file; exit 3; }'"
    stage = Stage(lab, check={"inter": "300ms", "rise": 1, "fall": 1, "type": "script",
                              "command": command})
    line = stage.wait_log("s1 is DOWN")
    assert "External check error, code: 3" in line and "no health file" in line, line
    stage.node.write("health", "fine")
    stage.wait_state("UP")
    stage.lb.configure({
        "listeners": {"web-in": {"bind": f"{FRONT}:80", "pool": "nodes"}}, "logs": ["stderr"],
        "pools": {"nodes": {"servers": {"s1": f"{WEB}:8001"},
                            "check": {"inter": "300ms", "fall": 1, "type": "script",
                                      "command": "/bin/sh -c 'exec sleep 30'"}}}})
    stage.lb.ask("reload")
    stage.wait_log("s1 is DOWN, reason: External check timeout")


def test_script_surroundings(lab):
    """a command learns which server it is for"""
    stage = Stage(lab, check={**FAST, "type": "script",
                              "command": "/bin/sh -c 'echo $@ $HAPROXY_SERVER_NAME > /run/told' sh"})
    stage.wait_state("UP")
    wait_until(lambda: _exists(stage.node.path("told")), 5, "the command")
    wait_until(lambda: stage.node.read("told").split() ==
               ["NOT_USED", "NOT_USED", WEB, "8001", "s1"], 5, "its arguments")


def _exists(path):
    try:
        with open(path, encoding="utf-8") as file:
            return bool(file.read())
    except OSError:
        return False


def test_agent(lab):
    """an agent says weight, drain, down and up; one that is silent changes nothing"""
    words = [b"up 100%\n"]
    agent = None

    def script(connection):
        connection.send(words[0])
    stage = Stage(lab, server={"weight": 10, "agent": {"port": 9000, "inter": "50ms"}})
    agent = Scripted(stage.host, WEB, 9000, script)
    for said, state, weight in ((b"50%\n", "no check", 5), (b"drain\n", "DRAIN (agent)", 5),
                                (b"ready 100%\n", "no check", 10), (b"maint\n", "MAINT", 10),
                                (b"ready\n", "no check", 10)):
        words[0] = said
        wait_until(lambda s=state, w=weight: (stage.server()["state"], stage.server()["weight"])
                   == (s, w), 5, f"{said} heard")
    words[0] = b"down # disk full\n"
    assert "disk full" in stage.wait_log("s1 is DOWN")
    assert talk(stage.client, WHERE, GET).startswith(b"HTTP/1.1 503 ")
    words[0] = b"up\n"
    wait_until(lambda: talk(stage.client, WHERE, GET, wait=0.1).startswith(b"HTTP/1.1 200 "), 5, "up")
    agent.close()
    time.sleep(0.3)
    assert talk(stage.client, WHERE, GET, wait=0.1).startswith(b"HTTP/1.1 200 ")


# --- when ---


def test_intervals(lab):
    """fastinter while the state changes, downinter while it is down; rise and fall are counted"""
    stage = Stage(lab, answers(b"200 OK"), check={
        "request": "GET /", "inter": "400ms", "fastinter": "50ms", "downinter": "200ms",
        "rise": 2, "fall": 3})
    stage.wait_state("UP")
    stage.web.script = answers(b"500 Oops")
    stage.wait_log("s1 is DOWN")
    times = []

    def timed(connection):
        connection.head()
        times.append(time.monotonic())
        connection.send(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    stage.web.script = timed
    wait_until(lambda: len(times) >= 4, 5, "four checks")
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert all(0.15 < gap < 0.35 for gap in gaps), gaps
    assert stage.server()["check"]["failed"] == 3


def test_port_and_address(lab):
    """a check may go to another port and address than the requests"""
    stage = Stage(lab, server={"check": {**FAST, "request": "GET /", "port": 9001}})
    side = Scripted(stage.host, WEB, 9001, answers(b"200 OK"))
    stage.wait_state("UP")
    wait_until(lambda: side.seen, 5, "a check at the other port")
    side.close()
    stage.wait_state("DOWN")
    assert stage.web.seen == []


def test_disable_on_404(lab):
    """404 means: no new clients, while those of the server stay"""
    stage = Stage(lab, answers(b"200 OK"), second=True, check={
        **FAST, "request": "GET /", "disable_on_404": True}, pool={"sticky": {"cookie": "S"}})
    stage.wait_state("UP")
    stage.web.script = replies(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    wait_until(lambda: stage.server()["state"].startswith("NOLB"), 5, "NOLB")
    stage.other.clear()
    for _ in range(4):
        talk(stage.client, WHERE, GET, wait=0.05)
    assert len(stage.other.seen) == 4
    stage.web.clear()
    talk(stage.client, WHERE, b"GET /mine HTTP/1.1\r\nHost: x\r\nCookie: S=s1\r\n\r\n", wait=0.05)
    assert any(b"/mine" in head for head in stage.web.seen)


def test_track(lab):
    """a server that follows another goes down and comes up with it"""
    stage = Stage(lab, check=None)
    stage.lb.configure({
        "listeners": {"web-in": {"bind": f"{FRONT}:80", "pool": "nodes"}}, "logs": ["stderr"],
        "pools": {
            "nodes": {"servers": {"s1": {"address": f"{WEB}:8001", "track": "other/t1"}}},
            "other": {"servers": {"t1": f"{WEB}:8001"}, "check": {**FAST, "request": "tcp"}}}})
    stage.lb.ask("reload")
    stage.wait_state("UP")
    stage.web.close()
    stage.wait_log("Server other/t1 is DOWN")
    assert "via other/t1" in stage.wait_log("Server nodes/s1 is DOWN")
    stage.web = Scripted(stage.host, WEB, 8001, replies(OK))
    stage.wait_log("Server nodes/s1 is UP")


def test_slowstart(lab):
    """a server that has come up gets its share bit by bit"""
    stage = Stage(lab, second=True, server={"slowstart": "2s", "weight": 100,
                                            "check": {**FAST, "request": "tcp"}})
    stage.wait_state("UP")
    stage.web.close()
    stage.wait_state("DOWN")
    stage.web = Scripted(stage.host, WEB, 8001, replies(OK))
    wait_until(lambda: stage.server()["state"].startswith("UP"), 5, "up")
    stage.web.clear()
    for _ in range(60):
        talk(stage.client, WHERE, GET, wait=0.001)
    early = len(stage.web.seen)
    time.sleep(2.2)
    stage.web.clear()
    for _ in range(60):
        talk(stage.client, WHERE, GET, wait=0.001)
    assert len(stage.web.seen) > 50, (early, len(stage.web.seen))


# --- what traffic shows ---


def test_observe(lab):
    """observe: ten bad answers in traffic mark a server down before its next check"""
    stage = Stage(lab, second=True, server={"check": {
        "request": "tcp", "inter": "60s", "observe": "layer7", "on_error": "mark-down",
        "error_limit": 3}})
    stage.wait_state("UP")
    stage.web.script = replies(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    for _ in range(10):
        talk(stage.client, WHERE, GET, wait=0.02)
    stage.wait_log("s1 is DOWN")
    assert talk(stage.client, WHERE, GET).startswith(b"HTTP/1.1 200 ")


def test_marked_up(lab):
    """on_marked_up: sessions of backup servers are cut when the server is back"""
    stage = Stage(lab, check={**FAST, "request": "tcp", "on_marked_up": "shutdown-backup-sessions"})
    held = threading.Event()

    def hold(connection):
        connection.head()
        held.set()
        connection.sock.recv(1)
    spare = Scripted(stage.host, WEB, 8003, hold)
    stage.lb.configure({
        "listeners": {"web-in": {"bind": f"{FRONT}:80", "pool": "nodes"}}, "logs": ["stderr"],
        "pools": {"nodes": {
            "servers": {"s1": f"{WEB}:8001", "spare": {"address": f"{WEB}:8003", "backup": True}},
            "check": {**FAST, "request": "tcp", "on_marked_up": "shutdown-backup-sessions"}}}})
    stage.lb.ask("reload")
    stage.wait_state("UP")
    stage.web.close()
    stage.wait_state("DOWN")
    with dial(stage.client, WHERE) as sock:
        sock.sendall(GET)
        assert held.wait(5)
        stage.web = Scripted(stage.host, WEB, 8001, replies(OK))
        stage.wait_state("UP")
        assert receive(sock, 3, until=b"\r\n").startswith(b"HTTP/1.1 502 ")
    spare.close()


def test_maintenance_stops_checks(lab):
    """in maintenance there are no checks; a server that comes out of it serves at once"""
    stage = Stage(lab, answers(b"200 OK"), check={**FAST, "request": "GET /"})
    stage.wait_state("UP")
    stage.lb.ask("maint nodes/s1")
    time.sleep(0.2)
    stage.web.clear()
    time.sleep(0.3)
    assert stage.web.connections == 0
    stage.lb.ask("ready nodes/s1")
    assert stage.server()["state"].startswith("UP")
    wait_until(lambda: stage.web.connections > 0, 5, "checks again")
