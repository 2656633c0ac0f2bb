"""What is known of an exam: its declaration, its links, and those that went with their study.

Whose an exam is, is read from all of it, whoever asks: what somebody may not see must not change it. They are then shown
the links to studies that they see, and the declaration where it is of such a patient or their own.
"""

import re
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from longitudinal.archive import Archive
from longitudinal.errors import FieldError, InvalidRequest, NotFound
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables import exams as table
from longitudinal.sidecar.tables.exams import ExamDeclaration, LinkedStudy, RemovedLink
from longitudinal.sight import current_sight, seeing
from longitudinal.touched import touch

# Orthanc's web server removes dots at the end of a path, so two such names could not be told apart.
_NAME = re.compile(r"[A-Za-z0-9._-]{0,63}[A-Za-z0-9_-]", re.ASCII)


class ExamState(msgspec.Struct, frozen=True):
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


def note(state: ExamState) -> None:
    """For the audit: whom an exam is about."""
    if state.patient_id:
        touch("patients", state.patient_id)
    for one in state.links:
        touch("studies", one.study)


class KnownExams:
    """Reads exams.

    Parameters
    ----------
    pattern
        The setting ExamIdPattern: what every name of an exam has to match as a whole; None for no more than the rule.
    """

    def __init__(self, readers: Readers, archive: Archive, pattern: str | None) -> None:
        self._readers = readers
        self._archive = archive
        self._pattern = None if pattern is None else re.compile(pattern)

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
            raise unknown(exam)
        return state

    def state(self, exam: str) -> ExamState | None:
        """One exam, as far as the caller sees it; None where nothing of it is known or visible."""
        with seeing(None):
            whole = self._whole(exam)
        state = None if whole is None else self._seen(whole)
        if state is not None:
            note(state)
        return state

    def _seen(self, whole: ExamState) -> ExamState | None:
        """What the caller sees of an exam; its patient stays the same, and is named where it is seen."""
        if current_sight() is None:
            return whole
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
            RemovedLink(one.link.id, one.study_instance_uid, now())
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


def now() -> str:
    """This moment as ISO 8601 in UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unknown(exam: str) -> NotFound:
    """What is raised of an exam that is not known, or not visible to the caller."""
    return NotFound(f"there is no exam {exam}", [FieldError("exam", "unknown")])
