"""Every code a problem or an uploaded file can have, with what a client tells its user and whether a retry helps.

`python -m longitudinal.http.error_catalogue` prints the tables of docs/errors.md; a test compares them.
"""

import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain

import msgspec

from longitudinal.errors import InvalidSettings, LongitudinalError, Refused
from longitudinal.reasons import GivenTransformRefusal, LandmarkFault, PlaceFault, UploadRefusal


class Retry(StrEnum):
    """Whether the same request can succeed later."""

    NEVER = "no"
    LATER = "yes"
    AFTER_A_CHANGE = "after a change"


class Entry(msgspec.Struct, frozen=True):
    """One line of the catalogue; `status` is that of the response."""

    code: str
    status: int
    advice: str
    retry: Retry


_NO, _LATER, _CHANGE = Retry.NEVER, Retry.LATER, Retry.AFTER_A_CHANGE
# By code: what a client says to its user.
ADVICE: dict[str, tuple[str, Retry]] = {
    "ambiguous": ("This number belongs to more than one study or patient. Choose one of them.", _NO),
    "answerTooLarge": ("Too many points for one question. Ask for fewer at a time.", _NO),
    "archiveFailed": ("The archive did not carry this out. Try again in a moment.", _LATER),
    "auditUnavailable": (
        "Nothing can be changed at the moment, because it could not be recorded. Tell the administrator.",
        _LATER,
    ),
    "bodyTooLarge": ("The file or request is larger than this server accepts.", _NO),
    "busy": ("The server is busy. Trying again.", _LATER),
    "conflict": ("This is not possible in the present state. Reload, then decide again.", _CHANGE),
    "forbidden": ("You are not allowed to do this, or you are not signed in.", _CHANGE),
    "imageNotStored": ("The image has not arrived yet. Trying again.", _LATER),
    "internalError": ("The server made a mistake. Tell the administrator; the log has the details.", _LATER),
    "invalidRequest": ("Some entries are wrong; each is named.", _NO),
    "malformedBody": ("The upload was cut off or damaged. Send it again.", _LATER),
    "malformedJson": ("The program sent something unreadable. Tell its maker.", _NO),
    "methodNotAllowed": ("The program asked in a way that this server does not know. Tell its maker.", _NO),
    "noPicture": ("This object cannot be shown as a picture.", _NO),
    "notFound": ("This is not here, or not any more, or not visible to you.", _NO),
    "notIndexable": ("This image has no known position in the patient.", _NO),
    "otherPatient": ("The image belongs to another patient.", _NO),
    "outsideImage": ("The point is not on the image.", _NO),
    "rateLimited": ("Too many requests at once. Trying again.", _LATER),
    "notForShares": ("This is not part of a shared view. Ask whoever sent you the link.", _NO),
    "shareExpired": ("This link has expired. Ask whoever sent it for a new one.", _NO),
    "shareImpossible": ("Links do not work on this server as it is set up. Tell the administrator.", _CHANGE),
    "shareRevoked": ("This link was revoked. Ask whoever sent it.", _NO),
    "shareUsed": ("This link was opened before; each opens once. Ask whoever sent it for a new one.", _NO),
    "sidecarUnavailable": ("The index cannot be read at the moment. Trying again.", _LATER),
    "tooManyJobs": ("Too many of your jobs are waiting. Try again when some are done.", _LATER),
    "unprocessable": ("This cannot be carried out; the reason is stated.", _NO),
    "unsupportedMediaType": ("This kind of file is not accepted here.", _NO),
    "writerUnavailable": ("Reports cannot be written at the moment. Try again in a moment.", _LATER),
}
# The other faults of places are of reports that are stored.
_OF_REQUESTS = (PlaceFault.NO_FRAME_UID, PlaceFault.NOT_IN_A_STUDY)
_UPLOADS_WORTH_A_RETRY = {UploadRefusal.ARCHIVE_FAILED, UploadRefusal.REFUSED_BY_ARCHIVE}


def problems() -> list[Entry]:
    """The codes of problems, in their order."""
    found: dict[str, Entry] = {}
    for kind in _kinds(LongitudinalError):
        if kind is not InvalidSettings and not issubclass(kind, Refused):
            found[kind.code] = Entry(kind.code, kind.status, *ADVICE[kind.code])
    for reason in chain(GivenTransformRefusal, LandmarkFault, _OF_REQUESTS):
        if reason.value not in found:
            found[reason.value] = Entry(reason.value, Refused.status, reason.explanation, _NO)
    return sorted(found.values(), key=lambda entry: entry.code)


def upload_refusals() -> list[Entry]:
    """The codes of files that were not stored; the upload as a whole is answered 200."""
    return [
        Entry(reason.value, 200, reason.explanation, _LATER if reason in _UPLOADS_WORTH_A_RETRY else _NO)
        for reason in sorted(UploadRefusal)
    ]


def as_table(entries: list[Entry]) -> str:
    """A table of Markdown."""
    lines = ["| code | status | what a client tells its user | does a retry help? |", "|---|---|---|---|"]
    lines += [f"| `{one.code}` | {one.status} | {one.advice} | {one.retry} |" for one in entries]
    return "\n".join(lines)


def _kinds(kind: type[LongitudinalError]) -> Iterator[type[LongitudinalError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


if __name__ == "__main__":
    sys.stdout.write(f"{as_table(problems())}\n\n{as_table(upload_refusals())}\n")
