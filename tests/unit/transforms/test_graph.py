"""Preference, paths, errors along them, and which way an edge is walked."""

import numpy as np
import pytest
from longitudinal.transforms.graph import Edge, FrameGraph
from longitudinal.transforms.model import linear


def shift(x, y=0.0, z=0.0):
    matrix = np.eye(4)
    matrix[:3, 3] = (x, y, z)
    return linear(matrix)


def turn_about_z():
    return linear(np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))


def test_two_hops_one_of_them_backwards():
    graph = FrameGraph([Edge("ab", "A", "B", turn_about_z(), 1.0), Edge("cb", "C", "B", shift(10), 0.5)])
    path = graph.paths_from("A")["C"]
    assert path.edge_ids == ("ab", "cb")
    assert [step.forward for step in path.steps] == [True, False]
    assert path.expected_error_mm == 1.5
    np.testing.assert_allclose(path.map_points([[1.0, 0.0, 0.0]]), [[-10.0, 1.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(path.matrix[:3, 3], [-10, 0, 0], atol=1e-12)


def test_within_one_frame_nothing_moves_and_no_error_is_claimed():
    path = FrameGraph([]).paths_from("A")["A"]
    assert (path.edge_ids, path.expected_error_mm, path.error_source) == ((), None, "sharedFrame")
    assert path.map_points([[1.0, 2.0, 3.0]]).tolist() == [[1.0, 2.0, 3.0]]


def test_one_unknown_makes_the_sum_unknown():
    graph = FrameGraph([Edge("ab", "A", "B", shift(1), 1.0), Edge("bc", "B", "C", shift(1))])
    path = graph.paths_from("A")["C"]
    assert path.expected_error_mm is None
    assert path.error_source == "unknown"


def test_a_longer_known_way_beats_a_shorter_unknown_one():
    graph = FrameGraph(
        [
            Edge("ac", "A", "C", shift(9)),
            Edge("ab", "A", "B", shift(1), 4.0),
            Edge("bc", "B", "C", shift(1), 4.0),
        ]
    )
    assert graph.paths_from("A")["C"].edge_ids == ("ab", "bc")


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"reviewed": True}, {"expected_error_mm": 0.1}),
        ({"expected_error_mm": 1.0}, {"expected_error_mm": 2.0, "origin": "person"}),
        ({"expected_error_mm": 9.0}, {"origin": "person"}),
        ({"origin": "person"}, {"origin": "automatic", "created": "2024-01-02"}),
        (
            {"origin": "vendor", "created": "2024-01-02T00:00:00"},
            {"origin": "person", "created": "2024-01-01T23:00:00"},
        ),
        ({"created": "2024-01-02T01:00:00+00:00"}, {"created": "2024-01-02T01:30:00+02:00"}),
        ({"created": "2001-01-01T00:00:00"}, {"created": None}),
    ],
)
def test_order_of_preference(better, worse):
    edges = [Edge("1", "A", "B", shift(1), **worse), Edge("2", "B", "A", shift(2), **better)]
    for graph in (FrameGraph(edges), FrameGraph(edges[::-1])):
        assert graph.preferred("A", "B").id == "2"
        assert [edge.id for edge in graph.alternatives("B", "A")] == ["1"]
        assert graph.paths_from("A")["B"].edge_ids == ("2",)


def test_uid_settles_what_nothing_else_does():
    graph = FrameGraph([Edge("2", "A", "B", shift(1)), Edge("1", "A", "B", shift(1))])
    assert [edge.id for edge in graph.between("A", "B")] == ["1", "2"]


def test_rejected_is_never_used():
    graph = FrameGraph([Edge("1", "A", "B", shift(1), 0.1, reviewed=True, rejected=True)])
    assert set(graph.paths_from("A")) == {"A"}
    assert graph.between("A", "B") == ()


@pytest.mark.parametrize("error", [-1.0, float("nan"), float("inf")])
def test_absurd_errors_are_refused(error):
    with pytest.raises(ValueError, match="expected error"):
        Edge("1", "A", "B", shift(1), error)
