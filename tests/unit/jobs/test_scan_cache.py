"""What a worker keeps, what leaves first, and what is never read twice."""

from typing import Any

import numpy as np
import pytest

from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.jobs.messages import ScanPlanes
from longitudinal.jobs.scan_cache import ScanCache
from longitudinal.registration.volume import UnusableVolume, Volume

EDGE = 20
# Voxels of 2 mm, where those that are read have 1 mm; a byte each of the coarse image that says where the scan is.
BYTES = 4 * (EDGE // 2) ** 3 + (EDGE // 5) ** 3


def scan(name: str, **more: Any) -> ScanPlanes:
    return ScanPlanes(name.encode(), [name] * 7, list(range(1, 8)), "CT", **more)


class Shelf:
    def __init__(self, scans: float) -> None:
        self.read: list[str] = []
        self.cache = ScanCache(scans * BYTES, self._read)

    def _read(self, wanted: ScanPlanes, progress: object) -> Volume:
        self.read.append(wanted.instances[0])
        if wanted.instances[0] == "colour":
            raise UnusableVolume("notGrey", "pixels of shape (9, 9, 3)")
        voxels = np.random.default_rng(1).random((EDGE,) * 3, np.float32)
        return Volume(voxels, None, np.zeros(3), np.eye(3), np.ones(3), Contrast("CT"))

    def get(self, *names: str) -> list[str]:
        """What has to be read for these, one after the other."""
        before = len(self.read)
        for name in names:
            self.cache.get(scan(name), lambda fraction: None)
        return self.read[before:]


def test_a_pair_is_read_once() -> None:
    shelf = Shelf(scans=2)
    assert shelf.get("a", "b") == ["a", "b"]
    assert shelf.get("a", "b", "b", "a") == []
    assert shelf.cache.frames_read == 14


def test_what_is_kept_has_voxels_of_2_mm_and_no_finer_ones() -> None:
    shelf = Shelf(scans=2)
    kept = shelf.cache.get(scan("a"), lambda fraction: None)
    assert (kept.volume.voxels.shape, kept.nbytes) == ((EDGE // 2,) * 3, BYTES)


def test_the_least_recently_used_leaves_first() -> None:
    shelf = Shelf(scans=3)
    shelf.get("a", "b", "c", "a")
    assert shelf.get("d") == ["d"]
    assert shelf.get("a", "c", "d") == []
    assert shelf.get("b") == ["b"]


def test_a_pair_that_is_larger_than_the_budget_stays_until_another_is_needed() -> None:
    shelf = Shelf(scans=0.5)
    assert shelf.get("a", "b", "a", "b") == ["a", "b"]
    assert shelf.get("c") == ["c"]
    assert shelf.get("b", "c") == []
    assert shelf.get("a") == ["a"]


@pytest.mark.parametrize(
    "more", [{"echo_time": 20.0}, {"repetition_time": 500.0}, {"version": "of other files"}]
)
def test_of_another_contrast_or_with_other_pixels_it_is_another_scan(more: dict[str, Any]) -> None:
    shelf = Shelf(scans=4)
    shelf.get("a")
    shelf.cache.get(scan("a", **more), lambda fraction: None)
    assert shelf.read == ["a", "a"]


def test_what_cannot_be_read_is_not_kept() -> None:
    shelf = Shelf(scans=4)
    for _ in range(2):
        with pytest.raises(UnusableVolume):
            shelf.get("colour")
    assert shelf.read == ["colour", "colour"]
    assert shelf.cache.frames_read == 0


def test_all_of_it_can_be_given_back() -> None:
    shelf = Shelf(scans=4)
    shelf.get("a", "b")
    shelf.cache.forget()
    assert shelf.get("a") == ["a"]
