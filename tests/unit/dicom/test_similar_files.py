"""Files that are like others: the same tags as those of each file alone, bit by bit."""

import random
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from longitudinal.dicom.character_sets import CharacterSet
from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.header import read_header
from longitudinal.dicom.plain_file import element_spans
from longitudinal.dicom.planes.image_planes import ImagePlanes, read_planes
from longitudinal.dicom.planes.roles import find_role
from longitudinal.dicom.reader_versions import reader_of
from longitudinal.dicom.registration.writer import file_bytes
from longitudinal.dicom.similar_files import SimilarFiles
from longitudinal.dicom.tags import Tags
from tests import builders as build
from tests.data import data, is_dicom

PRIVATE = 0x0019_0010, "SIEMENS MR HEADER"


@pytest.fixture
def write(tmp_path: Path) -> Iterator[object]:
    def write(number: int, syntax: str = ExplicitVRLittleEndian, **tags: object) -> Path:
        ds = build.classic((0, 0, 2.0 * number), SOPInstanceUID=generate_uid(), InstanceNumber=str(number))
        for keyword, value in tags.items():
            setattr(ds, keyword, value)
        ds.file_meta = pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = syntax
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(file_bytes(ds))
        return path

    return write


def same(files: SimilarFiles, paths: list[Path]) -> int:
    """Compare each file with itself alone; returns how many were recognized."""
    before = files.recognized
    for path in paths:
        assert found_in(files.tags(path)) == found_in(read_file_tags(path)), path
    return files.recognized - before


def found_in(tags: Tags) -> object:
    """The tags, and what is found out from them: of a file that is like others, some of it was found in those."""
    planes = read_planes(tags)
    found = planes.planes.tobytes() if isinstance(planes, ImagePlanes) else str(planes)
    return dict(tags), read_header(tags), reader_of(tags), type(planes), found, find_role(tags)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_slices_of_a_series_are_recognized(write, syntax: str) -> None:
    paths = [write(number, syntax) for number in range(30)]
    assert same(SimilarFiles(), paths) > 20


def test_every_real_file_is_read_as_it_is_alone() -> None:
    """Folder by folder, as series lie; most are recognized, and none is read differently."""
    files = SimilarFiles()
    paths = [path for path in sorted(data("").rglob("*")) if path.is_file() and is_dicom(path)]
    assert same(files, paths) > len(paths) // 4


def test_another_character_set_is_another_kind(write) -> None:
    latin = [
        write(number, SpecificCharacterSet="ISO_IR 100", StudyDescription="Größe") for number in range(3)
    ]
    utf8 = [
        write(number, SpecificCharacterSet="ISO_IR 192", StudyDescription=f"Größe {number}")
        for number in range(3, 9)
    ]
    files = SimilarFiles()
    same(files, latin)
    assert same(files, utf8) > 2
    for path in (*latin, *utf8):
        for default in (CharacterSet("iso8859_1"), CharacterSet("iso8859_5"), CharacterSet("iso8859_1")):
            assert files.tags(path, default) == read_file_tags(path, default)


def test_private_elements_that_differ_are_found_by_their_creator(write) -> None:
    files = SimilarFiles()
    paths = []
    for number in range(12):
        path = write(number)
        ds = pydicom.dcmread(path)
        ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", number)
        # kept up to a length, so that some have it and some do not
        ds.private_block(0x0051, "SIEMENS MR HEADER", create=True).add_new(
            0x16, "LT", "x" * (600 * (number % 3))
        )
        path.write_bytes(file_bytes(ds))
        paths.append(path)
    assert same(files, paths) > 5


def test_an_element_more_or_less_is_another_kind(write) -> None:
    files = SimilarFiles()
    paths = [write(number, **({"ImageComments": "x"} if number % 2 else {})) for number in range(20)]
    assert same(files, paths) > 10


def test_damaged_copies_of_known_files_are_read_as_they_are_alone(write, tmp_path: Path) -> None:
    """Whatever byte of a header changes: the values of elements, their lengths, their tags."""
    paths = [write(number) for number in range(4)]
    files, chance, one = SimilarFiles(), random.Random(20261129), tmp_path / "one.dcm"
    same(files, paths)
    whole = paths[0].read_bytes()
    spans = element_spans(whole)
    assert spans is not None
    for _ in range(1_500):
        damaged = bytearray(whole)
        where = chance.randrange(132, spans[-1].end + 8)
        how = chance.choice(("byte", "length", "cut", "insert"))
        if how == "cut":
            del damaged[where:]
        elif how == "insert":
            damaged[where:where] = bytes(chance.randrange(1, 4))
        else:
            damaged[where] = chance.randrange(256) if how == "byte" else damaged[where] + 2 & 0xFF
        one.write_bytes(damaged)
        assert outcome(files.tags, one) == outcome(read_file_tags, one), (where, how)
    assert files.recognized > 100


def outcome(read, path: Path) -> object:
    try:
        return found_in(read(path))
    except Exception as error:
        return type(error)


def test_text_is_in_the_set_that_a_file_names_whatever_vr_that_has(write) -> None:
    paths = [
        write(number, SpecificCharacterSet="ISO_IR 192", PatientName=f"{name}^{number}")
        for number, name in enumerate([*["Mueller"] * 20, *["M\u00fcller"] * 9])
    ]
    for path in paths:
        path.write_bytes(path.read_bytes().replace(b"\x08\x00\x05\x00CS", b"\x08\x00\x05\x00SS"))
    assert same(SimilarFiles(), paths) > 20


@pytest.mark.parametrize(
    "tags",
    [
        {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        {"EchoTime": "4.5"},
        {"AcquisitionTime": "101112"},
        {"StudyDate": "19991231"},
        {"PixelSpacing": [0, 0]},
        {"PatientName": "Other^Name"},
        {"NumberOfFrames": "3"},
    ],
)
def test_what_differs_in_some_slices_only_is_found_in_each(write, tags: dict[str, object]) -> None:
    """Every third slice says something else, and the one after it must not be taken for the same."""
    paths = [write(number, **(tags if number % 3 == 2 else {})) for number in range(24)]
    files = SimilarFiles()
    same(files, paths)
    assert same(files, paths) > 5
