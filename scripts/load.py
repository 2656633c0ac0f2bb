"""Sends a folder to the running server: `make load DIR=...`. Every file at any depth, DICOM or zip of DICOM."""

import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from running_server import RunningServer, Stored

SENDERS = 4
"""Connections at once; more gain nothing on one machine."""
SHOWN = 10
PROGRESS_SECONDS = 5.0


def main() -> None:
    """Send, count, and list what was refused."""
    if len(sys.argv) != 2 or not sys.argv[1]:
        sys.exit("name a folder: make load DIR=path/to/images")
    folder = Path(sys.argv[1])
    if not folder.exists():
        sys.exit(f"{folder} does not exist")
    RunningServer().check()
    files = [folder] if folder.is_file() else [path for path in sorted(folder.rglob("*")) if path.is_file()]
    counts: Counter[str] = Counter()
    refused = []
    shown = time.monotonic()
    with ThreadPoolExecutor(SENDERS, initializer=_connect) as pool:
        for number, (path, stored) in enumerate(zip(files, pool.map(_send, files), strict=True), 1):
            counts[stored.status if stored.is_there else "refused"] += 1
            if not stored.is_there:
                refused.append(f"{path}: {stored.status}")
            if time.monotonic() > shown + PROGRESS_SECONDS:
                shown = time.monotonic()
                print(f"{number} of {len(files)}", flush=True)
    print(
        f"{len(files)} files: {counts['Success']} stored, {counts['AlreadyStored']} there already, "
        f"{counts['refused']} refused (not DICOM, or damaged)"
    )
    for line in refused[:SHOWN]:
        print(f"  {line}")
    if len(refused) > SHOWN:
        print(f"  and {len(refused) - SHOWN} more")
    if not counts["Success"] + counts["AlreadyStored"]:
        sys.exit(1)


_THREAD = threading.local()


def _connect() -> None:
    _THREAD.server = RunningServer()


def _send(path: Path) -> Stored:
    try:
        return _THREAD.server.store(path.read_bytes())
    except OSError as error:
        return Stored(f"cannot be read or sent: {error}")


if __name__ == "__main__":
    main()
