"""Where a request comes from, which Orthanc tells its filter and not the routes; both run on one of its threads."""

import ipaddress
import threading
from collections.abc import Mapping
from functools import lru_cache


class Addresses:
    """The address of the request that each of Orthanc's HTTP threads works for."""

    def __init__(self) -> None:
        # by the number of the thread: Orthanc's threads have no state of Python that lasts between two calls
        self._of: dict[int, str] = {}

    def note(self, peer: object, headers: Mapping[str, str]) -> None:
        """A request came in on this thread."""
        self._of[threading.get_ident()] = _sender(str(peer or ""), headers.get("x-forwarded-for", ""))

    def current(self) -> str:
        """Of the request on this thread; "" where that is not known."""
        return self._of.get(threading.get_ident(), "")


@lru_cache(maxsize=1_024)
def _sender(peer: str, forwarded: str) -> str:
    """The peer's address; that of the client where a proxy on this machine hands it on.

    This machine itself is "": it may be a proxy that does not say who asks, and then all its users would share one limit.

    >>> _sender("10.1.2.3", "10.9.9.9"), _sender("127.0.0.1", "10.9.9.9, 10.1.2.3"), _sender("::1", "")
    ('10.1.2.3', '10.1.2.3', '')
    """
    if not _is_here(peer):
        return peer
    last = forwarded.rpartition(",")[2].strip()
    return "" if _is_here(last) else last


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
