"""How many links of exams survive a SIGKILL and the loss of the index file, and how long a link takes.

    python -m benchmarks.exams [--links 1000]

Stores as many images in two studies of one patient, links them from four connections, kills Orthanc in between, deletes the
index file, starts Orthanc again and counts: every link that was acknowledged must be there, none twice.
"""

import argparse
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests import builders as build
from tests.orthanc.server import OrthancServer

CONNECTIONS = 4
STUDIES = ("1.2.3.41", "1.2.3.42")


def images(study: str, count: int) -> list[bytes]:
    """Slices of one series."""
    return [
        build.as_file(
            build.classic(
                (0.0, 0.0, 1.0 * number), PatientID="P", StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1",
                SOPInstanceUID=f"{study}.1.{number + 1}", FrameOfReferenceUID=f"{study}.9", InstanceNumber=number + 1,
            )
        )
        for number in range(count)
    ]  # fmt: skip


def link(server: OrthancServer, uid: str) -> float | None:
    """Seconds until a link was acknowledged; None if it was not."""
    began = time.monotonic()
    try:
        with server.new_session() as session:
            answer = session.post("/imaging/exams/E1/images", json={"sopInstanceUid": uid})
    except OSError:
        return None
    return time.monotonic() - began if answer.ok else None


def linked(server: OrthancServer, total: int) -> list[str]:
    """The SOP Instance UIDs of the exam, over all pages."""
    found: list[str] = []
    for offset in range(0, total, 1_000):
        answer = server.session.get(f"/imaging/exams/E1/images?offset={offset}")
        found += [image["sopInstanceUid"] for image in answer.json().get("images", [])]
    return found


def measure(count: int, folder: Path) -> None:
    """One run."""
    uids = [f"{study}.1.{number + 1}" for number in range(count // 2) for study in STUDIES]
    with OrthancServer(folder) as server:
        for study in STUDIES:
            server.store_rest(images(study, count // 2))
        server.wait_indexed(lambda health: health["instances"] == len(uids), 120)
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            pending = {uid: threads.submit(link, server, uid) for uid in uids}
            pending[uids[len(uids) // 2]].result()
            server.kill()
            acknowledged = {uid: taken for uid, one in pending.items() if (taken := one.result()) is not None}
        for file in folder.rglob("longitudinal-*.sqlite*"):
            file.unlink()
        server.start()
        began = time.monotonic()
        server.wait_until(
            lambda: acknowledged.keys() <= set(linked(server, count)), 60, "every link is read again"
        )
        again = time.monotonic() - began
        found = linked(server, count)
        lost, doubled = acknowledged.keys() - set(found), len(found) - len(set(found))
        took = sorted(acknowledged.values())
        print(f"{len(acknowledged)} of {len(uids)} links acknowledged before the kill")
        print(
            f"lost {len(lost)}, twice {doubled}, beyond those acknowledged {len(set(found) - acknowledged.keys())}"
        )
        print(f"all there again {again:.1f} s after the start without an index file")
        began = time.monotonic()
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            rest = list(threads.map(lambda uid: link(server, uid), uids))
        print(
            f"all {len(uids)} sent again: {sum(one is not None for one in rest)} acknowledged in "
            f"{time.monotonic() - began:.1f} s, now {len(linked(server, count))} links"
        )
        print(
            f"one link: median {statistics.median(took) * 1000:.0f} ms, 95 % {took[len(took) * 95 // 100] * 1000:.0f} ms, "
            f"the last ten of the full exam {statistics.mean(x for x in rest[-10:] if x) * 1000:.0f} ms"
        )
        began = time.monotonic()
        linked(server, 1_000)
        print(f"the list of {min(count, 1_000)} images: {(time.monotonic() - began) * 1000:.0f} ms")


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=1_000)
    with tempfile.TemporaryDirectory() as folder:
        measure(parser.parse_args().links, Path(folder) / "orthanc")


if __name__ == "__main__":
    main()
