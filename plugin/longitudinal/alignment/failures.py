"""What is known to have failed: which pairs of frames are not tried again, and which series are of no use to anybody."""

from collections.abc import Callable
from dataclasses import dataclass

from longitudinal.patients.patient_index import PatientIndex

LastUpdateOf = Callable[[str], str]
"""When something was last stored in a series, by the Orthanc id of one of its instances; "" where it is gone."""

FAILURES = {
    "unreadablePixels": "The pixels of an image cannot be decoded.",
    "imageUnavailable": "Orthanc cannot read an image from its storage.",
    "imageGone": "An image was deleted while the alignment was under way.",
    "tooMuchMemory": "The registration needs more memory than WorkerMemoryMiB allows.",
    "registrationFailed": "The registration ended with an error.",
    "workerCrashed": "The process that registers died or hung each time.",
}
"""Why an alignment failed before its result could be checked; docs/reason-codes.md has a row for each."""

MOST_PARTNERS = 2
"""When the best partner does not fit, the next best may; a third has never been better than either."""

MOST_TRIES = 6
"""With pairs that failed for another reason than their checks: each may take the time of three crashes."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a job has tried so far, and need not try again.

    Attributes
    ----------
    frames
        Those that are dealt with.
    pairs
        Two frames each, which failed together.
    scans
        Orthanc ids of the first instance of each stack that cannot be used.
    """

    frames: frozenset[str] = frozenset()
    pairs: frozenset[frozenset[str]] = frozenset()
    scans: frozenset[str] = frozenset()


class Failures:
    """Failed attempts of a patient that still say something.

    Parameters
    ----------
    method
        rigid, affine or deformable. What makes a series unusable does so for every method.
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
        """Whether a frame's own study was tried in vain often enough."""
        own = [attempt.rejection for attempt in self._pairs if attempt.frame_of_reference_uid == frame]
        return is_enough(own)

    def were_refused(self, frame: str, other: str) -> bool:
        """Whether two frames failed together."""
        return any(attempt.is_about(frame, other) for attempt in self._pairs)


def is_enough(rejections: list[str]) -> bool:
    """Whether a frame has failed with enough partners, by the codes of what was wrong with each.

    >>> is_enough(["noOverlap"]), is_enough(["noOverlap", "inconsistent"]), is_enough(["workerCrashed"] * 2)
    (False, True, False)
    """
    by_checks = sum(code not in FAILURES for code in rejections)
    return by_checks >= MOST_PARTNERS or len(rejections) >= MOST_TRIES
