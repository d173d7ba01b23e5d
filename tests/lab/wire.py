"""Packets: VRRP adverts made by hand, and what is heard on an interface. Written from RFC 9568, not
from vrrpd, so that the two check each other."""

import socket
import struct

from . import events

GROUP = "224.0.0.18"
GROUP6 = "ff02::12"
PROTOCOL = 112
BROADCAST = "ff:ff:ff:ff:ff:ff"
ETH_P_ALL = 3
SO_TIMESTAMPNS = 35  # Linux, 64 bit
IPV6_MULTICAST_HOPS, IPV6_UNICAST_HOPS = socket.IPV6_MULTICAST_HOPS, socket.IPV6_UNICAST_HOPS
NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT, ROUTER_ADVERTISEMENT = 135, 136, 134


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def packed(address):
    return socket.inet_pton(family_of(address), address)


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_header(source, target, length, protocol=PROTOCOL):
    """RFC 793 for IPv4, RFC 8200 8.1 for IPv6."""
    head = packed(source) + packed(target)
    if family_of(source) == socket.AF_INET6:
        return head + struct.pack("!II", length, protocol)
    return head + struct.pack("!BBH", 0, protocol, length)


def advert(vrid=51, priority=100, addresses=("10.77.0.10",), interval_cs=100, version=3, kind=1,
           count=None, bad_checksum=False, pseudo=None, reserved=0):
    """A version 3 advertisement (5.2). `pseudo`: (source, destination) for a checksum over the
    pseudo-header too (always so with IPv6)."""
    body = b"".join(map(packed, addresses))
    count = len(addresses) if count is None else count
    head = struct.pack("!BBBBH", version << 4 | kind, vrid, priority, count,
                       reserved << 12 | interval_cs)
    covered = head + b"\0\0" + body
    if pseudo:
        covered = pseudo_header(*pseudo, len(covered)) + covered
    value = checksum(covered) ^ (0x5555 if bad_checksum else 0)
    return head + struct.pack("!H", value) + body


def advert2(vrid=51, priority=100, addresses=("10.77.0.10",), interval_s=1, auth=0, password=b"",
            bad_checksum=False):
    """A version 2 advertisement (RFC 3768, 5.3)."""
    head = struct.pack("!BBBBBB", 0x21, vrid, priority, len(addresses), auth, interval_s)
    body = b"".join(map(packed, addresses)) + password.ljust(8, b"\0")
    value = checksum(head + b"\0\0" + body) ^ (0x5555 if bad_checksum else 0)
    return head + struct.pack("!H", value) + body


class Sender:
    """Sends VRRP messages from a node as a neighbour would."""

    def __init__(self, node, interface="eth0", ttl=255, family=socket.AF_INET):
        self.socket = node.socket(family, socket.SOCK_RAW, PROTOCOL)
        self.family = family
        if family == socket.AF_INET6:
            self._index = node.index(interface)
            options = [(socket.IPPROTO_IPV6, IPV6_MULTICAST_HOPS, ttl),
                       (socket.IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl)]
        else:
            options = [(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl),
                       (socket.IPPROTO_IP, socket.IP_TTL, ttl)]
        for option in options:
            self.socket.setsockopt(*option)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())

    def send(self, message, to=None):
        if self.family == socket.AF_INET6:
            self.socket.sendto(message, (to or GROUP6, 0, 0, self._index))
        else:
            self.socket.sendto(message, (to or GROUP, 0))

    def close(self):
        self.socket.close()


class Capture:
    """Frames on a node's interface, in and out, as they come."""

    def __init__(self, node, interface="eth0"):
        self.frames = []
        self.socket = node.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.setblocking(False)
        events.listen(self.socket, self.read)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.read()
        events.unlisten(self.socket)
        self.socket.close()

    def read(self):
        if self.socket.fileno() < 0:
            return self.frames
        try:
            while True:
                data, notes, _, _ = self.socket.recvmsg(65536, 64)
                seconds, nanoseconds = struct.unpack("qq", notes[0][2])
                self.frames.append(Frame(data, seconds + nanoseconds / 1e9))
        except BlockingIOError:
            pass
        return self.frames

    def adverts(self, source=None):
        """VRRP messages so far, oldest first."""
        return [frame for frame in self.read()
                if frame.protocol == PROTOCOL and source in (None, frame.source)]

    def arps(self, address=None):
        """Gratuitous ARP so far (sender and target the same)."""
        return [frame for frame in self.read() if frame.gratuitous and address in (None, frame.sender)]

    def neighbour(self, kind, address=None):
        """ICMPv6 messages of this kind about an address so far."""
        return [frame for frame in self.read()
                if frame.icmp6 == kind and address in (None, frame.about)]

    def wait(self, condition, within=10, what="a packet"):
        events.wait_until(lambda: condition(self), within, what)


class Frame:
    """An Ethernet frame, taken apart as far as the tests ask."""

    def __init__(self, data, at=0.0):
        self.data, self.at = data, at
        self.to_mac, self.from_mac = data[0:6].hex(":"), data[6:12].hex(":")
        kind = struct.unpack("!H", data[12:14])[0]
        self.protocol = self.source = self.target = self.ttl = None
        self.operation = self.sender = self.sender_mac = self.asked = None  # ARP
        self.icmp6 = self.about = self.flags = self.option_mac = None  # neighbour discovery
        self.gratuitous = False
        self.packet = self.payload = b""
        if kind == 0x0800:
            self._ipv4(data[14:])
        elif kind == 0x0806:
            self._arp(data[14:])
        elif kind == 0x86DD:
            self._ipv6(data[14:])

    def _ipv4(self, packet):
        length = (packet[0] & 15) * 4
        total = struct.unpack("!H", packet[2:4])[0]
        self.packet = packet[:total]
        self.ttl, self.protocol = packet[8], packet[9]
        self.source, self.target = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        self.payload = packet[length:total]

    def _arp(self, packet):
        self.operation = struct.unpack("!H", packet[6:8])[0]
        self.sender_mac = packet[8:14].hex(":")
        self.sender = socket.inet_ntoa(packet[14:18])
        self.asked = socket.inet_ntoa(packet[24:28])
        self.gratuitous = self.sender == self.asked

    def _ipv6(self, packet):
        length, self.protocol, self.ttl = struct.unpack("!HBB", packet[4:8])
        self.source = socket.inet_ntop(socket.AF_INET6, packet[8:24])
        self.target = socket.inet_ntop(socket.AF_INET6, packet[24:40])
        self.packet, self.payload = packet[:40 + length], packet[40:40 + length]
        if self.protocol == socket.IPPROTO_ICMPV6 and self.payload:
            self._icmp6(self.payload)

    def _icmp6(self, message):
        self.icmp6 = message[0]
        if self.icmp6 in (NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT) and len(message) >= 24:
            self.flags = message[4] >> 5  # R S O
            self.about = socket.inet_ntop(socket.AF_INET6, message[8:24])
            if len(message) >= 32:
                self.option_mac = message[26:32].hex(":")


class Link:
    """Frames made by hand, sent from a node's interface."""

    def __init__(self, node, interface="eth0"):
        self.mac = node.mac(interface)
        self.socket = node.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.bind((interface, 0))

    def ethernet(self, kind, payload, to_mac=BROADCAST):
        head = bytes.fromhex((to_mac + self.mac).replace(":", ""))
        self.socket.send(head + struct.pack("!H", kind) + payload)

    def who_has(self, address, source):
        """An ARP request."""
        head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
        self.ethernet(0x0806, head + bytes.fromhex(self.mac.replace(":", "")) + packed(source)
                      + bytes(6) + packed(address))

    def solicit(self, address, source):
        """A neighbour solicitation, to the address's solicited-node group."""
        group = b"\xff\x02" + bytes(9) + b"\x01\xff" + packed(address)[13:]
        message = struct.pack("!BBHI", NEIGHBOUR_SOLICITATION, 0, 0, 0) + packed(address)
        message += b"\x01\x01" + bytes.fromhex(self.mac.replace(":", ""))
        self._icmp6(message, source, socket.inet_ntop(socket.AF_INET6, group),
                    "33:33:" + group[12:].hex(":"))

    def ping(self, address, source, to_mac):
        """An echo request for an address, to whichever MAC."""
        if family_of(address) == socket.AF_INET6:
            self._icmp6(struct.pack("!BBHHH", 128, 0, 0, 1, 1), source, address, to_mac)
            return
        echo = struct.pack("!BBHHH", 8, 0, 0, 1, 1)
        echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(echo), 1, 0, 64, 1, 0,
                           packed(source), packed(address))
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        self.ethernet(0x0800, head + echo, to_mac)

    def _icmp6(self, message, source, target, to_mac):
        sum_ = checksum(pseudo_header(source, target, len(message), socket.IPPROTO_ICMPV6) + message)
        message = message[:2] + struct.pack("!H", sum_) + message[4:]
        head = struct.pack("!IHBB", 6 << 28, len(message), socket.IPPROTO_ICMPV6, 255)
        self.ethernet(0x86DD, head + packed(source) + packed(target) + message, to_mac)
