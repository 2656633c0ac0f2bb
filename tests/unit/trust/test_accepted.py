"""A few pairs of the trust figures, registered anew: the whole is `python -m benchmarks.registration trust`."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.registration.trust import kept, truth
from benchmarks.registration.trust.bounds import least, most
from benchmarks.registration.trust.figures import judged
from benchmarks.registration.trust.pairs import MOST_A_PERSON, Pair, right_pairs, wrong_pairs
from benchmarks.registration.trust.scans import PERSONS
from benchmarks.registration.trust.ways import Ways
from tests.data import data

pytestmark = pytest.mark.slow

WRONG = [
    next(pair for pair in wrong_pairs() if pair.kind == kind and pair.person == person and is_turned(pair))
    for kind, person in (
        ("mirrored", "P4"), ("other person", "P9"), ("other body part", "B"),
    )
    for is_turned in [lambda pair: pair.fixed.grid or pair.moving.grid]
]  # fmt: skip
RIGHT = next(pair for pair in right_pairs() if pair.kind == "right, other contrast" and pair.moving.grid)
WITHIN_MM = 1.0


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data("openms_other")
    monkeypatch.setattr(kept, "FOLDER", tmp_path)


@pytest.mark.parametrize("pair", WRONG, ids=str)
def test_a_wrong_pair_is_never_accepted(pair: Pair) -> None:
    assert not judged(pair).accepted


def test_a_right_pair_is_accepted_and_right() -> None:
    found = judged(RIGHT)
    assert found.accepted, found
    way = Ways(RIGHT).forth()
    assert way is not None
    assert truth.mean_error(RIGHT, way) < WITHIN_MM


def test_there_are_as_many_pairs_as_the_figures_need() -> None:
    wrong, right = wrong_pairs(), right_pairs()
    assert (len(wrong) >= 200, len(right) >= 60) == (True, True)
    of_each = {person: sum(pair.person == person for pair in wrong) for person in PERSONS}
    assert max(of_each.values()) <= MOST_A_PERSON
    for pair in right:
        assert len(pair.persons) == 1
        assert (pair.fixed.is_mirror_image, pair.moving.is_mirror_image) == (False, False)
    for pair in wrong:
        assert len(pair.persons) == 2 or pair.fixed.is_mirror_image != pair.moving.is_mirror_image


def test_bounds_are_those_of_the_book() -> None:
    """Of none in n it is 1 - 0.05^(1/n); the others are tabled values."""
    for count in (7, 60, 216):
        assert most(0, count) == pytest.approx(1 - 0.05 ** (1 / count))
    np.testing.assert_allclose([most(1, 10), most(5, 10), least(5, 10)], [0.3942, 0.7776, 0.2224], atol=1e-4)
    assert (most(3, 3), least(0, 3), most(0, 0)) == (1.0, 0.0, 1.0)
