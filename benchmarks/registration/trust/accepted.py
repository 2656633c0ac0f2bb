"""Which pairs are accepted: wrong ones, of which none may be, and right ones, of which all should be."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.registration.trust import truth
from benchmarks.registration.trust.bounds import most
from benchmarks.registration.trust.figures import judged
from benchmarks.registration.trust.pairs import Pair, right_pairs, wrong_pairs
from benchmarks.registration.trust.scans import PERSONS
from benchmarks.registration.trust.ways import Ways
from longitudinal.registration.quality import Quality

Judged = list[tuple[Pair, Quality]]


def run(part: int = 1) -> None:
    """Print both tables; of every ``part``-th pair alone where it is more than 1."""
    wrong = _judged(wrong_pairs()[::part])
    print("\n### Wrong pairs\n")
    print("A pair counts for the person whose scan is turned, mirrored or of another part of the body.\n")
    _by_kind(wrong, "accepted", lambda quality: quality.accepted)
    _by_person(wrong)
    _bounds(wrong, "accepted", lambda quality: quality.accepted)
    _nearest(wrong)
    right = _judged(right_pairs()[::part])
    print("\n### Right pairs\n")
    _by_kind(right, "refused", lambda quality: not quality.accepted)
    _bounds(right, "refused", lambda quality: not quality.accepted)
    _farthest(right)
    _errors(right)


def _judged(pairs: Sequence[Pair]) -> Judged:
    found = []
    for number, pair in enumerate(pairs):
        found.append((pair, judged(pair)))
        print(f"{number + 1} of {len(pairs)}", file=sys.stderr, flush=True)
    return found


def _by_kind(found: Judged, word: str, counts: Callable[[Quality], bool]) -> None:
    print(f"| kind | pairs | persons | {word} | of these on persons no limit was set on | refused by |")
    print("|---|---|---|---|---|---|")
    for kind in dict.fromkeys(pair.kind for pair, _ in found):
        _row(kind, [entry for entry in found if entry[0].kind == kind], counts)
    _row("all", found, counts)


def _row(name: str, found: Judged, counts: Callable[[Quality], bool]) -> None:
    persons = {person for pair, _ in found for person in pair.persons}
    new = [entry for entry in found if not entry[0].is_set_on]
    counted, of_new = (sum(counts(quality) for _, quality in some) for some in (found, new))
    reasons = Counter(str(quality.rejection) for _, quality in found if not quality.accepted)
    words = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    print(f"| {name} | {len(found)} | {len(persons)} | {counted} | {of_new} of {len(new)} | {words or '-'} |")


def _by_person(found: Judged) -> None:
    count = Counter(pair.person for pair, _ in found)
    print("\nPairs of each person: " + ", ".join(f"{person} {count[person]}" for person in PERSONS) + ".")


def _bounds(found: Judged, word: str, counts: Callable[[Quality], bool]) -> None:
    """By pairs as if each were a person of its own, and by persons, which is what one may count on."""
    print(f"\nAt most (95 %, Clopper and Pearson) {word}:\n")
    print("| | pairs | by pairs | persons with one | by persons |\n|---|---|---|---|---|")
    for name, some in (
        ("all", found),
        ("persons no limit was set on", [each for each in found if not each[0].is_set_on]),
    ):
        counted = [pair for pair, quality in some if counts(quality)]
        persons = {pair.person for pair, _ in some}
        affected = {pair.person for pair in counted}
        if some:
            print(
                f"| {name} | {len(counted)} of {len(some)} | {most(len(counted), len(some)):.1%} | "
                f"{len(affected)} of {len(persons)} | {most(len(affected), len(persons)):.0%} |"
            )
    for pair in (pair for pair, quality in found if counts(quality)):
        print(f"\n{word}: {pair}: {dict(found)[pair]}")


def _nearest(found: Judged) -> None:
    """How near the wrong pairs come to the limits."""
    print(
        "\n| kind | largest mirror ratio | smallest block spread, mm | of those with a ratio of 1 and more |"
    )
    print("|---|---|---|---|")
    for kind in dict.fromkeys(pair.kind for pair, _ in found):
        figures = [quality for pair, quality in found if pair.kind == kind and quality.blocks]
        close = [quality.block_spread_mm for quality in figures if quality.mirror_ratio >= 1]
        print(
            f"| {kind} | {max((each.mirror_ratio for each in figures if each.mirror_ratio > 0), default=np.nan):.3f} | "
            f"{min((each.block_spread_mm for each in figures), default=np.nan):.2f} | "
            f"{min(close, default=np.nan):.2f} |"
        )


def _farthest(found: Judged) -> None:
    print(
        "\n| kind | smallest mirror ratio | largest block spread, mm | largest there and back, mm |\n|---|---|---|---|"
    )
    for kind in dict.fromkeys(pair.kind for pair, _ in found):
        figures = [quality for pair, quality in found if pair.kind == kind and quality.blocks]
        print(
            f"| {kind} | {min(each.mirror_ratio for each in figures):.3f} | "
            f"{max(each.block_spread_mm for each in figures):.2f} | "
            f"{np.nanmax([each.forward_backward_mean_mm for each in figures]):.2f} |"
        )


def _errors(found: Judged) -> None:
    print("\n| kind | accepted, with a truth | mean error, mm | largest |\n|---|---|---|---|")
    for kind in dict.fromkeys(pair.kind for pair, _ in found):
        accepted = [pair for pair, quality in found if pair.kind == kind and quality.accepted]
        errors = np.array([truth.mean_error(pair, Ways(pair).forth()) for pair in accepted])  # type: ignore[arg-type]
        errors = errors[np.isfinite(errors)]
        if len(errors):
            print(f"| {kind} | {len(errors)} | {errors.mean():.2f} | {errors.max():.2f} |")
