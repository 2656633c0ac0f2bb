"""Pictures without one place, and slices whose header only sounds like it."""

import pytest
from pydicom.dataset import Dataset

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.planes.image_planes import ImagePlanes, NoPlanes, Role, read_planes
from longitudinal.reasons import NotIndexableReason
from tests import builders as build

CT = {"SOPClassUID": build.CT, "Modality": "CT"}


def type_of(*values: str) -> dict[str, object]:
    return {"ImageType": list(values)}


PROJECTIONS = {
    "scout": CT | type_of("ORIGINAL", "PRIMARY", "LOCALIZER"),
    "topogram": CT | type_of("ORIGINAL", "PRIMARY", "LOCALIZER", "CT_SOM5 TOP"),
    "another word": CT | type_of("ORIGINAL", "PRIMARY", "SCOUT"),
    "by its options": CT | {"ScanOptions": "SCOUT MODE"},
    "as deep as a patient": CT | {"SliceThickness": 420},
    "MIP": type_of("DERIVED", "SECONDARY", "MIP"),
    "CT MIP": CT | type_of("DERIVED", "SECONDARY", "AXIAL", "CT_SOM5 MIP"),
    "minIP of susceptibility": type_of("ORIGINAL", "PRIMARY", "M", "ND", "NORM", "MNIP"),
    "the standard's word": type_of("DERIVED", "PRIMARY", "PROJECTION IMAGE", "COLLAPSE"),
    "rendered": type_of("DERIVED", "SECONDARY", "VOLREN"),
    "curved": type_of("DERIVED", "SECONDARY", "CURVED_MPR"),
    "technique": {"VolumeBasedCalculationTechnique": "MAX_IP"},
    "curved technique": {"VolumeBasedCalculationTechnique": "CURVED_MPR"},
    "reprojection of PET": {"Modality": "PT", "SeriesType": ["WHOLE BODY", "REPROJECTION"]},
    "distorted": {"VolumetricProperties": "DISTORTED"},
}
SLICES = {
    "MR localizer": (type_of("ORIGINAL", "PRIMARY", "LOCALIZER"), Role.LOCALIZER),
    "reformat": (CT | type_of("DERIVED", "SECONDARY", "MPR"), Role.IMAGE),
    "average of a slab": (CT | type_of("DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"), Role.IMAGE),
    "sampled reformat": ({"VolumetricProperties": "SAMPLED", "VolumeBasedCalculationTechnique": "MPR"}, Role.IMAGE),
    "average of a breathing cycle": (CT | type_of("DERIVED", "SECONDARY", "AXIAL", "AIP"), Role.IMAGE),
    "a word that holds the letters": (type_of("ORIGINAL", "PRIMARY", "M_MIPX", "CHIPS"), Role.IMAGE),
    "thick slice": (CT | {"SliceThickness": 10}, Role.IMAGE),
}  # fmt: skip


@pytest.mark.parametrize("name", PROJECTIONS)
def test_projection(name: str) -> None:
    found = read_planes(tags_from_dataset(build.classic(**PROJECTIONS[name])))
    assert isinstance(found, NoPlanes)
    assert found.reason == NotIndexableReason.PROJECTION
    assert " is " in found.detail


@pytest.mark.parametrize("name", SLICES)
def test_slice(name: str) -> None:
    attributes, role = SLICES[name]
    found = read_planes(tags_from_dataset(build.classic(**attributes)))
    assert isinstance(found, ImagePlanes)
    assert found.role == role


def ct_frame(z: float, kind: str = "VOLUME", acquisition: str = "SPIRAL") -> Dataset:
    return build.functional_groups(
        PlanePositionSequence=build.place((0, 0, z)),
        CTImageFrameTypeSequence={
            "FrameType": ["ORIGINAL", "PRIMARY", kind, "NONE"],
            "VolumetricProperties": "VOLUME",
            "VolumeBasedCalculationTechnique": "NONE",
        },
        CTAcquisitionTypeSequence={"AcquisitionType": acquisition},
    )


def enhanced_ct(*frames: Dataset) -> Dataset:
    kind = ["ORIGINAL", "PRIMARY", "MIXED", "NONE"]
    return build.enhanced(frames, sop_class=build.ENHANCED_CT, modality="CT", ImageType=kind)


@pytest.mark.parametrize(
    ("kind", "acquisition"),
    [("LOCALIZER", "CONSTANT_ANGLE"), ("VOLUME", "CONSTANT_ANGLE"), ("LOCALIZER", "SPIRAL")],
)
def test_enhanced_scout(kind: str, acquisition: str) -> None:
    found = read_planes(tags_from_dataset(enhanced_ct(ct_frame(0, kind, acquisition))))
    assert isinstance(found, NoPlanes)
    assert found.reason == NotIndexableReason.PROJECTION


def test_a_scout_among_slices_is_left_out() -> None:
    planes = build.planes_of(enhanced_ct(ct_frame(100, "LOCALIZER"), ct_frame(0), ct_frame(5)))
    assert planes["frame_number"].tolist() == [2, 3]
    assert planes["position"][:, 2].tolist() == [0, 5]


def test_frames_of_a_maximum_intensity_projection() -> None:
    frame = build.functional_groups(
        PlanePositionSequence=build.place((0, 0, 0)),
        MRImageFrameTypeSequence={
            "FrameType": ["DERIVED", "PRIMARY", "ANGIO", "MAXIMUM"],
            "VolumeBasedCalculationTechnique": "MAX_IP",
        },
    )
    found = read_planes(tags_from_dataset(build.enhanced([frame])))
    assert found == NoPlanes(NotIndexableReason.PROJECTION, "VolumeBasedCalculationTechnique is MAX_IP")


@pytest.mark.parametrize("suffix", ["4.2", "66", "481.3", "481.5"])
def test_what_is_no_image_whatever_its_header_says(suffix: str) -> None:
    for pixels in ({}, {"PixelData": None}):
        found = read_planes(tags_from_dataset(build.classic(SOPClassUID=build.STORAGE + suffix, **pixels)))
        assert isinstance(found, NoPlanes)
        assert found.reason == NotIndexableReason.NOT_AN_IMAGE
        assert suffix in found.detail


def test_pixels_make_an_image_not_rows() -> None:
    found = read_planes(tags_from_dataset(build.classic(PixelData=None)))
    assert isinstance(found, NoPlanes)
    assert (found.reason, found.detail[:22]) == (NotIndexableReason.NOT_AN_IMAGE, "PixelData is absent, S")
    floats = build.classic(PixelData=None)
    floats.add_new("FloatPixelData", "OF", bytes(8 * 6 * 4))
    assert isinstance(read_planes(tags_from_dataset(floats)), ImagePlanes)
