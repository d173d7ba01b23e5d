"""vrrpd beside keepalived 2.2.7 (Debian's package, VRRPv3): each has to elect, follow and replace the
other."""

from lab import holds_for, wait_until
from lab.tandem import Vrrpd

ADDRESS = "10.77.0.10"
FIRST, SECOND = "10.77.0.11", "10.77.0.12"

KEEPALIVED = """\
global_defs {{
    vrrp_version 3
    vrrp_garp_master_delay 1
}}
vrrp_instance web {{
    interface eth0
    state BACKUP
    virtual_router_id 51
    priority {priority}
    advert_int 0.2
    virtual_ipaddress {{
        {address}/24
    }}
{more}}}
"""


class Keepalived:
    """keepalived on a node."""

    def __init__(self, node, priority, more=""):
        self.node = node
        node.write("keepalived.conf",
                   KEEPALIVED.format(priority=priority, address=ADDRESS, more=more))
        self.start()

    def start(self):
        self.process = self.node.spawn(
            ["keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp",
             "--use-file=/run/keepalived.conf"])
        self.process.log.wait("Entering (BACKUP|MASTER) STATE|Startup complete", 10,
                              self.process.started_at)

    def stop(self):
        return self.process.stop()


def config(priority, **more):
    return {"instances": {"web": {
        "interface": "eth0", "vrid": 51, "priority": priority, "interval": "200ms",
        "addresses": [f"{ADDRESS}/24"], **more,
    }}}


def wait_holder(lab, name):
    wait_until(lambda: lab.holders(ADDRESS) == [name], 15, f"{name} alone holds the address")


def stays(lab, name):
    holds_for(lambda: lab.holders(ADDRESS) == [name], 2, f"{name} alone holds the address")


def test_keepalived_higher(lab):
    """keepalived with the higher priority leads, vrrpd follows, takes over and gives back"""
    vrrpd = Vrrpd(lab.node("vrrpd", f"{FIRST}/24"), config(100))
    vrrpd.wait_state("Active")
    keepalived = Keepalived(lab.node("keepalived", f"{SECOND}/24"), 101)
    wait_holder(lab, "keepalived")
    vrrpd.wait_heard(101)
    stays(lab, "keepalived")
    keepalived.stop()
    wait_holder(lab, "vrrpd")
    keepalived.start()
    wait_holder(lab, "keepalived")
    stays(lab, "keepalived")


def test_vrrpd_higher(lab):
    """vrrpd with the higher priority leads, keepalived follows, takes over and gives back"""
    keepalived = Keepalived(lab.node("keepalived", f"{SECOND}/24"), 100)
    wait_holder(lab, "keepalived")
    vrrpd = Vrrpd(lab.node("vrrpd", f"{FIRST}/24"), config(101))
    wait_holder(lab, "vrrpd")
    stays(lab, "vrrpd")
    assert vrrpd.stop() == 0
    wait_holder(lab, "keepalived")
    vrrpd.start()
    wait_holder(lab, "vrrpd")
    stays(lab, "vrrpd")
    assert keepalived.process.running


def test_silence(lab):
    """each takes over when the other falls silent, and only one is left when it is back"""
    vrrpd = Vrrpd(lab.node("vrrpd", f"{FIRST}/24"), config(101))
    vrrpd.wait_state("Active")
    Keepalived(lab.node("keepalived", f"{SECOND}/24"), 100)
    wait_holder(lab, "vrrpd")
    lab.drop(vrrpd.node)
    wait_until(lambda: len(lab.holders(ADDRESS)) == 2, 15, "both hold the address")
    lab.heal(vrrpd.node)
    wait_until(lambda: vrrpd.status()["checksum"] == "pseudo-header", 15, "vrrpd follows its form")
    sent = vrrpd.counter("adverts_sent")  # keepalived may have the address until it hears the next
    wait_until(lambda: vrrpd.counter("adverts_sent") >= sent + 3, 10, "three adverts")
    wait_holder(lab, "vrrpd")
    stays(lab, "vrrpd")


def test_checksum_form(lab):
    """P7 told to use the pseudo-header form, vrrpd is followed by keepalived from its first advert"""
    vrrpd = Vrrpd(lab.node("vrrpd", f"{FIRST}/24"), config(101, checksum="pseudo-header"))
    vrrpd.wait_state("Active")
    keepalived = Keepalived(lab.node("keepalived", f"{SECOND}/24"), 100)
    wait_holder(lab, "vrrpd")
    stays(lab, "vrrpd")
    assert not keepalived.process.log.search("(?i)checksum")
