"""Typed reading of Orthanc's short JSON, and the same form from files; all inputs are synthetic."""

import math

import pytest
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.tags import (
    BadValueError,
    integer,
    integer_if_valid,
    item,
    number,
    number_if_valid,
    numbers,
    sequence,
    text,
    texts,
)
from tests import builders as build

KEY = "0020,0032"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1\\2\\3", (1.0, 2.0, 3.0)),
        (" 1 \\-2.5e1\\+.5 ", (1.0, -25.0, 0.5)),
        ("4.6799999999999997\\4", (4.68, 4.0)),
        ("1\\2\0", (1.0, 2.0)),
        ("1¥2", (1.0, 2.0)),  # Orthanc 1.10 under ISO_IR 13
        ("", ()),
        ("  ", ()),
    ],
)
def test_numbers(value, expected) -> None:
    assert numbers({KEY: value}, KEY) == expected


@pytest.mark.parametrize("value", ["one", "1\\", "1\\\\2", "nan", "1\\inf", "1_0", "0x10", "1,5", None, []])
def test_malformed_numbers(value) -> None:
    with pytest.raises(BadValueError, match=KEY):
        numbers({KEY: value}, KEY)


def test_absent_numbers() -> None:
    assert numbers({}, KEY) == ()
    assert math.isnan(number({}, KEY))
    assert integer({}, KEY) is None
    assert math.isnan(number_if_valid({}, KEY))
    assert integer_if_valid({}, KEY) is None


@pytest.mark.parametrize(("value", "expected"), [("12", 12), (" 12 ", 12), ("12.0", 12), ("-3", -3)])
def test_integer(value, expected) -> None:
    assert integer({KEY: value}, KEY) == expected


@pytest.mark.parametrize("value", ["1.5", "1A", "99999999999"])
def test_malformed_integer(value) -> None:
    assert integer_if_valid({KEY: value}, KEY) is None
    with pytest.raises(BadValueError):
        integer({KEY: value}, KEY)


@pytest.mark.parametrize("value", ["x", "nan", "inf", "1_0", None, [], ""])
def test_number_if_valid(value) -> None:
    assert math.isnan(number_if_valid({KEY: value}, KEY))


def test_text_drops_padding() -> None:
    assert text({KEY: "MR \0"}, KEY) == "MR"
    assert texts({KEY: "ORIGINAL \\ PRIMARY\\"}, KEY) == ("ORIGINAL", "PRIMARY", "")
    assert text({KEY: None}, KEY) == text({KEY: []}, KEY) == text({}, KEY) == ""


def test_sequences() -> None:
    tags = {"5200,9229": [{"a": "b"}]}
    assert sequence(tags, "5200,9229") == [{"a": "b"}]
    assert item(tags, "5200,9229") == {"a": "b"}
    assert sequence({"5200,9229": None}, "5200,9229") == []
    assert item({"5200,9229": []}, "5200,9229") == {}
    assert item({}, "5200,9229") == {}


def test_short_form_of_a_dataset() -> None:
    ds = build.classic(position=(-1.5, 2.25, 0.1), DiffusionBValue=1 / 3, PatientName="Äpfel^Änne")
    ds.FrameIncrementPointer = [0x00540080]
    tags = tags_from_dataset(ds, frozenset({KEY, "0018,9087", "0010,0010", "0028,0009", "0028,0010"}))
    assert tags == {
        KEY: "-1.5\\2.25\\0.1",
        "0018,9087": repr(1 / 3),
        "0010,0010": "Äpfel^Änne",
        "0028,0009": "0054,0080",
        "0028,0010": "8",
    }


def test_only_what_is_read_is_copied() -> None:
    ds = build.enhanced([build.functional_groups(PlanePositionSequence=build.place((1, 2, 3)))])
    ds.PerFrameFunctionalGroupsSequence[0].PatientComments = "not needed"
    ds.PatientComments = "not needed"
    tags = tags_from_dataset(ds)
    assert "0010,4000" not in tags
    assert tags["5200,9230"] == [{"0020,9113": [{KEY: "1.0\\2.0\\3.0"}]}]


def test_file_and_dataset_give_the_same() -> None:
    ds = build.classic((1.1, 2.2, 3.3), build.OBLIQUE, DiffusionBValue=0.1)
    assert read_file_tags(build.as_file(ds)) == tags_from_dataset(ds)


def test_values_pydicom_would_refuse_stand_as_written() -> None:
    ds = Dataset()
    for key, vr, value in (
        (0x00200032, "DS", b"a\\b\\c "),
        (0x00280008, "IS", b"1A"),
        (0x00200037, "UN", b"1\\0 "),
    ):
        ds[Tag(key)] = RawDataElement(Tag(key), vr, len(value), value, 0, False, True)
    tags = tags_from_dataset(ds)
    assert tags == {KEY: "a\\b\\c", "0028,0008": "1A", "0020,0037": "1\\0"}


def test_values_that_cannot_be_read_are_cut() -> None:
    ds = Dataset()
    ds[Tag(0x00280010)] = RawDataElement(Tag(0x00280010), "US", 3, b"\1\2\3", 0, False, True)
    assert tags_from_dataset(ds) == {"0028,0010": None}


def test_empty_elements() -> None:
    ds = Dataset()
    ds[0x00200032] = DataElement(0x00200032, "DS", None)
    ds[0x00280010] = DataElement(0x00280010, "US", None)
    ds[0x52009230] = DataElement(0x52009230, "SQ", [])
    assert tags_from_dataset(ds) == {KEY: "", "0028,0010": "", "5200,9230": []}


def test_nothing_to_read() -> None:
    assert read_file_tags(b"") == {}
    with pytest.raises(FileNotFoundError):
        read_file_tags("nowhere.dcm")


def test_file_without_preamble() -> None:
    whole = build.as_file(build.classic())
    # the file meta information starts after 128 bytes of preamble and "DICM"
    assert read_file_tags(whole[132:])["0008,0060"] == "MR"
