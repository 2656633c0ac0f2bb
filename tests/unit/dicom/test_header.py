"""The header of an instance; all inputs are synthetic."""

import msgspec
import pytest

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.header import read_header
from tests import builders as build


def header(**attributes):
    return read_header(tags_from_dataset(build.classic(**attributes)))


def test_everything_stated() -> None:
    found = header(
        PatientID="P1",
        PatientName="Name^First",
        PatientBirthDate="19700102",
        PatientSex="F",
        IssuerOfPatientID="Hospital",
        StudyDate="20240101",
        StudyTime="120000",
        StudyDescription="Brain",
        AccessionNumber="A1",
        TimezoneOffsetFromUTC="+0100",
        SeriesNumber=3,
        SeriesDescription="FLAIR ",
        SeriesDate="20240102",
        SeriesTime="130000",
        ImageLaterality="L",
        InstanceNumber=7,
        NumberOfFrames=1,
        ImageType=["DERIVED", "SECONDARY"],
        AcquisitionDate="20240103",
        AcquisitionTime="140000.25",
    )
    stated = msgspec.structs.asdict(found)
    assert stated.pop("sop_instance_uid")
    assert stated == {
        "patient_id": "P1",
        "patient_name": "Name^First",
        "patient_birth_date": "19700102",
        "patient_sex": "F",
        "issuer_of_patient_id": "Hospital",
        "study_instance_uid": build.FRAME_OF_REFERENCE + ".1",
        "study_date": "20240101",
        "study_time": "120000",
        "study_description": "Brain",
        "accession_number": "A1",
        "timezone_offset": "+0100",
        "series_instance_uid": build.FRAME_OF_REFERENCE + ".1.1",
        "series_number": 3,
        "series_description": "FLAIR",
        "modality": "MR",
        "series_date": "20240102",
        "series_time": "130000",
        "laterality": "L",
        "sop_class_uid": build.MR,
        "instance_number": 7,
        "frame_of_reference_uid": build.FRAME_OF_REFERENCE,
        "image_type": ("DERIVED", "SECONDARY"),
        "number_of_frames": 1,
        "acquisition_date_time": "2024-01-03T14:00:00.250000+01:00",
        "time_source": "acquisition",
    }


def test_nothing_stated() -> None:
    found = msgspec.structs.asdict(read_header({}))
    assert set(found.values()) == {"", None, ()}


TIMES = {
    "AcquisitionDateTime": "20240105150000",
    "AcquisitionDate": "20240104",
    "AcquisitionTime": "140000",
    "ContentDate": "20240103",
    "ContentTime": "130000",
    "SeriesDate": "20240102",
    "SeriesTime": "120000",
    "StudyDate": "20240101",
    "StudyTime": "110000",
}


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (9, ("2024-01-05T15:00:00", "acquisition")),
        (8, ("2024-01-04T14:00:00", "acquisition")),
        (6, ("2024-01-03T13:00:00", "content")),
        (4, ("2024-01-02T12:00:00", "series")),
        (2, ("2024-01-01T11:00:00", "study")),
        (0, (None, None)),
    ],
)
def test_order_of_sources(stated, expected) -> None:
    found = header(**dict(list(TIMES.items())[len(TIMES) - stated :]))
    assert (found.acquisition_date_time, found.time_source) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"StudyDate": "20240101"}, "2024-01-01"),  # no time: none is invented
        ({"StudyDate": "20240101", "StudyTime": "11"}, "2024-01-01T11:00:00"),
        ({"StudyDate": "20240101", "StudyTime": "1130"}, "2024-01-01T11:30:00"),
        ({"StudyDate": "20240101", "StudyTime": "113059.5"}, "2024-01-01T11:30:59.500000"),
        ({"StudyDate": "20240101", "StudyTime": "113060"}, "2024-01-01T11:30:59"),
        ({"AcquisitionDateTime": "20240101113000.5-0500"}, "2024-01-01T11:30:00.500000-05:00"),
        (
            {"AcquisitionDateTime": "20240101113000-0500", "TimezoneOffsetFromUTC": "+0100"},
            "2024-01-01T11:30:00-05:00",
        ),
        (
            {"AcquisitionDateTime": "20240101113000", "TimezoneOffsetFromUTC": "+0530"},
            "2024-01-01T11:30:00+05:30",
        ),
        ({"AcquisitionDateTime": "2024", "StudyDate": "20240101"}, "2024-01-01"),
    ],
)
def test_forms_of_time(attributes, expected) -> None:
    assert header(**attributes).acquisition_date_time == expected


@pytest.mark.parametrize(
    "values",
    [
        {"0008,0022": "20241301", "0008,0032": "120000"},
        {"0008,0022": "yesterday"},
        {"0008,0022": "20240101-20240105", "0008,0032": "120000"},
        {"0008,002a": "2024010199"},
        {"0008,002a": "+0100"},
        {"0008,0022": None, "0008,0032": None, "0008,0201": "+9900"},
    ],
)
def test_malformed_times_are_absent(values) -> None:
    assert read_header(values).acquisition_date_time is None


def test_old_and_odd_dates() -> None:
    found = read_header({"0008,0020": "2024.01.02", "0008,0030": "11:30:00", "0008,0201": "0100"})
    assert found.acquisition_date_time == "2024-01-02T11:30:00"


def test_malformed_numbers_are_none() -> None:
    found = read_header({"0020,0011": "three", "0020,0013": "1.5", "0028,0008": "1A"})
    assert (found.series_number, found.instance_number, found.number_of_frames) == (None, None, None)


def test_time_of_an_enhanced_object_may_stand_in_its_frames() -> None:
    frame = build.functional_groups(FrameContentSequence={"FrameAcquisitionDateTime": "20240102133000"})
    found = read_header(tags_from_dataset(build.enhanced([frame, frame])))
    assert (found.acquisition_date_time, found.time_source) == ("2024-01-02T13:30:00", "acquisition")


def test_several_laterality() -> None:
    assert read_header({"0020,0060": "R"}).laterality == "R"
    assert read_header({"0020,0060": "R", "0020,0062": "L"}).laterality == "L"


@pytest.mark.parametrize(
    "uid",
    ["Unknown", "0", "1", "N/A", "1\\2", "1.2.3\\1.2.4", "", "0.0.0.0",
      "1.2." + "3" * 64, "1.2.3.", "1.2.840.10008.1.2", "1.2 .3"]
)  # fmt: skip
def test_what_is_no_uid_names_no_frame(uid: str) -> None:
    assert read_header({"0020,0052": uid}).frame_of_reference_uid == ""


@pytest.mark.parametrize(
    "uid", ["1.2.826.0.1.3680043.8.498.1", "2.25.123", "1.2.840.10008.1.4.1.1", "1.3.12.02.7"]
)
def test_uids_name_frames(uid: str) -> None:
    assert read_header({"0020,0052": uid + "\0"}).frame_of_reference_uid == uid


@pytest.mark.parametrize(
    ("written", "day"),
    [("20260818", "20260818"), ("2026.08.18", "20260818"), ("20263419", ""), ("20260230", ""), ("2026", ""),
     ("2026.0818", ""),
     ("٢٠٢٦٠٨١٨", ""), ("00000000", ""), ("20260818\\20260819", "")],
)  # fmt: skip
def test_one_reader_for_a_date_in_every_field(written: str, day: str) -> None:
    found = read_header(dict.fromkeys(("0008,0020", "0008,0021", "0010,0030"), written))
    assert (found.study_date, found.series_date, found.patient_birth_date) == (day, day, day)
    times = [
        read_header({key: written}).acquisition_date_time for key in ("0008,0020", "0008,0022", "0008,0023")
    ]
    assert times == [f"{day[:4]}-{day[4:6]}-{day[6:]}" if day else None] * 3
