"""The sidecar's schema, one migration a step, recorded in the transaction that makes it.

`planes` of an instance is a packed array of `longitudinal.geometry.image_plane.PLANE`, one element per frame.
Identifiers named `orthanc_id` are Orthanc's; `patient_id` is PatientID (0010,0020), or `study:<StudyInstanceUID>` where
that is empty, since each such study is a patient of its own.
"""

import sqlite3

from sqlite_utils import Database, Migrations

MIGRATIONS = Migrations("longitudinal")


def migrate(connection: sqlite3.Connection) -> None:
    """Apply every migration that the file has not had. Raises sqlite3.Error."""
    MIGRATIONS.apply(Database(connection))


_FIRST = (
    """CREATE TABLE patients (
        key INTEGER PRIMARY KEY, patient_id TEXT NOT NULL UNIQUE, orthanc_id TEXT NOT NULL, patient_name TEXT)""",
    "CREATE INDEX patients_orthanc_id ON patients (orthanc_id)",
    """CREATE TABLE studies (
        key INTEGER PRIMARY KEY, orthanc_id TEXT NOT NULL UNIQUE, patient_key INTEGER NOT NULL REFERENCES patients (key),
        study_instance_uid TEXT NOT NULL, study_date TEXT, study_time TEXT, study_description TEXT,
        accession_number TEXT, timezone_offset TEXT, patient_birth_date TEXT, patient_sex TEXT,
        issuer_of_patient_id TEXT)""",
    "CREATE INDEX studies_patient ON studies (patient_key)",
    "CREATE INDEX studies_uid ON studies (study_instance_uid)",
    "CREATE INDEX studies_date ON studies (study_date)",
    """CREATE TABLE series (
        key INTEGER PRIMARY KEY, orthanc_id TEXT NOT NULL UNIQUE, study_key INTEGER NOT NULL REFERENCES studies (key),
        series_instance_uid TEXT NOT NULL, series_number INTEGER, series_description TEXT, modality TEXT)""",
    "CREATE INDEX series_study ON series (study_key)",
    "CREATE INDEX series_uid ON series (series_instance_uid)",
    "CREATE TABLE frames (key INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE)",
    """CREATE TABLE series_frames (
        frame_key INTEGER NOT NULL REFERENCES frames (key), series_key INTEGER NOT NULL REFERENCES series (key),
        PRIMARY KEY (frame_key, series_key)) WITHOUT ROWID""",
    "CREATE INDEX series_frames_series ON series_frames (series_key)",
    """CREATE TABLE instances (
        key INTEGER PRIMARY KEY, orthanc_id TEXT NOT NULL UNIQUE, series_key INTEGER NOT NULL REFERENCES series (key),
        frame_key INTEGER REFERENCES frames (key), sop_instance_uid TEXT NOT NULL, sop_class_uid TEXT,
        instance_number INTEGER, number_of_frames INTEGER, image_type TEXT, acquisition_date_time TEXT,
        time_source TEXT, role TEXT, reason TEXT, detail TEXT, planes BLOB)""",
    "CREATE INDEX instances_series ON instances (series_key)",
    "CREATE INDEX instances_uid ON instances (sop_instance_uid)",
    """CREATE TABLE transforms (
        key INTEGER PRIMARY KEY, id TEXT NOT NULL, item INTEGER NOT NULL,
        instance_key INTEGER NOT NULL REFERENCES instances (key),
        source_frame TEXT, source_references TEXT, target_frame TEXT, target_references TEXT,
        kind TEXT, matrix BLOB, grid BLOB, refusal TEXT, detail TEXT, origin TEXT, label TEXT, created TEXT,
        creator TEXT, UNIQUE (instance_key, item))""",
    "CREATE INDEX transforms_id ON transforms (id)",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
)


@MIGRATIONS()
def m001_archive(db: Database) -> None:
    """Patients down to instances, frames of reference, transforms read out of registration objects."""
    for statement in _FIRST:
        db.execute(statement)


_JOBS = (
    """CREATE TABLE jobs (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, priority INTEGER NOT NULL, rank TEXT NOT NULL,
        parameters TEXT NOT NULL, state TEXT NOT NULL, progress REAL NOT NULL, stage TEXT NOT NULL,
        attempts INTEGER NOT NULL, error TEXT, result TEXT, created TEXT NOT NULL, started TEXT, finished TEXT)""",
    "CREATE UNIQUE INDEX jobs_active ON jobs (kind, subject) WHERE state IN ('queued', 'running')",
    "CREATE INDEX jobs_next ON jobs (state, priority DESC, rank DESC, created)",
    "CREATE INDEX jobs_subject ON jobs (kind, subject, created)",
    "CREATE INDEX jobs_created ON jobs (created)",
    # Counts of `instances`, kept by triggers: count(*) of ten million rows takes a second.
    "CREATE TABLE counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    """INSERT INTO counts SELECT 'instances', count(*) FROM instances
        UNION ALL SELECT 'notIndexable', count(reason) FROM instances""",
    """CREATE TRIGGER count_added AFTER INSERT ON instances BEGIN
        UPDATE counts SET value = value + 1 WHERE name = 'instances';
        UPDATE counts SET value = value + 1 WHERE name = 'notIndexable' AND NEW.reason IS NOT NULL; END""",
    """CREATE TRIGGER count_removed AFTER DELETE ON instances BEGIN
        UPDATE counts SET value = value - 1 WHERE name = 'instances';
        UPDATE counts SET value = value - 1 WHERE name = 'notIndexable' AND OLD.reason IS NOT NULL; END""",
    """CREATE TRIGGER count_changed AFTER UPDATE OF reason ON instances
        WHEN (OLD.reason IS NULL) <> (NEW.reason IS NULL) BEGIN
        UPDATE counts SET value = value + (NEW.reason IS NOT NULL) - (OLD.reason IS NOT NULL)
        WHERE name = 'notIndexable'; END""",
)


@MIGRATIONS()
def m002_jobs(db: Database) -> None:
    """Jobs, and counts of instances."""
    for statement in _JOBS:
        db.execute(statement)


_NOTES = ("maker TEXT", "digest TEXT", "expected_error_mm REAL", "error_source TEXT", "given_origin TEXT", "given_by TEXT",
          "given_at TEXT", "decision TEXT", "decided_by TEXT", "decided_at TEXT")  # fmt: skip


@MIGRATIONS()
def m003_notes(db: Database) -> None:
    """What is said about transforms beside their objects, and what tells their contents apart."""
    for column in _NOTES:
        db.execute(f"ALTER TABLE transforms ADD COLUMN {column}")


_ALIGNMENT = (
    "ALTER TABLE transforms ADD COLUMN quality TEXT",
    "ALTER TABLE studies ADD COLUMN attempts TEXT",
    # When the newest image of a study was stored (POSIX seconds), until somebody has looked whether to align it.
    "CREATE TABLE arrivals (study TEXT PRIMARY KEY, last_stored REAL NOT NULL) WITHOUT ROWID",
)


@MIGRATIONS()
def m004_alignment(db: Database) -> None:
    """How good transforms are, which alignments failed, and which studies have just arrived."""
    for statement in _ALIGNMENT:
        db.execute(statement)


@MIGRATIONS()
def m005_last_update(db: Database) -> None:
    """LastUpdate of each series, as the archive had it when all that was stored till then had been read."""
    db.execute("ALTER TABLE series ADD COLUMN last_update TEXT")


_HEADERS = (
    # What instances say of what is above them, each saying once; `digest` tells two of them apart.
    """CREATE TABLE headers (
        key INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, patient_name TEXT, patient_birth_date TEXT, patient_sex TEXT,
        issuer_of_patient_id TEXT, study_date TEXT, study_time TEXT, study_description TEXT, accession_number TEXT,
        timezone_offset TEXT, series_number INTEGER, series_description TEXT, modality TEXT, reader TEXT NOT NULL)""",
    """CREATE TABLE series_headers (
        series_key INTEGER NOT NULL REFERENCES series (key), header_key INTEGER NOT NULL REFERENCES headers (key),
        PRIMARY KEY (series_key, header_key)) WITHOUT ROWID""",
    "CREATE INDEX series_headers_header ON series_headers (header_key)",
    # Instances that were indexed before are said to be of a reader that is none of today's, so that they are read again.
    "INSERT INTO headers (key, digest, reader) VALUES (0, '', '')",
    "ALTER TABLE instances ADD COLUMN header_key INTEGER NOT NULL DEFAULT 0",
    "INSERT INTO series_headers SELECT key, 0 FROM series",
)


@MIGRATIONS()
def m006_headers(db: Database) -> None:
    """What each instance says of its patient, study and series, and by which reader it was read."""
    for statement in _HEADERS:
        db.execute(statement)


_OWNERS = (
    # Who asked for a job, empty where nobody did; and what a job found before it was interrupted.
    "ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE jobs ADD COLUMN memory TEXT",
    "DROP INDEX jobs_next",
    # The next job of an owner, and the owners there are, without reading all that waits.
    "CREATE INDEX jobs_next ON jobs (kind, priority, owner, rank DESC, created) WHERE state = 'queued'",
    "CREATE INDEX jobs_owner ON jobs (owner, priority) WHERE state = 'queued'",
    "CREATE INDEX jobs_state ON jobs (state)",
)


@MIGRATIONS()
def m007_job_owners(db: Database) -> None:
    """Whose jobs they are, so that each gets a turn."""
    for statement in _OWNERS:
        db.execute(statement)


@MIGRATIONS()
def m008_error_at_place(db: Database) -> None:
    """What was measured of a transform's error, place by place; another node may have written it: objects are read again."""
    db.execute("ALTER TABLE transforms ADD COLUMN error_at_place BLOB")
    db.execute("UPDATE series SET last_update = NULL WHERE modality = 'REG'")


_PLACES = (
    """CREATE TABLE places (
        key INTEGER PRIMARY KEY, instance_key INTEGER NOT NULL REFERENCES instances (key), number INTEGER NOT NULL,
        tracking_uid TEXT, name TEXT NOT NULL, label TEXT NOT NULL, kind TEXT NOT NULL, frame TEXT, image_uid TEXT,
        frame_number INTEGER NOT NULL, evidence_uid TEXT, lines TEXT NOT NULL, mapping TEXT, creator TEXT NOT NULL,
        created TEXT, maker TEXT NOT NULL, is_own INTEGER NOT NULL, instance_number INTEGER NOT NULL, refusal TEXT,
        detail TEXT NOT NULL, UNIQUE (instance_key, number))""",
    "CREATE INDEX places_tracking ON places (tracking_uid)",
    # Reports that were indexed before are read again.
    "UPDATE series SET last_update = NULL WHERE modality = 'SR'",
)

_CONTENTS = (
    # References and statements of objects that are there for others, as `longitudinal.dicom.related.content` encodes them.
    "CREATE TABLE contents (instance_key INTEGER PRIMARY KEY REFERENCES instances (key), body BLOB NOT NULL)",
    # Such objects are read again, and no others: said to be of a reader that is none of today's. Series of scanners
    # hold none, and need not be searched.
    "INSERT OR IGNORE INTO headers (key, digest, reader) VALUES (0, '', '')",
    """CREATE TEMPORARY TABLE related AS SELECT i.key, i.series_key FROM series e JOIN instances i ON i.series_key = e.key
        WHERE (e.modality IS NULL OR e.modality NOT IN ('CT', 'MR', 'PT', 'NM', 'CR', 'DX', 'MG', 'US', 'XA', 'RF', 'SM'))
        AND (i.sop_class_uid IN ('1.2.840.10008.5.1.4.1.1.66.1', '1.2.840.10008.5.1.4.1.1.66.2',
            '1.2.840.10008.5.1.4.1.1.66.3', '1.2.840.10008.5.1.4.1.1.66.4', '1.2.840.10008.5.1.4.1.1.66.5',
            '1.2.840.10008.5.1.4.1.1.66.7', '1.2.840.10008.5.1.4.1.1.30')
        OR i.sop_class_uid GLOB '1.2.840.10008.5.1.4.1.1.481.*' OR i.sop_class_uid GLOB '1.2.840.10008.5.1.4.1.1.11.*'
        OR i.sop_class_uid GLOB '1.2.840.10008.5.1.4.1.1.88.*' OR i.sop_class_uid GLOB '1.2.840.10008.5.1.4.1.1.34.*')""",
    "UPDATE instances SET header_key = 0 WHERE key IN (SELECT key FROM related)",
    "INSERT OR IGNORE INTO series_headers SELECT DISTINCT series_key, 0 FROM related",
    """DELETE FROM series_headers WHERE series_key IN (SELECT series_key FROM related) AND NOT EXISTS (SELECT 1
        FROM instances i WHERE i.series_key = series_headers.series_key AND i.header_key = series_headers.header_key)""",
    "DELETE FROM headers WHERE key != 0 AND key NOT IN (SELECT header_key FROM series_headers)",
    "DROP TABLE related",
)


@MIGRATIONS()
def m009_places(db: Database) -> None:
    """What structured reports say of places of the body."""
    for statement in _PLACES:
        db.execute(statement)


@MIGRATIONS()
def m010_decided_why(db: Database) -> None:
    """A reviewer's own words; another node may have written some: registration objects are read again."""
    db.execute("ALTER TABLE transforms ADD COLUMN decided_why TEXT NOT NULL DEFAULT ''")
    db.execute("UPDATE series SET last_update = NULL WHERE modality = 'REG'")


@MIGRATIONS()
def m011_contents(db: Database) -> None:
    """What RT, REG, SEG, PR, KO and SR objects say; those of an old archive are read again."""
    for statement in _CONTENTS:
        db.execute(statement)


@MIGRATIONS()
def m012_job_kinds(db: Database) -> None:
    """Jobs by kind and state are counted every few seconds, without reading their rows."""
    db.execute("CREATE INDEX jobs_kind ON jobs (kind, state)")


_EXAM_LINKS = """exam_links (
    study TEXT NOT NULL, id TEXT NOT NULL, exam TEXT NOT NULL, level TEXT NOT NULL, orthanc_id TEXT NOT NULL,
    uid TEXT NOT NULL, description TEXT NOT NULL, modality TEXT NOT NULL, acquired_at TEXT NOT NULL, url TEXT NOT NULL,
    "by" TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (study, id)) WITHOUT ROWID"""
_EXAMS = (
    f"CREATE TABLE {_EXAM_LINKS}",
    "CREATE INDEX exam_links_exam ON exam_links (exam, at, id)",
    # `patient` is an Orthanc id; "" for a declaration that no stored patient can carry
    """CREATE TABLE exam_declarations (
        patient TEXT NOT NULL, exam TEXT NOT NULL, patient_id TEXT NOT NULL, description TEXT NOT NULL,
        "by" TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (patient, exam)) WITHOUT ROWID""",
    "CREATE INDEX exam_declarations_exam ON exam_declarations (exam)",
    """CREATE TABLE exam_removed (
        exam TEXT NOT NULL, id TEXT NOT NULL, study_instance_uid TEXT NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (exam, id)) WITHOUT ROWID""",
    # Which text of a document was read last, so that the same one is not read three times
    "CREATE TABLE exam_documents (resource TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TRIGGER exam_study_gone AFTER DELETE ON studies BEGIN
        INSERT OR REPLACE INTO exam_removed SELECT exam, id, OLD.study_instance_uid, strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
            FROM exam_links WHERE study = OLD.orthanc_id;
        DELETE FROM exam_links WHERE study = OLD.orthanc_id;
        DELETE FROM exam_documents WHERE resource = OLD.orthanc_id; END""",
    """CREATE TRIGGER exam_patient_gone AFTER DELETE ON patients
        WHEN NOT EXISTS (SELECT 1 FROM patients WHERE orthanc_id = OLD.orthanc_id) BEGIN
        UPDATE OR REPLACE exam_declarations SET patient = '' WHERE patient = OLD.orthanc_id;
        DELETE FROM exam_documents WHERE resource = OLD.orthanc_id; END""",
)


@MIGRATIONS()
def m013_exams(db: Database) -> None:
    """Exams, the images linked to them, and links that went with their study."""
    for statement in _EXAMS:
        db.execute(statement)


_BLOCKS = (
    # Under which name the archive stored the file that an instance was read from; unknown of those indexed before.
    "ALTER TABLE instances ADD COLUMN file TEXT",
    # The rows of a series once more, as `longitudinal.sidecar.tables.series_columns` encodes them.
    "CREATE TABLE series_blocks (series_key INTEGER PRIMARY KEY REFERENCES series (key), body BLOB NOT NULL)",
)


@MIGRATIONS()
def m018_blocks(db: Database) -> None:
    """Files of instances, so that their existence can be seen; series in one piece, so that they are read at once."""
    for statement in _BLOCKS:
        db.execute(statement)


@MIGRATIONS()
def m020_blocks_with_stacks(db: Database) -> None:
    """Blocks hold how planes are split into stacks; those of before are made anew."""
    db.execute("DELETE FROM series_blocks")


@MIGRATIONS()
def m100_statements(db: Database) -> None:
    """Memory of signed statements; it stays when the object goes, which may come back from a backup."""
    db.execute(
        """CREATE TABLE statements (
        orthanc_id TEXT NOT NULL, item INTEGER NOT NULL, given INTEGER NOT NULL, review INTEGER NOT NULL,
        rejected INTEGER, unsigned TEXT NOT NULL, unknown_key TEXT NOT NULL,
        PRIMARY KEY (orthanc_id, item)) WITHOUT ROWID"""
    )
