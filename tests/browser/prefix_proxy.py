"""A reverse proxy that serves a server under a prefix, as nginx's `location /pacs/ { proxy_pass http://host/; }` does."""

from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler

from tests.local_server import LocalServer, Quiet

_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_UPSTREAM_SECONDS = 60


class PrefixProxy(LocalServer):
    """Forwards GET and POST below a prefix, which it strips; everything else is a 404.

    Parameters
    ----------
    port
        Of the server on this machine.
    prefix
        Such as "/pacs", without a trailing slash.
    """

    def __init__(self, port: int, prefix: str) -> None:
        self.outside: list[str] = []
        """Paths that were asked for outside the prefix: links that do not know of it."""
        super().__init__(self._handler(port, prefix))
        self.url = f"http://127.0.0.1:{self.port}{prefix}"

    def _handler(self, port: int, prefix: str) -> type[BaseHTTPRequestHandler]:
        outside = self.outside

        class Handler(Quiet, BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._forward()

            def do_POST(self) -> None:
                self._forward()

            def _forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if not self.path.startswith(f"{prefix}/"):
                    outside.append(self.path)
                    self._send(404, [], b"")
                    return
                upstream = HTTPConnection("127.0.0.1", port, timeout=_UPSTREAM_SECONDS)
                headers = {
                    name: value for name, value in self.headers.items() if name.lower() != "connection"
                }
                upstream.request(self.command, self.path[len(prefix) :], body or None, headers)
                response = upstream.getresponse()
                self._send(response.status, response.getheaders(), response.read())
                upstream.close()

            def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in _OF_ONE_CONNECTION:
                        self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler
