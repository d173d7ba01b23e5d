"""Runs the test functions of a file, each on a fresh lab, and prints TAP."""

import inspect
import re
import sys
import traceback

from . import sandbox
from .network import Lab

_LOG_LINES = 60  # of each process, shown when a test fails
_SANITIZER = r"((ERROR|WARNING): \w+Sanitizer|runtime error: )"


class Skip(Exception):
    """The test cannot run on this machine; the text says why."""


def main(module, wanted=()):
    """Runs every `test_*(lab)` of the module in its order, or those whose name contains a wanted
    word ("=test_name": is that name); "--list" only names them. The first line of a function's
    docstring is its title. Returns the exit status."""
    if list(wanted) == ["--list"]:
        for name, function in _tests(module, ()):
            print(name, _title(function))
        return 0
    tests = [function for _, function in _tests(module, wanted)]
    try:
        sandbox.enter()
    except sandbox.Unavailable as error:
        print(f"1..0 # SKIP {error}")
        return 0
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, function in enumerate(tests, 1):
        verdict, notes = _run(function)
        failed += verdict == "not ok"
        title = _title(function)
        skip = f" # SKIP {notes}" if verdict == "skip" else ""
        print(f"{'ok' if verdict == 'skip' else verdict} {number} - {title}{skip}", flush=True)
        if verdict == "not ok":
            _comment(notes)
    return 1 if failed else 0


def _tests(module, wanted):
    """(name, function), in order."""
    return [
        (name, function) for name, function in vars(module).items()
        if name.startswith("test_") and inspect.isfunction(function)
        and (not wanted or any(word[1:] == name if word[0] == "=" else word in name
                               for word in wanted))
    ]


def _title(function):
    return inspect.getdoc(function).splitlines()[0].replace("#", "no.")


def _run(function):
    lab = Lab()
    try:
        with lab:
            try:
                function(lab)
                _no_sanitizer_report(lab)
                return "ok", ""
            except Skip as reason:
                return "skip", str(reason)
            except Exception:
                return "not ok", traceback.format_exc() + _logs(lab)
    except Exception:
        return "not ok", "while taking the lab away:\n" + traceback.format_exc()


def _no_sanitizer_report(lab):
    for process in lab.logs():
        if process.log.search(_SANITIZER):
            raise AssertionError(f"a sanitizer reported something about {process}")


def _logs(lab):
    text = ""
    for process in lab.logs():
        lines = process.log.read()
        first = next((i for i, line in enumerate(lines) if re.search(_SANITIZER, line)), None)
        shown = lines[-_LOG_LINES:] if first is None else lines[first:first + _LOG_LINES]
        state = "running" if process.running else f"ended with {process.status}"
        text += f"--- {process} ({state})\n" + "".join(f"{line}\n" for line in shown)
    return text


def _comment(text):
    for line in text.splitlines():
        print(f"# {line}")
    sys.stdout.flush()
