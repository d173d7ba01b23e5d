"""What the events of RFC 9568 (6.4, 8) make visible on a real wire: who answers, who announces, when."""

import json
import re
import signal
import socket

from lab import wait_until
from lab.referee import tshark
from lab.tandem import Vrrpd, program
from lab.vrrp import (ADDRESS, ADDRESS6, FIRST, LINK_LOCAL, SECOND, VRID, config, config6, elected, node,
                      stays, wait_holder)
from lab.wire import (BROADCAST, GROUP6, NEIGHBOUR_ADVERTISEMENT, ROUTER_ADVERTISEMENT, Capture, Link,
                      Sender, advert, family_of, packed)

CLIENT = "10.77.0.100"
ALL_NODES, ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"
LONG = 4095  # cs: one advert with this interval keeps a Backup quiet for two minutes


def client_of(lab):
    return lab.nodes.get("client") or node(lab, "client", CLIENT)


class Asker:
    """A client on the LAN that asks who has an address, and pings it."""

    def __init__(self, lab, capture):
        self.client, self.capture = client_of(lab), capture
        self.link = Link(self.client)

    def macs(self, address, control, wanted=0):
        """The MACs that answer for an address. `control` is an address of the same node that is
        certainly answered: once it was, the first question has had its answer, if any. A macvlan
        is slower than that: `wanted` answers are waited for, too."""
        if ":" in address:
            source = self.client.link_local()
            self.link.solicit(address, source)
            self.link.solicit(control, source)
        else:
            self.link.who_has(address, CLIENT)
            self.link.who_has(control, CLIENT)
        self.capture.wait(lambda c: self._answers(control), 5, f"an answer for {control}")
        self.capture.wait(lambda c: len(self._answers(address)) >= wanted, 5, f"{wanted} answers")
        return set(self._answers(address))

    def _answers(self, address):
        if ":" in address:
            return [f.option_mac or f.from_mac for f in
                    self.capture.neighbour(NEIGHBOUR_ADVERTISEMENT, address) if f.flags & 2]
        return [f.sender_mac for f in self.capture.read()
                if f.operation == 2 and f.sender == address]

    def ping(self, address, control, to_mac):
        """True if an echo request for the address, sent to this MAC, is answered."""
        source = self.client.link_local() if ":" in address else CLIENT
        if address.startswith("fd"):
            source = "fd77::100"
        self.link.ping(address, source, to_mac)
        self.link.ping(control, source, to_mac)
        self.capture.wait(lambda c: self._echoes(control), 5, f"an echo from {control}")
        return bool(self._echoes(address))

    def _echoes(self, address):
        return [f for f in self.capture.read() if f.source == address and (
            f.icmp6 == 129 or f.protocol == socket.IPPROTO_ICMP and f.payload[0] == 0)]


# --- initialize, backup ---


def test_owner(lab):
    """I1 the owner advertises and announces at once when it starts, without waiting"""
    with Capture(client_of(lab)) as capture:
        one = Vrrpd(node(lab, "lb-01", FIRST), config(255, "10s"))
        capture.wait(lambda c: c.adverts(FIRST) and c.arps(ADDRESS), 5, "advert and announcement")
        assert capture.adverts(FIRST)[0].payload[2] == 255
    assert one.state() == "Active" and lab.holders(ADDRESS) == ["lb-01"]


def test_start(lab):
    """I2 a router that is not the owner listens for Active_Down_Interval before it advertises"""
    with Capture(client_of(lab)) as capture:
        one = Vrrpd(node(lab, "lb-01", FIRST), config(128, "200ms"))
        assert one.state() == "Backup" and capture.adverts(FIRST) == []
        one.wait_state("Active")
        capture.wait(lambda c: c.adverts(FIRST), 5, "its first advert")
    silence = float(one.log.wait(r"no Active router was heard for (\S+)s").group(1))
    assert 0.7 <= silence < 0.9, silence  # 3 * 200 ms + 128/256 * 200 ms


def backup(lab, configuration=None):
    """lb-02 as Backup of an Active router that has spoken once and will for long not be missed."""
    two = Vrrpd(node(lab, "lb-02", SECOND), configuration or config(100))
    sender = Sender(node(lab, "lb-01", FIRST))
    sender.send(advert(VRID, 254, interval_cs=LONG))
    two.wait_heard(254)
    assert two.state() == "Backup"
    return two, sender


def test_backup_is_silent(lab):
    """B1 a Backup answers no ARP for the address and does not accept its packets"""
    two, _ = backup(lab)
    two.node.ip("addr", "add", "10.77.0.98/24", "dev", "eth0")
    with Capture(client_of(lab)) as capture:
        ask = Asker(lab, capture)
        assert ask.macs(ADDRESS, SECOND) == set()
        assert ask.macs("10.77.0.98", SECOND) == {two.node.mac()}  # so it would have been seen
        assert not ask.ping(ADDRESS, SECOND, two.node.mac())
        assert ask.ping("10.77.0.98", SECOND, two.node.mac())
        assert capture.adverts(SECOND) == [] and capture.arps(ADDRESS) == []


def test_backup_is_silent_ipv6(lab):
    """B1 the same with IPv6: no neighbour advertisement, no router advertisement, no packet accepted"""
    two = Vrrpd(node(lab, "lb-02", SECOND), config6(100))
    active = node(lab, "lb-01", FIRST)
    message = advert(VRID, 254, (LINK_LOCAL, ADDRESS6), LONG, pseudo=(active.link_local(), GROUP6))
    with Capture(client_of(lab)) as capture:
        Sender(active, family=socket.AF_INET6).send(message)
        two.wait_heard(254)
        ask = Asker(lab, capture)
        for address in (ADDRESS6, LINK_LOCAL):
            assert ask.macs(address, "fd77::12") == set()
            assert not ask.ping(address, "fd77::12" if address == ADDRESS6 else two.node.link_local(),
                                two.node.mac())
        assert not capture.neighbour(ROUTER_ADVERTISEMENT)
        assert not capture.neighbour(NEIGHBOUR_ADVERTISEMENT, ADDRESS6)


def test_silence(lab):
    """B2 when the Active falls silent: an advert first, the address, then its announcement"""
    elected(lab)
    with Capture(client_of(lab)) as capture:
        lab.cut(lab.nodes["lb-01"])
        capture.wait(lambda c: c.arps(ADDRESS), what="the announcement")
        first_advert, first_arp = capture.adverts(SECOND)[0], capture.arps(ADDRESS)[0]
    assert first_advert.at < first_arp.at
    assert first_arp.from_mac == lab.nodes["lb-02"].mac()
    wait_holder(lab, "lb-02")


def test_farewell(lab):
    """B3 priority 0 is followed after Skew_Time: of the Active's interval, and not before"""
    two, sender = backup(lab, config(128))
    with Capture(client_of(lab)) as capture:
        sender.send(advert(VRID, 254, interval_cs=40))
        wait_until(lambda: two.counter("adverts_heard") == 2, 5, "the new interval")
        sender.send(advert(VRID, 0, interval_cs=40))
        capture.wait(lambda c: c.adverts(SECOND), 5, "the takeover")
        left = next(f for f in capture.adverts(FIRST) if f.payload[2] == 0)
        took = capture.adverts(SECOND)[0].at - left.at
    assert 0.199 < took < 0.35, took  # 128/256 * 400 ms


def test_learns(lab):
    """B4 the Active's interval is learned: a shorter one is missed sooner"""
    two, sender = backup(lab, config(100, "10s"))
    with Capture(client_of(lab)) as capture:
        sender.send(advert(VRID, 254, interval_cs=10))
        capture.wait(lambda c: c.adverts(SECOND), 5, "the takeover")
        took = capture.adverts(SECOND)[0].at - capture.adverts(FIRST)[-1].at
    assert 0.359 < took < 0.5, took  # 3 * 100 ms + 156/256 * 100 ms


def test_lower(lab):
    """B5 adverts of a lower priority do not put the takeover off"""
    two = Vrrpd(node(lab, "lb-02", SECOND), config(128, "200ms"))
    sender = Sender(node(lab, "lb-01", FIRST))
    with Capture(client_of(lab)) as capture:
        sender.send(advert(VRID, 254, interval_cs=20))
        two.wait_heard(254)
        begin = capture.adverts(FIRST)[-1].at

        def until_takeover():
            sender.send(advert(VRID, 50, interval_cs=LONG))
            return capture.adverts(SECOND)
        wait_until(until_takeover, 5, "the takeover")
        took = capture.adverts(SECOND)[0].at - begin
    assert took < 0.9, took  # 3 * 200 ms + 128/256 * 200 ms at most


def test_backup_stops(lab):
    """B6 a Backup that is stopped says nothing and leaves nothing"""
    two, _ = backup(lab)
    with Capture(client_of(lab)) as capture:
        assert two.stop() == 0
        Sender(two.node).send(b"end")
        capture.wait(lambda c: c.adverts(SECOND), 5, "the end")
        assert [f.payload[:3] for f in capture.adverts(SECOND)] == [b"end"]
        assert capture.arps(ADDRESS) == []
    assert two.node.addresses() == [f"{SECOND}/24"]


# --- active ---


def test_answers(lab):
    """A2 A4 priority 0 and lower priorities are answered with an advert at once, long before its time"""
    one = Vrrpd(node(lab, "lb-01", FIRST), config(255, "40s"))
    one.wait_state("Active")
    sender = Sender(node(lab, "other", SECOND))
    with Capture(client_of(lab)) as capture:
        for number, priority in enumerate((0, 254, 1), 1):
            sender.send(advert(VRID, priority, interval_cs=4000))
            capture.wait(lambda c, n=number: len(c.adverts(FIRST)) == n, 5, "an answer")
            answer, question = capture.adverts(FIRST)[-1], capture.adverts(SECOND)[-1]
            assert 0 < answer.at - question.at < 0.5
    assert one.state() == "Active"


def test_gives_way(lab):
    """A3 to a higher priority, or an equal one from a greater address, an Active gives way at once"""
    one = Vrrpd(node(lab, "lb-01", FIRST), config(100, "10ms"))
    lower = Sender(node(lab, "lower", "10.77.0.9"))
    higher = Sender(node(lab, "higher", "10.77.0.200"))  # 200 > 11 only if octets are unsigned
    one.wait_state("Active")
    # In its first interval another Active is one that it has just replaced, and no conflict.
    wait_until(lambda: one.counter("adverts_sent") >= 3, 5, "two intervals")
    lower.send(advert(VRID, 100, interval_cs=LONG))
    wait_until(lambda: one.counter("conflicts") == 1, 5, "the lower one is heard")
    assert one.state() == "Active" and lab.holders(ADDRESS) == ["lb-01"]
    higher.send(advert(VRID, 100, interval_cs=LONG))
    one.wait_state("Backup")
    assert lab.holders(ADDRESS) == []


def test_leaves(lab):
    """A5 an Active that is stopped sends priority 0 after its last advert, and the address is gone"""
    one = Vrrpd(node(lab, "lb-01", FIRST), config(101))
    one.wait_state("Active")
    with Capture(client_of(lab)) as capture:
        assert one.stop() == 0
        capture.wait(lambda c: c.adverts() and c.adverts()[-1].payload[2] == 0, 5, "the farewell")
        said = [frame.payload[2] for frame in capture.adverts(FIRST)]
    assert said == sorted(said, reverse=True), said
    assert one.node.addresses() == [f"{FIRST}/24"]


def test_accepts(lab):
    """A6 an Active accepts packets for the address, as a proxy needs; so does the owner"""
    for priority in (101, 255):
        one = Vrrpd(lab.nodes.get("lb-01") or node(lab, "lb-01", FIRST), config(priority, "10ms"))
        one.wait_state("Active")
        with Capture(client_of(lab)) as capture:
            ask = Asker(lab, capture)
            assert ask.macs(ADDRESS, FIRST) == {one.node.mac()}
            assert ask.ping(ADDRESS, FIRST, one.node.mac())
        one.stop()


def reaches(client, address):
    """True if a TCP connection gets through; that nothing listens is an answer too."""
    with client.socket(family_of(address), socket.SOCK_STREAM) as sock:
        sock.settimeout(0.3)
        try:
            sock.connect((address, 7))
        except ConnectionRefusedError:
            pass
        except TimeoutError:
            return False
        return True


def test_accepts_not(lab):
    """A6 with "accept": false packets for the address are dropped, while ARP is answered; not so the owner"""
    one = Vrrpd(node(lab, "lb-01", FIRST), config(101, accept=False))
    one.wait_state("Active")
    client = client_of(lab)
    with Capture(client) as capture:
        ask = Asker(lab, capture)
        assert ask.macs(ADDRESS, FIRST) == {one.node.mac()}
        assert not ask.ping(ADDRESS, FIRST, one.node.mac())
    assert reaches(client, FIRST) and not reaches(client, ADDRESS)
    one.configure(config(101))
    one.reload()
    wait_until(lambda: reaches(client, ADDRESS), 5, "accept on again")
    one.stop()
    one.configure(config(255, accept=False))
    one.start()
    one.wait_state("Active")
    assert reaches(client, ADDRESS)


def test_accepts_not_ipv6(lab):
    """A6 the same with IPv6: neighbour solicitations are answered, all else is dropped"""
    one = Vrrpd(node(lab, "lb-01", FIRST), config6(101, accept=False))
    one.wait_state("Active")
    client = client_of(lab)
    with Capture(client) as capture:
        ask = Asker(lab, capture)
        assert ask.macs(ADDRESS6, "fd77::11") == {one.node.mac()}
        assert not ask.ping(ADDRESS6, "fd77::11", one.node.mac())
    assert reaches(client, "fd77::11") and not reaches(client, ADDRESS6)


def test_filter_goes(lab):
    """A6 the filter is in a table of its own that goes away with the daemon, also when it is killed"""
    def table(name="lb-01"):
        return lab.nodes[name].run(["nft", "list", "tables"]).stdout

    one = Vrrpd(node(lab, "lb-01", FIRST), config(101, accept=False))
    one.wait_state("Active")
    assert table()
    one.stop()
    assert not table()
    one.start()
    one.wait_state("Active")
    assert table()
    one.node.kill_all(signal.SIGKILL)
    one.process.wait()
    wait_until(lambda: not table(), 5, "the table is gone")


# --- announcements ---


def test_gratuitous_arp(lab):
    """G1 one gratuitous ARP request an address, broadcast; again after the gap, and after garp delay"""
    addresses = [f"{ADDRESS}/24", "10.77.0.20/24", "10.77.0.30/24"]
    garp = {"repeat": 2, "gap": "20ms", "delay": "300ms"}
    client = client_of(lab)
    with Capture(client) as capture:
        one = Vrrpd(node(lab, "lb-01", FIRST), config(101, addresses=addresses, garp=garp))
        capture.wait(lambda c: len(c.arps()) >= 12, what="twelve announcements")
        frames = capture.arps()
    mac = one.node.mac()
    assert [f.sender for f in frames] == ["10.77.0.10", "10.77.0.20", "10.77.0.30"] * 4
    for frame in frames:
        assert (frame.to_mac, frame.from_mac, frame.sender_mac) == (BROADCAST, mac, mac)
    for seen, frame in zip(tshark(frames, client.path("frames.pcap")), frames):
        assert seen["arp.opcode"] == "1" and seen["arp.isgratuitous"] in ("1", True, "True")
        assert seen["arp.src.proto_ipv4"] == seen["arp.dst.proto_ipv4"] == frame.sender
    starts = [frame.at for frame in frames[::3]]
    assert 0.019 < starts[1] - starts[0] < 0.29 < starts[2] - starts[0] < 2, starts


def test_neighbour_advertisement(lab):
    """G2 IPv6: the solicited-node group is joined, unsolicited NAs go to ff02::1 with R=1 S=0 O=1"""
    client = client_of(lab)
    with Capture(client) as capture:
        one = Vrrpd(node(lab, "lb-01", FIRST), config6(101))
        for address in (LINK_LOCAL, ADDRESS6):
            capture.wait(lambda c, a=address: c.neighbour(NEIGHBOUR_ADVERTISEMENT, a),
                         what=f"an announcement of {address}")
        frames = [f for a in (LINK_LOCAL, ADDRESS6)
                  for f in capture.neighbour(NEIGHBOUR_ADVERTISEMENT, a)]
    for frame in frames:
        assert (frame.to_mac, frame.target, frame.ttl) == (ALL_NODES_MAC, ALL_NODES, 255)
        assert frame.flags == 0b101 and frame.option_mac == one.node.mac()
    for seen in tshark(frames, client.path("frames.pcap")):
        assert seen["icmpv6.type"] == "136" and seen["icmpv6.checksum.status"] == "1"
        assert seen["icmpv6.nd.na.flag.r"] in ("1", True) and seen["icmpv6.nd.na.flag.o"] in ("1", True)
        assert seen["icmpv6.nd.na.flag.s"] in ("0", False)
    with one.node.net(), open("/proc/net/igmp6", encoding="ascii") as file:
        assert "ff0200000000000000000001ff000010" in file.read()


def test_clients_follow(lab):
    """G1 G2 after a takeover every client's neighbour table has the new MAC, IPv4 and IPv6"""
    both = [config(priority) for priority in (101, 100)]
    for configuration, priority in zip(both, (101, 100)):
        configuration["instances"]["web6"] = config6(priority)["instances"]["web"]
    one, two = elected(lab, *both)
    one.wait_state("Active", instance="web6")
    client = client_of(lab)
    for address in (ADDRESS, ADDRESS6):
        client.ip("neigh", "replace", address, "lladdr", one.node.mac(), "dev", "eth0", "nud", "stale")
    lab.cut(one.node)
    for address in (ADDRESS, ADDRESS6):
        wait_until(lambda a=address: two.node.mac() in client.ip("neigh", "show", a), 5,
                   f"the new MAC of {address}")


def traced(lab, configuration):
    """vrrpd's system calls that send anything, from its start until it has announced."""
    one = node(lab, "lb-01", FIRST)
    path = one.write("vrrpd.json", json.dumps(configuration))
    one.spawn(
        ["strace", "-f", "-qq", "-s", "512", "-e", "trace=sendmsg,sendmmsg,sendto", "-o", "/run/trace",
         program("vrrpd/vrrpd"), "-f", path],
        env={"ASAN_OPTIONS": "detect_leaks=0"})  # LeakSanitizer does not work under ptrace
    return one


def test_address_first(lab):
    """G3 system call by system call: the address is in place before the first GARP or NA about it"""
    both = config(255)
    both["instances"]["web6"] = config6(255)["instances"]["web"]
    with Capture(client_of(lab)) as capture:
        one = traced(lab, both)
        capture.wait(lambda c: c.arps(ADDRESS) and c.neighbour(NEIGHBOUR_ADVERTISEMENT, ADDRESS6), 20,
                     "announcements")
    one.kill_all(signal.SIGTERM)
    one.processes[-1].wait()
    calls = one.read("trace").splitlines()
    for address, kind in ((ADDRESS, "ETH_P_ARP"), (ADDRESS6, "ETH_P_IPV6")):
        added = next(i for i, call in enumerate(calls) if adds(call, address))
        said = next(i for i, call in enumerate(calls) if "AF_PACKET" in call and kind in call)
        assert added < said, calls[: said + 1]


def adds(call, address):
    """True for a netlink request that adds the address. strace does not always know that a socket is
    rtnetlink; then it shows the type as a number (20) and the address as bytes."""
    raw = "".join(f"\\x{byte:02x}" for byte in packed(address))
    return (re.search(r"nlmsg_type=(RTM_NEWADDR|0x14)\b", call) is not None
            and (f'"{address}"' in call or raw in call))


def test_no_address_no_announcement(lab):
    """G3 an address that could not be put in place is not announced"""
    addresses = [f"{ADDRESS}/24", {"address": "10.77.0.20/24", "device": "missing0"}]
    with Capture(client_of(lab)) as capture:
        Vrrpd(node(lab, "lb-01", FIRST), config(101, addresses=addresses))
        capture.wait(lambda c: len(c.arps(ADDRESS)) >= 2, what="announcements")
        assert capture.arps("10.77.0.20") == []
    stays(lab, "lb-01", seconds=0.1)


# --- the virtual MAC ---


VIRTUAL4, VIRTUAL6 = "00:00:5e:00:01:33", "00:00:5e:00:02:33"  # 0x33: the VRID


def test_virtual_mac(lab):
    """M1 with "virtual_mac" adverts and announcements come from 00-00-5E-00-01-VRID, IPv4"""
    with Capture(client_of(lab)) as capture:
        one = Vrrpd(node(lab, "lb-01", FIRST), config(101, virtual_mac=True))
        one.wait_state("Active")
        capture.wait(lambda c: len(c.adverts(FIRST)) >= 3 and c.arps(ADDRESS), what="adverts, an ARP")
        one.stop()
        for frame in capture.adverts() + capture.arps():
            assert frame.from_mac == VIRTUAL4, frame.data.hex()
        for frame in capture.adverts():
            assert (frame.source, frame.ttl, frame.to_mac) == (FIRST, 255, "01:00:5e:00:00:12")
        assert {frame.sender_mac for frame in capture.arps(ADDRESS)} == {VIRTUAL4}


def test_virtual_mac_ipv6(lab):
    """M1 the same with IPv6: 00-00-5E-00-02-VRID"""
    with Capture(client_of(lab)) as capture:
        one = Vrrpd(node(lab, "lb-01", FIRST), config6(101, virtual_mac=True))
        one.wait_state("Active")
        source = one.node.link_local()
        capture.wait(lambda c: len(c.adverts(source)) >= 3
                     and c.neighbour(NEIGHBOUR_ADVERTISEMENT, ADDRESS6), what="adverts, an NA")
        one.stop()
        said = capture.neighbour(NEIGHBOUR_ADVERTISEMENT, ADDRESS6)
        for frame in capture.adverts() + said:
            assert frame.from_mac == VIRTUAL6, frame.data.hex()
        assert {frame.option_mac for frame in said} == {VIRTUAL6}


def test_virtual_mac_answers(lab):
    """M2 with "virtual_mac" ARP for the address is answered with the virtual MAC, never the physical one"""
    one = Vrrpd(node(lab, "lb-01", FIRST), config(101, virtual_mac=True))
    one.wait_state("Active")
    with Capture(client_of(lab)) as capture:
        ask = Asker(lab, capture)
        for number in range(5):
            assert ask.macs(ADDRESS, FIRST, number + 1) == {VIRTUAL4}
        assert ask.macs(FIRST, FIRST) == {one.node.mac()}
        assert {f.from_mac for f in capture.read() if f.sender == ADDRESS} == {VIRTUAL4}
        assert ask.ping(ADDRESS, FIRST, VIRTUAL4)
    assert reaches(client_of(lab), ADDRESS)


def test_virtual_mac_answers_ipv6(lab):
    """M2 the same with IPv6: solicitations are answered with the virtual MAC"""
    one = Vrrpd(node(lab, "lb-01", FIRST), config6(101, virtual_mac=True))
    one.wait_state("Active")
    with Capture(client_of(lab)) as capture:
        ask = Asker(lab, capture)
        for number in range(5):
            assert ask.macs(ADDRESS6, "fd77::11", number + 1) == {VIRTUAL6}
        assert ask.macs("fd77::11", "fd77::11") == {one.node.mac()}
        assert ask.ping(ADDRESS6, "fd77::11", VIRTUAL6)


def test_virtual_mac_stays(lab):
    """M2 at a takeover the client's neighbour entry need not change, and the old node leaves no trace"""
    one, two = elected(lab, config(101, virtual_mac=True), config(100, virtual_mac=True))
    client = client_of(lab)
    assert reaches(client, ADDRESS)
    ignored = one.node.run(["cat", "/proc/sys/net/ipv4/conf/eth0/arp_ignore"]).stdout
    assert ignored == "1\n"
    assert one.stop() == 0
    two.wait_state("Active")
    assert VIRTUAL4 in client.ip("neigh", "show", ADDRESS)
    assert reaches(client, ADDRESS)
    links = one.node.ip("-o", "link", "show")
    assert "macvlan" not in links and "00:00:5e" not in links, links
    assert one.node.run(["cat", "/proc/sys/net/ipv4/conf/eth0/arp_ignore"]).stdout == "0\n"
