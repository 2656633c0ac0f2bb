"""Alignments that were tried and failed: JSON, kept as user metadata beside the later study.

They prevent repeated attempts, inform every node, and let an answer state with figures why there is no
transform. The form is `{"attempts": [{"method": "rigid", "reason": "...", "quality": {...}, ...}]}`, the newest first.
"""

from collections.abc import Mapping
from itertools import islice

import msgspec

from longitudinal.transforms.metadata_json import are_figures, read_metadata

# For one study: two or three partners are tried one after the other, each with at most three methods.
_MOST = 20
_PAIR = 2
# For an identifier or a code, and for a sentence: longer ones are not the plugin's, and are not served.
_LONGEST_NAME = 200
_LONGEST_SENTENCE = 2_000

Figure = float | int | str | bool | None


class TriedSeries(msgspec.Struct, rename="camel", frozen=True):
    """One of the two series, and when something was last stored in it (Orthanc's LastUpdate), before it was read.

    Empty if the failure does not depend on what is stored, or if that is unknown.
    """

    series_instance_uid: str
    last_update: str


class Attempt(msgspec.Struct, rename="camel", frozen=True):
    """One alignment that failed.

    `rejection` is the code of the fault and `reason` its description, `quality` are the figures (mm if the name says
    so), `at` is ISO 8601, `by` the user who asked, empty if nobody did. `series` are the two that
    were tried; `unusableSeriesInstanceUid` is the one of them that cannot be aligned with anything, empty if the two
    failed together.
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
        """Whether it concerned these two frames, in either direction."""
        return {frame, other} == {self.frame_of_reference_uid, self.partner_frame_of_reference_uid}

    def holds(self, last_updates: Mapping[str, str]) -> bool:
        """Whether it still applies: its series exist, and nothing was stored in them since.

        Parameters
        ----------
        last_updates
            LastUpdate of the patient's series, by SeriesInstanceUID. Attempts that name no series never expire.
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
    """The attempts of a study, the newest first. Foreign content counts as nothing: it never raises.

    >>> read_attempts("something else")
    ()
    """
    stored = read_metadata(text, _Stored)
    raw = [] if stored is None else stored.attempts
    read = (read_metadata(bytes(one).decode(), Attempt) for one in raw)
    return tuple(islice((one for one in read if one is not None and _is_ours(one)), _MOST))


def _is_ours(attempt: Attempt) -> bool:
    """Whether no value is longer than those that the plugin writes."""
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
