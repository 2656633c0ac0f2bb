"""How deep sequences are nested, by another way than pydicom's, in every encoding."""

from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from longitudinal.dicom.nesting import MOST_LEVELS, is_too_deep
from tests.builders import as_file, classic
from tests.data import dicom_files

SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


def nested(
    levels: int, syntax: str = ExplicitVRLittleEndian, *, undefined: bool = False, siblings: int = 0
) -> bytes:
    """An image with ContentSequence in ContentSequence, and items beside each other that are not deep."""
    inner = Dataset()
    inner.TextValue = "end"
    for _ in range(levels):
        outer = Dataset()
        outer.ContentSequence = Sequence([*(Dataset() for _ in range(siblings)), inner])
        if undefined:
            outer["ContentSequence"].is_undefined_length = True
            for item in outer.ContentSequence:
                item.is_undefined_length_sequence_item = True
        outer.TextValue = "after"
        inner = outer
    image = pydicom.dcmread(BytesIO(as_file(classic())))
    if levels:
        image.ContentSequence = inner.ContentSequence
        image["ContentSequence"].is_undefined_length = undefined
    image.file_meta.TransferSyntaxUID = syntax
    file = BytesIO()
    pydicom.dcmwrite(
        file, image, little_endian=syntax != ExplicitVRBigEndian, implicit_vr=syntax == ImplicitVRLittleEndian
    )
    return file.getvalue()


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
@pytest.mark.parametrize("undefined", [True, False])
def test_depth_is_what_counts_and_not_the_number_of_items(syntax: str, undefined: bool) -> None:
    for levels in (0, 1, MOST_LEVELS - 1, MOST_LEVELS):
        assert not is_too_deep(nested(levels, syntax, undefined=undefined, siblings=3)), levels
    for levels in (MOST_LEVELS + 1, 47, 60):
        assert is_too_deep(nested(levels, syntax, undefined=undefined)), levels
        assert is_too_deep(nested(levels, syntax, undefined=undefined, siblings=2)), levels


def test_a_sequence_in_an_element_of_unknown_type() -> None:
    """What is in it is implicit then (PS3.5 6.2.2)."""
    for levels in (MOST_LEVELS, 60):
        implicit = nested(levels, ImplicitVRLittleEndian, undefined=True)
        tag = implicit.index(b"\x40\x00\x30\xa7")
        unknown = nested(0) + implicit[tag : tag + 4] + b"UN\0\0\xff\xff\xff\xff" + implicit[tag + 8 :]
        assert is_too_deep(unknown) == (levels > MOST_LEVELS)


def test_a_file_without_its_head() -> None:
    deep, flat = (nested(levels, ImplicitVRLittleEndian) for levels in (60, 20))
    start = deep.index(b"\x08\x00", 132 + 150)
    assert is_too_deep(deep[start:]) or is_too_deep(deep[flat.index(b"\x08\x00\x16\x00") :])


@pytest.mark.parametrize("cut", [1, 7, 9, 100, 500])
def test_what_is_cut_off_or_is_no_dicom_ends(cut: int) -> None:
    deep = nested(60, undefined=True)
    odd = (b"", b"PK" * cut, b"\xfe\xff\x00\xe0" * 200, bytes(range(256)) * 9)
    for file in (deep[:-cut], deep[cut:], deep[132 + cut :], *odd):
        is_too_deep(file)
    assert is_too_deep(deep[:-7])


def test_real_objects_are_not_too_deep() -> None:
    files = [*dicom_files("reg_independent"), *dicom_files("openms_dicom")[:5]]
    assert files
    assert [path for path in files if is_too_deep(path.read_bytes())] == []
