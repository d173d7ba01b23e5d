"""The lab itself: what the other tests take for granted."""

import os
import signal
import socket
import subprocess
import sys

from lab import Nginx, holds_for, wait_until
from lab.node import CommandFailed


def pair(lab):
    return lab.node("a", "10.77.0.1/24"), lab.node("b", "10.77.0.2/24")


def reaches(source, target):
    """True if a UDP datagram gets from one node to the other."""
    with source.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        with target.socket(socket.AF_INET, socket.SOCK_DGRAM) as into:
            into.bind(("", 9))
            into.settimeout(0.1)
            out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            try:
                out.sendto(b"hello", ("10.77.0.255", 9))
                return into.recv(16) == b"hello"
            except OSError:
                return False


def carrier(node):
    return "LOWER_UP" in node.ip("link", "show", "eth0")


def test_two_nodes_hear_each_other(lab):
    """two nodes on one LAN hear each other, and one on another LAN does not"""
    a, b = pair(lab)
    lab.node("far", "10.77.0.3/24", lan="other")
    assert reaches(a, b) and reaches(b, a)
    assert not reaches(a, lab.nodes["far"])


def test_cut_takes_the_carrier_away(lab):
    """a cut cable means no carrier and no traffic; healed, both are back"""
    a, b = pair(lab)
    assert carrier(a) and reaches(a, b)
    lab.cut(a)
    wait_until(lambda: not carrier(a), 5, "no carrier")
    assert not reaches(b, a)
    lab.heal(a)
    wait_until(lambda: carrier(a) and reaches(b, a), 5, "carrier")


def test_drop_keeps_the_carrier(lab):
    """a broken switch loses everything while the carrier stays"""
    a, b = pair(lab)
    lab.drop(a)
    assert carrier(a)
    assert not reaches(a, b) and not reaches(b, a)
    lab.heal(a)
    assert reaches(a, b) and reaches(b, a)


def test_loss_is_as_ordered(lab):
    """30 % loss loses about that many datagrams"""
    a, b = pair(lab)
    lab.lose(a, 30)
    with a.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        with b.socket(socket.AF_INET, socket.SOCK_DGRAM) as into:
            into.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            into.bind(("", 9))
            into.setblocking(False)
            for _ in range(2000):
                out.sendto(b"x", ("10.77.0.255", 9))
            received = 0
            try:
                while into.recv(16):
                    received += 1
            except BlockingIOError:
                pass
    assert 1200 < received < 1600, received


def test_one_way(lab):
    """a deafened node is heard but hears nothing"""
    a, b = pair(lab)
    lab.deafen(a)
    assert reaches(a, b)
    assert not reaches(b, a)


def test_nginx_answers(lab):
    """nginx answers with its name, and no longer once it was stopped"""
    a, b = pair(lab)
    web = Nginx(b)
    reply = a.run(["curl", "-si", "http://10.77.0.2/"]).stdout
    assert "X-Served-By: b" in reply and reply.endswith("b\n"), reply
    web.stop()
    assert a.run(["curl", "-s", "http://10.77.0.2/"], check=False).returncode == 7
    web.start()
    assert a.run(["curl", "-s", "http://10.77.0.2/"]).stdout == "b\n"


def test_node_is_a_machine_of_its_own(lab):
    """a node has its own name, processes and /run, and cannot write anywhere else"""
    a, b = pair(lab)
    assert a.run(["hostname"]).stdout == "a\n"
    a.spawn(["sleep", "1000"])
    assert a.run(["pidof", "sleep"]).returncode == 0
    assert b.run(["pidof", "sleep"], check=False).returncode == 1
    a.run(["sh", "-c", "echo here >/run/file"])
    assert a.read("file") == "here\n"
    assert not os.path.exists(b.path("file"))
    try:
        a.run(["touch", "/var/tmp/from-the-lab"])
    except CommandFailed as error:
        assert "Read-only" in str(error)
    else:
        raise AssertionError("a node could write to the machine's file system")


def test_processes_are_told(lab):
    """the end of a process is heard of, with its status, and none is left as a zombie"""
    a, _ = pair(lab)
    assert a.spawn(["sh", "-c", "exit 7"]).wait() == 7
    sleeper = a.spawn(["sleep", "1000"])
    sleeper.kill(signal.SIGKILL)
    assert sleeper.wait() == -signal.SIGKILL
    assert a.run(["pidof", "sleep"], check=False).returncode == 1
    orphan = a.spawn(["sh", "-c", "sleep 0.05 & echo started"])
    orphan.log.wait("started")
    orphan.wait()
    wait_until(lambda: a.run(["pidof", "sleep"], check=False).returncode == 1, 5, "orphan collected")


def test_freeze(lab):
    """a frozen node does nothing until it is thawed"""
    a, _ = pair(lab)
    clock = a.spawn(["sh", "-c", "while sleep 0.02; do echo tick; done"], name="clock")
    clock.log.wait("tick")
    a.freeze()
    mark = clock.log.mark()
    holds_for(lambda: clock.log.mark() == mark, 0.3, "a frozen clock stands")
    a.thaw()
    clock.log.wait("tick", since=mark)


def sandboxes():
    """The process numbers of sandboxes below this one."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                if file.read().strip() == "sandbox-init" and pid != "1":
                    found.append(int(pid))
        except OSError:
            pass
    return found


INNER = """
import sys, time
sys.path.insert(0, {tests!r})
from lab import sandbox, Lab, Nginx
sandbox.enter()
lab = Lab()
Nginx(lab.node("x", "10.77.0.1/24"))
print("up", flush=True)
time.sleep(1000)
"""


def ends_with(signo):
    """Starts a lab within the lab, ends its command with a signal, sees that all of it ends."""
    tests = os.path.dirname(os.path.dirname(os.path.abspath(sys.modules["lab"].__file__)))
    before = set(os.listdir("/proc"))
    outer = subprocess.Popen([sys.executable, "-B", "-c", INNER.format(tests=tests)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert outer.stdout.readline() == "up\n"
    assert len(sandboxes()) == 1
    outer.send_signal(signo)
    outer.wait(10)

    def gone():
        new = {pid for pid in set(os.listdir("/proc")) - before if pid.isdigit()}
        return not [pid for pid in new if os.path.exists(f"/proc/{pid}/exe")]

    wait_until(gone, 10, "end of every process")
    return outer.returncode


def test_cleanup(lab):
    """whatever ends it, SIGINT, SIGTERM or SIGKILL, a lab leaves no process behind"""
    assert ends_with(signal.SIGINT) != 0
    assert ends_with(signal.SIGTERM) == 128 + signal.SIGTERM
    assert ends_with(signal.SIGKILL) == -signal.SIGKILL
