"""A node: a machine of its own as far as network, processes, /run and host name are concerned.

Everything else of the file system is the host's, read-only. So a node's daemons use their default
paths (/run/lb.sock), a process is found by its name on this node only, and no node can write
anywhere but into its /run, which the lab sees as `node.path()`.
"""

import contextlib
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess

from . import system
from .process import Process

_ROOT = "/run/nodes"
_KINDS = system.CLONE_NEWNET | system.CLONE_NEWNS | system.CLONE_NEWPID | system.CLONE_NEWUTS


class CommandFailed(AssertionError):
    """A command that has to work did not."""


class Node:
    def __init__(self, name):
        self.name = name
        self.processes = []
        os.makedirs(self.path("log"))
        self._init_pid = _start_init(name, self.path())
        self._pidfd = os.pidfd_open(self._init_pid)
        self._net = os.open(f"/proc/{self._init_pid}/ns/net", os.O_RDONLY)
        _ip("netns", "attach", name, str(self._init_pid))
        self.ip("link", "set", "lo", "up")

    def __str__(self):
        return self.name

    @property
    def init_pid(self):
        """The node's process 1, as the lab sees it."""
        return self._init_pid

    def close(self):
        """Ends every process of the node and takes it away. It may be called again."""
        if self._init_pid is None:
            return
        os.kill(self._init_pid, signal.SIGKILL)
        for process in self.processes:
            process.wait(10)
            process.log.close()
        os.close(self._pidfd)
        os.close(self._net)
        self._init_pid = None
        _ip("netns", "del", self.name)
        shutil.rmtree(self.path())

    # --- files ---

    def path(self, *parts):
        """Where the lab sees what the node calls /run/..."""
        return os.path.join(_ROOT, self.name, *parts)

    def write(self, name, text, mode=0o644):
        """Writes /run/NAME of the node; returns the path as the node knows it."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return f"/run/{name}"

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    # --- commands ---

    def spawn(self, argv, name=None, env=None):
        """Starts a command; its output goes to /run/log/NAME.log (name: the command's)."""
        name = name or os.path.basename(argv[0])
        log = self.path("log", f"{name}.log")
        process = Process(self, name, argv, log, env)
        self.processes.append(process)
        return process

    def run(self, argv, check=True, env=None, timeout=20, input=None):
        """Runs a command to its end; returns it as subprocess.CompletedProcess with text output."""
        done = subprocess.run(
            [*self.nsenter(), *argv],
            env={**os.environ, **(env or {})}, stdin=None if input is not None else subprocess.DEVNULL,
            input=input, capture_output=True, text=True, timeout=timeout, check=False,
        )
        if check and done.returncode != 0:
            raise CommandFailed(
                f"{self.name}: {' '.join(argv)}: exit status {done.returncode}\n{done.stderr}{done.stdout}"
            )
        return done

    def nsenter(self):
        """The words in front of a command that make it run on the node."""
        return ["nsenter", f"--target={self._init_pid}", "--net", "--mount", "--pid", "--uts",
                "--root", "--wdns=/run", "--"]

    def kill_all(self, signo):
        """Sends a signal to every process of the node (its init apart)."""
        self.call(lambda: os.kill(-1, signo))

    def freeze(self):
        """The node stops as a whole, in the middle of whatever it was doing."""
        self.kill_all(signal.SIGSTOP)

    def thaw(self):
        self.kill_all(signal.SIGCONT)

    def call(self, function, *args):
        """Calls a Python function in a process of the node and returns what it returns."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            self._child(lambda: _answer(writer, function, args))
        os.close(writer)
        with open(reader, "rb") as file:
            data = file.read()
        os.waitpid(pid, 0)
        ok, value = pickle.loads(data)
        if not ok:
            raise value
        return value

    def _child(self, function):
        """In a forked child: joins the node and runs function() in a process of it; never returns."""
        try:
            self.join()
            inner = os.fork()
            if inner == 0:
                function()
            else:
                os.waitpid(inner, 0)
        finally:
            os._exit(0)

    def join(self):
        """For a freshly forked child: the processes it starts from here on belong to the node."""
        root = os.open(f"/proc/{self._init_pid}/root", os.O_PATH)
        system.setns(self._pidfd, _KINDS)
        os.fchdir(root)  # in a chroot, entering a mount namespace leads out of it
        os.chroot(".")
        os.close(root)

    # --- network ---

    @contextlib.contextmanager
    def net(self):
        """Sockets made and commands started inside belong to the node's network."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        try:
            system.setns(self._net, system.CLONE_NEWNET)
            yield self
        finally:
            system.setns(home, system.CLONE_NEWNET)
            os.close(home)

    def socket(self, *args):
        """A socket of the node in the lab's own process."""
        with self.net():
            return socket.socket(*args)

    def ip(self, *args):
        """ip(8) in the node's network; returns its output."""
        return _ip("-n", self.name, *args)

    def nft(self, rules):
        """Loads nftables rules."""
        with self.net():
            _command(["nft", "-f", "-"], rules)

    def sysctl(self, name, value):
        with self.net(), open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as file:
            file.write(str(value))

    def holds(self, address):
        """True if the node has this address on any interface. Cheap enough to be asked often."""
        if ":" in address:
            wanted = socket.inet_pton(socket.AF_INET6, address).hex()
            with open(f"/proc/{self._init_pid}/net/if_inet6", encoding="ascii") as file:
                return any(line.startswith(wanted) for line in file)
        with open(f"/proc/{self._init_pid}/net/fib_trie", encoding="ascii") as file:
            return bool(re.search(rf"\|-- {re.escape(address)}\n +/32 host LOCAL", file.read()))

    def index(self, interface="eth0"):
        with self.net():
            return socket.if_nametoindex(interface)

    def mac(self, interface="eth0"):
        words = self.ip("-o", "link", "show", interface).split()
        return words[words.index("link/ether") + 1]

    def link_local(self, interface="eth0"):
        """The IPv6 link-local address that the kernel makes from the MAC (RFC 4291, appendix A)."""
        mac = bytes.fromhex(self.mac(interface).replace(":", ""))
        return socket.inet_ntop(socket.AF_INET6, b"\xfe\x80" + bytes(6) + bytes([mac[0] ^ 2])
                                + mac[1:3] + b"\xff\xfe" + mac[3:])

    def addresses(self, interface="eth0"):
        """The IPv4 addresses of an interface, as "192.0.2.1/24"."""
        words = self.ip("-o", "-4", "addr", "show", "dev", interface).split()
        return [word for before, word in zip(words, words[1:]) if before == "inet"]


def _command(argv, text=None):
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def _ip(*args):
    return _command(["ip", *args])


def _answer(writer, function, args):
    try:
        data = pickle.dumps((True, function(*args)))
    except BaseException as error:
        data = pickle.dumps((False, error))
    with open(writer, "wb") as file:
        file.write(data)


def _start_init(name, run_dir):
    """Forks the node's process 1; returns its number when the node is ready."""
    pid_read, pid_write = os.pipe()
    ready_read, ready_write = os.pipe()
    middle = os.fork()
    if middle == 0:
        _become_init(name, run_dir, pid_write, ready_write)
    os.close(pid_write)
    os.close(ready_write)
    with open(pid_read, encoding="ascii") as file:
        pid = file.read()
    with open(ready_read, encoding="utf-8") as file:
        answer = file.read()
    os.waitpid(middle, 0)
    if answer != "ready":
        raise OSError(f"node {name}: {answer or 'did not start'}")
    return int(pid)


def _become_init(name, run_dir, pid_write, ready_write):
    """In a forked child; never returns. Its child becomes the first process of the new namespaces."""
    try:
        system.unshare(_KINDS)
        pid = os.fork()
        if pid:
            os.write(pid_write, str(pid).encode())
            os._exit(0)
        _node_mounts(name, run_dir)
        os.write(ready_write, b"ready")
        _collect_orphans(name)
    except BaseException as error:
        os.write(ready_write, str(error).encode())
    finally:
        os._exit(1)


def _node_mounts(name, run_dir):
    system.sethostname(name)
    system.mount(None, "/", None, system.MS_REC | system.MS_PRIVATE)
    system.mounts_read_only()
    system.mount(run_dir, "/run", None, system.MS_BIND)
    system.mount_writable("/run")
    safe = system.MS_NOSUID | system.MS_NODEV | system.MS_NOEXEC
    system.mount("proc", "/proc", "proc", safe)
    system.mount("sysfs", "/sys", "sysfs", safe)


def _collect_orphans(name):
    for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signo, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    system.prctl(system.PR_SET_NAME, f"init-{name}")
    os.closerange(0, 1024)
    while True:
        signal.sigwait({signal.SIGCHLD})
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
