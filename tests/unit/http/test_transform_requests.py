"""Requests of transforms against a sidecar in a folder: wrong fields, refusals, fits, and an archive that fails."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longitudinal.access.identity import Actor, How
from longitudinal.access.keyring import Keyring
from longitudinal.errors import ArchiveFailed
from longitudinal.http.exchange import Request
from longitudinal.http.router import Router
from longitudinal.http.routes.transforms import transform_routes
from longitudinal.registration_objects.given import GivenTransforms
from longitudinal.registration_objects.statements import Memories, Statements
from longitudinal.registration_objects.written import RegistrationObjects
from tests.builders import as_file, classic
from tests.unit.patients.ward import Ward, registration, shift, volume

FIRST, SECOND = "1.2.1", "1.2.2"
FRAMES = {"sourceFrameOfReferenceUid": SECOND, "targetFrameOfReferenceUid": FIRST}
IDENTITY = np.eye(4).tolist()
Json = dict[str, Any]


class Store:
    """Stores, and fails where a test says so."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []
        self.deleted: list[str] = []

    def store(self, file: bytes) -> str:
        self.stored.append(file)
        return "new"

    def delete(self, orthanc_id: str) -> None:
        self.deleted.append(orthanc_id)

    def change_annotation(self, *_: object) -> None:
        raise ArchiveFailed("no room")


class Files:
    """An archive where every instance is one image, but for what was stored."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def has_instance(self, _: str, file: str | None = None) -> bool:
        return True

    def file(self, orthanc_id: str) -> bytes:
        return self.store.stored[-1] if orthanc_id == "new" else as_file(classic())

    def annotation(self, _: str) -> str | None:
        return None

    def default_encoding(self) -> str:
        return "Latin1"


class Desk:
    """The routes on one patient: frame 1.2.1 in the first study, 1.2.2 in the second, a registration in the second."""

    def __init__(self, folder: Path) -> None:
        self.ward = Ward(
            folder,
            volume(1, frame_of_reference_uid=FIRST),
            volume(2, frame_of_reference_uid=SECOND, spacing=0.5),
            registration(2, SECOND, FIRST, shift(1, 2, 3), refusal="singular", detail="flat"),
        )
        self.store = Store()
        files, settle = Files(self.store), lambda _: None
        memories = Memories(self.ward.readers, lambda _: None)
        signed = Statements(files, Keyring(folder / "keys.json"), memories)  # type: ignore[arg-type]
        objects = RegistrationObjects(self.ward.readers, files, self.store, settle, signed)  # type: ignore[arg-type]
        given = GivenTransforms(
            self.ward.readers, self.ward.catalogue, files, self.store, self.ward.heal, settle, objects, signed
        )  # type: ignore[arg-type]
        self.router = Router(transform_routes(given))

    def ask(self, method: str, path: str, body: Json | None = None, **query: str) -> tuple[int, Json]:
        raw = b"" if body is None else json.dumps(body).encode()
        request = Request(
            method, f"/transforms{path}", query=query, body=raw, actor=Actor("ann", How.PASSWORD)
        )
        route, values = self.router.find(method, request.path)
        response = self.router.run(route, values, request)
        return response.status, json.loads(response.body)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def named(problem: Json) -> list[str]:
    return [error["field"] for error in problem["errors"]]


@pytest.mark.parametrize("path", ["", "/fit"])
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["/sourceFrameOfReferenceUid", "/targetFrameOfReferenceUid"]),
        ({**FRAMES, "matrix": [[1, 2], [3, 4, 5, "x"]], "user": "eve"}, ["/user", "/matrix"]),
        (FRAMES, ["/matrix"]),
        ({**FRAMES, "matrix": IDENTITY, "landmarks": [], "method": "rigid"}, ["/landmarks", "/method"]),
        ({**FRAMES, "landmarks": [], "expectedErrorMm": 1}, ["/expectedErrorMm"]),
        ({**FRAMES, "landmarks": [{"source": [1, 2, 3], "target": [1, 2]}]}, ["/landmarks/0/target"]),
    ],
)
def test_every_wrong_field_is_named(desk: Desk, path: str, body: Json, fields: list[str]) -> None:
    status, problem = desk.ask("POST", path, body)
    assert (status, problem["code"]) == (400, "invalidRequest")
    assert all(any(found.startswith(field) for found in named(problem)) for field in fields), problem


def test_an_exact_fit_errs_by_a_pixel(desk: Desk) -> None:
    points = [[0, 0, 0], [50, 0, 0], [0, 60, 0], [0, 0, 40]]
    landmarks = [{"source": point, "target": point} for point in points]
    status, fit = desk.ask("POST", "/fit", {**FRAMES, "landmarks": landmarks})
    assert status == 200
    assert fit["freMm"] == pytest.approx(0, abs=1e-9)
    assert fit["expectedErrorMm"] == pytest.approx(1.61 / np.sqrt(4))  # the coarser frame has pixels of 1 mm
    status, fit = desk.ask("POST", "/fit", {**FRAMES, "landmarks": landmarks, "method": "affine"})
    assert (fit["expectedErrorMm"], fit["fleMm"], fit["uncertaintySource"]) == (None, None, "unknown")
    assert desk.store.stored == []


def test_points_of_a_declared_matrix(desk: Desk) -> None:
    matrix = shift(1, 2, 3).tolist()
    body = {**FRAMES, "matrix": matrix, "expectedErrorMm": 2, "points": [[0, 0, 0]]}
    status, fit = desk.ask("POST", "/fit", body)
    assert status == 200
    assert fit["points"] == [{"source": [0, 0, 0], "target": [1, 2, 3], "expectedErrorMm": 2}]
    assert (fit["uncertaintySource"], fit["freMm"], fit["residualsMm"]) == ("declared", None, [])


def test_what_cannot_be_said_about_an_object_leaves_none_behind(desk: Desk) -> None:
    status, problem = desk.ask("POST", "", {**FRAMES, "matrix": IDENTITY})
    assert (status, problem["code"]) == (502, "archiveFailed")
    assert len(desk.store.stored) == 1
    assert desk.store.deleted == ["new"]


def test_refused_transforms_are_listed_and_cannot_be_accepted(desk: Desk) -> None:
    status, answer = desk.ask("GET", "", patientId="P")
    assert status == 200
    (refused,) = answer["transforms"]
    assert (refused["state"], refused["refusal"], refused["detail"]) == ("refused", "singular", "flat")
    status, problem = desk.ask("POST", f"/{refused['id']}/review", {"decision": "accepted"})
    assert (status, problem["code"]) == (409, "conflict")
    status, problem = desk.ask("POST", f"/{refused['id']}/review", {"decision": "maybe", "by": "eve"})
    assert (status, named(problem)) == (400, ["/by", "/decision"])


def test_who_is_unknown(desk: Desk) -> None:
    assert desk.ask("GET", "")[0] == 400
    assert desk.ask("GET", "", patientId="nobody")[0] == 404
    assert desk.ask("GET", "/1.2.3")[0] == 404
    assert desk.ask("DELETE", "/1.2.3")[0] == 404
