"""One process on a node: started, watched, ended; its output in a log."""

import os
import signal

from . import events


class Process:
    """Between the lab and the process stands a helper, its parent, that collects it at once (so that
    `killall -0` never finds a zombie) and tells its number and its end through a pipe."""

    def __init__(self, node, name, argv, log_path, env=None):
        self.node = node
        self.name = name
        self.argv = argv
        self.status = None  # exit status, or minus the signal
        self._told = b""
        log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._pipe, tell = os.pipe()
        self._helper = os.fork()
        if self._helper == 0:
            _help(node, argv, {**os.environ, **(env or {})}, log, tell)
        os.close(log)
        os.close(tell)
        os.set_blocking(self._pipe, False)
        events.listen(self._pipe, self._hear)
        self.log = events.Log(log_path)
        self.started_at = self.log.mark()
        self.pid = int(events.wait_until(self._first_line, 10, f"start of {name}"))

    def __str__(self):
        return f"{self.name} on {self.node}"

    def _first_line(self):
        line, end, _ = self._told.partition(b"\n")
        return line if end else None

    def _hear(self):
        """The helper told something: the process's number, later how it ended."""
        data = os.read(self._pipe, 4096)
        self._told += data
        if data:
            return
        events.unlisten(self._pipe)
        os.close(self._pipe)
        os.waitpid(self._helper, 0)
        _, _, end = self._told.rstrip(b"\n").partition(b"\n")
        self.status = os.waitstatus_to_exitcode(int(end)) if end else -signal.SIGKILL

    @property
    def running(self):
        return self.status is None

    def kill(self, signo=signal.SIGTERM, group=False):
        """Sends a signal, to its children too with `group`."""
        if self.running:
            (os.killpg if group else os.kill)(self.pid, signo)

    def wait(self, within=10):
        """Waits for the end; returns the exit status, or minus the signal that ended it."""
        events.wait_until(lambda: not self.running, within, f"end of {self}")
        return self.status

    def stop(self, within=10):
        """SIGTERM, then wait()."""
        self.kill(signal.SIGTERM)
        return self.wait(within)

    def output(self):
        return "\n".join(self.log.read()[self.started_at:])


def _help(node, argv, env, log, tell):
    """In a forked child; never returns."""
    try:
        node.join()
        started, starting = os.pipe()  # closed by exec
        pid = os.fork()
        if pid == 0:
            _exec(argv, env, log, starting)
        os.close(starting)
        os.read(started, 1)
        os.write(tell, b"%d\n" % pid)
        os.dup2(tell, 0)
        os.closerange(1, 1024)
        _, status = os.waitpid(pid, 0)
        os.write(0, b"%d\n" % status)
    finally:
        os._exit(0)


def _exec(argv, env, log, starting):
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(signo, signal.SIG_DFL)
        os.closerange(3, starting)
        os.closerange(starting + 1, 1024)
        os.chdir("/run")
        os.execvpe(argv[0], argv, env)
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)
