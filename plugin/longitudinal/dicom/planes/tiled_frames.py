r"""Frames into which many slices are tiled: Siemens' mosaic, United Imaging's grid.

The position of such a frame is that of none of its slices. A word in ImageType proves nothing: scanners leave MOSAIC there
when they write slices. The criteria are the number of images in the frame according to the scanner, and whether the frame is
larger than the acquired matrix.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import msgspec

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.sop_classes import MR_IMAGES
from longitudinal.dicom.tags import (
    BadValueError,
    Tags,
    integer_if_valid,
    item,
    number_if_valid,
    numbers,
    private_key,
    sequence,
    text,
    texts,
)

WIDEST_MR_MM = 600.0
"""No magnet covers more of a patient in both directions at once; a larger frame is more than one slice."""

FEWEST_TILES_A_SIDE = 2
"""A frame less than twice as wide as the acquired matrix cannot have tiles."""

FEWEST_UNNAMED_TILES_A_SIDE = 3
"""If only sizes indicate tiles: interpolation to twice the matrix is common."""

_WORDS = frozenset({"MOSAIC", "GRID"})


class _Evidence(msgspec.Struct, frozen=True):
    """What an object states about tiles: `count` images in a frame, the acquired `base` (its longer side), `word`."""

    rows: int
    columns: int
    count: int
    count_name: str
    base: int
    base_name: str
    word: str
    field_of_view: tuple[float, float]

    @property
    def tiles_a_side(self) -> float:
        return max(self.rows, self.columns) / self.base if self.base else math.nan


def tiles_of(tags: Tags, frame: Tags, shared: Tags) -> str:
    """Why a frame is many slices side by side; "" where it is one slice.

    Parameters
    ----------
    frame, shared
        Functional groups of the frame; {} for a classic image.
    """
    if text(tags, tag.SOP_CLASS_UID) not in MR_IMAGES and text(tags, tag.MODALITY) != "MR":
        return ""
    found = _read(tags, frame, shared)
    if found is None:
        return ""
    size = f"a frame of {found.rows} x {found.columns}"
    acquired = f"{found.base_name} says {found.base}" if found.base else "the acquired matrix is not stated"
    if found.count > 1:
        # a leftover count, if the frame is as large as one slice
        fits = not found.tiles_a_side < FEWEST_TILES_A_SIDE
        return f"{found.count_name} is {found.count}, in {size}; {acquired}" if fits else ""
    if found.count == 1:
        return ""
    is_wider_than_mr = min(found.field_of_view) > WIDEST_MR_MM
    if found.word and found.tiles_a_side >= FEWEST_TILES_A_SIDE:
        return f"{found.word}; {size}, and {acquired}"
    if found.word and not found.base and is_wider_than_mr:
        return f"{found.word}; {size} spans {found.field_of_view[0]:g} x {found.field_of_view[1]:g} mm"
    if found.tiles_a_side >= FEWEST_UNNAMED_TILES_A_SIDE and is_wider_than_mr:
        return f"{size} spans {found.field_of_view[0]:g} x {found.field_of_view[1]:g} mm, and {acquired}"
    return ""


def _read(tags: Tags, frame: Tags, shared: Tags) -> _Evidence | None:
    """The evidence; None if nothing at all indicates tiles."""
    rows, columns = integer_if_valid(tags, tag.ROWS) or 0, integer_if_valid(tags, tag.COLUMNS) or 0
    count, count_name = _images_in_frame(tags)
    word = _word(tags, frame, shared)
    spacings = (
        _numbers(source, tag.PIXEL_SPACING)
        for source in (*_groups(frame, shared, tag.PIXEL_MEASURES_SEQUENCE), tags)
    )
    spacing = next((found for found in spacings if len(found) == 2), (math.nan, math.nan))
    field_of_view = (rows * spacing[0], columns * spacing[1])
    if not count and not word and not min(field_of_view) > WIDEST_MR_MM:
        return None  # nearly always
    base, base_name = _acquired(tags, frame, shared)
    return _Evidence(rows, columns, count, count_name, base, base_name, word, field_of_view)


def _images_in_frame(tags: Tags) -> tuple[int, str]:
    """How many images the scanner says it tiled, and which element says so; 0 where none does."""
    for wanted, name in (
        (tag.SIEMENS_IMAGES_IN_MOSAIC, "NumberOfImagesInMosaic"),
        (tag.UIH_IMAGES_IN_GRID, "NumberOfImagesInGrid"),
    ):
        key = private_key(tags, wanted)
        if key is not None and (count := number_if_valid(tags, key)) >= 1:
            return int(min(count, 1e6)), f"{name} ({key})"
    key = private_key(tags, tag.UIH_FRAME_SEQUENCE)
    slices = 0 if key is None else len(sequence(tags, key))
    return (slices, f"the number of items in ({key})") if slices > 1 else (0, "")


def _acquired(tags: Tags, frame: Tags, shared: Tags) -> tuple[int, str]:
    """The longer side of the acquired matrix, and which element says so; 0 where none does."""
    matrix = max(_numbers(tags, tag.ACQUISITION_MATRIX), default=0.0)
    if matrix >= 1:
        return int(matrix), "AcquisitionMatrix"
    for group in _groups(frame, shared, tag.MR_FOV_GEOMETRY_SEQUENCE):
        steps = [
            number_if_valid(group, key)
            for key in (tag.MR_ACQUISITION_FREQUENCY_ENCODING_STEPS, tag.MR_ACQUISITION_PHASE_ENCODING_STEPS_IN_PLANE)
        ]  # fmt: skip
        known = [step for step in steps if step >= 1]
        if known:
            return int(max(known)), "MRFOVGeometrySequence"
    key = private_key(tags, tag.SIEMENS_ACQUISITION_MATRIX_TEXT)
    if key is not None and (sides := [int(side) for side in re.findall(r"\d{1,5}", text(tags, key))[:2]]):
        return max(sides), f"AcquisitionMatrixText ({key})"
    return 0, ""


def _word(tags: Tags, frame: Tags, shared: Tags) -> str:
    """Which element calls the frame tiled."""
    if not _WORDS.isdisjoint(values := texts(tags, tag.IMAGE_TYPE)):
        return "ImageType is " + "\\".join(values)
    written = [(tags, tag.SIEMENS_IMAGE_TYPE_TEXT), (tags, tag.SIEMENS_XA_IMAGE_TYPE_TEXT)]
    for groups in (frame, shared, tags):
        sequence_key = private_key(groups, tag.SIEMENS_XA_FRAME_SEQUENCE)
        if sequence_key is not None:
            written.append((item(groups, sequence_key), tag.SIEMENS_XA_IMAGE_TYPE_TEXT))
    for source, wanted in written:
        key = private_key(source, wanted)
        if key is not None and not _WORDS.isdisjoint(re.split(r"[\s/\\]+", text(source, key))):
            return f"ImageTypeText ({key}) is {text(source, key)}"
    return ""


def _groups(frame: Tags, shared: Tags, key: str) -> list[Tags]:
    return [group for groups in (frame, shared) if (group := item(groups, key))]


def _numbers(tags: Tags, key: str) -> Sequence[float]:
    """Numbers of a value that is only evidence; () where it is malformed."""
    try:
        return numbers(tags, key)
    except BadValueError:
        return ()
