"""The few system calls that Python 3.11 does not have: namespaces, mounts, inotify."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15

IN_MODIFY = 2

_SYS_MOUNT_SETATTR = 442  # the same number on every architecture
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_ATTR_RDONLY = 1


def _check(result, what):
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def setns(fd, flags):
    _check(_libc.setns(fd, flags), "setns")


def mount(source, target, kind=None, flags=0, options=None):
    def text(value):
        return None if value is None else value.encode()

    _check(
        _libc.mount(text(source), text(target), text(kind), ctypes.c_ulong(flags), text(options)),
        f"mount {target}",
    )


def mounts_read_only():
    """Every mount of this namespace becomes read-only, here and nowhere else."""
    _mount_setattr("/", _AT_RECURSIVE, (_MOUNT_ATTR_RDONLY, 0, 0, 0))


def mount_writable(path):
    _mount_setattr(path, 0, (0, _MOUNT_ATTR_RDONLY, 0, 0))


def _mount_setattr(path, flags, attr):
    attr = (ctypes.c_uint64 * 4)(*attr)
    _check(
        _libc.syscall(
            ctypes.c_long(_SYS_MOUNT_SETATTR), _AT_FDCWD, path.encode(), flags,
            ctypes.byref(attr), ctypes.c_size_t(ctypes.sizeof(attr)),
        ),
        f"mount_setattr {path}",
    )


def prctl(option, value):
    if isinstance(value, str):
        value = ctypes.c_char_p(value.encode())
    else:
        value = ctypes.c_ulong(value)
    _check(_libc.prctl(option, value, 0, 0, 0), "prctl")


def sethostname(name):
    _check(_libc.sethostname(name.encode(), len(name)), "sethostname")


def inotify_init():
    return _check(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify_init1")


def inotify_add(fd, path):
    return _check(_libc.inotify_add_watch(fd, path.encode(), IN_MODIFY), f"inotify {path}")


def inotify_remove(fd, watch):
    _libc.inotify_rm_watch(fd, watch)  # the file may be gone, and its watch with it
