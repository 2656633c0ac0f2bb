"""A real head (patient01's first study) that was moved between examinations, each on a grid of its own.

The pixels are resampled: the same place has another row, column and slice in every study, so that nothing that confuses
them can look right.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray

from benchmarks.made_patients.files import (
    Floats,
    Grid,
    Look,
    Person,
    days_of,
    write_registration,
    write_scan,
)
from tests.data import dicom_files

SOURCE = "openms_dicom/patient01/study1_FLAIR"
Registrations = Literal["none", "first", "chain"]

MOST_DEGREES, MOST_MM = 12.0, 25.0
"""A head is laid as the radiographer lays it, not the same way twice."""
_TILT_DEGREES = 15.0
_FIELD_MM = 250.0
_MARGIN_MM = 20.0
_LESION_RADII_MM = (4.0, 7.0)
_BRIGHT = 1.6


@dataclass(frozen=True, eq=False)
class TimePoint:
    """One examination: `motion` (4, 4) takes points of the first study to its own, LPS mm."""

    number: int
    when: date
    motion: Floats
    grid: Grid
    lesion_radius_mm: float


@dataclass(frozen=True, eq=False)
class _Source:
    """The real scan: voxels (slices, rows, columns) and where they are."""

    voxels: NDArray[np.float32]
    grid: Grid


def time_points(studies: int, seed: int, size: int) -> list[TimePoint]:
    """The examinations, the earliest first; the first one lies as the real scan does."""
    random = np.random.default_rng([seed, 2])
    centre = _centre(_read_source().grid)
    radii = np.linspace(*_LESION_RADII_MM, studies)
    found = []
    for number, when in enumerate(days_of(studies, seed)):
        motion = np.eye(4) if number == 0 else _motion(random, centre)
        tilt = _turn(np.array([np.radians(random.uniform(-_TILT_DEGREES, _TILT_DEGREES)), 0, 0]))
        field = _FIELD_MM * random.uniform(0.95, 1.1)
        gap = float(random.choice([3.0, 3.5, 4.0, 5.0]))
        slices = int(
            np.ceil((_read_source().grid.size[2] * _read_source().grid.spacing[2] + _MARGIN_MM) / gap)
        )
        grid = Grid.centred(
            (motion @ [*centre, 1])[:3], tilt, (field / size, field / size, gap), (size, size, slices)
        )
        found.append(TimePoint(number + 1, when, motion, grid.as_written(), float(radii[number])))
    return found


def make_head(
    folder: Path,
    studies: int,
    *,
    seed: int = 1,
    size: int = 320,
    registrations: Registrations = "none",
    points: int = 50,
) -> dict[str, Any]:
    """Write the files of all examinations, and return the truth of `points` places (see `truth`)."""
    person = Person(f"HEAD-{studies}-{size}-{seed}", f"Made^Head {studies}")
    examinations = time_points(studies, seed, size)
    places = _places(points, seed)
    for one in examinations:
        voxels = _resampled(_with_lesion(_read_source(), places[0], one.lesion_radius_mm), one)
        look = Look("MR", f"FLAIR {one.grid.spacing[2]:g} mm", one.when)
        write_scan(folder / f"study{one.number:03d}", person, one.number, voxels, one.grid, look)
    for source, target, matrix in registered(examinations, registrations):
        write_registration(
            folder / "registrations", person, source.number, target.number, matrix, source.when
        )
    return truth(person, examinations, places)


def registered(
    examinations: list[TimePoint], how: Registrations
) -> list[tuple[TimePoint, TimePoint, Floats]]:
    """Which study is registered to which, later to earlier: all to the first, or each to the one before."""
    if how == "none":
        return []
    pairs = [
        (later, examinations[0] if how == "first" else examinations[number])
        for number, later in enumerate(examinations[1:])
    ]
    return [(later, earlier, earlier.motion @ np.linalg.inv(later.motion)) for later, earlier in pairs]


def truth(person: Person, examinations: list[TimePoint], places: Floats) -> dict[str, Any]:
    """What is true of each study: its identifiers, motion, the places in its frame and pixels, the lesion's diameter.

    `points[i]` of every study is the same place of the body (LPS mm); `pixels[i]` is its column, row and slice, 0-based and
    fractional. The lesion is round `points[0]`.
    """
    studies = []
    for one in examinations:
        moved = places @ one.motion[:3, :3].T + one.motion[:3, 3]
        studies.append(
            {
                "studyInstanceUid": person.uid(one.number),
                "seriesInstanceUid": person.uid(one.number, 1),
                "frameOfReferenceUid": person.uid(one.number, "frame"),
                "sopInstanceUids": [person.uid(one.number, 1, k) for k in range(one.grid.size[2])],
                "studyDate": one.when.isoformat(),
                "matrixFromFirst": one.motion.tolist(),
                "points": moved.round(6).tolist(),
                "pixels": one.grid.index_of(moved).round(6).tolist(),
                "lesionDiameterMm": 2 * one.lesion_radius_mm,
            }
        )
    return {"patientId": person.patient_id, "studies": studies}


def _read_source() -> _Source:
    if not _SOURCE:
        slices = sorted(map(pydicom.dcmread, dicom_files(SOURCE)), key=lambda ds: int(ds.InstanceNumber))
        first, last = (np.array(slices[k].ImagePositionPatient, float) for k in (0, -1))
        rows = np.array(slices[0].ImageOrientationPatient, float).reshape(2, 3)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        axes = np.column_stack([rows[0], rows[1], np.cross(rows[0], rows[1])])
        if (last - first) @ axes[:, 2] < 0:
            slices, first, last = slices[::-1], last, first
        gap = float((last - first) @ axes[:, 2]) / (len(slices) - 1)
        between_rows, between_columns = map(float, slices[0].PixelSpacing)
        axes, _ = np.linalg.qr(axes)
        axes *= np.sign(np.sum(axes * np.column_stack([rows[0], rows[1], np.cross(*rows)]), axis=0))
        size = (int(slices[0].Columns), int(slices[0].Rows), len(slices))
        grid = Grid(first, axes, np.array([between_columns, between_rows, gap]), size)
        voxels = np.stack([ds.pixel_array for ds in slices]).astype(np.float32)
        _SOURCE.append(_Source(voxels, grid))
    return _SOURCE[0]


_SOURCE: list[_Source] = []


def _centre(grid: Grid) -> Floats:
    found: Floats = grid.origin + grid.axes @ ((np.array(grid.size) - 1) / 2 * grid.spacing)
    return found


def _motion(random: np.random.Generator, centre: Floats) -> Floats:
    """A turn about the middle of the head, and a shift."""
    axis = random.normal(size=3)
    turn = _turn(axis / np.linalg.norm(axis) * np.radians(random.uniform(2.0, MOST_DEGREES)))
    motion = np.eye(4)
    motion[:3, :3] = turn
    motion[:3, 3] = centre - turn @ centre + random.uniform(-MOST_MM, MOST_MM, 3)
    return motion


def _turn(vector: Floats) -> Floats:
    """(3, 3): the rotation about a vector by its length, rad (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    if not angle:
        return np.eye(3)
    cross = np.cross(np.eye(3), -vector / angle)
    found: Floats = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return found


def _places(count: int, seed: int) -> Floats:
    """(n, 3) places in the head, LPS mm of the first study: where it is bright, well inside the scan."""
    source = _read_source()
    voxels, grid = source.voxels, source.grid
    slices, rows, columns = np.nonzero(voxels[6:-6] > np.percentile(voxels, 85))
    chosen = np.random.default_rng([seed, 3]).choice(len(slices), count, replace=False)
    index = np.column_stack([columns[chosen], rows[chosen], slices[chosen] + 6]).astype(float)
    index += np.random.default_rng([seed, 4]).uniform(-0.5, 0.5, index.shape)
    found: Floats = (grid.origin + index * grid.spacing @ grid.axes.T).round(4)
    return found


def _with_lesion(source: _Source, centre: Floats, radius_mm: float) -> _Source:
    """The head with a bright ball in it."""
    voxels = source.voxels.copy()
    source.grid.add_ball(voxels, centre, radius_mm, _BRIGHT * float(np.percentile(source.voxels, 95)))
    return _Source(voxels, source.grid)


def _resampled(source: _Source, one: TimePoint) -> NDArray[np.float32]:
    """The head as the examination's grid meets it, after the motion; linear."""
    image = sitk.GetImageFromArray(source.voxels)
    image.SetOrigin(source.grid.origin.tolist())
    image.SetSpacing(source.grid.spacing.tolist())
    image.SetDirection(source.grid.axes.ravel().tolist())
    grid = sitk.Image(list(one.grid.size), sitk.sitkUInt8)
    grid.SetOrigin(one.grid.origin.tolist())
    grid.SetSpacing(one.grid.spacing.tolist())
    grid.SetDirection(one.grid.axes.ravel().tolist())
    back = sitk.AffineTransform(3)
    inverse = np.linalg.inv(one.motion)
    back.SetMatrix(inverse[:3, :3].ravel().tolist())
    back.SetTranslation(inverse[:3, 3].tolist())
    found: NDArray[np.float32] = sitk.GetArrayFromImage(
        sitk.Resample(image, grid, back, sitk.sitkLinear, 0.0)
    )
    return found
