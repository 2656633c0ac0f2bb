"""Archive and sidecar compared."""

from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from longitudinal.geometry.image_plane import PLANE
from longitudinal.ingest.on_stored import Ingest
from longitudinal.ingest.stored_objects import StoredObjects
from tests import builders as build
from tests.annotations import decide
from tests.data import data
from tests.fake_archive import orthanc_ids


def study(slices: int = 3, **more: Any) -> list[Dataset]:
    uids = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()} | more
    return [build.classic((0, 0, 2.0 * number), **uids) for number in range(slices)]


def test_an_unknown_study_has_a_row_at_once_and_is_queued(house: Any) -> None:
    new = study(StudyDate="20240102", PatientID="P", PatientName="Doe^Jane")
    house.archive.store(new)
    house.reconcile()
    patient, row, *_ = orthanc_ids(new[0])
    assert (house.rows("patients"), house.rows("studies"), house.rows()) == ({patient}, {row}, set())
    assert house.queued == [row]
    stored = house.readers.connection().execute("SELECT * FROM studies").fetchone()
    assert (stored["study_instance_uid"], stored["study_date"]) == (new[0].StudyInstanceUID, "20240102")


def test_what_is_read_later_completes_the_row(house: Any) -> None:
    (only,) = study(1, TimezoneOffsetFromUTC="+0200", IssuerOfPatientID="hospital", AccessionNumber="A1")
    (instance,) = house.archive.store([only])
    house.reconcile()
    house.ingest.index(instance).result()
    rows = house.readers.connection().execute("SELECT * FROM studies").fetchall()
    assert [
        (row["timezone_offset"], row["issuer_of_patient_id"], row["accession_number"]) for row in rows
    ] == [("+0200", "hospital", "A1")]


def test_an_equal_archive_queues_nothing_and_lists_each_series_once(house: Any) -> None:
    house.hint(*house.archive.store(study() + study()))
    house.reconcile()
    assert len(house.archive.instance_lists) == 4, (
        "once to count, once to compare, as nobody knows LastUpdate yet"
    )
    house.archive.instance_lists.clear()
    house.reconcile()
    assert house.queued == []
    assert len(house.archive.instance_lists) == 2
    assert house.archive.files_read == []


def start_again(house: Any) -> None:
    """As after a restart: no callback has told of anything."""
    house.ingest = Ingest(house.writer, house.archive, StoredObjects(house.archive, house.archive))


def offset(house: Any) -> list[float]:
    """The z of every plane."""
    rows = house.readers.connection().execute("SELECT planes FROM instances ORDER BY instance_number, key")
    return [float(np.frombuffer(row[0], PLANE)["position"][0][2]) for row in rows]


def test_content_overwritten_under_equal_counts_is_found_by_last_update(house: Any) -> None:
    """No line of a change log tells of it."""
    slices, other = study(), study()
    house.hint(*house.archive.store(slices + other))
    house.reconcile()
    start_again(house)
    slices[1].ImagePositionPatient = [0, 0, 70]
    (moved,) = house.archive.store([slices[1]])
    house.reconcile()
    assert sorted(offset(house)) == [0, 0, 2, 4, 4, 70]
    assert moved in house.archive.files_read
    assert len(house.archive.files_read) == 3, "that series and no other"
    house.archive.files_read.clear()
    house.reconcile()
    assert house.archive.files_read == []
    assert house.queued == []


def test_what_a_callback_told_of_is_not_read_again(house: Any) -> None:
    slices = study(4)
    house.hint(*house.archive.store(slices[:3]))
    house.reconcile()
    house.hint(*house.archive.store(slices[3:]))
    house.reconcile()
    assert house.archive.files_read == []
    assert house.rows() == set(house.archive.stored)


def test_overwritten_and_missing_at_once_both_heal(house: Any) -> None:
    slices = study(4)
    house.hint(*house.archive.store(slices[:3]))
    house.reconcile()
    start_again(house)
    slices[0].ImagePositionPatient = [0, 0, 70]
    moved, missing = house.archive.store([slices[0], slices[3]])
    house.reconcile()
    assert len(house.queued) == 1
    assert 70 in offset(house)
    house.archive.files_read.clear()
    house.ingest.index(missing).result()  # the job
    house.reconcile()
    house.reconcile()
    assert house.archive.files_read == [missing], "the job's reading is not done twice"
    assert len(house.queued) == 1
    assert moved in house.rows()


def test_a_study_without_patient_id_is_a_patient_of_its_own(house: Any) -> None:
    first, second = study(1, PatientID=""), study(1, PatientID="")
    house.archive.store(first + second)
    house.reconcile()
    ids = {row[0] for row in house.readers.connection().execute("SELECT patient_id FROM patients")}
    assert ids == {f"study:{ds.StudyInstanceUID}" for ds in (*first, *second)}


@pytest.mark.parametrize("what", ["instance", "series", "study"])
def test_what_is_gone_is_removed(house: Any, what: str) -> None:
    both = generate_uid()
    first, second = study(StudyInstanceUID=both), study(StudyInstanceUID=both)
    ids = house.archive.store(first + second)
    house.hint(*ids)
    gone = {"instance": ids[:1], "series": ids[:3], "study": ids}[what]
    house.archive.delete(*gone)
    house.reconcile()
    assert house.rows() == set(ids) - set(gone)
    assert len(house.rows("series")) == {"instance": 2, "series": 1, "study": 0}[what]
    assert len(house.rows("patients")) == (what != "study")
    assert house.queued == []


def test_a_review_that_no_line_tells_of_is_found(house: Any) -> None:
    images = study()
    registration = pydicom.dcmread(data("reg_independent") / "openms_p01_RIGID.dcm")
    house.hint(*house.archive.store(images), *(objects := house.archive.store([registration])))
    (item,) = house.readers.connection().execute("SELECT item FROM transforms").fetchone()
    house.archive.annotations[objects[0]] = decide(None, item, "rejected", "ann", "2026-01-01T00:00:00")
    house.archive.failed[house.archive.parents(objects[0]).study] = "tried"
    touched = []
    house.reconcile()
    row = house.readers.connection().execute("SELECT decision, decided_by FROM transforms").fetchone()
    assert tuple(row) == ("rejected", "ann")
    assert (
        house.readers.connection().execute("SELECT attempts FROM studies ORDER BY attempts").fetchall()[-1][0]
        == "tried"
    )
    house.writer._on_commit = touched.append
    house.reconcile()
    assert touched == [], "what has not changed makes nobody read a patient again"


def test_a_row_without_series_goes_with_its_study(house: Any) -> None:
    ids = house.archive.store(study())
    house.reconcile()
    house.archive.delete(*ids)
    house.reconcile()
    assert house.rows("studies") == house.rows("patients") == set()


def test_missing_instances_are_queued_and_swapped_ones_noticed(house: Any) -> None:
    ids = house.archive.store(study(4))
    house.hint(*ids[:3])
    house.reconcile()
    assert house.queued == [house.archive.parents(ids[0]).study]
    house.archive.delete(ids[0], ids[1])
    house.queued.clear()
    house.reconcile()  # 3 rows against 2 instances, one of them not indexed
    assert house.rows() == {ids[2]}
    assert len(house.queued) == 1


def test_a_delete_while_pages_are_read_removes_nothing_that_is_stored(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages shift by one, and a study is on none of them."""
    monkeypatch.setattr("longitudinal.ingest.reconcile._PAGE", 1)
    ids = house.archive.store(study(1) + study(1) + study(1))
    house.hint(*ids)
    pages = house.archive.studies

    def delete_after_the_first(since: int, limit: int) -> list[str]:
        page = pages(since, limit)
        if since == 0:
            house.archive.delete(ids[0])
        return page

    house.archive.studies = delete_after_the_first
    house.reconcile()
    assert house.rows() == set(ids[1:])


def test_counts_are_kept_by_every_change(house: Any) -> None:
    place, none = study(3), study(2, ImageOrientationPatient=None)
    ids = house.archive.store(place + none)
    house.hint(*ids)
    house.hint(*ids)
    assert house.counts() == {"instances": 5, "notIndexable": 2}
    fixed = none[0]
    fixed.ImageOrientationPatient = list(build.AXIAL)
    house.hint(*house.archive.store([fixed]))
    assert house.counts() == {"instances": 5, "notIndexable": 1}
    house.archive.delete(*ids)
    house.reconcile()
    assert house.counts() == {"instances": 0, "notIndexable": 0}
