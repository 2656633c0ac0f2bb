"""CT, PET and T2 of one thigh with a tumour (Soft-tissue-Sarcoma, TCIA, CC BY 3.0), and what is known of them.

PET and CT are of one scanner and share a Frame of Reference: the truth is that they lie as they are, so one of them is moved
before. The tumour was drawn on MR and carried to PET and CT by other software, rigidly: its surface is the truth there.

A start, as a person would give it, is the truth off by 6 mm and 5 degrees, or a shift that takes the middle of the tumour to
its middle in the other scan.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pydicom

from benchmarks.registration.cases import moved, volume
from benchmarks.registration.trust.known import rigid_motion
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.quality import covered, tissue_points
from longitudinal.registration.volume import Volume
from longitudinal.transforms.model import Transform
from tests.data import data

FOLDER = "rt_truth/sts_001"
SERIES = {"CT": "CT/CT", "PET": "FDG_PET/PT", "MR": "MR_T2/MR"}
CONTOURS = {"CT": "CT/rtstruct.dcm", "PET": "FDG_PET/rtstruct.dcm", "MR": "MR_T2/rtstruct.dcm"}

Errors = Callable[[Transform], np.ndarray]


def thigh_pairs() -> Iterator[tuple[str, Volume, Volume, Errors, Matrix]]:
    """Name, fixed, moving, the errors (n,) in mm of a map of points, and a start: moving from fixed (4, 4)."""
    scans = {name: volume(data(FOLDER) / path) for name, path in SERIES.items()}
    motion = rigid_motion(scans["PET"], (2.0, -3.0, 8.0), (14.0, -9.0, 20.0))
    tissue = tissue_points(Pyramid(scans["CT"]))
    inside = tissue[covered(tissue, scans["PET"])]
    start = affine.compose(motion, rigid_motion(scans["CT"], (3.0, -3.0, 3.0), (4.0, -3.0, 3.0)))
    known = _known(inside, affine.apply(motion, inside))
    yield "CT - PET, moved", scans["CT"], moved(scans["PET"], motion), known, start
    tumour = {name: _tumour(name) for name in CONTOURS}
    for fixed, moving in (("CT", "MR"), ("MR", "CT"), ("PET", "MR")):
        shift = np.eye(4)
        shift[:3, 3] = tumour[moving].mean(axis=0) - tumour[fixed].mean(axis=0)
        name = f"{fixed} - {moving}, by the surface of the tumour"
        yield name, scans[fixed], scans[moving], _surface(tumour[fixed], tumour[moving]), shift


def _known(points: Points, truth: Points) -> Errors:
    return lambda transform: np.asarray(np.linalg.norm(transform.map_points(points) - truth, axis=1))


def _surface(points: Points, there: Points) -> Errors:
    """How far points of one contour lie from the nearest of the other: what slides along the surface is not seen."""

    def distances(transform: Transform) -> np.ndarray:
        mapped = transform.map_points(points)
        return np.array([np.linalg.norm(there - point, axis=1).min() for point in mapped])

    return distances


def _tumour(name: str) -> Points:
    """Points (n, 3) of its contours, LPS mm: the first region of interest."""
    contours = pydicom.dcmread(data(FOLDER) / CONTOURS[name]).ROIContourSequence[0].ContourSequence
    return np.concatenate([np.reshape(np.array(each.ContourData, float), (-1, 3)) for each in contours])
