"""Pairs that must not be accepted: other body parts, noise, no overlap; other persons and mirror images, as measured."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import numpy as np

from benchmarks.registration.cases import BASELINE, FOLLOWUP, mirrored, volume
from longitudinal.registration.alignment import Method
from longitudinal.registration.engine import align
from longitudinal.registration.volume import Volume
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
Pair = tuple[str, Volume, str, Volume]


def run() -> None:
    """Print, for each kind, how many pairs were accepted and what rejected the others."""
    heads = {name: volume(data(path)) for name, path in HEADS.items()}
    lungs = {name: volume(data(path)) for name, path in LUNGS.items()}
    print(
        "Distinct subjects: 4 (A, B, C heads, D a lung). Ends of a scan, noise and mirror images are no new ones.\n"
    )
    print("| kind | pairs | accepted | rejected by |\n|---|---|---|---|")
    kinds = {
        "right pairs (all should be accepted)": _same(heads, lungs),
        "wrong body part": _wrong_part(heads, lungs),
        "noise": _noise({**heads, **lungs}),
        "no overlap": _no_overlap(heads, lungs),
        "another person's head": _other_person(heads),
        "mirror image of the same person": _mirrored(heads, lungs),
    }
    for kind, pairs in kinds.items():
        _report(kind, pairs)


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
    if accepted and not kind.startswith("right"):
        print(f"\naccepted: {'; '.join(accepted)}\n")


def _same(heads: dict[str, Volume], lungs: dict[str, Volume]) -> Iterator[Pair]:
    for scans in (heads, lungs):
        for (first, fixed), (second, moving) in permutations(scans.items(), 2):
            if first[0] == second[0]:
                yield first, fixed, second, moving


def _other_person(heads: dict[str, Volume]) -> Iterator[Pair]:
    for (first, fixed), (second, moving) in permutations(heads.items(), 2):
        if first[0] != second[0]:
            yield first, fixed, second, moving


def _mirrored(heads: dict[str, Volume], lungs: dict[str, Volume]) -> Iterator[Pair]:
    for first, fixed, second, moving in _same(heads, lungs):
        yield first, fixed, f"{second} mirrored", mirrored(moving)
    for name, scan in {**heads, **lungs}.items():
        yield name, scan, f"itself mirrored, {name}", mirrored(scan)


def _wrong_part(heads: dict[str, Volume], lungs: dict[str, Volume]) -> Iterator[Pair]:
    """Head to lung and back."""
    for name, scan in heads.items():
        for other, lung in lungs.items():
            yield name, scan, other, lung
            yield other, lung, name, scan


def _noise(scans: dict[str, Volume]) -> Iterator[Pair]:
    """White noise, and noise as smooth as tissue, on the grid of each scan."""
    rng = np.random.default_rng(SEED)
    for name, scan in scans.items():
        white = rng.normal(size=scan.voxels.shape).astype(np.float32)
        yield name, scan, "white noise", replace(scan, voxels=white)
        smooth = white
        for axis in range(3):
            for _ in range(3):
                smooth = (np.roll(smooth, 1, axis) + smooth + np.roll(smooth, -1, axis)) / 3
        yield name, scan, "smooth noise", replace(scan, voxels=smooth)


def _no_overlap(heads: dict[str, Volume], lungs: dict[str, Volume]) -> Iterator[Pair]:
    """The two ends of one scan, a fifth of it between them."""
    for name, scan in {**heads, **lungs}.items():
        for axis in range(3):
            count = scan.voxels.shape[axis]
            if count * scan.spacing[2 - axis] < 120:
                continue
            yield (
                name,
                _end(scan, axis, first=True),
                f"its other end along {'kji'[axis]}",
                _end(scan, axis, first=False),
            )


def _end(scan: Volume, axis: int, *, first: bool) -> Volume:
    part = [slice(None)] * 3
    count = int(scan.voxels.shape[axis] * 0.4)
    part[axis] = slice(0, count) if first else slice(-count, None)
    index = np.zeros(3)
    index[2 - axis] = 0 if first else scan.voxels.shape[axis] - count
    origin = scan.point_from_index[:3, :3] @ index + scan.origin
    return replace(scan, voxels=np.ascontiguousarray(scan.voxels[tuple(part)]), covered=None, origin=origin)
