"""One point refined, where the truth is known and where there is nothing to find."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from longitudinal.geometry import affine
from longitudinal.registration import local
from longitudinal.registration.block_match import WHOLE
from longitudinal.registration.local import AGREED_MM, KEPT_MM, Verdict, judge, refine
from longitudinal.registration.pyramid import Pyramid
from longitudinal.transforms.model import linear
from tests.unit.registration.phantoms import BODY, MOTION, Body, motion, scan

pytestmark = pytest.mark.slow

POINT = np.array([12.0, -20.0, 8.0])
FIXED = Pyramid(scan(BODY))


def test_a_start_that_is_off_by_six_millimetres_is_put_right() -> None:
    moving = Pyramid(scan(BODY, affine.invert(MOTION), seed=1))
    off = motion((4.0, -3.5, 2.5), (0, 0, 0)) @ MOTION
    found = refine(FIXED, moving, linear(off), POINT)
    assert np.linalg.norm(found.point - affine.apply(MOTION, POINT)) < 1.2
    assert found.verdict is Verdict.MOVED
    assert found.uncertainty_mm is not None
    assert found.uncertainty_mm < 5


def test_a_right_place_is_confirmed_and_stays() -> None:
    moving = Pyramid(scan(BODY, affine.invert(MOTION), seed=1))
    found = refine(FIXED, moving, linear(MOTION), POINT)
    np.testing.assert_allclose(found.point, affine.apply(MOTION, POINT))
    assert found.verdict is Verdict.CONFIRMED
    assert found.uncertainty_mm is not None
    assert found.uncertainty_mm < 3
    again = refine(FIXED, moving, linear(MOTION), POINT)
    assert (again.uncertainty_mm, again.disagreement_mm) == (found.uncertainty_mm, found.disagreement_mm)


def test_another_body_has_no_green_place() -> None:
    other = Pyramid(scan(Body.random(21), seed=1))
    for point in ((12.0, -20.0, 8.0), (20.0, 25.0, 10.0), (5.0, 35.0, 5.0)):
        found = refine(FIXED, other, linear(np.eye(4)), np.array(point))
        assert found.verdict in (Verdict.UNSURE, Verdict.CONTRADICTED)


def test_that_greedy_finds_what_the_block_finds_is_no_evidence() -> None:
    found = np.array([[6.0, 0, 0], [6.1, 0, 0], [6.0, 0.2, 0], [0, -7.0, 0]])
    assert judge(found)[0] is Verdict.CONTRADICTED
    here = np.array([[0.1, 0, 0], [0.0, 0.1, 0], [0.2, 0, 0], [0, -7.0, 0]])
    assert judge(here)[0] is Verdict.UNSURE


def test_greedy_begins_at_the_known_place_where_the_blocks_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """The large block astray and the small one right: the two ways still find the place."""
    moving, found = Pyramid(scan(BODY, affine.invert(MOTION), seed=1)), local._blocks

    def astray(*of: Any) -> list[np.ndarray]:
        return [by + (WHOLE in of[4:] and len(of) > 5 and number == 0) * np.array([0, 14.0, 0])
                for number, by in enumerate(found(*of))]  # fmt: skip

    monkeypatch.setattr(local, "_blocks", astray)
    estimates = local.estimate(FIXED, moving, MOTION, POINT)
    assert estimates is not None
    assert np.linalg.norm(estimates, axis=1).max() < AGREED_MM


def test_a_right_place_stays_although_the_block_went_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    moving = Pyramid(scan(BODY, affine.invert(MOTION), seed=1))
    monkeypatch.setattr(local, "_blocks", lambda *of: [np.array([9.0, 0, 0]) for _ in of[4:]])
    found = refine(FIXED, moving, linear(MOTION), POINT)
    np.testing.assert_allclose(found.point, affine.apply(MOTION, POINT))
    assert found.verdict is not Verdict.CONFIRMED
    assert found.uncertainty_mm is None or found.uncertainty_mm > 5
    assert found.disagreement_mm is not None
    assert found.disagreement_mm > 7


def test_noise_confirms_nothing() -> None:
    """Where there is nothing to register Greedy moves nothing: that alone is no confirmation."""
    random, volume = np.random.default_rng(5), scan(BODY)
    noise = Pyramid(replace(volume, voxels=random.uniform(0, 900, volume.voxels.shape).astype(np.float32)))
    for point in ((12.0, -20.0, 8.0), (-15.0, 10.0, 0.0), (0.0, 0.0, -12.0)):
        found = refine(FIXED, noise, linear(np.eye(4)), np.array(point))
        assert found.verdict in (Verdict.UNSURE, Verdict.CONTRADICTED)


def test_where_the_other_scan_ends_nothing_is_claimed() -> None:
    away = motion((500.0, 0, 0), (0, 0, 0))
    found = refine(FIXED, FIXED, linear(away), POINT)
    assert (found.verdict, found.uncertainty_mm, found.disagreement_mm) == (Verdict.TOO_LITTLE, None, None)
    np.testing.assert_allclose(found.point, POINT + (500, 0, 0))


def estimates(random: np.random.Generator) -> np.ndarray:
    """Four estimates: of one place or of several, near or far."""
    place = random.normal(size=3) * random.choice([0.2, 1.0, 5.0])
    return place + random.normal(size=(4, 3)) * random.choice([0.1, 0.5, 3.0])


def test_what_the_verdicts_promise() -> None:
    random = np.random.default_rng(3)
    seen = set()
    for _ in range(3000):
        looks = estimates(random)
        verdict, displacement, uncertainty = judge(looks)
        seen.add(verdict)
        lengths = np.linalg.norm(looks, axis=1)
        place = np.median(looks[:3], axis=0)
        apart = np.linalg.norm(looks - place, axis=1)
        if verdict is Verdict.MOVED:
            assert lengths[:3].min() > KEPT_MM
            assert np.linalg.norm(displacement) > apart[:3].max()
            assert apart.max() <= AGREED_MM
            np.testing.assert_array_equal(displacement, place)
            continue
        assert not displacement.any()
        if verdict is Verdict.CONTRADICTED:
            assert lengths.min() > AGREED_MM
            assert uncertainty is not None
            assert uncertainty >= lengths.max()
        elif verdict is Verdict.CONFIRMED:
            assert lengths[2:].max() <= AGREED_MM
            assert lengths[:2].min() <= AGREED_MM
        else:
            assert uncertainty is None
    assert seen == set(Verdict) - {Verdict.TOO_LITTLE}


def test_more_disagreement_is_never_more_certain() -> None:
    place, apart = np.array([4.0, 0, 0]), np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 0, 0], [0, 1, 0]])
    found = [judge(place + apart * size)[2] for size in np.linspace(0, 1.9, 20)]
    known = [value for value in found if value is not None]
    assert known == sorted(known)
    assert len(known) == len(found)
