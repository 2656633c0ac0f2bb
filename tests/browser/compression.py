"""The same images in other transfer syntaxes, as a study of their own."""

import subprocess
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.uid import RLELossless, generate_uid

from tests.orthanc.server import OrthancServer

JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
RLE_LOSSLESS = str(RLELossless)


def store_compressed(server: OrthancServer, files: Sequence[Path], syntax: str, folder: Path) -> str:
    """Store the images compressed: JPEG-LS by DCMTK, RLE by pydicom, JPEG 2000 by Orthanc with GDCM.

    Orthanc 1.10.1 is not asked for JPEG-LS: its encoder crashes the server on some of these images.

    Returns
    -------
    str
        The Orthanc id of the study.
    """
    plain = _as_a_new_study(files, syntax)
    if syntax == JPEG_2000_LOSSLESS:
        return _transcode(server, plain, syntax)
    compressed = []
    for number, file in enumerate(plain):
        source, target = folder / f"{number}.dcm", folder / f"{number}.compressed.dcm"
        source.write_bytes(file)
        if syntax == JPEG_LS_LOSSLESS:
            subprocess.run(["dcmcjpls", source, target], check=True, timeout=30)
            compressed.append(target.read_bytes())
        else:
            dataset = pydicom.dcmread(source)
            dataset.compress(RLELossless, generate_instance_uid=False)
            compressed.append(_content(dataset))
    return str(server.store_rest(compressed)[0]["ParentStudy"])


def _as_a_new_study(files: Sequence[Path], syntax: str) -> list[bytes]:
    study, series = generate_uid(), generate_uid()
    contents = []
    for path in files:
        dataset = pydicom.dcmread(path)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.StudyDescription = syntax
        contents.append(_content(dataset))
    return contents


def _transcode(server: OrthancServer, files: list[bytes], syntax: str) -> str:
    """Of a whole study, which Orthanc does in a job: for one instance it crashes on its HTTP threads' small stack."""
    plain = server.store_rest(files)[0]["ParentStudy"]
    response = server.session.post(
        f"/studies/{plain}/modify", json={"Transcode": syntax, "KeepSource": False}
    )
    response.raise_for_status()
    return str(response.json()["ID"])


def _content(dataset: pydicom.Dataset) -> bytes:
    file = BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()
