"""vrrpd beside keepalived: CPU and memory of many instances, time to move many addresses. See --help."""

import argparse
import json
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(SOURCE, "tests")]

from lab import sandbox  # noqa: E402

ABOUT = """\
Runs a pair of vrrpd and a pair of keepalived (Debian's package, VRRPv3), one after the other, in
namespaces of their own.

  instances   200 of them at 100 ms: CPU milliseconds a second (schedstat, all processes of the
              daemon) and resident memory of the Active and of the Backup node
  move        1,000 addresses of one instance at 100 ms: the longest gap between two successes that
              a client sees (first, middle and last address, a new connection every 5 ms) when the holder's cable
              is pulled, and when the daemon is ended by SIGTERM

Rounds alternate the order; the median of the ratios within a round counts.
"""
INTERVAL_MS = 100
NGINX_CLIENT = "10.77.255.1/16"


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench vrrp", description=ABOUT,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--build", metavar="DIR", default=os.path.join(SOURCE, "build-release"),
                        help="use the programs in this build directory, without building")
    parser.add_argument("--rounds", metavar="N", type=int, default=3)
    parser.add_argument("--instances", metavar="N", type=int, default=200)
    parser.add_argument("--addresses", metavar="N", type=int, default=1000)
    parser.add_argument("--seconds", metavar="N", type=float, default=5, help="of each CPU figure")
    return parser.parse_args()


def address(number):
    return f"10.77.{1 + number // 250}.{1 + number % 250}"


class Ours:
    name = "vrrpd"

    @staticmethod
    def start(node, priority, groups):
        from lab.tandem import Vrrpd

        return Vrrpd(node, {"instances": {
            f"i{vrid}": {"interface": "eth0", "vrid": vrid, "priority": priority,
                         "interval": f"{INTERVAL_MS}ms", "checksum": "pseudo-header",
                         "addresses": [f"{one}/16" for one in addresses]}
            for vrid, addresses in groups.items()}})


class Theirs:
    name = "keepalived"

    @staticmethod
    def start(node, priority, groups):
        from lab.peers import Keepalived, keepalived_instance

        text = "".join(
            keepalived_instance(f"i{vrid}", vrid, priority, [f"{one}/16" for one in addresses[:20]],
                                interval=INTERVAL_MS / 1000, more=excluded(addresses[20:]))
            for vrid, addresses in groups.items())
        return Keepalived(node, text)


def excluded(addresses):
    """More addresses than an advert of keepalived holds."""
    if not addresses:
        return ()
    return ["virtual_ipaddress_excluded {", *(f"    {one}/16" for one in addresses), "}"]


def processes(node, name):
    """Processes of the daemon on the node, as the lab sees them."""
    home = os.fstat(node._net).st_ino
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                found = file.read().strip()
            if found.startswith(name) and os.stat(f"/proc/{pid}/ns/net").st_ino == home:
                yield int(pid)
        except OSError:
            continue


def cpu_ns(pids):
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total


def resident_kb(pids):
    """Shared pages count once for each process, as for the peer."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def holds_all(lab, node, addresses):
    said = node.ip("-4", "-o", "address", "show", "dev", "eth0")
    return said.count("10.77.") - 1 >= len(addresses)


def holds_some(node):
    return node.ip("-4", "-o", "address", "show", "dev", "eth0").count("10.77.") > 1


def measure_instances(kind, args):
    from lab import Lab, wait_until

    groups = {vrid: [address(vrid)] for vrid in range(1, args.instances + 1)}
    with Lab() as lab:
        one, two = lab.node("one", "10.77.0.11/16"), lab.node("two", "10.77.0.12/16")
        daemons = [kind.start(one, 101, groups)]
        wait_until(lambda: holds_all(lab, one, groups), 60, f"{kind.name} holds the addresses")
        daemons.append(kind.start(two, 100, groups))
        time.sleep(12)  # the second announcements, five seconds after the first, are over
        pids = {node: list(processes(node, kind.name)) for node in (one, two)}
        before, since = {node: cpu_ns(pids[node]) for node in pids}, time.monotonic()
        time.sleep(args.seconds)
        took = time.monotonic() - since
        if holds_some(two):
            sys.exit(f"scripts/bench: two {kind.name} held addresses at once: no figure")
        result = {}
        for role, node in (("active", one), ("backup", two)):
            result[f"{role}_cpu_ms"] = (cpu_ns(pids[node]) - before[node]) / 1e6 / took
            result[f"{role}_kb"] = resident_kb(pids[node])
        for daemon in daemons:
            daemon.stop()
    return result


def gap_ms(client, targets, cause):
    """The longest gap between two successes at any of them, around what cause() does."""
    from lab.tandem import Probe

    probes = [Probe(client, f"{target}:80", interval="5ms", name=f"probe-{target}")
              for target in targets]
    for probe in probes:
        probe.wait_ok(50)
    cause()
    marks = [probe.mark() for probe in probes]
    for probe, mark in zip(probes, marks):
        probe.wait_ok(100, within=30, since=mark)
    return max(probe.end()["longest_gap"]["ms"] for probe in probes)


def measure_move(kind, args):
    from lab import Lab, Nginx, wait_until

    groups = {1: [address(number) for number in range(args.addresses)]}
    targets, result = [groups[1][n] for n in (0, len(groups[1]) // 2, -1)], {}
    with Lab() as lab:
        one, two = lab.node("one", "10.77.0.11/16"), lab.node("two", "10.77.0.12/16")
        client = lab.node("client", NGINX_CLIENT)
        for node in (one, two):
            Nginx(node)
        first, second = kind.start(one, 101, groups), None
        wait_until(lambda: holds_all(lab, one, groups[1]), 60, f"{kind.name} holds the addresses")
        second = kind.start(two, 100, groups)
        time.sleep(3)
        wait_until(lambda: holds_all(lab, one, groups[1]) and not holds_some(two), 60,
                   f"one {kind.name} alone holds the addresses")
        result["cut_ms"] = gap_ms(client, targets, lambda: lab.cut(one))
        lab.heal(one)
        wait_until(lambda: holds_all(lab, one, groups[1]) and not holds_some(two), 60,
                   f"{kind.name} has the addresses back")
        time.sleep(8)
        result["term_ms"] = gap_ms(client, targets, lambda: first.process.kill())
        second.stop()
    return result


def rounds(args, say):
    found = []
    for number in range(args.rounds):
        order = (Ours, Theirs) if number % 2 == 0 else (Theirs, Ours)
        one = {}
        for kind in order:
            one[kind.name] = {**measure_instances(kind, args), **measure_move(kind, args)}
            say(f"round {number + 1}: {kind.name}: " + ", ".join(
                f"{key} {value:.1f}" for key, value in one[kind.name].items()))
        found.append(one)
    return found


ROWS = (
    ("active_cpu_ms", "CPU as Active, ms a second"),
    ("backup_cpu_ms", "CPU as Backup, ms a second"),
    ("active_kb", "memory as Active, KiB (proportional)"),
    ("backup_kb", "memory as Backup, KiB (proportional)"),
    ("cut_ms", "addresses move, cable pulled, ms"),
    ("term_ms", "addresses move, SIGTERM, ms"),
)


def table(found):
    def median(key, name):
        return statistics.median(one[name][key] for one in found)

    lines = [f"{'':40}{'vrrpd':>10}{'keepalived':>12}{'ratio':>8}"]
    for key, title in ROWS:
        ratio = statistics.median(one["vrrpd"][key] / one["keepalived"][key] for one in found)
        lines.append(f"{title:40}{median(key, 'vrrpd'):10.1f}{median(key, 'keepalived'):12.1f}"
                     f"{ratio:8.2f}")
    return "\n".join(lines)


def main():
    args = options()
    os.environ["TANDEM_BUILD"] = os.path.abspath(args.build)
    try:
        sandbox.enter()
    except sandbox.Unavailable as error:
        sys.exit(f"scripts/bench: {error}")
    try:
        found = rounds(args, lambda text: print(text, file=sys.stderr, flush=True))
    except KeyboardInterrupt:
        return 130
    if args.json:
        print(json.dumps({"instances": args.instances, "addresses": args.addresses,
                          "rounds": found}), flush=True)
    else:
        print(table(found), flush=True)
    return 0


sys.exit(main())
