"""What the audit costs a request, what kills lose of it, and which tampering is found.

    .venv/bin/python -m benchmarks.audit [--pairs 12] [--requests 300] [--events 10000] [--kills 5]

Cost: two servers, one of which records nothing ("Audit": false); over a keep-alive connection to each, batches of requests
alternate. CPU is that of all of Orthanc's threads (schedstat), with the half second after a batch in which what was noted is
written; time is the median of a batch. Kills: searches, each an event of its own, on four connections, and SIGKILL in the
middle; lost is what was answered and is not in the files, by how long before the kill it was answered. Tampering: each kind
on a copy of those files, looked at by `longitudinal.audit verify`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks.one_request import OneRequest
from benchmarks.pairs import compare
from longitudinal.access.audit.chain import read_line
from longitudinal.access.audit.trail import trail_files
from tests.data import ROOT
from tests.orthanc.access_ward import study_of
from tests.orthanc.server import OrthancServer
from tests.orthanc.wire import basic

STUDY = "1.2.77.65.2020"
WRITTEN_SECONDS = 0.6
CONNECTIONS = 4
LEAST_LINES = 100
"""What is changed, removed or moved lies among these of the first file."""
SETTINGS = {"AlignOnArrival": False, "BackfillOnStart": True}


def cpu_seconds(pid: int) -> float:
    """Time on a processor of all threads of a process so far."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / 1e9


def batch(server: OrthancServer, request: OneRequest, requests: int) -> Callable[[], Sequence[float]]:
    """CPU and median time of a request, in microseconds."""

    def measure() -> Sequence[float]:
        request.open_anew()
        before = cpu_seconds(server.pid)
        time_us = request.median_us(requests)
        time.sleep(WRITTEN_SECONDS)
        cpu = cpu_seconds(server.pid) - before
        return [cpu / requests * 1e6, time_us]

    return measure


def cost(folder: Path, pairs: int, requests: int) -> None:
    with (
        OrthancServer(folder / "on", configuration={"Longitudinal": SETTINGS}) as on,
        OrthancServer(folder / "off", configuration={"Longitudinal": SETTINGS | {"Audit": False}}) as off,
    ):
        for server in (on, off):
            server.store_rest(study_of("PatA", 2020, "1.2.78.1"))
            server.wait_indexed(lambda health: health["instances"] == 3, 30)
        instance = on.session.get("/instances").json()[0]
        click = f'{{"sopInstanceUid": "{STUDY}.1.1", "row": 1, "column": 1}}'.encode()
        for what, request in (
            ("a read of ours", ("GET", f"/imaging/studies/{STUDY}", None)),
            ("a search of ours, an event each", ("GET", "/imaging/patients?query=PatA", None)),
            ("resolve", ("POST", "/imaging/points/resolve", click)),
            ("a read of Orthanc's", ("GET", f"/instances/{instance}/tags", None)),
            ("a search of Orthanc's, an event each", ("GET", "/studies", None)),
        ):
            batches = [batch(server, OneRequest(server, *request), requests) for server in (on, off)]
            found = compare(*batches, pairs)
            for unit, one in zip(("CPU", "time"), found, strict=True):
                print(
                    f"{what}, {unit}: {one.a:.0f} us with the audit, {one.b:.0f} without; "
                    f"{one.a - one.b:+.0f} us; ratio {one}",
                    flush=True,
                )


def searches(
    server: OrthancServer, name: str, wanted: int, answered: dict[str, float], killed: threading.Event
) -> None:
    """Searches of names of their own until there are enough, or the server is gone."""
    connection = HTTPConnection("127.0.0.1", server.http_port, timeout=60)
    headers = {"Authorization": basic(server.user, server.password)}
    number = 0
    while not killed.is_set() and len(answered) < wanted:
        asked = f"{name}n{number}"
        try:
            connection.request("GET", f"/imaging/patients?query={asked}", headers=headers)
            connection.getresponse().read()
        except (OSError, HTTPException):
            if killed.is_set():
                return
            connection.close()
            continue
        answered[asked] = time.monotonic()
        number += 1


def recorded_in(folder: Path) -> set[str]:
    """What was searched for."""
    found = set()
    for path in trail_files(folder):
        for text in path.read_bytes().split(b"\n"):
            line = read_line(text)
            if line is not None and line.object.startswith("/patients?query="):
                found.add(line.object.partition("=")[2])
    return found


def kills(folder: Path, events: int, count: int) -> Path:
    """The folder of the audit, after so many kills."""
    server = OrthancServer(folder, configuration={"Longitudinal": SETTINGS | {"AuditFileMiB": 1}})
    trail = folder / "index" / "audit-longitudinal-Test"
    total = 0
    for number in range(count):
        server.start()
        answered: dict[str, float] = {}
        killed = threading.Event()
        goal = events // count
        threads = [
            threading.Thread(target=searches, args=(server, f"k{number}c{each}", 10**9, answered, killed))
            for each in range(CONNECTIONS)
        ]
        for thread in threads:
            thread.start()
        while len(answered) < goal:
            time.sleep(0.005)
        at = time.monotonic()
        killed.set()
        server.kill()
        for thread in threads:
            thread.join()
        total += len(answered)
        lost = [at - when for asked, when in answered.items() if asked not in recorded_in_once(trail, number)]
        oldest = max(lost, default=0.0)
        print(
            f"kill {number + 1}: {len(answered)} answered, {len(lost)} lost, the oldest answered {oldest:.2f} s "
            "before the kill",
            flush=True,
        )
    server.start()
    server.stop()
    print(f"{total} events, {count} kills", flush=True)
    return trail


_RECORDED: dict[int, set[str]] = {}


def recorded_in_once(folder: Path, number: int) -> set[str]:
    """The same, read once after each kill."""
    if number not in _RECORDED:
        _RECORDED[number] = recorded_in(folder)
    return _RECORDED[number]


def _edited(path: Path, edit: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(edit(path.read_bytes().splitlines(keepends=True))))


def _changed(files: Sequence[Path]) -> None:
    _edited(files[0], lambda lines: [*lines[:50], lines[50].replace(b'"tester"', b'"nobody"'), *lines[51:]])


def _removed(files: Sequence[Path]) -> None:
    _edited(files[0], lambda lines: lines[:60] + lines[61:])


def _reordered(files: Sequence[Path]) -> None:
    _edited(files[0], lambda lines: [*lines[:70], lines[71], lines[70], *lines[72:]])


def _inserted(files: Sequence[Path]) -> None:
    made = lambda line: line.replace(b'"tester"', b'"nobody"')  # noqa: E731
    _edited(files[0], lambda lines: [*lines[:80], made(lines[79]), *lines[80:]])


def _cut(files: Sequence[Path]) -> None:
    _edited(files[-1], lambda lines: lines[:-1])


def _cut_within(files: Sequence[Path]) -> None:
    os.truncate(files[-1], files[-1].stat().st_size - 50)


def _swapped(files: Sequence[Path]) -> None:
    first, second = (path.read_bytes().splitlines(keepends=True) for path in files[:2])
    first[40], second[40] = second[40], first[40]
    files[0].write_bytes(b"".join(first))
    files[1].write_bytes(b"".join(second))


def _file_gone(files: Sequence[Path]) -> None:
    files[1].unlink()


def _files_renamed(files: Sequence[Path]) -> None:
    spare = files[0].with_name("spare")
    files[0].rename(spare)
    files[1].rename(files[0])
    spare.rename(files[1])


def _head_gone(files: Sequence[Path]) -> None:
    (files[0].parent / "head.json").unlink()


TAMPERING = (
    _changed, _removed, _reordered, _inserted, _cut, _cut_within, _swapped, _file_gone, _files_renamed, _head_gone,
)  # fmt: skip
OF_TWO_FILES = (_swapped, _file_gone, _files_renamed)


def verified(folder: Path, keys: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "longitudinal.audit", "verify", str(folder), "--keys", str(keys)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def tampering(folder: Path, work: Path) -> None:
    keys = folder.with_name("keys-longitudinal-Test.json")
    if len(trail_files(folder)[0].read_bytes().splitlines()) < LEAST_LINES:
        raise SystemExit("too few events were written before the kills to tamper with: ask for more --events")
    began = time.perf_counter()
    code, words = verified(folder, keys)
    print(
        f"as it was written: exit code {code} after {time.perf_counter() - began:.1f} s\n{words}", flush=True
    )
    for tamper in TAMPERING:
        if tamper in OF_TWO_FILES and len(trail_files(folder)) < 2:
            print(
                f"{tamper.__name__.strip('_')}: not tried, there is one file; ask for more --events",
                flush=True,
            )
            continue
        copy = work / tamper.__name__
        shutil.copytree(folder, copy)
        tamper(trail_files(copy))
        code, words = verified(copy, keys)
        first = next((line for line in words.splitlines() if line.startswith("WRONG")), "nothing")
        print(f"{tamper.__name__.strip('_')}: exit code {code}; {first}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=5)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        cost(Path(name), options.pairs, options.requests)
        tampering(kills(Path(name) / "killed", options.events, options.kills), Path(name))


if __name__ == "__main__":
    main()
