"""Other people's VRRP daemons on a node: keepalived and FRR, as Debian has them."""

import json
import os
import re

from . import events, system
from .process import Process

_KEEPALIVED_INSTANCE = """\
vrrp_instance {name} {{
    interface eth0
    version {version}
    state BACKUP
    virtual_router_id {vrid}
    priority {priority}
    advert_int {interval}
{more}    virtual_ipaddress {{
{addresses}    }}
}}
"""


def keepalived_instance(name, vrid, priority, addresses, version=3, interval=0.1, more=()):
    """One block of keepalived.conf; `more`: further lines in it."""
    return _KEEPALIVED_INSTANCE.format(
        name=name, vrid=vrid, priority=priority, version=version, interval=interval,
        addresses="".join(f"        {address}\n" for address in addresses),
        more="".join(f"    {line}\n" for line in more))


class Keepalived:
    """keepalived with a configuration; its VRRP part only."""

    def __init__(self, node, text):
        self.node = node
        node.write("keepalived.conf", text)
        self.start()

    def start(self):
        self.process = self.node.spawn(
            ["keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp",
             "--use-file=/run/keepalived.conf"])
        self.process.log.wait("Entering (BACKUP|MASTER) STATE|Startup complete", 10,
                              self.process.started_at)

    @property
    def log(self):
        return self.process.log

    def stop(self):
        """SIGTERM: it takes leave with priority 0."""
        return self.process.stop()

    def priority(self, name="web"):
        """Its effective priority, as far as its log tells."""
        told = re.findall(rf"\({name}\) Changing effective priority from \d+ to (\d+)",
                          self.process.output())
        return int(told[-1]) if told else None


class Frr:
    """FRR's zebra and vrrpd; `lines` are those of `interface eth0`. Each VRID needs its macvlan:
    macvlan() first."""

    def __init__(self, node, lines):
        self.node = node
        node.write("frr/frr/.keep", "")
        self._be_in_its_group()
        node.write("frr/zebra.conf", "log stdout\n")
        node.write("frr/vrrpd.conf", "log stdout\ninterface eth0\n" + "".join(f" {l}\n" for l in lines))
        self._zebra = self._spawn("zebra")
        socket = node.path("frr", "frr", "zserv.api")
        events.wait_until(lambda: os.path.exists(socket), 10, "zebra's socket")
        self.start()

    def _be_in_its_group(self):
        """FRR insists on a group that root is not in."""
        with open("/etc/group", encoding="utf-8") as file:
            rest = "".join(line for line in file if not line.startswith("frrvty:"))
        self.node.write("group", f"{rest}frrvty:x:0:root\n")
        self.node.call(system.mount, "/run/group", "/etc/group", None, system.MS_BIND)

    def _spawn(self, daemon) -> Process:
        return self.node.spawn(
            [f"/usr/lib/frr/{daemon}", "-N", "frr", "-u", "root", "-g", "root", "-P", "0",
             "-f", f"/run/frr/{daemon}.conf"], name=f"frr-{daemon}")

    def start(self):
        self.process = self._spawn("vrrpd")
        events.wait_until(self._answers, 20, "FRR's vrrpd")

    def _answers(self):
        if not self.process.running:
            raise AssertionError(f"{self.process} ended:\n{self.process.output()}")
        return self.state(4) or self.state(6)

    def stop(self):
        return self.process.stop()

    def _show(self):
        done = self.node.run(["vtysh", "-N", "frr", "-c", "show vrrp json"], check=False)
        try:
            return json.loads(done.stdout)[0]
        except (ValueError, IndexError):
            return {}

    def state(self, version):
        """Of the IPv4 (4) or IPv6 (6) router: "Active", "Backup", "Initialize", None."""
        said = self._show().get(f"v{version}", {}).get("status")
        return {"Master": "Active"}.get(said, said)


def macvlan(node, name, vrid, address):
    """The interface that FRR wants for a VRID: it carries the virtual MAC and the address."""
    kind = "02" if ":" in address else "01"
    node.ip("link", "add", name, "link", "eth0", "address", f"00:00:5e:00:{kind}:{vrid:02x}",
            "type", "macvlan", "mode", "bridge")
    node.ip("link", "set", "dev", name, "addrgenmode", "random")
    node.sysctl(f"net.ipv6.conf.{name}.accept_dad", 0)
    node.ip("addr", "add", address, "dev", name)
    node.ip("link", "set", "dev", name, "up")
