"""Grants: a patient, or a study without PatientID, shared with somebody until a time; kept in Orthanc, signed.

They are user metadata (JSON) of the patient or the study. A grant counts only with a signature of this archive: what anybody
else writes there gives nothing.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import msgspec

from longitudinal.access.roles import Role
from longitudinal.access.signed_records import SignedRecords
from longitudinal.sight import StudyName

LOGGER = logging.getLogger(__name__)

MOST = 200
"""Grants of one patient; those that have ended are removed with the next change."""


class Grant(msgspec.Struct, rename="camel", frozen=True):
    """That somebody may see a patient or a study until a time.

    `resource` is the Orthanc id it is kept under; `patient_id` is that of the index, empty where it is for one study;
    `until` and `at` are ISO 8601, UTC; `kind` is "shared", or "emergency" where somebody took it (break-glass).
    """

    id: str
    resource: str
    level: Literal["patients", "studies"]
    patient_id: str
    user: str
    role: Role
    until: str
    kind: Literal["shared", "emergency"]
    reason: str
    by: str
    at: str

    def is_for(self, study: StudyName) -> bool:
        """Whether it is for a study; never for all studies without a PatientID at once."""
        if self.level == "studies":
            return study.orthanc_id == self.resource
        return bool(self.patient_id) and study.patient_id == self.patient_id

    def counts(self, now: datetime) -> bool:
        """Whether it has not ended."""
        return now < _time(self.until)

    @property
    def target(self) -> str:
        """What studies are looked up by: the PatientID of the index, or the Orthanc id of the one study."""
        return self.resource if self.level == "studies" else self.patient_id


_time = lru_cache(maxsize=10_000)(datetime.fromisoformat)


def _has_an_end(grant: Grant) -> bool:
    try:
        return _time(grant.until).tzinfo is not None
    except ValueError:
        return False


RECORDS = SignedRecords("grant", Grant, MOST, _has_an_end)
"""Grants in the metadata of a resource."""


class _Given(msgspec.Struct, frozen=True):
    """The grants of one user, by `Grant.target`; and when the last one of each role ends."""

    by_target: Mapping[str, tuple[Grant, ...]]
    ends: Mapping[Role, datetime]


class GrantBook:
    """All grants of the archive in memory, by user; from any thread.

    Parameters
    ----------
    read
        The signed grants of a resource (level, Orthanc id).
    """

    def __init__(self, read: Callable[[str, str], Iterable[Grant]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._by_resource: dict[tuple[str, str], tuple[Grant, ...]] = {}
        self._by_user: dict[str, _Given] = {}

    def roles_of(self, user: str) -> frozenset[Role]:
        """The roles that grants give a user now, for anything at all."""
        given = self._by_user.get(user)
        if given is None:
            return frozenset()
        now = datetime.now(UTC)
        return frozenset(role for role, end in given.ends.items() if now < end)

    def roles_for(self, user: str, study: StudyName) -> frozenset[Role]:
        """The roles that grants give a user now for one study."""
        given = self._by_user.get(user)
        if given is None:
            return frozenset()
        now = datetime.now(UTC)
        near = (*given.by_target.get(study.patient_id, ()), *given.by_target.get(study.orthanc_id, ()))
        return frozenset(grant.role for grant in near if grant.is_for(study) and grant.counts(now))

    def of(self, user: str) -> list[Grant]:
        """The grants of a user that count now, the newest first."""
        return [grant for grant in self.all() if grant.user == user]

    def all(self) -> list[Grant]:
        """Every grant that counts now, the newest first."""
        now = datetime.now(UTC)
        with self._lock:
            found = [grant for grants in self._by_resource.values() for grant in grants if grant.counts(now)]
        return sorted(found, key=lambda grant: (grant.at, grant.id), reverse=True)

    def refresh(self, level: str, resource: str) -> None:
        """The metadata of a resource may have changed."""
        found = tuple(self._read(level, resource))
        with self._lock:
            before = self._by_resource.pop((level, resource), ())
            if found:
                self._by_resource[level, resource] = found
            users = {grant.user for grant in (*before, *found)}
            if users:
                self._by_user = self._by_user | {user: self._of_user(user) for user in users}

    def _of_user(self, user: str) -> _Given:
        """With the lock held."""
        found: dict[str, tuple[Grant, ...]] = {}
        ends: dict[Role, datetime] = {}
        for grants in self._by_resource.values():
            for one in grants:
                if one.user == user:
                    found[one.target] = (*found.get(one.target, ()), one)
                    ends[one.role] = max(_time(one.until), ends.get(one.role, _time(one.until)))
        return _Given(found, ends)
