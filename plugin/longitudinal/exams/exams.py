"""Exams: which images of the archive belong to a record of another system, and to whom that record belongs.

Whose an exam is, is read from all of it, whoever asks: what somebody may not see must not change it. They are then shown
the links to studies that they see, and the declaration where it is of such a patient or their own.
"""

import hashlib
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from longitudinal.archive import Archive, ArchiveWriter
from longitudinal.errors import (
    Ambiguous,
    ArchiveFailed,
    Conflict,
    FieldError,
    Forbidden,
    ImageNotStored,
    InvalidRequest,
    NotFound,
    OtherPatient,
)
from longitudinal.exams.documents import Document, ExamDocuments
from longitudinal.patients.instance_lookup import find_instance
from longitudinal.patients.study_lookup import StudyLookup
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables import exams as table
from longitudinal.sidecar.tables.browse import owners_of_series
from longitudinal.sidecar.tables.exams import ExamDeclaration, ExamLink, LinkedStudy, RemovedLink
from longitudinal.sidecar.tables.instances import InstanceWriter, Touched
from longitudinal.sight import current_sight, seeing
from longitudinal.touched import touch

# Orthanc's web server removes dots at the end of a path, so two such names could not be told apart.
_NAME = re.compile(r"[A-Za-z0-9._-]{0,63}[A-Za-z0-9_-]", re.ASCII)
_ID_LENGTH = 32
_FIELDS = {"instances": "/sopInstanceUid", "series": "/seriesInstanceUid", "studies": "/studyInstanceUid"}

Submit = Callable[[Callable[[sqlite3.Connection, InstanceWriter], Iterable[Touched]]], Future[None]]


@dataclass(frozen=True, slots=True)
class Given:
    """What the other system states of an image; "" where it states nothing."""

    description: str = ""
    modality: str = ""
    acquired_at: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ExamState:
    """An exam at one moment.

    Attributes
    ----------
    is_carried
        Whether a stored patient or study carries it.
    links
        Those to studies of its patient that are stored.
    others
        How many links lead to studies of another patient; they are never served.
    """

    exam: str
    declaration: ExamDeclaration | None
    patient_id: str | None
    is_carried: bool
    links: tuple[LinkedStudy, ...]
    removed: tuple[RemovedLink, ...]
    others: int

    @property
    def is_declared(self) -> bool:
        """Whether the declaration names the patient."""
        return self.declaration is not None and self.declaration.patient_id != ""


@dataclass(frozen=True, slots=True)
class _Target:
    level: str
    orthanc_id: str
    study: str


class Exams:
    """Declares exams, links images to them, and answers what belongs to one.

    Parameters
    ----------
    lookup
        Finds studies, and so decides which ones may be linked and seen.
    refresh
        Brings the document of a study or patient (Orthanc id) into the sidecar.
    pattern
        The setting ExamIdPattern: what every name of an exam has to match as a whole; None for no more than the rule.
    """

    def __init__(
        self,
        readers: Readers,
        archive: Archive,
        writer: ArchiveWriter,
        documents: ExamDocuments,
        lookup: StudyLookup,
        refresh: Callable[[str], Future[None]],
        submit: Submit,
        pattern: str | None = None,
    ) -> None:
        self._readers = readers
        self._archive = archive
        self._writer = writer
        self._documents = documents
        self._lookup = lookup
        self._refresh = refresh
        self._submit = submit
        self._pattern = None if pattern is None else re.compile(pattern)
        # Orthanc's metadata is read and then written: two requests at once would lose one of the changes.
        self._lock = threading.Lock()

    def check_name(self, exam: str) -> None:
        """Raise InvalidRequest where the name of an exam is not one."""
        detail = None
        if _NAME.fullmatch(exam) is None:
            detail = (
                "must be 1 to 64 letters, digits, dots, hyphens and underscores, without a dot at its end"
            )
        elif self._pattern is not None and self._pattern.fullmatch(exam) is None:
            detail = f"must match {self._pattern.pattern} (setting ExamIdPattern)"
        if detail is not None:
            raise InvalidRequest(f"exam: {detail}", [FieldError("exam", detail)])

    def names(self, patient_key: int | None) -> list[str]:
        """The names of every exam, or of those of one patient."""
        return table.exam_names(self._readers.connection(), patient_key)

    def find(self, exam: str) -> ExamState:
        """One exam. Raises InvalidRequest, NotFound."""
        self.check_name(exam)
        state = self.state(exam)
        if state is None:
            raise _unknown(exam)
        return state

    def state(self, exam: str) -> ExamState | None:
        """One exam, as far as the caller sees it; None where nothing of it is known or visible."""
        with seeing(None):
            whole = self._whole(exam)
        state = whole if whole is None or current_sight() is None else self._seen(whole)
        if state is not None:
            if state.patient_id:
                touch("patients", state.patient_id)
            for one in state.links:
                touch("studies", one.study)
        return state

    def _seen(self, whole: ExamState) -> ExamState | None:
        """What the caller sees of an exam; its patient stays the same, and is named where it is seen."""
        connection = self._readers.connection()
        shown = {link.link.id for link in table.links_of_exam(connection, whole.exam)}
        declared = [declaration for _, declaration in table.declarations_of_exam(connection, whole.exam)]
        declaration = whole.declaration if whole.declaration in declared else None
        links = tuple(one for one in whole.links if one.link.id in shown)
        removed = tuple(one for one in whole.removed if one.id in shown)
        if declaration is None and not shown:
            return None
        is_patient_seen = bool(links) or (declaration is not None and declaration.patient_id != "")
        return replace(
            whole, declaration=declaration, patient_id=whole.patient_id if is_patient_seen else None, links=links,
            removed=removed, others=len(shown) - len(links) - len(removed),
        )  # fmt: skip

    def _whole(self, exam: str) -> ExamState | None:
        connection = self._readers.connection()
        links = table.links_of_exam(connection, exam)
        declared = table.declarations_of_exam(connection, exam)
        removed = table.removed_of_exam(connection, exam)
        carrier, declaration = declared[0] if declared else ("", None)
        stored = {study: self._archive.has("studies", study) for study in {link.study for link in links}}
        noted = {one.id for one in removed}  # a link can have gone since the links were read
        removed += [
            RemovedLink(one.link.id, one.study_instance_uid, _now())
            for one in links
            if not stored[one.study] and one.link.id not in noted
        ]
        links = [one for one in links if stored[one.study]]
        patient_id = (declaration.patient_id if declaration else "") or (
            links[0].patient_id if links else None
        )
        own = tuple(one for one in links if one.patient_id == patient_id)
        if declaration is None and not links and not removed:
            return None
        is_carried = bool(own) or carrier != ""
        return ExamState(
            exam, declaration, patient_id, is_carried, own, tuple(removed), len(links) - len(own)
        )

    def studies_of(self, exam: str) -> tuple[str, ...] | None:
        """Orthanc ids of the studies with images of an exam; None for an unknown one."""
        state = self.state(exam) if _NAME.fullmatch(exam) else None
        return None if state is None else tuple(dict.fromkeys(one.study for one in state.links))

    def link_of(self, exam: str, image: str) -> LinkedStudy:
        """One link of an exam. Raises InvalidRequest, NotFound."""
        state = self.find(exam)
        for one in state.links:
            if one.link.id == image:
                return one
        for gone in state.removed:
            if gone.id == image:
                detail = f"the study {gone.study_instance_uid} was deleted, and this link with it"
                raise NotFound(detail, [FieldError("image", detail)])
        raise NotFound(f"exam {exam} has no image {image}", [FieldError("image", "unknown id of a link")])

    # Changes

    def declare(self, exam: str, patient_id: str | None, description: str, user: str) -> ExamState:
        """Declare an exam, or replace its declaration.

        Raises
        ------
        Conflict
            It has images of another patient than the one named now, or its name is that of an exam of a patient whom the
            caller may not see, or this node cannot sign.
        Forbidden
            The caller may not see everybody, and sees no such patient, whether or not one is stored.
        """
        self.check_name(exam)
        with self._lock:
            self._check_declarable(patient_id)
            before = self._whole_to_change(exam)
            linked = before.links[0].patient_id if before is not None and before.links else None
            if linked is not None and patient_id is not None and patient_id != linked:
                detail = f"exam {exam} has images of patient {linked}; remove them first"
                raise Conflict(detail, [FieldError("/patientId", detail)])
            declaration = ExamDeclaration(exam, patient_id or "", description, user, _now())
            self._keep(declaration, linked or patient_id)
        return self.find(exam)

    def _check_declarable(self, patient_id: str | None) -> None:
        """Raise Forbidden where the caller sees some patients only, and not this one."""
        if patient_id is None or current_sight() is None:
            return
        if table.orthanc_patient_of(self._readers.connection(), patient_id) is None:
            detail = "an exam can be declared for a patient only by who sees the patient"
            raise Forbidden(detail, [FieldError("/patientId", detail)])

    def _whole_to_change(self, exam: str) -> ExamState | None:
        """All of an exam whose patient the caller sees, or which nobody has. Raises Conflict."""
        with seeing(None):
            whole = self._whole(exam)
        if whole is not None and current_sight() is not None:
            seen = self._seen(whole)
            if seen is None or seen.patient_id != whole.patient_id:
                raise Conflict(
                    f"there is an exam {exam} already", [FieldError("exam", "is the name of another exam")]
                )
        return whole

    def link(
        self, exam: str, level: str, uid: str, given: Given, user: str
    ) -> tuple[LinkedStudy, bool]:  # fmt: skip
        """Link what has a UID (or an Orthanc id) to an exam; returns the link, and whether it is new.

        Raises
        ------
        ImageNotStored
            Nothing is stored under this UID, or not yet.
        OtherPatient
            It belongs to another patient than the exam.
        Conflict
            Its study has as many links as one can have, or this node cannot sign.
        """
        self.check_name(exam)
        target = self._target(level, uid)
        connection = self._readers.connection()
        owner = table.patient_of_study(connection, target.study)
        if owner is None:
            raise _not_stored(level, uid)
        new = ExamLink(
            _id_of(exam, target.orthanc_id), exam, level, target.orthanc_id,
            table.uid_of(connection, level, target.orthanc_id), given.description, given.modality,
            given.acquired_at, given.url, user, _now(),
        )  # fmt: skip
        with self._lock:
            with seeing(None):
                state = self._whole(exam)
            self._check_patient(state, owner[0], level)
            if state is not None and state.patient_id is None and state.declaration is not None:
                self._whole_to_change(exam)
            is_new = state is None or all(one.link.id != new.id for one in state.links)
            if is_new:
                self._change_links(target.study, lambda links: _with(links, new), level, uid)
                if state is not None and state.declaration is not None and not state.is_carried:
                    self._keep(state.declaration, owner[0])
        return self.link_of(exam, new.id), is_new

    def change(self, exam: str, image: str, given: Given) -> LinkedStudy:
        """Replace what is stated of an image. Raises as `link_of`, and Conflict."""
        with self._lock:
            found = self.link_of(exam, image)
            changed = replace(
                found.link, description=given.description, modality=given.modality,
                acquired_at=given.acquired_at, url=given.url,
            )  # fmt: skip
            self._change_links(found.study, lambda links: _with(links, changed))
        return self.link_of(exam, image)

    def unlink(self, exam: str, image: str) -> None:
        """Remove a link; what it leads to stays stored. Raises as `link_of`, and Conflict."""
        with self._lock:
            found = self.link_of(exam, image)
            self._change_links(found.study, lambda links: tuple(one for one in links if one.id != image))

    def _check_patient(self, state: ExamState | None, patient_id: str, level: str) -> None:
        if state is None or state.patient_id in (None, patient_id):
            return
        detail = "it belongs to another patient than the exam"
        raise OtherPatient(f"exam {state.exam}: {detail}", [FieldError(_FIELDS[level], detail)])

    def _target(self, level: str, uid: str) -> _Target:
        """What a UID names, as the look-ups of studies allow. Raises ImageNotStored, Ambiguous."""
        try:
            orthanc_id = self._orthanc_id(level, uid)
            above = table.study_above(self._readers.connection(), level, orthanc_id) or ""
            study = self._lookup.find(above).orthanc_id
        except NotFound:
            raise _not_stored(level, uid) from None
        if not self._archive.has(level, orthanc_id):
            raise _not_stored(level, uid)
        return _Target(level, orthanc_id, study)

    def _orthanc_id(self, level: str, uid: str) -> str:
        if level == "studies":
            return self._lookup.find(uid).orthanc_id
        if level == "instances":
            return find_instance(self._readers, uid)
        owners = owners_of_series(self._readers.connection(), uid)
        if len(owners) > 1:
            ids = [owner.orthanc_id for owner in owners]
            raise Ambiguous(f"SeriesInstanceUID {uid} is stored {len(ids)} times", orthanc_ids=ids)
        if not owners:
            raise _not_stored(level, uid)
        return owners[0].orthanc_id

    def _keep(self, declaration: ExamDeclaration, patient_id: str | None) -> None:
        """Where it outlives the sidecar if it can: with its stored patient."""
        with seeing(None):
            self._keep_in(self._readers.connection(), declaration, patient_id)

    def _keep_in(
        self, connection: sqlite3.Connection, declaration: ExamDeclaration, patient_id: str | None
    ) -> None:
        carriers = {carrier for carrier, _ in table.declarations_of_exam(connection, declaration.exam)} - {""}
        patient = None if not patient_id else table.orthanc_patient_of(connection, patient_id)
        if patient is not None and not self._archive.has("patients", patient):
            patient = None
        if patient is None:

            def keep(connection: sqlite3.Connection, _: InstanceWriter) -> Iterable[Touched]:
                table.keep_declaration(connection, declaration)
                return []

            self._submit(keep).result()
        else:
            self._change_declarations(patient, declaration.exam, declaration)
        for carrier in carriers - {patient}:
            if self._archive.has("patients", carrier):
                self._change_declarations(carrier, declaration.exam, None)

    def _change_declarations(self, patient: str, exam: str, new: ExamDeclaration | None) -> None:
        def change(text: str | None) -> str:
            document = self._documents.read("patients", patient, text)
            others = tuple(one for one in document.declarations if one.exam != exam)
            declarations = others if new is None else (*others, new)
            return self._documents.write("patients", patient, Document(document.links, declarations))

        self._writer.change_exams("patients", patient, change)
        self._refresh(patient).result()

    def _change_links(
        self,
        study: str,
        change: Callable[[tuple[ExamLink, ...]], tuple[ExamLink, ...]],
        level: str = "studies",
        uid: str = "",
    ) -> None:
        def written(text: str | None) -> str:
            document = self._documents.read("studies", study, text)
            return self._documents.write(
                "studies", study, Document(change(document.links), document.declarations)
            )

        try:
            self._writer.change_exams("studies", study, written)
        except ArchiveFailed:
            if not self._archive.has("studies", study):
                raise _not_stored(level, uid or study) from None
            raise
        self._refresh(study).result()


def _with(links: tuple[ExamLink, ...], new: ExamLink) -> tuple[ExamLink, ...]:
    """The links with a new one, in place of the one that it changes."""
    if any(one.id == new.id for one in links):
        return tuple(new if one.id == new.id else one for one in links)
    return (*links, new)


def _id_of(exam: str, orthanc_id: str) -> str:
    """The same link has the same id on every node, however often it is made."""
    return hashlib.sha256(f"{exam}|{orthanc_id}".encode()).hexdigest()[:_ID_LENGTH]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unknown(exam: str) -> NotFound:
    return NotFound(f"there is no exam {exam}", [FieldError("exam", "unknown")])


def _not_stored(level: str, uid: str) -> ImageNotStored:
    detail = "is not stored here, or not indexed yet; the same request may succeed in some seconds"
    return ImageNotStored(f"{uid} {detail}", [FieldError(_FIELDS[level], detail)])
