"""A cluster on one machine: nodes, switches, web servers, and the damage to be done to them.

    sandbox   the namespaces around everything; nothing outside is touched, nothing is left behind
    network   Lab: switches, cables, cut, drop, lose
    node      Node: a machine of its own; run, spawn, call, sockets
    process   Process: one daemon, its log, its end
    events    waiting for what happens instead of for time to pass
    nginx     real web servers
    tandem    vrrpd and lb on a node
    tap       runs test functions, prints TAP
"""

from .events import Log, Timeout, holds_for, wait_until
from .network import Lab
from .nginx import Nginx
from .node import CommandFailed, Node
from .process import Process
from .tap import Skip

__all__ = [
    "CommandFailed", "Lab", "Log", "Nginx", "Node", "Process", "Skip", "Timeout", "holds_for",
    "wait_until",
]
