"""What others make of our bytes: tshark and scapy, neither of which was written here."""

import json
import logging
import socket
import struct
import subprocess

from .wire import family_of

_NANOSECOND_PCAP, _ETHERNET = 0xA1B23C4D, 1


def write_pcap(path, frames):
    """Frames (wire.Frame) as a capture file."""
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHiIII", _NANOSECOND_PCAP, 2, 4, 0, 0, 65535, _ETHERNET))
        for frame in frames:
            seconds = int(frame.at)
            file.write(struct.pack("=IIII", seconds, int((frame.at - seconds) * 1e9),
                                   len(frame.data), len(frame.data)))
            file.write(frame.data)


def tshark(frames, path, *options):
    """What tshark reads from the frames: for each, a dictionary of its fields ("vrrp.prio"), values as
    text, all of a field that stands more than once in a list. `path` is where a file may be
    written; `options` such as RFC_CHECKSUM."""
    write_pcap(path, frames)
    words = ["tshark", "-n", "-r", path, "-T", "json", "--no-duplicate-keys"]
    for option in options:
        words += ["-o", option]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    return [_flatten(packet["_source"]["layers"], {}) for packet in json.loads(done.stdout)]


# The checksum of version 3 over the message alone; without it tshark takes the pseudo-header in.
RFC_CHECKSUM = "vrrp.v3_checksum_as_in_v2:TRUE"


def _flatten(tree, fields):
    for name, value in tree.items():
        if isinstance(value, dict):
            _flatten(value, fields)
        else:
            fields[name] = value
    return fields


def scapy_read(frame):
    """The frame's IP packet as scapy sees it."""
    inet, inet6, _ = _scapy()
    return (inet6.IPv6 if family_of(frame.source) == socket.AF_INET6 else inet.IP)(frame.packet)


def scapy_message(frame, **fields):
    """The bytes of the VRRP message that scapy would send with these fields between the frame's
    source and destination. Its checksum covers a pseudo-header with version 3."""
    inet, inet6, vrrp = _scapy()
    kind = vrrp.VRRP if fields.get("version", 3) == 2 else vrrp.VRRPv3
    if family_of(frame.source) == socket.AF_INET6:
        packet = inet6.IPv6(src=frame.source, dst=frame.target, nh=112, hlim=255)
    else:
        packet = inet.IP(src=frame.source, dst=frame.target, proto=112, ttl=255)
    return bytes((packet / kind(**fields)).lastlayer().underlayer)[len(packet):]


def _scapy():
    """Its layers; slow to load, and noisy about interfaces that do not matter here."""
    logging.getLogger("scapy").setLevel(logging.ERROR)
    from scapy.layers import inet, inet6, vrrp
    return inet, inet6, vrrp
