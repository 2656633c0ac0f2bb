"""The demo patient's images: one brain, three time points, known motion, a lesion that grows. All synthetic.

The brain is the ICBM 152 template (2009a, nonlinear, symmetric), the T1 average of 152 healthy people, which the package
nilearn ships: V. Fonov et al., NeuroImage 47 (2009) S102; Fonov et al., NeuroImage 54 (2011) 313-327.
Coordinates of the template are MNI, LPS, mm.
"""

import gzip
import struct
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

TEMPLATE = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
PATIENT_ID = "DEMO-SYNTHETIC"
NOTE = "Synthetic images made from the ICBM 152 template. Not a patient, not for diagnosis."
LESION = np.array([26.0, -18.0, 24.0])
"""Its centre in template coordinates: white matter of the left frontal lobe."""

_NAMESPACE = uuid.UUID("6f2d5b3e-3f0e-5b9a-9d57-0c2f7a3c41d1")
_HEAD = np.array([[-88.0, 88.0], [-88.0, 122.0], [-66.0, 92.0]])
"""The imaged region in template coordinates: x, y and z from and to, mm."""
_NOISE = 2.0
_EDGE_MM = 1.5

Volume = NDArray[np.float32]


@dataclass(frozen=True)
class TimePoint:
    """One examination.

    Attributes
    ----------
    rotation_deg
        About the x, y and z axis, in this order, round the template's origin.
    shift_mm
        Applied after the rotation. Together they map the template to the position of the patient.
    slice_mm
        Distance and thickness of the slices; pixels are 2 mm.
    lesion_radius_mm
        Of a sphere round `LESION`.
    contrast
        "T1" or "T2".
    """

    number: int
    when: datetime
    rotation_deg: tuple[float, float, float]
    shift_mm: tuple[float, float, float]
    slice_mm: float
    lesion_radius_mm: float
    contrast: str

    @property
    def patient_from_template(self) -> NDArray[np.float64]:
        """The rigid motion as a (4, 4) point map, mm."""
        motion = np.eye(4)
        for axis, angle in enumerate(np.deg2rad(self.rotation_deg)):
            turn = np.eye(4)
            first, second = (axis + 1) % 3, (axis + 2) % 3
            turn[first, first] = turn[second, second] = np.cos(angle)
            turn[second, first] = np.sin(angle)
            turn[first, second] = -np.sin(angle)
            motion = turn @ motion
        motion[:3, 3] = self.shift_mm
        return motion

    @property
    def study_uid(self) -> str:
        """StudyInstanceUID."""
        return uid("study", self.number)

    @property
    def frame_of_reference_uid(self) -> str:
        """FrameOfReferenceUID: its own, as in every real follow-up."""
        return uid("frame of reference", self.number)


TIME_POINTS = (
    TimePoint(1, datetime(2021, 3, 1, 9, 30), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 2.0, 4.0, "T1"),
    TimePoint(2, datetime(2022, 3, 7, 14, 5), (6.0, -4.0, 9.0), (7.5, -12.0, 18.0), 2.5, 6.0, "T1"),
    TimePoint(3, datetime(2023, 2, 20, 11, 45), (-5.0, 7.0, -6.0), (-10.0, 5.0, -14.5), 3.0, 9.0, "T2"),
)


def uid(*parts: object) -> str:
    """Return the same UID for the same parts, below 2.25 (PS3.5 B.2): a second demo stores nothing twice."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, parts))).int}"


@dataclass(frozen=True)
class Template:
    """The template's voxels and (4, 4) LPS mm from voxel index."""

    voxels: Volume
    template_from_voxel: NDArray[np.float64]


def read_template(wheel: Path) -> Template:
    """Read the template out of nilearn's wheel (NIfTI-1, uncompressed integers or floats)."""
    with zipfile.ZipFile(wheel) as archive:
        content = gzip.decompress(archive.read(TEMPLATE))
    order = "<" if struct.unpack_from("<i", content)[0] == 348 else ">"
    shape = struct.unpack_from(f"{order}8h", content, 40)[1:4]
    kind = {2: "u1", 4: "i2", 16: "f4", 64: "f8"}[struct.unpack_from(f"{order}h", content, 70)[0]]
    start = int(struct.unpack_from(f"{order}f", content, 108)[0])
    voxels = np.frombuffer(content, order + kind, int(np.prod(shape)), start).reshape(shape, order="F")
    affine = np.eye(4)
    affine[:3] = np.array(struct.unpack_from(f"{order}12f", content, 280)).reshape(3, 4)
    values = voxels.astype(np.float32)
    return Template(values * (255.0 / float(values.max())), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def sample(template: Template, points: NDArray[np.float64]) -> Volume:
    """Interpolate the template at points (..., 3), LPS mm; 0 outside."""
    voxel_from_template = np.linalg.inv(template.template_from_voxel)
    at = points @ voxel_from_template[:3, :3].T + voxel_from_template[:3, 3]
    below = np.floor(at).astype(np.int32)
    part = (at - below).astype(np.float32)
    last = np.array(template.voxels.shape) - 2
    inside = np.all((below >= 0) & (below <= last), axis=-1)
    below = np.clip(below, 0, last)
    value = np.zeros(points.shape[:-1], np.float32)
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(np.array(corner) == 1, part, 1 - part), axis=-1)
        i, j, k = np.moveaxis(below + np.array(corner), -1, 0)
        value += weight * template.voxels[i, j, k]
    return np.where(inside, value, np.float32(0))


def _pixels(
    time_point: TimePoint, template: Template, points: NDArray[np.float64], seed: int
) -> NDArray[np.uint16]:
    """What the scanner would have measured at points (rows, columns, 3) of the template."""
    value = sample(template, points)
    lesion_value = 70.0
    if time_point.contrast == "T2":
        # water bright, fat and bone unchanged: enough for a different appearance, and no more than that
        value = np.where(value > 25, 265 - value, value * 0.6).astype(np.float32)
        lesion_value = 235.0
    depth = time_point.lesion_radius_mm - np.linalg.norm(points - LESION, axis=-1)
    share = np.clip(depth / _EDGE_MM + 0.5, 0, 1)
    value = value * (1 - share) + lesion_value * share
    noise = np.random.default_rng([time_point.number, seed]).normal(0, _NOISE, value.shape + (2,))
    return np.round(np.hypot(value + noise[..., 0], noise[..., 1]) * 4).astype(np.uint16)


def make_images(time_point: TimePoint, template: Template, pixel_mm: float = 2.0) -> Iterator[Dataset]:
    """Make the axial slices of an examination, from the feet upwards."""
    motion = time_point.patient_from_template
    corners = np.array(np.meshgrid(*_HEAD)).reshape(3, -1).T @ motion[:3, :3].T + motion[:3, 3]
    first, size = corners.min(axis=0), np.ptp(corners, axis=0)
    columns, rows = (int(np.ceil(length / pixel_mm)) for length in size[:2])
    template_from_patient = np.linalg.inv(motion)
    row, column = np.mgrid[:rows, :columns] * pixel_mm
    for index in range(int(np.ceil(size[2] / time_point.slice_mm))):
        position = first + [0, 0, index * time_point.slice_mm]
        patient = np.stack(
            [position[0] + column, position[1] + row, np.full(row.shape, position[2])], axis=-1
        )
        points = patient @ template_from_patient[:3, :3].T + template_from_patient[:3, 3]
        yield _image(time_point, index, position, pixel_mm, _pixels(time_point, template, points, index))


def _image(
    time_point: TimePoint,
    index: int,
    position: NDArray[np.float64],
    pixel_mm: float,
    pixels: NDArray[np.uint16],
) -> Dataset:
    """An MR Image (PS3.3 A.4)."""
    image = patient_and_study(time_point)
    image.SOPClassUID = MRImageStorage
    image.SOPInstanceUID = uid("image", time_point.number, index)
    image.SeriesInstanceUID = uid("series", time_point.number)
    image.FrameOfReferenceUID = time_point.frame_of_reference_uid
    image.PositionReferenceIndicator = ""
    image.Modality, image.SeriesNumber, image.InstanceNumber = "MR", 1, index + 1
    image.SeriesDescription = f"SYNTHETIC {time_point.contrast} axial {time_point.slice_mm:g} mm"
    image.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    image.ImageComments = NOTE
    image.BurnedInAnnotation = "NO"
    for moment in ("Series", "Acquisition", "Content"):
        setattr(image, f"{moment}Date", image.StudyDate)
        setattr(image, f"{moment}Time", image.StudyTime)
    image.Manufacturer, image.ManufacturerModelName = "orthanc-longitudinal", "make demo"
    image.BodyPartExamined, image.PatientPosition, image.Laterality = "BRAIN", "HFS", ""
    image.ScanningSequence, image.SequenceVariant, image.ScanOptions = "RM", "NONE", ""
    image.MRAcquisitionType, image.EchoTime, image.EchoTrainLength = "3D", None, None
    image.RepetitionTime, image.InversionTime = None, None
    image.ImagePositionPatient = [f"{value:.6f}" for value in position]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.PixelSpacing, image.SliceThickness = [pixel_mm, pixel_mm], time_point.slice_mm
    image.SpacingBetweenSlices = time_point.slice_mm
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.WindowCenter, image.WindowWidth = 450, 900
    image.PixelData = pixels.tobytes()
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = MRImageStorage
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return image


def patient_and_study(time_point: TimePoint) -> Dataset:
    """The modules that all objects of an examination share (PS3.3 C.7.1.1, C.7.2.1)."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID = "DEMO^SYNTHETIC", PATIENT_ID
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.PatientComments = NOTE
    dataset.StudyInstanceUID, dataset.StudyID = time_point.study_uid, f"DEMO{time_point.number}"
    dataset.StudyDate = time_point.when.strftime("%Y%m%d")
    dataset.StudyTime = time_point.when.strftime("%H%M%S")
    dataset.StudyDescription = f"SYNTHETIC brain, time point {time_point.number} of {len(TIME_POINTS)}"
    dataset.AccessionNumber, dataset.ReferringPhysicianName = "", ""
    return dataset
