"""Frames through the nginx recipe of docs/limits.md: hit rate, ratio of times, and what a user without access gets.

    python -m benchmarks.frame_cache [--rounds 5]

Two users read every frame of a real study several times, through the cache and straight from Orthanc; then one of them loses
access, and asks for everything again.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.data import dicom_files
from tests.orthanc.server import OrthancServer, ServerSession
from tests.orthanc.test_frame_cache import BOB, recipe

FRAMES = 36


def read(session: ServerSession, instances: list[str]) -> tuple[list[float], Counter[str]]:
    """Milliseconds of each frame, and what the cache (or the status) says."""
    times, said = [], Counter[str]()
    for instance in instances:
        began = time.perf_counter()
        answer = session.get(f"/instances/{instance}/frames/0/numpy?rescale=false")
        times.append(1000 * (time.perf_counter() - began))
        said[answer.headers.get("X-Cache", str(answer.status_code))] += 1
    return times, said


def measure(rounds: int, folder: Path) -> None:
    """One run."""
    server = OrthancServer(folder / "orthanc", configuration={"Longitudinal": {"AlignOnArrival": False}})
    server.configuration["RegisteredUsers"][BOB[0]] = BOB[1]
    files = dicom_files("openms_dicom/patient01")[:FRAMES]
    with server, recipe(folder / "proxy", server) as nginx:
        instances = [one["ID"] for one in server.store_rest(files)]
        server.wait_indexed(lambda health: health["instances"] == len(files), 30)
        users = [(server.user, server.password), BOB]
        total: Counter[str] = Counter()
        cached: list[float] = []
        straight: list[float] = []
        for number in range(rounds):
            for user in users:
                with ServerSession(nginx.url, user) as session:
                    times, said = read(session, instances)
                total += said
                cached += times if number or user is BOB else []
                with ServerSession(server.url, user) as session:
                    straight += read(session, instances)[0]
        del server.configuration["RegisteredUsers"][BOB[0]]
        server.restart()
        with ServerSession(nginx.url, BOB) as session:
            _, lost = read(session, instances)
    hits = total["HIT"] / sum(total.values())
    print(
        f"{sum(total.values())} frames asked for through the cache: {dict(total)}, hit rate {100 * hits:.0f} %"
    )
    a, b = statistics.median(cached), statistics.median(straight)
    print(
        f"a frame from the cache {a:.1f} ms, straight from Orthanc {b:.1f} ms (medians): {b / a:.1f} times as fast"
    )
    print(f"a user who lost access: {dict(lost)}")


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    with tempfile.TemporaryDirectory() as folder:
        measure(parser.parse_args().rounds, Path(folder))


if __name__ == "__main__":
    main()
