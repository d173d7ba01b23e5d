"""How much more two workers carry than one.

Generator and backend need processors, too, so on a small machine two workers that run freely only
compete with them. Therefore each worker gets a fixed share of a processor (SCHED_DEADLINE), small
enough that the rest of the machine can keep it busy: what two carry with two shares, against what
one carries with one, is what they would gain from processors of their own.
"""

import ctypes
import os
import statistics
import struct

SHARE = 0.08
PERIOD_NS = 10_000_000
CONNECTIONS = 128
SECONDS = 1
ROUNDS = 5
_SYS_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_SCHED_DEADLINE = 6

_libc = ctypes.CDLL(None, use_errno=True)


def _limit(tid):
    """This thread may run for SHARE of each period."""
    number = _SYS_SCHED_SETATTR[os.uname().machine]
    attr = struct.pack("=IIQiIQQQ", 48, _SCHED_DEADLINE, 0, 0, 0, int(PERIOD_NS * SHARE), PERIOD_NS,
                       PERIOD_NS)
    if _libc.syscall(number, tid, ctypes.c_char_p(attr), 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _workers(pid):
    """All threads but the first, which serves no requests."""
    return sorted(int(tid) for tid in os.listdir(f"/proc/{pid}/task") if int(tid) != pid)


def _carried(stand, threads):
    every = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    proxy = stand.start("lb", threads, every)
    try:
        for tid in _workers(proxy.pid):
            _limit(tid)
        result, _ = stand.wrk(proxy.port["plain"], CONNECTIONS, SECONDS, every)
        return result["requests"]
    finally:
        proxy.stop()


def measure(stand):
    """{"ratio", "rounds"}, or {"unseen": why}."""
    rounds = []
    try:
        for number in range(ROUNDS):
            order = (1, 2) if number % 2 == 0 else (2, 1)
            carried = {threads: _carried(stand, threads) for threads in order}
            rounds.append(carried[2] / carried[1])
    except (OSError, KeyError) as error:
        return {"unseen": f"a worker cannot be held to a share of a processor here ({error})"}
    return {"ratio": statistics.median(rounds), "rounds": rounds, "share": SHARE}
