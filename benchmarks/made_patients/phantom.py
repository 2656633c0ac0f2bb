"""A box of exactly 100 mm with balls at known places, scanned with square and non-square pixels in several directions.

Edges are exact: a pixel has as much of the box's value as the box covers of it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.made_patients.files import Floats, Grid, Look, Person, days_of, write_scan

SIDE_MM = 100.0
LANDMARKS = np.array(
    [
        [0.0, 0.0, 0.0], [30.0, 0.0, 0.0], [0.0, 30.0, 0.0], [0.0, 0.0, 30.0], [-20.0, -35.0, 12.5], [35.0, 20.0, -25.0],
        [-31.25, 27.5, -10.0], [12.0, -18.5, 38.0],
    ]
)  # fmt: skip
"""Centres of the balls, mm from the middle of the box, LPS: no two alike when left and right are swapped."""

BALL_MM = 4.0
"""Radius of a ball."""
_BOX, _BALL, _AIR = 40.0, 600.0, -1000.0

AXIAL = np.eye(3)
CORONAL = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
SAGITTAL = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True, eq=False)
class PhantomScan:
    """One scan: `spacing` between columns, between rows, between slices, mm."""

    axes: Floats
    spacing: tuple[float, float, float]
    size: tuple[int, int]
    modality: str
    what: str


SCANS = (
    PhantomScan(AXIAL, (0.5, 0.5, 2.0), (320, 320), "CT", "axial, square pixels"),
    PhantomScan(AXIAL, (0.5, 1.0, 2.0), (320, 160), "CT", "axial, rows twice as far apart"),
    PhantomScan(AXIAL, (1.25, 0.8, 2.5), (128, 200), "CT", "axial, columns farther apart"),
    PhantomScan(CORONAL, (0.7, 0.9, 2.0), (230, 180), "CT", "coronal, non-square"),
    PhantomScan(SAGITTAL, (1.0, 0.6, 2.0), (160, 260), "CT", "sagittal, non-square"),
    PhantomScan(AXIAL, (2.0, 2.0, 3.0), (80, 80), "PT", "axial PET, a slope of its own for each slice"),
)


def make_phantom(folder: Path, *, seed: int = 1) -> dict[str, Any]:
    """Write all scans, a study each, and return where the balls are in each.

    All studies share one Frame of Reference: nothing but geometry is between them. `landmarks` are LPS mm, `pixels` column,
    row and slice, 0-based and fractional.
    """
    person = Person(f"PHANTOM-{seed}", "Made^Phantom")
    centre = np.random.default_rng([seed, 5]).uniform(-30, 30, 3).round(3)
    landmarks = centre + LANDMARKS
    studies = []
    for number, (scan, when) in enumerate(zip(SCANS, days_of(len(SCANS), seed), strict=True), 1):
        slices = int(np.ceil((SIDE_MM + 40) / scan.spacing[2]))
        grid = Grid.centred(centre + 0.1, scan.axes, scan.spacing, (*scan.size, slices)).as_written()
        look = _look(scan, when, slices)
        more = dict(look.more) | {"FrameOfReferenceUID": person.uid("frame")}
        look = Look(look.modality, look.description, when, look.slope, look.intercept, look.window, more)
        write_scan(
            folder / f"study{number:03d}", person, number, _voxels(grid, centre, scan.modality), grid, look
        )
        studies.append(
            {
                "studyInstanceUid": person.uid(number),
                "seriesInstanceUid": person.uid(number, 1),
                "frameOfReferenceUid": person.uid("frame"),
                "sopInstanceUids": [person.uid(number, 1, k) for k in range(slices)],
                "studyDate": when.isoformat(),
                "what": scan.what,
                "pixelSpacing": [scan.spacing[1], scan.spacing[0]],
                "landmarks": landmarks.round(6).tolist(),
                "pixels": grid.index_of(landmarks).round(6).tolist(),
            }
        )
    return {"patientId": person.patient_id, "sideMm": SIDE_MM, "centre": centre.tolist(), "studies": studies}


def _look(scan: PhantomScan, when: Any, slices: int) -> Look:
    if scan.modality == "PT":
        slopes = (0.5 + 0.01 * np.arange(slices)).tolist()
        return Look("PT", scan.what, when, slopes, window=(2_000, 4_000), more={"Units": "BQML"})
    return Look("CT", scan.what, when, intercept=-1024.0, window=(40, 400), more={"RescaleType": "HU"})


def _voxels(grid: Grid, centre: Floats, modality: str) -> NDArray[np.float64]:
    """(slices, rows, columns): Hounsfield units; for PET Bq/ml, none below 0."""
    covered = [
        _covered((grid.origin - centre) @ grid.axes[:, axis], grid.spacing[axis], grid.size[axis])
        for axis in range(3)
    ]
    box = covered[2][:, None, None] * covered[1][None, :, None] * covered[0][None, None, :]
    values = _AIR + box * (_BOX - _AIR)
    for landmark in LANDMARKS:
        grid.add_ball(values, centre + landmark, BALL_MM, _BALL)
    return (values - _AIR) * 2 if modality == "PT" else values


def _covered(first: float, spacing: float, count: int) -> Floats:
    """How much (n,) of each pixel along an axis of the grid lies in the box, 0 to 1."""
    middle = first + spacing * np.arange(count)
    half = SIDE_MM / 2
    overlap = np.minimum(middle + spacing / 2, half) - np.maximum(middle - spacing / 2, -half)
    found: Floats = np.clip(overlap / spacing, 0, 1)
    return found
