"""Objects with functional groups; all inputs are synthetic but the Philips pair."""

import numpy as np
import pytest

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.planes.image_planes import ImagePlanes, NoPlanes, Role, read_planes
from longitudinal.geometry.image_plane import Planes
from longitudinal.geometry.stack import split_into_stacks
from longitudinal.reasons import NotIndexableReason
from tests import builders as build
from tests.data import dicom_files

SAME_MM = 1e-6


def frames_at(*heights: float, **groups):
    return [
        build.functional_groups(PlanePositionSequence=build.place((0, 0, height)), **groups)
        for height in heights
    ]


def not_indexable(ds) -> NoPlanes:
    found = read_planes(tags_from_dataset(ds))
    assert isinstance(found, NoPlanes), found
    return found


def test_frames_of_the_shared_group() -> None:
    planes = build.planes_of(build.enhanced(frames_at(0, 2.5, 5)))
    assert planes["position"][:, 2].tolist() == [0, 2.5, 5]
    assert planes["frame_number"].tolist() == [1, 2, 3]
    assert (planes["orientation"] == build.AXIAL).all()
    assert (planes["spacing"] == 1).all()
    assert (planes["slice_thickness"] == 2).all()
    assert planes["rows"].tolist() == [8, 8, 8]
    assert planes["columns"].tolist() == [6, 6, 6]


def test_a_frames_own_group_comes_first() -> None:
    own = build.functional_groups(
        PlanePositionSequence=build.place((1, 2, 3)),
        PlaneOrientationSequence={"ImageOrientationPatient": list(build.CORONAL)},
        PixelMeasuresSequence={"PixelSpacing": [3.0, 4.0], "SliceThickness": 9.0},
    )
    first, second = build.planes_of(build.enhanced([*frames_at(0), own]))
    assert first["orientation"].tolist() == list(build.AXIAL)
    assert second["orientation"].tolist() == list(build.CORONAL)
    assert second["spacing"].tolist() == [3, 4]
    assert second["slice_thickness"] == 9


def test_what_tells_frames_apart() -> None:
    frame = build.functional_groups(
        PlanePositionSequence=build.place((0, 0, 0)),
        FrameContentSequence={
            "FrameAcquisitionDateTime": "20240102133000.5",
            "TemporalPositionIndex": 4,
        },
        MREchoSequence={"EffectiveEchoTime": 92.5},
        MRDiffusionSequence={"DiffusionBValue": 800.0},
        CardiacSynchronizationSequence={"NominalCardiacTriggerDelayTime": 33.25},
    )
    (plane,) = build.planes_of(build.enhanced([frame], TimezoneOffsetFromUTC="+0100", InstanceNumber=3))
    assert plane["acquisition_time"] == 1704198600.5
    assert plane["temporal_position"] == 4
    assert plane["echo_time"] == 92.5
    assert plane["b_value"] == 800
    assert plane["trigger_time"] == 33.25
    assert plane["instance_number"] == 3


def test_time_of_the_object_where_frames_have_none() -> None:
    ds = build.enhanced(frames_at(0), AcquisitionDateTime="20240102133000")
    assert build.planes_of(ds)["acquisition_time"][0] == 1704202200


@pytest.mark.parametrize(
    ("sop_class", "modality", "sequence"),
    [
        (build.ENHANCED_MR, "MR", "MRImageFrameTypeSequence"),
        (build.ENHANCED_CT, "CT", "CTImageFrameTypeSequence"),
        (build.ENHANCED_PET, "PT", "PETFrameTypeSequence"),
    ],
)
def test_frame_types_separate_repeats(sop_class, modality, sequence) -> None:
    groups = [{sequence: {"FrameType": ["ORIGINAL", "PRIMARY", kind]}} for kind in ("ONE", "TWO")]
    frames = [frame for group in groups for frame in frames_at(0, 5, **group)]
    planes = build.planes_of(build.enhanced(frames, sop_class=sop_class, modality=modality))
    assert [stack.order.tolist() for stack in split_into_stacks(planes)] == [[0, 1], [2, 3]]
    assert len(set(planes["image_type"])) == 2


def test_magnitude_and_phase_are_told_apart() -> None:
    frames = [
        frame
        for component in ("MAGNITUDE", "PHASE")
        for frame in frames_at(0, MRImageFrameTypeSequence={"ComplexImageComponent": component})
    ]
    assert len(set(build.planes_of(build.enhanced(frames))["image_type"])) == 2


def test_segments_are_told_apart() -> None:
    ds = build.segmentation([(0, 0, z) for z in (0, 5)], segments=[1, 2])
    found = read_planes(tags_from_dataset(ds))
    assert isinstance(found, ImagePlanes)
    assert found.role == Role.SEGMENTATION
    assert [stack.order.tolist() for stack in split_into_stacks(found.planes)] == [[0, 1], [2, 3]]


def test_localizer_frames() -> None:
    kinds = [{"MRImageFrameTypeSequence": {"FrameType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}}, {}]
    all_of_them = build.enhanced(frames_at(0, 1, **kinds[0]), ImageType=["ORIGINAL", "PRIMARY", "MIXED"])
    one_of_them = build.enhanced(
        frames_at(0, **kinds[0]) + frames_at(1), ImageType=["ORIGINAL", "PRIMARY", "MIXED"]
    )
    for ds, role in ((all_of_them, Role.LOCALIZER), (one_of_them, Role.IMAGE)):
        found = read_planes(tags_from_dataset(ds))
        assert isinstance(found, ImagePlanes)
        assert found.role == role


def test_one_frame_may_share_everything() -> None:
    shared = build.functional_groups(
        PlanePositionSequence=build.place((1, 2, 3)),
        PlaneOrientationSequence={"ImageOrientationPatient": list(build.AXIAL)},
        PixelMeasuresSequence={"PixelSpacing": [1.0, 1.0]},
    )
    ds = build.enhanced([], shared, NumberOfFrames=1)
    assert build.planes_of(ds)["position"].tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_number_of_frames_must_be_that_of_the_items(count) -> None:
    found = not_indexable(build.enhanced(frames_at(0, 1, 2), NumberOfFrames=count))
    assert found.reason == NotIndexableReason.FRAMES_WITHOUT_GEOMETRY
    assert found.detail == f"NumberOfFrames is {count}, PerFrameFunctionalGroupsSequence has 3 items"


def test_one_frame_without_a_place() -> None:
    found = not_indexable(build.enhanced([*frames_at(0, 1), build.functional_groups()]))
    assert found == NoPlanes(NotIndexableReason.NO_GEOMETRY, "ImagePositionPatient is absent (frame 3)")


def test_slide_coordinates_are_no_place_in_the_patient() -> None:
    frame = build.functional_groups(PlanePositionSlideSequence={"XOffsetInSlideCoordinateSystem": 1.0})
    assert not_indexable(build.enhanced([frame])).reason == NotIndexableReason.NO_GEOMETRY


@pytest.mark.parametrize("count", [0, -1, 100_001])
def test_absurd_number_of_frames(count) -> None:
    assert (
        not_indexable(build.enhanced(frames_at(0), NumberOfFrames=count)).reason
        == NotIndexableReason.BAD_VALUE
    )


def test_bad_values_in_one_frame() -> None:
    tags = tags_from_dataset(build.enhanced(frames_at(0, 1)))
    tags["5200,9230"][1]["0020,9113"][0]["0020,0032"] = "0\\0\\nan"
    found = read_planes(tags)
    assert isinstance(found, NoPlanes)
    assert found.reason == NotIndexableReason.BAD_VALUE


def test_items_that_are_none() -> None:
    tags = tags_from_dataset(build.enhanced(frames_at(0, 1)))
    tags["5200,9230"][1]["0020,9113"] = []
    found = read_planes(tags)
    assert isinstance(found, NoPlanes)
    assert found.reason == NotIndexableReason.NO_GEOMETRY


def test_philips_classic_and_enhanced_give_identical_planes() -> None:
    """The same scan as 40 files and as one: real data."""
    classic = read_all("dcm_philips_classic_vs_enhanced/classic")
    enhanced = read_all("dcm_philips_classic_vs_enhanced/enhanced")
    assert len(classic) == len(enhanced) == 40
    (one,), (other,) = split_into_stacks(classic), split_into_stacks(enhanced)
    for name in ("position", "orientation", "spacing", "rows", "columns", "slice_thickness", "echo_time"):
        np.testing.assert_allclose(
            classic[name][one.order], enhanced[name][other.order], rtol=0, atol=SAME_MM
        )
    np.testing.assert_allclose(one.offsets, other.offsets, rtol=0, atol=SAME_MM)


def read_all(folder: str) -> Planes:
    found = [read_planes(read_file_tags(path)) for path in dicom_files(folder)]
    assert all(isinstance(one, ImagePlanes) for one in found)
    return np.concatenate([one.planes for one in found])


def test_attributes_are_looked_up_one_by_one() -> None:
    shared = build.functional_groups(
        PixelMeasuresSequence={"PixelSpacing": [0.5, 0.25]},
        PlaneOrientationSequence={"ImageOrientationPatient": list(build.AXIAL)},
        FrameContentSequence={"TemporalPositionIndex": 7},
    )
    frames = [
        build.functional_groups(
            PlanePositionSequence=build.place((0, 0, z)),
            PixelMeasuresSequence={"SliceThickness": 2.5},
            PlaneOrientationSequence={"PixelSpacing": [9, 9]},
            FrameContentSequence={"FrameAcquisitionDateTime": "20240102133000"},
        )
        for z in range(2)
    ]
    planes = build.planes_of(build.enhanced(frames, shared))
    assert planes["spacing"].tolist() == [[0.5, 0.25]] * 2
    assert planes["slice_thickness"].tolist() == [2.5] * 2
    assert planes["orientation"].tolist() == [list(build.AXIAL)] * 2
    assert planes["temporal_position"].tolist() == [7, 7]
    assert not np.isnan(planes["acquisition_time"]).any()


def test_what_stands_at_the_root_serves_but_for_the_places_of_several_frames() -> None:
    root = {"PixelSpacing": [2.0, 2.0], "ImageOrientationPatient": list(build.AXIAL)}
    shared = build.functional_groups()
    planes = build.planes_of(build.enhanced(frames_at(0, 1), shared, **root))
    assert planes["spacing"].tolist() == [[2, 2]] * 2
    one = build.enhanced([build.functional_groups()], shared, ImagePositionPatient=[1, 2, 3], **root)
    assert build.planes_of(one)["position"].tolist() == [[1, 2, 3]]
    two = [build.functional_groups(), build.functional_groups()]
    found = not_indexable(build.enhanced(two, shared, ImagePositionPatient=[1, 2, 3], **root))
    assert found == NoPlanes(NotIndexableReason.NO_GEOMETRY, "ImagePositionPatient is absent (frame 1)")


def test_a_malformed_value_of_a_frame_is_not_replaced_by_the_shared_one() -> None:
    frames = [
        build.functional_groups(
            PlanePositionSequence=build.place((0, 0, z)), PixelMeasuresSequence={"PixelSpacing": [0, 0]}
        )
        for z in range(2)
    ]
    assert not_indexable(build.enhanced(frames)).reason == NotIndexableReason.ZERO_SPACING
