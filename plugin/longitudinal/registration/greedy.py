"""Affine and deformable registration by Greedy (Yushkevich et al.), from a start that is nearly right.

Greedy speaks RAS, everything here LPS: its matrices are turned over at this border. Its warps are in LPS already,
on the fixed grid, and come before its matrix: ``moving = matrix . (x + D(x))``.
"""

import ctypes
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from picsl_greedy import Greedy3D

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix
from longitudinal.registration.pyramid import Image, Pyramid, as_transform, cubic_grid
from longitudinal.registration.quality import covered, tissue_points

AFFINE_MM = 3.0
DEFORM_MM = 3.0
"""Voxels of the two stages, at most."""

FINEST_DEFORM_MM = 2.0
"""Voxels of a deformation by local correlation: 1.1 mm instead of 1.3 on a chest that breathes, 1.4 instead of 1.5 on the
lung pair. Mutual information takes `DEFORM_MM`: it follows noise in smaller ones."""

MOST_DEFORM_VOXELS = 3_000_000
"""Of a deformation by local correlation; each takes 230 bytes. A larger scan has larger voxels, `DEFORM_MM` at most."""

GRID_MM = 5.0
"""Of the field that is kept; a chest takes less than a megabyte in the sidecar."""

LOCAL_CORRELATION = "NCC 2x2x2"
MUTUAL_INFORMATION = "NMI"

SMOOTHING = {LOCAL_CORRELATION: "3vox 1vox", MUTUAL_INFORMATION: "4vox 2vox"}
"""Of each update and of the whole field. Local correlation bears less (1.5 mm on the lung pair, 1.7 with 4 and 2
voxels); mutual information follows noise with less (0.7 mm where the truth is rigid)."""

ITERATIONS = {LOCAL_CORRELATION: "100x60x6", MUTUAL_INFORMATION: "100x60x20"}
"""From coarse to fine: the last ones take longest and gain local correlation nothing (6 and 8: equal on both pairs)."""

SEED = 1
"""Of the places at which the affine stage samples, and of the noise that local correlation adds: without one they depend on
the clock, and no two runs agree."""

WHOLE_VIEW = 0.75
"""Part of the fixed scan's tissue that the moving scan must show to count as the whole of it. With less, what lies beyond
its ends would count as air, and the fixed scan be stretched until it is."""

PADDING_MM = 30.0
"""Beyond the ends of a moving scan that shows a part: what a breath moves out of it meets its last slice there, not air."""

_LIBC = ctypes.CDLL(None)
_RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def refine_affine(fixed: Pyramid, moving: Pyramid, start: Matrix) -> Matrix:
    """The affine map (4, 4) moving from fixed, LPS mm, nearest to a rigid start that fits best; in one thread.

    By mutual information within one contrast too: 5.9 mm on the lung pair where local correlation ends at 6.5.
    """
    masks, images = shared_view(fixed, moving, start, AFFINE_MM)
    with matrix_file(start) as path:
        greedy = run(
            f"-i fixed moving{masks} -a -dof 12 -m {MUTUAL_INFORMATION} -n 60x40x20 -ia {path} -o found",
            1,
            **images,
            found=None,
        )
    return from_ras(np.array(greedy["found"]))


def refine_deformable(fixed: Pyramid, moving: Pyramid, start: Matrix, threads: int) -> DisplacementField:
    """The displacements that fit best on top of an affine start, as *moving from fixed*.

    Local correlation only where equal tissue is equally bright in both scans: elsewhere it tears the image apart.
    ``threads`` at most; the field does not depend on them.
    """
    metric = find_metric(fixed, moving)
    masks, images = shared_view(fixed, moving, start, deform_spacing(fixed, moving, metric))
    how = f"-m {weighted(metric)} -n {ITERATIONS[metric]} -s {SMOOTHING[metric]}"
    with matrix_file(start) as path:
        greedy = run(
            f"-i fixed moving{masks} {how} -it {path} -o warp",
            threads_for(metric, threads),
            **images,
            warp=None,
        )
    return _field(greedy["warp"], start)


def deform_spacing(fixed: Pyramid, moving: Pyramid, metric: str) -> float:
    """Edge of the voxels of a deformation, mm."""
    if metric == MUTUAL_INFORMATION:
        return DEFORM_MM
    largest = max(float(scan.extent.prod()) for scan in (fixed, moving))
    return float(np.clip(np.cbrt(largest / MOST_DEFORM_VOXELS), FINEST_DEFORM_MM, DEFORM_MM))


def shared_view(
    fixed: Pyramid, moving: Pyramid, start: Matrix, spacing: float
) -> tuple[str, dict[str, Image]]:
    """Options and images for two scans: where the moving one shows a part of the fixed one, only that part is compared.

    Without it a chest is stretched until nothing of it lies beyond the ends of a slab.
    """
    images = {"fixed": fixed.cube(spacing), "moving": moving.cube(spacing)}
    tissue = tissue_points(fixed)
    if covered(affine.apply(start, tissue), moving.volume).mean() >= WHOLE_VIEW:
        return "", images
    shown = moving.covers(images["fixed"], as_transform(start)).astype(np.float32)
    images["shown"] = sitk.GetImageFromArray(shown)
    images["shown"].CopyInformation(images["fixed"])
    beyond = [round(PADDING_MM / spacing)] * 3
    images["moving"] = sitk.ZeroFluxNeumannPad(images["moving"], beyond, beyond)
    images["there"] = sitk.Image(images["moving"].GetSize(), sitk.sitkFloat32) + 1.0
    images["there"].CopyInformation(images["moving"])
    return " -gm shown -mm there", images


def run(command: str, threads: int, **images: Any) -> Greedy3D:
    """Run a Greedy command; what it writes to standard output goes nowhere.

    ``images`` with None name results, which the returned object holds.
    """
    greedy = Greedy3D()
    with _quiet_stdout():
        greedy.execute(f"{command} -seed {SEED} -threads {threads} -V 0", **images)
    return greedy


def threads_for(metric: str, threads: int) -> int:
    """As many as do not change the result: threads add up a histogram in the order in which they finish."""
    return 1 if metric == MUTUAL_INFORMATION else threads


@contextmanager
def matrix_file(moving_from_fixed: Matrix) -> Iterator[Path]:
    """A matrix as the file Greedy wants: it takes images from memory, matrices it does not."""
    with tempfile.TemporaryDirectory(prefix="longitudinal-") as folder:
        path = Path(folder) / "start.mat"
        np.savetxt(path, _RAS_FROM_LPS @ moving_from_fixed @ _RAS_FROM_LPS, fmt="%.17g")
        yield path


def from_ras(matrix: Matrix) -> Matrix:
    """A matrix of Greedy's in LPS."""
    return np.asarray(_RAS_FROM_LPS @ matrix @ _RAS_FROM_LPS, dtype=np.float64)


def find_metric(fixed: Pyramid, moving: Pyramid) -> str:
    """Local correlation within one contrast, mutual information elsewhere."""
    alike = fixed.volume.contrast.is_like(moving.volume.contrast)
    return LOCAL_CORRELATION if alike else MUTUAL_INFORMATION


def weighted(metric: str) -> str:
    """The metric as deformations want it: local correlation with each image's own weight."""
    return f"W{metric}" if metric == LOCAL_CORRELATION else metric


def _field(warp: Image, post: Matrix) -> DisplacementField:
    """Greedy's warp on a coarser grid, as a deformable REG has it: D at x, then the matrix."""
    coarse = sitk.Resample(
        warp, cubic_grid(warp, GRID_MM), sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, 0.0,
        sitk.sitkVectorFloat32, True,
    )  # fmt: skip
    directions = np.reshape(coarse.GetDirection(), (3, 3))
    # x + D(x) before the matrix is what the standard calls pre = 1, then D inside post = matrix
    return DisplacementField(
        position=np.array(coarse.GetOrigin()),
        orientation=directions[:, :2].T.ravel(),
        resolution=np.array(coarse.GetSpacing()),
        dimensions=tuple(coarse.GetSize()),
        vectors=sitk.GetArrayFromImage(coarse),
        pre=np.eye(4),
        post=post,
    )


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Greedy writes to the process's standard output past Python, even when told to be silent."""
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        _LIBC.fflush(None)  # or what it wrote comes out later
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
