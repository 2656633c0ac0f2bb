"""Pairs in which the same tissue is not equally bright: real ones, and scans whose grey values were changed.

What was changed has an exact truth: the scan is moved rigidly, put on another grid, given noise, and each grey value is
replaced by another. The real ones are T1 and FLAIR of one head, and CT, PET and T2 of one thigh.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from benchmarks.registration.cases import mirrored, volume
from benchmarks.registration.thigh import thigh_pairs
from benchmarks.registration.trust.known import CASES, Known, made, rigid_motion
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.geometry.affine import Matrix
from longitudinal.registration.alignment import Method
from longitudinal.registration.engine import align
from longitudinal.registration.volume import Volume
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.model import Transform, linear
from tests.data import data

KNOTS = 8
"""Grey values between which a made-up map is linear."""

PET_SIGMA_MM = 3.0
"""A width at half maximum of 7 mm."""

PET_GRID_MM = (4.0, 4.0, 4.0)
HEAD_GRID_MM = (0.9, 0.9, 3.0)
CHEST_GRID_MM = (1.2, 1.2, 2.5)

Grey = Callable[[np.ndarray], np.ndarray]
"""New grey values of old ones; both from 0 to 1."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two scans of different contrast; `errors` (n,) in mm of a map of points, None where the pair is a wrong one."""

    kind: str
    name: str
    limits_set_on: bool
    fixed: Volume
    moving: Volume
    method: Method
    errors: Callable[[Transform], np.ndarray] | None
    initial: Matrix | None = None


def run(wanted: list[str]) -> None:
    """Print a row for each pair of the kinds wanted."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    print(
        "| pair | method | limits set on it | mean / 95 % / part under 2 mm | verdict | mirror ratio | blocks | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for kind in wanted:
        for pair in KINDS[kind]():
            print(_row(pair), flush=True)


def _row(pair: Pair) -> str:
    began = time.process_time()
    found = align(pair.fixed, pair.moving, pair.method, initial=pair.initial)
    seconds = time.process_time() - began
    error = "a wrong pair"
    if pair.errors is not None:
        transform = linear(found.moving_from_fixed) if found.field is None else DisplacementGrid(found.field)
        errors = pair.errors(transform)
        error = f"{np.nanmean(errors):.2f} / {np.nanpercentile(errors, 95):.2f} / {(errors < 2).mean():.0%}"
    quality = found.quality
    verdict = quality.rejection or "accepted"
    if found.rigid is not None:
        verdict = f"{verdict}, its rigid part accepted"
    return (
        f"| {pair.kind}: {pair.name} | {pair.method.value} | {'yes' if pair.limits_set_on else 'no'} | {error} "
        f"| {verdict} | {quality.mirror_ratio:.3f} | {quality.rigid_block_spread_mm:.2f} mm, {quality.blocks} "
        f"| {seconds:.1f} |"
    )


def monotone(seed: int) -> Grey:
    """Brighter stays brighter, by steps of any size."""
    values = np.sort(np.random.default_rng(seed).uniform(size=KNOTS))
    return lambda grey: np.interp(grey, np.linspace(0, 1, KNOTS), values)


def not_monotone(seed: int) -> Grey:
    """Any grey value may become any other one."""
    values = np.random.default_rng(seed).uniform(size=KNOTS)
    return lambda grey: np.interp(grey, np.linspace(0, 1, KNOTS), values)


def inverted(grey: np.ndarray) -> np.ndarray:
    """The brightest is the darkest, air beside the patient included."""
    return 1 - grey


def as_mr(grey: np.ndarray) -> np.ndarray:
    """A windowed CT (air 0, fat and muscle near 0.7, bone from 0.8 on): air and bone dark, fat bright."""
    return np.interp(grey, (0.0, 0.5, 0.66, 0.7, 0.75, 1.0), (0.02, 0.1, 0.9, 0.75, 0.45, 0.05))


def changed(scan: Volume, grey: Grey, modality: str, *, noise: float = 0.03, sigma_mm: float = 0.0) -> Volume:
    """A scan in another contrast: grey values replaced, blurred, with noise."""
    low, high = np.percentile(scan.voxels[::3, ::3, ::3], (1, 99.5))
    voxels = grey(np.clip((scan.voxels - low) / (high - low), 0, 1)).astype(np.float32)
    if sigma_mm:
        image = sitk.GetImageFromArray(voxels)
        image.SetSpacing(scan.spacing.tolist())
        voxels = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(image, sigma_mm))
    voxels += np.random.default_rng(7).normal(scale=noise, size=voxels.shape).astype(np.float32)
    return replace(scan, voxels=voxels, contrast=Contrast(modality))


def _errors_of(known: Known) -> Callable[[Transform], np.ndarray]:
    return lambda transform: np.asarray(
        np.linalg.norm(transform.map_points(known.fixed_points) - known.moving_points, axis=1)
    )


def _made(scan: Volume, name: str, grid: tuple[float, float, float], is_set: bool) -> Known:
    motion = rigid_motion(scan, (-3.0, 4.0, 11.0), (12.0, -8.0, 14.0))
    return made(name, name, scan, motion, spacing=grid, limits_set_on=is_set)


def _sources() -> Iterator[tuple[str, Volume, tuple[float, float, float], bool]]:
    yield "p04 head", volume(data("openms_other/p04_FLAIR")), HEAD_GRID_MM, True
    yield "p09 head", volume(data("openms_other/p09_FLAIR")), HEAD_GRID_MM, False
    yield "chest", volume(data("chest_breath/study1")), CHEST_GRID_MM, False


def _made_up() -> Iterator[Pair]:
    """Rigid: each body in each contrast."""
    for name, scan, grid, is_set in _sources():
        sharp, coarse = _made(scan, name, grid, is_set), _made(scan, name, PET_GRID_MM, is_set)
        contrasts = {
            "inverted": changed(sharp.moving, inverted, "MR"),
            "monotone 1": changed(sharp.moving, monotone(1), "MR"),
            "not monotone 1": changed(sharp.moving, not_monotone(1), "MR"),
            "not monotone 2": changed(sharp.moving, not_monotone(2), "MR"),
            "PET-like": changed(coarse.moving, not_monotone(3), "PT", noise=0.05, sigma_mm=PET_SIGMA_MM),
        }
        if scan.contrast.modality == "CT":
            contrasts["as MR"] = changed(sharp.moving, as_mr, "MR")
        for contrast, moving in contrasts.items():
            known = coarse if contrast == "PET-like" else sharp
            yield Pair(
                "made up", f"{name}, {contrast}", is_set, scan, moving, Method.RIGID, _errors_of(known)
            )


def _wrong() -> Iterator[Pair]:
    """Another person, and the mirror image of the same, in another contrast: none may be accepted."""
    one, other = (volume(data(f"openms_other/{number}_FLAIR")) for number in ("p04", "p09"))
    turned = _made(other, "p09", HEAD_GRID_MM, is_set=False).moving
    for contrast, grey in {
        "inverted": inverted,
        "monotone 1": monotone(1),
        "not monotone 1": not_monotone(1),
    }.items():
        for name, fixed, moving in (
            ("p04 with p09", one, turned),
            ("p09 with its mirror image", other, mirrored(turned)),
        ):
            yield Pair(
                "wrong", f"{name}, {contrast}", False, fixed, changed(moving, grey, "MR"), Method.RIGID, None
            )


def _heads() -> Iterator[Pair]:
    """FLAIR and T1 of one person, two studies."""
    known = CASES["p01 contrasts"]()
    for method in (Method.RIGID, Method.DEFORMABLE):
        yield Pair("FLAIR - T1", known.name, True, known.fixed, known.moving, method, _errors_of(known))


def _breath() -> Iterator[Pair]:
    """A chest before and after a breath, the second as if it were MR or PET."""
    known = CASES["breath"]()
    for contrast, moving in {
        "as MR": changed(known.moving, as_mr, "MR"),
        "PET-like": changed(known.moving, not_monotone(3), "PT", noise=0.05, sigma_mm=PET_SIGMA_MM),
    }.items():
        yield Pair(
            "breath", f"chest, {contrast}", False, known.fixed, moving, Method.DEFORMABLE, _errors_of(known)
        )


def _thigh() -> Iterator[Pair]:
    """Real CT, PET and MR T2 of one thigh."""
    for name, fixed, moving, errors, initial in thigh_pairs():
        yield Pair("thigh", name, False, fixed, moving, Method.RIGID, errors)
        yield Pair("thigh, with `initial`", name, False, fixed, moving, Method.RIGID, errors, initial)


KINDS: dict[str, Callable[[], Iterator[Pair]]] = {
    "heads": _heads,
    "thigh": _thigh,
    "made up": _made_up,
    "breath": _breath,
    "wrong": _wrong,
}
