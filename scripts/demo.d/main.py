"""The demo's command line, and what happens around the scenes. Started by scripts/demo."""

import argparse
import json
import os
import select
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(SOURCE, "tests"))

from lab import sandbox  # noqa: E402

INTERRUPTED = 130


def options():
    parser = argparse.ArgumentParser(prog="scripts/demo", add_help=False)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--report", metavar="FILE")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--build", metavar="DIR", default=os.path.join(SOURCE, "build-release"))
    parser.add_argument("--scene", metavar="NAME", action="append", help=argparse.SUPPRESS)
    parser.add_argument("--stop", action="store_true")
    parser.add_argument("--shell", nargs=argparse.REMAINDER, metavar="NODE [COMMAND...]")
    return parser.parse_args()


def say(*words):
    print(*words, file=sys.stderr, flush=True)


class Report:
    """The file is opened only when there is something to write, so that an interrupted demo leaves
    none; its directory is opened before the sandbox hides what lies under /run."""

    def __init__(self, path):
        self.name = os.path.basename(path)
        try:
            self.directory = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY)
        except OSError as error:
            sys.exit(f"scripts/demo: --report {path}: {error.strerror}")

    def write(self, text):
        fd = os.open(self.name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=self.directory)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(text)


# --- a cluster that was kept ---


class Kept:
    """The build directory remembers the sandbox by the number of its init."""

    def __init__(self, build):
        self.path = os.path.join(build, "demo.pid")

    def remember(self, init):
        with open(self.path, "w", encoding="ascii") as file:
            file.write(str(init))

    def init(self):
        """The kept sandbox's init, or None."""
        try:
            with open(self.path, encoding="ascii") as file:
                init = int(file.read())
        except (OSError, ValueError):
            return None
        return init if sandbox.is_init(init) else None

    def wanted(self):
        init = self.init()
        if init is None:
            sys.exit("scripts/demo: no cluster was kept (scripts/demo --keep)")
        return init


def stop(kept):
    init = kept.wanted()
    ended = os.pidfd_open(init)
    os.kill(init, signal.SIGTERM)
    select.select([ended], [], [], 10)
    os.unlink(kept.path)
    say("The cluster is gone.")


def shell(kept, words, build):
    """Becomes a shell, or a command, on a node of the kept cluster."""
    init = kept.wanted()
    if not words:
        sys.exit("scripts/demo: --shell NODE: lb-01, lb-02, web-01, web-02 or client")
    node, *command = words
    users = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    inside = ('pid=$(cat "/run/nodes/$0.pid") || exit 1\n'
              'exec nsenter "--target=$pid" --net --mount --pid --uts --root --wdns=/run -- "$@"')
    os.environ["PATH"] = f"{build}/vrrpd:{build}/lb:{os.environ['PATH']}:/usr/sbin:/sbin"
    os.execvp("nsenter", [
        "nsenter", f"--target={init}", *users, "--mount", "--pid", "--net", "--uts", "--ipc", "--root", "--",
        "sh", "-c", inside, node, *(command or ["bash"]),
    ])


# --- the demo ---


def run(args, report):
    """Inside the sandbox. Returns the exit status."""
    from scenes import Stage, play  # needs the sandbox's PATH and TANDEM_BUILD
    from page import page

    out = sys.stderr if args.json else sys.stdout

    def tell(text):
        print(text, file=out, flush=True)

    with Stage() as stage:
        tell(stage.describe())
        stage.start(tell)
        results = play(stage, tell, args.scene)
        ok = all(result["ok"] for result in results)
        if report:
            report.write(page(results, stage))
        if args.json:
            shown = [{key: value for key, value in result.items() if not key.startswith("_")}
                     for result in results]
            print(json.dumps({"scenes": shown, "ok": ok}), flush=True)
        else:
            print("\nEach scene went as it should." if ok else "\nNOT each scene went as it should.",
                  flush=True)
        if args.keep:
            stage.remember_nodes()
            say("The cluster stays. A shell on a node: scripts/demo --shell lb-01 "
                "(lb-02, web-01, web-02, client)\n"
                "Try there: vrrpctl status, lbctl show. The end of it: scripts/demo --stop")
            sandbox.keep(ok)
    return 0 if ok else 1


def main():
    args = options()
    build = os.path.abspath(args.build)
    kept = Kept(build)
    if args.stop:
        return stop(kept)
    if args.shell is not None:
        return shell(kept, args.shell, build)
    if args.keep and kept.init():
        sys.exit("scripts/demo: a cluster is still there: scripts/demo --stop")
    os.environ["TANDEM_BUILD"] = build
    report = Report(args.report) if args.report else None
    try:
        sandbox.enter(on_keep=kept.remember)
    except sandbox.Unavailable as error:
        sys.exit(f"scripts/demo: {error}")
    sys.path.insert(0, HERE)
    try:
        return run(args, report)
    except KeyboardInterrupt:
        say("\nInterrupted; everything is taken down.")
        return INTERRUPTED


sys.exit(main())
