"""Exams in the sidecar: a cache of the documents that studies and patients have in the archive's metadata.

Triggers follow deletes: links go with their study and leave a trace; a declaration whose patient is gone stays here alone.
"""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec


class ExamLink(msgspec.Struct, frozen=True):
    """One image, series or study that belongs to an exam.

    Attributes
    ----------
    level, orthanc_id, uid
        "instances", "series" or "studies"; its Orthanc id and its UID.
    description, modality, acquired_at, url
        What the other system states of it; "" where it states nothing.
    by, at
        Who linked it, and when (ISO 8601, UTC).
    """

    id: str
    exam: str
    level: str
    orthanc_id: str
    uid: str
    description: str = ""
    modality: str = ""
    acquired_at: str = ""
    url: str = ""
    by: str = ""
    at: str = ""

    def columns(self) -> tuple[str, ...]:
        """The values in the order of the table."""
        return (
            self.id, self.exam, self.level, self.orthanc_id, self.uid, self.description, self.modality, self.acquired_at,
            self.url, self.by, self.at,
        )  # fmt: skip


class ExamDeclaration(msgspec.Struct, frozen=True):
    """What the other system states of an exam; `patient_id` is "" where it names no patient."""

    exam: str
    patient_id: str = ""
    description: str = ""
    by: str = ""
    at: str = ""


class LinkedStudy(msgspec.Struct, frozen=True):
    """A link with the study and the patient it is in."""

    link: ExamLink
    study: str
    study_instance_uid: str
    patient_id: str
    patient_key: int
    orthanc_patient: str


class RemovedLink(msgspec.Struct, frozen=True):
    """A link that went with its study; `at` is when this node noticed (ISO 8601, UTC)."""

    id: str
    study_instance_uid: str
    at: str


class LinkedImage(msgspec.Struct, frozen=True):
    """The first image of what is linked, and how many there are."""

    orthanc_id: str
    sop_instance_uid: str
    series_instance_uid: str
    modality: str
    acquisition_date_time: str | None
    images: int
    frames: int


def replace_links(connection: sqlite3.Connection, study: str, digest: str, links: Sequence[ExamLink]) -> None:
    """Replace the links of a study (Orthanc id). Runs on the writer's connection only."""
    connection.execute("DELETE FROM exam_links WHERE study = ?", (study,))
    connection.executemany(
        "INSERT OR REPLACE INTO exam_links VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(study, *link.columns()) for link in links],
    )
    connection.executemany(
        "DELETE FROM exam_removed WHERE exam = ? AND id = ?", [(link.exam, link.id) for link in links]
    )
    _note_digest(connection, study, digest)


def replace_declarations(
    connection: sqlite3.Connection, patient: str, digest: str, declarations: Sequence[ExamDeclaration]
) -> None:
    """Replace the declarations that a patient (Orthanc id) carries. Runs on the writer's connection only."""
    connection.execute("DELETE FROM exam_declarations WHERE patient = ?", (patient,))
    for one in declarations:
        _put_declaration(connection, patient, one)
        connection.execute(
            "DELETE FROM exam_declarations WHERE patient = '' AND exam = ? AND at <= ?", (one.exam, one.at)
        )
    _note_digest(connection, patient, digest)


def keep_declaration(connection: sqlite3.Connection, declaration: ExamDeclaration) -> None:
    """Keep a declaration that no stored patient can carry. Runs on the writer's connection only."""
    _put_declaration(connection, "", declaration)


def forget_exam(connection: sqlite3.Connection, exam: str, gone: Iterable[str]) -> None:
    """Forget an exam as far as no stored study or patient carries it. Runs on the writer's connection only.

    Parameters
    ----------
    gone
        Orthanc ids of studies and patients that are not stored any more; "" for declarations that nobody carries.
    """
    for resource in gone:
        connection.execute("DELETE FROM exam_links WHERE exam = ? AND study = ?", (exam, resource))
        connection.execute("DELETE FROM exam_declarations WHERE exam = ? AND patient = ?", (exam, resource))
    connection.execute("DELETE FROM exam_removed WHERE exam = ?", (exam,))


def _put_declaration(connection: sqlite3.Connection, patient: str, one: ExamDeclaration) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO exam_declarations VALUES (?, ?, ?, ?, ?, ?)",
        (patient, one.exam, one.patient_id, one.description, one.by, one.at),
    )


def _note_digest(connection: sqlite3.Connection, resource: str, digest: str) -> None:
    connection.execute("INSERT OR REPLACE INTO exam_documents VALUES (?, ?)", (resource, digest))


def digest_read(connection: sqlite3.Connection, resource: str) -> str:
    """The digest of the document that was read last of a study or patient; "" if none was."""
    row = connection.execute("SELECT digest FROM exam_documents WHERE resource = ?", (resource,)).fetchone()
    return "" if row is None else str(row[0])


def is_patient(connection: sqlite3.Connection, orthanc_id: str) -> bool:
    """Whether a patient of this Orthanc id is indexed."""
    found = connection.execute("SELECT 1 FROM patients WHERE orthanc_id = ? LIMIT 1", (orthanc_id,))
    return found.fetchone() is not None


def orthanc_patient_of(connection: sqlite3.Connection, patient_id: str) -> str | None:
    """The Orthanc id of the patient with a PatientID; None if no such patient is indexed."""
    row = connection.execute("SELECT orthanc_id FROM patients WHERE patient_id = ?", (patient_id,)).fetchone()
    return None if row is None else str(row[0])


_LINKED = """SELECT l.id, l.exam, l.level, l.orthanc_id, l.uid, l.description, l.modality, l.acquired_at, l.url, l."by",
    l.at, s.orthanc_id, s.study_instance_uid, p.patient_id, p.key, p.orthanc_id FROM exam_links l
    JOIN studies s ON s.orthanc_id = l.study JOIN patients p ON p.key = s.patient_key"""


def links_of_exam(connection: sqlite3.Connection, exam: str) -> list[LinkedStudy]:
    """The links of an exam, the first one first."""
    rows = connection.execute(f"{_LINKED} WHERE l.exam = ? ORDER BY l.at, l.id", (exam,))
    return [LinkedStudy(ExamLink(*row[:11]), *row[11:]) for row in map(tuple, rows)]


def declarations_of_exam(connection: sqlite3.Connection, exam: str) -> list[tuple[str, ExamDeclaration]]:
    """The declarations of an exam, the newest first, each with the Orthanc id of the patient that carries it."""
    rows = connection.execute(
        """SELECT patient, exam, patient_id, description, "by", at FROM exam_declarations WHERE exam = ?
        ORDER BY at DESC, patient DESC""",
        (exam,),
    )
    return [(row[0], ExamDeclaration(*row[1:])) for row in map(tuple, rows)]


def removed_of_exam(connection: sqlite3.Connection, exam: str) -> list[RemovedLink]:
    """The links of an exam that went with their study."""
    rows = connection.execute(
        "SELECT id, study_instance_uid, at FROM exam_removed WHERE exam = ? ORDER BY at, id", (exam,)
    )
    return [RemovedLink(*row) for row in rows]


def exam_names(connection: sqlite3.Connection, patient_key: int | None) -> list[str]:
    """Every exam, or those that are declared for a patient or have a link to one of the patient's studies."""
    rows = connection.execute(
        """SELECT exam FROM exam_declarations d WHERE :key IS NULL
            OR d.patient_id = (SELECT patient_id FROM patients WHERE key = :key)
        UNION SELECT exam FROM exam_links l WHERE :key IS NULL
            OR l.study IN (SELECT orthanc_id FROM studies WHERE patient_key = :key)
        UNION SELECT exam FROM exam_removed WHERE :key IS NULL ORDER BY exam""",
        {"key": patient_key},
    )
    return [str(row[0]) for row in rows]


_BELOW = {
    "instances": "i.orthanc_id = ?",
    "series": "i.series_key = (SELECT key FROM series WHERE orthanc_id = ?)",
    "studies": "i.series_key IN (SELECT e.key FROM series e JOIN studies s ON s.key = e.study_key WHERE s.orthanc_id = ?)",
}


def read_linked_image(connection: sqlite3.Connection, level: str, orthanc_id: str) -> LinkedImage | None:
    """The first image of a resource, of those with a place before others; None if none of it is indexed."""
    row = connection.execute(
        f"""SELECT i.orthanc_id, i.sop_instance_uid, e.series_instance_uid, coalesce(e.modality, ''),
        i.acquisition_date_time FROM instances i JOIN series e ON e.key = i.series_key WHERE {_BELOW[level]}
        ORDER BY i.reason IS NOT NULL, e.series_number, i.instance_number, i.key LIMIT 1""",
        (orthanc_id,),
    ).fetchone()
    if row is None:
        return None
    counts = connection.execute(
        f"SELECT count(*), total(coalesce(i.number_of_frames, 1)) FROM instances i WHERE {_BELOW[level]}",
        (orthanc_id,),
    ).fetchone()
    return LinkedImage(row[0], row[1], row[2], row[3], row[4], int(counts[0]), int(counts[1]))


def study_above(connection: sqlite3.Connection, level: str, orthanc_id: str) -> str | None:
    """The Orthanc id of the study that a resource is, or is in; None if it is not indexed."""
    if level == "studies":
        return orthanc_id
    column = {"series": "e.orthanc_id", "instances": "i.orthanc_id"}[level]
    row = connection.execute(
        f"""SELECT s.orthanc_id FROM series e JOIN studies s ON s.key = e.study_key
        {"JOIN instances i ON i.series_key = e.key" if level == "instances" else ""} WHERE {column} = ?""",
        (orthanc_id,),
    ).fetchone()
    return None if row is None else str(row[0])


def uid_of(connection: sqlite3.Connection, level: str, orthanc_id: str) -> str:
    """The UID of a resource that is indexed."""
    table, column = {
        "instances": ("instances", "sop_instance_uid"),
        "series": ("series", "series_instance_uid"),
        "studies": ("studies", "study_instance_uid"),
    }[level]
    row = connection.execute(f"SELECT {column} FROM {table} WHERE orthanc_id = ?", (orthanc_id,)).fetchone()
    return "" if row is None else str(row[0])


def patient_of_study(connection: sqlite3.Connection, study: str) -> tuple[str, str] | None:
    """PatientID and Orthanc id of the patient of a study (Orthanc id); None if it is not indexed."""
    row = connection.execute(
        """SELECT p.patient_id, p.orthanc_id FROM studies s JOIN patients p ON p.key = s.patient_key
        WHERE s.orthanc_id = ?""",
        (study,),
    ).fetchone()
    return None if row is None else (str(row[0]), str(row[1]))
