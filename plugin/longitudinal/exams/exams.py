"""Exams: which images of the archive belong to a record of another system, and to whom that record belongs."""

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future

import msgspec
from msgspec.structs import replace

from longitudinal.archive import Archive, ArchiveWriter
from longitudinal.errors import (
    Ambiguous,
    ArchiveFailed,
    Conflict,
    FieldError,
    Forbidden,
    ImageNotStored,
    NotFound,
    OtherPatient,
)
from longitudinal.exams.documents import Document, ExamDocuments
from longitudinal.exams.known import ExamState, KnownExams, note, now, unknown
from longitudinal.patients.instance_lookup import find_instance
from longitudinal.patients.study_lookup import StudyLookup
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables import exams as table
from longitudinal.sidecar.tables.browse import owners_of_series
from longitudinal.sidecar.tables.exams import ExamDeclaration, ExamLink, LinkedStudy
from longitudinal.sidecar.tables.instances import InstanceWriter, Touched
from longitudinal.sight import current_sight, seeing

_ID_LENGTH = 32
_FIELDS = {"instances": "/sopInstanceUid", "series": "/seriesInstanceUid", "studies": "/studyInstanceUid"}

Submit = Callable[[Callable[[sqlite3.Connection, InstanceWriter], Iterable[Touched]]], Future[None]]


class Given(msgspec.Struct, frozen=True):
    """What the other system states of an image; "" where it states nothing."""

    description: str = ""
    modality: str = ""
    acquired_at: str = ""
    url: str = ""


class _Target(msgspec.Struct, frozen=True):
    level: str
    orthanc_id: str
    study: str


class Exams(KnownExams):
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
        super().__init__(readers, archive, pattern)
        self._writer = writer
        self._documents = documents
        self._lookup = lookup
        self._refresh = refresh
        self._submit = submit
        # Orthanc's metadata is read and then written: two requests at once would lose one of the changes.
        self._lock = threading.Lock()

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
            declaration = ExamDeclaration(exam, patient_id or "", description, user, now())
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
        if whole is not None:
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
            given.acquired_at, given.url, user, now(),
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

    def remove(self, exam: str) -> int:
        """Remove an exam: its declaration, its links, and what is remembered of those that went with their study.

        The images stay stored. Returns how many links there were. What fails half-way is done by the next attempt.

        Raises
        ------
        InvalidRequest, NotFound
            As `find`: also of an exam that was removed before.
        Conflict
            The caller sees a part of it only, or this node cannot sign.
        """
        self.check_name(exam)
        with self._lock:
            with seeing(None):
                whole = self._whole(exam)
            seen = None if whole is None else self._seen(whole)
            if whole is None or seen is None:
                raise unknown(exam)
            if seen != whole:
                detail = "belongs to more than you may see; only who sees all of it can remove it"
                raise Conflict(f"exam {exam} {detail}", [FieldError("exam", detail)])
            note(seen)
            with seeing(None):
                self._remove_all(exam)
        return len(whole.links)

    def _remove_all(self, exam: str) -> None:
        connection = self._readers.connection()
        gone = {""}  # where declarations are that no stored patient can carry
        for study in {one.study for one in table.links_of_exam(connection, exam)}:
            try:
                self._change_links(study, lambda links: tuple(one for one in links if one.exam != exam))
            except ImageNotStored:
                gone.add(study)
        for carrier in {carrier for carrier, _ in table.declarations_of_exam(connection, exam)} - gone:
            if self._archive.has("patients", carrier):
                self._change_declarations(carrier, exam, None)
            else:
                gone.add(carrier)

        def forget(connection: sqlite3.Connection, _: InstanceWriter) -> Iterable[Touched]:
            table.forget_exam(connection, exam, gone)
            return []

        self._submit(forget).result()

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


def _not_stored(level: str, uid: str) -> ImageNotStored:
    detail = "is not stored here, or not indexed yet; the same request may succeed in some seconds"
    return ImageNotStored(f"{uid} {detail}", [FieldError(_FIELDS[level], detail)])
