"""Sending to a syslog: UDP (RFC 5426), TCP (octet counting, RFC 6587) or a Unix socket; on a thread of its own.

The files are what counts: a syslog that cannot be reached costs no event there, but some here.
"""

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec

LOGGER = logging.getLogger(__name__)

_MOST_WAITING = 20_000
_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_POLL_SECONDS = 0.2
_LARGEST_DATAGRAM = 60_000


class Target(msgspec.Struct, frozen=True):
    """Where a syslog listens: `udp` or `tcp` with host and port, or `unix` with a path."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def read(cls, text: str) -> "Target":
        """Of the setting AuditSyslog. Raises ValueError.

        >>> Target.read("tcp://127.0.0.1:601").port, Target.read("unix:///dev/log").path
        (601, '/dev/log')
        """
        parts = urlsplit(text)
        if parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/"):
            return cls("unix", path=parts.path)
        if parts.scheme in ("udp", "tcp") and parts.hostname and parts.path in ("", "/"):
            return cls(parts.scheme, parts.hostname, parts.port or (514 if parts.scheme == "udp" else 601))
        raise ValueError(f"{text!r} must be udp://HOST:PORT, tcp://HOST:PORT or unix:///PATH")


class Syslog:
    """Sends messages in their order; from any thread.

    Attributes
    ----------
    problem
        Why messages wait or are lost; None where all is well.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._waiting: deque[bytes] = deque()
        self._lost = 0
        self._socket: socket.socket | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="longitudinal-syslog", daemon=True)
        self.problem: str | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Send what waits, for some seconds at most, and end the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(2 * _SECONDS)

    def send(self, messages: Iterable[bytes]) -> None:
        """Have messages sent; the oldest are dropped where too many wait."""
        self._waiting.extend(messages)
        while len(self._waiting) > _MOST_WAITING:
            with suppress(IndexError):
                self._waiting.popleft()
                self._lost += 1
        self._wake.set()

    def _run(self) -> None:
        deadline: float | None = None
        while True:
            if self._stopping.is_set() and deadline is None:
                deadline = time.monotonic() + _SECONDS
            if not self._waiting:
                if self._stopping.is_set():
                    break
                self._wake.wait(_RETRY_SECONDS)
                self._wake.clear()
                continue
            if not self._send_first():
                if deadline is not None and time.monotonic() > deadline:
                    break
                time.sleep(_POLL_SECONDS if deadline is not None else _RETRY_SECONDS)
        if self._socket is not None:
            self._socket.close()

    def _send_first(self) -> bool:
        message = self._waiting[0]
        try:
            self._send(message)
        except (OSError, UnicodeError) as error:  # a name that is none in DNS
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            if self.problem is None:
                LOGGER.error(
                    "The audit cannot be sent to the syslog at %s: %s; retrying", self._target, error
                )
            self.problem = f"the syslog cannot be reached: {error}"
            return False
        with suppress(IndexError):
            if self._waiting[0] is message:
                self._waiting.popleft()
        if self.problem is not None:
            LOGGER.warning("The audit is sent to the syslog again; %d messages were lost to it", self._lost)
            self.problem = None
        return True

    def _send(self, message: bytes) -> None:
        if self._socket is None:
            self._socket = self._connected()
        if self._target.scheme == "tcp":
            self._check_open(self._socket)
            self._socket.sendall(b"%d %s" % (len(message), message))
        else:
            self._socket.send(message[:_LARGEST_DATAGRAM])

    @staticmethod
    def _check_open(connection: socket.socket) -> None:
        """Raise OSError where the other end has closed: the next message would be lost without an error."""
        connection.setblocking(False)
        try:
            if connection.recv(1) == b"":
                raise ConnectionResetError("the syslog has closed the connection")
        except BlockingIOError:
            return
        finally:
            connection.settimeout(_SECONDS)

    def _connected(self) -> socket.socket:
        target = self._target
        if target.scheme == "tcp":
            return socket.create_connection((target.host, target.port), _SECONDS)
        if target.scheme == "unix":
            found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            address: str | tuple[object, ...] = target.path
        else:
            family, kind, _, _, address = socket.getaddrinfo(
                target.host, target.port, type=socket.SOCK_DGRAM
            )[0]
            found = socket.socket(family, kind)
        found.settimeout(_SECONDS)
        try:
            found.connect(address)
        except OSError:
            found.close()
            raise
        return found
