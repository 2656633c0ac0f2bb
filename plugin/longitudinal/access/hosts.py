"""Names of servers as requests write them: in Host (RFC 9110 7.2), X-Forwarded-Host and Origin (RFC 6454 6.2)."""

import ipaddress
import re
from typing import Self

import msgspec

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAME = r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(?::([0-9]{1,5}))?"
_HOST = re.compile(_NAME)
_ORIGIN = re.compile(rf"(https?)://{_NAME}", re.IGNORECASE)


class Host(msgspec.Struct, frozen=True):
    """A server's name in lower case, without a dot at its end; `port` is None where none is written."""

    name: str
    port: int | None

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read the value of a Host header; None where it is not one.

        >>> Host.read("PACS.Example.org.:8042")
        Host(name='pacs.example.org', port=8042)
        >>> Host.read("a b") is None
        True
        """
        found = _HOST.fullmatch(text.strip())
        return None if found is None else cls(_plain(found[1]), int(found[2]) if found[2] else None)

    @property
    def is_address(self) -> bool:
        """Whether it is an IP address, which no name server answers for."""
        try:
            ipaddress.ip_address(self.name)
        except ValueError:
            return False
        return True


class Origin(msgspec.Struct, frozen=True):
    """Where a page comes from; the port is always known."""

    scheme: str
    name: str
    port: int

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read the value of an Origin header; None where it names no server, such as "null".

        >>> Origin.read("https://PACS.example.org")
        Origin(scheme='https', name='pacs.example.org', port=443)
        >>> Origin.read("null") is None
        True
        """
        found = _ORIGIN.fullmatch(text.strip())
        if found is None:
            return None
        scheme = found[1].lower()
        return cls(scheme, _plain(found[2]), int(found[3]) if found[3] else _DEFAULT_PORTS[scheme])

    def is_at(self, host: Host) -> bool:
        """Whether this is a page of that server; a Host without a port means the scheme's.

        >>> Origin("http", "pacs", 80).is_at(Host("pacs", None)), Origin("http", "pacs", 8080).is_at(Host("pacs", None))
        (True, False)
        """
        return self.name == host.name and self.port == (host.port or _DEFAULT_PORTS[self.scheme])


def _plain(name: str) -> str:
    return name.strip("[]").lower().removesuffix(".")
