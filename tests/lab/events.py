"""Waiting: for a line in a log, for the end of a process, for anything that can be asked.

wait_until() looks again as soon as something is heard of: a log file grew, a process ended, an
address came or went. What announces itself in no such way is asked for every 20 ms.
"""

import os
import re
import selectors
import time

from . import system

_TICK_S = 0.02

_selector = selectors.DefaultSelector()


class Timeout(AssertionError):
    """What was waited for did not come."""


def listen(source, on_news=lambda: None):
    """wait_until() wakes when `source` (a descriptor or what has one) is readable and calls on_news."""
    _selector.register(source, selectors.EVENT_READ, on_news)


def unlisten(source):
    _selector.unregister(source)


def wait_until(condition, within, what):
    """Returns the first true value of condition(); raises Timeout after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        left = deadline - time.monotonic()
        if left <= 0:
            raise Timeout(f"not within {within:g} s: {what}")
        for key, _ in _selector.select(min(left, _TICK_S)):
            key.data()


def holds_for(condition, seconds, what):
    """The condition stays true for so long; raises Timeout (with what was said of it) if not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"did not last {seconds:g} s: {what}")
        for key, _ in _selector.select(min(_TICK_S, max(0, deadline - time.monotonic()))):
            key.data()


class Log:
    """A file that a process writes, read as it grows."""

    _inotify = None

    def __init__(self, path):
        self.path = path
        self.lines = []
        self._rest = b""
        self._file = open(path, "rb")
        if Log._inotify is None:
            Log._inotify = system.inotify_init()
            listen(Log._inotify, Log._drain)
        self._watch = system.inotify_add(Log._inotify, path)

    @staticmethod
    def _drain():
        try:
            os.read(Log._inotify, 65536)
        except BlockingIOError:
            pass

    def close(self):
        self.read()
        system.inotify_remove(Log._inotify, self._watch)
        self._file.close()

    def read(self):
        """All complete lines so far."""
        if self._file.closed:
            return self.lines
        data = self._rest + self._file.read()
        *whole, self._rest = data.split(b"\n")
        self.lines += [line.decode("utf-8", "replace") for line in whole]
        return self.lines

    def mark(self):
        """The place behind the last line so far: for `since`."""
        return len(self.read())

    def search(self, pattern, since=0):
        """The first match of a regular expression in a line behind `since`, or None."""
        for line in self.read()[since:]:
            found = re.search(pattern, line)
            if found:
                return found
        return None

    def count(self, pattern, since=0):
        return sum(1 for line in self.read()[since:] if re.search(pattern, line))

    def wait(self, pattern, within=10, since=0):
        return wait_until(
            lambda: self.search(pattern, since), within, f"/{pattern}/ in {os.path.basename(self.path)}"
        )
