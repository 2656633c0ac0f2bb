"""What the checks say of right pairs by each method: an affine or deformable alignment has to pass them as a rigid one does.

The one pair without a truth is here as well: two positions of one volunteer, the head partly out of view.
"""

import sys
from dataclasses import replace

from benchmarks.registration.trust.bounds import most
from benchmarks.registration.trust.kept import code_of, kept_in
from benchmarks.registration.trust.known import CASES
from benchmarks.registration.trust.registered import Registered, both_directions
from longitudinal.registration import block_match, mirror, quality, rigid
from longitudinal.registration.alignment import Method
from longitudinal.registration.block_match import match_blocks
from longitudinal.registration.engine import look_at_blocks, there_and_back
from longitudinal.registration.mirror import mirror_ratio
from longitudinal.registration.pyramid import image_transform
from longitudinal.registration.quality import Quality, judge, tissue_points
from longitudinal.settings import Acceptance

RIGHT = (
    "p01",
    "p01 contrasts",
    "p04 moved",
    "p09 moved",
    "decubitus",
    "breath",
    "lung",
    "slab",
    "breath slab",
)
"""What a body does; heads that are bent by centimetres are for the model of errors alone."""

HEAD = (
    "| pair | limits set on it | verdict | mirror ratio | block spread, mm | of the rigid part | there and back, mm | "
    "of the rigid part |"
)


def run(part: int = 1) -> None:
    """Print a row for each pair, method and direction; of every ``part``-th pair where it is more than 1."""
    print("\n### Right pairs by method\n")
    print(f"{HEAD}\n|{'---|' * HEAD.count(' | ')}---|")
    found: list[tuple[Registered, Quality]] = []
    for key in RIGHT[::part]:
        known = CASES[key]()
        for method in Method:
            for one in both_directions(known, method):
                found.append((one, judged(one)))
                print(_row(*found[-1]), flush=True)
    print("\n| method | pairs | refused | at most (95 %) | persons | with one refused | at most |")
    print("|---|---|---|---|---|---|---|")
    for method in Method:
        print(_count(method, [entry for entry in found if entry[0].method is method]))


def judged(one: Registered) -> Quality:
    """As the engine judges it."""

    def looked() -> Quality:
        blocks = match_blocks(one.fixed, one.moving, image_transform(one.forth.matrix, one.forth.field))
        figures = look_at_blocks(one.fixed, one.moving, one.forth, blocks)
        return there_and_back(figures, one.fixed, one.moving, one.forth, one.home)

    def ratio() -> float:
        return mirror_ratio(one.fixed, one.moving, one.forth.rigid, tissue_points(one.fixed))

    print(one.name, file=sys.stderr, flush=True)
    figures: Quality = kept_in(
        f"{one.key}/figures/{code_of(block_match, quality, rigid)}", f"{one.name}, figures", looked
    )
    # only the rigid part has to do with the mirror image
    of_rigid = f"{one.pair_key}/mirror ratio/{code_of(mirror, quality)}"
    figures = replace(figures, mirror_ratio=kept_in(of_rigid, f"{one.name}, mirror ratio", ratio))
    return judge(figures, Acceptance())


def _row(one: Registered, found: Quality) -> str:
    return (
        f"| {one.name} | {'yes' if one.known.limits_set_on else 'no'} | {found.rejection or 'accepted'} "
        f"| {found.mirror_ratio:.3f} | {found.block_spread_mm:.2f} | {found.rigid_block_spread_mm:.2f} "
        f"| {found.forward_backward_mean_mm:.2f} | {found.rigid_forward_backward_mm:.2f} |"
    )


def _count(method: Method, found: list[tuple[Registered, Quality]]) -> str:
    refused = [one for one, figures in found if not figures.accepted]
    persons = {one.known.person for one, _ in found}
    affected = {one.known.person for one in refused}
    return (
        f"| {method.value} | {len(found)} | {len(refused)} | {most(len(refused), len(found)):.0%} "
        f"| {len(persons)} | {len(affected)} | {most(len(affected), len(persons)):.0%} |"
    )
