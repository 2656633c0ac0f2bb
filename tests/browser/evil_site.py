"""A site of somebody else: an empty page, and redirects to wherever its visitor says."""

from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote

from tests.local_server import LocalServer, Quiet


class EvilSite(LocalServer):
    """Serves `/` and `/redirect/<status>/<address>`."""

    def __init__(self) -> None:
        super().__init__(_Handler)


class _Handler(Quiet, BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/redirect/"):
            _, _, status, address = self.path.split("/", 3)
            self.send_response(int(status))
            self.send_header("Location", unquote(address))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = b"<!doctype html><title>A harmless page</title><body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - http.server's name
