"""What is hidden cannot be told from what is not there by the time that an answer takes."""

import random
import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.orthanc.access import Login
from tests.orthanc.access_ward import NOBODY_THERE, Known, Ward, filled, ward_server
from tests.orthanc.server import ServerSession

PAIRS = 200
# Of 200 against 200 the standard deviation is 0.03, where both are alike.
FARTHEST = 0.12
QUESTIONS = [
    "/imaging/studies/{study}", "/imaging/patients/{patient}", "/imaging/instances/{instance}/header",
    "/studies/{orthancStudy}", "/instances/{orthancInstance}/tags", "/dicom-web/studies/{study}/metadata",
]  # fmt: skip


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    login = Login(tmp_path_factory.mktemp("login"))
    with ward_server(tmp_path_factory.mktemp("timing"), login) as server:
        yield filled(Ward(server), login)


def seconds(session: ServerSession, path: str) -> float:
    began = time.perf_counter()
    session.get(path)
    return time.perf_counter() - began


def chance_to_be_slower(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """How likely one of `first` took longer than one of `second`; 0.5 where both are alike (Mann and Whitney)."""
    return float((first[:, None] > second).mean() + (first[:, None] == second).mean() / 2)


def measured(session: ServerSession, question: str, hidden: Known, pairs: int = PAIRS) -> float:
    times: dict[bool, list[float]] = {True: [], False: []}
    paths = {True: hidden.fill(question), False: NOBODY_THERE.fill(question)}
    for _ in range(10):
        seconds(session, paths[True])
        seconds(session, paths[False])
    for _ in range(pairs):
        for is_hidden in random.sample([True, False], 2):
            times[is_hidden].append(seconds(session, paths[is_hidden]))
    return chance_to_be_slower(np.array(times[True]), np.array(times[False]))


@pytest.mark.parametrize("question", QUESTIONS)
def test_hidden_takes_as_long_as_unknown(ward: Ward, question: str) -> None:
    session = ward.callers["viewer of A"]
    found = measured(session, question, ward.known["PatB"])
    if abs(found - 0.5) > FARTHEST:  # the machine may have done something else meanwhile
        found = measured(session, question, ward.known["PatB"], 2 * PAIRS)
    assert found == pytest.approx(0.5, abs=FARTHEST)


def test_a_difference_would_be_found() -> None:
    """Of 50 microseconds among noise of as many, of which the answers here have more."""
    noise = np.random.default_rng(1)
    base = noise.normal(1e-3, 5e-5, (2, PAIRS))
    assert abs(chance_to_be_slower(base[0] + 5e-5, base[1]) - 0.5) > FARTHEST
    assert abs(chance_to_be_slower(base[0], base[1]) - 0.5) < FARTHEST
