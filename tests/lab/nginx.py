"""A real web server on a node: Debian's nginx, which says who it is in each reply."""

import http.client
import signal

from . import events

_CONFIG = """\
user root;
daemon off;
worker_processes 1;
pid /run/nginx/pid;
error_log stderr notice;
events {{ worker_connections 1024; }}
http {{
    access_log /run/nginx/access.log;
    client_body_temp_path /run/nginx/body;
    proxy_temp_path /run/nginx/proxy;
    fastcgi_temp_path /run/nginx/fastcgi;
    uwsgi_temp_path /run/nginx/uwsgi;
    scgi_temp_path /run/nginx/scgi;
    default_type text/plain;
    keepalive_timeout {keepalive};
    server {{
        listen {port} backlog=1024;
        add_header X-Served-By {name} always;
        location / {{
            add_header X-Served-By {name} always;
            add_header X-Saw-Forwarded-For $http_x_forwarded_for always;
            add_header X-Saw-Peer $remote_addr always;
            add_header X-Saw-Connection "$connection:$connection_requests" always;
            return 200 "{name}\\n";
        }}
{locations}    }}
}}
"""


class Nginx:
    """`locations` is put into the server block as it stands."""

    def __init__(self, node, port=80, locations="", keepalive="60s"):
        self.node = node
        self.port = port
        node.write("nginx/body/.keep", "")
        node.write("nginx/nginx.conf", _CONFIG.format(
            name=node.name, port=port, locations=locations, keepalive=keepalive))
        self.start()

    def start(self):
        self.process = self.node.spawn(
            ["nginx", "-e", "stderr", "-p", "/run/nginx", "-c", "/run/nginx/nginx.conf"])
        events.wait_until(self._answers, 10, f"answer of nginx on {self.node}")

    def _answers(self):
        if not self.process.running:
            raise AssertionError(f"nginx on {self.node} ended:\n{self.process.output()}")
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            with self.node.net():
                client.connect()
            client.request("GET", "/")
            return client.getresponse().status == 200
        except OSError:
            return False
        finally:
            client.close()

    def stop(self):
        """Ends it at once, as a power switch would."""
        self.process.kill(signal.SIGKILL, group=True)
        self.process.wait()
