"""An HTTP client on a node, for tests that look at each reply."""

import http.client


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read().decode("latin-1")

    @property
    def server(self):
        """The web server that answered."""
        return self.headers.get("x-served-by")


class Session:
    """One connection, kept open."""

    def __init__(self, node, host, port=80, timeout=10):
        self._client = http.client.HTTPConnection(host, port, timeout=timeout)
        with node.net():
            self._client.connect()
        self._client.auto_open = 0  # never a second connection in secret

    def request(self, method="GET", path="/", headers=None, body=None):
        self._client.request(method, path, body=body, headers=headers or {})
        return Reply(self._client.getresponse())

    def get(self, path="/", headers=None):
        return self.request("GET", path, headers)

    @property
    def port(self):
        """The client's own port."""
        return self._client.sock.getsockname()[1]

    def close(self):
        self._client.close()


def get(node, host, port=80, path="/", headers=None, timeout=10):
    """One request over a connection of its own."""
    session = Session(node, host, port, timeout)
    try:
        return session.get(path, {"Connection": "close", **(headers or {})})
    finally:
        session.close()
