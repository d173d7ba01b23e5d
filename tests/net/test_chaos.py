"""vrrpd under attack: daemons killed and frozen, links that flap and vanish, noise, loss, split brain, a
machine without a free core. In the end one node alone holds the address, and clients reach it."""

import os
import random
import signal
import threading
import time

from lab import holds_for, wait_until
from lab.tandem import Vrrpd
from lab.vrrp import (ADDRESS, FIRST, SECOND, config, elected, instance, node, stays, wait_holder)
from lab.wire import Capture

LEASE_S = 2  # the shortest


def leased(priority, **more):
    return config(priority, lease=f"{LEASE_S}s", **more)


def signal_daemon(vrrpd, signo):
    """To the daemon, not to its guardian."""
    pid = vrrpd.ask_json("status")["pid"]
    vrrpd.node.call(os.kill, pid, signo)
    return pid


class Watch:
    """Looks every millisecond who holds the address, in a thread of its own."""

    def __init__(self, lab, address=ADDRESS):
        self.seen = []  # (time, [names])
        self._lab, self._address = lab, address
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        while not self._end.is_set():
            self.seen.append((time.monotonic(), self._lab.holders(self._address)))
            self._end.wait(0.001)

    def share(self, wanted):
        """How large a part of the looks satisfied wanted(holders)."""
        return sum(1 for _, names in self.seen if wanted(names)) / len(self.seen)


# --- the daemon ---


def killed_once(lab, one, two):
    """SIGKILL for Active lb-01; returns after how many seconds lb-02 alone had the address."""
    wait_holder(lab, "lb-01")
    two.wait_heard(one.status()["priority"])
    before = one.log.count("starting vrrpd again")
    pid = one.ask_json("status")["pid"]
    with Watch(lab) as watch:
        begin = time.monotonic()
        one.node.call(os.kill, pid, signal.SIGKILL)
        wait_until(lambda: watch.seen[-1][1] == ["lb-02"], 5, "lb-02 alone holds the address")
    took = next(at for at, names in watch.seen if names == ["lb-02"] and at > begin) - begin
    wait_until(lambda: one.log.count("starting vrrpd again") > before, 10, "the guardian's restart")
    return took


def test_sigkill(lab):
    """SIGKILL for the Active daemon: within 100 ms another node alone has the address"""
    # Two thirds of it are Skew_Time. A busy machine may need longer, but not each time. lb-01 comes
    # back by its guardian and preempts.
    one, two = elected(lab)
    took = []
    while not took or min(took) > 0.1 and len(took) < 5:
        took.append(killed_once(lab, one, two))
        assert took[-1] < 2, took
    assert min(took) <= 0.1, took
    wait_holder(lab, "lb-01", within=20)
    one.log.wait("was killed by SIGKILL; removed 1 addresses and routes and took leave for 1 instances")


def test_sigkill_of_guardian(lab):
    """SIGKILL for the guardian: the daemon leaves in good order"""
    one, _ = elected(lab)
    with Capture(lab.nodes["lb-02"]) as capture:
        one.kill()
        wait_holder(lab, "lb-02")
        assert capture.adverts(FIRST)[-1].payload[2] == 0
    stays(lab, "lb-02", seconds=0.3)


def test_sigkill_of_all(lab):
    """SIGKILL for everything on the node at once: the lease ends, and with it the address"""
    one, _ = elected(lab, leased(101), leased(100))
    one.node.kill_all(signal.SIGKILL)
    wait_until(lambda: lab.nodes["lb-02"].holds(ADDRESS), 5, "lb-02 takes over")
    wait_holder(lab, "lb-02", within=LEASE_S + 1)
    stays(lab, "lb-02", seconds=0.3)
    one.start()  # what an earlier vrrpd left is no obstacle
    wait_holder(lab, "lb-01")


def test_sigstop(lab):
    """SIGSTOP for the Active daemon: its guardian takes the address away; after SIGCONT one is Active"""
    one, two = elected(lab, leased(101), leased(100))
    signal_daemon(one, signal.SIGSTOP)
    wait_holder(lab, "lb-02", within=LEASE_S + 1)
    one.log.wait("was stopped")
    stays(lab, "lb-02", seconds=0.5)
    one.node.kill_all(signal.SIGCONT)
    wait_holder(lab, "lb-01")
    stays(lab, "lb-01", seconds=0.5)
    assert two.state() == "Backup"


def test_sigstop_of_all(lab):
    """SIGSTOP for the whole node: within lease + 1 s the address is on another node alone"""
    one, two = elected(lab, leased(101), leased(100))
    one.node.freeze()
    wait_holder(lab, "lb-02", within=LEASE_S + 1)
    stays(lab, "lb-02", seconds=0.5)
    one.node.thaw()
    wait_holder(lab, "lb-01")
    stays(lab, "lb-01", seconds=0.5)
    assert (one.state(), two.state()) == ("Active", "Backup")


# --- the interface ---


def test_link_flaps(lab):
    """a link that flaps thirty times leaves one Active, and nothing stuck"""
    one, two = elected(lab, config(101, "50ms"), config(100, "50ms"))
    dice = random.Random(7)
    for _ in range(30):
        lab.cut(one.node)
        time.sleep(dice.uniform(0, 0.03))
        lab.heal(one.node)
        time.sleep(dice.uniform(0, 0.03))
    wait_holder(lab, "lb-01")
    stays(lab, "lb-01", seconds=0.5)
    assert (one.state(), two.state()) == ("Active", "Backup")


def renewed(lab, configurations, rounds=3):
    one, two = elected(lab, *configurations)
    for _ in range(rounds):
        lab.switch.ip("link", "del", "dev", "lb-01")
        wait_until(lambda: lab.holders(ADDRESS) == ["lb-02"] and one.state() == "Fault", 10,
                   "lb-02 alone, lb-01 in fault")
        lab.connect(one.node, "eth0", f"{FIRST}/24")
        wait_holder(lab, "lb-01")
        two.wait_heard(101)
    stays(lab, "lb-01", seconds=0.3)


def test_interface_renewed(lab):
    """an interface that is deleted and made anew, again and again, is used each time"""
    renewed(lab, (config(101), config(100)))


def test_interface_renewed_virtual_mac(lab):
    """the same with a virtual MAC, whose macvlan vanishes with the interface"""
    renewed(lab, (config(101, virtual_mac=True), config(100, virtual_mac=True)))


NOISE = """\
link add noise type veth peer name esion
addr add 10.99.0.{n}/24 dev noise
addr add fd99::{n:x}/64 dev noise nodad
link set noise up
link set esion up
addr add 10.99.1.{n}/32 dev lo
addr del 10.99.1.{n}/32 dev lo
link del noise
"""


def test_netlink_noise(lab):
    """interfaces and addresses that come and go in a loop do not disturb adverts at 100 ms"""
    one, two = elected(lab)
    batch = one.node.write("noise", "".join(NOISE.format(n=n % 250 + 1) for n in range(40)))
    noise = one.node.spawn(["sh", "-c", f"while ip -batch {batch}; do :; done"], name="noise")
    sent = one.counter("adverts_sent")
    wait_until(lambda: one.counter("adverts_sent") >= sent + 30, 20, "thirty adverts")
    assert noise.running, noise.output()
    noise.kill(signal.SIGKILL, group=True)
    assert (one.counter("transitions"), two.counter("transitions")) == (2, 1)
    assert lab.holders(ADDRESS) == ["lb-01"] and one.counter("addresses_lost") == 0
    one.node.ip("addr", "del", f"{ADDRESS}/24", "dev", "eth0")  # and its eyes are open
    wait_until(lambda: one.counter("addresses_restored") == 1, 5, "put back")


# --- the network ---


def test_loss(lab):
    """a LAN that loses 20 % of all frames: somebody always has the address, hardly ever two"""
    one, two = elected(lab, config(101, "20ms"), config(100, "20ms"))
    lab.lose(one.node, 20)
    with Watch(lab) as watch:
        sent = one.counter("adverts_sent")
        wait_until(lambda: one.counter("adverts_sent") >= sent + 200, 20, "two hundred adverts")
    lab.heal(one.node)
    assert watch.share(lambda names: names == []) < 0.02
    assert watch.share(lambda names: len(names) == 2) < 0.2
    wait_holder(lab, "lb-01")
    stays(lab, "lb-01", seconds=0.5)
    assert two.state() == "Backup"


def test_partition(lab):
    """a LAN in two parts has two Actives; healed, one is left, and it announces the address again"""
    one, two = elected(lab)
    client = node(lab, "client", "10.77.0.100")
    for _ in range(2):
        lab.drop(one.node)
        wait_holder(lab, "lb-01", "lb-02")
        client.ip("neigh", "replace", ADDRESS, "lladdr", two.node.mac(), "dev", "eth0", "nud", "stale")
        with Capture(client) as capture:
            lab.heal(one.node)
            wait_holder(lab, "lb-01")
            capture.wait(lambda c: c.arps(ADDRESS) and c.arps(ADDRESS)[-1].from_mac == one.node.mac(),
                         5, "gratuitous ARP of the winner")
        wait_until(lambda: one.node.mac() in client.ip("neigh", "show", ADDRESS), 5,
                   "the client knows the winner")
        stays(lab, "lb-01", seconds=0.3)
    assert (one.state(), two.state()) == ("Active", "Backup")


def test_three_parts(lab):
    """three nodes, each alone, then together again: the best one has the address, the others do not"""
    daemons = [Vrrpd(node(lab, f"lb-0{n}", f"10.77.0.1{n}"), config(250 - n)) for n in (1, 2, 3)]
    wait_holder(lab, "lb-01")
    for daemon in daemons:
        lab.drop(daemon.node)
    wait_holder(lab, "lb-01", "lb-02", "lb-03")
    for daemon in reversed(daemons):
        lab.heal(daemon.node)
    wait_holder(lab, "lb-01")
    stays(lab, "lb-01", seconds=0.5)


# --- the machine ---


def test_busy_machine(lab):
    """sixteen busy loops on the machine while adverts run at 100 ms: no false failover"""
    one, two = elected(lab)
    loops = [lab.nodes[name].spawn(["sh", "-c", "while :; do :; done"], name=f"loop{n}")
             for n in range(8) for name in ("lb-01", "lb-02")]
    sent = one.counter("adverts_sent")
    wait_until(lambda: one.counter("adverts_sent") >= sent + 50, 30, "fifty adverts")
    assert (one.counter("transitions"), two.counter("transitions")) == (2, 1)
    assert lab.holders(ADDRESS) == ["lb-01"]
    assert all(loop.running for loop in loops)


def test_many_instances(lab):
    """a hundred instances: each has one Active, before and after its node is lost"""
    def many(priority):
        return {"instances": {f"v{n}": {**instance(priority, "100ms"), "vrid": n,
                                        "addresses": [f"10.77.1.{n}/16"]} for n in range(1, 101)}}
    one, two = Vrrpd(node(lab, "lb-01", FIRST), many(101)), Vrrpd(node(lab, "lb-02", SECOND), many(100))

    def all_with(name):
        return all(lab.holders(f"10.77.1.{n}") == [name] for n in range(1, 101))

    wait_until(lambda: all_with("lb-01"), 10, "lb-01 holds all")
    lab.cut(one.node)
    wait_until(lambda: all_with("lb-02"), 10, "lb-02 holds all")
    lab.heal(one.node)
    wait_until(lambda: all_with("lb-01"), 10, "lb-01 holds all again")
    holds_for(lambda: all_with("lb-01"), 0.3, "lb-01 holds all")
    assert two.process.running
