"""vrrpd on real interfaces: who holds the address, and what the others on the LAN see of it."""

import signal
import struct
import time

from lab import holds_for, wait_until
from lab.tandem import Vrrpd
from lab.vrrp import (ADDRESS, FIRST, SECOND, config, elected, pair, rejects, stays, wait_holder)
from lab.wire import GROUP, Capture, Sender, advert

MAC_OF_GROUP = "01:00:5e:00:00:12"


# --- election ---


def test_election(lab):
    """the higher priority becomes Active, and it alone holds the address"""
    one, two = elected(lab)
    assert two.state() == "Backup"
    stays(lab, "lb-01")
    assert one.counter("transitions") == 2 and two.counter("transitions") == 1


def test_equal_priorities(lab):
    """A3 of two Active routers with equal priority the one with the greater address stays"""
    one, two = pair(lab, config(100), config(100))
    lab.drop(one.node)
    wait_holder(lab, "lb-01", "lb-02")
    lab.heal(one.node)
    wait_holder(lab, "lb-02")
    stays(lab, "lb-02")
    assert one.state() == "Backup" and two.state() == "Active"


def test_preemption(lab):
    """B5 a router with a higher priority takes over when it comes, and nobody misses the address"""
    two = Vrrpd(lab.node("lb-02", f"{SECOND}/24"), config(100))
    two.wait_state("Active")
    one = Vrrpd(lab.node("lb-01", f"{FIRST}/24"), config(101))

    held = time.monotonic()

    def taken_over():
        nonlocal held
        holders = lab.holders(ADDRESS)
        if holders:
            held = time.monotonic()
        # Less than an advert's interval; what is left is the time between advert and address.
        assert time.monotonic() - held < 0.1, "nobody holds the address"
        return holders == ["lb-01"]

    wait_until(taken_over, 10, "lb-01 takes over")
    assert (one.state(), two.state()) == ("Active", "Backup")


def test_no_preemption(lab):
    """B4 without preemption a router with a higher priority waits until it is needed"""
    two = Vrrpd(lab.node("lb-02", f"{SECOND}/24"), config(100))
    two.wait_state("Active")
    one = Vrrpd(lab.node("lb-01", f"{FIRST}/24"), config(101, preempt=False))
    one.wait_heard(100)
    stays(lab, "lb-02")
    two.kill()
    one.wait_state("Active")


def test_stop(lab):
    """A5 SIGTERM: priority 0 is sent, the address is gone, exit status 0, the backup takes over"""
    # At an interval of 1 s silence would be noticed after 3.6 s; the farewell is after 0.6 s.
    one, two = elected(lab, config(101, "1s"), config(100, "1s"))
    with Capture(two.node) as capture:
        assert one.stop() == 0
        assert "lb-01" not in lab.holders(ADDRESS)
        wait_holder(lab, "lb-02", within=2.5)
        assert capture.adverts(FIRST)[-1].payload[2] == 0


def test_cut_link(lab):
    """the holder's cable is pulled: it is in fault and gives the address up, the backup takes over"""
    one, _ = elected(lab)
    lab.cut(one.node)
    wait_holder(lab, "lb-02")
    assert one.state() == "Fault"
    lab.heal(one.node)
    wait_holder(lab, "lb-01")


def test_broken_switch(lab):
    """a switch that loses everything makes both Active; when it is well again, one is left"""
    one, two = elected(lab)
    lab.drop(one.node)
    wait_holder(lab, "lb-01", "lb-02")
    lab.heal(one.node)
    wait_holder(lab, "lb-01")
    assert two.counter("yields") >= 1


def test_loss(lab):
    """a LAN that loses every second advert causes no change"""
    one, two = elected(lab)
    lab.lose_every(one.node, 2, match="ip protocol 112")
    sent = one.counter("adverts_sent")
    wait_until(lambda: one.counter("adverts_sent") >= sent + 20, 10, "20 adverts")
    assert (one.counter("transitions"), two.counter("transitions")) == (2, 1)
    assert lab.holders(ADDRESS) == ["lb-01"]


# --- what is on the wire ---


def test_adverts(lab):
    """P1 P4 adverts go to the group with TTL 255 from the interface's address, as the RFC lays out"""
    one, two = pair(lab)
    with Capture(two.node) as capture:
        capture.wait(lambda c: len(c.adverts(FIRST)) >= 8, what="adverts")
        frames = capture.adverts(FIRST)
    for frame in frames:
        assert (frame.to_mac, frame.target, frame.ttl) == (MAC_OF_GROUP, GROUP, 255)
        assert frame.payload == advert(51, 101, (ADDRESS,), 10)
    assert one.state() == "Active"


def test_gratuitous_arp(lab):
    """G1 G3 a new holder announces the address by broadcast, so that clients find it at once"""
    one, two = elected(lab)
    client = lab.node("client", "10.77.0.100/24")
    client.ip("neigh", "replace", ADDRESS, "lladdr", one.node.mac(), "dev", "eth0", "nud", "stale")
    with Capture(client) as capture:
        lab.cut(one.node)
        capture.wait(lambda c: c.arps(ADDRESS), what="gratuitous ARP")
        frame = capture.arps(ADDRESS)[0]
    assert frame.to_mac == "ff:ff:ff:ff:ff:ff"
    assert frame.sender_mac == two.node.mac()
    wait_until(lambda: two.node.mac() in client.ip("neigh", "show", ADDRESS), 2, "the neighbour table")
    assert lab.holders(ADDRESS) == ["lb-02"]


def test_unicast(lab):
    """adverts to named peers: nothing goes to the group, and the election is the same"""
    one = Vrrpd(lab.node("lb-01", f"{FIRST}/24"), config(101, unicast={"peers": [SECOND]}))
    two = Vrrpd(lab.node("lb-02", f"{SECOND}/24"), config(100, unicast={"peers": [FIRST]}))
    with Capture(two.node) as capture:
        one.wait_state("Active")
        two.wait_heard(101)
        capture.wait(lambda c: len(c.adverts()) >= 3, what="adverts")
        seen = capture.adverts()
    assert all(frame.target in (FIRST, SECOND) for frame in seen)
    assert lab.holders(ADDRESS) == ["lb-01"]


# --- trackers ---


def test_script(lab):
    """a script that fails lowers the priority until the other takes over, and gives it back"""
    track = {"flag": {"script": "test -e /run/well", "every": "50ms", "on_fail": {"priority": -2}}}
    node = lab.node("lb-01", f"{FIRST}/24")
    node.write("well", "")
    one = Vrrpd(node, config(101, track=track))
    two = Vrrpd(lab.node("lb-02", f"{SECOND}/24"), config(100))
    one.wait_state("Active")
    two.wait_state("Backup")
    assert one.status()["priority"] == 101
    node.run(["rm", "/run/well"])
    wait_holder(lab, "lb-02")
    assert one.status()["priority"] == 99
    node.write("well", "")
    wait_holder(lab, "lb-01")
    assert one.status()["priority"] == 101


def test_hanging_script(lab):
    """a script that hangs has failed, and leaves no process behind"""
    track = {"hang": {"script": "sleep 1000", "every": "200ms", "on_fail": "fault"}}
    one = Vrrpd(lab.node("lb-01", f"{FIRST}/24"), config(101, track=track))
    one.wait_state("Fault")
    assert lab.holders(ADDRESS) == []
    one.stop()
    assert one.node.run(["pidof", "sleep"], check=False).returncode == 1


def test_process_death(lab):
    """the death of a watched process is known at once: the address moves long before a poll"""
    track = {"proxy": {"process": "sleep", "on_fail": "fault"}}
    first = lab.node("lb-01", f"{FIRST}/24")
    proxy = first.spawn(["sleep", "1000"])
    one = Vrrpd(first, config(101, "1s", track=track))
    two = Vrrpd(lab.node("lb-02", f"{SECOND}/24"), config(100, "1s"))
    one.wait_state("Active")
    two.wait_heard(101)
    proxy.kill(signal.SIGKILL)
    # The farewell at once, then Skew_Time, 0.6 s; silence would take 3.6 s.
    wait_holder(lab, "lb-02", within=2.5)
    assert one.state() == "Fault"
    first.spawn(["sleep", "1000"])
    wait_holder(lab, "lb-01")


# --- hooks ---


def notified(node):
    try:
        return node.read("notified").splitlines()
    except FileNotFoundError:
        return []


def test_notify(lab):
    """hooks get keepalived's arguments, one after the other, in the order of the states"""
    hook = {"command": ["/run/hook"]}
    node = lab.node("lb-01", f"{FIRST}/24")
    # The first one is slow: the others must not overtake it.
    node.write("hook", "#!/bin/sh\n[ $3 = BACKUP ] && sleep 0.3\necho \"$*\" >>/run/notified\n", 0o755)
    one = Vrrpd(node, config(101, notify=[hook]))
    one.wait_state("Active")
    wait_until(lambda: len(notified(node)) == 2, 10, "two hooks")
    lab.cut(node)
    wait_until(lambda: len(notified(node)) == 3, 10, "the hook for the fault")
    lab.heal(node)
    wait_until(lambda: len(notified(node)) == 5, 10, "the hooks after it")
    assert one.stop() == 0
    assert notified(node) == [f"INSTANCE web {state} 101" for state in (
        "BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "STOP")]


# --- reload ---


def test_reload(lab):
    """SIGHUP: a changed priority holds, and an address that stays is not touched"""
    one, two = elected(lab)
    addresses = one.node.spawn(["ip", "-o", "monitor", "address"], name="monitor")
    wait_until(lambda: monitor_listens(one.node), 5, "ip monitor listens")
    one.configure(config(150))
    one.reload()
    two.wait_heard(150)
    assert lab.holders(ADDRESS) == ["lb-01"] and one.state() == "Active"
    assert addresses.output() == ""
    assert one.counter("transitions") == 2


def monitor_listens(node):
    """ip has its netlink socket: before that it would miss what happens."""
    with open(f"/proc/{node.init_pid}/net/netlink", encoding="ascii") as file:
        return sum(1 for line in file if line.split()[3] not in ("Groups", "00000000")) >= 2


def test_bad_reload(lab):
    """a broken configuration is refused with its place, and the running one stays"""
    one, _ = elected(lab)
    mark = one.log.mark()
    text = '{ "instances": { "web": {\n  "interface": "eth0", "vrid": 51,\n  "priorty": 7 } } }\n'
    one.configure(text)
    one.reload()
    one.log.wait(r'vrrpd\.json:3:3: error: unknown key "priorty"', since=mark)
    one.log.wait(r'did you mean "priority"\?', since=mark)
    assert one.status()["priority"] == 101
    stays(lab, "lb-01", seconds=0.5)


# --- what comes from outside ---


HOSTILE = {
    "checksum": advert(priority=254, bad_checksum=True),
    "version": advert(priority=254, version=7),
    "type": advert(priority=254, kind=2),
    "short": advert(priority=254, count=9),
    "no-addresses": advert(priority=254, addresses=()),
    "interval-zero": advert(priority=254, interval_cs=0),
    "vrid-unknown": advert(priority=254, vrid=77),
}


def test_hostile_adverts(lab):
    """V1 V2 V3 V4 V5 V6 V8 V10 broken adverts are counted by reason and change nothing"""
    one, _ = elected(lab)
    attacker = lab.node("attacker", "10.77.0.66/24")
    near = Sender(attacker)
    for message in HOSTILE.values():
        near.send(message)
    near.send(b"")
    near.send(b"\x31")
    far = Sender(attacker, ttl=254)
    far.send(advert(priority=254))
    wanted = {reason: 1 for reason in HOSTILE} | {"ttl": 1, "short": 3}
    wait_until(lambda: rejects(one) == wanted, 5,
               f"the rejects {wanted}")
    assert one.state() == "Active" and one.counter("transitions") == 2
    stays(lab, "lb-01", seconds=0.5)


def test_garbage(lab):
    """ten thousand random messages do not disturb anything"""
    one, two = elected(lab)
    sender = Sender(lab.node("attacker", "10.77.0.66/24"))
    seed = 1
    for number in range(10000):
        seed = seed * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        noise = struct.pack("!4Q", *((seed >> shift) * 0x9E3779B97F4A7C15 & (1 << 64) - 1
                                     for shift in (0, 7, 13, 29)))
        sender.send((b"\x31\x33" if number % 2 else b"") + noise[: number % 33])
    stays(lab, "lb-01", seconds=0.5)
    assert one.state() == "Active" and two.state() == "Backup"
    assert sum(rejects(one).values()) > 1000


def test_farewell_of_a_stranger(lab):
    """A2 a priority-0 advert is answered with an advert at once"""
    one, _ = elected(lab, config(101, "1s"), config(100, "1s"))
    stranger = lab.node("stranger", "10.77.0.66/24")
    with Capture(stranger) as capture:
        Sender(stranger).send(advert(priority=0))
        wait_until(lambda: one.counter("leaving_heard") == 1, 2, "the farewell is heard")
        capture.wait(lambda c: c.adverts(FIRST), 0.9, "an advert ahead of its time")


# --- the machine around it ---


def test_missing_interface(lab):
    """an interface that is not there yet is waited for"""
    node = lab.node("lb-01")
    one = Vrrpd(node, config(101))
    assert one.state() == "Fault"
    holds_for(lambda: one.process.running, 0.3, "vrrpd runs")
    lab.connect(node, "eth0", f"{FIRST}/24")
    one.wait_state("Active")
    assert lab.holders(ADDRESS) == ["lb-01"]


def test_interface_comes_back(lab):
    """an interface that is taken away and made anew is used again"""
    one, _ = elected(lab)
    lab.switch.ip("link", "del", "dev", "lb-01")
    wait_holder(lab, "lb-02")
    assert one.state() == "Fault"
    lab.connect(one.node, "eth0", f"{FIRST}/24")
    wait_holder(lab, "lb-01")


def test_address_removed_by_others(lab):
    """an address that somebody removes is put back at once"""
    one, _ = elected(lab)
    one.node.ip("addr", "del", f"{ADDRESS}/24", "dev", "eth0")
    wait_until(lambda: one.counter("addresses_restored") == 1, 5, "put back")
    stays(lab, "lb-01", seconds=0.5)


def test_frozen_node(lab):
    """a node that was frozen for a while does not stay a second Active when it wakes"""
    one, two = elected(lab)
    one.node.freeze()
    two.wait_state("Active")
    one.node.thaw()
    wait_holder(lab, "lb-01")
    stays(lab, "lb-01", seconds=0.5)
    assert two.state() == "Backup"


