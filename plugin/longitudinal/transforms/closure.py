"""How well transforms agree: a point mapped round a loop of frames should return to where it started.

This needs no ground truth. A loop that does not close contains at least one wrong transform; a loop
that closes proves nothing, because errors can cancel.
"""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from longitudinal.transforms.graph import Edge, FrameGraph


class Closure(msgspec.Struct, frozen=True, eq=False):
    """One loop: out by a transform, back by better ones.

    Attributes
    ----------
    edge_ids
        The transforms in the order of the path, the one that is judged first.
    frame
        Where the loop starts and ends.
    errors_mm
        (n,) distance of each point from itself after the loop; NaN where a transform does not reach.
    """

    edge_ids: tuple[str, ...]
    frame: str
    errors_mm: NDArray[np.float64]


def closure_errors(graph: FrameGraph, points_of_frame: Mapping[str, ArrayLike]) -> list[Closure]:
    """Follow a basis of the loops of a graph.

    The preferred transforms that join all frames without a loop are the reference; every other transform, including
    alternatives, closes exactly one loop with them and is judged by it.

    Parameters
    ----------
    points_of_frame
        (n, 3) points in mm by frame, at which agreement matters; a frame without points is skipped.
    """
    tree, rest = _span(graph.edges)
    measure = FrameGraph(tree)
    closures = []
    for edge in rest:
        if edge.source_frame not in points_of_frame:
            continue
        points = np.asarray(points_of_frame[edge.source_frame], dtype=np.float64).reshape(-1, 3)
        back = measure.paths_from(edge.target_frame)[edge.source_frame]
        returned = back.map_points(edge.transform.map_points(points))
        errors = np.linalg.norm(returned - points, axis=1)
        closures.append(Closure((edge.id, *back.edge_ids), edge.source_frame, errors))
    return closures


def _span(edges: tuple[Edge, ...]) -> tuple[list[Edge], list[Edge]]:
    """Kruskal in the order of preference: transforms that join separate groups, and the others."""
    group_of = {frame: frame for edge in edges for frame in (edge.source_frame, edge.target_frame)}
    tree: list[Edge] = []
    rest: list[Edge] = []
    for edge in edges:
        source, target = group_of[edge.source_frame], group_of[edge.target_frame]
        (rest if source == target else tree).append(edge)
        if source != target:
            group_of = {frame: source if group == target else group for frame, group in group_of.items()}
    return tree, rest
