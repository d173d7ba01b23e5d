"""The classic tutorial's pair, one node keepalived and one vrrpd with the same style of file: a
vrrp_script `killall -0 haproxy` every 2 s with weight 2, priorities 101 and 100, real proxies."""

import signal

from lab import Skip, wait_until
from lab.peers import Keepalived
from lab.tandem import Vrrpd, program
from lab.vrrp import node

CLASSIC = """\
! Configuration File for keepalived
global_defs {{
    router_id {name}
}}

vrrp_script chk_haproxy {{
    script "killall -0 haproxy"     # verify the pid existance
    interval 2                      # check every 2 seconds
    weight 2                        # add 2 points of prio if OK
}}

vrrp_instance VI_1 {{
    interface eth0
    state {state}
    virtual_router_id 51
    priority {priority}             # 101 on primary, 100 on secondary
    virtual_ipaddress {{
        {address}
    }}
    track_script {{
        chk_haproxy
    }}
}}
"""

HAPROXY = """\
defaults
    mode http
    timeout client 5s
    timeout connect 5s
    timeout server 5s
frontend web
    bind :80
    http-request return status 200
"""


class Side:
    """A node of a pair: its VRRP daemon, its proxy."""

    def __init__(self, lab, lan, name, own, daemon, priority):
        self.node = node(lab, f"{name}{lan}", own, lan=f"lan{lan}")
        self.node.write("haproxy.cfg", HAPROXY)
        self.proxy = None
        self.start_proxy()
        text = CLASSIC.format(name=name, priority=priority, address="10.77.0.10",
                              state="MASTER" if priority == 101 else "BACKUP")
        self.daemon = daemon(self.node, text)

    def start_proxy(self):
        self.proxy = self.node.spawn(["haproxy", "-db", "-f", "/run/haproxy.cfg"])
        wait_until(lambda: self.node.run(["killall", "-0", "haproxy"], check=False).returncode == 0,
                   10, "haproxy runs")

    def kill_proxy(self):
        self.proxy.kill(signal.SIGKILL)
        self.proxy.wait()


def pair_of(lab, lan, one, two):
    return Side(lab, lan, "one", "10.77.0.11", one, 101), Side(lab, lan, "two", "10.77.0.12", two, 100)


def held_by(side, other):
    return side.node.holds("10.77.0.10") and not other.node.holds("10.77.0.10")


def may_setgroups():
    with open("/proc/self/setgroups", encoding="ascii") as file:
        return file.read().strip() == "allow"


def test_classic(lab):
    """whichever of keepalived and vrrpd is primary: the proxy's death moves the address, its return brings it back"""
    if not may_setgroups():
        raise Skip("keepalived runs no scripts in an ordinary user's namespaces: it insists on "
                   "setgroups(), which they do not allow; run as root")
    # Two pairs at once, because the classic intervals are long.
    pairs = [pair_of(lab, 1, Vrrpd, Keepalived), pair_of(lab, 2, Keepalived, Vrrpd)]

    def wait_held(by, what):
        for sides in pairs:
            wait_until(lambda s=sides: held_by(s[by], s[1 - by]), 15, f"{sides[by].node} holds: {what}")

    wait_held(0, "101 + 2 against 100 + 2")
    for one, _ in pairs:
        one.kill_proxy()
    wait_held(1, "the primary's proxy was killed: 101 against 100 + 2")
    for one, _ in pairs:
        one.start_proxy()
    wait_held(0, "the primary's proxy is back")
    for _, two in pairs:
        two.kill_proxy()
    vrrpd = pairs[1][1].daemon
    wait_until(lambda: vrrpd.status()["priority"] == 100, 10, "the secondary's points are gone")
    keepalived = pairs[0][1].daemon
    wait_until(lambda: keepalived.priority("VI_1") == 100, 10, "keepalived's, too")
    wait_held(0, "only the secondary's proxy was killed")
    for one, _ in pairs:
        one.kill_proxy()
    wait_until(lambda: pairs[0][0].daemon.status()["priority"] == 101, 10, "no proxy lives")
    wait_held(0, "no proxy lives: 101 against 100")


def test_checks(lab):
    """`vrrpd -t` accepts the classic file, and --convert prints a native one that -t accepts, too"""
    one = node(lab, "one", "10.77.0.11")
    path = one.write("keepalived.conf", CLASSIC.format(name="one", priority=101, state="MASTER",
                                                       address="10.77.0.10"))
    assert one.run([program("vrrpd/vrrpd"), "-t", "-f", path]).returncode == 0
    native = one.run([program("vrrpd/vrrpd"), "--convert", path]).stdout
    path = one.write("native.json", native)
    assert one.run([program("vrrpd/vrrpd"), "-t", "-f", path]).returncode == 0
    assert one.run([program("vrrpd/vrrpd"), "--convert", path]).stdout == native
