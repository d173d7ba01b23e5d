"""vrrpd, lb and the client's view on a node. TANDEM_BUILD names the build directory."""

import json
import os
import signal
import socket

from . import events

_SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program(path):
    """Where a program of the build is: program("lb/lb")."""
    found = os.path.join(os.environ.get("TANDEM_BUILD", os.path.join(_SOURCE, "build")), path)
    if not os.access(found, os.X_OK):
        raise FileNotFoundError(f"{found} is not there: build first, or set TANDEM_BUILD")
    return found


class Daemon:
    """`config` is a dictionary, or the text of a configuration file. Default paths are used: each
    node has a /run of its own."""

    name = ""
    binary = ""

    def __init__(self, node, config, start=True):
        self.node = node
        self.process = None
        self.configure(config)
        if start:
            self.start()

    def __str__(self):
        return f"{self.name} on {self.node}"

    @property
    def log(self):
        return self.process.log

    def configure(self, config):
        """Writes the configuration file; reload() makes a running daemon read it."""
        self.config = config
        text = config if isinstance(config, str) else json.dumps(config, indent=2)
        self.path = self.node.write(f"{self.name}.json", text)

    def start(self, wait=True):
        """Starts it; `wait`: until it answers on its control socket."""
        self.process = self.node.spawn([program(self.binary), "-f", self.path], name=self.name)
        if wait:
            events.wait_until(self._answers, 10, f"answer of {self}")
        return self

    def _answers(self):
        if not self.process.running:
            raise AssertionError(f"{self} ended with {self.process.status}:\n{self.process.output()}")
        try:
            self.ask("help")
            return True
        except OSError:
            return False

    def reload(self):
        self.process.kill(signal.SIGHUP)

    def stop(self):
        """SIGTERM; returns the exit status."""
        return self.process.stop()

    def kill(self):
        """SIGKILL, and it is gone."""
        self.process.kill(signal.SIGKILL)
        self.process.wait()

    def ask(self, line):
        """One command on the control socket, as text."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(10)
            client.connect(self.node.path(self.name, f"{self.name}.sock"))
            client.sendall(line.encode() + b"\n")
            answer = b""
            while data := client.recv(65536):
                answer += data
        return answer.decode()

    def ask_json(self, line):
        return json.loads(self.ask(f"{line} --json"))


class Vrrpd(Daemon):
    name = "vrrpd"
    binary = "vrrpd/vrrpd"

    def status(self, instance=None):
        """The status of one instance (the only one, or by name)."""
        found = self.ask_json("status")["instances"]
        return next(one for one in found if instance in (None, one["name"]))

    def state(self, instance=None):
        return self.status(instance)["state"]

    def wait_state(self, state, within=10, instance=None):
        """"Active", "Backup", "Fault", "Initialize"."""
        events.wait_until(lambda: self.state(instance) == state, within, f"{self} is {state}")

    def wait_heard(self, priority, within=10, instance=None):
        """Waits until adverts of a peer with that priority arrive."""
        def heard():
            peer = self.status(instance)["peer"]
            return peer and peer["priority"] == priority
        events.wait_until(heard, within, f"{self} hears priority {priority}")

    def counter(self, name, instance=None):
        return self.status(instance)["counters"][name]


class Lb(Daemon):
    name = "lb"
    binary = "lb/lb"


class Probe:
    """`vrrpctl probe` on a node, followed as it goes."""

    def __init__(self, node, target, interval="2ms", run="300s", name="probe"):
        self.node = node
        self.report_path = f"/run/{name}.html"
        self._lines_read = 0
        self.results = []
        self.process = node.spawn(
            [program("vrrpd/vrrpctl"), "probe", target, "--interval", interval, "--for", run,
             "--events", "--json", "--report", self.report_path], name=name)
        self._started = self.process.started_at

    def read(self):
        """All results so far, as dictionaries: t_ms, took_ms, kind, status, server."""
        lines = self.process.log.read()[self._started:]
        for line in lines[self._lines_read:]:
            if line.startswith('{"t_ms"'):
                self.results.append(json.loads(line))
        self._lines_read = len(lines)
        return self.results

    def mark(self):
        return len(self.read())

    def wait_for(self, wanted, within=10, since=0, count=1, what="result"):
        """Waits until `count` results behind `since` satisfy wanted(result)."""
        def enough():
            return sum(1 for result in self.read()[since:] if wanted(result)) >= count
        events.wait_until(enough, within, what)

    def wait_ok(self, count=1, within=10, since=None):
        """Waits for so many successes from now on."""
        since = self.mark() if since is None else since
        self.wait_for(lambda result: result["kind"] == "ok", within, since, count,
                      f"{count} successful requests")

    def end(self):
        """Ends it early; returns its summary."""
        if self.process.running:
            self.process.kill(signal.SIGINT)
        self.process.wait()
        for line in reversed(self.process.log.read()[self._started:]):
            if line.startswith('{"target"'):
                return json.loads(line)
        raise AssertionError(f"the probe said nothing:\n{self.process.output()[-2000:]}")

    def report(self):
        """The page about it, once it has ended."""
        with open(self.node.path(os.path.basename(self.report_path)), encoding="utf-8") as file:
            return file.read()
