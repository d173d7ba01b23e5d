"""What operators do with vrrpd, and what it does beside holding addresses."""

import json
import os
import urllib.error
import urllib.request

from lab import holds_for, wait_until
from lab.tandem import Vrrpd, program
from lab.vrrp import ADDRESS, FIRST, SECOND, config, elected, instance, stays, wait_holder

OTHER = "10.78.0.10"


def ctl(daemon, *words, check=True):
    """vrrpctl on the daemon's node."""
    return daemon.node.run([program("vrrpd/vrrpctl"), *words], check=check)


def routes(node, table="all"):
    return node.ip("route", "show", "table", table, "proto", "112")


def rules(node):
    return [line for line in node.ip("rule", "show").splitlines() if "proto 112" in line]


# --- handover, maintenance ---


def test_handover(lab):
    """handover gives the address to the peer within a skew, and it stays there"""
    one, two = elected(lab)
    answer = json.loads(ctl(one, "handover", "web", "--wait", "--json").stdout)
    assert answer["active"] == SECOND and answer["took"] < 0.5
    assert lab.holders(ADDRESS) == ["lb-02"]
    stays(lab, "lb-02")  # though lb-01 has the higher priority
    assert "handover" in ctl(one, "why").stdout
    two.stop()
    one.wait_state("Active")


def test_handover_without_a_peer(lab):
    """a handover that nobody takes ends with the address where it was"""
    one = Vrrpd(lab.node("lb-01", f"{FIRST}/24"), config(101))
    one.wait_state("Active")
    done = ctl(one, "handover", "web", "--wait", check=False)
    assert done.returncode == 1 and "nobody took web over" in done.stderr
    wait_holder(lab, "lb-01")


def test_handover_of_a_backup(lab):
    """only the Active router can hand over; one that does not exist is named"""
    _, two = elected(lab)
    done = ctl(two, "handover", "web", check=False)
    assert done.returncode == 1 and "web is Backup here" in done.stderr
    done = ctl(two, "handover", "wbe", check=False)
    assert done.returncode == 1 and 'no instance "wbe"' in done.stderr


def test_maintenance(lab):
    """maintenance gives the address away and keeps away, until it is off"""
    one, two = elected(lab)
    ctl(one, "maintenance", "on")
    wait_holder(lab, "lb-02")
    two.stop()
    holds_for(lambda: lab.holders(ADDRESS) == [], 1, "nobody takes it during maintenance")
    ctl(one, "maintenance", "off")
    wait_holder(lab, "lb-01")


# --- sync groups ---


def group(priority):
    return {"groups": {"both": ["web", "lan"]},
            "instances": {"web": instance(priority),
                          "lan": instance(priority, interface="eth1", vrid=52,
                                          addresses=[f"{OTHER}/24"])}}


def grouped(lab):
    made = []
    for name, last, priority in (("lb-01", 11, 101), ("lb-02", 12, 100)):
        node = lab.node(name, f"10.77.0.{last}/24")
        lab.connect(node, "eth1", f"10.78.0.{last}/24", "other")
        made.append(Vrrpd(node, group(priority)))
    wait_both(lab, "lb-01")
    return made


def wait_both(lab, name):
    wait_until(lambda: lab.holders(ADDRESS) == lab.holders(OTHER) == [name], 10, f"{name} has both")


def test_group_moves_as_one(lab):
    """a fault of one member moves all members of its group, there and back"""
    one, two = grouped(lab)
    lab.cut(one.node, "eth1")
    wait_both(lab, "lb-02")
    assert one.state("web") == one.state("lan") == "Fault"
    lab.heal(one.node, "eth1")
    wait_both(lab, "lb-01")
    assert two.state("web") == two.state("lan") == "Backup"


def test_group_is_dissolved_by_a_reload(lab):
    """a reload that takes the group away moves nothing; then each member is on its own"""
    one, two = grouped(lab)
    for daemon, priority in ((one, 101), (two, 100)):
        daemon.configure({"instances": group(priority)["instances"]})
        ctl(daemon, "reload")
    holds_for(lambda: lab.holders(ADDRESS) == lab.holders(OTHER) == ["lb-01"], 0.5, "both stay")
    lab.cut(one.node, "eth1")
    wait_until(lambda: lab.holders(OTHER) == ["lb-02"], 10, "lb-02 has the other one")
    assert lab.holders(ADDRESS) == ["lb-01"]


# --- routes and rules ---


def with_routes(priority, **more):
    return config(priority, routes=[{"to": "198.51.100.0/24", "via": "10.77.0.1"},
                                    {"to": "default", "via": "10.77.0.1", "table": "100"}],
                  rules=[{"from": f"{ADDRESS}/32", "table": "100"}], **more)


def test_routes_follow_the_address(lab):
    """virtual routes and rules are where the address is, and nowhere else"""
    one, two = elected(lab, with_routes(101), with_routes(100))
    wait_until(lambda: routes(one.node).count("\n") == 2, 5, "two routes")
    assert "198.51.100.0/24" in routes(one.node) and len(rules(one.node)) == 1
    assert routes(two.node) == "" and rules(two.node) == []
    one.stop()
    wait_holder(lab, "lb-02")
    assert routes(one.node) == "" and rules(one.node) == []
    wait_until(lambda: routes(two.node).count("\n") == 2, 5, "two routes")


def test_routes_are_put_back(lab):
    """a route and a rule that somebody else removes come back, and it is said"""
    one, _ = elected(lab, with_routes(101), with_routes(100))
    wait_until(lambda: len(rules(one.node)) == 1, 5, "a rule")
    one.node.ip("route", "del", "198.51.100.0/24")
    one.node.ip("rule", "del", "from", ADDRESS)
    wait_until(lambda: "198.51.100.0/24" in routes(one.node) and len(rules(one.node)) == 1, 10,
               "both back")
    assert "removed by somebody else: put back" in ctl(one, "events").stdout


def test_static_part(lab):
    """the static part is there in any state, and gone when vrrpd is"""
    static = {"addresses": [{"address": "203.0.113.1/24", "device": "lo"}],
              "routes": [{"to": "203.0.113.128/25", "type": "blackhole"}]}
    one, two = elected(lab, {**config(101), "static": static}, {**config(100), "static": static})
    for daemon in (one, two):
        assert daemon.node.holds("203.0.113.1") and "blackhole" in routes(daemon.node)
        assert daemon.stop() == 0
        assert not daemon.node.holds("203.0.113.1") and routes(daemon.node) == ""


# --- what the node's surroundings tell ---


def test_address_removed_again_and_again(lab):
    """an address that is removed all the time comes back each time, without a storm"""
    one, _ = elected(lab)
    for _ in range(12):
        one.node.ip("addr", "flush", "to", f"{ADDRESS}/32")
        wait_until(lambda: one.node.holds(ADDRESS), 5, "back")
    assert one.state() == "Active"
    assert one.counter("addresses_restored") >= 12


def test_rival(lab):
    """another host that answers for the address is found and named by its MAC"""
    three = lab.node("web-01", "10.77.0.13/24")
    three.ip("addr", "add", f"{ADDRESS}/32", "dev", "eth0")
    one = Vrrpd(lab.node("lb-01", f"{FIRST}/24"), config(101))
    one.wait_state("Active")
    wait_until(lambda: any(three.mac() in said for said in one.status()["advice"]), 10, "advice")


def test_small_weight(lab):
    """a weight that cannot cross the peer's priority is told on both nodes"""
    more = {"track": {"f": {"script": "true", "every": "200ms", "on_fail": {"priority": -2}}}}
    two = Vrrpd(lab.node("lb-02", f"{SECOND}/24"), config(100, **more))
    two.wait_state("Active")
    one = Vrrpd(lab.node("lb-01", f"{FIRST}/24"), config(110, **more))
    one.wait_state("Active")
    two.wait_heard(110)
    assert any("would move nothing" in said for said in one.status()["advice"])
    assert any("nothing would move" in said for said in two.status()["advice"])


# --- metrics, users ---


def test_metrics(lab):
    """the same metrics come over the control socket and over HTTP; another path is not found"""
    one = Vrrpd(lab.node("lb-01", f"{FIRST}/24"), {**config(101), "metrics": "127.0.0.1:9112"})
    one.wait_state("Active")

    def get(path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:9112{path}", timeout=5) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, None, None

    with one.node.net():
        status, kind, body = get("/metrics")
        assert get("/")[0] == 404
    assert status == 200 and kind.startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")
    assert 'vrrpd_state{instance="web",vrrpd_state="Active"} 1\n' in body
    assert 'vrrpd_state{instance="web",vrrpd_state="Active"} 1\n' in ctl(one, "metrics").stdout


def test_events_follow(lab):
    """events --follow tells what happens, as it happens"""
    one, two = elected(lab)
    follower = two.node.spawn([program("vrrpd/vrrpctl"), "events", "--follow", "--json"],
                              name="follower")
    wait_until(lambda: '"kind":"transition"' in follower.output(), 5, "what has happened")
    one.stop()
    wait_until(lambda: '"to":"Active","reason":"peer-left"' in follower.output(), 5, "what happens")


def test_own_user(lab):
    """with "user" the daemon is that user with two capabilities, and holds addresses all the same"""
    if os.readlink("/proc/self/ns/user") != os.readlink("/proc/1/ns/user") or os.getuid() != 0:
        return  # a namespace with one user has no other
    one = Vrrpd(lab.node("lb-01", f"{FIRST}/24"), {**config(101), "user": "nobody"})
    one.wait_state("Active")
    assert lab.holders(ADDRESS) == ["lb-01"]
    pid = one.ask_json("status")["pid"]
    status = one.node.run(["cat", f"/proc/{pid}/status"]).stdout
    assert "CapEff:\t0000000000003000\n" in status
    assert one.stop() == 0 and lab.holders(ADDRESS) == []


def test_second_daemon(lab):
    """a second vrrpd is refused, and takes nothing away from the first"""
    one, _ = elected(lab)
    done = one.node.run([program("vrrpd/vrrpd"), "-f", one.path], check=False)
    assert done.returncode == 1 and "vrrpd.sock" in done.stderr
    assert lab.holders(ADDRESS) == ["lb-01"]
    assert one.counter("addresses_lost") == 0
