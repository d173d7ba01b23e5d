"""What tests of vrrpd have in common: names, configurations, who holds what."""

from .events import holds_for, wait_until
from .tandem import Vrrpd

ADDRESS, ADDRESS6, LINK_LOCAL = "10.77.0.10", "fd77::10", "fe80::10"
FIRST, SECOND, THIRD = "10.77.0.11", "10.77.0.12", "10.77.0.13"
VRID = 51


def instance(priority=100, interval="100ms", **more):
    """One instance's configuration; IPv4 unless `addresses` says otherwise."""
    return {"interface": "eth0", "vrid": VRID, "priority": priority, "interval": interval,
            "addresses": [f"{ADDRESS}/24"], **more}


def config(priority=100, interval="100ms", **more):
    """vrrpd.json with one instance, "web"."""
    return {"instances": {"web": instance(priority, interval, **more)}}


def config6(priority=100, interval="100ms", **more):
    """The same with IPv6 addresses."""
    more.setdefault("addresses", [f"{LINK_LOCAL}/64", f"{ADDRESS6}/64"])
    return config(priority, interval, **more)


def node(lab, name, address, lan="lan"):
    """A node with an IPv4 address and fd77::LAST-OCTET."""
    made = lab.node(name, f"{address}/24", lan)
    made.ip("addr", "add", f"fd77::{address.rsplit('.', 1)[1]}/64", "dev", "eth0", "nodad")
    return made


def pair(lab, first=None, second=None):
    """Two nodes with vrrpd: 101 on lb-01, 100 on lb-02 unless configured otherwise."""
    one = Vrrpd(node(lab, "lb-01", FIRST), first or config(101))
    two = Vrrpd(node(lab, "lb-02", SECOND), second or config(100))
    return one, two


def elected(lab, *args, address=ADDRESS):
    """The same, after the election."""
    one, two = pair(lab, *args)
    one.wait_state("Active")
    two.wait_heard(one.status()["priority"])
    assert lab.holders(address) == ["lb-01"]
    return one, two


def wait_holder(lab, *names, within=10, address=ADDRESS):
    wait_until(lambda: lab.holders(address) == list(names), within,
               f"{' and '.join(names) or 'nobody'} alone with {address}")


def stays(lab, *names, seconds=1.0, address=ADDRESS):
    holds_for(lambda: lab.holders(address) == list(names), seconds,
              f"{' and '.join(names) or 'nobody'} alone with {address}")


def rejects(daemon):
    """How many messages were discarded, by reason; those that are not zero."""
    stats = daemon.ask_json("stats")
    total = {}
    for part in (*stats["wires"], *stats["instances"]):
        for reason, count in part["rejects"].items():
            if count:
                total[reason] = total.get(reason, 0) + count
    return total
