"""Patients with many time points and known truth, for tests of the timeline page and its figures.

    .venv/bin/python -m benchmarks.longitudinal_patients head OUT [--studies 6] [--size 512] [--registrations chain]
    .venv/bin/python -m benchmarks.longitudinal_patients phantom OUT
    .venv/bin/python -m benchmarks.longitudinal_patients odd OUT
    ... --seed 1 --load http://localhost:8042 [--user name:password] [--give 1.5]

`head`: patient01's first study (shared data), moved and turned a known way between 6, 20, 60 or any number of examinations,
each in a Frame of Reference of its own, on a grid of its own, with a lesion that grows; `--size` is the matrix (320 or 512).
`--registrations` writes the true motions as registration objects: `first`, every study to the first, or `chain`, each to the
one before, so that paths get long. `--give` posts them to the plugin instead, with that declared error in mm.
`odd`: studies without a date, of one slice, of 4,000 x 4,000 pixels, with a frame that does not decode, without a Frame of
Reference, inverted, of 12 bits under an overlay, with values by a table, in colours; the patient's name is HTML.
`phantom`: a box of 100 mm with balls, square and non-square pixels, three directions, one PET with a slope for each slice.

OUT/truth.json has the same places in every study, LPS mm and pixels; OUT/truth.csv the points alone. The same options and
seed give the same bytes and UIDs.
"""

import argparse
import csv
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import requests

from benchmarks.made_patients.head import make_head
from benchmarks.made_patients.odd import make_odd
from benchmarks.made_patients.phantom import make_phantom

SENDERS = 4
SECONDS = 60


def write_truth(folder: Path, truth: dict[str, Any]) -> None:
    """Write truth.json and truth.csv: a line for each place and study."""
    (folder / "truth.json").write_text(json.dumps(truth, indent=1))
    with (folder / "truth.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["point", "studyInstanceUid", "x", "y", "z", "column", "row", "slice"])
        for study in truth["studies"]:
            places = study.get("points") or study.get("landmarks") or []
            for number, (point, pixel) in enumerate(zip(places, study.get("pixels", []), strict=True)):
                lines.writerow([number, study["studyInstanceUid"], *point, *pixel])


def load(folder: Path, url: str, credentials: tuple[str, str] | None = None) -> int:
    """Store every DICOM file below a folder in a running Orthanc; returns how many."""
    files = sorted(folder.rglob("*.dcm"))
    local = threading.local()

    def send(path: Path) -> None:
        if not hasattr(local, "session"):
            local.session = session(credentials)
        answer = local.session.post(f"{url}/instances", data=path.read_bytes(), timeout=SECONDS)
        answer.raise_for_status()

    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send, files))
    return len(files)


def give_transforms(
    truth: dict[str, Any], url: str, expected_error_mm: float, credentials: tuple[str, str] | None = None
) -> None:
    """Post the true motion of every study to the one before, with a declared error. The studies must be indexed."""
    with session(credentials) as server:
        for earlier, later in zip(truth["studies"], truth["studies"][1:], strict=False):
            first_from_later = np.linalg.inv(np.array(later["matrixFromFirst"]))
            body = {
                "patientId": truth["patientId"],
                "sourceFrameOfReferenceUid": later["frameOfReferenceUid"],
                "targetFrameOfReferenceUid": earlier["frameOfReferenceUid"],
                "matrix": (np.array(earlier["matrixFromFirst"]) @ first_from_later).tolist(),
                "expectedErrorMm": expected_error_mm,
            }
            server.post(f"{url}/imaging/transforms", json=body, timeout=SECONDS).raise_for_status()


def session(credentials: tuple[str, str] | None) -> requests.Session:
    """A connection to the server itself, past any proxy."""
    made = requests.Session()
    made.trust_env, made.auth = False, credentials
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=["head", "phantom", "odd"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--studies", type=int, default=6)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--registrations", choices=["none", "first", "chain"], default="none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--load", metavar="URL")
    parser.add_argument("--user", metavar="NAME:PASSWORD")
    parser.add_argument("--give", type=float, metavar="MM")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.kind == "phantom":
        truth = make_phantom(options.out, seed=options.seed)
    elif options.kind == "odd":
        truth = make_odd(options.out, seed=options.seed)
    else:
        truth = make_head(
            options.out,
            options.studies,
            seed=options.seed,
            size=options.size,
            registrations=options.registrations,
        )
    write_truth(options.out, truth)
    print(
        f"{truth['patientId']}: {len(truth['studies'])} studies, {len(list(options.out.rglob('*.dcm')))} files"
    )
    if options.load:
        credentials = None
        if options.user:
            name, _, password = options.user.partition(":")
            credentials = (name, password)
        print(f"{load(options.out, options.load.rstrip('/'), credentials)} files sent to {options.load}")
        if options.give is not None:
            give_transforms(truth, options.load.rstrip("/"), options.give, credentials)


if __name__ == "__main__":
    main()
