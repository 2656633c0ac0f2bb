"""Where files lie is asked for by series where Orthanc can list one, with the same answers as one by one."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import pytest

from longitudinal.archive import StoredFile
from tests.fake_orthanc import FakeOrthanc

IDS = [f"i{number}" for number in range(12)]


@pytest.fixture
def files(fake_orthanc: FakeOrthanc) -> Any:
    fake_orthanc.constant("ResourceType", SimpleNamespace(PATIENT=0, STUDY=1, SERIES=2, INSTANCE=3))
    fake_orthanc.constant("OrthancException", type("OrthancException", (Exception,), {}))
    from longitudinal.host.listed_files import ListedFiles  # of the package that exists only inside Orthanc

    return ListedFiles(str)


def attachment(orthanc_id: str, kind: int = 1, compressed: int = 9) -> dict[str, Any]:
    return {
        "Uuid": f"{orthanc_id}.{kind}",
        "CompressedSize": compressed,
        "UncompressedSize": 9,
        "ContentType": kind,
    }


def lying(*orthanc_ids: str) -> list[StoredFile | None]:
    return [StoredFile(9, f"{orthanc_id}.1") for orthanc_id in orthanc_ids]


def can_list(fake_orthanc: FakeOrthanc, system: dict[str, Any] | None = None) -> None:
    said = {"Capabilities": {"HasExtendedFind": True}} if system is None else system
    fake_orthanc.expect("RestApiGet", "/system", returns=json.dumps(said))


def is_asked_alone(fake_orthanc: FakeOrthanc, *orthanc_ids: str) -> None:
    for orthanc_id in orthanc_ids:
        path = f"/instances/{orthanc_id}/attachments/dicom/info"
        fake_orthanc.expect("RestApiGet", path, returns=json.dumps(attachment(orthanc_id)))


def is_gone(fake_orthanc: FakeOrthanc, path: str) -> None:
    fake_orthanc.expect("RestApiGet", path, raises=fake_orthanc.OrthancException())


def has_series(fake_orthanc: FakeOrthanc, orthanc_id: str, series: str) -> None:
    said = {"ID": orthanc_id, "ParentSeries": series, "Type": "Instance"}
    fake_orthanc.expect("RestApiGet", f"/instances/{orthanc_id}", returns=json.dumps(said))


def is_listed(
    fake_orthanc: FakeOrthanc, series: str, since: int, orthanc_ids: Sequence[str], **changed: list[dict[str, Any]]
) -> None:  # fmt: skip
    request = {
        "Level": "Instance",
        "Query": {},
        "ParentSeries": series,
        "OrderBy": [{"Type": "Metadata", "Key": "ReceptionDate", "Direction": "ASC"}],
        "Since": since,
        "ResponseContent": ["Attachments"],
    }
    said = [{"ID": one, "Attachments": changed.get(one, [attachment(one)])} for one in orthanc_ids]
    fake_orthanc.expect("RestApiPost", "/tools/find", json.dumps(request).encode(), returns=json.dumps(said))


def test_few_are_asked_for_one_by_one_and_as_late_as_possible(files: Any, fake_orthanc: FakeOrthanc) -> None:
    is_asked_alone(fake_orthanc, "i0", "i2")
    is_gone(fake_orthanc, "/instances/i1/attachments/dicom/info")
    found = files.many(IDS[:3])
    assert not fake_orthanc.calls
    assert list(found) == [*lying("i0"), None, *lying("i2")]


@pytest.mark.parametrize(
    "system", [{}, {"Capabilities": {"HasExtendedFind": False}}], ids=["old", "of a database"]
)
def test_where_orthanc_cannot_list_a_series_it_is_not_asked_to(
    files: Any, fake_orthanc: FakeOrthanc, system: dict[str, Any]
) -> None:
    can_list(fake_orthanc, system)
    is_asked_alone(fake_orthanc, *IDS, *IDS)
    assert list(files.many(IDS)) == lying(*IDS)
    assert list(files.many(IDS)) == lying(*IDS)


def test_a_series_is_listed_once(files: Any, fake_orthanc: FakeOrthanc) -> None:
    can_list(fake_orthanc)
    has_series(fake_orthanc, "i0", "s")
    others = {"i1": [attachment("i1", 3), attachment("i1")], "i2": [attachment("i2", compressed=4)]}
    is_listed(fake_orthanc, "s", 0, ["older", *reversed(IDS), "newer"], **others)
    assert list(files.many(IDS)) == [*lying("i0", "i1"), StoredFile(9, None), *lying(*IDS[3:])]


def test_what_comes_next_is_listed_from_there_on(files: Any, fake_orthanc: FakeOrthanc) -> None:
    can_list(fake_orthanc)
    has_series(fake_orthanc, "i0", "s")
    is_listed(fake_orthanc, "s", 0, ["older", *IDS, "n0"])
    assert list(files.many(IDS)) == lying(*IDS)
    later = [f"n{number}" for number in range(9)]
    has_series(fake_orthanc, "n0", "s")
    is_listed(fake_orthanc, "s", 13, later)
    assert list(files.many(later)) == lying(*later)


def test_after_deletes_and_for_what_is_read_again_it_is_listed_from_the_beginning(
    files: Any, fake_orthanc: FakeOrthanc
) -> None:
    can_list(fake_orthanc)
    has_series(fake_orthanc, "i0", "s")
    is_listed(fake_orthanc, "s", 0, IDS)
    assert list(files.many(IDS)) == lying(*IDS)
    has_series(fake_orthanc, "i0", "s")
    is_listed(fake_orthanc, "s", 12, [])
    is_listed(fake_orthanc, "s", 0, IDS)
    assert list(files.many(IDS)) == lying(*IDS)


def test_one_that_a_list_passes_over_is_found_by_another(files: Any, fake_orthanc: FakeOrthanc) -> None:
    """Two that read the same series at the same time move one another's place in it."""
    can_list(fake_orthanc)
    files._before["s"] = 1
    has_series(fake_orthanc, "i1", "s")
    is_listed(fake_orthanc, "s", 1, IDS[1:])
    has_series(fake_orthanc, "i0", "s")
    is_listed(fake_orthanc, "s", 12, [])
    is_listed(fake_orthanc, "s", 0, IDS)
    assert list(files.many([*IDS[1:], "i0"])) == lying(*IDS[1:], "i0")


def test_what_a_list_lacks_is_asked_for_by_itself(files: Any, fake_orthanc: FakeOrthanc) -> None:
    """Deleted meanwhile, or beyond LimitFindInstances."""
    can_list(fake_orthanc)
    has_series(fake_orthanc, "i0", "s")
    is_listed(fake_orthanc, "s", 0, IDS[:9], i3=[])
    has_series(fake_orthanc, "i3", "s")
    is_listed(fake_orthanc, "s", 9, [])
    is_listed(fake_orthanc, "s", 0, IDS[:9], i3=[])
    is_gone(fake_orthanc, "/instances/i3/attachments/dicom/info")
    is_asked_alone(fake_orthanc, *IDS[9:])
    assert list(files.many(IDS)) == [*lying(*IDS[:3]), None, *lying(*IDS[4:])]


def test_each_of_several_series_is_listed(files: Any, fake_orthanc: FakeOrthanc) -> None:
    can_list(fake_orthanc)
    more = [f"m{number}" for number in range(9)]
    has_series(fake_orthanc, "i0", "s")
    is_listed(fake_orthanc, "s", 0, IDS)
    has_series(fake_orthanc, "m0", "t")
    is_listed(fake_orthanc, "t", 0, more)
    mixed = [one for pair in zip(IDS, more, strict=False) for one in pair]
    assert list(files.many(mixed)) == lying(*mixed)


def test_series_of_few_images_are_not_worth_a_list_each(files: Any, fake_orthanc: FakeOrthanc) -> None:
    can_list(fake_orthanc)
    has_series(fake_orthanc, "i0", "s")
    is_listed(fake_orthanc, "s", 0, ["i0"])
    is_asked_alone(fake_orthanc, *IDS[1:])
    assert list(files.many(IDS)) == lying(*IDS)


def test_a_long_series_is_listed_after_one_of_few_images(files: Any, fake_orthanc: FakeOrthanc) -> None:
    """A scout or two come first in many studies."""
    can_list(fake_orthanc)
    scouts, slices = ["s0", "s1"], [f"l{number}" for number in range(40)]
    has_series(fake_orthanc, "s0", "s")
    is_listed(fake_orthanc, "s", 0, scouts)
    is_asked_alone(fake_orthanc, *slices[:16])
    has_series(fake_orthanc, "l16", "l")
    is_listed(fake_orthanc, "l", 0, slices)
    assert list(files.many([*scouts, *slices])) == lying(*scouts, *slices)


def test_where_all_series_have_few_images_they_are_listed_ever_more_rarely(
    files: Any, fake_orthanc: FakeOrthanc
) -> None:
    can_list(fake_orthanc)
    single = [f"o{number}" for number in range(60)]
    for number, one in enumerate(single):
        if number in (0, 17, 50):
            has_series(fake_orthanc, one, f"s{number}")
            is_listed(fake_orthanc, f"s{number}", 0, [one])
        else:
            is_asked_alone(fake_orthanc, one)
    assert list(files.many(single)) == lying(*single)


def test_if_the_series_is_gone_or_the_list_is_another_each_is_asked_for(
    files: Any, fake_orthanc: FakeOrthanc
) -> None:
    can_list(fake_orthanc)
    is_gone(fake_orthanc, "/instances/i0")
    is_gone(fake_orthanc, "/instances/i0/attachments/dicom/info")
    is_asked_alone(fake_orthanc, *IDS[1:])
    assert list(files.many(IDS)) == [None, *lying(*IDS[1:])]
    has_series(fake_orthanc, "i0", "s")
    fake_orthanc.expect("RestApiPost", "/tools/find", ANY, returns='["i0", "i1"]')
    is_asked_alone(fake_orthanc, *IDS)
    assert list(files.many(IDS)) == lying(*IDS)
