"""Switches and cables between nodes, and the damage that can be done to them."""

from .node import Node

_DEFAULT_LAN = "lan"


class Lab:
    """Nodes on one or more LANs. `with Lab() as lab:` takes everything away at the end."""

    def __init__(self):
        self.nodes = {}
        self.switch = Node("switch")
        self._lans = set()
        self._harm = {}  # port -> nftables rules

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for node in (*self.nodes.values(), self.switch):
            node.close()
        self.nodes.clear()

    def node(self, name, address=None, lan=_DEFAULT_LAN):
        """A new node; with an address ("10.77.0.11/24"), also its eth0 on a LAN."""
        node = self.nodes[name] = Node(name)
        if address:
            self.connect(node, "eth0", address, lan)
        return node

    def connect(self, node, interface, address=None, lan=_DEFAULT_LAN):
        """Plugs a new interface of the node into a LAN."""
        self._lan(lan)
        port = self.port(node, interface)
        self.switch.ip("link", "add", "name", port, "type", "veth", "peer", "name", interface,
                       "netns", node.name)
        self.switch.ip("link", "set", "dev", port, "master", lan, "up")
        node.sysctl(f"net.ipv6.conf.{interface}.accept_dad", 0)
        if address:
            node.ip("addr", "add", address, "dev", interface)
        node.ip("link", "set", interface, "up")

    def _lan(self, name):
        if name in self._lans:
            return
        self._lans.add(name)
        self.switch.ip("link", "add", "name", name, "type", "bridge", "forward_delay", "0",
                       "mcast_snooping", "0")
        self.switch.ip("link", "set", "dev", name, "up")

    @staticmethod
    def port(node, interface="eth0"):
        """The switch's end of a node's cable."""
        return node.name if interface == "eth0" else f"{node.name}.{interface}"

    # --- damage ---

    def cut(self, node, interface="eth0"):
        """The cable is pulled: the node sees that it has no carrier."""
        self.switch.ip("link", "set", "dev", self.port(node, interface), "down")

    def heal(self, node, interface="eth0"):
        self.switch.ip("link", "set", "dev", self.port(node, interface), "up")
        self._harm.pop(self.port(node, interface), None)
        self._load_harm()

    def drop(self, node, interface="eth0"):
        """Nothing gets through, while the carrier stays: a broken switch."""
        self.lose(node, 100, interface)

    def lose(self, node, percent, interface="eth0", match=""):
        """Loses so many of the frames to and from the node, at random; `match` narrows it
        (nftables: "ip protocol vrrp")."""
        port = self.port(node, interface)
        dice = "" if percent >= 100 else f"numgen random mod 1000 < {round(percent * 10)}"
        self._harm[port] = "".join(
            f'{way} "{port}" {match} {dice} counter drop\n' for way in ("iifname", "oifname")
        )
        self._load_harm()

    def lose_every(self, node, nth, interface="eth0", match=""):
        """Loses every nth frame that comes from the node."""
        port = self.port(node, interface)
        self._harm[port] = f'iifname "{port}" {match} numgen inc mod {nth} == 0 counter drop\n'
        self._load_harm()

    def deafen(self, node, interface="eth0", match=""):
        """What is sent to the node is lost; what it sends arrives."""
        port = self.port(node, interface)
        self._harm[port] = f'oifname "{port}" {match} counter drop\n'
        self._load_harm()

    def _load_harm(self):
        rules = "".join(self._harm.values())
        self.switch.nft(
            "table bridge harm {}\ndelete table bridge harm\n"
            "table bridge harm { chain forward {\n"
            f"type filter hook forward priority 0;\n{rules}}}\n}}\n"
        )

    # --- questions ---

    def holders(self, address):
        """The names of the nodes that have the address."""
        return [name for name, node in self.nodes.items() if node.holds(address)]

    def logs(self):
        """Every process that ran, with its log."""
        for node in (self.switch, *self.nodes.values()):
            for process in node.processes:
                yield process
