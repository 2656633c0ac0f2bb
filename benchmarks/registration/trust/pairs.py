"""The pairs of the trust figures: which ones, with a fixed seed, and whose each of them is."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, product

import numpy as np

from benchmarks.registration.trust.scans import HEADS, PERSONS, SET_ON, SOURCES, Scan, person_of

SEED = 13
TURNS = (10.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0)

MOST_A_PERSON = 40
"""Wrong pairs that count for one person, the one whose scan is turned, mirrored or of another part."""

MIRRORED, OTHERS, REVERSED, OTHER_PART = 14, 16, 5, 5
"""Wrong pairs of each head."""


@dataclass(frozen=True)
class Pair:
    """Two scans; `kind` says why they belong together or not."""

    kind: str
    fixed: Scan
    moving: Scan
    person: str

    @property
    def is_right(self) -> bool:
        return self.kind.startswith("right")

    @property
    def persons(self) -> frozenset[str]:
        return frozenset((self.fixed.person, self.moving.person))

    @property
    def is_set_on(self) -> bool:
        """Whether the limits may have been set on it."""
        return self.persons <= SET_ON

    def __str__(self) -> str:
        return f"{self.kind}: {self.fixed} - {self.moving}"


def wrong_pairs() -> list[Pair]:
    """All of them, no two alike."""
    rng = np.random.default_rng(SEED)
    return list(dict.fromkeys(chain.from_iterable(_wrong_of(person, rng) for person in PERSONS)))


def right_pairs() -> list[Pair]:
    """All of them, no two alike."""
    rng = np.random.default_rng(SEED + 1)
    return list(dict.fromkeys(_right(rng)))


def _wrong_of(person: str, rng: np.random.Generator) -> Iterator[Pair]:
    sources = [name for name in SOURCES if person_of(name) == person]
    heads = [name for name in SOURCES if person_of(name) in HEADS]
    chests = [name for name in SOURCES if person_of(name) not in HEADS]
    same = heads if person in HEADS else chests
    others = [name for name in same if person_of(name) != person]
    parts = chests if person in HEADS else heads
    few = 1 if person in HEADS else 3  # chests are a part of the task only
    for number in range(MIRRORED // few):
        scan = _turned(Scan(str(rng.choice(sources)), mirrored=True), number, rng)
        yield _pair("mirrored", Scan(str(rng.choice(sources))), scan, rng)
    for number in range(OTHERS // few):
        # every other person in turn, and one in four of them mirrored besides
        names = sorted({person_of(name) for name in others})
        chosen = [name for name in others if person_of(name) == names[number % len(names)]]
        scan = _turned(Scan(str(rng.choice(sources)), mirrored=number % 4 == 3), number, rng)
        yield _pair("other person", Scan(str(rng.choice(chosen))), scan, rng)
    for number in range(REVERSED // few):
        scan = _turned(Scan(str(rng.choice(sources)), reversed=True), number, rng)
        yield _pair("slices reversed", Scan(str(rng.choice(sources))), scan, rng)
    for number in range(OTHER_PART // few):
        scan = _turned(Scan(str(rng.choice(sources))), number, rng)
        yield _pair("other body part", Scan(str(rng.choice(parts))), scan, rng)


def _turned(scan: Scan, number: int, rng: np.random.Generator) -> Scan:
    """Straight, turned in its grid, in its header, or in both, in turns; to either side."""
    degrees = float(rng.choice(TURNS)) * float(rng.choice((-1, 1)))
    tilt = float(rng.choice((0, 6, 12)))
    match number % 5:
        case 0:
            return scan
        case 1 | 3:
            return replace(scan, grid=degrees, tilt=tilt)
        case 2:
            return replace(scan, header=degrees, tilt=tilt)
        case _:
            return replace(scan, grid=degrees / 2, header=degrees / 2, tilt=tilt)


def _pair(kind: str, plain: Scan, changed: Scan, rng: np.random.Generator) -> Pair:
    """In either order."""
    first, second = (plain, changed) if rng.random() < 0.5 else (changed, plain)
    return Pair(kind, first, second, changed.person)


SAME_CONTRAST = (("A1", "A2"), ("A1t", "A2t"), ("B1", "B2"))
OTHER_CONTRAST = (("A1", "A2t"), ("A1t", "A2"), ("A1", "A1t"), ("A2", "A2t"))
CHESTS = (("D1", "D2"), ("E1", "E2"))
ALONE = ("P4", "P9", "C1")
RIGHT_TURNS = (0.0, 25.0, -25.0, 45.0, -40.0)


def _right(rng: np.random.Generator) -> Iterator[Pair]:
    for (first, second), (number, degrees) in product(SAME_CONTRAST, enumerate(RIGHT_TURNS)):
        for way in ("grid", "header"):
            yield _right_pair("right", first, second, way, degrees, number)
            first, second = second, first
    for (first, second), (number, degrees) in product(OTHER_CONTRAST, enumerate(RIGHT_TURNS)):
        for way in ("grid", "header")[: 2 if degrees == 0 else 1]:
            flipped = bool(rng.random() < 0.5) != (way == "header")
            one, other = (second, first) if flipped else (first, second)
            yield _right_pair("right, other contrast", one, other, way, degrees, number)
    for first, second in CHESTS:
        yield _right_pair("right, breathing", first, second, "grid", 0.0, 0)
        yield _right_pair("right, breathing", second, first, "grid", 0.0, 0)
        yield _right_pair("right, breathing", first, second, "header", 25.0, 0)
    for source, degrees, way in product(ALONE, (25.0, -45.0), ("grid", "header")):
        if way == "grid":  # the same pixels in another frame would be no test
            yield _right_pair("right, with itself", source, source, way, degrees, 1)


def _right_pair(kind: str, first: str, second: str, way: str, degrees: float, number: int) -> Pair:
    turned = Scan(second, **{way: degrees}, tilt=6.0 * (number % 2)) if degrees else Scan(second)
    return Pair(kind, Scan(first), turned, turned.person)
