"""/shares and /share-session: links to one patient's timeline, and what a browser exchanges one for."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

import msgspec

from longitudinal.access.gate import SESSION
from longitudinal.access.roles import Need
from longitudinal.access.share_links import COOKIE, ShareLinks, latest_end
from longitudinal.access.shares import Share
from longitudinal.errors import (
    Ambiguous,
    ArchiveFailed,
    Conflict,
    FieldError,
    NoPicture,
    NotFound,
    ShareExpired,
    ShareImpossible,
    ShareRevoked,
    ShareUsed,
)
from longitudinal.http.exchange import Response
from longitudinal.http.fields import Identifier, StudyIdentifiers
from longitudinal.http.parse import invalid
from longitudinal.http.router import Call, Route
from longitudinal.http.shared_routes import PIXELS
from longitudinal.patients.instance_lookup import find_instance
from longitudinal.patients.shared_pixels import SharedPixels
from longitudinal.sidecar.connection import Readers

_NPY = "application/octet-stream"
_LONGEST_FRAME = 9


class ShareRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Share what the caller sees of a patient, or only some studies of it, until a time (ISO 8601 with an offset)."""

    patient_id: Identifier
    until: Annotated[datetime, msgspec.Meta(tz=True)]
    de_identified: bool = False
    study_instance_uids: StudyIdentifiers | None = None


class SharesQuery(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """`patientId` is a PatientID or an Orthanc id."""

    patient_id: Identifier


class ShareAnswer(msgspec.Struct, rename="camel", frozen=True):
    """A link to a patient; `orthancStudyIds` is empty where it shows the whole patient, with what is stored later.

    `opened` is when it was exchanged; null as long as nobody has.
    """

    id: str
    patient_id: str
    orthanc_study_ids: list[str]
    by: str
    at: str
    until: str
    de_identified: bool
    opened: str | None


class NewShare(ShareAnswer, rename="camel", frozen=True, kw_only=True):
    """The same with the link, which is told only this once; a path on this server."""

    link: str


class SharesAnswer(msgspec.Struct, frozen=True):
    """Links to a patient that still count, the newest first: all for an administrator, for others their own."""

    shares: list[ShareAnswer]


class SessionRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`secret` is what follows `#share=` in a link."""

    secret: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ShareSession(msgspec.Struct, rename="camel", frozen=True):
    """That a browser may see a patient now, until its session ends; `GET /me` says whom."""

    until: str
    de_identified: bool


def share_routes(root: str, readers: Readers, links: ShareLinks | None, frames: SharedPixels) -> list[Route]:
    """The routes; without `links` access is not restricted, so there is nothing to share."""

    def make(call: Call[None, ShareRequest]) -> NewShare:
        of, asked = _links(links), call.body
        _check_until(asked.until, of.check(call.actor))
        studies = tuple(asked.study_instance_uids or ())
        made, secret = of.make(
            call.actor, asked.patient_id, studies, asked.until, de_identified=asked.de_identified
        )
        answer = msgspec.structs.asdict(_answer(made))
        return NewShare(**answer, link=f"{root}/app/#share={quote(secret)}")

    def listed(call: Call[SharesQuery, None]) -> SharesAnswer:
        found = [] if links is None else links.listed(call.actor, call.query.patient_id)
        return SharesAnswer([_answer(share) for share in found])

    def revoke(call: Call[None, None], share: str) -> ShareAnswer:
        if links is None:
            raise NotFound(f"there is no share {share}", [FieldError("share", "unknown")])
        return _answer(links.revoke(call.actor, share))

    def exchange(call: Call[None, SessionRequest]) -> Response:
        opened = _links(links).open(call.body.secret)
        ends = datetime.fromtimestamp(datetime.now(UTC).timestamp() + opened.seconds, UTC)
        answer = ShareSession(ends.isoformat(timespec="seconds"), opened.share.de_identified)
        cookie = _cookie(opened.cookie, opened.seconds, call.request.headers)
        return Response(msgspec.json.encode(answer), headers={"Set-Cookie": cookie})

    def pixels(call: Call[None, None], instance: str, frame: str) -> Response:
        found = find_instance(readers, instance)
        if not (frame.isascii() and frame.isdecimal() and len(frame) <= _LONGEST_FRAME):
            raise NotFound(
                "frames are numbered from 0", [FieldError("frame", "must be a whole number from 0")]
            )
        share = call.actor.share
        is_masked = share is not None and share.de_identified
        return Response(frames.read(found, int(frame), de_identified=is_masked), content_type=_NPY)

    return [
        Route(
            "POST", "/shares", make, "Make a link to a patient for somebody without a login", answer=NewShare,
            body=ShareRequest, status=201, errors=(NotFound, Ambiguous, Conflict, ShareImpossible, ArchiveFailed),
            calls_back=True, need=Need.VIEW,
        ),
        Route(
            "GET", "/shares", listed, "The links to a patient that still count", answer=SharesAnswer, query=SharesQuery,
            errors=(NotFound, Ambiguous), need=Need.VIEW,
        ),
        Route(
            "DELETE", "/shares/{share}", revoke, "Revoke a link", answer=ShareAnswer,
            errors=(NotFound, Conflict, ArchiveFailed), calls_back=True, need=Need.VIEW,
        ),
        Route(
            "POST", SESSION, exchange, "Exchange the secret of a link for a cookie, once", answer=ShareSession,
            body=SessionRequest, calls_back=True, need=Need.OPEN,
            errors=(NotFound, Conflict, ShareImpossible, ShareExpired, ShareRevoked, ShareUsed, ArchiveFailed),
        ),
        Route(
            "GET", PIXELS, pixels, "The stored values of a frame (0-based) as NumPy's file format, for shared views",
            answer=_NPY, errors=(NotFound, Ambiguous, NoPicture, ArchiveFailed), calls_back=True,
            need=Need.VIEW,
        ),
    ]  # fmt: skip


def _links(links: ShareLinks | None) -> ShareLinks:
    if links is None:
        raise ShareImpossible(
            "access is not restricted here, so nobody needs a link (setting Longitudinal.Access)"
        )
    return links


def _check_until(until: datetime, days: int) -> None:
    if until <= datetime.now(UTC):
        raise invalid([FieldError("/until", "has passed")])
    if until > latest_end(days):
        raise invalid(
            [FieldError("/until", f"is more than {days} days from now (setting Access.Shares.Days)")]
        )


def _answer(share: Share) -> ShareAnswer:
    return ShareAnswer(
        id=share.id, patient_id=share.patient_id, orthanc_study_ids=list(share.studies), by=share.by, at=share.at,
        until=share.until, de_identified=share.de_identified, opened=share.opened or None,
    )  # fmt: skip


def _cookie(value: str, seconds: int, headers: Mapping[str, str]) -> str:
    """Set-Cookie without Path: the browser then takes the folder of this route, as it is called before any proxy.

    Strict is enough: a link leads to the page, which needs no cookie, and the page asks from this very site.
    """
    is_https = headers.get("origin", "").lower().startswith("https://") or "https" in {
        one.strip().lower() for one in headers.get("x-forwarded-proto", "").split(",")
    }
    secure = "; Secure" if is_https else ""
    return f"{COOKIE}={value}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
