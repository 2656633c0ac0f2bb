"""The whole alignment on made-up anatomy whose motion is known."""

import numpy as np
import pytest

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.geometry import affine
from longitudinal.reasons import Rejection
from longitudinal.registration import engine
from longitudinal.registration.alignment import Alignment, Method, Stage
from longitudinal.registration.engine import ENGINE, align, recheck
from longitudinal.registration.volume import Volume
from tests.unit.registration.phantoms import BODY, MOTION, NEAR_MOTION, Body, mean_error, mirrored, scan

pytestmark = pytest.mark.slow

WITHIN_MM = 0.4
"""A tenth of the voxel; the noise-free optimum is the truth itself."""

FIXED, MOVING = scan(BODY), scan(BODY, affine.invert(MOTION), seed=1)


@pytest.fixture(scope="module")
def found() -> Alignment:
    return align(FIXED, MOVING, Method.RIGID)


def test_a_large_motion_is_found(found: Alignment) -> None:
    assert mean_error(found.moving_from_fixed, MOTION) < WITHIN_MM
    assert affine.is_rigid(found.moving_from_fixed, 1e-6)
    np.testing.assert_allclose(found.registration @ found.moving_from_fixed, np.eye(4), atol=1e-9)


def test_its_figures_say_so(found: Alignment) -> None:
    quality = found.quality
    assert quality.accepted
    assert quality.forward_backward_mean_mm < 2 * WITHIN_MM
    assert quality.block_offset_mm < 2 * WITHIN_MM
    assert found.expected_error_mm == pytest.approx(np.nanmedian(found.errors.bounds))  # type: ignore[union-attr]
    assert found.expected_error_mm < 3 * WITHIN_MM
    assert quality.mirror_ratio > 1.2
    assert 0.6 < quality.overlap <= 1


def test_a_start_is_taken_instead_of_the_search() -> None:
    stages = set()
    alignment = align(
        FIXED, MOVING, Method.RIGID, initial=NEAR_MOTION, progress=lambda stage, fraction: stages.add(stage)
    )
    assert mean_error(alignment.moving_from_fixed, MOTION) < WITHIN_MM
    assert Stage.SEARCH not in stages


class Cancelled(Exception):
    pass


@pytest.mark.parametrize("stage", [Stage.SEARCH, Stage.REFINE])
def test_what_progress_raises_ends_it(stage: Stage) -> None:
    def cancel(at: Stage, fraction: float) -> None:
        if at is stage:
            raise Cancelled

    initial = None if stage is Stage.SEARCH else MOTION
    with pytest.raises(Cancelled):
        align(FIXED, MOVING, Method.RIGID, initial=initial, progress=cancel)


def test_a_deformable_alignment_follows_what_a_matrix_cannot() -> None:
    """The body swells by 6 % on one side; REG and figures are those of the field."""
    truth = affine.compose(NEAR_MOTION, np.diag([1.06, 0.97, 1.0, 1.0]))
    moving = scan(BODY, affine.invert(truth), seed=2)
    alignment = align(FIXED, moving, Method.DEFORMABLE, initial=NEAR_MOTION)
    assert alignment.field is not None
    assert alignment.registration is alignment.field
    assert alignment.quality.block_offset_mm < 1
    assert mean_error(alignment.moving_from_fixed, truth) < 1


STRETCHED = np.diag([1.6, 0.7, 1.4, 1.0])
FLAT = np.diag([1.0, 1.0, 0.0, 1.0])


@pytest.mark.parametrize("astray", [STRETCHED, FLAT], ids=["stretched", "flat"])
def test_where_freedom_goes_astray_the_rigid_alignment_is_kept(
    astray: affine.Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Greedy's affine stage ends on a slab, where beyond the ends nothing holds what may stretch; not every time."""
    monkeypatch.setattr(engine, "refine_affine", lambda fixed, moving, start: start @ astray)
    alignment = align(FIXED, MOVING, Method.AFFINE, initial=NEAR_MOTION)
    assert (alignment.method, alignment.quality.rejection) == (Method.AFFINE, Rejection.INCONSISTENT)
    rigid = alignment.rigid
    assert rigid is not None
    assert (rigid.method, rigid.field, rigid.quality.accepted) == (Method.RIGID, None, True)
    assert mean_error(rigid.moving_from_fixed, MOTION) < WITHIN_MM
    assert rigid.expected_error_mm < 3 * WITHIN_MM
    assert (alignment.errors is None) == (astray is FLAT)


def test_nothing_is_kept_of_another_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "refine_affine", lambda fixed, moving, start: start @ STRETCHED)
    alignment = align(FIXED, scan(Body.random(9)), Method.AFFINE, initial=np.eye(4))
    assert (alignment.quality.accepted, alignment.rigid) == (False, None)


@pytest.mark.parametrize(
    "moving",
    [scan(Body.random(9)), mirrored(FIXED), scan(Body.random(1, blobs=0), noise=100)],
    ids=["another body", "mirror image", "nothing but noise in it"],
)
def test_what_is_not_the_same_body_is_not_accepted(moving: Volume) -> None:
    quality = align(FIXED, moving, Method.RIGID, initial=np.eye(4)).quality
    assert not quality.accepted


def test_scans_that_do_not_meet_are_not_accepted() -> None:
    away = np.eye(4)
    away[0, 3] = 1000
    alignment = align(FIXED, MOVING, Method.RIGID, initial=away)
    assert alignment.quality.rejection is Rejection.NO_OVERLAP


def test_what_is_known_is_checked_as_if_it_was_just_made(found: Alignment) -> None:
    stages = set()
    again = recheck(
        FIXED,
        MOVING,
        Method.RIGID,
        found.moving_from_fixed,
        progress=lambda stage, fraction: stages.add(stage),
    )
    np.testing.assert_array_equal(again.moving_from_fixed, found.moving_from_fixed)
    assert (again.quality.accepted, again.engine) == (True, ENGINE)
    assert again.quality.block_spread_mm == found.quality.block_spread_mm
    assert again.errors is not None
    np.testing.assert_array_equal(again.errors.bounds, found.errors.bounds)  # type: ignore[union-attr]
    assert again.quality.mirror_ratio == pytest.approx(found.quality.mirror_ratio)
    assert again.quality.forward_backward_mean_mm < 2 * WITHIN_MM
    assert Stage.SEARCH not in stages


def test_what_was_accepted_wrongly_is_not_any_more() -> None:
    assert not recheck(FIXED, mirrored(FIXED), Method.RIGID, np.eye(4)).quality.accepted


def test_a_field_is_checked_as_it_is() -> None:
    field = DisplacementField(
        np.full(3, -100.0), np.array([1.0, 0, 0, 0, 1, 0]), np.full(3, 20.0), (11, 11, 11),
        np.zeros((11, 11, 11, 3), np.float32), np.eye(4), NEAR_MOTION,
    )  # fmt: skip
    again = recheck(FIXED, MOVING, Method.DEFORMABLE, field)
    assert again.field is field
    np.testing.assert_array_equal(again.moving_from_fixed, NEAR_MOTION)
    assert again.quality.block_offset_mm > 1
