"""lb beside HAProxy and nginx: CPU a request, latency at a fixed rate, memory. See --help."""

import argparse
import datetime
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(SOURCE, "tests")]

from lab import sandbox  # noqa: E402

ABOUT = """\
Measures lb, HAProxy and nginx (Debian's packages, one worker each, the same job, nginx as the
backend) in a namespace of their own. What counts is CPU in the proxy's threads (schedstat) a
request, as a ratio to HAProxy in the same round; requests a second say nothing on a small machine
that the load generator shares. Latency is that at planned instants, at 40 % of what HAProxy can
carry. Each reply's status and length are checked.
"""


def options():
    parser = argparse.ArgumentParser(
        prog="scripts/bench lb", description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--markdown", action="store_true", help="the README's table")
    parser.add_argument("--plot", metavar="FILE", help="also draw the ratios (SVG)")
    parser.add_argument("--build", metavar="DIR", default=os.path.join(SOURCE, "build-release"),
                        help="use the programs in this build directory, without building")
    parser.add_argument("--rounds", metavar="N", type=int, default=5, help="at least (5)")
    parser.add_argument("--only", metavar="WORKLOAD", action="append", help="may be repeated: "
                        "http-64 http-256 cookie once server-close tcp http-1m tcp-1m memory workers")
    parser.add_argument("--foreign", metavar="PERCENT", type=float, default=5,
                        help="throw a round away in which others used more of the CPU (5)")
    return parser.parse_args()


def refuse_slow_build(build):
    """Figures of a debug build are nobody's figures."""
    try:
        with open(os.path.join(build, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as f:
            option = {one["name"]: one["value"] for one in json.load(f)}
    except OSError as error:
        sys.exit(f"scripts/bench: {build} is no build directory: {error.strerror}")
    if option["optimization"] not in ("2", "3", "s") or option["b_sanitize"] != "none":
        sys.exit(f"scripts/bench: {build} is not a release build (scripts/build makes one)")


def processor():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return os.uname().machine


def facts():
    from lb_stand import versions

    return {
        "date": datetime.date.today().isoformat(), "cpus": os.cpu_count(),
        "processor": processor(), "kernel": os.uname().release.split("-")[0],
        "load": os.getloadavg()[0], "versions": versions(),
    }


def measure(args, say):
    """Returns what --json prints."""
    import lb_show
    import lb_workers
    from lb_stand import Stand
    from lb_work import IDLE_TARGET, WORKERS_TARGET, WORKLOADS, Bench

    wanted = args.only or [work.name for work in WORKLOADS] + ["memory", "workers"]
    unknown = set(wanted) - {work.name for work in WORKLOADS} - {"memory", "workers"}
    if unknown:
        sys.exit(f"scripts/bench: there is no workload {', '.join(sorted(unknown))}")
    results = {"machine": facts(), "rounds": args.rounds, "workloads": []}
    say(lb_show.heading(results["machine"]))
    with Stand() as stand:
        bench = Bench(stand, args.rounds, args.foreign / 100, say)
        for work in WORKLOADS:
            if work.name in wanted:
                results["workloads"].append(bench.run(work))
                say(lb_show.workload_text(results["workloads"][-1]))
        if "memory" in wanted:
            sizes = bench.memory()
            results["memory"] = {"bytes": sizes, "target": IDLE_TARGET,
                                 "met": sizes["lb"] <= IDLE_TARGET}
        for proxy in bench.proxies.values():
            proxy.stop()
        if "workers" in wanted:
            found = {"ratio": None, **lb_workers.measure(stand), "target": WORKERS_TARGET}
            found["met"] = found["ratio"] is not None and found["ratio"] >= WORKERS_TARGET
            results["workers"] = found
    say(lb_show.rest_text(results))
    return results


def main():
    args = options()
    build = os.path.abspath(args.build)
    refuse_slow_build(build)
    os.environ["TANDEM_BUILD"] = build
    plot = open(args.plot, "w", encoding="utf-8") if args.plot else None
    try:
        sandbox.enter()
    except sandbox.Unavailable as error:
        sys.exit(f"scripts/bench: {error}")
    import lb_show  # needs the sandbox's PATH
    from lb_stand import Wrong

    quiet = args.json or args.markdown
    try:
        results = measure(args, lambda text: print(text, file=sys.stderr if quiet else sys.stdout,
                                                   flush=True))
    except Wrong as error:
        sys.exit(f"scripts/bench: {error}")
    except KeyboardInterrupt:
        return 130
    if args.json:
        print(json.dumps(results), flush=True)
    if args.markdown:
        print(lb_show.markdown(results), flush=True)
    if plot:
        with plot:
            plot.write(lb_show.svg(results))
    enough = all(len(one["rounds"]) >= args.rounds for one in results["workloads"])
    return 0 if enough else 1


sys.exit(main())
