"""DICOM files of made scans: identifiers and dates that follow from a seed, slices on a grid, registration objects."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    SpatialRegistrationStorage,
)
from pydicom.valuerep import format_number_as_ds

Floats = NDArray[np.float64]

_CLASSES = {"MR": MRImageStorage, "CT": CTImageStorage, "PT": PositronEmissionTomographyImageStorage}
NOTE = "Made for tests. Not a patient, not for diagnosis."


@dataclass(frozen=True)
class Person:
    """Who is imaged; all identifiers follow from `key`."""

    key: str
    name: str

    @property
    def patient_id(self) -> str:
        return self.key

    def uid(self, *parts: object) -> str:
        """The UID of something of this person, always the same one."""
        named = "/".join(map(str, (self.key, *parts)))
        return f"2.25.{int(hashlib.sha256(named.encode()).hexdigest()[:30], 16)}"


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the pixels of a scan are.

    Attributes
    ----------
    origin
        (3,) LPS mm: the centre of the first pixel of the first slice.
    axes
        (3, 3) unit columns: along a row (increasing column), down a column (increasing row), from slice to slice.
    spacing
        mm between columns, between rows, between slices: in the order of `axes`.
    size
        Columns, rows, slices.
    """

    origin: Floats
    axes: Floats
    spacing: Floats
    size: tuple[int, int, int]

    def __post_init__(self) -> None:
        assert np.allclose(self.axes.T @ self.axes, np.eye(3)), "the axes are not perpendicular"
        assert np.linalg.det(self.axes) > 0, "the slices run against the normal"

    @classmethod
    def centred(
        cls, centre: Sequence[float], axes: Floats, spacing: Sequence[float], size: tuple[int, int, int]
    ) -> "Grid":
        """A grid round a point."""
        step = np.asarray(spacing, float)
        first = np.asarray(centre, float) - axes @ ((np.array(size) - 1) / 2 * step)
        return cls(first, axes, step, size)

    def index_of(self, points: Floats) -> Floats:
        """Column, row and slice (n, 3), fractional, 0-based, of points (n, 3)."""
        found: Floats = (np.atleast_2d(points) - self.origin) @ self.axes / self.spacing
        return found

    def add_ball(self, voxels: NDArray[Any], centre: Floats, radius_mm: float, value: float) -> None:
        """Set what lies in a ball to a value, in place; its rim is a mm wide."""
        middle = self.index_of(centre)[0]
        reach = (radius_mm + 1) / self.spacing
        low = np.clip(np.floor(middle - reach), 0, self.size).astype(int)
        high = np.clip(np.ceil(middle + reach) + 1, 0, self.size).astype(int)
        part = voxels[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
        slices, rows, columns = np.indices(part.shape)
        index = np.stack([columns, rows, slices], axis=-1) + low
        points = self.origin + index * self.spacing @ self.axes.T
        inside = np.clip(radius_mm - np.linalg.norm(points - centre, axis=-1) + 0.5, 0, 1)
        part += (inside * (value - part)).astype(voxels.dtype)

    def as_written(self) -> "Grid":
        """The grid with what is left of it in the decimals of a file."""
        origin = np.array([float(f"{value:.6f}") for value in self.origin])
        return Grid(origin, self.axes, self.spacing, self.size)


@dataclass(frozen=True)
class Look:
    """What is said of the scan beside its geometry: `slope` is one for all slices or one for each."""

    modality: str
    description: str
    when: date | None
    slope: float | Sequence[float] = 1.0
    intercept: float = 0.0
    window: tuple[float, float] | None = None
    more: dict[str, Any] = field(default_factory=dict)


def days_of(count: int, seed: int) -> list[date]:
    """When the examinations were: real intervals, of two weeks to two years, never all the same."""
    random = np.random.default_rng([seed, 1])
    gaps = random.choice([14, 91, 120, 183, 203, 365, 400, 730], count)
    first = date(2012, 1, 10)
    return [first + timedelta(days=int(days)) for days in np.concatenate(([0], np.cumsum(gaps[1:])))]


def write_scan(
    folder: Path, person: Person, study: int, voxels: NDArray[Any], grid: Grid, look: Look, *, series: int = 1
) -> list[Path]:
    """Write a scan (slices, rows, columns), in the unit of its values, one file a slice; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    slopes = np.broadcast_to(np.asarray(look.slope, float), grid.size[2])
    files = []
    for number in range(grid.size[2]):
        ds = _slice(person, study, series, number, grid, look)
        stored = np.rint((voxels[number] - look.intercept) / slopes[number])
        limits = np.iinfo(np.int16)
        ds.PixelData = np.clip(stored, limits.min, limits.max).astype("<i2").tobytes()
        if (slopes != 1).any() or look.intercept or look.modality != "MR":
            ds.RescaleSlope, ds.RescaleIntercept = f"{slopes[number]:.9g}", f"{look.intercept:g}"
        files.append(folder / f"{study:03d}-{series}-{number + 1:04d}.dcm")
        save(ds, files[-1])
    return files


def _slice(person: Person, study: int, series: int, number: int, grid: Grid, look: Look) -> Dataset:
    ds = study_of(person, study, look.when)
    ds.SOPClassUID = _CLASSES[look.modality]
    ds.SOPInstanceUID = person.uid(study, series, number)
    ds.SeriesInstanceUID, ds.FrameOfReferenceUID = person.uid(study, series), person.uid(study, "frame")
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = look.modality, series, number + 1
    ds.SeriesDescription, ds.PositionReferenceIndicator, ds.PatientPosition = look.description, "", "HFS"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL" if look.modality != "MR" else "M"]
    position = grid.origin + number * grid.spacing[2] * grid.axes[:, 2]
    ds.ImagePositionPatient = [f"{value:.6f}" for value in position]
    ds.ImageOrientationPatient = [f"{value:.9f}" for value in grid.axes[:, :2].T.ravel()]
    ds.PixelSpacing = [f"{grid.spacing[1]:.9g}", f"{grid.spacing[0]:.9g}"]
    ds.SliceThickness = f"{grid.spacing[2]:.9g}"
    ds.Columns, ds.Rows = grid.size[:2]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    if look.window is not None:
        ds.WindowCenter, ds.WindowWidth = (f"{value:g}" for value in look.window)
    for keyword, value in look.more.items():
        setattr(ds, keyword, value)
    return ds


def study_of(person: Person, study: int, when: date | None) -> Dataset:
    """What every instance of a study has."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName, ds.PatientID = person.name, person.patient_id
    ds.PatientBirthDate, ds.PatientSex = "19610403", "O"
    ds.StudyInstanceUID, ds.StudyID = person.uid(study), str(study)
    ds.StudyDescription, ds.ImageComments = f"made study {study}", NOTE
    ds.AccessionNumber, ds.ReferringPhysicianName, ds.Manufacturer = (
        f"{person.key}-{study}",
        "",
        "made for tests",
    )
    if when is not None:
        day = when.strftime("%Y%m%d")
        ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = day
        ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "101500"
    return ds


def write_registration(
    folder: Path, person: Person, source: int, target: int, matrix: Floats, when: date | None
) -> Path:
    """Write a registration object, in study `source`, whose matrix (4, 4) maps its points to those of study `target`."""
    folder.mkdir(parents=True, exist_ok=True)
    ds = study_of(person, source, when)
    ds.SOPClassUID = SpatialRegistrationStorage
    ds.SOPInstanceUID, ds.SeriesInstanceUID = (
        person.uid(source, "registration", target, part) for part in ("instance", "series")
    )
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "REG", 900, 1
    ds.SeriesDescription = f"true motion to study {target}"
    ds.ContentLabel, ds.ContentDescription, ds.ContentCreatorName = "TRUE", "true motion", ""
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = person.uid(target, "frame"), ""
    ds.RegistrationSequence = [
        _item(person.uid(target, "frame"), np.eye(4)),
        _item(person.uid(source, "frame"), matrix),
    ]
    path = folder / f"{source:03d}-registration-{target:03d}.dcm"
    save(ds, path)
    return path


def _item(frame: str, matrix: Floats) -> Dataset:
    part, matrices, item = Dataset(), Dataset(), Dataset()
    part.FrameOfReferenceTransformationMatrixType = "RIGID"
    part.FrameOfReferenceTransformationMatrix = [
        format_number_as_ds(float(value)) for value in matrix.ravel()
    ]
    matrices.MatrixSequence, matrices.RegistrationTypeCodeSequence = [part], []
    item.FrameOfReferenceUID, item.MatrixRegistrationSequence = frame, [matrices]
    return item


def save(ds: Dataset, path: Path) -> None:
    """Write a dataset, Explicit VR Little Endian."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = UID(ds.SOPClassUID)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(path, enforce_file_format=True)
