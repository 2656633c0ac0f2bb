"""Small studies with pictures in them, stored for the timeline page to show."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, generate_uid

from tests import builders as build
from tests.browser.explorer_page import store
from tests.orthanc.server import OrthancServer

UID = "2.25.7043"


def picture_of(
    values: NDArray[Any],
    position: Sequence[float] = (0, 0, 0),
    spacing: Sequence[float] = (1, 1),
    **attributes: Any,
) -> pydicom.Dataset:
    """An image with these stored values, int16 or uint8; an attribute of None is left out."""
    bits = values.dtype.itemsize * 8
    kind = {"BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1,
            "PixelRepresentation": int(values.dtype.kind == "i")}  # fmt: skip
    ds = build.classic(position, spacing=spacing, Rows=values.shape[0], Columns=values.shape[1], **kind)
    ds.PixelData = values.tobytes()
    return build.change(ds, {"RescaleSlope": 1, "RescaleIntercept": 0} | attributes)


def colours(rows: int = 48, columns: int = 64) -> pydicom.Dataset:
    """A secondary capture in colour."""
    values = np.random.default_rng(2).integers(0, 256, (rows, columns, 3), np.uint8)
    return build.dataset(
        build.SECONDARY_CAPTURE, "OT", SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0,
        BitsAllocated=8, BitsStored=8, HighBit=7, Rows=rows, Columns=columns, PixelData=values.tobytes(),
        FrameOfReferenceUID=None,
    )  # fmt: skip


def garbled(ds: pydicom.Dataset) -> pydicom.Dataset:
    """The same as JPEG 2000 whose pixels nobody can decode."""
    ds.PixelData = encapsulate([b"\xff\x4f\xff\x51 no such picture " * 8])
    ds["PixelData"].is_undefined_length = True
    ds.file_meta = build_meta(ds)
    return ds


def build_meta(ds: pydicom.Dataset) -> Any:
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    meta.TransferSyntaxUID = JPEG2000Lossless
    return meta


def gradient(rows: int = 40, columns: int = 50) -> NDArray[np.int16]:
    """No two neighbours alike."""
    return (np.arange(rows * columns, dtype=np.int16) % 977).reshape(rows, columns)


def store_study(
    server: OrthancServer, patient: str, study: int, pictures: Sequence[pydicom.Dataset], **attributes: Any
) -> dict[str, Any]:
    """Store one study with one series; `study` numbers it among all of these tests."""
    uid = f"{UID}.{study}"
    files = []
    for number, ds in enumerate(pictures, 1):
        identity = {
            "PatientID": patient, "StudyInstanceUID": uid, "SeriesInstanceUID": f"{uid}.1", "InstanceNumber": number,
            "SOPInstanceUID": generate_uid(),
        }  # fmt: skip
        build.change(ds, identity | attributes)
        if hasattr(ds, "file_meta"):
            ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        files.append(build.as_file(ds))
    return store(server, files)
