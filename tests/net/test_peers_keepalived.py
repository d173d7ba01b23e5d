"""vrrpd beside keepalived 2.2.7 (Debian's package): version 2 without and with a password, version 3
with IPv4 and IPv6, all four at once, each in both roles."""

from lab import holds_for, wait_until
from lab.peers import Keepalived, keepalived_instance
from lab.tandem import Vrrpd
from lab.vrrp import FIRST, SECOND, config, node, stays, wait_holder

# name: VRID, version, address, keepalived's interval, its further lines, vrrpd's interval and keys
KINDS = {
    "plain2": (52, 2, ["10.77.0.20/24"], 1, [], "1s", {}),
    "pass2": (53, 2, ["10.77.0.30/24"], 1,
              ["authentication {", "    auth_type PASS", "    auth_pass s3cret", "}"], "1s",
              {"password": "s3cret"}),
    "ipv4": (54, 3, ["10.77.0.40/24"], 0.1, [], "100ms", {}),
    "ipv6": (55, 3, ["fe80::50/64", "fd77::50/64"], 0.1, [], "100ms", {}),
}
ADDRESSES = ["10.77.0.20", "10.77.0.30", "10.77.0.40", "fd77::50"]


def keepalived_of(lab, priority, more=()):
    text = "".join(
        keepalived_instance(name, vrid, priority, addresses, version, interval, [*lines, *more])
        for name, (vrid, version, addresses, interval, lines, _, _) in KINDS.items())
    return Keepalived(node(lab, "keepalived", SECOND),
                      "global_defs {\n    vrrp_garp_master_delay 1\n}\n" + text)


def vrrpd_of(lab, priority, **more):
    return Vrrpd(node(lab, "vrrpd", FIRST), {"instances": {
        name: {"interface": "eth0", "vrid": vrid, "version": version, "priority": priority,
               "interval": interval, "addresses": addresses, **keys, **more}
        for name, (vrid, version, addresses, _, _, interval, keys) in KINDS.items()}})


def all_with(lab, name, within=10):
    for address in ADDRESSES:
        wait_holder(lab, name, within=within, address=address)


def all_stay(lab, name, seconds=1.5):
    def all_there():
        return all(lab.holders(address) == [name] for address in ADDRESSES)
    holds_for(all_there, seconds, f"{name} holds all addresses")


def wait_understood(vrrpd):
    """Until vrrpd knows which checksum keepalived understands, keepalived may become Active for a
    moment; and it may have the address until it hears the next adverts."""
    wait_until(lambda: vrrpd.status("ipv4")["checksum"] == "pseudo-header", 15, "its form is known")
    sent = vrrpd.counter("adverts_sent", "ipv4")
    wait_until(lambda: vrrpd.counter("adverts_sent", "ipv4") >= sent + 3, 10, "three adverts")


def test_keepalived_leads(lab):
    """keepalived has the higher priority: vrrpd follows, takes over at its priority 0, and gives back"""
    keepalived = keepalived_of(lab, 200)
    vrrpd = vrrpd_of(lab, 128)
    all_with(lab, "keepalived")
    for name in KINDS:
        vrrpd.wait_heard(200, instance=name)
        assert vrrpd.state(name) == "Backup"
    keepalived.stop()
    all_with(lab, "vrrpd", within=2.5)  # half a second of skew; silence would take 3.5 s
    keepalived.start()
    all_with(lab, "keepalived")
    all_stay(lab, "keepalived")
    assert all(vrrpd.counter("leaving_heard", name) for name in KINDS)


def test_vrrpd_leads(lab):
    """vrrpd has the higher priority: keepalived follows, takes over at its priority 0, and gives back"""
    keepalived = keepalived_of(lab, 128)
    vrrpd = vrrpd_of(lab, 200)
    wait_understood(vrrpd)
    all_with(lab, "vrrpd")
    all_stay(lab, "vrrpd")
    mark = keepalived.log.mark()
    assert vrrpd.stop() == 0
    all_with(lab, "keepalived", within=2.5)
    assert keepalived.log.count("Entering MASTER STATE", mark) == len(KINDS)
    vrrpd.start()
    wait_understood(vrrpd)
    all_with(lab, "vrrpd")
    all_stay(lab, "vrrpd")
    assert keepalived.process.running


def test_silence(lab):
    """each becomes Active when the other falls silent, and one alone is left when the LAN is well"""
    keepalived_of(lab, 128)
    vrrpd = vrrpd_of(lab, 200)
    all_with(lab, "vrrpd")
    lab.drop(vrrpd.node)
    for address in ADDRESSES:
        wait_until(lambda a=address: len(lab.holders(a)) == 2, 10, f"both hold {address}")
    lab.heal(vrrpd.node)
    wait_understood(vrrpd)
    all_with(lab, "vrrpd", within=15)
    all_stay(lab, "vrrpd")


def test_no_preemption(lab):
    """neither takes over from the other without need: vrrpd with preempt off, keepalived with nopreempt"""
    keepalived = keepalived_of(lab, 128, more=["nopreempt"])
    all_with(lab, "keepalived")
    vrrpd = vrrpd_of(lab, 200, preempt=False)
    for name in KINDS:
        vrrpd.wait_heard(128, instance=name)
    all_stay(lab, "keepalived", seconds=4)  # longer than version 2 would listen to silence
    keepalived.stop()
    all_with(lab, "vrrpd")
    vrrpd.configure({"instances": {
        name: {**one, "priority": 100}
        for name, one in vrrpd.config["instances"].items()}})
    vrrpd.reload()
    keepalived.start()
    all_stay(lab, "vrrpd", seconds=4)


def test_checksum_form(lab):
    """P7 told to use the pseudo-header form, vrrpd is followed by keepalived from its first advert"""
    vrrpd = Vrrpd(node(lab, "vrrpd", FIRST), config(101, checksum="pseudo-header"))
    vrrpd.wait_state("Active")
    keepalived = Keepalived(node(lab, "keepalived", SECOND),
                            keepalived_instance("web", 51, 100, ["10.77.0.10/24"]))
    wait_holder(lab, "vrrpd")
    stays(lab, "vrrpd")
    assert not keepalived.log.search("(?i)checksum")


def test_checksum_learned(lab):
    """P7 with checksum auto, vrrpd and a keepalived that both became Active unheard find to one another"""
    vrrpd = Vrrpd(node(lab, "vrrpd", FIRST), config(101))
    lab.drop(vrrpd.node)
    vrrpd.wait_state("Active")
    Keepalived(node(lab, "keepalived", SECOND), keepalived_instance("web", 51, 100, ["10.77.0.10/24"]))
    wait_holder(lab, "vrrpd", "keepalived")
    lab.heal(vrrpd.node)
    wait_until(lambda: vrrpd.status()["checksum"] == "pseudo-header", 15, "vrrpd follows its form")
    wait_holder(lab, "vrrpd")
    stays(lab, "vrrpd")
