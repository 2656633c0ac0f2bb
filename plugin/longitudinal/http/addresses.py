"""Where a request comes from, which Orthanc tells its filter and not the routes; both run on one of its threads."""

import ipaddress
import threading
from collections.abc import Mapping
from functools import lru_cache


class Addresses:
    """The address of the request that each of Orthanc's HTTP threads works for, and its headers."""

    def __init__(self) -> None:
        # by the number of the thread: Orthanc's threads have no state of Python that lasts between two calls
        self._by_thread: dict[int, tuple[str, str, Mapping[str, str]]] = {}

    def note(self, path: str, peer: str, headers: Mapping[str, str]) -> None:
        """A request came in on this thread; its headers are those of the whole, also where a part of a form follows."""
        self._by_thread[threading.get_ident()] = path.rstrip("/"), peer, headers

    def of(self, path: str) -> str:
        """Where the request of this thread comes from; "" where it came past the filter."""
        return self._whole(path)[0]

    def headers_of(self, path: str) -> Mapping[str, str]:
        """The headers of the whole request of this thread; none where it came past the filter."""
        return self._whole(path)[1]

    def _whole(self, path: str) -> tuple[str, Mapping[str, str]]:
        noted, peer, headers = self._by_thread.get(threading.get_ident(), ("", "", {}))
        return (peer, headers) if noted == path.rstrip("/") else ("", {})


@lru_cache(maxsize=1_024)
def customer(peer: str, forwarded: str) -> str:
    """The peer's address; that of the client where a proxy on this machine hands it on.

    This machine itself is "": it may be a proxy that does not say who asks, and then all its users would share one limit.

    >>> customer("10.1.2.3", "10.9.9.9"), customer("127.0.0.1", "10.9.9.9, 10.1.2.3"), customer("::1", "")
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
