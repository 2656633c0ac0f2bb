"""Frames through the nginx recipe of docs/limits.md: hit rate, ratio of times, and what a user without access gets.

    python -m benchmarks.frame_cache [--rounds 5]

Two users read every frame of a real study several times, through the cache and straight from Orthanc; then one of them loses
access, and asks for everything again. Once signed in by password, once by bearer tokens.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.data import dicom_files
from tests.orthanc.server import OrthancServer, ServerSession
from tests.orthanc.test_frame_cache import BOB, by_token, recipe, share

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


@dataclass(frozen=True)
class Readers:
    """A server that is not started, two readers, and how the second one loses access.

    Attributes
    ----------
    sessions
        Of both, at an address.
    admit
        Lets the second one in, once the frames are stored.
    lose
        Takes that back.
    """

    server: OrthancServer
    sessions: Callable[[str], list[ServerSession]]
    admit: Callable[[], None]
    lose: Callable[[], None]


def by_password(folder: Path) -> Readers:
    """Name and password; the second user is removed."""
    server = OrthancServer(folder / "orthanc", configuration={"Longitudinal": {"AlignOnArrival": False}})
    server.configuration["RegisteredUsers"][BOB[0]] = BOB[1]

    def lose() -> None:
        del server.configuration["RegisteredUsers"][BOB[0]]
        server.restart()

    users = [(server.user, server.password), BOB]
    return Readers(server, lambda url: [ServerSession(url, user) for user in users], lambda: None, lose)


def by_bearer(folder: Path) -> Readers:
    """Bearer tokens; the patient is shared with the second user, and the share ends while the server runs."""
    server, login = by_token(folder)
    tokens = [login.token("ann", groups="radiology", exp=int(time.time()) + 3600), login.token("bob")]
    shares: list[str] = []

    def sessions(url: str) -> list[ServerSession]:
        made = [ServerSession(url, None) for _ in tokens]
        for session, token in zip(made, tokens, strict=True):
            session.headers["Authorization"] = f"Bearer {token}"
        return made

    def admit() -> None:
        (patient,) = server.session.get("/imaging/patients").json()["patients"]
        shares.append(share(server, patient["patientId"], "bob"))

    def lose() -> None:
        server.session.delete(f"/imaging/grants/{shares.pop()}").raise_for_status()

    return Readers(server, sessions, admit, lose)


def measure(name: str, readers: Readers, rounds: int, folder: Path) -> None:
    """One run."""
    server, files = readers.server, dicom_files("openms_dicom/patient01")[:FRAMES]
    total: Counter[str] = Counter()
    cached: list[float] = []
    straight: list[float] = []
    with server, recipe(folder / "proxy", server) as nginx:
        instances = [one["ID"] for one in server.store_rest(files)]
        server.wait_indexed(lambda health: health["instances"] == len(files), 30)
        readers.admit()
        for number in range(rounds):
            pairs = zip(readers.sessions(nginx.url), readers.sessions(server.url), strict=True)
            for which, (through, past) in enumerate(pairs):
                with through, past:
                    times, said = read(through, instances)
                    total += said
                    cached += times if number or which else []
                    straight += read(past, instances)[0]
        readers.lose()
        _, second = readers.sessions(nginx.url)
        with second:
            _, lost = read(second, instances)
    hits = total["HIT"] / sum(total.values())
    print(
        f"{name}: {sum(total.values())} frames asked for through the cache: {dict(total)}, hit rate {100 * hits:.0f} %"
    )
    a, b = statistics.median(cached), statistics.median(straight)
    print(
        f"{name}: a frame from the cache {a:.1f} ms, straight from Orthanc {b:.1f} ms (medians): {b / a:.1f} times as fast"
    )
    print(f"{name}: a user who lost access: {dict(lost)}")


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for name, make in (("password", by_password), ("bearer token", by_bearer)):
        with tempfile.TemporaryDirectory() as folder:
            measure(name, make(Path(folder)), rounds, Path(folder))


if __name__ == "__main__":
    main()
