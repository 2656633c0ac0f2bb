"""Series read as a whole: when, and what is read from the files all the same."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from longitudinal.errors import ArchiveFailed
from longitudinal.geometry.image_plane import PLANE
from longitudinal.ingest import series_reading as module
from longitudinal.ingest.series_reading import SeriesReading
from tests import builders as build
from tests.fake_archive import FakeTags, orthanc_ids

SLICES = 24


def store(house: Any, count: int = SLICES, **tags: Any) -> tuple[str, list[str]]:
    """One series: its Orthanc id and its instances'."""
    made: list[Dataset] = [build.classic((0, 0, 2.0 * number), **tags) for number in range(count)]
    return orthanc_ids(made[0])[2], house.archive.store(made)


def index(house: Any, ids: Sequence[str], reading: SeriesReading | None = None) -> None:
    while reading is not None and not reading.is_ready(0):
        pass
    for orthanc_id in ids:
        done = house.ingest.index(orthanc_id, reading=reading)
        assert done is not None
        done.result()


def rows(house: Any) -> list[tuple[Any, ...]]:
    query = "SELECT orthanc_id, planes, image_type, reason FROM instances ORDER BY orthanc_id"
    return list(map(tuple, house.readers.connection().execute(query)))


def test_a_series_is_read_without_a_file_and_the_same(house: Any) -> None:
    series, ids = store(house)
    index(house, ids, house.ingest.ask(series, ids, SLICES))
    as_a_whole = rows(house)
    assert (house.archive.files_read, house.archive.series_read) == ([], [series])
    index(house, ids)
    assert house.archive.files_read == ids
    assert rows(house) == as_a_whole
    assert all(planes is not None for _, planes, *_ in as_a_whole)


@pytest.mark.parametrize(("stored", "missing"), [(19, 19), (60, 29), (2_001, 2_001)])
def test_few_missing_or_many_stored_are_read_one_by_one(house: Any, stored: int, missing: int) -> None:
    series, ids = store(house, 1)
    assert house.ingest.ask(series, ids * missing, stored) is None
    assert house.archive.series_read == []


def test_objects_of_many_frames_or_megabytes_are_read_one_by_one(house: Any) -> None:
    series, ids = store(house, NumberOfFrames=3)
    assert house.ingest.ask(series, ids, SLICES) is None
    house.archive.stored.clear()
    series, ids = store(house, TextValue="contour " * 600_000)
    assert house.ingest.ask(series, ids, SLICES) is None
    house.archive.stored.clear()
    assert house.ingest.ask(series, ids, SLICES) is None  # gone meanwhile


@pytest.mark.parametrize(
    "answered",
    [
        {"0020,0032": None},  # cut, or binary
        {"0018,9114": [{"0018,9087": None}]},
        {"0008,0005": "ISO 2022 IR 13\\ISO 2022 IR 87"},  # Orthanc does not switch between these
    ],
)
def test_what_the_answer_lacks_is_read_from_the_file(house: Any, answered: Mapping[str, Any]) -> None:
    series, ids = store(house)
    ask = house.archive.ask_tags

    def ask_tags(series: str) -> FakeTags:
        found = ask(series)
        found.tags[ids[3]] |= answered
        return found

    house.archive.ask_tags = ask_tags  # type: ignore[method-assign]
    index(house, ids, house.ingest.ask(series, ids, SLICES))
    assert house.archive.files_read == [ids[3]]
    assert len(rows(house)) == SLICES


def test_a_failed_answer_leaves_it_to_the_files(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: FakeTags) -> dict[str, Any]:
        raise ArchiveFailed("HTTP 500")

    monkeypatch.setattr(FakeTags, "read", fail)
    series, ids = store(house)
    index(house, ids, house.ingest.ask(series, ids, SLICES))
    assert house.archive.files_read == ids


def test_an_answer_that_does_not_come_is_not_waited_for(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeTags, "is_ready", lambda *_: False)
    monkeypatch.setattr(module, "_SECONDS", 0.05)
    asked: list[FakeTags] = []
    ask = house.archive.ask_tags
    house.archive.ask_tags = lambda series: asked.append(ask(series)) or asked[-1]
    series, ids = store(house)
    index(house, ids, house.ingest.ask(series, ids, SLICES))
    assert house.archive.files_read == ids
    assert asked[0].is_closed


def test_what_is_stored_after_the_question_is_newer(house: Any) -> None:
    series, ids = store(house)
    reading = house.ingest.ask(series, ids, SLICES)
    assert reading is not None
    newer = json.loads(house.archive.short_json(ids[0])) | {"0020,0032": "7\\8\\9"}
    house.ingest.stored(ids[0], json.dumps(newer))
    index(house, ids[:1], reading)
    ((_, planes, *_),) = rows(house)
    assert np.frombuffer(planes, PLANE)["position"].tolist() == [[7.0, 8.0, 9.0]]
