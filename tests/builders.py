"""Small DICOM datasets for tests: all synthetic, with the attributes that geometry reads and few others.

Every builder returns a pydicom Dataset with black pixels; `as_file` gives the bytes of a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.planes.image_planes import ImagePlanes, read_planes
from longitudinal.geometry.image_plane import Planes

STORAGE = "1.2.840.10008.5.1.4.1.1."
CT = STORAGE + "2"
ENHANCED_CT = STORAGE + "2.1"
MR = STORAGE + "4"
ENHANCED_MR = STORAGE + "4.1"
NM = STORAGE + "20"
SEG = STORAGE + "66.4"
ENHANCED_PET = STORAGE + "130"
RT_DOSE = STORAGE + "481.2"
SECONDARY_CAPTURE = STORAGE + "7"

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
OBLIQUE = (0.8, 0.6, 0.0, -0.36, 0.48, 0.8)
"""Exactly orthonormal: 3-4-5 rotations about z and x."""

FRAME_OF_REFERENCE = "1.2.826.0.1.3680043.8.498.1"


def dataset(sop_class: str, modality: str, **attributes: Any) -> Dataset:
    """Build an instance with identity and 8 x 6 pixels; an attribute of None is left out, such as PixelData."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, generate_uid()
    ds.Modality = modality
    ds.PatientID, ds.PatientName = "synthetic", "Synthetic^Sam"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = FRAME_OF_REFERENCE + ".1", FRAME_OF_REFERENCE + ".1.1"
    ds.FrameOfReferenceUID = FRAME_OF_REFERENCE
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Rows, ds.Columns = 8, 6
    ds.InstanceNumber = 1
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 16, 16, 15, 0, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    if not {"Rows", "Columns"} <= attributes.keys() or attributes["Rows"] or attributes["Columns"]:
        ds.add_new("PixelData", "OW", bytes(8 * 6 * 2))
    return change(ds, attributes)


def change(ds: Dataset, attributes: dict[str, Any]) -> Dataset:
    """Set attributes by keyword; None deletes."""
    for keyword, value in attributes.items():
        if value is not None:
            setattr(ds, keyword, value)
        elif keyword in ds:
            delattr(ds, keyword)
    return ds


def classic(
    position: Sequence[float] = (0.0, 0.0, 0.0),
    orientation: Sequence[float] = AXIAL,
    spacing: Sequence[float] = (1.0, 1.0),
    **attributes: Any,
) -> Dataset:
    """Build a classic single-frame MR image (CT by ``SOPClassUID=CT``)."""
    ds = dataset(MR, "MR")
    ds.ImagePositionPatient, ds.ImageOrientationPatient = list(position), list(orientation)
    ds.PixelSpacing, ds.SliceThickness = list(spacing), 1.0
    return change(ds, attributes)


def functional_groups(**groups: dict[str, Any] | None) -> Dataset:
    """Build an item of functional groups: sequence keyword -> attributes of its only item."""
    frame = Dataset()
    for keyword, attributes in groups.items():
        if attributes is not None:
            setattr(frame, keyword, [change(Dataset(), attributes)])
    return frame


def place(position: Sequence[float]) -> dict[str, Any]:
    """Give the Plane Position functional group of a position."""
    return {"ImagePositionPatient": list(position)}


def enhanced(
    frames: Iterable[Dataset],
    shared: Dataset | None = None,
    sop_class: str = ENHANCED_MR,
    modality: str = "MR",
    **attributes: Any,
) -> Dataset:
    """Build a multi-frame object of these per-frame items; the shared item is axial with 1 mm pixels."""
    ds = dataset(sop_class, modality)
    ds.PerFrameFunctionalGroupsSequence = list(frames)
    ds.NumberOfFrames = len(ds.PerFrameFunctionalGroupsSequence)
    ds.SharedFunctionalGroupsSequence = [
        shared
        if shared is not None
        else functional_groups(
            PlaneOrientationSequence={"ImageOrientationPatient": list(AXIAL)},
            PixelMeasuresSequence={"PixelSpacing": [1.0, 1.0], "SliceThickness": 2.0},
        )
    ]
    return change(ds, attributes)


def segmentation(positions: Iterable[Sequence[float]], segments: Iterable[int]) -> Dataset:
    """Build a segmentation: one frame for each position and segment number."""
    frames = [
        functional_groups(
            PlanePositionSequence=place(position),
            SegmentIdentificationSequence={"ReferencedSegmentNumber": segment},
        )
        for segment in segments
        for position in positions
    ]
    return enhanced(frames, sop_class=SEG, modality="SEG", ImageType=["DERIVED", "PRIMARY"])


def nuclear_medicine(frames: int = 4, kind: str = "RECON TOMO", **attributes: Any) -> Dataset:
    """Build a reconstructed NM image: first slice at (-10, -20, 30), axial, slices 4 mm apart."""
    ds = dataset(NM, "NM", ImageType=["ORIGINAL", "PRIMARY", kind, "EMISSION"], NumberOfFrames=frames)
    ds.PixelSpacing, ds.SliceThickness, ds.SpacingBetweenSlices = [2.0, 2.0], 4.0, 4.0
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [-10.0, -20.0, 30.0], list(AXIAL)
    ds.DetectorInformationSequence = [detector]
    ds.NumberOfSlices = frames
    ds.SliceVector = list(range(1, frames + 1))
    return change(ds, attributes)


def dose(offsets: Sequence[float] | None = (0.0, 2.5, 5.0), **attributes: Any) -> Dataset:
    """Build an RT Dose grid whose first plane is at z = -100."""
    ds = dataset(RT_DOSE, "RTDOSE", ImageType=None, NumberOfFrames=len(offsets or [0.0]))
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-50.0, -60.0, -100.0], list(AXIAL)
    ds.PixelSpacing = [2.5, 2.5]
    if offsets is not None:
        ds.GridFrameOffsetVector = list(offsets)
    return change(ds, attributes)


def mosaic() -> Dataset:
    """Build a Siemens diffusion mosaic: 4 slices of 4 x 3 in one frame."""
    ds = classic(ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"])
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 4)
    return ds


def as_file(ds: Dataset) -> bytes:
    """Write a dataset as a DICOM file, Explicit VR Little Endian."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = UID(ds.SOPClassUID)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    written = BytesIO()
    pydicom.dcmwrite(written, ds, enforce_file_format=True)
    return written.getvalue()


def from_file(file: bytes) -> Dataset:
    """Read a whole DICOM file."""
    return pydicom.dcmread(BytesIO(file))


def registration_item(source: str, shift: float) -> Dataset:
    """Build an item of a Registration Sequence that moves a frame by `shift` mm along x."""
    matrix, matrices, item = Dataset(), Dataset(), Dataset()
    matrix.FrameOfReferenceTransformationMatrixType = "RIGID"
    matrix.FrameOfReferenceTransformationMatrix = [1, 0, 0, shift, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    matrices.MatrixSequence = [matrix]
    item.FrameOfReferenceUID = source
    item.MatrixRegistrationSequence = [matrices]
    return item


def planes_of(ds: Dataset) -> Planes:
    """Read the planes of a dataset that must have some."""
    found = read_planes(tags_from_dataset(ds))
    assert isinstance(found, ImagePlanes), found
    return found.planes
