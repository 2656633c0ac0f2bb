"""Landmark fits: exact pairs, what is refused, and the expected error against a simulation."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longitudinal.geometry import affine
from longitudinal.reasons import LandmarkFault
from longitudinal.transforms.landmarks import LandmarksRefusedError, fit_affine, fit_rigid
from longitudinal.transforms.model import Affine, Rigid

CORNERS = np.array([[0.0, 0, 0], [60, 0, 0], [0, 80, 0], [0, 0, 50], [40, 30, 70], [10, 65, 35]])


def turn(axis, angle):
    axis = np.array(axis, dtype=float) / np.linalg.norm(axis)
    cross = np.cross(np.eye(3), axis)
    matrix = np.eye(4)
    matrix[:3, :3] = np.eye(3) - np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return matrix


@settings(max_examples=50, deadline=None)
@given(
    axis=st.tuples(*[st.floats(0.1, 1)] * 3),
    angle=st.floats(-3.1, 3.1),
    shift=st.tuples(*[st.floats(-300, 300)] * 3),
    count=st.integers(3, 6),
)
def test_exact_pairs_give_the_rigid_map_back(axis, angle, shift, count):
    matrix = turn(axis, angle)
    matrix[:3, 3] = shift
    fit = fit_rigid(CORNERS[:count], affine.apply(matrix, CORNERS[:count]))
    assert type(fit.transform) is Rigid
    np.testing.assert_allclose(fit.transform.matrix, matrix, atol=1e-9)
    assert np.linalg.det(fit.transform.matrix[:3, :3]) == pytest.approx(1)
    assert fit.fre_mm < 1e-9


def test_exact_pairs_give_the_affine_map_back():
    matrix = np.array([[1.1, 0.2, 0, 5], [0, 0.9, -0.1, -3], [0.05, 0, 1.2, 40], [0, 0, 0, 1]])
    fit = fit_affine(CORNERS[:5], affine.apply(matrix, CORNERS[:5]))
    assert type(fit.transform) is Affine
    np.testing.assert_allclose(fit.transform.matrix, matrix, atol=1e-9)


def test_residuals_by_hand():
    # a square of 20 mm whose corners are pulled apart by 1 mm along x, two to each side: nothing can follow
    source = np.array([[0.0, 0, 0], [20, 0, 0], [0, 20, 0], [20, 20, 0]])
    target = source + np.array([[-1, 0, 0], [1, 0, 0], [-1, 0, 0], [1, 0, 0]])
    fit = fit_rigid(source, target)
    np.testing.assert_allclose(fit.transform.matrix, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(fit.residuals_mm, [1, 1, 1, 1])
    assert fit.fre_mm == pytest.approx(1)
    # E[FRE^2] = (1 - 2/4) FLE^2
    assert fit.fle_mm == pytest.approx(np.sqrt(2))


def test_expected_error_by_hand():
    # corners of a cube of side 2a: every landmark is at distance a * sqrt(2) from every principal axis, so at
    # a point on an axis, at distance r from both others, TRE^2 = FLE^2 / 8 * (1 + 1/3 * 2 * r^2 / (2 a^2))
    a = 30.0
    source = np.array(np.meshgrid((-a, a), (-a, a), (-a, a))).reshape(3, -1).T
    target = source * (1 + 1 / (a * np.sqrt(3)))  # every corner pushed outwards by exactly 1 mm
    fit = fit_rigid(source, target)
    assert fit.fre_mm == pytest.approx(1)
    fle_squared = 1 / (1 - 2 / 8)
    expected = fit.expected_error_mm([[0, 0, 0], [90, 0, 0]])
    np.testing.assert_allclose(expected, np.sqrt(fle_squared / 8 * np.array([1, 1 + 90**2 / (3 * a**2)])))


def simulate(fit, least_pairs, rounds=1500):
    """Fit noisy copies of the same landmarks; true errors at some targets, and what was expected of each."""
    rng = np.random.default_rng(7)
    source = rng.uniform(-60, 60, (least_pairs, 3)) * (1, 0.7, 0.4)
    truth = turn((1, 2, 3), 0.5)
    truth[:3, 3] = (10, -20, 30)
    goal = affine.apply(truth, source)
    targets = np.array([[0.0, 0, 0], [100, 0, 0], [0, 100, 0], [0, 0, 100], [70, -50, 20]])
    true_targets = affine.apply(truth, targets)
    errors, expected = np.empty((rounds, 5)), np.empty((rounds, 5))
    for i in range(rounds):
        made = fit(source, goal + rng.normal(0, 0.5, goal.shape))
        errors[i] = np.linalg.norm(made.transform.map_points(targets) - true_targets, axis=1)
        expected[i] = made.expected_error_mm(targets)
    return np.sqrt((errors**2).mean(axis=0)), np.sqrt((expected**2).mean(axis=0))


@pytest.mark.parametrize(
    ("fit", "pairs"), [(fit_rigid, 4), (fit_rigid, 8), (fit_affine, 8), (fit_affine, 14)]
)
def test_expected_error_is_the_error_of_a_simulation(fit, pairs):
    errors, expected = simulate(fit, pairs)
    # 1,500 rounds know a root mean square of a few degrees of freedom to about 3 %
    np.testing.assert_allclose(expected, errors, rtol=0.08)


def test_expected_error_is_unknown_where_nothing_is_left_to_judge_by():
    fit = fit_affine(CORNERS[:4], CORNERS[:4] + 0.3)
    assert fit.fle_mm is None
    assert fit.expected_error_mm([[0, 0, 0]]) is None


def test_a_lucky_fit_claims_no_more_than_a_click_can_do():
    fit = fit_rigid(CORNERS, CORNERS)
    at_centroid = fit.expected_error_mm([CORNERS.mean(axis=0)], least_fle_mm=0.6)
    assert at_centroid == pytest.approx(0.6 / np.sqrt(6))


def refusal_of(fit, source, target):
    with pytest.raises(LandmarksRefusedError) as caught:
        fit(source, target)
    return [(problem.field, problem.fault) for problem in caught.value.problems]


LINE = np.array([[0.0, 0, 0], [10, 20, 5], [20, 40, 10], [50, 100, 25.5]])
PLANE = np.array([[0.0, 0, 0], [60, 0, 0], [0, 80, 0], [50, 50, 0], [10, 70, 0]])
MIRRORED = CORNERS * [-1, 1, 1]


@pytest.mark.parametrize("fit", [fit_rigid, fit_affine])
@pytest.mark.parametrize(
    ("source", "target", "refusal"),
    [
        (LINE, CORNERS[:4], [("source", LandmarkFault.COLLINEAR)]),
        (CORNERS[:4], LINE, [("target", LandmarkFault.COLLINEAR)]),
        (LINE, LINE, [("source", LandmarkFault.COLLINEAR), ("target", LandmarkFault.COLLINEAR)]),
        (CORNERS, MIRRORED, [("", LandmarkFault.MIRRORED)]),
        (CORNERS[:2], CORNERS[:2], [("", LandmarkFault.TOO_FEW)]),
        (np.empty((0, 3)), np.empty((0, 3)), [("", LandmarkFault.TOO_FEW)]),
        (CORNERS[:4], CORNERS[:5], [("", LandmarkFault.NOT_PAIRED)]),
        (CORNERS[:4, :2], CORNERS[:4], [("source", LandmarkFault.NOT_PAIRED)]),
        ([[1, 2, 3], [4, 5]], CORNERS[:2], [("source", LandmarkFault.NOT_PAIRED)]),
        (CORNERS[[0, 1, 2, 3, 1]], CORNERS[:5], [("source/4", LandmarkFault.DUPLICATE)]),
        (CORNERS[:4], [[np.nan, 0, 0], *CORNERS[1:3], [0, np.inf, 0]],
         [("target/0", LandmarkFault.NOT_FINITE), ("target/3", LandmarkFault.NOT_FINITE)]),
    ],
)  # fmt: skip
def test_refusals_name_the_field(fit, source, target, refusal):
    assert refusal_of(fit, source, target) == refusal


def test_affine_refuses_what_lies_in_a_plane_and_rigid_does_not():
    assert refusal_of(fit_affine, PLANE, CORNERS[:5]) == [("source", LandmarkFault.COPLANAR)]
    assert refusal_of(fit_affine, CORNERS[:5], PLANE) == [("target", LandmarkFault.COPLANAR)]
    assert refusal_of(fit_affine, CORNERS[:3], CORNERS[:3]) == [("", LandmarkFault.TOO_FEW)]
    assert fit_rigid(PLANE, PLANE).fre_mm < 1e-9


def test_flat_landmarks_may_be_turned_over():
    target = affine.apply(turn((1, 0, 0), np.pi), PLANE)
    np.testing.assert_allclose(fit_rigid(PLANE, target).transform.map_points(PLANE), target, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_noise_on_nearly_flat_landmarks_is_no_mirror_image(seed):
    rng = np.random.default_rng(seed)
    source = PLANE + rng.normal(0, 1, PLANE.shape)
    fit = fit_rigid(source, source + rng.normal(0, 1, PLANE.shape))
    assert np.linalg.det(fit.transform.matrix[:3, :3]) == pytest.approx(1)


def test_every_fault_is_explained():
    assert all(fault.explanation.endswith(".") for fault in LandmarkFault)


def test_every_fault_is_documented():
    page = (Path(__file__).parents[3] / "docs" / "reason-codes.md").read_text(encoding="utf-8")
    section = page.split("## Landmarks", 1)[1].split("\n## ", 1)[0]
    assert [fault for fault in LandmarkFault if f"| `{fault}` |" not in section] == []


def test_a_thousand_equal_landmarks_are_named_once_each():
    points = np.zeros((1000, 3))
    with pytest.raises(LandmarksRefusedError) as caught:
        fit_rigid(points, CORNERS[[0] * 1000])
    assert len(caught.value.problems) == 2 * 999
    assert caught.value.problems[-1].field == "target/999"


@pytest.mark.parametrize("fit", [fit_rigid, fit_affine])
def test_a_fit_out_of_all_bounds_is_refused(fit):
    far = CORNERS + [9e6, 0, 0]
    turned = affine.apply(turn((0, 0, 1), np.pi), far)
    with pytest.raises(LandmarksRefusedError) as caught:
        fit(far, turned + [18e6, 0, 0])
    assert [problem.fault for problem in caught.value.problems] == [LandmarkFault.TOO_FAR]
