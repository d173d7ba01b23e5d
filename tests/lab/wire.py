"""Packets: VRRP adverts made by hand, and what is heard on an interface. Written from RFC 9568, not
from vrrpd, so that the two check each other."""

import socket
import struct

from . import events

GROUP = "224.0.0.18"
PROTOCOL = 112
ETH_P_ALL = 3


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def advert(vrid=51, priority=100, addresses=("10.77.0.10",), interval_cs=100, version=3, kind=1,
           count=None, bad_checksum=False, pseudo=None):
    """A version 3 advertisement (5.2). `pseudo`: (source, destination) for a checksum over the
    pseudo-header too."""
    packed = b"".join(map(socket.inet_aton, addresses))
    count = len(addresses) if count is None else count
    head = struct.pack("!BBBBH", version << 4 | kind, vrid, priority, count, interval_cs)
    message = head + b"\0\0" + packed
    covered = message
    if pseudo:
        covered = (socket.inet_aton(pseudo[0]) + socket.inet_aton(pseudo[1])
                   + struct.pack("!BBH", 0, PROTOCOL, len(message)) + message)
    value = checksum(covered) ^ (0x5555 if bad_checksum else 0)
    return head + struct.pack("!H", value) + packed


class Sender:
    """Sends VRRP messages from a node as a neighbour would."""

    def __init__(self, node, interface="eth0", ttl=255):
        self.socket = node.socket(socket.AF_INET, socket.SOCK_RAW, PROTOCOL)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())

    def send(self, message, to=GROUP):
        self.socket.sendto(message, (to, 0))

    def close(self):
        self.socket.close()


class Capture:
    """Frames on a node's interface, in and out, as they come."""

    def __init__(self, node, interface="eth0"):
        self.frames = []
        self.socket = node.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.setblocking(False)
        events.listen(self.socket, self.read)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        events.unlisten(self.socket)
        self.socket.close()

    def read(self):
        try:
            while True:
                self.frames.append(Frame(self.socket.recv(65536)))
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

    def wait(self, condition, within=10, what="a packet"):
        events.wait_until(lambda: condition(self), within, what)


class Frame:
    """An Ethernet frame, taken apart as far as the tests ask."""

    def __init__(self, data):
        self.to_mac, self.from_mac = data[0:6].hex(":"), data[6:12].hex(":")
        kind = struct.unpack("!H", data[12:14])[0]
        self.protocol = self.source = self.target = self.ttl = None
        self.gratuitous, self.sender = False, None
        self.payload = b""
        if kind == 0x0800:
            self._ipv4(data[14:])
        elif kind == 0x0806:
            self._arp(data[14:])

    def _ipv4(self, packet):
        length = (packet[0] & 15) * 4
        total = struct.unpack("!H", packet[2:4])[0]
        self.ttl, self.protocol = packet[8], packet[9]
        self.source, self.target = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        self.payload = packet[length:total]

    def _arp(self, packet):
        self.operation = struct.unpack("!H", packet[6:8])[0]
        self.sender_mac = packet[8:14].hex(":")
        self.sender = socket.inet_ntoa(packet[14:18])
        self.gratuitous = packet[14:18] == packet[24:28]
