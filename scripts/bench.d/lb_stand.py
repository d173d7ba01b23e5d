"""What is measured, and what it is measured with: backend, proxies, load generators, CPU clocks.

All of it lives on one node and talks over its loopback, so that nothing but the proxies differs.
The proxies have the last processor for themselves, backend and generators share the others.
"""

import contextlib
import glob
import json
import os
import resource
import shutil
import socket
import subprocess

from lab import Lab, wait_until
from lab.tandem import program

BODY = b"x" * 100
LARGE = 1 << 20
CONNECTIONS_MAX = 9000  # a proxy may have
BACKENDS = (9001, 9002)
PORTS = {"plain": 1, "cookie": 2, "close": 3, "tcp": 4}  # behind the thousands of each proxy
BASES = {"lb": 7000, "haproxy": 8000, "nginx": 6000}
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
MANY = 1_000_000_000  # requests a connection may carry

BACKEND = """
user root; daemon off; worker_processes 1; pid /run/backend/pid; error_log stderr notice;
worker_rlimit_nofile 20000;
events {{ worker_connections 10000; }}
http {{
    access_log off; default_type text/plain; sendfile on;
    keepalive_timeout 600s; keepalive_requests {many};
    client_body_temp_path /run/backend/1; proxy_temp_path /run/backend/2;
    fastcgi_temp_path /run/backend/3; uwsgi_temp_path /run/backend/4; scgi_temp_path /run/backend/5;
    server {{
        listen 127.0.0.1:9001 backlog=4096; listen 127.0.0.1:9002 backlog=4096;
        location / {{ return 200 "{body}"; }}
        location = /large {{ root /run/backend; }}
    }}
}}
"""

# HAProxy and lb read the same file, ports apart.
HAPROXY = """
global
    maxconn {connections}
    nbthread {threads}
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-request 10s
    timeout http-keep-alive 60s
    http-reuse always
listen plain
    bind 127.0.0.1:{plain}
    server s1 127.0.0.1:9001
    server s2 127.0.0.1:9002
listen cookie
    bind 127.0.0.1:{cookie}
    option forwardfor
    cookie SERVERID insert indirect nocache
    server s1 127.0.0.1:9001 cookie s1
    server s2 127.0.0.1:9002 cookie s2
listen close
    bind 127.0.0.1:{close}
    option http-server-close
    server s1 127.0.0.1:9001
    server s2 127.0.0.1:9002
listen tcp
    mode tcp
    bind 127.0.0.1:{tcp}
    server s1 127.0.0.1:9001
    server s2 127.0.0.1:9002
"""

NGINX = """
{load_stream}
user root; daemon off; worker_processes 1; pid /run/nginx/pid; error_log stderr notice;
worker_rlimit_nofile 20000;
events {{ worker_connections {connections}; }}
http {{
    access_log off; keepalive_timeout 60s; keepalive_requests {many};
    client_body_temp_path /run/nginx/1; proxy_temp_path /run/nginx/2;
    fastcgi_temp_path /run/nginx/3; uwsgi_temp_path /run/nginx/4; scgi_temp_path /run/nginx/5;
    proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_buffers 16 64k; proxy_busy_buffers_size 128k; proxy_max_temp_file_size 0;
    upstream pooled {{
        server 127.0.0.1:9001; server 127.0.0.1:9002; keepalive 256; keepalive_requests {many};
    }}
    upstream fresh {{ server 127.0.0.1:9001; server 127.0.0.1:9002; }}
    server {{ listen 127.0.0.1:{plain} backlog=4096; location / {{ proxy_pass http://pooled; }} }}
    server {{
        listen 127.0.0.1:{cookie} backlog=4096;
        location / {{
            proxy_pass http://pooled;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            add_header Set-Cookie "SERVERID=s1; path=/";
        }}
    }}
    server {{
        listen 127.0.0.1:{close} backlog=4096;
        location / {{ proxy_pass http://fresh; proxy_set_header Connection close; }}
    }}
}}
{stream}
"""

NGINX_STREAM = """
stream {{
    upstream tcp {{ server 127.0.0.1:9001; server 127.0.0.1:9002; }}
    server {{ listen 127.0.0.1:{tcp} backlog=4096; proxy_pass tcp; }}
}}
"""

WRK_DONE = """
done = function(summary, latency, requests)
    local e = summary.errors
    io.write(string.format('\\n{"requests": %d, "bytes": %d, "errors": %d}\\n', summary.requests,
        summary.bytes, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


class Wrong(Exception):
    """An answer was not what it had to be."""


# --- CPU clocks, in nanoseconds ---


def _tree(pid):
    """A process and its children (nginx's workers)."""
    yield pid
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        for child in f.read().split():
            yield from _tree(int(child))


def cpu_of(pid):
    """What all threads have used so far."""
    total = 0
    for process in _tree(pid):
        for path in glob.glob(f"/proc/{process}/task/*/schedstat"):
            with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total


def machine_busy():
    """(busy so far, processors): all that was not idle, whoever it was."""
    with open("/proc/stat", encoding="ascii") as file:
        idle = [sum(map(int, line.split()[4:6])) for line in file if line[3:4].isdigit()]
    with open("/proc/uptime", encoding="ascii") as file:
        up = float(file.read().split()[0])
    tick = 1e9 / os.sysconf("SC_CLK_TCK")
    return up * 1e9 * len(idle) - sum(idle) * tick, len(idle)


def cpu_of_self():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int((used.ru_utime + used.ru_stime) * 1e9)


class Meter:
    """CPU between start and stop(): of one process, and of those that nobody here has used."""

    def __init__(self, pid, others):
        self.pid, self.others = pid, others
        self.began = self._look()

    def _look(self):
        busy, processors = machine_busy()
        return {"busy": busy, "wall": os.times().elapsed * 1e9, "processors": processors,
                "proxy": cpu_of(self.pid), "own": sum(map(cpu_of, self.others)) + cpu_of_self()}

    def stop(self, generator_ns):
        now = self._look()
        spent = {key: now[key] - self.began[key] for key in ("busy", "wall", "proxy", "own")}
        known = spent["proxy"] + spent["own"] + generator_ns
        foreign = max(0, spent["busy"] - known) / (spent["wall"] * now["processors"])
        return {"cpu_ns": spent["proxy"], "foreign": foreign}


# --- the stand ---


class Proxy:
    def __init__(self, stand, name, words, processors=None):
        self.name = name
        self.port = {which: BASES[name] + number for which, number in PORTS.items()}
        place = ["taskset", "-c", processors or stand.proxy_cpu]
        self.process = stand.node.spawn([*place, *words], name=name)
        wait_until(lambda: stand.listens(self.port["plain"], self.process), 10, f"{name} listens")
        self.tcp = stand.listens(self.port["tcp"], self.process)

    @property
    def pid(self):
        return self.process.pid

    def anonymous_memory(self):
        """Bytes that are its own, of all its processes."""
        total = 0
        for pid in _tree(self.pid):
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Anonymous:"))
        return total * 1024

    def stop(self):
        self.process.stop()


class Stand:
    """`with Stand() as stand:` the backend runs; proxies are started by start()."""

    def __init__(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        usable = sorted(os.sched_getaffinity(0))
        self.proxy_cpu = str(usable[-1])
        self.other_cpus = ",".join(map(str, usable[:-1] or usable))
        self.lab = Lab()
        self.node = self.lab.node("bench")
        with contextlib.suppress(OSError):  # the same on each machine, and no pacing timers
            self.node.sysctl("net.ipv4.tcp_congestion_control", "reno")
        self.load = program("tests/bench/load")
        self.script = self.node.write("done.lua", WRK_DONE)
        self._start_backend()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lab.close()

    def _start_backend(self):
        self.node.write("backend/nginx.conf", BACKEND.format(body=BODY.decode(), many=MANY))
        self.node.write("backend/large", "x" * LARGE)
        self.backend = self.node.spawn(
            ["taskset", "-c", self.other_cpus, "nginx", "-e", "stderr", "-p", "/run/backend",
             "-c", "/run/backend/nginx.conf"], name="backend")
        wait_until(lambda: self.listens(BACKENDS[0], self.backend), 10, "the backend listens")

    def listens(self, port, process):
        if not process.running:
            raise Wrong(f"{process} ended:\n{process.output()}")
        with self.node.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    # --- proxies ---

    def start(self, name, threads=1, processors=None):
        words = getattr(self, f"_{name}")(threads)
        return Proxy(self, name, words, processors)

    def _ports(self, name):
        return {which: BASES[name] + number for which, number in PORTS.items()}

    def _haproxy_file(self, name, threads):
        return self.node.write(f"{name}.cfg", HAPROXY.format(
            connections=CONNECTIONS_MAX, threads=threads, **self._ports(name)))

    def _lb(self, threads):
        return [program("lb/lb"), "-f", self._haproxy_file("lb", threads)]

    def _haproxy(self, threads):
        return ["haproxy", "-db", "-f", self._haproxy_file("haproxy", threads)]

    def _nginx(self, _threads):
        has_stream = os.path.exists(STREAM_MODULE)
        self.node.write("nginx/nginx.conf", NGINX.format(
            connections=CONNECTIONS_MAX * 2, many=MANY,
            load_stream=f"load_module {STREAM_MODULE};" if has_stream else "",
            stream=NGINX_STREAM.format(**self._ports("nginx")) if has_stream else "",
            **self._ports("nginx")))
        return ["nginx", "-e", "stderr", "-p", "/run/nginx", "-c", "/run/nginx/nginx.conf"]

    # --- load ---

    def generate(self, words, cpus=None):
        """Runs a generator to its end. Returns its JSON and its CPU in nanoseconds."""
        with self.node.net():
            child = subprocess.Popen(["taskset", "-c", cpus or self.other_cpus, *words],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        out = child.stdout.read().decode()
        child.stdout.close()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        try:
            return json.loads(out.strip().splitlines()[-1]), (used.ru_utime + used.ru_stime) * 1e9
        except (ValueError, IndexError):
            raise Wrong(f"{words[0]} said: {out!r}") from None

    def wrk(self, port, connections, seconds, cpus=None, threads=1):
        path = self.node.path(os.path.basename(self.script))
        return self.generate(["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "-s", path,
                              f"http://127.0.0.1:{port}/"], cpus)

    def hold(self, port, connections):
        """Opens connections, asks once on each, keeps them. Returns the process, which ends with
        its standard input."""
        with self.node.net():
            child = subprocess.Popen(
                [self.load, "--hold", "--connections", str(connections), f"127.0.0.1:{port}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        said = child.stdout.readline().decode().split()
        if said != ["holding", str(connections)]:
            raise Wrong(f"only {said[-1:]} of {connections} connections were answered")
        return child

    def reply_size(self, port):
        """Bytes of a whole small reply, head included."""
        with self.node.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n")
            data = b""
            while not data.endswith(BODY):
                more = client.recv(65536)
                if not more:
                    raise Wrong(f"port {port} said {data!r}")
                data += more
        return len(data)


def versions():
    """What the packages are called."""
    def first(words, mark):
        if not shutil.which(words[0]):
            return "missing"
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        line = next((line for line in (done.stdout + done.stderr).splitlines() if mark in line), "")
        return line.strip()
    return {
        "lb": first([program("lb/lb"), "-v"], "lb"),
        "haproxy": first(["haproxy", "-v"], "version"),
        "nginx": first(["nginx", "-v"], "nginx"),
        "wrk": first(["wrk", "-v"], "wrk"),
    }
