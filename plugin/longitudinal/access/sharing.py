"""Giving and ending grants: an administrator shares a patient with somebody, or somebody opens one in an emergency."""

import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

import msgspec

from longitudinal.access import grants
from longitudinal.access.grants import Grant, GrantBook
from longitudinal.access.identity import Actor
from longitudinal.access.keyring import Keyring
from longitudinal.access.policy import Policy
from longitudinal.access.roles import Need, Role
from longitudinal.errors import Conflict, FieldError, Forbidden, NotFound
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.patients import patient_key_of, read_patient
from longitudinal.sidecar.tables.studies import find_studies
from longitudinal.sight import seeing
from longitudinal.touched import remark, touch

LOGGER = logging.getLogger(__name__)

_NO_PATIENT_ID = "study:"


class GrantStore(Protocol):
    """Where the metadata with the grants is; over loopback, as it is written."""

    def change_grants(self, level: str, resource: str, change: Callable[[str | None], str]) -> None:
        """Replace the grants of a resource by what `change` makes of them. Raises ArchiveFailed."""


class Target(msgspec.Struct, frozen=True):
    """What is shared: a patient, or one study; `resource` is its Orthanc id."""

    level: Literal["patients", "studies"]
    resource: str
    patient_id: str


class Sharing:
    """All changes of grants. Each is in the log, an emergency as an error, so that somebody looks."""

    def __init__(
        self, policy: Policy, book: GrantBook, keyring: Keyring, store: GrantStore, readers: Readers
    ) -> None:
        self._policy = policy
        self._book = book
        self._keyring = keyring
        self._store = store
        self._readers = readers

    def listed(self, actor: Actor) -> list[Grant]:
        """The grants that count now: all for an administrator, for others their own."""
        if self._policy.is_unlimited(actor, Need.ADMINISTER):
            return self._book.all()
        return self._book.of(actor.name)

    def check(self, actor: Actor, *, is_emergency: bool) -> None:
        """Raise Forbidden where somebody may not give such a grant, whatever it names."""
        if is_emergency and self._policy.may_break_glass(actor) is None:
            raise Forbidden(f"{actor.name} may not open patients in an emergency")
        if not is_emergency and not self._policy.is_unlimited(actor, Need.ADMINISTER):
            raise Forbidden("only administrators share patients")

    def share(
        self, actor: Actor, target: Target, user: str, role: Role, until: datetime, reason: str
    ) -> Grant:
        """Share a patient or a study with somebody until a time, after `check`.

        Raises
        ------
        Conflict
            There are too many already, or no key to sign with.
        ArchiveFailed
        """
        made = _made(target, user, role, until, "shared", reason, actor)
        self._add(made)
        remark(f"{role} for {user!r} until {made.until}: {reason}")
        LOGGER.warning("%r shared %s %s with %r until %s: %r", actor.name, *_named(made), reason)
        return made

    def open_in_emergency(self, actor: Actor, target: Target, reason: str) -> Grant:
        """Let the actor see a patient or a study for some hours (break-glass), after `check`. Raises as `share`."""
        hours = self._policy.may_break_glass(actor) or 0
        until = datetime.now(UTC) + timedelta(hours=hours)
        made = _made(target, actor.name, Role.VIEWER, until, "emergency", reason, actor)
        LOGGER.error(
            "EMERGENCY ACCESS: %r opens %s %s for %r until %s: %r", actor.name, *_named(made), reason
        )
        self._add(made)
        remark(f"emergency, until {made.until}: {reason}")
        return made

    def end(self, actor: Actor, grant_id: str) -> Grant:
        """End a grant: an administrator any, others their own. Raises NotFound, Conflict, ArchiveFailed."""
        found = next((grant for grant in self.listed(actor) if grant.id == grant_id), None)
        if found is None:
            raise NotFound(f"there is no grant {grant_id}", [FieldError("grant", "unknown")])
        touch(*(("studies", found.resource) if found.level == "studies" else ("patients", found.patient_id)))
        self._change(found, lambda kept: [grant for grant in kept if grant.id != grant_id])
        remark(f"ended: {found.role} for {found.user!r} until {found.until}")
        LOGGER.warning("%r ended the grant of %s %s to %r that ran until %s", actor.name, *_named(found))
        return found

    def target_of(self, patient_id: str | None, study: str | None) -> Target:
        """What a request names, whoever may see it.

        Raises
        ------
        NotFound, Ambiguous
            There is no such patient or study, or several.
        Conflict
            The patient stands for all studies without a PatientID, or the UID for several studies.
        """
        with seeing(None):
            return self._patient(patient_id) if patient_id is not None else self._study(study or "")

    def _patient(self, patient: str) -> Target:
        connection = self._readers.connection()
        key = patient_key_of(connection, patient)
        row = None if key is None else read_patient(connection, key)
        if row is None:
            raise NotFound(f"there is no patient {patient}", [FieldError("/patientId", "unknown")])
        if str(row["patient_id"]).startswith(_NO_PATIENT_ID):
            raise Conflict("a study without PatientID is shared by its studyInstanceUid")
        touch("patients", row["patient_id"])
        return Target("patients", row["orthanc_id"], row["patient_id"])

    def _study(self, study: str) -> Target:
        found = find_studies(self._readers.connection(), study)
        if not found:
            raise NotFound(f"there is no study {study}", [FieldError("/studyInstanceUid", "unknown")])
        if len(found) > 1:
            raise Conflict("several studies have this UID; name one by its Orthanc id")
        touch("studies", found[0].orthanc_id)
        return Target("studies", found[0].orthanc_id, "")

    def _add(self, made: Grant) -> None:
        def add(kept: list[Grant]) -> list[Grant]:
            if len(kept) >= grants.MOST:
                raise Conflict(f"{grants.MOST} people have grants for it; end some")
            return [*kept, made]

        self._change(made, add)

    def _change(self, of: Grant, change: Callable[[list[Grant]], list[Grant]]) -> None:
        keys = self._keyring.keys
        if not keys:
            raise Conflict(f"no grant can be signed: {self._keyring.problem}")

        def rewrite(text: str | None) -> str:
            now = datetime.now(UTC)
            kept = [grant for grant in grants.RECORDS.read(text, of.resource, keys) if grant.counts(now)]
            return grants.RECORDS.written(change(kept), keys[0])

        self._store.change_grants(of.level, of.resource, rewrite)
        self._book.refresh(of.level, of.resource)


def _made(
    target: Target, user: str, role: Role, until: datetime, kind: Literal["shared", "emergency"], reason: str, actor: Actor
) -> Grant:  # fmt: skip
    return Grant(
        id=secrets.token_hex(8), resource=target.resource, level=target.level, patient_id=target.patient_id, user=user,
        role=role, until=until.astimezone(UTC).isoformat(timespec="seconds"), kind=kind, reason=reason, by=actor.name,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )  # fmt: skip


def _named(grant: Grant) -> tuple[str, str, str, str]:
    return grant.level, grant.resource, grant.user, grant.until
