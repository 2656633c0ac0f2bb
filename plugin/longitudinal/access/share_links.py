"""Making, opening and revoking shares: all changes of them."""

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Literal, Protocol

import msgspec

from longitudinal.access import shares
from longitudinal.access.identity import Actor
from longitudinal.access.keyring import Keyring
from longitudinal.access.policy import Policy
from longitudinal.access.roles import Need
from longitudinal.access.shares import Session, Share, ShareBook, actor_share, digest_of, session_end
from longitudinal.errors import (
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    ShareExpired,
    ShareImpossible,
    ShareRevoked,
    ShareUsed,
)
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.patients import patient_key_of, read_patient
from longitudinal.sidecar.tables.studies import studies_of_patient
from longitudinal.sight import seeing
from longitudinal.touched import remark, touch

LOGGER = logging.getLogger(__name__)

COOKIE = "longitudinal_share"
_NO_PATIENT_ID = "study:"
_SECRET_BYTES = 32


class ShareStore(Protocol):
    """Where the metadata with the shares is; over loopback, as it is written."""

    def change_shares(self, level: str, resource: str, change: Callable[[str | None], str]) -> None:
        """Replace the shares of a resource by what `change` makes of them. Raises ArchiveFailed."""


class _Target(msgspec.Struct, frozen=True):
    """What is shared; `studies` are Orthanc ids, empty for the whole patient."""

    level: Literal["patients", "studies"]
    resource: str
    patient_id: str
    studies: tuple[str, ...]


class Opened(msgspec.Struct, frozen=True):
    """What a link was exchanged for: the value of the cookie, and for how many seconds it counts."""

    share: Share
    cookie: str
    seconds: int


class ShareLinks:
    """Who may make shares, and what becomes of their links. Each change is in the log.

    Parameters
    ----------
    obstacle
        Why no link can work on this server, in a sentence; None where links work.
    """

    def __init__(
        self, policy: Policy, book: ShareBook, keyring: Keyring, store: ShareStore, readers: Readers, obstacle: str | None
    ) -> None:  # fmt: skip
        self._policy = policy
        self._book = book
        self._keyring = keyring
        self._store = store
        self._readers = readers
        self.obstacle = obstacle
        self._lock = threading.Lock()

    def share_of(self, headers: Mapping[str, str]) -> Share | None:
        """The share that a request with these headers has opened; None where it has opened none."""
        if self.obstacle is not None or COOKIE not in (text := headers.get("cookie", "")):
            return None
        return actor_share(self._book, _cookie(text), self._keyring.keys)

    def may_share(self, actor: Actor) -> bool:
        """Whether somebody may make shares at all."""
        return self.obstacle is None and self._policy.may_share(actor) is not None

    def check(self, actor: Actor) -> int:
        """For how many days somebody may share at most. Raises ShareImpossible, Forbidden."""
        if self.obstacle is not None:
            raise ShareImpossible(self.obstacle)
        days = self._policy.may_share(actor)
        if days is None:
            raise Forbidden(f"{actor.name} may not make links to patients (setting Access.Shares)")
        return days

    def make(
        self, actor: Actor, patient: str, studies: tuple[str, ...], until: datetime, *, de_identified: bool
    ) -> tuple[Share, str]:
        """Make a share of what the actor sees of a patient, after `check`; returns it and the secret of its link.

        Raises
        ------
        NotFound, Ambiguous
            There is no such patient or study that the actor may see.
        Conflict
            There are too many already, or no key to sign with.
        ArchiveFailed
        """
        target, secret = self._target(patient, studies), secrets.token_urlsafe(_SECRET_BYTES)
        made = Share(
            id=secrets.token_hex(8), resource=target.resource, level=target.level, patient_id=target.patient_id,
            studies=target.studies, by=actor.name, at=_now(), until=_iso(until), de_identified=de_identified,
            hides=tuple(sorted(self._policy.hidden_attributes(actor))), digest=digest_of(secret),
            salt=secrets.token_hex(_SECRET_BYTES),
        )  # fmt: skip

        def add(kept: list[Share]) -> list[Share]:
            if len(kept) >= shares.MOST:
                raise Conflict(
                    f"{shares.MOST} links to it are kept; those that ended are removed after a month"
                )
            return [*kept, made]

        self._change(made, add)
        _note(made)
        LOGGER.warning(
            "%r made share %s of %s %s until %s", actor.name, made.id, made.level, made.resource, made.until
        )
        return made, secret

    def listed(self, actor: Actor, patient: str) -> list[Share]:
        """The shares of a patient that still count: an administrator sees all, others their own. Raises as `make`."""
        target, now = self._target(patient, ()), datetime.now(UTC)
        is_all = self._policy.is_unlimited(actor, Need.ADMINISTER)
        return [
            share
            for share in self._book.all()
            if share.counts(now) and share.resource == target.resource and share.patient_id == target.patient_id
            and (is_all or share.by == actor.name)
        ]  # fmt: skip

    def revoke(self, actor: Actor, share_id: str) -> Share:
        """Revoke a share: an administrator any, others their own. Raises NotFound, Conflict, ArchiveFailed."""
        found = self._book.get(share_id)
        is_all = self._policy.is_unlimited(actor, Need.ADMINISTER)
        if found is None or not found.counts(datetime.now(UTC)) or not (is_all or found.by == actor.name):
            raise NotFound(f"there is no share {share_id}", [FieldError("share", "unknown")])
        revoked = msgspec.structs.replace(found, revoked=_now())
        self._change(
            found,
            lambda kept: [_revoked(one, revoked.revoked) if one.id == share_id else one for one in kept],
        )
        _note(found)
        LOGGER.warning("%r revoked share %s of %s %s", actor.name, found.id, found.level, found.resource)
        return revoked

    def open(self, secret: str) -> Opened:
        """Exchange the secret of a link, once.

        Raises
        ------
        NotFound
            It opens nothing.
        ShareExpired, ShareRevoked, ShareUsed
            It opens nothing any more.
        Conflict, ArchiveFailed, ShareImpossible
        """
        if self.obstacle is not None:
            raise ShareImpossible(self.obstacle)
        share = self._book.of_secret(secret)
        if share is None:
            raise NotFound("this link leads nowhere: it is not whole, or it was made a long time ago")
        _note(share)
        check_openable(share)
        now = datetime.now(UTC)
        session = Session(share.id, secrets.token_urlsafe(_SECRET_BYTES), session_end(share, now))

        def mark(kept: list[Share]) -> list[Share]:
            # read again under compare-and-set: of two who open it at once, on whichever nodes, one is first
            current = next((one for one in kept if one.id == share.id), None)
            if current is None:
                raise ShareRevoked("this link was revoked")
            check_openable(current)
            opened = msgspec.structs.replace(current, opened=_now(), session=digest_of(session.nonce))
            return [opened if one.id == share.id else one for one in kept]

        self._change(share, mark)
        # without revisions in Orthanc two can write one after the other: what is kept now decides
        kept = self._book.get(share.id)
        if kept is None or kept.session != digest_of(session.nonce):
            raise ShareUsed(_USED)
        LOGGER.warning("Share %s of %s %s was opened", share.id, share.level, share.resource)
        return Opened(kept, session.written(kept, self._keyring.keys[0]), session.ends - int(now.timestamp()))

    def _target(self, patient: str, studies: tuple[str, ...]) -> _Target:
        """What the caller sees of a patient. Raises NotFound, Ambiguous."""
        unknown = NotFound(f"there is no patient {patient}", [FieldError("/patientId", "unknown")])
        connection = self._readers.connection()
        key = patient_key_of(connection, patient)
        row = None if key is None else read_patient(connection, key)
        if key is None or row is None:
            raise unknown
        seen = studies_of_patient(connection, key)
        with seeing(None):
            is_whole = len(studies_of_patient(self._readers.connection(), key)) == len(seen)
        wanted = [_one_of(study, seen) for study in studies]
        if str(row["patient_id"]).startswith(_NO_PATIENT_ID):
            only = next(iter(seen))
            return _Target("studies", only, row["patient_id"], (only,))
        chosen = () if is_whole and not wanted else tuple(sorted(wanted or seen))
        return _Target("patients", row["orthanc_id"], row["patient_id"], chosen)

    def _change(self, of: Share, change: Callable[[list[Share]], list[Share]]) -> None:
        keys = self._keyring.keys
        if not keys:
            raise Conflict(f"no share can be signed: {self._keyring.problem}")

        def rewrite(text: str | None) -> str:
            now = datetime.now(UTC)
            kept = [
                share for share in shares.RECORDS.read(text, of.resource, keys) if share.is_remembered(now)
            ]
            return shares.RECORDS.written(change(kept), keys[0])

        with self._lock:  # without revisions in Orthanc, two changes at once would lose one
            self._store.change_shares(of.level, of.resource, rewrite)
            self._book.refresh(of.level, of.resource)


_USED = "this link was opened before, and a link opens once; ask whoever sent it for a new one"


def check_openable(share: Share) -> None:
    """Raise ShareRevoked, ShareExpired or ShareUsed where a link can no longer be exchanged."""
    if share.revoked:
        raise ShareRevoked("whoever sent this link has revoked it")
    if not share.counts(datetime.now(UTC)):
        raise ShareExpired(f"this link was good until {share.until}")
    if share.opened:
        raise ShareUsed(_USED)


def latest_end(days: int) -> datetime:
    """Until when somebody may share now who may do so for so many days."""
    return datetime.now(UTC) + timedelta(days=days)


def _note(share: Share) -> None:
    """For the audit: whom a share is about, and which one it is."""
    for study in share.studies:
        touch("studies", study)
    if not share.studies:
        touch("patients", share.patient_id)
    remark(f"share {share.id} until {share.until}{', de-identified' if share.de_identified else ''}")


def _revoked(share: Share, at: str) -> Share:
    return share if share.revoked else msgspec.structs.replace(share, revoked=at)


def _one_of(study: str, seen: Mapping[str, str]) -> str:
    """The Orthanc id of a study that is seen, by that or by its UID. Raises NotFound."""
    found = [orthanc_id for orthanc_id, uid in seen.items() if study in (orthanc_id, uid)]
    if not found:
        raise NotFound(
            f"there is no study {study} of this patient", [FieldError("/studyInstanceUids", "unknown")]
        )
    return found[0]


def _cookie(text: str) -> str:
    try:
        found = SimpleCookie(text).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _now() -> str:
    return _iso(datetime.now(UTC))


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
