"""Wanted elements against pydicom, however the file is written."""

import io
import zlib
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from longitudinal.dicom.character_sets import LATIN_1
from longitudinal.dicom.related.content import Content, decode_content, encode_content, read_content
from longitudinal.dicom.related.elements import DamagedFile, ElementReader, opened
from tests.builders import as_file
from tests.data import data_root
from tests.unit.relations import radiotherapy as rt

UIDS = frozenset({0x0008_1155, 0x0020_000E, 0x0020_0052})


def with_pydicom(ds: Dataset) -> list[str]:
    """Every wanted UID at any depth, in the order of the file."""
    found = []
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                found += with_pydicom(item)
        elif int(element.tag) in UIDS:
            found.append(str(element.value))
    return found


def with_ours(elements: dict[int, Any]) -> list[str]:
    found = []
    for tag in sorted(elements):
        value = elements[tag]
        if isinstance(value, list):
            for item in value:
                found += with_ours(item)
        else:
            found.append(value.decode().strip(" \0"))
    return found


def written(ds: Dataset, syntax: str, *, undefined: bool) -> bytes:
    for element in ds.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = undefined
            for item in element.value:
                item.is_undefined_length_sequence_item = undefined
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
        ds.SOPClassUID,
        ds.SOPInstanceUID,
    )
    file = io.BytesIO()
    pydicom.dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
def test_every_transfer_syntax_yields_the_same(syntax: str, undefined: bool) -> None:
    for ds in (rt.structure_set(), rt.plan()):
        file = written(ds, syntax, undefined=undefined)
        expected = with_pydicom(pydicom.dcmread(io.BytesIO(file)))
        assert with_ours(ElementReader(file).read(UIDS)) == expected != []
        assert read_content(file, ds.SOPClassUID, LATIN_1) == read_content(
            as_file(ds), ds.SOPClassUID, LATIN_1
        )


def test_a_file_without_preamble_is_read() -> None:
    ds = rt.structure_set()
    file = io.BytesIO()
    pydicom.dcmwrite(file, ds, implicit_vr=True, little_endian=True)
    assert with_ours(ElementReader(file.getvalue()).read(UIDS)) == with_pydicom(ds)


def test_real_objects_are_read_as_pydicom_reads_them() -> None:
    checked = 0
    for path in sorted(data_root().rglob("*.dcm")):
        try:
            ds = pydicom.dcmread(path, stop_before_pixels=True)
        except Exception:
            continue
        if ds.get("Modality") not in ("RTSTRUCT", "RTPLAN", "RTDOSE", "REG", "SEG", "PR", "SR", "KO"):
            continue
        private = [element.tag for element in ds if element.tag.is_private]
        for tag in private:
            del ds[tag]
        with opened(Path(path)) as file:
            root = {
                tag: value for tag, value in ElementReader(file).read(UIDS).items() if not (tag >> 16) % 2
            }
        assert with_ours(root) == with_pydicom(ds), path
        checked += 1
    if data_root().exists():
        assert checked > 10


@pytest.mark.parametrize("missing", [1, 10, 200, 1_000])
def test_a_file_that_ends_early_is_damaged(missing: int) -> None:
    file = as_file(rt.structure_set())[:-missing]
    with pytest.raises(DamagedFile):
        ElementReader(file).read(UIDS)
    assert read_content(file, rt.STRUCTURE_SET, LATIN_1).damage != ""


def test_nested_sequences_end_at_a_limit() -> None:
    inner = Dataset()
    for _ in range(40):
        outer = Dataset()
        outer.ContentSequence = [inner]
        inner = outer
    ds = rt.plan(ContentSequence=[inner])
    assert "nested" in read_content(as_file(ds), rt.PLAN, LATIN_1).damage


def test_a_deflated_file_that_explodes_is_damaged() -> None:
    meta = as_file(rt.plan())
    bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(300)) + bomb.flush()
    ds = pydicom.dcmread(io.BytesIO(meta))
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    head = io.BytesIO()
    head.write(bytes(128) + b"DICM")
    pydicom.filewriter.write_file_meta_info(head, ds.file_meta)
    with pytest.raises(DamagedFile, match="larger"):
        ElementReader(head.getvalue() + body)


def test_what_is_kept_is_what_was_read() -> None:
    content = read_content(as_file(rt.plan()), rt.PLAN, LATIN_1)
    assert decode_content(encode_content(content)) == content != Content()
    assert content.plan is not None
    assert [group.fractions_planned for group in content.plan.fraction_groups] == [20]
    assert [(each.target_gy, each.roi_number) for each in content.plan.prescriptions] == [(40.0, 1)]
    assert [(beam.number, beam.name) for beam in content.plan.beams] == [(1, "AP")]
