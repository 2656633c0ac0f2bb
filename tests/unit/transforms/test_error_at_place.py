"""Errors place by place: what is said where, what is kept of it, and what is not believed."""

import json

import numpy as np
import pytest

from longitudinal.geometry import affine
from longitudinal.transforms.error_at_place import (
    LONGEST_TEXT,
    P95_OF_RMS,
    ErrorAtPlace,
    ErrorGrid,
    LandmarkError,
    join_errors,
    read_error,
    split_errors,
)
from longitudinal.transforms.graph import Edge, FrameGraph
from longitudinal.transforms.landmarks import fit_affine, fit_rigid
from longitudinal.transforms.model import linear

RANDOM = np.random.default_rng(7)


def turned(degrees: float, *shift: float) -> affine.Matrix:
    angle = np.radians(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = shift
    return matrix


def oblique_grid() -> ErrorGrid:
    bounds = RANDOM.uniform(0, 30, (4, 5, 6))
    bounds[0, 0] = np.nan
    return ErrorGrid(bounds, turned(30, 12, -7, 100) @ np.diag([10.0, 10.0, 10.0, 1.0]))


def through_text(error: ErrorAtPlace) -> ErrorAtPlace:
    text = join_errors({2: error})
    json.loads(text)
    found = read_error(split_errors(text)[2])
    assert found is not None
    return found


def test_a_bound_never_shrinks_by_being_kept() -> None:
    grid = oblique_grid()
    kept = through_text(grid)
    for k, j, i in np.ndindex(grid.bounds.shape):
        bound = grid.bounds[k, j, i]
        x, y, z = affine.apply(grid.point_from_index, np.array([i + 0.3, j - 0.4, k + 0.1])).tolist()
        read = kept.bound_mm(x, y, z)
        assert read == grid.bound_mm(x, y, z)
        if np.isnan(bound) or bound > 25.4:
            assert read is None
        else:
            assert read is not None
            assert bound <= read + 1e-9 < bound + 0.1 + 1e-6


def test_outside_its_grid_nothing_is_known() -> None:
    grid = ErrorGrid(np.ones((3, 3, 3)), np.diag([10.0, 10.0, 10.0, 1.0]))
    assert grid.bound_mm(-4.9, 24.9, 10.0) == 1.0
    for place in ((-5.1, 0, 0), (0, 25.1, 0), (0, 0, -5.1), (0, 0, 1e9), (float("nan"), 0, 0)):
        assert grid.bound_mm(*place) is None


def test_the_largest_grid_fits() -> None:
    noise = RANDOM.uniform(0, 25, (36, 32, 32))
    assert len(join_errors({2: ErrorGrid(noise, np.eye(4))})) <= LONGEST_TEXT


@pytest.mark.parametrize(
    "text",
    [None, "", "{}", "[]", "null", "\ud800", '{"version": 2, "items": {}}', '{"version": 1, "items": {"x": 1}}',
     '{"version": 1, "items": []}', " " * (LONGEST_TEXT + 1)],
)  # fmt: skip
def test_foreign_text_says_nothing(text: str | None) -> None:
    assert split_errors(text) == {}


def test_damaged_grids_say_nothing() -> None:
    packed = oblique_grid().to_bytes()
    for length in range(0, len(packed), 7):
        with pytest.raises(ValueError, match="no grid"):
            ErrorGrid.from_bytes(packed[:length])
    huge = packed[:4] + b"\xff" * 6 + packed[10:]
    with pytest.raises(ValueError, match="no grid"):
        ErrorGrid.from_bytes(huge)
    assert read_error(b'{"kind": "grid", "grid": "TEVHMQ=="}') is None
    assert read_error(b'{"kind": "landmarks"}') is None
    assert read_error(b'{"kind": "spline"}') is None
    assert read_error(None) is None


@pytest.mark.parametrize(
    "change", [{"fleMm": -1.0}, {"pairs": 0}, {"leverage": [[-1, 0, 0], [0, 1, 0], [0, 0, 1]]}, {"centroid": [1, 2]}]
)  # fmt: skip
def test_landmarks_that_make_no_sense_say_nothing(change: dict) -> None:
    said = {
        "kind": "landmarks",
        "fleMm": 1.0,
        "pairs": 4,
        "centroid": [0, 0, 0],
        "leverage": np.eye(3).tolist(),
    }
    assert read_error(json.dumps(said).encode()) is not None
    assert read_error(json.dumps({**said, **change}).encode()) is None


def test_95_percent_of_landmark_errors_stay_under_the_bound() -> None:
    """Fits to landmarks clicked with a known error, judged at a place far from them, by many repetitions."""
    landmarks = RANDOM.uniform(-60, 60, (8, 3))
    place, fle = np.array([40.0, -90.0, 70.0]), 1.5
    errors, bound = [], LandmarkError(fle, 8, landmarks.mean(axis=0), _leverage(landmarks)).bound_mm(*place)
    assert bound is not None
    for _ in range(3000):
        clicked = landmarks + RANDOM.normal(scale=fle / np.sqrt(3), size=(8, 3))
        fit = fit_rigid(landmarks, clicked)
        errors.append(np.linalg.norm(fit.transform.map_points(place[None])[0] - place))
    # the formula takes the error as alike in every direction: 95 % within the few per cent that costs
    assert 0.92 <= np.mean(np.array(errors) <= bound) <= 0.985


def _leverage(landmarks: np.ndarray) -> np.ndarray:
    error = fit_rigid(landmarks, landmarks).error_at_place(1.0)
    assert error is not None
    return error.leverage


@pytest.mark.parametrize("fit", [fit_rigid, fit_affine])
def test_landmark_errors_are_the_same_seen_from_the_other_frame(fit) -> None:  # type: ignore[no-untyped-def]
    source = RANDOM.uniform(-50, 50, (7, 3))
    target = affine.apply(turned(25, 5, 6, 7), source) + RANDOM.normal(scale=0.5, size=(7, 3))
    made = fit(source, target)
    here = made.error_at_place(0.6)
    there = through_text(here.seen_from(made.transform.matrix))
    for place in RANDOM.uniform(-90, 90, (20, 3)):
        expected = P95_OF_RMS * made.expected_error_mm(place, 0.6)[0]
        assert here.bound_mm(*place) == pytest.approx(expected)
        assert there.bound_mm(*made.transform.map_points(place[None])[0]) == pytest.approx(expected)


class Slope:
    """1 mm and a hundredth of x; unknown below 0."""

    def bound_mm(self, x: float, y: float, z: float) -> float | None:
        return None if x < 0 else 1 + x / 100


def test_along_a_path_each_transform_is_asked_at_its_own_place() -> None:
    there = linear(turned(0, 50, 0, 0))
    edges = [
        Edge("1", "b", "a", there, 1.0, "forwardBackward", error_at_place=Slope()),
        Edge("2", "c", "b", there, 1.0, "forwardBackward", error_at_place=Slope()),
    ]
    graph = FrameGraph(edges)
    out, home = graph.paths_from("c")["a"], graph.paths_from("a")["c"]
    for x in (-40.0, 0.0, 130.0):
        # in c at x, in b at x + 50, in a at x + 100; each map lies in its transform's target frame
        trail = out.trail(np.array([x, 0.0, 0.0]))
        assert trail[:, 0].tolist() == [x, x + 50, x + 100]
        assert out.bound_mm(trail) == pytest.approx(2 + (x + 50) / 100 + (x + 100) / 100)
        back = home.trail(np.array([x + 100, 0.0, 0.0]))
        assert home.bound_mm(back) == pytest.approx(out.bound_mm(trail))
    assert out.bound_mm(out.trail(np.array([-60.0, 0.0, 0.0]))) is None
    assert graph.paths_from("a")["a"].bound_mm(np.zeros((1, 3))) is None


def test_one_unknown_makes_the_sum_unknown_and_one_claim_makes_it_a_claim() -> None:
    there = linear(turned(0, 50, 0, 0))
    measured = Edge("1", "b", "a", there, 1.0, "forwardBackward", error_at_place=Slope())
    unknown = Edge("2", "c", "b", there)
    declared = Edge("3", "d", "b", there, 0.5, "declared")
    reviewed = Edge("4", "e", "b", there, 0.5, "declared", reviewed=True)
    paths = FrameGraph([measured, unknown, declared, reviewed]).paths_from("a")
    place = np.array([200.0, 0.0, 0.0])
    assert paths["c"].bound_mm(paths["c"].trail(place)) is None
    assert paths["d"].bound_mm(paths["d"].trail(place)) == pytest.approx(3.0 + 0.5)
    assert [paths[frame].is_claimed for frame in "bcde"] == [False, False, True, False]
