"""Exact bounds of a share that was counted (Clopper and Pearson 1934), one-sided at 95 %."""

from collections.abc import Callable
from math import comb

CONFIDENCE = 0.95
_HALVINGS = 60


def most(found: int, of: int) -> float:
    """What share, 0..1, is the largest that would still show so few in 5 % of such counts; 1 of none.

    >>> round(most(0, 200), 4), round(most(1, 60), 3)
    (0.0149, 0.077)
    """
    if found >= of:
        return 1.0
    return _where(lambda share: _at_most(found, of, share) > 1 - CONFIDENCE)


def least(found: int, of: int) -> float:
    """What share, 0..1, is the smallest that would still show so many in 5 % of such counts; 0 of none."""
    return 1.0 - most(of - found, of) if of else 0.0


def _at_most(found: int, of: int, share: float) -> float:
    """The probability of at most so many."""
    return sum(comb(of, each) * share**each * (1 - share) ** (of - each) for each in range(found + 1))


def _where(is_below: Callable[[float], bool]) -> float:
    """The share at which a condition that holds below it ends, by halving."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return low
