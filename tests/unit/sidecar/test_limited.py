"""The connection of those who may not see everything: every table shows only what they see."""

import re
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from longitudinal.sidecar.limited import RULES
from longitudinal.sight import Sight, StudyName, limited_to, seeing
from tests.data import ROOT
from tests.unit.http.patients_served import FIRST, THIRD, admit
from tests.unit.http.served import Served

OF_NOBODY = {"facts", "_sqlite_migrations"}
SEES_NOTHING = Sight(lambda study: False)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    served = Served(tmp_path_factory.mktemp("limited"))
    admit(served)
    served.ask("POST", f"/studies/{FIRST}/index")
    served.ask("POST", "/alignments", {"studyInstanceUids": [FIRST, THIRD]})
    yield served
    served.close()


def tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return [row[0] for row in rows]


def count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])


def test_every_table_has_a_rule_of_its_own(served: Served) -> None:
    """One without shows nothing, or what its columns lead to: a new table is to be thought about, and named."""
    assert set(tables(served.readers.connection())) - OF_NOBODY - set(RULES) == set()


def test_who_sees_nothing_has_empty_tables(served: Served) -> None:
    whole = served.readers.connection()
    with seeing(SEES_NOTHING):
        limited = served.readers.connection()
        assert limited is not whole
        shown = {table for table in tables(whole) if count(limited, table)}
    assert shown <= OF_NOBODY
    assert {table for table in tables(whole) if count(whole, table)} > {
        "patients",
        "studies",
        "instances",
        "jobs",
    }


def test_who_sees_everything_has_the_same_rows(served: Served) -> None:
    whole = served.readers.connection()
    not_theirs = {"counts", "arrivals", "jobs", "_sqlite_migrations"}
    with seeing(Sight(lambda study: True)):
        limited = served.readers.connection()
        for table in set(tables(whole)) - not_theirs:
            rows = f'SELECT * FROM "{table}"'
            found = [tuple(row) for row in limited.execute(rows)]
            expected = [tuple(row) for row in whole.execute(rows)]
            # what belongs to no series is nobody's
            assert set(found) <= set(expected), table
            if table not in ("frames", "headers", "statements"):
                assert found == expected, table


def test_one_study_is_seen_with_all_that_is_below_it_and_nothing_else(served: Served) -> None:
    whole = served.readers.connection()
    row = whole.execute(
        "SELECT orthanc_id, key, patient_key FROM studies WHERE study_instance_uid = ?", (FIRST,)
    ).fetchone()
    with seeing(limited_to([row["orthanc_id"]])):
        limited = served.readers.connection()
        assert [each["key"] for each in limited.execute("SELECT key FROM studies")] == [row["key"]]
        assert [each["key"] for each in limited.execute("SELECT key FROM patients")] == [row["patient_key"]]
        instances = """SELECT count(*) FROM {}instances i JOIN {}series e ON e.key = i.series_key {}"""
        expected = whole.execute(instances.format("", "", "WHERE e.study_key = ?"), (row["key"],)).fetchone()[
            0
        ]
        assert limited.execute(instances.format("", "", "")).fetchone()[0] == expected > 0
    assert served.readers.connection() is whole


def test_a_question_gets_the_names_of_the_study(served: Served) -> None:
    asked = set[StudyName]()
    with seeing(Sight(lambda study: bool(asked.add(study)))):
        count(served.readers.connection(), "studies")
    of_first = [study for study in asked if study.study_instance_uid == FIRST]
    assert [study.patient_id for study in of_first] == ["P"]
    nameless = [study for study in asked if study.patient_id.startswith("study:")]
    assert nameless
    assert all(study.patient_id == f"study:{study.study_instance_uid}" for study in nameless)


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        ("name TEXT", 0), ("study_key INTEGER", 1), ("series_key INTEGER", 1), ("instance_key INTEGER", 1),
        ("patient_key INTEGER", 1),
    ],
)  # fmt: skip
def test_a_table_that_nobody_thought_of_shows_what_its_columns_lead_to(
    tmp_path: Path, columns: str, shown: int
) -> None:
    served = Served(tmp_path)
    try:
        admit(served)
        name = columns.split()[0]
        table = {
            "study_key": "studies",
            "series_key": "series",
            "instance_key": "instances",
            "patient_key": "patients",
        }.get(name)
        with sqlite3.connect(served.readers.path) as connection:
            connection.execute(f"CREATE TABLE later ({columns})")
            connection.execute(f"INSERT INTO later SELECT {f'key FROM {table}' if table else 1}")
        with seeing(SEES_NOTHING):
            assert count(served.readers.connection(), "later") == 0
        with seeing(Sight(lambda study: True)):
            assert bool(count(served.readers.connection(), "later")) == bool(shown)
    finally:
        served.close()


def test_jobs_are_seen_by_their_owner_while_they_see_what_the_job_names(served: Served) -> None:
    (study,) = (
        served.readers.connection()
        .execute("SELECT orthanc_id FROM studies WHERE study_instance_uid = ?", (FIRST,))
        .fetchone()
    )
    for owner, studies, seen in (
        ("ann", None, True),
        ("ben", None, False),
        ("", None, False),
        ("ann", [study], False),
    ):
        sight = (
            Sight(lambda one: True, owner) if studies is None else replace(limited_to(studies), owner=owner)
        )
        with seeing(sight):
            kinds = {row["kind"] for row in served.readers.connection().execute("SELECT kind FROM jobs")}
        # the alignment names both studies, the index job one
        assert kinds == ({"index", "align"} if seen else {"index"} if owner == "ann" else set()), owner


def test_what_handlers_call_starts_no_threads_which_would_see_everything() -> None:
    packages = (
        "http",
        "points",
        "registration_objects",
        "patients",
        "alignment",
        "relations",
        "exams",
        "access/sharing.py",
    )
    root = ROOT / "plugin" / "longitudinal"
    for package in packages:
        path = root / package
        for file in [path] if path.is_file() else path.rglob("*.py"):
            assert not re.search(
                r"ThreadPoolExecutor|threading\.Thread\(|import asyncio", file.read_text()
            ), file
