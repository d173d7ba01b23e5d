"""A machine inside the machine, in which everything may be broken.

enter() moves the rest of the program into namespaces of its own: network, processes, mounts, host
name, and, for an ordinary user, users. What is outside is neither seen nor touched: /run is a fresh
tmpfs, and when the sandbox's first process ends, for whatever reason, the kernel ends every process
in it and with them go the namespaces, the tmpfs and each file in it. So nothing can be left behind,
not even by SIGKILL.

    outer   the process the user started: waits, forwards signals, takes over the exit status
      init  process 1 of the sandbox: collects orphans, ends with main
        main  the program; enter() returns here
"""

import os
import signal
import sys

from . import system

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INIT_NAME = "sandbox-init"
_GRACE_S = 5  # after the first signal main has this long to say goodbye


class Unavailable(Exception):
    """This machine does not allow sandboxes; the text says why and what to do."""


def enter(on_keep=None):
    """Returns inside the sandbox; the caller's own process never returns from here.

    `on_keep` is called outside, with the number that the sandbox's init has there, when the program
    calls keep()."""
    _new_namespaces(os.geteuid(), os.getegid())
    sys.stdout.flush()
    sys.stderr.flush()
    keep_read, keep_write = os.pipe()
    init = os.fork()
    if init:
        os.close(keep_write)
        _outer(init, keep_read, on_keep)
    os.close(keep_read)
    system.prctl(system.PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        _mounts()
    except OSError as error:
        sys.stderr.write(f"no sandbox on this machine: {error}\n")
        sys.stderr.flush()
        os._exit(1)
    main = os.fork()
    if main:
        _init(main, keep_write)
    os.close(keep_write)
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # ip, nft, nginx
    for signo in _FORWARDED:
        signal.signal(signo, _first_signal)


def keep(ok):
    """The caller's command ends (with status 0 or 1), the sandbox stays until SIGTERM to its init.

    Returns after that signal."""
    sys.stdout.flush()
    sys.stderr.flush()
    _without_terminal()
    os.kill(1, signal.SIGUSR1 if ok else signal.SIGUSR2)
    try:
        while True:
            signal.pause()
    except (KeyboardInterrupt, SystemExit):
        return


def is_init(pid):
    """True if `pid` is a sandbox's init as enter()'s caller sees it (numbers are used again)."""
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().strip() == _INIT_NAME
    except OSError:
        return False


def _new_namespaces(uid, gid):
    flags = (system.CLONE_NEWNS | system.CLONE_NEWNET | system.CLONE_NEWPID
             | system.CLONE_NEWUTS | system.CLONE_NEWIPC)
    try:
        if uid != 0:
            system.unshare(system.CLONE_NEWUSER)
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"0 {uid} 1")
            _write("/proc/self/gid_map", f"0 {gid} 1")
        system.unshare(flags)
    except OSError as error:
        raise Unavailable(f"{error}; {_advice(uid)}") from error


def _advice(uid):
    if uid == 0:
        return "this root may not make namespaces (a container without CAP_SYS_ADMIN?)"
    for knob, bad, fix in (
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "1"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
        ("/proc/sys/user/max_user_namespaces", "0", "15000"),
    ):
        try:
            with open(knob, encoding="ascii") as file:
                value = file.read().strip()
        except OSError:
            continue
        if value == bad:
            name = knob.removeprefix("/proc/sys/").replace("/", ".")
            return f"this machine forbids user namespaces: sysctl -w {name}={fix} (as root), or run as root"
    return "this machine does not let an ordinary user make namespaces: run as root"


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _mounts():
    system.mount(None, "/", None, system.MS_REC | system.MS_PRIVATE)
    safe = system.MS_NOSUID | system.MS_NODEV | system.MS_NOEXEC
    system.mount("proc", "/proc", "proc", safe)
    system.mount("tmpfs", "/run", "tmpfs", system.MS_NOSUID | system.MS_NODEV, "mode=755")


def _outer(init, keep_read, on_keep):
    """Waits for the sandbox, or until main asks to be left alone; never returns."""

    def forward(signo, _frame):
        try:
            os.kill(init, signo)
        except ProcessLookupError:
            pass

    for signo in _FORWARDED:
        signal.signal(signo, forward)
    kept = os.read(keep_read, 1)
    if kept:
        if on_keep:
            on_keep(init)
        os._exit(kept[0])
    _, status = os.waitpid(init, 0)
    os._exit(_exit_status(status))


def _exit_status(status):
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _init(main, keep_write):
    """Process 1; never returns. Its end is the end of everything in the sandbox."""
    system.prctl(system.PR_SET_NAME, _INIT_NAME)

    def forward(signo, _frame):
        os.kill(main, signo)
        signal.alarm(_GRACE_S)

    def stay(signo, _frame):
        system.prctl(system.PR_SET_PDEATHSIG, 0)
        _without_terminal()
        os.write(keep_write, b"\0" if signo == signal.SIGUSR1 else b"\1")
        os.close(keep_write)

    def expire(_signo, _frame):
        os._exit(1)

    for signo in _FORWARDED:
        signal.signal(signo, forward)
    signal.signal(signal.SIGUSR1, stay)
    signal.signal(signal.SIGUSR2, stay)
    signal.signal(signal.SIGALRM, expire)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == main:
            os._exit(_exit_status(status))


def _without_terminal():
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    os.setsid()


def _first_signal(signo, _frame):
    """The first one ends the program; more of them must not disturb its leave-taking."""
    for other in _FORWARDED:
        signal.signal(other, signal.SIG_IGN)
    if signo == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + signo)
