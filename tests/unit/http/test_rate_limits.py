"""How many requests one user may send: by a clock of the test's own."""

import threading
from dataclasses import dataclass, field

import msgspec
import pytest

from longitudinal.access.identity import NOBODY, Actor, How
from longitudinal.errors import RateLimited
from longitudinal.http.rate_limits import Cost, RateLimiter
from longitudinal.http.router import Route
from longitudinal.settings import RateLimits

ANN, BEN = Actor("ann", How.PASSWORD), Actor("ben", How.TOKEN)
LIMITS = RateLimits(pictures=600, reads=120, questions=60, uploads=30, changes=12)


@dataclass
class Clock:
    now: float = 1e6

    def __call__(self) -> float:
        return self.now


@dataclass
class Desk:
    """A limiter and its clock."""

    limits: RateLimits | None = LIMITS
    most_users: int = 100
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.limiter = RateLimiter(self.limits, self.clock, self.most_users)

    def wait(
        self, actor: Actor = ANN, cost: Cost = Cost.QUESTION, address: str = "10.0.0.1", size: int = 0
    ) -> int:
        """The seconds that a request is told to wait; 0 where it is let in."""
        try:
            self.limiter.take(actor, address, cost, size)
        except RateLimited as error:
            return error.retry_after
        return 0

    def let_in(
        self, count: int, actor: Actor = ANN, cost: Cost = Cost.QUESTION, address: str = "10.0.0.1"
    ) -> int:
        """How many of so many requests are let in."""
        return sum(self.wait(actor, cost, address) == 0 for _ in range(count))


@pytest.mark.parametrize("cost", Cost)
def test_a_minutes_requests_are_let_in_at_once_and_not_one_more(cost: Cost) -> None:
    desk, most = Desk(), getattr(LIMITS, cost)
    assert desk.let_in(most + 50, cost=cost) == most
    desk.clock.now += 30
    assert desk.let_in(most, cost=cost) == most // 2
    desk.clock.now += 3600
    assert desk.let_in(most + 50, cost=cost) == most


def test_whoever_waits_as_long_as_they_are_told_is_let_in_and_not_before() -> None:
    desk = Desk()
    for cost in Cost:
        desk.let_in(1_000, cost=cost)
        wait = desk.wait(cost=cost)
        rate = getattr(LIMITS, cost) / 60
        assert wait == max(1, -(-1 // rate))
        desk.clock.now += 0.99 / rate
        assert desk.wait(cost=cost) > 0, cost
        desk.clock.now += wait - 0.99 / rate
        assert desk.wait(cost=cost) == 0, cost


def test_refused_requests_cost_nothing() -> None:
    desk = Desk()
    desk.let_in(60)
    assert {desk.wait() for _ in range(1_000)} == {1}
    desk.clock.now += 1
    assert desk.wait() == 0


def test_users_kinds_and_addresses_have_buckets_of_their_own() -> None:
    desk = Desk()
    assert desk.let_in(100) == 60
    assert desk.let_in(100, Actor("ann", How.TOKEN)) == 0, "one person, however they signed in"
    assert desk.let_in(100, address="10.0.0.2") == 0, "a user is limited wherever they are"
    assert desk.let_in(100, BEN) == 60
    assert desk.let_in(200, cost=Cost.READ) == 120
    assert desk.let_in(100, NOBODY) == 60
    assert desk.let_in(100, NOBODY, address="10.0.0.2") == 60
    assert desk.let_in(100, Actor("from 10.0.0.3", How.TOKEN)) == 60
    assert desk.let_in(100, NOBODY, address="10.0.0.3") == 60, "no name stands for an address"


def test_addresses_that_one_customer_has_are_one() -> None:
    desk = Desk()
    assert desk.let_in(100, NOBODY, address="2001:db8:0:1::1") == 60
    assert desk.let_in(100, NOBODY, address="2001:db8:0:1:ffff::9") == 0
    assert desk.let_in(100, NOBODY, address="2001:db8:0:2::1") == 60
    assert desk.let_in(100, NOBODY, address="::ffff:10.0.0.9") == 60
    assert desk.let_in(100, NOBODY, address="10.0.0.9") == 0


@pytest.mark.parametrize("address", ["", "unknown", "x" * 100])
def test_nobody_from_nowhere_is_not_limited(address: str) -> None:
    """The plugin's own requests, and those of a proxy that does not say who asks."""
    assert Desk().let_in(1_000, NOBODY, address=address) == 1_000


def test_a_batch_counts_for_as_many_as_it_is_long_and_is_let_in_however_long() -> None:
    desk = Desk()
    assert desk.wait(size=30 * 8192) == 0
    assert desk.let_in(100) == 29
    assert desk.wait(size=4 * 1024 * 1024) == 60
    desk.clock.now += 60
    assert desk.wait(size=4 * 1024 * 1024) == 0
    assert desk.wait() == 1
    assert Desk().let_in(100, cost=Cost.UPLOAD) == 30
    files = Desk()
    assert [files.wait(cost=Cost.UPLOAD, size=1 << 30) for _ in range(30)] == [0] * 30


def test_without_limits_there_are_none() -> None:
    assert Desk(None).let_in(10_000) == 10_000


def test_a_clock_that_does_not_move_gives_nothing() -> None:
    desk = Desk(clock=Clock(0.0))
    assert desk.let_in(1_000) == 60
    assert desk.let_in(1_000) == 0


def test_memory_is_bounded_and_who_asks_is_not_forgotten() -> None:
    desk = Desk()
    desk.let_in(60)
    for number in range(10_000):
        desk.wait(NOBODY, address=f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}")
        if number % 50 == 0:
            assert desk.wait() > 0, "whoever goes on asking stays known"
    assert len(desk.limiter._users) == 100


def test_threads_together_are_let_in_no_more_often_than_one() -> None:
    desk, found = Desk(), []
    threads = [threading.Thread(target=lambda: found.append(desk.let_in(50))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(found) == 60


def _cost(method: str, path: str, **details: object) -> Cost:
    answer = details.pop("answer", None)
    return Route(method, path, lambda call: None, "", answer, **details).cost  # type: ignore[call-overload,no-any-return]


def test_each_kind_of_route_has_its_limit() -> None:
    assert _cost("GET", "/patients") == Cost.READ
    assert _cost("GET", "/instances/{instance}/version") == Cost.PICTURE
    assert _cost("GET", "/points/reslice", answer="image/png") == Cost.PICTURE
    assert _cost("POST", "/points/resolve") == Cost.QUESTION
    assert _cost("POST", "/overlays") == Cost.QUESTION
    assert _cost("PUT", "/uploads", takes=("application/dicom",)) == Cost.UPLOAD
    assert _cost("POST", "/alignments") == _cost("DELETE", "/jobs/{job}") == Cost.CHANGE
    assert _cost("GET", "/patients", cost=Cost.QUESTION) == Cost.QUESTION
    assert {cost.value for cost in Cost} == {one.name for one in msgspec.structs.fields(RateLimits)}
