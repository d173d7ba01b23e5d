"""The cluster of the demo, and what is done to it.

A scene is a function that does something to the stage while the client asks for the floating
address every 2 ms, and a judgement of what the client saw.
"""

import time

from lab import Lab, Nginx, wait_until
from lab.tandem import Lb, Probe, Vrrpd

ADDRESS = "10.77.0.10"
HOSTS = {
    "lb-01": "10.77.0.11", "lb-02": "10.77.0.12",
    "web-01": "10.77.0.21", "web-02": "10.77.0.22",
    "client": "10.77.0.100",
}
PRIORITY = {"lb-01": 101, "lb-02": 100}
SETTLE = 50  # successes that a scene waits for before and after what it does

LB_CONFIG = {
    "listeners": {"http-in": {"bind": f"{ADDRESS}:80", "pool": "web"}},
    "pools": {
        "web": {
            "check": {"request": "OPTIONS /", "inter": "500ms", "fall": 2, "rise": 1},
            "servers": {name: f"{HOSTS[name]}:80" for name in ("web-01", "web-02")},
        }
    },
}


def vrrpd_config(name):
    """The proxy is watched twice: its process, whose death is known at once, and, as it is usually
    done, by a script."""
    return {
        "instances": {
            "web": {
                "interface": "eth0", "vrid": 51, "priority": PRIORITY[name],
                "addresses": [f"{ADDRESS}/24"], "two_nodes": True,
                "track": {
                    "proxy": {"process": "lb", "on_fail": "fault"},
                    "proxy-script": {"script": "killall -0 lb", "every": "1s",
                                     "on_fail": {"priority": -2}},
                },
            }
        }
    }


class Stage:
    """The nodes and what runs on them."""

    def __init__(self):
        self.lab = Lab()
        self.web, self.lb, self.vrrpd = {}, {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lab.close()

    def describe(self):
        return (f"client {HOSTS['client']} -> floating address {ADDRESS}:80 -> lb-01 | lb-02 -> "
                "web-01, web-02\n"
                "priorities 101 and 100, an advert each second; the client opens a new connection "
                "every 2 ms\n")

    def start(self, tell):
        for name, address in HOSTS.items():
            self.lab.node(name, f"{address}/24")
        for name in ("web-01", "web-02"):
            self.web[name] = Nginx(self.node(name))
        for name in ("lb-01", "lb-02"):
            self.lb[name] = Lb(self.node(name), LB_CONFIG)
            self.vrrpd[name] = Vrrpd(self.node(name), vrrpd_config(name))
        tell("Waiting for the election ...")
        self.wait_holder("lb-01")

    def remember_nodes(self):
        """Leaves each node's number where scripts/demo --shell looks for it."""
        for name in HOSTS:
            with open(f"/run/nodes/{name}.pid", "w", encoding="ascii") as file:
                file.write(str(self.node(name).init_pid))

    def node(self, name):
        return self.lab.nodes[name]

    def holder(self):
        """Who has the address: a name, both names, or None."""
        return " and ".join(self.lab.holders(ADDRESS)) or None

    def wait_holder(self, name, within=15):
        wait_until(lambda: self.holder() == name, within, f"{name} alone holds {ADDRESS}")

    def wait_served_by(self, *servers):
        """Waits until lb on each node sends requests to just these servers."""
        def served():
            return all(self.ups(name) == set(servers) for name in self.lb)
        wait_until(served, 15, f"both lb use {' and '.join(servers) or 'no server'}")

    def ups(self, name):
        """The servers that lb on a node regards as usable."""
        servers = self.lb[name].ask_json("show")["pools"][0]["servers"]
        return {server["name"] for server in servers if server["state"] == "UP"}


# --- what is done ---


def steady(_stage, probe):
    probe.wait_ok(500)


def web_down(name, other):
    def do(stage, probe):
        stage.web[name].stop()
        stage.wait_served_by(other)
        probe.wait_ok(SETTLE)
    return do


def web_back(name):
    def do(stage):
        stage.web[name].start()
        stage.wait_served_by("web-01", "web-02")
    return do


def both_webs_down(stage, probe):
    since = probe.mark()
    for web in stage.web.values():
        web.stop()
    probe.wait_for(lambda result: result["status"] == 503, since=since, count=100, what="503")
    stage.web["web-01"].start()


def proxy_killed(stage, _probe):
    stage.lb["lb-01"].kill()
    stage.wait_holder("lb-02")


def proxy_back(stage, _probe):
    stage.lb["lb-01"].start()
    stage.wait_holder("lb-01")


def proxy_killed_on_backup(stage, probe):
    stage.lb["lb-02"].kill()
    stage.vrrpd["lb-02"].wait_state("Fault")
    probe.wait_ok(500)


def backup_proxy_back(stage):
    stage.lb["lb-02"].start()
    stage.vrrpd["lb-02"].wait_state("Backup")
    stage.wait_served_by("web-01", "web-02")


def link_cut(stage, _probe):
    stage.lab.cut(stage.node("lb-01"))
    stage.wait_holder("lb-02")


def link_back(stage, _probe):
    stage.lab.heal(stage.node("lb-01"))
    stage.wait_holder("lb-01")


def vrrpd_stopped(stage, _probe):
    status = stage.vrrpd["lb-01"].stop()
    if status != 0:
        raise AssertionError(f"vrrpd ended with {status}")
    stage.wait_holder("lb-02")


def vrrpd_back(stage):
    stage.vrrpd["lb-01"].start()
    stage.wait_holder("lb-01")


def both_proxies_down(stage, probe):
    since = probe.mark()
    for lb in stage.lb.values():
        lb.kill()
    stage.wait_holder(None)
    probe.wait_for(lambda result: result["kind"] != "ok", since=since, count=100, what="failures")
    stage.lb["lb-02"].start()
    stage.wait_holder("lb-02")


# --- what is expected of it: functions that return a complaint, or nothing ---


def outage_below(ms):
    def judge(result, _seen):
        if result["outage_ms"] >= ms:
            return f"the outage should be below {ms} ms"
        return None
    judge.wish = f"outage below {ms} ms"
    return judge


def nothing_failed(result, _seen):
    return f"{result['failed']} requests failed" if result["failed"] else None


nothing_failed.wish = "no request fails"


def ends_at(name):
    def judge(result, _seen):
        if result["holder_after"] != name:
            return f"{name} should hold the address in the end"
        return None
    judge.wish = None
    return judge


def both_alternate(_result, seen):
    counts = [seen["servers"].get(name, 0) for name in ("web-01", "web-02")]
    if abs(counts[0] - counts[1]) > 0.02 * sum(counts):
        return f"web-01 and web-02 should alternate, but served {counts[0]} and {counts[1]}"
    return None


both_alternate.wish = "both serve alike"


def said_503(_result, seen):
    if seen["statuses"].get("503", 0) < 100:
        return "lb should answer 503"
    if set(seen["failures"]) - {"http-5xx"}:
        return f"lb should always answer, but clients saw {seen['failures']}"
    return None


said_503.wish = "503 from lb, no refused connection"


# name, what is done in words, do(stage, probe), judgements, restore(stage)
SCENES = (
    ("steady", "nothing is done; web-01 and web-02 take turns",
     steady, (nothing_failed, both_alternate, ends_at("lb-01")), None),
    ("web-01-down", "nginx on web-01 is killed",
     web_down("web-01", "web-02"), (outage_below(500), ends_at("lb-01")), web_back("web-01")),
    ("web-02-down", "nginx on web-02 is killed",
     web_down("web-02", "web-01"), (outage_below(500), ends_at("lb-01")), web_back("web-02")),
    ("both-webs-down", "nginx is killed on both, then one comes back",
     both_webs_down, (said_503, ends_at("lb-01")), web_back("web-02")),
    ("proxy-killed", "SIGKILL for lb on lb-01, which holds the address",
     proxy_killed, (outage_below(1000), ends_at("lb-02")), None),
    ("proxy-back", "lb on lb-01 starts again, and the address returns",
     proxy_back, (outage_below(500), ends_at("lb-01")), None),
    ("proxy-killed-on-backup", "SIGKILL for lb on lb-02, which does not hold the address",
     proxy_killed_on_backup, (nothing_failed, ends_at("lb-01")), backup_proxy_back),
    ("link-cut", "the cable of lb-01, which holds the address, is pulled",
     link_cut, (outage_below(4000), ends_at("lb-02")), None),
    ("link-back", "the cable is put back, and the address returns",
     link_back, (outage_below(500), ends_at("lb-01")), None),
    ("vrrpd-stopped", "SIGTERM for vrrpd on lb-01, which holds the address",
     vrrpd_stopped, (outage_below(1000), ends_at("lb-02")), vrrpd_back),
    ("both-proxies-down", "SIGKILL for lb on both nodes, then lb-02's comes back",
     both_proxies_down, (ends_at("lb-02"),), None),
)


def play(stage, tell, wanted=None):
    """Plays the scenes in order; returns a result for each, all keys beginning with _ being for the
    page."""
    results = []
    scenes = [scene for scene in SCENES if not wanted or scene[0] in wanted]
    for number, (name, words, do, judgements, restore) in enumerate(scenes, 1):
        tell(f"{number:2}. {name}: {words}")
        result = play_one(stage, name, do, judgements)
        result.update(_words=words, _wishes=[judge.wish for judge in judgements if judge.wish])
        results.append(result)
        tell(in_words(result))
        if not result["ok"] and result.get("_broken"):
            break
        if restore and number < len(scenes):
            restore(stage)
    return results


def play_one(stage, name, do, judgements):
    result = {"name": name, "ok": False, "outage_ms": None, "failed": None, "requests": None,
              "holder_before": stage.holder(), "holder_after": None}
    probe = Probe(stage.node("client"), f"{ADDRESS}:80", name=f"probe-{name}")
    why = []
    try:
        probe.wait_ok(SETTLE)
        started = time.monotonic()
        do(stage, probe)
        probe.wait_ok(SETTLE)
        result["_took"] = time.monotonic() - started
    except (AssertionError, OSError) as error:
        why.append(str(error).splitlines()[0])
        result["_broken"] = True
    seen = probe.end()
    result.update(outage_ms=round(seen["longest_gap"]["ms"], 1), failed=seen["failed"],
                  requests=seen["requests"], holder_after=stage.holder())
    result.update(_seen=seen, _page=probe.report())
    why += filter(None, (judge(result, seen) for judge in judgements))
    result["ok"] = not why
    if why:
        result["why"] = "; ".join(why)
    return result


def in_words(result):
    seen = result["_seen"]
    before, after = result["holder_before"], result["holder_after"]
    holder = f"{before} holds the address" if before == after else f"{before} -> {after or 'nobody'}"
    failures = ", ".join(f"{count} {kind}" for kind, count in seen["failures"].items())
    text = (f"    {holder}; longest outage {result['outage_ms']:g} ms; "
            f"{result['failed']} of {result['requests']} requests failed"
            f"{f' ({failures})' if failures else ''}\n")
    wishes = ", ".join(result["_wishes"])
    if result["ok"]:
        return text + f"    ok{f': {wishes}' if wishes else ''}"
    return text + f"    NOT AS EXPECTED: {result['why']}"
