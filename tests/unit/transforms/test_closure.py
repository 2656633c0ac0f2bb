"""Loops of transforms that close, and one that does not."""

import numpy as np
import pytest

from longitudinal.transforms.closure import closure_errors
from longitudinal.transforms.graph import Edge, FrameGraph
from longitudinal.transforms.model import linear

ORIGIN = {frame: [[0.0, 0, 0], [10, 20, 30]] for frame in "ABCD"}


def shift(x):
    matrix = np.eye(4)
    matrix[0, 3] = x
    return linear(matrix)


def test_a_tree_has_no_loop():
    graph = FrameGraph([Edge("ab", "A", "B", shift(1)), Edge("cb", "C", "B", shift(2))])
    assert closure_errors(graph, ORIGIN) == []


def test_the_loop_that_does_not_close_names_its_transforms():
    graph = FrameGraph(
        [
            Edge("ab", "A", "B", shift(1), 0.1),
            Edge("bc", "B", "C", shift(2), 0.2),
            Edge("ca", "C", "A", shift(-3), 0.3),
            Edge("da", "D", "A", shift(5), 0.1),
            Edge("dc", "D", "C", shift(12), 0.9),
        ]
    )
    closures = closure_errors(graph, ORIGIN)
    assert [(closure.edge_ids, closure.frame) for closure in closures] == [
        (("ca", "ab", "bc"), "C"),
        (("dc", "bc", "ab", "da"), "D"),
    ]
    assert closures[0].errors_mm == pytest.approx([0, 0])
    assert closures[1].errors_mm == pytest.approx([4, 4])


def test_alternatives_are_judged_by_the_preferred_transform():
    graph = FrameGraph([Edge("1", "A", "B", shift(1), reviewed=True), Edge("2", "B", "A", shift(1))])
    (closure,) = closure_errors(graph, ORIGIN)
    assert closure.edge_ids == ("2", "1")
    assert closure.errors_mm == pytest.approx([2, 2])


def test_rejected_transforms_and_frames_without_points_are_left_out():
    edges = [
        Edge("1", "A", "B", shift(1)),
        Edge("2", "A", "B", shift(9), rejected=True),
        Edge("3", "A", "B", shift(2)),
    ]
    assert len(closure_errors(FrameGraph(edges), ORIGIN)) == 1
    assert closure_errors(FrameGraph(edges), {"D": [[0, 0, 0]]}) == []
