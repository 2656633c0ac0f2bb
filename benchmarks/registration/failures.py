"""Pairs that must not be accepted: other body parts, noise, no overlap; other persons and mirror images, as measured."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import permutations, product

import numpy as np

from benchmarks.registration.cases import BASELINE, FOLLOWUP, aligned_one_way, mirrored, volume
from longitudinal.registration.alignment import Method
from longitudinal.registration.engine import align
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.quality import overlap
from longitudinal.registration.volume import Volume
from longitudinal.transforms.model import linear
from tests.data import data

HEADS = {
    "A study 1": "openms_dicom/patient01/study1_FLAIR",
    "A study 2": "openms_dicom/patient01/study2_FLAIR",
    "B supine": "dcm_decubitus_mr/HFS",
    "B prone": "dcm_decubitus_mr/HFP",
    "C": "dcm_philips_classic_vs_enhanced/classic",
}
LUNGS = {"D baseline": BASELINE, "D follow-up": FOLLOWUP}
SEED = 6

END = 0.4
"""Part of a scan that is one end; a fifth of it lies between the two."""

Scans = dict[str, Volume]
Pair = tuple[str, Volume, str, Volume]


def run(wanted: list[str]) -> None:
    """Print, for each kind wanted, how many pairs were accepted and what rejected the others."""
    scans = {name: volume(data(path)) for name, path in {**HEADS, **LUNGS}.items()}
    print(
        "Distinct subjects: 4 (A, B, C heads, D a lung). Ends of a scan, noise and mirror images are no new ones.\n"
    )
    print("| kind | pairs | accepted | rejected by |\n|---|---|---|---|", flush=True)
    for kind in wanted:
        _report(kind, KINDS[kind](scans))


def _report(kind: str, pairs: Iterator[Pair]) -> None:
    reasons: dict[str, int] = {}
    accepted = []
    for first, fixed, second, moving in pairs:
        quality = align(fixed, moving, Method.RIGID).quality
        print(f"{kind}: {first} - {second}: {quality}", file=sys.stderr, flush=True)
        if quality.rejection is None:
            accepted.append(f"{first} - {second}")
        else:
            reasons[quality.rejection] = reasons.get(quality.rejection, 0) + 1
    total = len(accepted) + sum(reasons.values())
    rejected = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
    print(f"| {kind} | {total} | {len(accepted)} | {rejected} |", flush=True)
    if accepted and kind != "right":
        print(f"\naccepted: {'; '.join(accepted)}\n", flush=True)


def _right(scans: Scans) -> Iterator[Pair]:
    """One subject, two studies or positions: all should be accepted."""
    for (first, fixed), (second, moving) in permutations(scans.items(), 2):
        if first[0] == second[0]:
            yield first, fixed, second, moving


def _wrong_part(scans: Scans) -> Iterator[Pair]:
    """Head to lung and back."""
    for (first, fixed), (second, moving) in permutations(scans.items(), 2):
        if (first in HEADS) != (second in HEADS):
            yield first, fixed, second, moving


def _noise(scans: Scans) -> Iterator[Pair]:
    """Noise of four kinds on the grid of each scan, a seed of its own each time, in both directions."""
    rng = np.random.default_rng(SEED)
    for name, scan in scans.items():
        for kind, make in NOISES.items():
            noise = replace(scan, voxels=make(rng, scan).astype(np.float32), covered=None)
            yield name, scan, f"{kind} noise", noise
            yield f"{kind} noise", noise, name, scan


def _white(rng: np.random.Generator, scan: Volume) -> np.ndarray:
    return rng.normal(size=scan.voxels.shape)


def _uniform(rng: np.random.Generator, scan: Volume) -> np.ndarray:
    return rng.uniform(size=scan.voxels.shape)


def _smooth(rng: np.random.Generator, scan: Volume) -> np.ndarray:
    """As smooth as tissue: three voxels or so."""
    smooth = _white(rng, scan)
    for axis in range(3):
        for _ in range(3):
            smooth = (np.roll(smooth, 1, axis) + smooth + np.roll(smooth, -1, axis)) / 3
    return smooth


def _salted(rng: np.random.Generator, scan: Volume) -> np.ndarray:
    """One voxel in 50 bright, the others dark."""
    return rng.uniform(size=scan.voxels.shape) < 0.02


NOISES = {"white": _white, "uniform": _uniform, "smooth": _smooth, "salted": _salted}


def _no_overlap(scans: Scans) -> Iterator[Pair]:
    """Two ends of one subject's scans that share nothing: of one scan, and of two at different times."""
    for name, scan in scans.items():
        for axis in range(3):
            first, last = _end(scan, axis, first=True), _end(scan, axis, first=False)
            yield f"first {'kji'[axis]} end of {name}", first, "its last", last
            yield f"last {'kji'[axis]} end of {name}", last, "its first", first
    for first, fixed, second, moving in _right(scans):
        known = linear(aligned_one_way(Pyramid(fixed), Pyramid(moving), Method.RIGID))
        for axis, low in product(range(3), (True, False)):
            one, other = _end(fixed, axis, first=low), _end(moving, axis, first=not low)
            # the studies lie apart and turned: two ends of the same name may show the same
            if overlap(Pyramid(one), Pyramid(other), known) == 0:
                which = "first" if low else "last"
                yield f"{which} {'kji'[axis]} end of {first}", one, f"the other of {second}", other


def _end(scan: Volume, axis: int, *, first: bool) -> Volume:
    part = [slice(None)] * 3
    count = int(scan.voxels.shape[axis] * END)
    part[axis] = slice(0, count) if first else slice(-count, None)
    index = np.zeros(3)
    index[2 - axis] = 0 if first else scan.voxels.shape[axis] - count
    origin = scan.point_from_index[:3, :3] @ index + scan.origin
    covered = None if scan.covered is None else scan.covered[tuple(part)]
    return replace(
        scan, voxels=np.ascontiguousarray(scan.voxels[tuple(part)]), covered=covered, origin=origin
    )


def _other_person(scans: Scans) -> Iterator[Pair]:
    for (first, fixed), (second, moving) in permutations(scans.items(), 2):
        if first in HEADS and second in HEADS and first[0] != second[0]:
            yield first, fixed, second, moving


def _mirror_image(scans: Scans) -> Iterator[Pair]:
    """Of the other study, and of the scan itself."""
    for first, fixed, second, moving in _right(scans):
        yield first, fixed, f"{second} mirrored", mirrored(moving)
    for name, scan in scans.items():
        yield name, scan, "itself mirrored", mirrored(scan)


KINDS: dict[str, Callable[[Scans], Iterator[Pair]]] = {
    "right": _right,
    "other person": _other_person,
    "mirror image": _mirror_image,
    "wrong body part": _wrong_part,
    "no overlap": _no_overlap,
    "noise": _noise,
}
