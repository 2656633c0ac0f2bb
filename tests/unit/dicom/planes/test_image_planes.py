"""Classic images, and what has no planes; all inputs are synthetic unless a test names its files."""

import numpy as np
import pytest

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.planes.image_planes import ImagePlanes, NoPlanes, Role, read_planes
from longitudinal.reasons import NotIndexableReason
from tests import builders as build


def reason_of(ds) -> NotIndexableReason:
    found = read_planes(tags_from_dataset(ds))
    assert isinstance(found, NoPlanes), found
    return found.reason


def role_of(ds) -> Role:
    found = read_planes(tags_from_dataset(ds))
    assert isinstance(found, ImagePlanes), found
    return found.role


def test_classic_image() -> None:
    ds = build.classic(
        position=(-1.5, 2.25, 3.125),
        orientation=build.OBLIQUE,
        spacing=(2.0, 0.5),
        InstanceNumber=7,
        SliceThickness=3.5,
        EchoTime=92.0,
        DiffusionBValue=800.0,
        TriggerTime=33.5,
        TemporalPositionIdentifier=4,
        AcquisitionDate="20240102",
        AcquisitionTime="133000.500000",
        TimezoneOffsetFromUTC="+0100",
    )
    (plane,) = build.planes_of(ds)
    assert plane["position"].tolist() == [-1.5, 2.25, 3.125]
    assert plane["orientation"].tolist() == list(build.OBLIQUE)
    assert plane["spacing"].tolist() == [2.0, 0.5]
    assert (plane["rows"], plane["columns"]) == (8, 6)
    assert (plane["frame_number"], plane["instance_number"], plane["temporal_position"]) == (1, 7, 4)
    assert (plane["slice_thickness"], plane["echo_time"], plane["b_value"], plane["trigger_time"]) == (
        3.5,
        92.0,
        800.0,
        33.5,
    )
    assert plane["acquisition_time"] == 1704198600.5  # 2024-01-02T12:30:00.5Z


def test_absent_values_of_a_classic_image() -> None:
    (plane,) = build.planes_of(build.classic(SliceThickness=None, InstanceNumber=None))
    assert (plane["instance_number"], plane["temporal_position"]) == (-1, -1)
    for name in ("slice_thickness", "acquisition_time", "echo_time", "b_value", "trigger_time"):
        assert np.isnan(plane[name])


@pytest.mark.filterwarnings("error")
def test_values_that_geometry_can_do_without_may_be_malformed() -> None:
    tags = tags_from_dataset(build.classic())
    tags |= {"0018,0050": "thick", "0018,0081": "1e300", "0020,0013": "99999999999", "0008,0022": "yesterday"}
    found = read_planes(tags)
    assert isinstance(found, ImagePlanes)
    assert np.isnan(found.planes["slice_thickness"][0])
    assert np.isnan(found.planes["echo_time"][0])
    assert found.planes["instance_number"][0] == -1
    assert np.isnan(found.planes["acquisition_time"][0])


def test_one_frame_is_a_single_frame() -> None:
    assert len(build.planes_of(build.classic(NumberOfFrames=1))) == 1


def test_several_frames_without_functional_groups() -> None:
    assert reason_of(build.classic(NumberOfFrames=5)) == NotIndexableReason.FRAMES_WITHOUT_GEOMETRY


@pytest.mark.parametrize(
    "keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns"]
)
def test_absent_geometry(keyword) -> None:
    assert reason_of(build.classic(**{keyword: None})) == NotIndexableReason.NO_GEOMETRY


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("0020,0032", "nan\\0\\0"),
        ("0020,0032", "inf\\0\\0"),
        ("0020,0032", "1e6\\0\\0"),
        ("0020,0032", "1e308\\1e308\\1e308"),
        ("0028,0010", "8\\8"),
        ("0020,0032", "1_0\\0\\0"),
        ("0020,0032", "1,5\\0\\0"),
        ("0020,0032", "0\\0"),
        ("0020,0032", None),
        ("0020,0032", []),
        ("0020,0037", "1\\0\\0\\0\\1"),
        ("0020,0037", "1\\0\\0\\0\\nan\\0"),
        ("0020,0037", None),
        ("0028,0030", "0.5"),
        ("0028,0030", "1e9\\1e9"),
        ("0028,0030", "1e-9\\1e-9"),
        ("0028,0030", "half\\half"),
        ("0028,0030", None),
        ("0028,0010", "0"),
        ("0028,0010", "8.5"),
        ("0028,0011", "70000"),
        ("0028,0011", "-6"),
        ("0028,0008", "many"),
    ],
)
def test_malformed_or_absurd_geometry(key, value) -> None:
    found = read_planes({**tags_from_dataset(build.classic()), key: value})
    assert isinstance(found, NoPlanes)
    assert found.reason == NotIndexableReason.BAD_VALUE
    assert found.detail


@pytest.mark.parametrize(
    "orientation",
    [
        (0, 0, 0, 0, 0, 0),
        (1, 0, 0, 1, 0, 0),
        (1, 0, 0, 0, 0, 0),
        (1, 0, 0, 0.5, 0.866, 0),
        (3, 0, 0, 0, 3, 0),
    ],
)
def test_degenerate_orientation(orientation) -> None:
    assert reason_of(build.classic(orientation=orientation)) == NotIndexableReason.DEGENERATE_ORIENTATION


@pytest.mark.parametrize("orientation", [(0.99, 0, 0, 0, 1.01, 0), (1, 0, 0, 0.02, 1, 0)])
def test_rounded_cosines_are_taken_as_they_stand(orientation) -> None:
    assert build.planes_of(build.classic(orientation=orientation))["orientation"][0].tolist() == list(
        orientation
    )


@pytest.mark.parametrize("spacing", [(0, 0), (0, 1), (1, -1)])
def test_zero_spacing(spacing) -> None:
    assert reason_of(build.classic(spacing=spacing)) == NotIndexableReason.ZERO_SPACING


def test_spacing_at_the_detector_is_no_spacing_in_the_patient() -> None:
    assert (
        reason_of(build.classic(PixelSpacing=None, ImagerPixelSpacing=[0.1, 0.1]))
        == NotIndexableReason.PROJECTION
    )


@pytest.mark.parametrize("suffix", ["1", "1.1", "1.2", "12.1", "12.2", "481.1"])
def test_projections(suffix) -> None:
    assert reason_of(build.classic(SOPClassUID=build.STORAGE + suffix)) == NotIndexableReason.PROJECTION


def test_mosaic() -> None:
    assert reason_of(build.mosaic()) == NotIndexableReason.MOSAIC


def test_whole_slide() -> None:
    assert reason_of(build.dataset(build.STORAGE + "77.1.6", "SM")) == NotIndexableReason.WHOLE_SLIDE


def test_ultrasound_and_secondary_capture_without_geometry() -> None:
    assert reason_of(build.dataset(build.STORAGE + "6.1", "US")) == NotIndexableReason.NO_GEOMETRY
    assert reason_of(build.dataset(build.SECONDARY_CAPTURE, "OT")) == NotIndexableReason.NO_GEOMETRY


def test_report() -> None:
    report = build.dataset(build.STORAGE + "88.33", "SR", Rows=None, Columns=None)
    assert reason_of(report) == NotIndexableReason.NOT_AN_IMAGE


@pytest.mark.parametrize(
    ("attributes", "role"),
    [
        ({}, Role.IMAGE),
        ({"ImageType": ["DERIVED", "SECONDARY"]}, Role.IMAGE),
        ({"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED"]}, Role.IMAGE),
        ({"ImageType": None}, Role.IMAGE),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, Role.LOCALIZER),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER", "CT_SOM5 TOP"]}, Role.LOCALIZER),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, Role.DERIVED),
        ({"SOPClassUID": build.SECONDARY_CAPTURE}, Role.DERIVED),
        ({"SOPClassUID": build.STORAGE + "30"}, Role.DERIVED),
        ({"PhotometricInterpretation": "RGB"}, Role.DERIVED),
    ],
)
def test_role(attributes, role) -> None:
    assert role_of(build.classic(**attributes)) == role


def test_nothing_at_all() -> None:
    assert read_planes({}) == NoPlanes(
        NotIndexableReason.NOT_AN_IMAGE, "PixelData is absent, SOPClassUID is absent"
    )
