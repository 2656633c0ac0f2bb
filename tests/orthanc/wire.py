"""HTTP byte by byte, for requests that no client library sends."""

import base64
import socket
from collections.abc import Iterable

from tests.orthanc.server import OrthancServer

SECONDS = 20


def basic(name: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def form(*parts: tuple[Iterable[str], bytes], boundary: str = "zz") -> bytes:
    """A multipart body; each part is its header lines and its content."""
    head = f"--{boundary}\r\n".encode()
    body = b"".join(
        head + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n" for lines, content in parts
    )
    return body + f"--{boundary}--\r\n".encode()


def send(
    server: OrthancServer, request: str, headers: Iterable[str] = (), body: bytes = b"", *, login: bool = True
) -> tuple[int, bytes]:
    """Send "METHOD path" with header lines as they are; the status (0: hung up without one) and the body."""
    lines = [f"{request} HTTP/1.1", *headers, "Connection: close"]
    if not any(line.lower().startswith("host:") for line in lines):
        lines.append(f"Host: 127.0.0.1:{server.http_port}")
    if login:
        lines.append(f"Authorization: {basic(server.user, server.password)}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    with socket.create_connection(("127.0.0.1", server.http_port), SECONDS) as connection:
        connection.sendall("\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body)
        return _answer(connection)


def _answer(connection: socket.socket) -> tuple[int, bytes]:
    connection.settimeout(SECONDS)
    with connection.makefile("rb") as stream:
        first = stream.readline().split()
        length = 0
        while (line := stream.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return (int(first[1]) if len(first) > 1 else 0), stream.read(length)
