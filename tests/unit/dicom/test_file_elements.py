"""The walk over a file's elements against pydicom, which is the oracle for all of it."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from longitudinal.dicom.file_elements import read_elements
from longitudinal.dicom.tag_names import READ_TAGS
from longitudinal.dicom.tags import read_file_tags, tags_from_dataset
from tests import builders as build
from tests.data import data_root, dicom_files

WANTED = frozenset(int(name.replace(",", ""), 16) for name in READ_TAGS)
FOLDERS = (
    "dcm_decubitus_mr",
    "dcm_dicom2nifti_geometry",
    "dcm_philips_classic_vs_enhanced",
    "rt",
    "reg_malformed",
)
SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


def by_pydicom(file: bytes) -> dict[str, Any]:
    return tags_from_dataset(pydicom.dcmread(BytesIO(file), stop_before_pixels=True, force=True))


def written(dataset: Dataset, syntax: str = ExplicitVRLittleEndian, *, undefined: bool = False) -> bytes:
    """A file in a transfer syntax; `undefined` leaves the lengths of all sequences and items open."""
    dataset = pydicom.dcmread(BytesIO(build.as_file(dataset)))
    dataset.file_meta.TransferSyntaxUID = syntax
    for element in dataset.iterall():
        if element.VR == "SQ" and undefined:
            element.is_undefined_length = True
            for entry in element.value:
                entry.is_undefined_length_sequence_item = True
    file = BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def with_sequences() -> Dataset:
    inner = Dataset()
    inner.ReferencedSOPInstanceUID, inner.CodeMeaning = "1.2.3", "a text"
    outer = Dataset()
    outer.ReferencedImageSequence, outer.ContentSequence = [inner, Dataset()], []
    return build.classic(ReferencedStudySequence=[outer, inner], PixelData=bytes(8 * 6 * 2), SliceLocation=3)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("undefined", [False, True])
def test_sequences_that_nobody_wants_are_walked_over(syntax: str, undefined: bool) -> None:
    file = written(with_sequences(), syntax, undefined=undefined)
    found = read_elements(file, WANTED)
    assert (found is None) == (undefined and syntax == ImplicitVRLittleEndian)
    assert read_file_tags(file) == by_pydicom(file)
    assert read_file_tags(file)["0020,0032"].count("\\") == 2


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_sequences_that_are_wanted_are_read(syntax: str) -> None:
    frames = [build.functional_groups(PlanePositionSequence=build.place((1, 2, 3)))]
    file = written(build.classic(PerFrameFunctionalGroupsSequence=frames), syntax)
    found = read_file_tags(file)
    assert found == by_pydicom(file)
    assert found["5200,9230"][0]["0020,9113"][0]["0020,0032"].count("\\") == 2


def test_what_is_unusual_is_left_to_pydicom() -> None:
    image = build.classic(PixelData=bytes(8 * 6 * 2))
    file = written(image)
    mislabelled = file.replace(ExplicitVRLittleEndian.encode(), b"1.2.840.10008.1.2\0\0")
    for odd in (
        written(build.classic(SharedFunctionalGroupsSequence=[Dataset()])),
        written(image, ExplicitVRBigEndian),
        file[132:],
        mislabelled,
        b"",
    ):
        assert read_elements(odd, WANTED) is None
    assert read_elements(file, WANTED) is not None


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_file_cut_off_anywhere_reads_as_pydicom_reads_it(syntax: str) -> None:
    file = written(build.classic(PatientName="Müller^Jörg", SpecificCharacterSet="ISO_IR 100"), syntax)
    for length in range(132, len(file)):
        cut = file[:length]
        if read_elements(cut, WANTED) is not None:
            assert read_file_tags(cut) == by_pydicom(cut), length


@pytest.mark.parametrize("folder", FOLDERS)
def test_real_files_read_as_pydicom_reads_them(folder: str) -> None:
    files = dicom_files(folder)
    for path in files:
        file = path.read_bytes()
        assert read_file_tags(file) == by_pydicom(file), relative(path)
    assert files


def relative(path: Path) -> Path:
    return path.relative_to(data_root())
