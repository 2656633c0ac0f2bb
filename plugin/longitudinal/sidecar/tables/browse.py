"""Lists of patients and studies, page by page."""

import json
import re
import sqlite3
import unicodedata
from collections.abc import Collection

import msgspec

from longitudinal.sidecar.tables.patients import Owner

# Of Latin, Greek and Cyrillic letters; in Japanese, Thai or Hebrew such marks distinguish words.
_ACCENTS = re.compile("[\u0300-\u036f]")


_UIDS_OF_STUDIES = (
    "SELECT s.study_instance_uid, p.patient_id FROM studies s JOIN patients p ON p.key = s.patient_key"
)


class StudyFilter(msgspec.Struct, frozen=True):
    """Which studies to list; dates are YYYYMMDD, inclusive; a study without a date passes neither date filter."""

    patient_key: int | None = None
    modality: str | None = None
    first_date: str | None = None
    last_date: str | None = None


def list_patients(
    connection: sqlite3.Connection,
    query: str,
    limit: int,
    offset: int,
    first_date: str | None = None,
    last_date: str | None = None,
) -> tuple[int, list[sqlite3.Row]]:
    """How many patients have `query` in their id or name (as `folded` compares), and one page of them by name.

    With a first or last date (YYYYMMDD, inclusive) only patients with a study between them. Rows have patient_id,
    orthanc_id, patient_name, studies and latest (StudyDate).
    """
    values = {
        "part": folded(query),
        "any": query == "",
        "always": first_date is None and last_date is None,
        "first": first_date or "0",
        "last": last_date or "9",
    }
    connection.create_function("folded", 1, folded, deterministic=True)
    found = connection.execute(
        """SELECT key FROM patients
        WHERE (:any OR instr(folded(patient_id || char(10) || ifnull(patient_name, '')), :part))
        AND (:always OR EXISTS (SELECT 1 FROM studies WHERE patient_key = patients.key
            AND study_date <> '' AND study_date BETWEEN :first AND :last))
        ORDER BY patient_name, patient_id""",
        values,
    ).fetchall()
    page = json.dumps([key for (key,) in found[offset : offset + limit]])
    rows = connection.execute(
        """SELECT p.patient_id, p.orthanc_id, p.patient_name, count(s.key) AS studies, max(s.study_date) AS latest
        FROM patients p LEFT JOIN studies s ON s.patient_key = p.key
        WHERE p.key IN (SELECT value FROM json_each(?)) GROUP BY p.key ORDER BY p.patient_name, p.patient_id""",
        (page,),
    ).fetchall()
    return len(found), rows


def folded(text: str) -> str:
    """The form in which names are compared in a search: without case, accents, or the width of Japanese letters.

    >>> folded("MÜLLER"), folded("Mu\u0308ller"), folded("ﾔﾏﾀﾞ") == folded("ヤマダ")
    ('muller', 'muller', True)
    """
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold())).casefold()
    # composed again, or a Korean syllable would match its first letter
    return unicodedata.normalize("NFC", bare)


def patients_written_as(connection: sqlite3.Connection, text: str) -> set[int]:
    """Keys of patients whose PatientID becomes `text` in a path; none for a text that cannot be part of a path.

    Web servers drop dots and slashes at the end of a path, merge repeated slashes, and treat a backslash as a slash.
    """
    if text != as_in_a_path(text):
        return set()
    first = re.split(r"[/\\]", text)[0]
    found: set[int] = set()
    for begin in (first, f"/{first}", f"\\{first}"):
        # in the order of characters "0" follows dot and slash, "]" a backslash
        rows = connection.execute(
            """SELECT key, patient_id FROM patients WHERE patient_id = :all OR (patient_id >= :dot AND patient_id < :zero)
            OR (patient_id >= :backslash AND patient_id < :bracket)""",
            {
                "all": begin, "dot": f"{begin}.", "zero": f"{begin}0", "backslash": f"{begin}\\", "bracket": f"{begin}]",
            },
        )  # fmt: skip
        found.update(int(row["key"]) for row in rows if as_in_a_path(row["patient_id"]) == text)
    return found


def as_in_a_path(patient_id: str) -> str:
    r"""What a server receives of a PatientID that was written into a path.

    >>> as_in_a_path("A/B"), as_in_a_path("A\\\\B."), as_in_a_path("A.")
    ('A/B', 'A/B', 'A')
    """
    return re.sub(r"[/\\]+", "/", patient_id).strip("/").rstrip("./")


def list_studies(
    connection: sqlite3.Connection, wanted: StudyFilter, limit: int, offset: int
) -> tuple[int, list[sqlite3.Row]]:
    """How many studies pass the filter, and one page of them, newest first.

    Rows have study_instance_uid, orthanc_id, study_date, study_description, patient_id, modalities (joined by a
    backslash), series and instances.
    """
    conditions = ["1"]
    if wanted.patient_key is not None:
        conditions.append("s.patient_key = :patient")
    if wanted.modality is not None:
        conditions.append(
            "EXISTS (SELECT 1 FROM series e WHERE e.study_key = s.key AND e.modality = :modality)"
        )
    if wanted.first_date is not None:
        conditions.append("s.study_date <> '' AND s.study_date >= :first")
    if wanted.last_date is not None:
        conditions.append("s.study_date <> '' AND s.study_date <= :last")
    where = " AND ".join(conditions)
    values = {
        "patient": wanted.patient_key,
        "modality": wanted.modality,
        "first": wanted.first_date,
        "last": wanted.last_date,
        "limit": limit,
        "offset": offset,
    }
    (total,) = connection.execute(f"SELECT count(*) FROM studies s WHERE {where}", values).fetchone()
    rows = connection.execute(
        f"""SELECT s.study_instance_uid, s.orthanc_id, s.study_date, s.study_description, p.patient_id,
        (SELECT group_concat(modality, '\\') FROM (SELECT DISTINCT e.modality FROM series e
            WHERE e.study_key = s.key ORDER BY e.modality)) AS modalities,
        (SELECT count(*) FROM series e WHERE e.study_key = s.key) AS series,
        (SELECT count(*) FROM instances i JOIN series e ON e.key = i.series_key WHERE e.study_key = s.key) AS instances
        FROM studies s JOIN patients p ON p.key = s.patient_key WHERE {where}
        ORDER BY s.study_date DESC, s.study_instance_uid LIMIT :limit OFFSET :offset""",
        values,
    ).fetchall()
    return int(total), rows


def studies_by_uid(
    connection: sqlite3.Connection, wanted: Collection[str] | None = None
) -> dict[str, set[str]]:
    """The PatientIDs that each StudyInstanceUID is stored under; of some, or of all."""
    if wanted is None:
        rows = connection.execute(f"{_UIDS_OF_STUDIES}").fetchall()
    else:
        rows = [
            row
            for uid in wanted
            for row in connection.execute(f"{_UIDS_OF_STUDIES} WHERE s.study_instance_uid = ?", (uid,))
        ]
    found: dict[str, set[str]] = {}
    for uid, patient in rows:
        found.setdefault(uid, set()).add(patient)
    return found


def owners_of_study(connection: sqlite3.Connection, study: str) -> list[sqlite3.Row]:
    """Key, patient_key and orthanc_id of the studies named by a StudyInstanceUID or an Orthanc id."""
    return connection.execute(
        "SELECT key, patient_key, orthanc_id FROM studies WHERE orthanc_id = ? OR study_instance_uid = ?",
        (study, study),
    ).fetchall()


def owners_of_series(connection: sqlite3.Connection, series: str) -> list[Owner]:
    """The series named by a SeriesInstanceUID or an Orthanc id; more than one when a UID was used twice."""
    rows = connection.execute(
        """SELECT s.patient_key, e.orthanc_id FROM series e JOIN studies s ON s.key = e.study_key
        WHERE e.orthanc_id = ? OR e.series_instance_uid = ?""",
        (series, series),
    )
    return [Owner(*row) for row in rows]
