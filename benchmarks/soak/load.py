"""Resolve while images pour in and studies are deleted and modified, against the same clients left alone.

    .venv/bin/python -m benchmarks.soak.load [--pairs 12] [--seconds 10]

Phases with and without stores alternate: 8 associations that send 128 KiB images as fast as Orthanc takes them, two
clients that delete and modify those studies, and all the while 8 clients that ask without a pause. Each pair of phases
gives one ratio of p50 and one of p99. Every client, of either kind, runs on the processors that Orthanc has, too.
The same is then done to an Orthanc without the plugin, whose clients look up one image each time: what that costs is
Orthanc's own, and an answer asks for ten such images.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.pairs import Comparison, compare
from benchmarks.soak.churn import Churn
from benchmarks.soak.clients import IMAGES, LOOKUP, Clients, store_patient
from benchmarks.soak.equality import Difference, difference, miscounted, seconds_until_equal
from tests.orthanc.server import OrthancServer

ASSOCIATIONS = CLIENTS = 8
P50_TARGET, P99_TARGET = 2.0, 5.0
SETTLE_SECONDS = 30.0


@dataclass(frozen=True)
class Outcome:
    """What was counted, and what was found when all had ended.

    Attributes
    ----------
    p50, p99
        Seconds of a resolve: a with stores, b without; None with fewer than two pairs.
    """

    stores: int
    deletes: int
    modifies: int
    answers: int
    matches: int
    archived: int
    errors: Sequence[str]
    equal_after: float | None
    left: Difference
    miscounted: int
    p50: Comparison
    p99: Comparison

    @property
    def is_sound(self) -> bool:
        """Whether nothing failed and the index ended equal to the archive."""
        return not (self.errors or self.equal_after is None or self.left or self.miscounted)


def under_load(folder: Path, pairs: int, seconds: float, parallel: int = ASSOCIATIONS) -> Outcome:
    """So many pairs of phases of so many seconds, with so many associations and clients."""
    answers = 0

    def percentiles(times: list[float]) -> list[float]:
        nonlocal answers
        answers += len(times)
        return [float(value) for value in np.percentile(times, [50, 99])]

    with OrthancServer(folder / "orthanc", authentication=False) as server:
        questions = store_patient(server, folder / "asked")
        server.wait_indexed(lambda health: health["instances"] == IMAGES, SETTLE_SECONDS)
        churn = Churn(server, folder / "flood", parallel)
        clients = Clients(server, questions, parallel)

        def storing() -> list[float]:
            with churn:
                return percentiles(clients.ask_for(seconds))

        def quiet() -> list[float]:
            server.wait_indexed(lambda health: health["queued"] == 0, SETTLE_SECONDS)
            return percentiles(clients.ask_for(seconds))

        quiet()  # warms the patient
        p50, p99 = compare(storing, quiet, pairs)
        equal_after = seconds_until_equal(server, SETTLE_SECONDS)
        return Outcome(
            churn.stores, churn.deletes, churn.modifies, answers, clients.matches,
            server.session.get("/statistics").json()["CountInstances"], [*churn.errors, *clients.errors],
            equal_after, difference(server), len(miscounted(server)), p50, p99,
        )  # fmt: skip


def lookups_under_load(folder: Path, pairs: int, seconds: float) -> tuple[Comparison, Comparison]:
    """p50 and p99 of looking up one image in an Orthanc without the plugin: a with stores, b without."""
    with OrthancServer(folder / "orthanc", plugin=False, authentication=False) as server:
        questions = [json.loads(question) for question in store_patient(server, folder / "asked")]
        uids = [question["sopInstanceUid"].encode() for question in questions]
        churn = Churn(server, folder / "flood", ASSOCIATIONS)
        clients = Clients(server, uids, CLIENTS, LOOKUP)

        def percentiles() -> list[float]:
            return [float(value) for value in np.percentile(clients.ask_for(seconds), [50, 99])]

        def storing() -> list[float]:
            with churn:
                return percentiles()

        p50, p99 = compare(storing, percentiles, pairs)
        if errors := [*churn.errors, *clients.errors]:
            raise AssertionError(errors[:5])
        return p50, p99


def report(found: Outcome) -> None:
    after = "never" if found.equal_after is None else f"{found.equal_after:.1f} s"
    print(
        f"{found.stores} C-STOREs, {found.deletes} deletes, {found.modifies} modifies, {found.answers} answers of "
        f"{found.matches} matches; {len(found.errors)} errors{''.join(f'; {error}' for error in found.errors[:5])}"
    )
    print(
        f"index against the archive of {found.archived} instances: {found.left}, {found.miscounted} studies counted "
        f"otherwise, equal after {after}: {'met' if found.is_sound else 'MISSED'}\n"
    )
    print("| resolve | with stores, ms | without, ms | ratio | target | |\n|---|---|---|---|---|---|")
    for name, measured, target in (("p50", found.p50, P50_TARGET), ("p99", found.p99, P99_TARGET)):
        verdict = "met" if measured.high <= target else "MISSED"
        print(
            f"| {name} | {measured.a * 1e3:.1f} | {measured.b * 1e3:.1f} | {measured} | at most {target:.0f} | {verdict} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        report(under_load(Path(name) / "ours", options.pairs, options.seconds))
        found = lookups_under_load(Path(name) / "bare", options.pairs, options.seconds)
    print("\n| one image looked up, no plugin | with stores, ms | without, ms | ratio |\n|---|---|---|---|")
    for percentile, measured in zip(("p50", "p99"), found, strict=True):
        print(f"| {percentile} | {measured.a * 1e3:.2f} | {measured.b * 1e3:.2f} | {measured} |")


if __name__ == "__main__":
    main()
