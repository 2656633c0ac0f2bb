"""Stacks as bytes, to be kept beside the planes they were split into: sorting planes takes ten times as long."""

from collections.abc import Sequence

import numpy as np

from longitudinal.geometry.stack import Floats, Stack

# Of each stack: how many planes, median gap, whether it is parallel, and its normal.
_HEAD = 6
# Of each plane: offset, reach below and above, and its place in the order.
_EACH = 4


def pack_stacks(stacks: Sequence[Stack]) -> bytes:
    """One row of float64 after the other; integers are far from where float64 would round them.

    >>> from longitudinal.geometry.stack import Stack
    >>> up = np.array([0.0, 0.0, 1.0])
    >>> stack = Stack(np.array([1, 0]), up, np.array([2.0, 4.0]), np.ones((2, 2)), 2.0)
    >>> (found,) = unpack_stacks(pack_stacks([stack]))
    >>> found.order.tolist(), found.offsets.tolist(), found.median_gap, found.is_parallel
    ([1, 0], [2.0, 4.0], 2.0, True)
    """
    return b"".join(_packed(stack).astype("<f8").tobytes() for stack in stacks)


def unpack_stacks(packed: bytes) -> list[Stack]:
    """The stacks of `pack_stacks`, equal in every bit."""
    values = np.frombuffer(packed, "<f8").astype(np.float64, copy=False)
    found, first = [], 0
    while first < len(values):
        count, gap, is_parallel = values[first : first + 3].tolist()
        start = first + _HEAD
        first = start + int(count) * _EACH
        offsets, below, above, order = values[start:first].reshape(_EACH, -1)
        reach = np.empty((len(offsets), 2))
        reach[:, 0], reach[:, 1] = below, above
        normal = values[start - 3 : start]
        found.append(Stack(order.astype(np.intp), normal, offsets, reach, gap, bool(is_parallel)))
    return found


def _packed(stack: Stack) -> Floats:
    head = (len(stack.order), stack.median_gap, float(stack.is_parallel), *stack.normal)
    return np.concatenate((head, stack.offsets, stack.reach[:, 0], stack.reach[:, 1], stack.order))
