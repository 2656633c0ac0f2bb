"""How many requests of /imaging one user may send: a token bucket for each user and each kind of request."""

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache

import msgspec

from longitudinal.access.identity import Actor
from longitudinal.errors import RateLimited
from longitudinal.settings import RateLimits

MOST_USERS = 10_000
"""Whose buckets are kept; of more, those that asked longest ago begin with full ones again."""
_SECONDS = 60.0
# A point in a batch takes some 100 bytes, and less time than a question of its own.
_BYTES_OF_ONE = 8_192
_OF_ONE_CUSTOMER = 64


class Cost(StrEnum):
    """What a request costs the server; each kind has a limit of its own (`settings.RateLimits`)."""

    PICTURE = "pictures"
    READ = "reads"
    QUESTION = "questions"
    UPLOAD = "uploads"
    CHANGE = "changes"


def cost_of(method: str, path: str, answer: object, *, takes_files: bool, is_question: bool) -> Cost:
    """The kind of a route that states none.

    >>> cost_of("GET", "/instances/{instance}/preview", "image/png", takes_files=False, is_question=False)
    <Cost.PICTURE: 'pictures'>
    """
    if takes_files:
        return Cost.UPLOAD
    if is_question:
        return Cost.QUESTION
    if method != "GET":
        return Cost.CHANGE
    is_picture = isinstance(answer, str) and answer.startswith("image/")
    # nginx asks for the version of an instance before each frame of its cache
    return Cost.PICTURE if is_picture or path.endswith("/version") else Cost.READ


class _Bucket(msgspec.Struct):
    """What is left at a time of the clock."""

    left: float
    at: float


class RateLimiter:
    """Counts requests; for any thread.

    Parameters
    ----------
    limits
        For a minute; None: any number.
    clock
        Seconds that never go backwards.
    most_users
        Whose buckets are kept.
    """

    def __init__(
        self, limits: RateLimits | None, clock: Callable[[], float] = time.monotonic, most_users: int = MOST_USERS
    ) -> None:  # fmt: skip
        self._limits = None if limits is None else {cost: int(getattr(limits, cost)) for cost in Cost}
        self._clock = clock
        self._most = most_users
        self._lock = threading.Lock()
        self._users: OrderedDict[str, dict[Cost, _Bucket]] = OrderedDict()

    def take(self, actor: Actor, address: str, cost: Cost, body_bytes: int = 0) -> None:
        """Let a request in.

        Parameters
        ----------
        address
            Where it comes from, which counts where nobody is known to send it; "" is not limited.

        Raises
        ------
        RateLimited
            With the seconds until it would be let in.
        """
        who = _key(actor, address)
        if self._limits is None or who is None:
            return
        most = self._limits[cost]
        wanted = min(most, weight_of(cost, body_bytes))
        with self._lock:
            wait = self._take(self._buckets(who), cost, most, wanted)
        if wait > 0:
            raise RateLimited(
                f"more than {most:,} {cost} a minute of one user (setting Longitudinal.RateLimits); try again in "
                f"{math.ceil(wait)} s",
                math.ceil(wait),
            )

    def _buckets(self, who: str) -> dict[Cost, _Bucket]:
        """With the lock held."""
        found = self._users.setdefault(who, {})
        self._users.move_to_end(who)
        if len(self._users) > self._most:
            self._users.popitem(last=False)
        return found

    def _take(self, buckets: dict[Cost, _Bucket], cost: Cost, most: int, wanted: int) -> float:
        """Seconds to wait for so many; 0 where they were there, and are taken. With the lock held."""
        now, rate = self._clock(), most / _SECONDS
        bucket = buckets.setdefault(cost, _Bucket(float(most), now))
        bucket.left = min(float(most), bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.left < wanted:
            return (wanted - bucket.left) / rate
        bucket.left -= wanted
        return 0.0


def weight_of(cost: Cost, body_bytes: int) -> int:
    """How many requests one counts for."""
    return 1 + body_bytes // _BYTES_OF_ONE if cost in (Cost.QUESTION, Cost.CHANGE) else 1


def _key(actor: Actor, address: str) -> str | None:
    """Whose bucket it is: a user's by name, nobody's by address; None where there is no limit."""
    return f"user {actor.name}" if actor.is_verified else _of_address(address)


@lru_cache(maxsize=1_024)
def _of_address(address: str) -> str | None:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return f"from {found.ipv4_mapped}"
        return f"from {ipaddress.ip_network((found, _OF_ONE_CUSTOMER), strict=False)}"
    return f"from {found}"
