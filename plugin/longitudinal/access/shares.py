"""Shares: one patient's timeline behind a link, until a time; kept in Orthanc, signed, as grants are.

They are user metadata (JSON) of the patient or, without a PatientID, of the study. Of the secret in the link only a digest
is kept. A share counts only with a signature of this archive: what anybody else writes there opens nothing.
"""

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

import msgspec

from longitudinal.access.signed_records import SignedRecords
from longitudinal.sight import StudyName
from longitudinal.transforms.signature import Key, Signature, Subject, sign, verifies

MOST = 100
"""Shares of one patient, those included that ended within `KEPT`."""
KEPT = timedelta(days=30)
"""How long the record of a share that has ended says so to whoever opens its link."""
LONGEST_SESSION = timedelta(hours=8)
_SESSION_KIND = "share session"
_LONGEST_COOKIE = 500
_PARTS = 5


class Share(msgspec.Struct, rename="camel", frozen=True):
    """That whoever opens a link sees a patient, or some studies of one, until a time.

    `resource` is the Orthanc id it is kept under; `patient_id` is that of the index; `studies` are Orthanc ids, empty where
    it is the whole patient with what is stored later. `hides` are attributes that whoever made it does not see. `digest` is
    that of the secret; `salt` is what pseudonyms and the shift of dates are made from. `opened` is when the link was
    exchanged, `session` the digest of what it was exchanged for, `revoked` when it was revoked; empty where that has not
    happened. Times are ISO 8601, UTC.
    """

    id: str
    resource: str
    level: Literal["patients", "studies"]
    patient_id: str
    studies: tuple[str, ...]
    by: str
    at: str
    until: str
    de_identified: bool
    hides: tuple[str, ...]
    digest: str
    salt: str
    opened: str = ""
    session: str = ""
    revoked: str = ""

    def shows(self, study: StudyName) -> bool:
        """Whether it is for a study."""
        if self.studies:
            return study.orthanc_id in self.studies and study.patient_id == self.patient_id
        return bool(self.patient_id) and study.patient_id == self.patient_id

    def counts(self, now: datetime) -> bool:
        """Whether it is neither revoked nor over."""
        return not self.revoked and now < _time(self.until)

    def is_remembered(self, now: datetime) -> bool:
        """Whether its record is kept."""
        return now < _time(self.revoked or self.until) + KEPT


_time = lru_cache(maxsize=10_000)(datetime.fromisoformat)


RECORDS = SignedRecords("share", Share, MOST)
"""Shares in the metadata of a resource."""


def digest_of(secret: str) -> str:
    """What is kept of a secret. It has 256 random bits, so a plain hash tells nothing of it."""
    return hashlib.sha256(b"orthanc-longitudinal share" + secret.encode("utf-8", "replace")).hexdigest()


def is_secret_of(share: Share, secret: str) -> bool:
    """Whether a secret opens a share; in a time that does not depend on where they differ."""
    return hmac.compare_digest(share.digest, digest_of(secret))


class Session(msgspec.Struct, frozen=True):
    """What a link is exchanged for: a signed text of a cookie that names a share, a nonce, and an end (POSIX seconds)."""

    share: str
    nonce: str
    ends: int

    def written(self, share: Share, key: Key) -> str:
        """The value of the cookie."""
        signature = sign(key, _SESSION_KIND, _of_session(share), self._content, 0)
        return ".".join((self.share, self.nonce, str(self.ends), signature.key, signature.mac))

    @property
    def _content(self) -> bytes:
        return f"{self.share} {self.nonce} {self.ends}".encode()

    def is_of(self, share: Share, signature: Signature, keys: tuple[Key, ...]) -> bool:
        """Whether this archive gave it for this share, and for no other opening of it."""
        if share.session and not hmac.compare_digest(share.session, digest_of(self.nonce)):
            return False
        return verifies(keys, signature, _SESSION_KIND, _of_session(share), self._content)


def _of_session(share: Share) -> Subject:
    return Subject(share.id, share.digest.encode(), 0)


def read_session(text: str) -> tuple[Session, Signature] | None:
    """What a cookie says, not checked yet; None where it says nothing."""
    parts = text.split(".")
    if len(text) > _LONGEST_COOKIE or not text.isascii() or len(parts) != _PARTS:
        return None
    share, nonce, ends, key, mac = parts
    if not (ends.isdecimal() and len(ends) < _LONGEST_END):
        return None
    return Session(share, nonce, int(ends)), Signature(key, 0, mac)


_LONGEST_END = 12


class ShareBook:
    """All shares of the archive in memory; from any thread.

    Parameters
    ----------
    read
        The signed shares of a resource (level, Orthanc id).
    """

    def __init__(self, read: Callable[[str, str], Iterable[Share]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._by_resource: dict[tuple[str, str], tuple[Share, ...]] = {}
        self._by_id: dict[str, Share] = {}

    def get(self, share: str) -> Share | None:
        """A share by its id, whether or not it still counts."""
        return self._by_id.get(share)

    def of_secret(self, secret: str) -> Share | None:
        """The share that a secret opens, whether or not it still counts; every share is compared with."""
        found = [share for share in self._by_id.values() if is_secret_of(share, secret)]
        return found[0] if found else None

    def all(self) -> list[Share]:
        """Every share, also those that have ended, the newest first."""
        return sorted(self._by_id.values(), key=lambda share: (share.at, share.id), reverse=True)

    def refresh(self, level: str, resource: str) -> None:
        """The metadata of a resource may have changed."""
        found = tuple(self._read(level, resource))
        with self._lock:
            before = self._by_resource.pop((level, resource), ())
            if found:
                self._by_resource[level, resource] = found
            if before or found:
                gone = {share.id for share in before}
                kept = {name: share for name, share in self._by_id.items() if name not in gone}
                self._by_id = kept | {share.id: share for share in found}


def session_end(share: Share, now: datetime) -> int:
    """When a session that begins now ends, POSIX seconds: after `LONGEST_SESSION`, or with the share."""
    return int(min(now + LONGEST_SESSION, _time(share.until)).timestamp())


def actor_share(book: ShareBook, cookie: str, keys: tuple[Key, ...]) -> Share | None:
    """The share that a cookie opens now; None where it opens none."""
    said = read_session(cookie)
    if said is None:
        return None
    session, signature = said
    share, now = book.get(session.share), datetime.now(UTC)
    if share is None or not share.counts(now) or now.timestamp() >= session.ends:
        return None
    return share if session.is_of(share, signature, keys) else None
