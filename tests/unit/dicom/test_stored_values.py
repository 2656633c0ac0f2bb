"""What stored values mean, frame by frame, and that nothing is called a number or a unit that is none."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.stored_values import STORED_VALUE_TAGS, FrameValues, StoredValues, read_stored_values
from tests import builders as build

CT = {"SOPClassUID": build.CT, "Modality": "CT"}
HOUNSFIELD = {"RescaleSlope": 1, "RescaleIntercept": -1024}


def values_of(ds: Dataset) -> StoredValues:
    return read_stored_values(tags_from_dataset(ds, STORED_VALUE_TAGS))


def frame_of(**attributes: Any) -> FrameValues:
    return values_of(build.classic(**attributes)).frame(1)


def item(**attributes: Any) -> Dataset:
    return build.change(Dataset(), attributes)


def test_a_ct_is_in_hounsfield_units_where_it_states_how() -> None:
    found = frame_of(**CT, **HOUNSFIELD)
    assert (found.rescale_slope, found.rescale_intercept, found.unit, found.not_linear) == (
        1,
        -1024,
        "HU",
        None,
    )


@pytest.mark.parametrize(
    ("attributes", "unit"),
    [
        (CT | HOUNSFIELD | {"RescaleType": "HU"}, "HU"),
        (CT | HOUNSFIELD | {"RescaleType": "US"}, None),
        (CT | HOUNSFIELD | {"RescaleType": "Z_EFF"}, "Z_EFF"),
        (CT, None),
        (HOUNSFIELD, None),
        (HOUNSFIELD | {"RescaleType": "normalized"}, None),
        ({"Modality": "PT", "Units": "BQML"} | HOUNSFIELD, "BQML"),
        ({"Modality": "PT", "Units": "BQML"}, None),
    ],
)
def test_a_unit_is_what_the_image_says_and_none_where_it_says_nothing(
    attributes: dict[str, Any], unit: str | None
) -> None:
    assert frame_of(**attributes).unit == unit


def test_values_without_a_rescale_are_as_they_are_stored() -> None:
    found = frame_of()
    assert (found.rescale_slope, found.rescale_intercept, found.unit) == (1, 0, None)


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"ModalityLUTSequence": [item(LUTExplanation="table")]}, "ModalityLUTSequence"),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, "PhotometricInterpretation is RGB"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR"),
        ({"PhotometricInterpretation": None}, "PhotometricInterpretation is absent"),
        ({"RescaleSlope": 0, "RescaleIntercept": 0}, "RescaleSlope (0028,1053) is 0"),
        ({"RescaleIntercept": -1024}, "RescaleSlope (0028,1053) is absent"),
        ({"RescaleSlope": 2}, "RescaleIntercept (0028,1052) is absent"),
        ({"PixelData": None}, "no pixels"),
    ],
)
def test_what_is_no_straight_line_is_null_with_the_reason(attributes: dict[str, Any], why: str) -> None:
    found = frame_of(**attributes)
    assert (found.rescale_slope, found.rescale_intercept, found.unit) == (None, None, None)
    assert why in (found.not_linear or "")


def test_a_malformed_slope_is_named_with_its_value() -> None:
    tags = tags_from_dataset(build.classic(**HOUNSFIELD), STORED_VALUE_TAGS) | {"0028,1053": "1.0.0"}
    found = read_stored_values(tags).frame(1)
    assert found.rescale_slope is None
    assert "1.0.0" in (found.not_linear or "")


def test_a_dose_grid_is_scaled_in_its_own_way() -> None:
    grid = build.dose(DoseGridScaling=2e-5, DoseUnits="GY")
    found = values_of(grid).frame(2)
    assert (found.rescale_slope, found.rescale_intercept, found.unit) == (2e-5, 0, "GY")
    assert values_of(build.dose()).frame(1).rescale_slope is None


def test_each_frame_has_its_own_values_and_what_it_lacks_is_shared() -> None:
    frames = [
        build.functional_groups(
            PlanePositionSequence=build.place((0, 0, z)),
            PixelValueTransformationSequence={"RescaleSlope": 1 + z},
            FrameVOILUTSequence={"WindowCenter": [40 + z, 300], "WindowWidth": [400, 1500]} if z else None,
        )
        for z in range(3)
    ]
    shared = build.functional_groups(
        PlaneOrientationSequence={"ImageOrientationPatient": list(build.AXIAL)},
        PixelMeasuresSequence={"PixelSpacing": [1.0, 1.0]},
        PixelValueTransformationSequence={"RescaleSlope": 9, "RescaleIntercept": -1000, "RescaleType": "HU"},
        FrameVOILUTSequence={"WindowCenter": 50, "WindowWidth": 350, "VOILUTFunction": "SIGMOID"},
    )
    found = values_of(build.enhanced(frames, shared, build.ENHANCED_CT, "CT"))
    got = [found.frame(number) for number in (1, 2, 3)]
    assert [one.rescale_slope for one in got] == [1, 2, 3]
    assert {one.rescale_intercept for one in got} == {-1000}
    assert {one.unit for one in got} == {"HU"}
    assert [one.window_center for one in got] == [50, 41, 42]
    assert [one.voi_lut_function for one in got] == ["SIGMOID"] * 3


def test_frames_that_do_not_differ_are_kept_once() -> None:
    frames = [build.functional_groups(PlanePositionSequence=build.place((0, 0, z))) for z in range(50)]
    found = values_of(build.enhanced(frames, RescaleSlope=2, RescaleIntercept=1))
    assert len(found.frames) == 1
    assert found.frame(50).rescale_slope == 2


def test_a_frame_that_the_header_does_not_have_is_no_other_one() -> None:
    frames = [
        build.functional_groups(PixelValueTransformationSequence={"RescaleSlope": z, "RescaleIntercept": 0})
        for z in (1, 2)
    ]
    found = values_of(build.enhanced(frames)).frame(3)
    assert found.rescale_slope is None
    assert found.not_linear == "the header has no such frame"


@pytest.mark.parametrize(
    ("attributes", "window"),
    [
        ({"WindowCenter": [40, 300], "WindowWidth": [400, 1500]}, (40, 400, "LINEAR")),
        (
            {"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "LINEAR_EXACT"},
            (40, 400, "LINEAR_EXACT"),
        ),
        ({"WindowCenter": 40, "WindowWidth": 0}, (None, None, None)),
        ({"WindowCenter": 40}, (None, None, None)),
        ({"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "OTHER"}, (None, None, None)),
        ({}, (None, None, None)),
    ],
)
def test_the_window_is_the_first_one_that_can_be_used(attributes: dict[str, Any], window: tuple) -> None:
    found = frame_of(**attributes)
    assert (found.window_center, found.window_width, found.voi_lut_function) == window


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize(
    ("representation", "vr", "written", "meant"),
    [(1, "SS", -2000, -2000), (1, "US", 63536, -2000), (0, "US", 63536, 63536), (0, "SS", -2000, 63536)],
)
def test_padding_is_read_as_the_pixels_are(
    tmp_path: Path, syntax: str, representation: int, vr: str, written: int, meant: int
) -> None:
    ds = build.classic(PixelRepresentation=representation)
    ds.add_new(0x00280120, vr, written)
    ds.add_new(0x00280121, vr, written)
    path = tmp_path / "one.dcm"
    path.write_bytes(file_of(ds, syntax))
    for source in (path, path.read_bytes()):
        found = read_stored_values(read_file_tags(source, keep=STORED_VALUE_TAGS))
        assert (found.pixel_padding_value, found.pixel_padding_range_limit) == (meant, meant)
        assert (found.bits_stored, found.pixel_representation) == (16, representation)


def test_a_limit_without_a_padding_value_is_none() -> None:
    assert values_of(build.classic(PixelPaddingRangeLimit=5)).pixel_padding_range_limit is None


def test_a_linear_real_world_mapping_is_told_beside_the_rescale() -> None:
    unit = item(CodeValue="Bq/ml", CodingSchemeDesignator="UCUM", CodeMeaning="Bq/ml")
    table = item(RealWorldValueLUTData=[1.0, 2.0])
    line = item(
        RealWorldValueSlope=0.5, RealWorldValueIntercept=-3.0, MeasurementUnitsCodeSequence=[unit],
        DoubleFloatRealWorldValueFirstValueMapped=0.0,
    )  # fmt: skip
    line.add_new(0x00409216, "US", 0)
    line.add_new(0x00409211, "US", 4095)
    real = frame_of(RealWorldValueMappingSequence=[table, line]).real_world
    assert real is not None
    assert (real.slope, real.intercept, real.unit, real.first, real.last) == (0.5, -3, "Bq/ml", 0, 4095)
    assert frame_of(RealWorldValueMappingSequence=[table]).real_world is None
    assert frame_of().real_world is None


def test_what_is_read_again_is_read_of_a_file_as_of_its_dataset(tmp_path: Path) -> None:
    frames = [
        build.functional_groups(
            PlanePositionSequence=build.place((0, 0, z)),
            RealWorldValueMappingSequence={"RealWorldValueSlope": 2.0, "RealWorldValueIntercept": 0.0},
        )
        for z in range(3)
    ]
    for ds in (
        build.classic(**CT, **HOUNSFIELD, WindowCenter=40, WindowWidth=400),
        build.enhanced(frames, RescaleSlope=3, RescaleIntercept=1),
        build.dose(DoseGridScaling=1e-3, DoseUnits="GY"),
    ):
        path = tmp_path / "one.dcm"
        path.write_bytes(build.as_file(ds))
        of_file = read_stored_values(read_file_tags(path, keep=STORED_VALUE_TAGS))
        assert of_file == values_of(ds) == values_of(pydicom.dcmread(path))


def test_numbers_of_an_implicit_file_have_the_sign_of_its_pixels(tmp_path: Path) -> None:
    """Their VR is US or SS, which another element tells, whoever reads them."""
    mapping = item(RealWorldValueSlope=1.0, RealWorldValueIntercept=0.0)
    mapping.add_new("RealWorldValueFirstValueMapped", "SS", -1024)
    mapping.add_new("RealWorldValueLastValueMapped", "SS", 3071)
    ds = build.classic(**CT, PixelRepresentation=1, RealWorldValueMappingSequence=[mapping])
    ds.add_new("PixelPaddingValue", "SS", -2000)
    path, file = tmp_path / "one.dcm", file_of(ds, ImplicitVRLittleEndian)
    path.write_bytes(file)
    tags = read_file_tags(path, keep=STORED_VALUE_TAGS)
    assert tags == read_file_tags(file, keep=STORED_VALUE_TAGS)
    found = read_stored_values(tags)
    real_world = found.frame(1).real_world
    assert real_world is not None
    assert (real_world.first, real_world.last, found.pixel_padding_value) == (-1024, 3071, -2000)


def file_of(ds: Dataset, syntax: str) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
        ds.SOPClassUID,
        ds.SOPInstanceUID,
    )
    written = BytesIO()
    pydicom.dcmwrite(written, ds, enforce_file_format=True)
    return written.getvalue()
