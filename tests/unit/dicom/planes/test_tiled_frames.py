"""Tiles and slices: what the scanner counts and what it acquired decide, a word in ImageType never alone."""

import pytest
from pydicom.dataset import Dataset

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.planes.image_planes import ImagePlanes, NoPlanes, read_planes
from longitudinal.reasons import NotIndexableReason
from tests import builders as build

WORD = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
PLAIN = ["ORIGINAL", "PRIMARY", "M", "ND"]


def with_private(ds: Dataset, *elements: tuple[int, str, int, str, object]) -> Dataset:
    for group, creator, element, vr, value in elements:
        try:
            block = ds.private_block(group, creator)
        except KeyError:
            block = ds.private_block(group, creator, create=True)
        block.add_new(element, vr, value)
    return ds


COUNT = (0x0019, "SIEMENS MR HEADER", 0x0A, "US", 36)
ONE = (0x0019, "SIEMENS MR HEADER", 0x0A, "US", 1)
GRID = (0x0065, "Image Private Header", 0x50, "DS", "36")
MATRIX = (0x0051, "SIEMENS MR HEADER", 0x0B, "LO", "64p*64")
TEXT = (0x0051, "SIEMENS MR HEADER", 0x16, "LO", "p2 M/ND/MOSAIC")
UIH_FRAMES = (0x0065, "Image Private Header", 0x51, "SQ", [Dataset(), Dataset()])


def frame(size: int, word: list[str], mm: float = 3.0, **attributes: object) -> Dataset:
    return build.classic(spacing=(mm, mm), Rows=size, Columns=size, ImageType=word, **attributes)


ACQUIRED = {"AcquisitionMatrix": [64, 0, 0, 64]}
TILES = {
    "count and word": with_private(frame(384, WORD), COUNT),
    "count alone": with_private(frame(384, PLAIN), COUNT),
    "count, text and matrix": with_private(frame(384, PLAIN, **ACQUIRED), COUNT, TEXT),
    "creator in another block": with_private(frame(384, PLAIN), (0x0019, "ELSE", 1, "LO", "x"), COUNT),
    "grid": with_private(frame(384, PLAIN), GRID),
    "grid by its slices": with_private(frame(384, PLAIN), UIH_FRAMES),
    "word and matrix, private elements removed": frame(384, WORD, **ACQUIRED),
    "word in the text and matrix in the text": with_private(frame(384, PLAIN), TEXT, MATRIX),
    "word in lines of tiles that are not square": build.classic(
        spacing=(3, 3), Rows=256, Columns=320, ImageType=WORD, **ACQUIRED
    ),
    "word, wider than any magnet": frame(384, WORD),
    "matrix, wider than any magnet": frame(384, PLAIN, **ACQUIRED),
}
SLICES = {
    "word alone": frame(128, WORD, 2.0),
    "word, as large as acquired": frame(64, WORD, **ACQUIRED),
    "word and a count of one": with_private(frame(64, WORD), ONE),
    "count left behind on one slice": with_private(frame(64, WORD, **ACQUIRED), COUNT),
    "interpolated twice": frame(128, PLAIN, 1.5, **ACQUIRED),
    "interpolated four times": frame(256, PLAIN, 0.8, **ACQUIRED),
    "CT of the word": frame(512, WORD, 0.8, SOPClassUID=build.CT, Modality="CT"),
    "somebody else's element": with_private(frame(64, PLAIN), (0x0019, "SOMEBODY", 0x0A, "US", 36)),
}


@pytest.mark.parametrize("name", TILES)
def test_tiles(name: str) -> None:
    found = read_planes(tags_from_dataset(TILES[name]))
    assert isinstance(found, NoPlanes)
    assert found.reason == NotIndexableReason.MOSAIC
    assert str(TILES[name].Rows) in found.detail


@pytest.mark.parametrize("name", SLICES)
def test_slices(name: str) -> None:
    assert isinstance(read_planes(tags_from_dataset(SLICES[name])), ImagePlanes)


def enhanced(positions: list[float], size: int = 192, shared: bool = False) -> Dataset:
    measures = {"PixelSpacing": [8.0, 8.0]}
    geometry = {"MRAcquisitionFrequencyEncodingSteps": 32, "MRAcquisitionPhaseEncodingStepsInPlane": 32}
    groups = build.functional_groups(
        PlaneOrientationSequence={"ImageOrientationPatient": list(build.AXIAL)},
        PixelMeasuresSequence=measures,
        MRFOVGeometrySequence=geometry,
    )
    frames = [build.functional_groups(PlanePositionSequence=build.place((0, 0, z))) for z in positions]
    return build.enhanced(frames, groups, Rows=size, Columns=size, ImageType=WORD)


def test_enhanced_frames_with_a_place_each_are_slices_whatever_they_are_called() -> None:
    ds = with_private(enhanced([0.0, 3.0, 6.0]), COUNT)
    assert build.planes_of(ds)["position"][:, 2].tolist() == [0, 3, 6]
    assert len(build.planes_of(enhanced([0.0], size=32))) == 1


@pytest.mark.parametrize("positions", [[0.0], [0.0, 0.0, 0.0]])
def test_enhanced_frames_at_one_place_can_be_tiles(positions: list[float]) -> None:
    """Navigators of a newer scanner: one tiled volume, or several, in an enhanced object."""
    found = read_planes(tags_from_dataset(enhanced(positions)))
    assert isinstance(found, NoPlanes)
    assert found.reason == NotIndexableReason.MOSAIC


def test_the_text_of_a_newer_scanner_stands_in_the_frame() -> None:
    ds = enhanced([0.0])
    ds.ImageType = PLAIN
    groups = ds.PerFrameFunctionalGroupsSequence[0]
    inner = with_private(Dataset(), (0x0021, "SIEMENS MR SDI 02", 0x75, "CS", ["M", "ND", "MOSAIC"]))
    with_private(groups, (0x0021, "SIEMENS MR SDI 02", 0xFE, "SQ", [inner]))
    found = read_planes(tags_from_dataset(ds))
    assert isinstance(found, NoPlanes)
    assert "ImageTypeText" in found.detail
