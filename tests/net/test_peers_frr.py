"""vrrpd beside FRR 8.4's vrrpd (Debian's package): version 3, IPv4 and IPv6 at once, in both roles. FRR's
addresses lie on macvlans all the time; it takes those down while it is Backup."""

from lab import Skip, holds_for, wait_until
from lab.node import CommandFailed
from lab.peers import Frr, macvlan
from lab.tandem import Vrrpd
from lab.vrrp import (ADDRESS, ADDRESS6, FIRST, SECOND, VRID, config, config6, node)
from lab.wire import Capture


def frr_of(lab, priority, *more):
    frr_node = node(lab, "frr", SECOND)
    try:
        macvlan(frr_node, "vrrp4", VRID, f"{ADDRESS}/24")
        macvlan(frr_node, "vrrp6", VRID, f"{ADDRESS6}/64")
    except CommandFailed as error:
        raise Skip(f"FRR needs macvlan: {error}") from error
    return Frr(frr_node, [
        f"vrrp {VRID}", f"vrrp {VRID} version 3", f"vrrp {VRID} priority {priority}",
        f"vrrp {VRID} advertisement-interval 100", f"vrrp {VRID} ip {ADDRESS}",
        f"vrrp {VRID} ipv6 {ADDRESS6}", *(f"{'no ' if line.startswith('no ') else ''}vrrp {VRID} "
                                         f"{line.removeprefix('no ')}" for line in more)])


def vrrpd_of(lab, priority, start=True, **more):
    both = config(priority, **more)
    both["instances"]["web6"] = config6(priority, addresses=[f"{ADDRESS6}/64"], **more)["instances"]["web"]
    return Vrrpd(lab.nodes.get("vrrpd") or node(lab, "vrrpd", FIRST), both, start)


def states(vrrpd, frr):
    return (vrrpd.state("web"), vrrpd.state("web6"), frr.state(4), frr.state(6))


VRRPD, FRR = ("Active", "Active", "Backup", "Backup"), ("Backup", "Backup", "Active", "Active")


def wait_active(who, vrrpd, frr, within=10):
    wait_until(lambda: states(vrrpd, frr) == who, within, f"{who}, not {states(vrrpd, frr)}")


def stays_active(who, vrrpd, frr, seconds=1.5):
    def as_it_was():
        now = states(vrrpd, frr)
        assert now == who, f"{now}, not {who}"
        return True
    holds_for(as_it_was, seconds, f"{who}")


def test_frr_leads(lab):
    """FRR has the higher priority: vrrpd follows, takes over at its priority 0, and gives back"""
    frr = frr_of(lab, 200)
    vrrpd = vrrpd_of(lab, 100)
    # FRR calls itself Active before the kernel lets its new link-local address send.
    vrrpd.wait_heard(200, instance="web")
    vrrpd.wait_heard(200, instance="web6")
    wait_active(FRR, vrrpd, frr)
    assert vrrpd.status("web")["peer"]["priority"] == 200
    stays_active(FRR, vrrpd, frr)
    frr.stop()
    for address in (ADDRESS, ADDRESS6):
        wait_until(lambda a=address: vrrpd.node.holds(a), 5, f"vrrpd holds {address}")
    assert vrrpd.counter("leaving_heard", "web") == 1
    frr.start()
    wait_active(FRR, vrrpd, frr)
    stays_active(FRR, vrrpd, frr)


def test_vrrpd_leads(lab):
    """vrrpd has the higher priority: FRR follows, takes over at its priority 0, and gives back"""
    frr = frr_of(lab, 100)
    vrrpd = vrrpd_of(lab, 200)
    wait_active(VRRPD, vrrpd, frr)
    stays_active(VRRPD, vrrpd, frr)
    with Capture(frr.node) as capture:
        assert vrrpd.stop() == 0
        wait_until(lambda: (frr.state(4), frr.state(6)) == ("Active", "Active"), 5, "FRR takes over")
        assert 0 in [frame.payload[2] for frame in capture.adverts(FIRST)]
    vrrpd.start()
    wait_active(VRRPD, vrrpd, frr)
    stays_active(VRRPD, vrrpd, frr)


def test_silence(lab):
    """each becomes Active when the other falls silent, and one alone is left when the LAN is well"""
    frr = frr_of(lab, 100)
    vrrpd = vrrpd_of(lab, 200)
    wait_active(VRRPD, vrrpd, frr)
    lab.drop(vrrpd.node)
    wait_active(("Active",) * 4, vrrpd, frr)
    lab.heal(vrrpd.node)
    wait_active(VRRPD, vrrpd, frr)
    stays_active(VRRPD, vrrpd, frr)


def test_no_preemption(lab):
    """neither takes over from the other without need: vrrpd with preempt off, FRR with `no preempt`"""
    frr = frr_of(lab, 100, "no preempt")
    wait_until(lambda: (frr.state(4), frr.state(6)) == ("Active", "Active"), 5, "FRR is Active")
    form = {"checksum": "pseudo-header"}  # FRR would not hear it otherwise before it has spoken
    vrrpd = vrrpd_of(lab, 200, preempt=False, **form)
    stays_active(FRR, vrrpd, frr)
    frr.stop()
    for name in ("web", "web6"):
        vrrpd.wait_state("Active", instance=name)
    vrrpd.stop()
    vrrpd = vrrpd_of(lab, 50, **form)
    for name in ("web", "web6"):
        vrrpd.wait_state("Active", instance=name)
    frr.start()
    stays_active(VRRPD, vrrpd, frr)


def test_link_local(lab):
    """V9 FRR's IPv6 adverts have no link-local address: this is told once, and they are obeyed"""
    frr = frr_of(lab, 200)
    vrrpd = vrrpd_of(lab, 100)
    wait_active(FRR, vrrpd, frr)
    wait_until(lambda: vrrpd.counter("adverts_heard", "web6") > 10, 5, "adverts")
    assert vrrpd.log.count("not link-local") == 1
