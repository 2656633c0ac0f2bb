"""What the metrics cost, and whether each of them moves under load.

    python -m benchmarks.metrics [--seconds 30]

Four connections resolve points, look at stacks, ask for previews and upload; afterwards the processor time of the thread
that hands the figures on is compared with that of the whole server, and the counting of one request with a request.
"""

import argparse
import re
import sys
import tempfile
import time
import timeit
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from longitudinal.http.measures import Measures
from longitudinal.http.request_id import request_id
from tests import builders as build
from tests.orthanc.server import OrthancServer

CONNECTIONS = 4
SLICES = 60
SHOWN_SECONDS = 6.0
# These stay as they are on a healthy server.
STILL = re.compile(
    r"jobs_|failing|lost|busy|refus|not_indexable|reconciled|cursor_lag|writer_queue|already|server_errors|_max$|disk"
)


def image(number: int, slices: int = SLICES) -> bytes:
    """A slice of one of several studies of one patient."""
    study = f"1.2.3.61.{number // slices}"
    return build.as_file(
        build.classic(
            (0.0, 0.0, 2.0 * (number % slices)), PatientID="M", StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1",
            SOPInstanceUID=f"{study}.1.{number % slices + 1}", FrameOfReferenceUID="1.2.3.61.9", InstanceNumber=number + 1,
        )
    )  # fmt: skip


def metrics(server: OrthancServer) -> dict[str, float]:
    """The plugin's, by name."""
    text = server.session.get("/tools/metrics-prometheus").text
    return {name: float(value) for name, value in re.findall(r"^longitudinal_(\w+) (\S+)", text, re.M)}


def load(server: OrthancServer, worker: int, until: float) -> int:
    """Requests until then."""
    done, upload = 0, 1_000 * (worker + 1)
    with server.new_session() as session:
        while time.monotonic() < until:
            question = {"sopInstanceUid": f"1.2.3.61.0.1.{done % SLICES + 1}", "row": 1, "column": 1}
            session.post("/imaging/points/resolve", json=question)
            if done % 10 == 0:
                session.get("/imaging/instances/1.2.3.61.0.1.1/preview", allow_redirects=False)
                session.get("/imaging/series/1.2.3.61.0.1/stacks")
                session.get("/imaging/studies/none")
            if done % 50 == 0:
                session.put("/imaging/uploads", files=[("f", ("f", image(upload)))])
                upload += 1
            done += 1
    return done


def cpu_of(pid: int) -> float:
    """Seconds of the processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(seconds: float, folder: Path) -> None:
    """One run."""
    with OrthancServer(folder, configuration={"Longitudinal": {"AlignOnArrival": False}}) as server:
        server.store_rest(image(number) for number in range(2 * SLICES))
        server.wait_indexed(lambda health: health["instances"] == 2 * SLICES, 30)
        server.wait_until(lambda: metrics(server), SHOWN_SECONDS * 2, "metrics")
        before, cpu = metrics(server), cpu_of(server.pid)
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            until = time.monotonic() + seconds
            requests = sum(threads.map(lambda worker: load(server, worker, until), range(CONNECTIONS)))
        time.sleep(SHOWN_SECONDS)
        after, cpu = metrics(server), cpu_of(server.pid) - cpu
    still = [name for name in sorted(after) if after[name] == before.get(name) and not STILL.search(name)]
    own = after["metrics_cpu_seconds_sum"] - before["metrics_cpu_seconds_sum"]
    measures = Measures()
    each = timeit.timeit(lambda: measures.request("/points/resolve", 200, 0.001), number=100_000) * 10
    each += timeit.timeit(lambda: request_id(None), number=100_000) * 10
    lines = (
        f"{len(after)} series; without movement: {', '.join(still) or 'none'}",
        f"{requests} resolves in {seconds:.0f} s; server {cpu:.1f} s of processor time, metrics thread {own:.3f} s "
        f"({100 * own / cpu:.2f} %)",
        f"counting and naming one request: {each:.1f} us; processor time of the server for one resolve and its share of the "
        f"rest: {1e6 * cpu / requests:.0f} us ({100 * each / (1e6 * cpu / requests):.2f} %)",
    )
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    with tempfile.TemporaryDirectory() as folder:
        measure(parser.parse_args().seconds, Path(folder) / "orthanc")


if __name__ == "__main__":
    main()
