"""What restricted access costs: requests, stores, OHIF's first image, many rules and grants; and what time tells.

    .venv/bin/python -m benchmarks.access [--pairs 8] [--requests 200] [--images 3]

Three servers with the same patients: without the section Access; with 10 rules and grants; with 2,000 rules and 1,000
grants. The restricted caller may see one patient of them. Batches of requests alternate between the servers. OHIF needs
Chromium, and is opened with a new profile each time.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from msgspec import convert

from benchmarks.pairs import compare
from longitudinal.access.core_paths import Roots
from longitudinal.access.gate import Gate, Own
from longitudinal.access.grants import Grant, GrantBook
from longitudinal.access.identity import Actor, How, Identity, Users
from longitudinal.access.policy import Policy
from longitudinal.access.request_filter import Incoming
from longitudinal.access.roles import Need, Role
from longitudinal.settings import AccessSettings
from longitudinal.sight import StudyName
from tests.browser.chromium import driven
from tests.browser.viewer import Viewer
from tests.data import dicom_files
from tests.orthanc.access import ADMIN, PASSWORD, add_users
from tests.orthanc.access_ward import Known, known_of, study_of
from tests.orthanc.server import OrthancServer, ServerSession
from tests.orthanc.test_access_timing import QUESTIONS, measured
from tests.orthanc.test_transforms import fill
from tests.orthanc.wire import basic

FEW, MANY_RULES, MANY_GRANTS = 10, 2_000, 1_000
ROUNDS = 20_000


def rules(count: int) -> list[dict[str, Any]]:
    """The administrator, the restricted reader, and so many more rules of the reader for patients that are not there."""
    others = [
        {"Users": ["reader"], "Roles": ["viewer"], "Patients": [f"Other{number}"]} for number in range(count)
    ]
    return [ADMIN, {"Users": ["reader"], "Roles": ["viewer"], "Patients": ["PatA", "OPENMS_P01"]}, *others]


def server(folder: Path, count: int | None) -> OrthancServer:
    section: dict[str, Any] = {"AlignOnArrival": False}
    if count is not None:
        section["Access"] = {"Rules": rules(count)}
    found = OrthancServer(folder, configuration={"Longitudinal": section, "HttpCompressionEnabled": False})
    add_users(found, "reader")
    return found


def filled(on: OrthancServer) -> Known:
    frames = ("1.2.78.65.1", "1.2.78.65.1")
    fill(
        on,
        study_of("PatA", 2020, frames[0]),
        study_of("PatA", 2021, frames[1]),
        study_of("PatB", 2020, "1.2.78.66.1"),
    )
    on.store_rest(dicom_files("openms_dicom/patient01"))
    on.wait_indexed(lambda health: health["instances"] >= 81)
    return known_of(on, "PatA", 2020, frames, {"id": "none", "sopInstanceUid": "none"})


def granted(on: OrthancServer, count: int) -> None:
    """So many grants, each for somebody else; a patient or a study takes 200."""
    targets = [
        {"patientId": "PatA"}, {"patientId": "PatB"}, {"patientId": "OPENMS_P01"},
        {"studyInstanceUid": "1.2.77.65.2020"}, {"studyInstanceUid": "1.2.77.65.2021"},
    ]  # fmt: skip
    for number in range(count):
        about = {"user": f"user{number}", "until": "2999-01-01T00:00:00Z", "reason": "a measurement"}
        on.session.post("/imaging/grants", json=targets[number % len(targets)] | about).raise_for_status()


def batch(
    session: ServerSession, requests: int, method: str, path: str, body: Any = None
) -> Callable[[], Sequence[float]]:
    """The median of so many requests, in microseconds."""

    def measure() -> Sequence[float]:
        times = []
        for _ in range(requests):
            began = time.perf_counter()
            answer = session.request(method, path, json=body)
            times.append(time.perf_counter() - began)
            if not answer.ok:
                raise RuntimeError(f"{path}: HTTP {answer.status_code}")
        return [statistics.median(times) * 1e6]

    return measure


def reader_of(on: OrthancServer) -> ServerSession:
    return ServerSession(on.url, ("reader", PASSWORD))


def requests_compared(
    off: OrthancServer, few: OrthancServer, many: OrthancServer, known: Known, args: Any
) -> None:
    click = {"sopInstanceUid": known.values["instance"], "row": 10, "column": 10}
    for what, method, path, body in (
        ("resolve", "POST", "/imaging/points/resolve", click),
        ("a study", "GET", known.fill("/imaging/studies/{study}"), None),
        ("list of studies", "GET", "/imaging/studies", None),
        ("Orthanc's instance", "GET", known.fill("/instances/{orthancInstance}"), None),
        ("DICOMweb metadata", "GET", known.fill("/dicom-web/studies/{study}/series/{series}/metadata"), None),
    ):
        for name, one, other, caller in (
            ("on against off, administrator", few, off, lambda each: each.new_session()),
            ("on against off, reader", few, off, reader_of),
            ("2,000 rules against 10, reader", many, few, reader_of),
        ):
            ours, theirs = (batch(caller(each), args.requests, method, path, body) for each in (one, other))
            (found,) = compare(ours, theirs, args.pairs)
            print(f"{what}, {name}: {found.a:.0f} us against {found.b:.0f}; ratio {found}", flush=True)


def stores_compared(off: OrthancServer, few: OrthancServer, pairs: int) -> None:
    numbers = iter(range(10_000))

    def storing(on: OrthancServer) -> Callable[[], Sequence[float]]:
        def measure() -> Sequence[float]:
            files = [
                file for _ in range(20) for file in study_of("PatA", 3000 + next(numbers), "1.2.78.65.9")
            ]
            began = time.perf_counter()
            on.store_rest(files)
            return [(time.perf_counter() - began) / len(files) * 1e6]

        return measure

    (found,) = compare(storing(few), storing(off), pairs)
    print(f"store by REST, on against off: {found.a:.0f} us against {found.b:.0f}; ratio {found}", flush=True)


def first_images(servers: Sequence[tuple[str, OrthancServer]], rounds: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name, _ in servers}
    study = (
        servers[0][1]
        .session.get("/imaging/studies?patientId=OPENMS_P01")
        .json()["studies"][0]["studyInstanceUid"]
    )
    with driven() as browser:
        for _ in range(rounds):
            for name, on in servers:
                headers = {"Authorization": basic("reader", PASSWORD)}
                with Viewer(browser, on.url, headers=headers) as viewer:
                    began = time.perf_counter()
                    viewer.open_studies(study)
                    viewer.wait_for_image()
                    seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(
        f"OHIF's first image: {', '.join(f'{name} {value:.2f} s' for name, value in medians.items())}",
        flush=True,
    )


def shared_with_reader(count: int) -> GrantBook:
    """Grants of patients that are not there."""
    given = {
        f"p{number}": Grant(
            str(number), f"p{number}", "patients", f"Shared{number}", "reader", Role.VIEWER, "2999-01-01T00:00:00+00:00",
            "shared", "why", "root", "2026",
        )
        for number in range(count)
    }  # fmt: skip
    book = GrantBook(lambda level, name: [given[name]])
    for name in given:
        book.refresh("patients", name)
    return book


def decisions(count: int, shared: int) -> None:
    """The decision alone, in microseconds."""
    policy = Policy(
        convert({"Rules": rules(count)}, AccessSettings), lambda study: None, shared_with_reader(shared)
    )
    identity = Identity(Users(True, {"reader": PASSWORD}))
    seen, hidden = StudyName("s", "PatA", "1.2"), StudyName("h", "PatB", "1.3")
    gate = Gate(identity, policy, lambda named: (seen,), Own("/imaging"), Roots())
    actor, headers = Actor("reader", How.PASSWORD), {"authorization": basic("reader", PASSWORD)}
    ours = Incoming("GET", "/imaging/studies", headers)
    frame = Incoming("GET", f"/instances/{'-'.join(['0123abcd'] * 5)}/frames/0/numpy", headers)
    for what, ask in (
        ("policy, seen", lambda: policy.permits(actor, Need.VIEW, seen)),
        ("policy, hidden", lambda: policy.permits(actor, Need.VIEW, hidden)),
        ("gate, ours", lambda: gate.refusal(ours, {})),
        ("gate, a frame of Orthanc's", lambda: gate.refusal(frame, {})),
    ):
        ask()
        began = time.perf_counter()
        for _ in range(ROUNDS):
            ask()
        each = (time.perf_counter() - began) / ROUNDS * 1e6
        print(f"{count} rules, {shared} grants, {what}: {each:.1f} us", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--images", type=int, default=3)
    args = parser.parse_args()
    decisions(FEW, FEW)
    decisions(MANY_RULES, MANY_GRANTS)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as servers:
        off, few, many = (
            servers.enter_context(server(Path(folder) / name, count))
            for name, count in (("off", None), ("few", FEW), ("many", MANY_RULES))
        )
        known = filled(off)
        for each, count in ((few, FEW), (many, MANY_GRANTS)):
            filled(each)
            granted(each, count)
        requests_compared(off, few, many, known, args)
        hidden = known_of(
            few, "PatB", 2020, ("1.2.78.66.1", "1.2.78.66.1"), {"id": "none", "sopInstanceUid": "none"}
        )
        for question in QUESTIONS:
            chance = measured(reader_of(few), question, hidden)
            print(f"hidden slower than unknown, {question}: in {100 * chance:.0f} % of pairs", flush=True)
        if args.images:
            first_images([("off", off), ("on", few), ("many rules", many)], args.images)
        stores_compared(off, few, args.pairs)


if __name__ == "__main__":
    main()
