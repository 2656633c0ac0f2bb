"""NM images; all inputs are synthetic."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.planes.image_planes import NoPlanes, read_planes
from longitudinal.geometry.stack import split_into_stacks
from longitudinal.reasons import NotIndexableReason
from tests import builders as build


def reason_of(ds) -> NotIndexableReason:
    found = read_planes(tags_from_dataset(ds))
    assert isinstance(found, NoPlanes), found
    return found.reason


def detector(position, orientation=build.AXIAL) -> Dataset:
    ds = Dataset()
    ds.ImagePositionPatient, ds.ImageOrientationPatient = list(position), list(orientation)
    return ds


@pytest.mark.parametrize("spacing", [4.0, -4.0])
def test_slices_follow_the_normal_by_the_signed_spacing(spacing) -> None:
    planes = build.planes_of(build.nuclear_medicine(SpacingBetweenSlices=spacing))
    assert planes["position"].tolist() == [[-10, -20, 30 + spacing * n] for n in range(4)]
    assert planes["frame_number"].tolist() == [1, 2, 3, 4]
    assert planes["spacing"].tolist() == [[2, 2]] * 4


def test_oblique_slices() -> None:
    ds = build.nuclear_medicine(DetectorInformationSequence=[detector((1, 2, 3), build.OBLIQUE)])
    normal = np.cross(build.OBLIQUE[:3], build.OBLIQUE[3:])
    np.testing.assert_allclose(build.planes_of(ds)["position"][3], (1, 2, 3) + 12 * normal)


def test_slice_vector_orders_the_frames() -> None:
    planes = build.planes_of(build.nuclear_medicine(SliceVector=[4, 3, 2, 1]))
    assert planes["position"][:, 2].tolist() == [42, 38, 34, 30]


def test_gated() -> None:
    ds = build.nuclear_medicine(
        kind="RECON GATED TOMO", NumberOfSlices=2, SliceVector=[1, 2, 1, 2], TimeSlotVector=[1, 1, 2, 2]
    )
    planes = build.planes_of(ds)
    assert planes["temporal_position"].tolist() == [1, 1, 2, 2]
    assert [stack.order.tolist() for stack in split_into_stacks(planes)] == [[0, 1], [2, 3]]


def test_energy_windows_are_told_apart() -> None:
    ds = build.nuclear_medicine(NumberOfSlices=2, SliceVector=[1, 1, 2, 2], EnergyWindowVector=[1, 2, 1, 2])
    assert [stack.order.tolist() for stack in split_into_stacks(build.planes_of(ds))] == [[0, 2], [1, 3]]


def test_without_slice_vector_the_frames_are_the_slices() -> None:
    planes = build.planes_of(build.nuclear_medicine(SliceVector=None, NumberOfSlices=None))
    assert planes["position"][:, 2].tolist() == [30, 34, 38, 42]


@pytest.mark.parametrize(
    "attributes",
    [
        {"SliceVector": None, "NumberOfSlices": 2},
        {"SliceVector": None, "NumberOfSlices": None, "EnergyWindowVector": [1, 1, 2, 2]},
        {"SliceVector": None, "NumberOfSlices": None, "TimeSlotVector": [1, 1, 2, 2]},
        {"SpacingBetweenSlices": None},
        {"DetectorInformationSequence": [detector((0, 0, 0)), detector((0, 0, 50))]},
    ],
)
def test_ambiguous(attributes) -> None:
    assert reason_of(build.nuclear_medicine(**attributes)) == NotIndexableReason.AMBIGUOUS_OFFSETS


def test_detectors_that_agree() -> None:
    same = [detector((0, 0, 5)), detector((0, 0, 5)), Dataset()]
    planes = build.planes_of(build.nuclear_medicine(DetectorInformationSequence=same))
    assert planes["position"][0].tolist() == [0, 0, 5]


def test_position_at_the_root() -> None:
    ds = build.nuclear_medicine(
        DetectorInformationSequence=None,
        ImagePositionPatient=[1.0, 2.0, 3.0],
        ImageOrientationPatient=list(build.AXIAL),
    )
    assert build.planes_of(ds)["position"][1].tolist() == [1, 2, 7]


def test_one_slice_needs_no_spacing() -> None:
    assert len(build.planes_of(build.nuclear_medicine(frames=1, SpacingBetweenSlices=None))) == 1


@pytest.mark.parametrize("kind", ["TOMO", "STATIC", "WHOLE BODY", "DYNAMIC", "GATED TOMO"])
def test_projections_of_the_camera(kind) -> None:
    assert reason_of(build.nuclear_medicine(kind=kind)) == NotIndexableReason.PROJECTION


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"SpacingBetweenSlices": 0.0}, NotIndexableReason.ZERO_SPACING),
        ({"SpacingBetweenSlices": 2000.0}, NotIndexableReason.BAD_VALUE),
        ({"SliceVector": [0, 1, 2, 3]}, NotIndexableReason.BAD_VALUE),
        ({"SliceVector": [1, 2, 3, 5]}, NotIndexableReason.BAD_VALUE),
        ({"SliceVector": [1, 2, 3]}, NotIndexableReason.BAD_VALUE),
        ({"DetectorInformationSequence": []}, NotIndexableReason.NO_GEOMETRY),
        ({"ImageType": ["ORIGINAL", "PRIMARY"]}, NotIndexableReason.PROJECTION),
    ],
)
def test_bad(attributes, reason) -> None:
    assert reason_of(build.nuclear_medicine(**attributes)) == reason


def test_position_and_orientation_are_looked_up_one_by_one() -> None:
    ds = build.nuclear_medicine(ImageOrientationPatient=list(build.AXIAL))
    del ds.DetectorInformationSequence[0].ImageOrientationPatient
    planes = build.planes_of(ds)
    assert planes["position"][0].tolist() == [-10, -20, 30]
    assert planes["orientation"][0].tolist() == list(build.AXIAL)
