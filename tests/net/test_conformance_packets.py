"""VRRP's packets on a real wire, held against RFC 9568 and RFC 3768, tshark and scapy."""

import socket

from lab import wait_until
from lab.referee import RFC_CHECKSUM, scapy_message, scapy_read, tshark
from lab.tandem import Vrrpd
from lab.vrrp import (ADDRESS, ADDRESS6, FIRST, LINK_LOCAL, SECOND, VRID, config, config6, elected, node,
                      pair, rejects, stays, wait_holder)
from lab.wire import GROUP, GROUP6, Capture, Sender, advert, advert2

MAC_OF_GROUP, MAC_OF_GROUP6 = "01:00:5e:00:00:12", "33:33:00:00:00:12"
TWO = ["10.77.0.10/24", "10.77.0.20/24"]


def heard(lab, source, count=3, on="client"):
    """Frames with adverts from an address, as a bystander sees them."""
    client = lab.nodes.get(on) or node(lab, on, "10.77.0.100")
    with Capture(client) as capture:
        capture.wait(lambda c: len(c.adverts(source)) >= count, what=f"{count} adverts of {source}")
        return capture.adverts(source)[:count]


def tshark_of(lab, frames, *options):
    return tshark(frames, lab.nodes["client"].path("frames.pcap"), *options)


def alone(lab, configuration):
    """vrrpd on lb-01, Active, with nobody beside it."""
    one = Vrrpd(node(lab, "lb-01", FIRST), configuration)
    one.wait_state("Active")
    return one


# --- what is sent ---


def test_ipv4(lab):
    """P1 IPv4 adverts: from the interface's address to 224.0.0.18, protocol 112, TTL 255"""
    one = alone(lab, config(101, addresses=TWO))
    one.node.ip("addr", "add", "10.77.0.99/24", "dev", "eth0")  # a second one is not the primary
    frames = heard(lab, FIRST)
    for frame in frames:
        assert (frame.to_mac, frame.from_mac) == (MAC_OF_GROUP, one.node.mac())
        assert (frame.source, frame.target) == (FIRST, GROUP)
        assert (frame.protocol, frame.ttl) == (112, 255)
    seen = tshark_of(lab, frames, RFC_CHECKSUM)[0]
    assert seen["ip.proto"] == "112" and seen["ip.ttl"] == "255" and seen["ip.dst"] == GROUP


def test_ipv6(lab):
    """P2 IPv6 adverts: from the interface's link-local address to ff02::12, next header 112, hop limit 255"""
    one = alone(lab, config6(101))
    source = one.node.link_local()
    frames = heard(lab, source)
    for frame in frames:
        assert (frame.to_mac, frame.from_mac) == (MAC_OF_GROUP6, one.node.mac())
        assert (frame.source, frame.target) == (source, GROUP6)
        assert (frame.protocol, frame.ttl) == (112, 255)
    seen = tshark_of(lab, frames)[0]
    assert seen["ipv6.nxt"] == "112" and seen["ipv6.hlim"] == "255" and seen["ipv6.dst"] == GROUP6


def test_not_forwarded(lab):
    """P3 adverts stay on their link, although the router between two LANs forwards and runs vrrpd on both"""
    router = node(lab, "router", SECOND)
    lab.connect(router, "eth1", "10.78.0.12/24", lan="far")
    for family in ("ipv4.ip_forward", "ipv6.conf.all.forwarding"):
        router.sysctl(f"net.{family}", 1)
    far = {"interface": "eth1", "vrid": VRID, "interval": "100ms", "addresses": ["10.78.0.10/24"]}
    both = config(100)
    both["instances"]["far"] = far
    one = alone(lab, config(101))
    second = Vrrpd(router, both)
    bystander = lab.node("far-client", "10.78.0.100/24", lan="far")
    with Capture(bystander) as capture:
        second.wait_state("Active", instance="far")
        second.wait_heard(101, instance="web")
        Sender(one.node, family=socket.AF_INET6).send(b"\x31")
        capture.wait(lambda c: len(c.adverts("10.78.0.12")) >= 5, what="adverts of the far side")
        assert {frame.source for frame in capture.adverts()} == {"10.78.0.12"}
    seen = tshark(capture.adverts(), bystander.path("frames.pcap"), RFC_CHECKSUM)
    assert all(packet["vrrp.ip_addr"] == "10.78.0.10" for packet in seen)


def test_layout(lab):
    """P4 version 3 type 1, VRID, priority, count, interval in cs, checksum, addresses: as tshark and scapy read"""
    alone(lab, config(101, "250ms", addresses=TWO, checksum="pseudo-header"))
    frame = heard(lab, FIRST)[0]
    seen = tshark_of(lab, [frame])[0]
    assert seen["vrrp.version"] == "3" and seen["vrrp.type"] == "1"
    assert seen["vrrp.virt_rtr_id"] == str(VRID) and seen["vrrp.prio"] == "101"
    assert seen["vrrp.addr_count"] == "2" and seen["vrrp.short_adver_int"] == "25"
    assert seen["vrrp.checksum.status"] == "1"
    assert seen["vrrp.ip_addr"] == ["10.77.0.10", "10.77.0.20"]
    addresses = ["10.77.0.10", "10.77.0.20"]
    assert frame.payload == scapy_message(frame, vrid=VRID, priority=101, adv=25, addrlist=addresses)
    message = scapy_read(frame).lastlayer()
    assert (message.version, message.type, message.vrid, message.priority) == (3, 1, VRID, 101)
    assert (message.ipcount, message.res, message.adv) == (2, 0, 25)
    assert message.addrlist == addresses


def test_reserved(lab):
    """P5 reserved bits are 0 when sent; an advert that has them set is taken as any other"""
    one = alone(lab, config(101))
    frames = heard(lab, FIRST)
    assert all(frame.payload[4] >> 4 == 0 for frame in frames)
    assert "vrrp.reserved_mbz" in tshark_of(lab, frames, RFC_CHECKSUM)[0]
    sender = Sender(lab.nodes["client"])
    sender.send(advert(priority=200, interval_cs=10, reserved=15))
    one.wait_state("Backup")
    assert one.status()["peer"]["priority"] == 200


def test_priorities(lab):
    """P6 the owner says 255, a backup its 1 to 254, one that leaves 0"""
    for priority in (255, 254, 1):
        one = Vrrpd(lab.nodes.get("lb-01") or node(lab, "lb-01", FIRST), config(priority, "10ms"))
        one.wait_state("Active")
        assert {frame.payload[2] for frame in heard(lab, FIRST)} == {priority}
        with Capture(lab.nodes["client"]) as capture:
            assert one.stop() == 0
            capture.wait(lambda c: c.adverts() and c.adverts()[-1].payload[2] == 0, 2, "farewell")


def test_checksum_rfc(lab):
    """P7 by default the IPv4 checksum covers the message alone, as RFC 9568 says and tshark verifies"""
    alone(lab, config(101))
    frames = heard(lab, FIRST)
    assert frames[0].payload == advert(VRID, 101, (ADDRESS,), 10)
    assert {p["vrrp.checksum.status"] for p in tshark_of(lab, frames, RFC_CHECKSUM)} == {"1"}
    assert {p["vrrp.checksum.status"] for p in tshark_of(lab, frames)} == {"0"}


def test_checksum_pseudo(lab):
    """P7 told so, the IPv4 checksum covers a pseudo-header too, as keepalived, FRR and scapy have it"""
    alone(lab, config(101, checksum="pseudo-header"))
    frames = heard(lab, FIRST)
    assert frames[0].payload == advert(VRID, 101, (ADDRESS,), 10, pseudo=(FIRST, GROUP))
    assert frames[0].payload == scapy_message(frames[0], vrid=VRID, priority=101, adv=10,
                                              addrlist=[ADDRESS])
    assert {p["vrrp.checksum.status"] for p in tshark_of(lab, frames)} == {"1"}


def test_checksum_auto(lab):
    """P7 both forms are accepted, and vrrpd answers in the form that the last valid peer used"""
    one = alone(lab, config(101))
    peer = Sender(node(lab, "peer", SECOND))
    for number, pseudo in enumerate(((SECOND, GROUP), None, (SECOND, GROUP))):
        peer.send(advert(VRID, 50, pseudo=pseudo))
        wait_until(lambda: one.counter("adverts_heard") == number + 1, 5, "the peer is heard")
        own = (FIRST, GROUP) if pseudo else None
        assert heard(lab, FIRST)[-1].payload == advert(VRID, 101, (ADDRESS,), 10, pseudo=own)
    assert rejects(one) == {} and one.state() == "Active"


def test_checksum_forced(lab):
    """P7 a form that was asked for is kept, whatever the peer sends; both are accepted"""
    one = alone(lab, config(101, checksum="rfc9568"))
    Sender(node(lab, "peer", SECOND)).send(advert(VRID, 50, pseudo=(SECOND, GROUP)))
    wait_until(lambda: one.counter("adverts_heard") == 1, 5, "the peer is heard")
    assert heard(lab, FIRST)[-1].payload == advert(VRID, 101, (ADDRESS,), 10)


def test_checksum_ipv6(lab):
    """P8 the IPv6 checksum covers the pseudo-header of RFC 8200, as tshark and scapy compute it"""
    one = alone(lab, config6(101))
    source = one.node.link_local()
    frames = heard(lab, source)
    addresses = (LINK_LOCAL, ADDRESS6)
    assert frames[0].payload == advert(VRID, 101, addresses, 10, pseudo=(source, GROUP6))
    assert frames[0].payload == scapy_message(frames[0], vrid=VRID, priority=101, adv=10,
                                              addrlist=list(addresses))
    assert {p["vrrp.checksum.status"] for p in tshark_of(lab, frames)} == {"1"}


def test_ipv6_order(lab):
    """P9 addresses are of the packet's own family, and with IPv6 the link-local one comes first"""
    mixed = [f"{ADDRESS6}/64", "fd77::20/64", f"{LINK_LOCAL}/64",
             {"address": f"{ADDRESS}/24", "advertise": False}]
    one = alone(lab, config6(101, addresses=mixed))
    seen = tshark_of(lab, heard(lab, one.node.link_local()))[0]
    assert seen["vrrp.addr_count"] == "3"
    assert seen["vrrp.ipv6_addr"] == [LINK_LOCAL, ADDRESS6, "fd77::20"]
    assert one.node.holds(ADDRESS) and one.node.holds(ADDRESS6) and one.node.holds(LINK_LOCAL)


def test_intervals(lab):
    """T1 the longest interval stands as 4095 cs on the wire, the default as 100, the shortest as 1"""
    with Capture(node(lab, "client", "10.77.0.100")) as capture:
        for interval, wire in (("40950ms", 4095), (None, 100), ("10ms", 1)):
            configuration = config(255, interval)
            if interval is None:
                del configuration["instances"]["web"]["interval"]
            one = Vrrpd(lab.nodes.get("lb-01") or node(lab, "lb-01", FIRST), configuration)
            one.wait_state("Active")
            one.stop()
            capture.wait(lambda c: c.adverts()[-1].payload[2] == 0, 2, "farewell")
            assert {int.from_bytes(f.payload[4:6], "big") for f in capture.adverts()} == {wire}
            capture.frames.clear()


def test_rhythm(lab):
    """A1 adverts come at the interval, not faster, and do not drift: 50 of them at 20 ms take 1 s"""
    alone(lab, config(101, "20ms"))
    frames = heard(lab, FIRST, 51)
    took = frames[-1].at - frames[0].at
    assert 0.98 < took < 1.1, took


# --- what is received ---


def test_ttl(lab):
    """V1 an advert with another TTL than 255 has crossed a router and is discarded, IPv4 and IPv6"""
    both = config(101)
    both["instances"]["web6"] = config6(101)["instances"]["web"]
    one = alone(lab, both)
    one.wait_state("Active", instance="web6")
    attacker = node(lab, "attacker", "10.77.0.66")
    source = attacker.link_local()
    message6 = advert(VRID, 254, (LINK_LOCAL, ADDRESS6), pseudo=(source, GROUP6))
    for ttl in (254, 1, 64):
        Sender(attacker, ttl=ttl).send(advert(VRID, 254))
        Sender(attacker, ttl=ttl, family=socket.AF_INET6).send(message6)
    wait_until(lambda: rejects(one) == {"ttl": 6}, 5, "six rejects")
    assert one.state("web") == one.state("web6") == "Active"
    Sender(attacker).send(advert(VRID, 254))  # the same ones with 255 are obeyed
    Sender(attacker, family=socket.AF_INET6).send(message6)
    one.wait_state("Backup", instance="web")
    one.wait_state("Backup", instance="web6")


BROKEN = {
    "version": ("V2 another version than the instance's is discarded", advert(priority=254, version=4)),
    "type": ("V3 another type than 1 is discarded", advert(priority=254, kind=2)),
    "short": ("V4 fewer addresses than the count says: discarded", advert(priority=254, count=9)),
    "checksum": ("V5 a wrong checksum is discarded", advert(priority=254, bad_checksum=True)),
    "no-addresses": ("V8 no addresses: discarded", advert(priority=254, addresses=())),
    "interval-zero": ("V10 interval 0 is discarded", advert(priority=254, interval_cs=0)),
}


def discards(lab, reason, message, configuration=None):
    one = alone(lab, configuration or config(101))
    before = one.ask_json("status")["instances"][0]["counters"]
    Sender(node(lab, "attacker", "10.77.0.66")).send(message)
    wait_until(lambda: rejects(one) == {reason: 1}, 5, f"one reject: {reason}, not {rejects(one)}")
    after = one.ask_json("status")["instances"][0]["counters"]
    assert one.state() == "Active" and before["adverts_heard"] == after["adverts_heard"] == 0
    one.log.wait("discarded an advert from 10.77.0.66")


def make_broken(reason, title, message):
    def test(lab):
        discards(lab, reason, message)
    test.__doc__ = title
    return test


for _reason, (_title, _message) in BROKEN.items():
    globals()[f"test_{_reason.replace('-', '_')}"] = make_broken(_reason, _title, _message)


def test_unknown_vrid(lab):
    """V6 a VRID that is configured on another interface only, or nowhere, is ignored"""
    one_node = node(lab, "lb-01", FIRST)
    lab.connect(one_node, "eth1", "10.78.0.11/24", lan="far")
    both = config(101)
    both["instances"]["far"] = {"interface": "eth1", "vrid": 52, "interval": "100ms",
                                "addresses": ["10.78.0.10/24"]}
    one = Vrrpd(one_node, both)
    one.wait_state("Active", instance="web")
    one.wait_state("Active", instance="far")
    attacker = Sender(node(lab, "attacker", "10.77.0.66"))
    attacker.send(advert(52, 254))  # eth1's, on eth0
    attacker.send(advert(77, 254))
    wait_until(lambda: rejects(one) == {"vrid-unknown": 2}, 5, "two rejects")
    assert one.state("web") == one.state("far") == "Active"
    Sender(lab.node("other", "10.78.0.66/24", lan="far")).send(advert(52, 254, ("10.78.0.10",)))
    one.wait_state("Backup", instance="far")


def test_owner_hears(lab):
    """V7 the owner that hears another advert says so, processes it and stays Active"""
    one = alone(lab, config(255, "1s"))
    attacker = node(lab, "attacker", "10.77.0.66")
    with Capture(attacker) as capture:
        Sender(attacker).send(advert(VRID, 254))
        one.log.wait("another router advertises, though this one owns the addresses", 5)
        capture.wait(lambda c: c.adverts(FIRST), 0.9, "the answer (A4) comes at once")
    assert one.counter("adverts_heard") == 1 and one.state() == "Active"


def test_not_link_local(lab):
    """V9 an IPv6 advert whose first address is not link-local is told and taken; "strict" discards it"""
    attacker = node(lab, "attacker", "10.77.0.66")
    message = advert(VRID, 254, (ADDRESS6,), pseudo=(attacker.link_local(), GROUP6))
    one = alone(lab, config6(101, strict=True))
    Sender(attacker, family=socket.AF_INET6).send(message)
    wait_until(lambda: rejects(one) == {"not-link-local": 1}, 5, "the reject")
    assert one.state() == "Active"
    one.stop()
    one.configure(config6(101))
    one.start()
    one.wait_state("Active")
    Sender(attacker, family=socket.AF_INET6).send(message)
    one.wait_state("Backup")
    one.log.wait("not link-local")


def test_differences(lab):
    """V11 another interval or address list is told once, and the advert counts"""
    one, two = elected(lab, config(101, addresses=TWO), config(100, "200ms"))
    wait_until(lambda: two.counter("adverts_heard") >= 10, 5, "ten adverts")
    assert two.state() == "Backup" and rejects(two) == {}
    assert two.log.count("interval") == 1, two.log.read()
    assert two.log.count("addresses") == 1, two.log.read()


def test_stranger(lab):
    """V12 with unicast peers, adverts from anybody else are discarded"""
    one, _ = elected(lab, config(101, unicast={"peers": [SECOND]}),
                     config(100, unicast={"peers": [FIRST]}))
    stranger = Sender(node(lab, "stranger", "10.77.0.66"))
    stranger.send(advert(VRID, 254), FIRST)
    stranger.send(advert(VRID, 254))
    wait_until(lambda: rejects(one).get("not-a-peer", 0) >= 1, 5, f"a reject, not {rejects(one)}")
    stays(lab, "lb-01", seconds=0.3)
    assert one.state() == "Active"


# --- version 2 ---


def config2(priority=100, **more):
    return config(priority, "1s", version=2, **more)


def test_version_2(lab):
    """W1 W2 version 2 without a password: bytes as RFC 3768, tshark and scapy have them"""
    alone(lab, config2(255, addresses=TWO))
    frame = heard(lab, FIRST, 1)[0]
    addresses = ("10.77.0.10", "10.77.0.20")
    assert frame.payload == advert2(VRID, 255, addresses)
    assert len(frame.payload) == 8 + 4 * 2 + 8
    assert frame.payload == scapy_message(frame, version=2, vrid=VRID, priority=255, adv=1,
                                          addrlist=list(addresses))
    seen = tshark_of(lab, [frame])[0]
    assert seen["vrrp.version"] == "2" and seen["vrrp.auth_type"] == "0"
    assert seen["vrrp.adver_int"] == "1" and seen["vrrp.checksum.status"] == "1"
    assert (frame.target, frame.ttl) == (GROUP, 255)


def test_version_2_password(lab):
    """W1 W2 W5 version 2 with a password: type 1, eight bytes at the end, covered by the checksum"""
    alone(lab, config2(255, password="s3cret"))
    frame = heard(lab, FIRST, 1)[0]
    assert frame.payload == advert2(VRID, 255, auth=1, password=b"s3cret")
    assert frame.payload == scapy_message(
        frame, version=2, vrid=VRID, priority=255, adv=1, addrlist=[ADDRESS], authtype=1,
        auth1=int.from_bytes(b"s3cr", "big"), auth2=int.from_bytes(b"et\0\0", "big"))
    seen = tshark_of(lab, [frame])[0]
    assert seen["vrrp.auth_type"] == "1" and seen["vrrp.auth_string"] == "s3cret"
    assert seen["vrrp.checksum.status"] == "1"


def test_version_2_times(lab):
    """W3 a silent version-2 Active is replaced after three intervals and the skew of its second"""
    two = Vrrpd(node(lab, "lb-02", SECOND), config2(200))
    peer = Sender(node(lab, "peer", FIRST))
    with Capture(peer_node := lab.nodes["peer"]) as capture:
        peer.send(advert2(VRID, 254))
        two.wait_heard(254)
        capture.wait(lambda c: c.adverts(SECOND), 6, "the takeover")
        silence = capture.adverts(SECOND)[0].at - capture.adverts(FIRST)[-1].at
    assert peer_node and 3.21 < silence < 3.6, silence  # 3 s + 56/256 s


def test_version_2_interval(lab):
    """W4 version 2 learns no interval: an advert with another one is told and discarded"""
    one = Vrrpd(node(lab, "lb-01", FIRST), config2(100))
    Sender(node(lab, "attacker", "10.77.0.66")).send(advert2(VRID, 254, interval_s=2))
    wait_until(lambda: rejects(one) == {"interval-differs": 1}, 5, f"a reject, not {rejects(one)}")
    assert one.counter("adverts_heard") == 0
    one.log.wait("discarded an advert from 10.77.0.66")


def test_version_2_auth(lab):
    """W5 another type or password is discarded and counted, compared over all eight characters"""
    one = Vrrpd(node(lab, "lb-01", FIRST), config2(100, password="s3cret12"))
    attacker = Sender(node(lab, "attacker", "10.77.0.66"))
    for auth, password in ((0, b""), (1, b"s3cret13"), (1, b"s3cret"), (1, b""), (2, b"s3cret12")):
        attacker.send(advert2(VRID, 254, auth=auth, password=password))
    wait_until(lambda: sum(rejects(one).values()) == 5, 5, f"five rejects, not {rejects(one)}")
    assert rejects(one) == {"auth-type": 2, "auth-password": 3}
    attacker.send(advert2(VRID, 254, auth=1, password=b"s3cret12"))
    one.wait_heard(254)


def test_versions_apart(lab):
    """V2 version 2 and 3 do not mix: each instance discards the other's adverts"""
    one, two = pair(lab, config(255), config2(255))
    wait_until(lambda: rejects(one).get("version") and rejects(two).get("version"), 5, "rejects")
    assert one.counter("adverts_heard") == two.counter("adverts_heard") == 0
    wait_holder(lab, "lb-01", "lb-02")
