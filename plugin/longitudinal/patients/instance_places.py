"""Where the instances of a patient are, by SOP Instance UID; tens of thousands are ready in milliseconds."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain

Place = tuple[int, int]
"""Index of the series, and of the instance in it."""


class InstancePlaces(Mapping[str, list[Place]]):
    """SOP Instance UID -> its places, more than one where a UID was used twice.

    Parameters
    ----------
    series
        The UIDs of the instances of each series.
    """

    def __init__(self, series: Sequence[Sequence[str]]) -> None:
        self._starts = list(accumulate(map(len, series), initial=0))
        # a list for each of them would cost ten times as much
        self._last = dict(zip(chain.from_iterable(series), range(self._starts[-1]), strict=True))
        self._repeated: dict[str, list[Place]] = {}
        if len(self._last) < self._starts[-1]:
            for number, uid in enumerate(chain.from_iterable(series)):
                if self._last[uid] != number:
                    self._repeated.setdefault(uid, []).append(self._place(number))

    def __getitem__(self, sop_instance_uid: str) -> list[Place]:
        last = self._place(self._last[sop_instance_uid])
        return [*self._repeated.get(sop_instance_uid, ()), last] if self._repeated else [last]

    def __contains__(self, sop_instance_uid: object) -> bool:
        return sop_instance_uid in self._last

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def _place(self, number: int) -> Place:
        series = bisect_right(self._starts, number) - 1
        return series, number - self._starts[series]
