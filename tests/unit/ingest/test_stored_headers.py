"""Headers that are read again: whatever became of one file, those of the others are there."""

from longitudinal.dicom.stored_values import STORED_VALUE_TAGS, read_stored_values
from longitudinal.ingest.stored_objects import StoredHeaders
from tests.cases import volume
from tests.fake_archive import FakeArchive


def test_headers_come_in_the_order_asked_for_and_what_is_gone_is_none() -> None:
    archive = FakeArchive()
    scan = volume("P", [0.0, 2.0, 4.0])
    for number, ds in enumerate(scan):
        ds.RescaleSlope, ds.RescaleIntercept = 1 + number, 0
    ids = archive.store(scan)
    headers = StoredHeaders(archive, archive, STORED_VALUE_TAGS)
    series = archive.parents(ids[0]).series
    archive.unreadable.add(ids[1])
    archive.delete(ids[0])
    found = list(headers(series, [ids[2], ids[0], ids[1]]))
    assert found[1:] == [None, None]
    assert found[0] is not None
    assert read_stored_values(found[0]).frame(1).rescale_slope == 3


def test_what_joined_the_series_after_its_list_was_read_is_asked_for_by_itself() -> None:
    archive = FakeArchive()
    first, second = volume("P", [0.0, 2.0])
    (one,) = archive.store([first])
    (other,) = archive.store([second])
    headers = StoredHeaders(archive, archive, STORED_VALUE_TAGS)
    elsewhere = list(headers("another series", [one, other]))
    assert all(tags is not None for tags in elsewhere)


def test_a_file_that_breaks_the_reader_is_read_by_the_archive_itself() -> None:
    archive = FakeArchive()
    (one,) = archive.store(volume("P", [0.0], RescaleSlope=4, RescaleIntercept=0))
    whole = archive.short_json(one)

    class Broken(FakeArchive):
        def file(self, orthanc_id: str) -> bytes:
            raise ValueError("pydicom cannot")

        def tags(self, orthanc_id: str) -> str:
            return whole

    broken = Broken()
    broken.stored = archive.stored
    (tags,) = StoredHeaders(broken, broken, STORED_VALUE_TAGS)(archive.parents(one).series, [one])
    assert tags is not None
