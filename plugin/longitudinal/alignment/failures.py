"""Known failures: which pairs of frames are not tried again, and which series cannot be used at all."""

from collections.abc import Callable

import msgspec

from longitudinal.patients.patient_index import PatientIndex
from longitudinal.reasons import AlignmentFailure

LastUpdateOf = Callable[[str], str]
"""When something was last stored in a series, by the Orthanc id of one of its instances; "" if it no longer exists."""

_BEFORE_CHECKS = frozenset(AlignmentFailure)

MOST_PARTNERS = 2
"""If the best partner does not fit, the next best may; a third was never better than these two."""

MOST_TRIES = 6
"""Including pairs that failed for other reasons than their checks: each may take the time of three crashes."""


class Tried(msgspec.Struct, frozen=True):
    """What a job has tried so far, and does not try again.

    Attributes
    ----------
    frames
        Frames that are done.
    pairs
        Pairs of frames that failed together.
    scans
        Orthanc ids of the first instance of each stack that cannot be used.
    """

    frames: frozenset[str] = frozenset()
    pairs: frozenset[frozenset[str]] = frozenset()
    scans: frozenset[str] = frozenset()


class Failures:
    """Failed attempts of a patient that still apply.

    Parameters
    ----------
    method
        rigid, affine or deformable. A series that is unusable is so for every method.
    """

    def __init__(self, index: PatientIndex, method: str, last_update_of: LastUpdateOf) -> None:
        attempts = [attempt for study in index.studies for attempt in study.attempts]
        named = {one.series_instance_uid for attempt in attempts for one in attempt.series}
        last_updates = {
            series.series_instance_uid: last_update_of(series.orthanc_ids[0])
            for series in index.series
            if series.series_instance_uid in named
        }
        holding = [attempt for attempt in attempts if attempt.holds(last_updates)]
        self.unusable = frozenset(attempt.unusable_series_instance_uid for attempt in holding) - {""}
        self._pairs = [
            attempt
            for attempt in holding
            if attempt.method == method and not attempt.unusable_series_instance_uid
        ]

    def has_had_enough(self, frame: str) -> bool:
        """Whether a frame's own study has failed often enough."""
        own = [attempt.rejection for attempt in self._pairs if attempt.frame_of_reference_uid == frame]
        return is_enough(own)

    def were_refused(self, frame: str, other: str) -> bool:
        """Whether two frames failed together."""
        return any(attempt.is_about(frame, other) for attempt in self._pairs)


def failed_before_checks(code: str | None) -> bool:
    """Whether the code is of a registration that ended before its result could be checked.

    >>> failed_before_checks("imageGone"), failed_before_checks("inconsistent"), failed_before_checks(None)
    (True, False, False)
    """
    return code in _BEFORE_CHECKS


def is_enough(rejections: list[str]) -> bool:
    """Whether a frame has failed with enough partners, by the code of each failure.

    >>> is_enough(["noOverlap"]), is_enough(["noOverlap", "inconsistent"]), is_enough(["workerCrashed"] * 2)
    (False, True, False)
    """
    by_checks = sum(not failed_before_checks(code) for code in rejections)
    return by_checks >= MOST_PARTNERS or len(rejections) >= MOST_TRIES
