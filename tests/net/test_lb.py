"""lb under real clients, in front of real nginx."""

import hashlib
import json
import re
import signal
import socket

from lab import Nginx, holds_for, wait_until
from lab.http import Session, get
from lab.tandem import Lb, Probe, program

FRONT = "10.77.0.11"  # lb's own address
WEBS = {"web-01": "10.77.0.21", "web-02": "10.77.0.22"}
CLIENT = "10.77.0.100"
CHECK = {"request": "OPTIONS /", "inter": "100ms", "rise": 2, "fall": 2}


def config(bind=f"{FRONT}:80", listener=None, pool=None, **top):
    return {
        "listeners": {"http-in": {"bind": bind, "pool": "web", **(listener or {})}},
        "pools": {"web": {
            "check": CHECK,
            "servers": {name: f"{address}:80" for name, address in WEBS.items()},
            **(pool or {}),
        }},
        **top,
    }


class Stage:
    """A client, lb and two web servers."""

    def __init__(self, lab, conf=None, locations=""):
        self.lab = lab
        self.client = lab.node("client", f"{CLIENT}/24")
        self.node = lab.node("lb", f"{FRONT}/24")
        self.webs = {name: Nginx(lab.node(name, f"{address}/24"), locations=locations)
                     for name, address in WEBS.items()}
        self.lb = Lb(self.node, conf or config())

    def get(self, path="/", headers=None):
        return get(self.client, FRONT, path=path, headers=headers)

    def servers(self):
        return {server["name"]: server["state"]
                for server in self.lb.ask_json("show")["pools"][0]["servers"]}

    def wait_servers(self, **states):
        """wait_servers(web_01="UP")"""
        wanted = {name.replace("_", "-"): state for name, state in states.items()}
        wait_until(lambda: wanted.items() <= self.servers().items(), 10, f"{wanted}")


# --- balancing ---


def test_round_robin(lab):
    """requests go to the servers in turn"""
    stage = Stage(lab)
    first = [stage.get().server for _ in range(10)]
    assert first in (["web-01", "web-02"] * 5, ["web-02", "web-01"] * 5), first


def test_weights(lab):
    """a weight of 2 gets two requests of three"""
    servers = {"web-01": {"address": "10.77.0.21:80", "weight": 2}, "web-02": "10.77.0.22:80"}
    stage = Stage(lab, config(pool={"servers": servers}))
    seen = [stage.get().server for _ in range(30)]
    assert seen.count("web-01") == 20, seen


def test_nobody_left(lab):
    """without a server left clients get a 503 that can be read, and a reply again afterwards"""
    stage = Stage(lab)
    for web in stage.webs.values():
        web.stop()
    stage.wait_servers(web_01="DOWN", web_02="DOWN")
    reply = stage.get()
    assert reply.status == 503
    assert reply.headers["content-type"] == "text/html"
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.body == ("<html><body><h1>503 Service Unavailable</h1>\n"
                          "No server is available to handle this request.\n</body></html>\n")
    stage.webs["web-02"].start()
    stage.wait_servers(web_02="UP")
    assert stage.get().server == "web-02"


def test_server_killed_under_load(lab):
    """a web server that is killed under load costs clients next to nothing"""
    stage = Stage(lab)
    probe = Probe(stage.client, f"{FRONT}:80")
    probe.wait_ok(200)
    stage.webs["web-01"].stop()
    stage.wait_servers(web_01="DOWN")
    probe.wait_ok(200)
    summary = probe.end()
    # Only what the dead server had already been asked cannot be asked of another.
    assert summary["failed"] <= 5, summary
    assert summary["longest_gap"]["ms"] < 500, summary


# --- checks ---


def test_http_check(lab):
    """a server whose check answers 500 gets no requests, and gets them again when it is well"""
    stage = Stage(lab, config(pool={"check": {**CHECK, "request": "GET /health"}}),
                  locations="location = /health { if (-f /run/ill) { return 500; } return 200; }\n")
    stage.wait_servers(web_01="UP", web_02="UP")
    stage.webs["web-01"].node.write("ill", "")
    stage.wait_servers(web_01="DOWN")
    assert {stage.get().server for _ in range(10)} == {"web-02"}
    stage.webs["web-01"].node.run(["rm", "/run/ill"])
    stage.wait_servers(web_01="UP")
    assert {stage.get().server for _ in range(10)} == {"web-01", "web-02"}


def test_check_hangs(lab):
    """a server that accepts the check but never answers is taken out"""
    stage = Stage(lab)
    stage.wait_servers(web_01="UP")
    stage.webs["web-01"].process.kill(signal.SIGSTOP, group=True)
    stage.wait_servers(web_01="DOWN")
    stage.webs["web-01"].process.kill(signal.SIGCONT, group=True)
    stage.wait_servers(web_01="UP")


def test_tcp_check(lab):
    """a tcp check asks for no more than a connection"""
    check = {"type": "tcp", "inter": "100ms", "rise": 2, "fall": 2}
    stage = Stage(lab, config(pool={"check": check}), locations="if (-f /run/ill) { return 500; }\n")
    stage.webs["web-01"].node.write("ill", "")
    stage.wait_servers(web_01="UP")
    stage.webs["web-01"].stop()
    stage.wait_servers(web_01="DOWN")
    assert {stage.get().server for _ in range(4)} == {"web-02"}


# --- http ---


def test_forwarded_for(lab):
    """the server learns the client's address, behind those that were there before"""
    stage = Stage(lab)
    assert stage.get().headers["x-saw-forwarded-for"] == CLIENT
    reply = stage.get(headers={"X-Forwarded-For": "192.0.2.7"})
    assert reply.headers["x-saw-forwarded-for"] == f"192.0.2.7, {CLIENT}"
    assert reply.headers["x-saw-peer"] == FRONT


def test_keep_alive(lab):
    """connections are kept on both sides: to the client, and pooled to the servers"""
    stage = Stage(lab)
    session = Session(stage.client, FRONT)
    port = session.port
    seen = {}
    for _ in range(20):
        reply = session.get()
        connection = reply.headers["x-saw-connection"].split(":")[0]
        seen.setdefault(reply.server, set()).add(connection)
    assert session.port == port
    assert {name: len(connections) for name, connections in seen.items()} == {
        "web-01": 1, "web-02": 1}, seen


def test_pooled_connection_ends(lab):
    """a pooled connection that the server has closed meanwhile is not a client's problem"""
    stage = Stage(lab)
    session = Session(stage.client, FRONT)
    assert [session.get().status for _ in range(4)] == [200] * 4
    for web in stage.webs.values():  # a restart closes what is idle
        web.process.stop()
        web.start()
    stage.wait_servers(web_01="UP", web_02="UP")
    assert [session.get().status for _ in range(4)] == [200] * 4


def test_pipelined(lab):
    """pipelined requests are answered in order"""
    stage = Stage(lab)
    with stage.client.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        client.connect((FRONT, 80))
        one = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
        client.sendall(b"".join(one % number for number in range(5))
                       + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while chunk := client.recv(65536):
            data += chunk
    assert data.count(b"HTTP/1.1 200 OK") == 6, data


def test_bad_request(lab):
    """what is no request gets a 400, and never reaches a server"""
    stage = Stage(lab)
    for bad in (b"nonsense\r\n\r\n",
                b"GET / HTTP/1.1\r\n\r\n",
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"):
        with stage.client.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            client.connect((FRONT, 80))
            client.sendall(bad)
            data = b""
            while chunk := client.recv(65536):
                data += chunk
        assert data.startswith(b"HTTP/1.1 400 "), (bad, data)
    for web in stage.webs.values():
        log = web.node.read("nginx/access.log").splitlines()
        assert all("OPTIONS / " in line or '"GET / HTTP/1.1" 200' in line for line in log), log


DIGEST_SERVER = """
import hashlib, http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_OPTIONS(self): self.answer(b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(hashlib.sha256(body).hexdigest().encode())
    def do_GET(self): self.answer(bytes(range(256)) * 40000)
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("", 80), Handler).serve_forever()
"""


def test_large_bodies(lab):
    """ten megabytes pass whole in either direction"""
    web = lab.node("web-01", "10.77.0.21/24")
    client = lab.node("client", f"{CLIENT}/24")
    web.spawn(["/usr/bin/python3", "-c", DIGEST_SERVER], name="digest")
    lb = Lb(lab.node("lb", f"{FRONT}/24"),
            config(pool={"servers": {"web-01": "10.77.0.21:80"}}))
    wait_until(lambda: lb.ask_json("show")["pools"][0]["servers"][0]["state"] == "UP", 10, "UP")
    body = bytes(range(251)) * 40000
    session = Session(client, FRONT)
    assert session.request("POST", "/", body=body).body == hashlib.sha256(body).hexdigest()
    assert session.get().body.encode("latin-1") == bytes(range(256)) * 40000


def test_slow_server(lab):
    """a server that does not answer in time costs the client a 504, no longer wait"""
    conf = config(timeouts={"server": "300ms"},
                  pool={"check": {"type": "none"}, "servers": {"web-01": "10.77.0.21:80"}})
    stage = Stage(lab, conf)
    stage.webs["web-01"].process.kill(signal.SIGSTOP, group=True)
    assert stage.get().status == 504


def test_slow_client(lab):
    """a client that never finishes its request gets a 408, and others are served meanwhile"""
    stage = Stage(lab, config(timeouts={"request": "500ms"}, listener={"defer_accept": False}))
    with stage.client.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        client.connect((FRONT, 80))
        client.sendall(b"GET / HTTP/1.1\r\nHo")
        assert stage.get().status == 200
        assert client.recv(4096).startswith(b"HTTP/1.1 408 ")


# --- tcp ---


def test_tcp_mode(lab):
    """tcp mode carries bytes both ways, and a half-closed side does not end the other"""
    stage = Stage(lab, config(listener={"mode": "tcp"}, pool={"mode": "tcp"}))
    seen = set()
    for _ in range(4):
        with stage.client.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            client.connect((FRONT, 80))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            data = b""
            while chunk := client.recv(65536):
                data += chunk
        seen.add(re.search(rb"X-Served-By: (\S+)", data).group(1))
        assert b"X-Saw-Forwarded-For" not in data
    assert seen == {b"web-01", b"web-02"}


# --- the floating address ---


def test_freebind(lab):
    """it opens an address that this node does not have, and serves as soon as it has it"""
    stage = Stage(lab, config(bind="10.77.0.10:80"))
    assert stage.lb.process.running
    stage.node.ip("addr", "add", "10.77.0.10/24", "dev", "eth0")
    assert get(stage.client, "10.77.0.10").status == 200


def test_nonlocal_bind(lab):
    """the same through net.ipv4.ip_nonlocal_bind, without freebind"""
    node = lab.node("lb", f"{FRONT}/24")
    node.sysctl("net.ipv4.ip_nonlocal_bind", 1)
    lb = Lb(node, config(bind="10.77.0.10:80", listener={"freebind": False}))
    assert lb.process.running
    assert "10.77.0.10" not in " ".join(node.addresses())


def refusal(node, conf):
    """What lb says when it does not start."""
    node.write("lb.json", json.dumps(conf))
    done = node.run([program("lb/lb"), "-f", "/run/lb.json"], check=False, timeout=10)
    assert done.returncode != 0
    return done.stderr


def test_address_not_here(lab):
    """without either it names the listener, the address and what to do"""
    said = refusal(lab.node("lb", f"{FRONT}/24"),
                   config(bind="10.77.0.10:80", listener={"freebind": False}))
    for word in ("http-in", "10.77.0.10:80", "freebind"):
        assert word in said, said


def test_port_in_use(lab):
    """a port in use: the message names the listener, and the process that holds it"""
    node = lab.node("lb", f"{FRONT}/24")
    web = Nginx(node)
    said = refusal(node, config())
    assert "http-in" in said and f"{FRONT}:80" in said, said
    assert re.search(r"in use by nginx \(pid \d+\); give one of them another port", said), said
    assert web.process.running


# --- operation ---


def test_stop(lab):
    """SIGTERM: exit status 0, and the port is free"""
    stage = Stage(lab)
    stage.get()
    assert stage.lb.stop() == 0
    try:
        stage.get()
    except ConnectionRefusedError:
        pass
    else:
        raise AssertionError("somebody still answers")


def test_reload(lab):
    """SIGHUP: a server is added while clients are served, none of them notices"""
    stage = Stage(lab, config(pool={"servers": {"web-01": "10.77.0.21:80"}}))
    stage.wait_servers(web_01="UP")
    session = Session(stage.client, FRONT)
    assert session.get().server == "web-01"
    probe = Probe(stage.client, f"{FRONT}:80")
    probe.wait_ok(50)
    stage.lb.configure(config())
    stage.lb.reload()
    probe.wait_for(lambda result: result["server"] == "web-02", what="an answer of web-02")
    assert session.get().status == 200
    summary = probe.end()
    assert summary["failed"] == 0, summary["failures"]


def test_bad_reload(lab):
    """a broken configuration is refused with its place, and the running one goes on"""
    stage = Stage(lab)
    mark = stage.lb.log.mark()
    stage.lb.configure('{ "listeners": { "http-in": {\n  "bnd": ":80", "pool": "web" } } }\n')
    stage.lb.reload()
    stage.lb.log.wait(r'lb\.json:2:3: error: unknown key "bnd"', since=mark)
    holds_for(lambda: stage.get().status == 200, 0.3, "clients are served")


def test_access_log(lab):
    """each request leaves a line that says who asked for what, who answered, and how"""
    stage = Stage(lab, config(logs=["stderr"]))
    stage.get("/some/path?and=more")
    line = stage.lb.log.wait(r".*GET /some/path.*").group(0)
    assert re.search(rf"{CLIENT}:\d+ .*http-in web/web-0[12] .* 200 .*\"GET /some/path\?and=more "
                     r"HTTP/1\.1\"", line), line
