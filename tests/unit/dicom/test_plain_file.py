"""What is found in plain files is what pydicom finds there, and whatever is not plain is left to it."""

import random
import warnings
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pydicom.data
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from benchmarks.soak.mutated_headers import damaged_copy
from longitudinal.dicom.dataset_tags import read_with_pydicom
from longitudinal.dicom.file_tags import tags_of_elements
from longitudinal.dicom.plain_file import read_plain_file
from tests import builders as build
from tests.data import data, is_dicom

MUTATIONS = 600
SMALL = 300_000


def read_both(path: Path) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The tags as they are found here, None where they are not, and as pydicom reads the same bytes."""
    found = read_plain_file(path)
    return None if found is None else tags_of_elements(found), read_with_pydicom(path.read_bytes())


def real_files() -> list[Path]:
    return [path for path in sorted(data("").rglob("*")) if path.is_file() and is_dicom(path)]


@pytest.mark.filterwarnings("ignore")
def test_real_files_are_read_as_pydicom_reads_them() -> None:
    paths = real_files()
    own = sorted((Path(pydicom.data.__file__).parent / "test_files").rglob("*.dcm"))
    plain = 0
    for path in paths + own:
        mine, theirs = read_both(path)
        if mine is not None:
            assert mine == theirs, path
            plain += 1
    assert plain > 0.75 * len(paths), "most of what comes from scanners is plain"


def write(path: Path, ds: Dataset, syntax: str = "1.2.840.10008.1.2.1") -> Path:
    written = BytesIO()
    build.as_file(ds)  # for its file meta information
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    # a big endian copy is made of values, not of bytes
    pydicom.dcmwrite(written, ds, enforce_file_format=True)
    path.write_bytes(written.getvalue())
    return path


def with_sequence() -> Dataset:
    """A sequence of undefined length that nobody asks for, one within the other, before the position."""
    inner, outer, ds = Dataset(), Dataset(), build.classic((1, 2, 3))
    inner.CodeMeaning = "inside"
    outer.PurposeOfReferenceCodeSequence = [inner]
    outer["PurposeOfReferenceCodeSequence"].is_undefined_length = True
    ds.ReferencedImageSequence = [outer, Dataset()]
    ds["ReferencedImageSequence"].is_undefined_length = True
    for item in (outer, inner):
        item.is_undefined_length_sequence_item = True
    return ds


def with_long_header() -> Dataset:
    ds = build.classic((4, 5, 6))
    ds.private_block(0x0009, "SOMEBODY", create=True).add_new(0x10, "OB", bytes(200_000))
    return ds


@pytest.mark.parametrize(
    "make", [build.classic, with_sequence, with_long_header, lambda: build.classic(PixelData=bytes(96))]
)
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", str(ImplicitVRLittleEndian)])
def test_synthetic_files(tmp_path: Path, make: Callable[[], Dataset], syntax: str) -> None:
    ds = make()
    if "PixelData" in ds:
        ds["PixelData"].VR = "OW"
    mine, theirs = read_both(write(tmp_path / "one.dcm", ds, syntax))
    assert mine is not None
    assert mine == theirs


@pytest.mark.parametrize("syntax", [str(ExplicitVRBigEndian), str(DeflatedExplicitVRLittleEndian)])
def test_other_encodings_are_left_to_pydicom(tmp_path: Path, syntax: str) -> None:
    assert read_plain_file(write(tmp_path / "one.dcm", build.classic(), syntax)) is None


def test_functional_groups_are_left_to_pydicom(tmp_path: Path) -> None:
    ds = build.enhanced([build.functional_groups(PlanePositionSequence=build.place((0, 0, 1)))])
    assert read_plain_file(write(tmp_path / "one.dcm", ds)) is None


@pytest.mark.parametrize("content", [b"", b"no DICOM", bytes(128) + b"DICM", bytes(5_000)])
def test_what_is_no_file_is_left_to_pydicom(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "one.dcm").write_bytes(content)
    assert read_plain_file(tmp_path / "one.dcm") is None


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_plain_file(tmp_path / "none.dcm")


def test_damaged_files_are_read_as_pydicom_reads_them_or_left_to_it(tmp_path: Path) -> None:
    chance = random.Random(20261128)
    paths = chance.sample([path for path in real_files() if path.stat().st_size < SMALL], 40)
    seen = Counter[str]()
    for _ in range(MUTATIONS):
        damaged = damaged_copy(chance, chance.choice(paths).read_bytes())
        (tmp_path / "one.dcm").write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read_plain_file(tmp_path / "one.dcm")
            if found is None:
                seen["left to pydicom"] += 1
                continue
            try:
                mine: Any = tags_of_elements(found)
            except ValueError as error:
                mine = str(error)
            try:
                theirs: Any = read_with_pydicom(bytes(damaged))
            except ValueError as error:
                theirs = str(error)
        assert mine == theirs
        seen["the same"] += 1
    assert seen["the same"] > MUTATIONS / 5, seen
