"""A server that does as it is told, and a client that says just these bytes.

    server = Scripted(node, "10.77.0.21", 80)
    server.script = replies(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    talk(client, (address, port), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")  ->  bytes, then how it ended
"""

import socket
import threading
import time

END = b"<end>"    # the other side has closed
OPEN = b"<open>"  # it has not, after a while
RESET = b"<reset>"

FIRST_WAIT = 3  # for the first byte of an answer: a busy machine may take that long


class Scripted:
    """Each connection is handed to `script(connection)`, in a thread of its own."""

    def __init__(self, node, address, port=80, script=None):
        self.script = script
        self.seen = []      # what scripts have noted
        self.connections = 0
        self._listener = node.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, port))
        self._listener.listen(1024)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock):
        with sock:
            try:
                self.script(Connection(self, sock))
            except OSError:
                pass

    def clear(self):
        self.seen = []
        self.connections = 0

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Connection:
    """The server's side of one connection."""

    def __init__(self, server, sock):
        self.server = server
        self.sock = sock
        self._rest = b""

    def note(self, what):
        self.server.seen.append(what)

    def send(self, data):
        self.sock.sendall(data)

    def head(self):
        """The next request's head; b"" at the end."""
        return self.until(b"\r\n\r\n")

    def until(self, mark):
        while mark not in self._rest:
            data = self.sock.recv(65536)
            if not data:
                return b""
            self._rest += data
        head, self._rest = self._rest.split(mark, 1)
        return head + mark

    def read(self, size):
        """Just so many bytes, or fewer at the end."""
        while len(self._rest) < size:
            data = self.sock.recv(1 << 20)
            if not data:
                break
            self._rest += data
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def reset(self):
        """The next close is a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def replies(*answers, close=False):
    """A script: notes each head and sends the answers in turn, the last one again and again."""
    def script(connection):
        number = 0
        while head := connection.head():
            connection.note(head)
            connection.send(answers[min(number, len(answers) - 1)])
            number += 1
            if close and number == len(answers):
                return
    return script


def dial(node, where):
    sock = node.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(10)
    sock.connect(where)
    return sock


def receive(sock, wait=0.3, until=None, first=None):
    """All that comes, and how it ended; with `until`, only up to these bytes. It is over when
    nothing has come for `wait` seconds, or nothing at all for `first`."""
    got = b""
    sock.settimeout(first or wait)
    try:
        while until is None or until not in got:
            data = sock.recv(65536)
            if not data:
                return got + END
            got += data
            sock.settimeout(wait)
        return got
    except socket.timeout:
        return got + OPEN
    except ConnectionResetError:
        return got + RESET


def talk(node, where, *pieces, wait=0.3, shut=False, pause=0.05):
    """Sends the pieces, a moment apart, and returns what comes back."""
    with dial(node, where) as sock:
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(pause)
            sock.sendall(piece)
        if shut:
            sock.shutdown(socket.SHUT_WR)
        return receive(sock, wait, first=max(wait, FIRST_WAIT))
