"""One point refined, where the truth is known and where there is nothing to find."""

import numpy as np
import pytest

from longitudinal.geometry import affine
from longitudinal.registration import local
from longitudinal.registration.local import Grade, Refinement, refine
from longitudinal.registration.pyramid import Pyramid
from longitudinal.transforms.model import linear
from tests.unit.registration.phantoms import BODY, MOTION, motion, scan

POINT = np.array([12.0, -20.0, 8.0])
FIXED = Pyramid(scan(BODY))


def test_a_start_that_is_off_by_six_millimetres_is_put_right() -> None:
    moving = Pyramid(scan(BODY, affine.invert(MOTION), seed=1))
    off = motion((4.0, -3.5, 2.5), (0, 0, 0)) @ MOTION
    found = refine(FIXED, moving, linear(off), POINT)
    assert np.linalg.norm(found.point - affine.apply(MOTION, POINT)) < 1.2
    assert found.uncertainty_mm < 3
    assert found.grade is not Grade.RED


def test_a_look_gone_astray_is_outvoted_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    moving = Pyramid(scan(BODY, affine.invert(MOTION), seed=1))
    monkeypatch.setattr(local._Look, "block_displacement", lambda self, point: np.array([9.0, 0, 0]))
    found = refine(FIXED, moving, linear(MOTION), POINT)
    assert np.linalg.norm(found.point - affine.apply(MOTION, POINT)) < 1.2
    assert found.uncertainty_mm > 7
    assert found.grade is Grade.RED


def test_where_the_other_scan_ends_nothing_is_claimed() -> None:
    away = motion((500.0, 0, 0), (0, 0, 0))
    found = refine(FIXED, FIXED, linear(away), POINT)
    assert found.grade is Grade.RED
    assert found.uncertainty_mm == np.inf
    np.testing.assert_allclose(found.point, POINT + (500, 0, 0))


@pytest.mark.parametrize(
    ("uncertainty", "grade"), [(0.0, Grade.GREEN), (1.0, Grade.GREEN), (1.1, Grade.AMBER), (2.1, Grade.RED)]
)
def test_the_grade_is_the_uncertainty(uncertainty: float, grade: Grade) -> None:
    assert Refinement(POINT, uncertainty, 0, 0).grade is grade
