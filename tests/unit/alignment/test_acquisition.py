"""What a series shows and how, from its tags."""

import pytest

from longitudinal.alignment.acquisition import Acquisition, read_acquisition, regions_of
from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.planes.contrast import Contrast
from tests import builders as build


def test_it_is_read_off_an_instance() -> None:
    ds = build.classic(
        BodyPartExamined="BRAIN",
        SeriesDescription=" Ax  t2 Flair ",
        RepetitionTime=9000,
        EchoTime=120,
        InversionTime=2500,
    )
    found = read_acquisition(tags_from_dataset(ds))
    assert found == Acquisition(Contrast("MR", 9000, 120, 2500), frozenset({"head"}), "AX T2 FLAIR")


@pytest.mark.parametrize(
    ("said", "regions"),
    [
        ("CHEST", {"chest"}), ("Thorax", {"chest"}), ("CHEST_TO_PELVIS", {"chest", "pelvis"}),
        ("ABDPELVIS", {"abdomen", "pelvis"}),
        ("LSPINE", {"abdomen", "pelvis"}), ("HEADNECK", {"head", "neck"}), ("", set()), ("?", set()), ("UNKNOWN", set()),
    ],
)  # fmt: skip
def test_regions(said: str, regions: set[str]) -> None:
    assert regions_of(said) == regions


def test_an_unknown_region_is_compared_with_everything() -> None:
    known, other, unknown = (
        Acquisition(Contrast("CT"), frozenset(one)) for one in ({"head"}, {"leg"}, set())
    )
    assert not known.shows_the_same_as(other)
    assert known.shows_the_same_as(unknown)
    assert unknown.shows_the_same_as(unknown)


def test_one_protocol_by_name_where_the_timing_is_not_said() -> None:
    flair, same, t1 = (Acquisition(Contrast("MR"), description=name) for name in ("FLAIR", "FLAIR", "T1"))
    assert flair.looks_like(same)
    assert not flair.looks_like(t1)
    assert not flair.looks_like(Acquisition(Contrast("CT"), description="FLAIR"))
    assert not Acquisition(Contrast("MR")).looks_like(Acquisition(Contrast("MR")))
