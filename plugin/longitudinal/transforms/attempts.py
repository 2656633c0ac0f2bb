"""Alignments that were tried and failed: JSON, kept as user metadata beside the later study.

So that nobody tries them again and again, that every node knows, and that an answer can say with figures why there is no
transform. The form is `{"attempts": [{"method": "rigid", "reason": "...", "quality": {...}, ...}]}`, the newest first.
"""

from collections.abc import Mapping
from itertools import islice

import msgspec

from longitudinal.transforms.metadata_json import are_figures, read_metadata

# Of one study: partners are tried one after the other, two or three, each with at most three methods.
_MOST = 20
_PAIR = 2
# Of an identifier or a code, and of a sentence: what is longer is nothing of ours, and is not served.
_LONGEST_NAME = 200
_LONGEST_SENTENCE = 2_000

Figure = float | int | str | bool | None


class TriedSeries(msgspec.Struct, rename="camel", frozen=True):
    """One of the two series, and when something was last stored in it (Orthanc's LastUpdate), before it was read.

    Empty where the failure says nothing of what is stored, or nobody knows.
    """

    series_instance_uid: str
    last_update: str


class Attempt(msgspec.Struct, rename="camel", frozen=True):
    """One alignment that failed.

    `rejection` is the code of what was wrong with it and `reason` its words, `quality` are the figures behind that (mm
    where the name says so), `at` is ISO 8601, `by` the user who asked, empty where nobody did. `series` are the two that
    were tried; `unusableSeriesInstanceUid` is the one of them that cannot be aligned with anything, empty where the two
    together failed.
    """

    frame_of_reference_uid: str
    partner_frame_of_reference_uid: str
    partner_study_instance_uid: str
    method: str
    engine: str
    rejection: str
    reason: str
    quality: dict[str, Figure] = {}
    at: str = ""
    by: str = ""
    series: list[TriedSeries] = []
    unusable_series_instance_uid: str = ""

    def is_about(self, frame: str, other: str) -> bool:
        """Whether it was about these two frames, in either direction."""
        return {frame, other} == {self.frame_of_reference_uid, self.partner_frame_of_reference_uid}

    def holds(self, last_updates: Mapping[str, str]) -> bool:
        """Whether it still says something: nothing was stored since in the series it is about, and they are there.

        Parameters
        ----------
        last_updates
            LastUpdate of the patient's series, by SeriesInstanceUID. Of attempts that name no series nobody can tell.
        """
        uid = self.unusable_series_instance_uid
        about = [one for one in self.series if not uid or one.series_instance_uid == uid]
        return all(
            one.last_update and last_updates.get(one.series_instance_uid) == one.last_update for one in about
        )


class _Attempts(msgspec.Struct, frozen=True):
    attempts: list[Attempt] = []


class _Stored(msgspec.Struct, frozen=True):
    attempts: list[msgspec.Raw] = []


def read_attempts(text: str | None) -> tuple[Attempt, ...]:
    """The attempts of a study, the newest first. What anybody else wrote there is nothing: it never raises.

    >>> read_attempts("something else")
    ()
    """
    stored = read_metadata(text, _Stored)
    raw = [] if stored is None else stored.attempts
    read = (read_metadata(bytes(one).decode(), Attempt) for one in raw)
    return tuple(islice((one for one in read if one is not None and _is_ours(one)), _MOST))


def _is_ours(attempt: Attempt) -> bool:
    """Whether every value is of a length that is written here."""
    names = (
        attempt.frame_of_reference_uid, attempt.partner_frame_of_reference_uid, attempt.partner_study_instance_uid,
        attempt.method, attempt.engine, attempt.rejection, attempt.at, attempt.by, attempt.unusable_series_instance_uid,
        *(name for one in attempt.series for name in (one.series_instance_uid, one.last_update)),
    )  # fmt: skip
    is_short = len(attempt.series) <= _PAIR and all(len(name) <= _LONGEST_NAME for name in names)
    return (
        is_short
        and len(attempt.reason) <= _LONGEST_SENTENCE
        and are_figures(attempt.quality, _LONGEST_SENTENCE)
    )


def add_attempt(text: str | None, attempt: Attempt) -> str:
    """The attempts with a new one; it replaces an older one of the same frames, method and unusable series."""
    others = [
        known
        for known in read_attempts(text)
        if known.method != attempt.method
        or known.unusable_series_instance_uid != attempt.unusable_series_instance_uid
        or not known.is_about(attempt.frame_of_reference_uid, attempt.partner_frame_of_reference_uid)
    ]
    return msgspec.json.encode(_Attempts([attempt, *others][:_MOST])).decode()
