"""The workloads, and how they are measured.

A round measures every proxy once, in turn, the next round in the opposite order. What counts is the
ratio within a round (the machine may be another one a second later: other guests on the host, other
clocks), and of the ratios the median. A round in which processors did something for others is thrown
away.
"""

import dataclasses
import statistics
import time

from lb_stand import BODY, CONNECTIONS_MAX, LARGE, Meter, Wrong, machine_busy

PROXIES = ("lb", "haproxy", "nginx")
CLOSED_S = 1  # wrk knows whole seconds only
RATE_S = 0.6
WARM_S = 0.3
RATE_SHARE = 0.4  # of what HAProxy can carry
TRIES = 3  # rounds that may be thrown away for each that is wanted
IDLE_CONNECTIONS = 4000
QUIET_WAIT_S = 5  # before a round, for others to be done


@dataclasses.dataclass
class Workload:
    name: str
    title: str
    target: float  # at most this, times HAProxy
    port: str = "plain"
    connections: int = 64
    wrk: bool = True
    load: tuple = ()

    def words(self, stand, port, seconds, rate=None):
        """The own generator's command line."""
        length = LARGE if "/large" in self.load else len(BODY)
        words = [stand.load, "--connections", str(self.connections), "--seconds", str(seconds),
                 "--length", str(length), *self.load]
        return [*words, *(["--rate", str(rate)] if rate else []), f"127.0.0.1:{port}"]


ONCE = ("--close",)
BODIES = ("--path", "/large")
WORKLOADS = (
    Workload("http-64", "http keep-alive, 64 connections", 0.85),
    Workload("http-256", "http keep-alive, 256 connections", 0.85, connections=256),
    Workload("cookie", "the same with cookie insertion and X-Forwarded-For, 64 connections", 0.80,
             port="cookie"),
    Workload("once", "one connection a request, pooled servers", 0.70, wrk=False, load=ONCE),
    Workload("server-close", "http-server-close, 64 connections", 0.80, port="close"),
    Workload("tcp", "tcp keep-alive, 64 connections", 0.95, port="tcp"),
    Workload("http-1m", "http, bodies of 1 MiB", 0.80, connections=8, wrk=False, load=BODIES),
    Workload("tcp-1m", "tcp, bodies of 1 MiB", 0.70, port="tcp", connections=8, wrk=False,
             load=BODIES),
)
P99_TARGET = 1.0
IDLE_TARGET = 300  # bytes
WORKERS_TARGET = 1.8


def _checked(result, what):
    if result["errors"]:
        raise Wrong(f"{what}: {result['errors']} errors")
    if not result["requests"]:
        raise Wrong(f"{what}: no request was answered")
    return result


def wait_quiet(limit):
    """Until others leave the machine alone, but not for ever."""
    deadline = time.monotonic() + QUIET_WAIT_S
    while time.monotonic() < deadline:
        (before, processors), began = machine_busy(), time.monotonic()
        time.sleep(0.1)
        busy = (machine_busy()[0] - before) / ((time.monotonic() - began) * 1e9 * processors)
        if busy <= max(limit, 0.05):
            return


class Bench:
    """All proxies run all the time; who is not asked does not run."""

    def __init__(self, stand, rounds, foreign_limit, say):
        self.stand, self.rounds, self.limit, self.say = stand, rounds, foreign_limit, say
        self.proxies = {name: stand.start(name) for name in PROXIES}
        self.sizes = {}

    def who(self, work):
        return [p for p in self.proxies.values() if work.port != "tcp" or p.tcp]

    # --- one run ---

    def _metered(self, proxy, generate):
        meter = Meter(proxy.pid, [self.stand.backend.pid])
        result, generator_ns = generate()
        return {**result, **meter.stop(generator_ns)}

    def _wrk(self, work, proxy):
        """wrk counts bytes: each reply must have had the size that the first one has."""
        port = proxy.port[work.port]
        size = self.stand.reply_size(port)
        result = self._metered(
            proxy, lambda: self.stand.wrk(port, work.connections, CLOSED_S))
        rest = result["bytes"] - result["requests"] * size
        if not 0 <= rest <= work.connections * size:
            raise Wrong(f"{work.name}, {proxy.name}: {result['requests']} replies of {size} bytes "
                        f"were {result['bytes']} bytes")
        return _checked(result, f"{work.name}, {proxy.name}")

    def _load(self, work, proxy, seconds, rate=None):
        words = work.words(self.stand, proxy.port[work.port], seconds, rate)
        result = self._metered(proxy, lambda: self.stand.generate(words))
        return _checked(result, f"{work.name}, {proxy.name}")

    def _measure(self, work, proxy, rate):
        closed = self._wrk(work, proxy) if work.wrk else self._load(work, proxy, CLOSED_S)
        planned = self._load(work, proxy, RATE_S, rate)
        return {
            "cpu_us": closed["cpu_ns"] / closed["requests"] / 1e3,
            "requests": closed["requests"],
            "p50_us": planned["p50_us"], "p99_us": planned["p99_us"],
            "foreign": max(closed["foreign"], planned["foreign"]),
        }

    # --- rounds ---

    def _rate(self, work):
        """Below saturation: of what HAProxy can carry, in two digits."""
        for proxy in self.who(work):
            result = self._load(work, proxy, WARM_S)
            if proxy.name == "haproxy":
                rate = result["requests"] / result["seconds"] * RATE_SHARE
        return int(float(f"{rate:.1e}"))

    def run(self, work):
        rate = self._rate(work)
        kept, thrown = [], []
        for number in range(self.rounds * TRIES):
            if len(kept) == self.rounds:
                break
            wait_quiet(self.limit)
            order = self.who(work)[:: -1 if number % 2 else 1]
            one = {proxy.name: self._measure(work, proxy, rate) for proxy in order}
            worst = max(result["foreign"] for result in one.values())
            (kept if worst <= self.limit else thrown).append(one)
            if worst > self.limit:
                self.say(f"  {work.name}: a round is thrown away, {worst:.0%} of the CPU went "
                         "elsewhere")
        return summary(work, rate, kept, thrown)

    # --- memory ---

    def memory(self):
        """User memory a connection that was used once and idles; of fresh proxies."""
        return {name: self._memory(name) for name in PROXIES}

    def _memory(self, name):
        self.proxies[name].stop()
        proxy = self.proxies[name] = self.stand.start(name)
        port = proxy.port["plain"]
        n = min(IDLE_CONNECTIONS, CONNECTIONS_MAX // 2)
        self.stand.reply_size(port)
        before = proxy.anonymous_memory()
        holder = self.stand.hold(port, n)
        time.sleep(0.3)  # for what happens after the last answer
        after = proxy.anonymous_memory()
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()
        return round((after - before) / n)


# --- summing up ---


def _ratios(kept, key, name):
    return [one[name][key] / one["haproxy"][key] for one in kept if one["haproxy"][key]]


def summary(work, rate, kept, thrown):
    result = {
        "name": work.name, "title": work.title, "target": work.target, "rate": rate,
        "rounds": kept, "thrown_away": len(thrown), "proxies": {}, "ratio": None, "met": None,
    }
    if not kept:
        return result
    for name in kept[0]:
        result["proxies"][name] = {
            key: statistics.median(one[name][key] for one in kept)
            for key in ("cpu_us", "p50_us", "p99_us")
        } | {
            "ratio": statistics.median(_ratios(kept, "cpu_us", name)),
            "p99_ratio": statistics.median(_ratios(kept, "p99_us", name) or [0]),
        }
    lb = result["proxies"]["lb"]
    result["ratio"], result["p99_ratio"] = lb["ratio"], lb["p99_ratio"]
    result["met"] = lb["ratio"] <= work.target
    result["p99_met"] = lb["p99_ratio"] <= P99_TARGET
    return result
