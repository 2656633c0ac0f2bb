"""GET /me and /grants: who acts, what they may do, and what is shared with whom."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from longitudinal.access.grants import Grant
from longitudinal.access.identity import Actor
from longitudinal.access.policy import Policy
from longitudinal.access.roles import Need, Role
from longitudinal.access.share_links import ShareLinks
from longitudinal.access.sharing import Sharing
from longitudinal.errors import Ambiguous, ArchiveFailed, Conflict, FieldError, NotFound
from longitudinal.http.fields import Identifier
from longitudinal.http.parse import invalid
from longitudinal.http.router import Call, Route

_Reason = Annotated[str, msgspec.Meta(min_length=3, max_length=500, pattern=r"\S")]
_User = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Access(msgspec.Struct, frozen=True):
    """What the routes need where access is restricted."""

    policy: Policy
    sharing: Sharing
    links: ShareLinks | None = None


class OpenedShare(msgspec.Struct, rename="camel", frozen=True):
    """What a link has opened: until when the share counts, what it calls its patient, and whether it is de-identified."""

    until: str
    patient_id: str
    de_identified: bool


class Me(msgspec.Struct, rename="camel", frozen=True):
    """Who acts, and what they may do.

    `restricted` tells whether this archive restricts access at all; without that everybody may do everything. `how` is
    password, token or unknown. `seesEverything` tells whether they see every study. `emergencyHours` is for how long they
    may open a patient in an emergency, null where they may not. `shareDays` is for how long a link may count by which they
    share a patient, null where they may make none. `share` is what a link has opened, null for everybody with a login; `how`
    is then share.
    """

    name: str
    how: str
    restricted: bool
    roles: list[Role]
    sees_everything: bool
    emergency_hours: int | None
    share_days: int | None = None
    share: OpenedShare | None = None


class GrantRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Share a patient, or one study, with a user until a time; or, with `emergency`, open it for oneself.

    `until` is ISO 8601 with an offset. In an emergency `user` and `until` are left out: it ends after the hours that the
    settings allow.
    """

    reason: _Reason
    patient_id: Identifier | None = None
    study_instance_uid: Identifier | None = None
    user: _User | None = None
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    role: Literal["viewer", "reviewer"] = "viewer"
    emergency: bool = False


class GrantAnswer(msgspec.Struct, rename="camel", frozen=True):
    """That a user may see a patient (`patientId`) or a study (`orthancStudyId`) until a time; the other is empty."""

    id: str
    patient_id: str
    orthanc_study_id: str
    user: str
    role: str
    until: str
    kind: Literal["shared", "emergency"]
    reason: str
    by: str
    at: str


class GrantsAnswer(msgspec.Struct, rename="camel", frozen=True):
    """Grants that count now, the newest first: all for an administrator, for others their own."""

    grants: list[GrantAnswer]


def access_routes(access: Access | None) -> list[Route]:
    """The routes; without `access` nothing is restricted."""

    def me(call: Call[None, None]) -> Me:
        return _me(access, call.actor)

    def listed(call: Call[None, None]) -> GrantsAnswer:
        found = [] if access is None else access.sharing.listed(call.actor)
        return GrantsAnswer([_answer(grant) for grant in found])

    def give(call: Call[None, GrantRequest]) -> GrantAnswer:
        sharing, asked = _sharing(access), call.body
        _check_form(asked)
        sharing.check(call.actor, is_emergency=asked.emergency)  # before anything is looked up
        target = sharing.target_of(asked.patient_id, asked.study_instance_uid)
        if asked.emergency:
            return _answer(sharing.open_in_emergency(call.actor, target, asked.reason))
        assert asked.user is not None
        assert asked.until is not None
        return _answer(
            sharing.share(call.actor, target, asked.user, Role(asked.role), asked.until, asked.reason)
        )

    def end(call: Call[None, None], grant: str) -> GrantAnswer:
        if access is None:
            raise NotFound(f"there is no grant {grant}", [FieldError("grant", "unknown")])
        return _answer(access.sharing.end(call.actor, grant))

    errors = (NotFound, Conflict, ArchiveFailed)
    return [
        Route("GET", "/me", me, "Who acts, and what they may do", answer=Me, need=Need.ANY),
        Route(
            "GET", "/grants", listed, "What is shared with whom", answer=GrantsAnswer, need=Need.ANY
        ),
        Route(
            "POST", "/grants", give, "Share a patient or a study, or open it in an emergency", answer=GrantAnswer,
            body=GrantRequest, status=201, errors=(*errors, Ambiguous), calls_back=True, need=Need.ANY,
        ),
        Route(
            "DELETE", "/grants/{grant}", end, "End a grant", answer=GrantAnswer, errors=errors, calls_back=True,
            need=Need.ANY,
        ),
    ]  # fmt: skip


def _me(access: Access | None, actor: Actor) -> Me:
    if access is None:
        return Me(actor.name, actor.how.value, False, list(Role), True, None)
    policy, share = access.policy, actor.share
    may_share = access.links is not None and access.links.may_share(actor)
    return Me(
        name=actor.name,
        how=actor.how.value,
        restricted=True,
        roles=sorted(policy.roles(actor)),
        sees_everything=policy.is_unlimited(actor, Need.VIEW),
        emergency_hours=policy.may_break_glass(actor),
        share_days=policy.may_share(actor) if may_share else None,
        share=None if share is None else OpenedShare(share.until, share.patient_id, share.de_identified),
    )


def _sharing(access: Access | None) -> Sharing:
    if access is None:
        raise Conflict(
            "access is not restricted here, so there is nothing to share (setting Longitudinal.Access)"
        )
    return access.sharing


def _check_form(asked: GrantRequest) -> None:
    errors = []
    if (asked.patient_id is None) == (asked.study_instance_uid is None):
        detail = "give either patientId or studyInstanceUid"
        errors += [FieldError("/patientId", detail), FieldError("/studyInstanceUid", detail)]
    if asked.emergency and (asked.user is not None or asked.until is not None or asked.role != "viewer"):
        errors.append(
            FieldError("/emergency", "is for whoever asks, as a viewer, and for a time that is set")
        )
    if not asked.emergency:
        errors += [
            FieldError(f"/{name}", "is missing") for name in ("user", "until") if getattr(asked, name) is None
        ]
        if asked.until is not None and asked.until <= datetime.now(UTC):
            errors.append(FieldError("/until", "has passed"))
    if errors:
        raise invalid(errors)


def _answer(grant: Grant) -> GrantAnswer:
    is_study = grant.level == "studies"
    return GrantAnswer(
        id=grant.id, patient_id=grant.patient_id, orthanc_study_id=grant.resource if is_study else "", user=grant.user,
        role=grant.role.value, until=grant.until, kind=grant.kind, reason=grant.reason, by=grant.by, at=grant.at,
    )  # fmt: skip
