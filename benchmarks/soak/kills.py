"""Orthanc is killed in the middle of C-STOREs and deletes, again and again: afterwards the index equals the archive.

    .venv/bin/python -m benchmarks.soak.kills [--kills 25] [--full 10] [--seed 1]

Each round stores over some associations, deletes beside that, and ends by SIGKILL at a random moment. Then the same with
a disk that is full before most of the kills: once everything lies on it, once only the index (needs root). The oracle is
Orthanc's own list of instances, and that it still lists all it acknowledged.
"""

import argparse
import random
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests

from benchmarks.soak.disk import MIB, SmallDisk
from benchmarks.soak.equality import Difference, difference, miscounted, seconds_until_equal, unanswered
from benchmarks.soak.images import Image, ids, make_series
from benchmarks.soak.stream import Stream
from tests.orthanc.server import OrthancServer

ASSOCIATIONS = 2
SERIES, SLICES = 4, 150
"""Of one round: more than two associations store before the kill."""
DELETE_SECONDS = POLL_SECONDS = 0.05
EARLIEST_SECONDS, LATEST_SECONDS = 0.2, 3.0
WITHIN_SECONDS = 30.0
ROOM_OF_INDEX, ROOM_OF_ALL = (3 * MIB // 2, 5 * MIB // 2), (2 * MIB, 4 * MIB)
"""Bytes left on the disk: the tables of a new index and their log take 1.4 MiB, what is stored has to fill the rest."""
STREAM_SECONDS = 60.0


@dataclass
class Told:
    """What the clients were told over all rounds."""

    acknowledged: list[Image] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    refused: int = 0
    kills: int = 0
    in_stream: int = 0
    on_full_disk: int = 0


@dataclass(frozen=True)
class Outcome:
    """What was found after the last restart.

    Attributes
    ----------
    equal_after
        Seconds until the index was idle and equal; None when never.
    lost
        Acknowledged, not deleted, and not in Orthanc's list any more: Orthanc's loss, not the index's.
    unanswered, miscounted
        Acknowledged images the API does not find; studies it counts otherwise than Orthanc.
    """

    told: Told
    archived: int
    equal_after: float | None
    left: Difference
    lost: int
    unanswered: int
    miscounted: int

    @property
    def holds(self) -> bool:
        """Whether nothing is missing and nothing is left over."""
        return not (self.equal_after is None or self.left or self.unanswered or self.miscounted)


class Deletes:
    """Deletes instances at random while the block lasts, and remembers which it tried to."""

    def __init__(self, server: OrthancServer, seed: int) -> None:
        self._server = server
        self._chance = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.tried: set[str] = set()

    def __enter__(self) -> "Deletes":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with self._server.new_session() as session:
            while not self._stop.wait(DELETE_SECONDS):
                try:
                    stored = session.get("/instances").json()
                    if stored:
                        self.tried.add(chosen := self._chance.choice(stored))
                        session.delete(f"/instances/{chosen}")
                except requests.RequestException:  # killed, as it has to be
                    return


def round_of(
    server: OrthancServer,
    images: list[Image],
    chance: random.Random,
    told: Told,
    disk: SmallDisk | None = None,
) -> None:
    """Start, store and delete, kill at a random moment; on a small disk not before it is full or all is stored."""
    server.start()
    stream = Stream(server, images, ASSOCIATIONS, goes_on=True)
    with Deletes(server, chance.randrange(1 << 30)) as deletes:
        time.sleep(chance.uniform(EARLIEST_SECONDS, LATEST_SECONDS))
        while disk is not None and not disk.is_full and stream.is_running:
            time.sleep(POLL_SECONDS)
        told.in_stream += stream.is_running
        server.kill()
    stream.finish(STREAM_SECONDS)
    told.kills += 1
    told.acknowledged += stream.acknowledged
    told.refused += len(stream.refused)
    told.deleted |= deletes.tried


def made_for(folder: Path, number: int, side: int) -> list[Image]:
    """Series of several patients, so that every round stores in studies of its own."""
    series = [make_series(folder, f"round {number}.{each}", SLICES, side) for each in range(SERIES)]
    return [image for one in series for image in one]


def judge(server: OrthancServer, told: Told) -> Outcome:
    """Start once more, and compare: until equal, and again when the time is over."""
    with server:
        began = time.monotonic()
        equal_after = seconds_until_equal(server, WITHIN_SECONDS)
        time.sleep(max(0.0, began + WITHIN_SECONDS - time.monotonic()) if equal_after is None else 0.0)
        stored = set(server.session.get("/instances").json())
        expected = [image for image in told.acknowledged if image.orthanc_id not in told.deleted]
        return Outcome(
            told,
            len(stored),
            equal_after,
            difference(server),
            len(ids(expected) - stored),
            len(unanswered(server, [x.sop_instance_uid for x in expected if x.orthanc_id in stored])),
            len(miscounted(server)),
        )


def killed(folder: Path, kills: int, seed: int) -> Outcome:
    """So many kills with room enough on the disk."""
    chance, told = random.Random(seed), Told()
    server = OrthancServer(folder / "orthanc")
    for number in range(kills):
        round_of(server, made_for(folder / "images", number, side=8), chance, told)
    return judge(server, told)


def killed_on_full_disk(folder: Path, kills: int, seed: int, *, index_only: bool) -> Outcome:
    """So many kills while the disk fills up; at the end there is room again."""
    chance, told = random.Random(seed), Told()
    with SmallDisk(folder / "disk") as disk:
        home = folder if index_only else disk.folder
        settings = {"SidecarPath": str(disk.folder / "index.sqlite")} if index_only else {}
        server = OrthancServer(home / "orthanc", configuration={"Longitudinal": settings})
        for number in range(kills):
            images = made_for(folder / "images", number, side=64)
            disk.leave(chance.randrange(*ROOM_OF_INDEX if index_only else ROOM_OF_ALL))
            round_of(server, images, chance, told, disk)
            told.on_full_disk += disk.is_full
        disk.leave(64 * MIB)
        return judge(server, told)


def row(name: str, found: Outcome) -> str:
    """A line of the table."""
    told = found.told
    after = "never" if found.equal_after is None else f"{found.equal_after:.1f} s"
    verdict = "met" if found.holds and not found.lost else "MISSED"
    return (
        f"| {name} | {told.kills} ({told.in_stream}) | {told.on_full_disk} | {len(told.acknowledged)} | {told.refused} | "
        f"{len(told.deleted)} | {found.archived} | {found.left} | {after} | {found.lost} | {found.unanswered} | "
        f"{found.miscounted} | {verdict} |"
    )


COLUMNS = (
    "", "kills (in mid-stream)", "of them with a full disk", "C-STOREs acknowledged", "refused", "deletes",
    "archived at last", "index against archive", "equal after", "acknowledged, lost by Orthanc",
    "acknowledged, not found by resolve", "studies counted otherwise", "",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--full", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    with tempfile.TemporaryDirectory() as name:
        print(row("room enough", killed(Path(name) / "room", options.kills, options.seed)), flush=True)
        for index_only in (True, False):
            label = (
                "the index on a disk that fills up" if index_only else "everything on a disk that fills up"
            )
            folder = Path(name) / f"full-{index_only}"
            found = killed_on_full_disk(folder, options.full, options.seed, index_only=index_only)
            print(row(label, found), flush=True)


if __name__ == "__main__":
    main()
