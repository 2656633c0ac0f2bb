"""Whatever happens to a real archive, its index says what one says that is made anew: random steps, compared now and then.

    .venv/bin/python -m benchmarks.soak.churned_index [--steps 500] [--seed 1] [--every 50]

A step stores new objects, re-sends changed ones (which Orthanc takes or not, by its setting), modifies studies under their
own identifiers or others, deletes at each level, reviews transforms, clears the change log, kills Orthanc, or lets one
without the plugin change things meanwhile. Then the index is dumped, the server started on an empty one, and that dumped.
"""

import argparse
import random
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from benchmarks.soak.equality import sidecar_of
from tests import builders as build
from tests.index_dump import Dump, differences, dump
from tests.orthanc.server import OrthancServer

ROOT = "1.2.826.0.1.3680043.8.498.12"
SPATIAL_REGISTRATION = "1.2.840.10008.5.1.4.1.1.66.1"
SETTLED_SECONDS = 60.0
POLL_SECONDS = 0.2
LEVELS = ("instances", "series", "studies", "patients")
BURST, HANDS = 24, 4
SAID: dict[str, list[Any]] = {
    "PatientName": ["", "Ann^A", "Bob^B"],
    "PatientBirthDate": ["", "19700101", "19800202"],
    "PatientSex": ["", "F"],
    "StudyDate": ["", "20200101", "20210101"],
    "StudyDescription": ["", "Head", "Chest"],
    "AccessionNumber": ["", "7"],
    "SeriesNumber": [None, 1, 2],
    "SeriesDescription": ["", "T1"],
    "Modality": ["CT", "MR"],
    "FrameOfReferenceUID": [None, f"{ROOT}.901", f"{ROOT}.902"],
    "ImagePositionPatient": [None, [0, 0, 0], [0, 0, 5], [100, 0, 0]],
    "SOPClassUID": [build.CT, build.MR],
}


class ChurnedIndex:
    """A server with the plugin, what is done to it, and what was found."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._chance = random.Random(seed)
        self._server = OrthancServer(
            folder,
            authentication=False,
            configuration={
                "Longitudinal": {
                    "ReconcileSeconds": 1,
                    "AlignOnArrival": False,
                    "KeyPath": str(folder / "keys.json"),  # the same for the index that is made anew
                }
            },
        )
        self.done = Counter[str]()
        self.comparisons = 0
        self.differences: list[str] = []

    def run(self, steps: int, every: int) -> None:
        """Take so many steps, and compare after each `every` of them and at the end."""
        acts: list[tuple[Callable[[], None], int]] = [
            (self._store, 30), (self._resend, 25), (self._store_registration, 8), (self._burst, 4), (self._delete, 14),
            (self._modify_in_place, 8), (self._modify_away, 3), (self._review, 6), (self._clear_log, 2), (self._kill, 3),
            (self._without_plugin, 2), (self._other_setting, 2),
        ]  # fmt: skip
        self._server.start()
        try:
            for step in range(1, steps + 1):
                (act,) = self._chance.choices([act for act, _ in acts], [weight for _, weight in acts])
                act()
                self.done[act.__name__.strip("_")] += 1
                if step % every == 0 or step == steps:
                    self._compare(step)
        finally:
            if self._server.is_running:
                self._server.stop()

    # Steps

    def _image(self) -> Dataset:
        choose = self._chance.choice
        study, series, number = choose((1, 2)), choose((1, 2)), choose((1, 2, 3, 4))
        return build.classic(
            PatientID=choose(("", "CHURN-A", "CHURN-B")),
            StudyInstanceUID=f"{ROOT}.{study}",
            SeriesInstanceUID=f"{ROOT}.{study}.{series}",
            SOPInstanceUID=f"{ROOT}.{study}.{series}.{number}",
            **{name: choose(values) for name, values in SAID.items()},
        )

    def _post(self, file: bytes) -> None:
        with self._server.new_session() as session:
            session.post("/instances", data=file)

    def _store(self) -> None:
        self._post(build.as_file(self._image()))

    def _resend(self) -> None:
        """An object that is there, with other contents under its identifiers."""
        instances = self._server.session.get("/instances").json()
        if instances:
            held = self._server.session.get(f"/instances/{self._chance.choice(instances)}/file").content
            ds, other = build.from_file(held), self._image()
            for name in (*SAID, "Rows"):
                if name != "SOPClassUID" and name in other:
                    ds[name] = other[name]
            self._post(build.as_file(ds))

    def _store_registration(self) -> None:
        ds = self._image()
        ds.SOPClassUID, ds.Modality, ds.FrameOfReferenceUID = SPATIAL_REGISTRATION, "REG", f"{ROOT}.901"
        ds.SOPInstanceUID = f"{ROOT}.3.{self._chance.randrange(4)}"
        ds.RegistrationSequence = [build.registration_item(f"{ROOT}.902", self._chance.choice((1.0, 2.0)))]
        self._post(build.as_file(ds))

    def _burst(self) -> None:
        """Stores and a delete at once."""
        files = [build.as_file(self._image()) for _ in range(BURST)]
        with ThreadPoolExecutor(HANDS) as pool:
            stored = [pool.submit(self._post, file) for file in files]
            self._delete()
        for each in stored:
            each.result()

    def _some(self, level: str) -> str | None:
        found = sorted(self._server.session.get(f"/{level}").json())
        return self._chance.choice(found) if found else None

    def _delete(self) -> None:
        level = self._chance.choice(LEVELS)
        if resource := self._some(level):
            self._server.session.delete(f"/{level}/{resource}")

    def _modify_in_place(self) -> None:
        """Under its own identifiers: Orthanc refuses it by version and setting, which is no concern of the index."""
        if study := self._some("studies"):
            uid = self._server.session.get(f"/studies/{study}").json()["MainDicomTags"]["StudyInstanceUID"]
            replaced = {
                "StudyInstanceUID": uid,
                "StudyDescription": self._chance.choice(("Modified", "Again")),
                "StudyDate": self._chance.choice(("20190101", "20220202")),
            }
            kept = ["SeriesInstanceUID", "SOPInstanceUID"]
            body = {"Replace": replaced, "Keep": kept, "Force": True, "KeepSource": True}
            self._server.session.post(f"/studies/{study}/modify", json=body)

    def _modify_away(self) -> None:
        if patient := self._some("patients"):
            name = f"CHURN-{self._chance.choice('CD')}"
            body = {"Replace": {"PatientID": name}, "Force": True, "KeepSource": False}
            self._server.session.post(f"/patients/{patient}/modify", json=body)

    def _review(self) -> None:
        patient = self._chance.choice(("CHURN-A", "CHURN-B", "CHURN-C"))
        answer = self._server.session.get("/imaging/transforms", params={"patientId": patient})
        for transform in answer.json().get("transforms", []) if answer.ok else []:
            body = {"decision": self._chance.choice(("accepted", "rejected"))}
            self._server.session.post(f"/imaging/transforms/{transform['id']}/review", json=body)

    def _clear_log(self) -> None:
        self._server.session.delete("/changes")

    def _kill(self) -> None:
        """In the middle of stores, half of the time."""
        with ThreadPoolExecutor(HANDS) as pool:
            files = [build.as_file(self._image()) for _ in range(self._chance.choice((0, BURST)))]
            stored = [pool.submit(self._post, file) for file in files]
            time.sleep(self._chance.random() / 10)
            self._server.kill()
        for each in stored:
            each.exception()  # whom the kill has met does not matter
        self._server.start()

    def _without_plugin(self) -> None:
        self._server.stop()
        ours, bare = self._server, OrthancServer(self._server.folder, plugin=False, authentication=False)
        bare.configuration["OverwriteInstances"] = True
        time.sleep(1.1)  # LastUpdate counts seconds
        self._server = bare
        try:
            with bare:
                for act in self._chance.choices((self._store, self._resend, self._delete), k=5):
                    act()
        finally:
            self._server = ours
        ours.start()

    def _other_setting(self) -> None:
        self._server.stop()
        name = "OverwriteInstances"
        self._server.configuration[name] = not self._server.configuration.get(name, False)
        self._server.start()

    # Comparing

    def _compare(self, step: int) -> None:
        time.sleep(1.1)
        live = self._settled_dump()
        self._server.stop()
        ours = self._server.configuration["Longitudinal"]
        self._server.configuration["Longitudinal"] = ours | {
            "SidecarPath": str(self._server.folder / f"rebuilt-{step}.sqlite")
        }
        self._server.start()
        rebuilt = self._settled_dump()
        self._server.stop()
        self._server.configuration["Longitudinal"] = ours
        self._server.start()
        self.comparisons += 1
        stored = len(self._server.session.get("/instances").json())
        found = differences(live, rebuilt)
        if stored != len(live["instances"]):
            found.append(f"{stored} instances are stored, {len(live['instances'])} are indexed")
        self.differences += [f"step {step}: {each}" for each in found]

    def _settled_dump(self) -> Dump:
        """What the index says once two whole passes have found nothing to do."""
        passes = self._server.health()["reconciled"]
        deadline = time.monotonic() + SETTLED_SECONDS
        while time.monotonic() < deadline:
            health = self._server.health()
            idle = not any(health[name] for name in ("queued", "cursorLag", "jobsQueued", "jobsRunning"))
            if health["state"] == "ok" and idle and health["reconciled"] >= passes + 2:
                break
            time.sleep(POLL_SECONDS)
        with closing(sqlite3.connect(f"file:{sidecar_of(self._server)}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return dump(connection)


def churn(folder: Path, steps: int, seed: int, every: int) -> ChurnedIndex:
    """Run it whole."""
    found = ChurnedIndex(folder, seed)
    found.run(steps, every)
    return found


def table(done: Counter[str]) -> Iterable[str]:
    yield "| step | times |\n|---|---|"
    for name, count in done.most_common():
        yield f"| {name.replace('_', ' ')} | {count} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = churn(Path(name) / "orthanc", options.steps, options.seed, options.every)
    print("\n".join(table(found.done)))
    print(f"\n{options.steps} steps, {found.comparisons} comparisons: {len(found.differences)} differences")
    print("\n".join(found.differences[:20]))


if __name__ == "__main__":
    main()
