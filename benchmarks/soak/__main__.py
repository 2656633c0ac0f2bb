"""All of them, one after the other, and what a store costs: an hour, 10 GB of disk, and root for the full disks.

    .venv/bin/python -m benchmarks.soak

Prints Markdown, as it stands in docs/measurements.
"""

from collections.abc import Callable

from benchmarks import ingest
from benchmarks.soak import backfill, churned_index, kills, load, scale

PARTS: dict[str, Callable[[], None]] = {
    "Kills": kills.main,
    "Churned index": churned_index.main,
    "Load": load.main,
    "Backfill": backfill.main,
    "Ingest": ingest.main,
    "Scale": scale.main,
}


def main() -> None:
    for name, run in PARTS.items():
        print(f"\n## {name}\n", flush=True)
        run()


if __name__ == "__main__":
    main()
