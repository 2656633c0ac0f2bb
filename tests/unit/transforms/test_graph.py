"""Preference, paths, errors along them, and which way an edge is walked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.transforms.displacement_grid import DisplacementGrid
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


FRAMES = "ABCDEF"
ERRORS = st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0, 2.5]))


@st.composite
def edge_lists(draw):
    pairs = [(a, b) for a in FRAMES for b in FRAMES if a != b]
    drawn = draw(
        st.lists(st.tuples(st.sampled_from(pairs), ERRORS, st.booleans(), st.booleans()), max_size=12)
    )
    return [
        Edge(f"{number:02}", a, b, shift(7.0 * number, number), error, reviewed=reviewed, rejected=rejected)
        for number, ((a, b), error, reviewed, rejected) in enumerate(drawn)
    ]


def prefer_slowly(edges, a, b):
    """Knock out one candidate after the other by the sentence of the design."""
    between = [
        edge for edge in edges if not edge.rejected and {edge.source_frame, edge.target_frame} == {a, b}
    ]
    reviewed = [edge for edge in between if edge.reviewed] or between
    known = [edge for edge in reviewed if edge.expected_error_mm is not None]
    smallest = min((edge.expected_error_mm for edge in known), default=None)
    best = [edge for edge in known if edge.expected_error_mm == smallest] or reviewed
    return min(best, key=lambda edge: edge.id, default=None)


def simple_paths(edges, source):
    """Every path without a repeated frame over preferred edges, as (frames, edges)."""
    found, todo = [], [((source,), ())]
    while todo:
        frames, walked = todo.pop()
        found.append((frames, walked))
        for following in FRAMES:
            edge = prefer_slowly(edges, frames[-1], following)
            if edge is not None and following not in frames:
                todo.append(((*frames, following), (*walked, edge)))
    return found


def cost_of(walked):
    errors = [edge.expected_error_mm for edge in walked]
    return (errors.count(None), sum(error for error in errors if error is not None), len(errors))


@settings(max_examples=150, deadline=None)
@given(edges=edge_lists(), source=st.sampled_from(FRAMES))
def test_paths_are_the_best_of_all_simple_paths(edges, source):
    paths = FrameGraph(edges).paths_from(source)
    candidates = simple_paths(edges, source)
    assert set(paths) == {frames[-1] for frames, _ in candidates}
    for frame, path in paths.items():
        ways = [walked for frames, walked in candidates if frames[-1] == frame]
        best = min(ways, key=lambda walked: (cost_of(walked), [edge.id for edge in walked]))
        assert path.edge_ids == tuple(edge.id for edge in best)
        unknown, known, length = cost_of(best)
        assert path.expected_error_mm == (known if length and not unknown else None)
        moved = np.zeros(3)
        at = source
        for edge in best:
            sign = 1 if edge.source_frame == at else -1
            moved += sign * edge.transform.matrix[:3, 3]
            at = edge.target_frame if sign == 1 else edge.source_frame
        np.testing.assert_allclose(path.map_points(np.zeros((1, 3)))[0], moved, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(edges=edge_lists(), order=st.randoms())
def test_paths_do_not_depend_on_the_order_of_the_edges(edges, order):
    shuffled = edges.copy()
    order.shuffle(shuffled)
    for source in FRAMES:
        first, second = FrameGraph(edges).paths_from(source), FrameGraph(shuffled).paths_from(source)
        assert {frame: path.edge_ids for frame, path in first.items()} == {
            frame: path.edge_ids for frame, path in second.items()
        }


@settings(max_examples=50, deadline=None)
@given(edges=edge_lists())
def test_the_way_back_undoes_the_way_there(edges):
    graph = FrameGraph(edges)
    points = np.array([[1.0, 2.0, 3.0], [-40.0, 0.0, 7.0]])
    for frame, path in graph.paths_from("A").items():
        back = graph.paths_from(frame)["A"]
        assert back.expected_error_mm == pytest.approx(path.expected_error_mm)
        if back.edge_ids == path.edge_ids[::-1]:
            np.testing.assert_allclose(back.map_points(path.map_points(points)), points, atol=1e-9)


def test_a_path_through_a_deformable_step_has_no_matrix_and_is_nan_where_it_does_not_reach():
    field = DisplacementField(
        position=np.zeros(3),
        orientation=np.array([1.0, 0, 0, 0, 1, 0]),
        resolution=np.ones(3),
        dimensions=(5, 5, 5),
        vectors=np.full((5, 5, 5, 3), (100, 0, 0), dtype=np.float32),
        pre=np.eye(4),
        post=np.eye(4),
    )
    item_to_own = DisplacementGrid(field).inverse()
    graph = FrameGraph(
        [
            Edge("rigid", "A", "B", turn_about_z(), 1.0, error_source="landmarks"),
            Edge("warp", "C", "B", item_to_own, 2.0, error_source="local", method="deformable"),
        ]
    )
    path = graph.paths_from("A")["C"]
    assert path.matrix is None
    assert (path.method, path.error_source, path.expected_error_mm) == ("deformable", "local", 3.0)
    # (2, -1, 3) turns to (1, 2, 3), which the field moves by 100 mm; (20, 0, 0) turns to a point outside it
    mapped = path.map_points([[2.0, -1.0, 3.0], [20.0, 0.0, 0.0]])
    np.testing.assert_allclose(mapped[0], [101, 2, 3], atol=1e-9)
    assert np.isnan(mapped[1]).all()
    back = graph.paths_from("C")["A"].map_points(mapped)
    np.testing.assert_allclose(back[0], [2, -1, 3], atol=1e-4)
    assert np.isnan(back[1]).all()


def test_reviewed_means_every_step():
    edges = [Edge("ab", "A", "B", shift(1), reviewed=True), Edge("bc", "B", "C", shift(1))]
    paths = FrameGraph(edges).paths_from("A")
    assert paths["B"].reviewed
    assert not paths["C"].reviewed


def test_an_edge_joins_two_frames():
    with pytest.raises(ValueError, match="two different frames"):
        Edge("aa", "A", "A", shift(1))
