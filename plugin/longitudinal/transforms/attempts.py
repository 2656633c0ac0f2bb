"""Alignments that were tried and refused by their own checks: JSON, kept as user metadata beside the later study.

So that nobody tries them again and again, that every node knows, and that an answer can say with figures why there is no
transform. The form is `{"attempts": [{"method": "rigid", "reason": "...", "quality": {...}, ...}]}`, the newest first.
"""

from itertools import islice

import msgspec

from longitudinal.transforms.metadata_json import are_figures, read_metadata

# Of one study: partners are tried one after the other, two or three, each with at most three methods.
_MOST = 20
# Of an identifier or a code, and of a sentence: what is longer is nothing of ours, and is not served.
_LONGEST_NAME = 200
_LONGEST_SENTENCE = 2_000

Figure = float | int | str | bool | None


class Attempt(msgspec.Struct, rename="camel", frozen=True):
    """One alignment that was refused.

    `rejection` is the code of what was wrong with it and `reason` its words, `quality` are the figures behind that (mm
    where the name says so), `at` is ISO 8601, `by` the user who asked, empty where nobody did.
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

    def is_about(self, frame: str, other: str) -> bool:
        """Whether it was about these two frames, in either direction."""
        return {frame, other} == {self.frame_of_reference_uid, self.partner_frame_of_reference_uid}


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
        attempt.method, attempt.engine, attempt.rejection, attempt.at, attempt.by,
    )  # fmt: skip
    is_short = all(len(name) <= _LONGEST_NAME for name in names) and len(attempt.reason) <= _LONGEST_SENTENCE
    return is_short and are_figures(attempt.quality, _LONGEST_SENTENCE)


def add_attempt(text: str | None, attempt: Attempt) -> str:
    """The attempts with a new one; it replaces an older one of the same frames and method."""
    others = [
        known
        for known in read_attempts(text)
        if known.method != attempt.method
        or not known.is_about(attempt.frame_of_reference_uid, attempt.partner_frame_of_reference_uid)
    ]
    return msgspec.json.encode(_Attempts([attempt, *others][:_MOST])).decode()
