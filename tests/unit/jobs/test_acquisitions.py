"""What is remembered of tags, until the series changes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.jobs.acquisitions import Acquisitions


class Archive:
    """Tags and LastUpdate of instances, and how often each was read."""

    def __init__(self) -> None:
        self.modality = {"i": "MR"}
        self.last_update = {"i": "20240101T000000"}
        self.now = 100.0
        self.tags_read = self.updates_read = 0

    def read(self, instance: str) -> Acquisition:
        self.tags_read += 1
        return Acquisition(Contrast(self.modality[instance]))

    def last_update_of(self, instance: str) -> str:
        self.updates_read += 1
        return self.last_update.get(instance, "")


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def acquisitions(archive: Archive) -> Acquisitions:
    return Acquisitions(archive.read, archive.last_update_of, lambda: archive.now)


def test_it_is_read_again_when_the_series_has_changed(archive: Archive, acquisitions: Acquisitions) -> None:
    assert acquisitions("i").contrast.modality == "MR"
    archive.now += 60
    assert (acquisitions("i").contrast.modality, archive.tags_read) == ("MR", 1)
    archive.modality["i"], archive.last_update["i"] = "CT", "20240101T000500"
    archive.now += 60
    assert (acquisitions("i").contrast.modality, archive.tags_read) == ("CT", 2)


def test_a_job_that_asks_a_thousand_times_asks_the_archive_once(
    archive: Archive, acquisitions: Acquisitions
) -> None:
    for _ in range(1_000):
        acquisitions("i")
    assert (archive.tags_read, archive.updates_read) == (1, 1)


def test_one_that_is_gone_is_gone_though_it_was_remembered(
    archive: Archive, acquisitions: Acquisitions
) -> None:
    acquisitions("i")
    archive.modality.clear()
    archive.last_update.clear()
    archive.now += 60
    with pytest.raises(KeyError):
        acquisitions("i")


def test_where_the_archive_does_not_say_when_it_is_read_each_time(
    archive: Archive, acquisitions: Acquisitions
) -> None:
    archive.last_update["i"] = ""
    acquisitions("i")
    archive.modality["i"] = "CT"
    archive.now += 60
    assert acquisitions("i").contrast.modality == "CT"


def test_what_is_stored_while_the_tags_are_read_makes_them_out_of_date(archive: Archive) -> None:
    def read(instance: str) -> Acquisition:
        found = archive.read(instance)
        if archive.tags_read == 1:
            archive.modality["i"], archive.last_update["i"] = "CT", "20240101T000500"
        return found

    acquisitions = Acquisitions(read, archive.last_update_of, lambda: archive.now)
    assert acquisitions("i").contrast.modality == "MR"
    archive.now += 60
    assert acquisitions("i").contrast.modality == "CT"


def test_threads_at_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longitudinal.jobs.acquisitions._MOST", 5)
    archive.modality = {f"i{number}": f"M{number}" for number in range(9)}
    acquisitions = Acquisitions(archive.read, archive.last_update_of, lambda: archive.now)

    def work(number: int) -> None:
        for turn in range(200):
            which = (number + turn) % 9
            assert acquisitions(f"i{which}").contrast.modality == f"M{which}"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(acquisitions._known) == 5
