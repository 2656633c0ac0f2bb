"""Where a transform is least sure: the worst measured places, far from each other, in both frames."""

import numpy as np

from longitudinal.transforms.error_at_place import ErrorGrid, LandmarkError
from longitudinal.transforms.graph import Edge
from longitudinal.transforms.least_sure import APART_MM, least_sure_places
from longitudinal.transforms.model import Rigid

STEP = 10.0


def edge(bounds: np.ndarray) -> Edge:
    matrix = np.eye(4)
    matrix[:3, 3] = (5.0, -6.0, 7.0)
    return Edge(
        "1.2", "A", "B", Rigid(matrix), error_at_place=ErrorGrid(bounds, np.diag([STEP, STEP, STEP, 1.0]))
    )


def test_the_worst_places_are_named_in_order_and_apart() -> None:
    bounds = np.full((4, 10, 12), 1.0)
    bounds[1, 2, 3], bounds[1, 2, 4], bounds[3, 9, 11], bounds[0, 0, 8] = 9.0, 8.9, 7.0, 5.0
    bounds[2, 5, 5] = np.nan
    places = least_sure_places(edge(bounds))
    assert [place.expected_error_mm for place in places] == [9.0, 7.0, 5.0], "8.9 is beside 9.0"
    assert places[0].target == (30.0, 20.0, 10.0)
    assert places[0].source == (25.0, 26.0, 3.0)
    targets = [np.array(place.target) for place in places]
    assert min(np.linalg.norm(a - b) for n, a in enumerate(targets) for b in targets[:n]) >= APART_MM


def test_where_nothing_was_measured_place_by_place_there_are_none() -> None:
    landmarks = LandmarkError(1.0, 4, np.zeros(3), np.eye(3) * 1e-4)
    assert least_sure_places(Edge("1.2", "A", "B", Rigid(np.eye(4)), error_at_place=landmarks)) == []
    assert least_sure_places(Edge("1.2", "A", "B", Rigid(np.eye(4)))) == []
    assert least_sure_places(edge(np.full((2, 2, 2), np.nan))) == []


def test_places_are_in_the_frame_of_the_grid_whatever_its_directions() -> None:
    bounds = np.ones((1, 1, 2))
    bounds[0, 0, 1] = 4.0
    grid = ErrorGrid(
        bounds, np.array([[0, -STEP, 0, 50], [STEP, 0, 0, 60], [0, 0, STEP, 70], [0, 0, 0, 1.0]])
    )
    (first, *_) = least_sure_places(Edge("1.2", "A", "B", Rigid(np.eye(4)), error_at_place=grid))
    assert first.target == (50.0, 70.0, 70.0)
