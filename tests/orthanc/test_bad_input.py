"""Whatever is sent, the answer is a problem or a result: never a 500, never a dead server, never a lost instance."""

import base64
import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pydicom
import pytest
import requests

from tests.builders import as_file, classic, mosaic
from tests.data import data, dicom_files
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer

RESOLVE = "/imaging/points/resolve"
MIB = 1024 * 1024
NOT_RUNNING = "orthanc-longitudinal is NOT running"
LATER_SECONDS = 10.0
"""For what another test has only just stored; the promise of 1 s is test_visible.py's."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """Run one server with one real study for this whole module: one bad request must not spoil the next one."""
    with OrthancServer(tmp_path_factory.mktemp("bad_input")) as server:
        server.store_rest(dicom_files("openms_dicom/patient01/study1_FLAIR"))
        server.wait_indexed(lambda health: health["queued"] == 0)
        yield server


@pytest.fixture(autouse=True)
def unharmed(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test: the same process answers, nothing has failed in the plugin, nothing that is stored is lost."""
    yield
    for name in {"loaded", "server"} & set(request.fixturenames):
        server: OrthancServer = request.getfixturevalue(name)
        assert server.is_running
        assert server.session.get("/system", timeout=2).ok
        assert "A request failed" not in server.log
        stored = server.session.get("/statistics").json()["CountInstances"]
        server.wait_indexed(lambda health, stored=stored: health["instances"] == stored, LATER_SECONDS)


@pytest.fixture(scope="module")
def image() -> pydicom.Dataset:
    return pydicom.dcmread(dicom_files("openms_dicom/patient01/study1_FLAIR")[18], stop_before_pixels=True)


def problem(response: requests.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    # From 1.12.7 Orthanc itself labels every error text/plain.
    assert response.headers["Content-Type"] in {"application/problem+json", "text/plain"}
    body: dict[str, Any] = response.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["title"]
    assert body["detail"]
    return body


def fields(body: dict[str, Any]) -> list[str]:
    return [error["field"] for error in body["errors"]]


def row_of(server: OrthancServer, orthanc_id: str) -> dict[str, Any] | None:
    """What the sidecar says of an instance, None before it does."""
    with closing(sqlite3.connect(server.folder / "index" / "longitudinal-Test.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        row = connection.execute("SELECT * FROM instances WHERE orthanc_id = ?", (orthanc_id,)).fetchone()
    return None if row is None else dict(row)


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b'{"row": 1', b"{'row': 1}", b'{"row": 01}', b'{"row": 1} {"row": 2}', b"row=1&column=2",
        b"\xff\xfe{}", b'{"sopInstanceUid": "\xff"}', b'{"sopInstanceUid": "\\ud800"}', b"\xef\xbb\xbf{}",
        '{"row": 1}'.encode("utf-16"), b"\0" * 1000, b'{"row": "a", "\xff',
    ],
)  # fmt: skip
def test_what_is_no_json(loaded: OrthancServer, body: bytes) -> None:
    problem(loaded.session.post(RESOLVE, data=body), 400, "malformedJson")


@pytest.mark.parametrize("body", [b"[]", b"null", b"true", b"3", b'"text"', b'[{"row": 1}]'])
def test_what_is_no_object(loaded: OrthancServer, body: bytes) -> None:
    answer = problem(loaded.session.post(RESOLVE, data=body), 400, "invalidRequest")
    assert "must be a JSON object" in answer["detail"]


@pytest.mark.parametrize(
    "body",
    [b"[" * 600, b"[" * 600 + b"]" * 600, b'{"points":' * 600 + b"1" + b"}" * 600, b"[" * 200_000,
     b"[" * 200_000 + b"]" * 200_000, b'{"a":' * 200_000, b'{"points": [' + b"[" * 600 + b"]" * 600 + b"]}"],
    ids=lambda body: f"{body[:12]!r} x {len(body)}",
)  # fmt: skip
def test_nested_brackets(loaded: OrthancServer, body: bytes) -> None:
    assert "nested" in problem(loaded.session.post(RESOLVE, data=body), 400, "malformedJson")["detail"]


def test_brackets_inside_a_text_are_no_nesting(loaded: OrthancServer) -> None:
    body = {"sopInstanceUid": "[{" * 90, "row": 1, "column": 1}
    problem(loaded.session.post(RESOLVE, json=body), 404, "notFound")


def test_a_body_of_50_mb(loaded: OrthancServer) -> None:
    with loaded.new_session() as session:
        response = session.post(RESOLVE, data=b'{"sopInstanceUid": "' + b"1" * (50 * MIB) + b'"}')
    assert "MaxBodyMiB" in problem(response, 413, "bodyTooLarge")["detail"]


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "9" * 5_000]
)
def test_numbers_that_are_not_finite(loaded: OrthancServer, image: pydicom.Dataset, number: str) -> None:
    body = f'{{"sopInstanceUid": "{image.SOPInstanceUID}", "row": {number}, "column": 1}}'
    code = "malformedJson" if number.endswith(("NaN", "Infinity")) else "invalidRequest"
    assert fields(problem(loaded.session.post(RESOLVE, data=body), 400, code)) == ["/row"]


def test_three_wrong_fields_are_all_named(loaded: OrthancServer) -> None:
    body = {"sopInstanceUid": 7, "row": "a", "column": []}
    answer = problem(loaded.session.post(RESOLVE, json=body), 400, "invalidRequest")
    assert fields(answer) == ["/sopInstanceUid", "/row", "/column"]
    assert all(error["detail"] for error in answer["errors"])


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"row": None}, ["/row"]),
        ({"row": True}, ["/row"]),
        ({"frameNumber": 0}, ["/frameNumber"]),
        ({"frameNumber": 1.5}, ["/frameNumber"]),
        ({"frameNumber": int("9" * 30)}, ["/frameNumber"]),
        ({"rows": 1, "x ": 1}, ["/rows", "/x "]),
        ({"roles": [], "per": "slice", "from": "yesterday"}, ["/roles", "/from", "/per"]),
        ({"maxDistanceMm": -1, "modalities": ["CT", 7, ""]}, ["/modalities/1", "/modalities/2", "/maxDistanceMm"]),
        ({"points": []}, ["/sopInstanceUid", "/row", "/column"]),
        ({"studyInstanceUids": "1.2.3"}, ["/studyInstanceUids"]),
    ],
)  # fmt: skip
def test_wrong_values(
    loaded: OrthancServer, image: pydicom.Dataset, changes: dict[str, Any], wrong: list[str]
) -> None:
    body = {"sopInstanceUid": image.SOPInstanceUID, "row": 1, "column": 1} | changes
    assert fields(problem(loaded.session.post(RESOLVE, json=body), 400, "invalidRequest")) == wrong


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["/sopInstanceUid", "/row", "/column"]),
        ({"sopInstanceUid": "1.2"}, ["/row", "/column"]),
        ({"patientId": "A", "y": 1}, ["/frameOfReferenceUid", "/x", "/z"]),
        ({"sopInstanceUid": "1.2", "row": 1, "column": 1, "x": 1, "patientId": "A"}, ["/patientId", "/x"]),
        ({"patientId": "A", "frameOfReferenceUid": "1", "x": 1, "y": 1, "z": 1, "row": 2, "frameNumber": 1},
         ["/row", "/frameNumber"]),
    ],
)  # fmt: skip
def test_missing_and_mixed_forms(loaded: OrthancServer, body: dict[str, Any], wrong: list[str]) -> None:
    assert fields(problem(loaded.session.post(RESOLVE, json=body), 400, "invalidRequest")) == wrong


def test_of_a_field_given_twice_the_last_counts(loaded: OrthancServer, image: pydicom.Dataset) -> None:
    body = f'{{"sopInstanceUid": "{image.SOPInstanceUID}", "row": -99, "row": 5, "column": 1}}'
    assert loaded.session.post(RESOLVE, data=body).json()["matches"][0]["row"] == 5


def test_bad_points_of_many_are_problems_of_their_own(loaded: OrthancServer, image: pydicom.Dataset) -> None:
    good = f'{{"sopInstanceUid": "{image.SOPInstanceUID}", "row": 1, "column": 1}}'
    items = [
        good,
        "[]",
        "3",
        "null",
        '{"row": 1e999}',
        '{"row": "a", "column": []}',
        '{"sopInstanceUid": "1", "row": 1}',
        good,
    ]
    response = loaded.session.post(RESOLVE, data=f'{{"points": [{", ".join(items)}]}}')
    assert response.status_code == 200
    results = response.json()["results"]
    assert [result.get("status") for result in results] == [None, 400, 400, 400, 400, 400, 400, None]
    assert fields(results[4]) == ["/points/4/row"]
    assert fields(results[5]) == ["/points/5/row", "/points/5/column"]
    assert results[0] == results[7]
    too_many = {"points": [{}] * 1_001}
    assert fields(problem(loaded.session.post(RESOLVE, json=too_many), 400, "invalidRequest")) == ["/points"]


# Right questions about what is not there


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"sopInstanceUid": "1.2.3"}, "/sopInstanceUid"),
        ({"sopInstanceUid": "'; DROP TABLE instances; --"}, "/sopInstanceUid"),
        ({"sopInstanceUid": "\0"}, "/sopInstanceUid"),
        ({"frameNumber": 2}, "/frameNumber"),
        ({"studyInstanceUids": ["1.2.3"]}, "/studyInstanceUids/0"),
    ],
)
def test_unknown_identifiers_of_a_pixel(
    loaded: OrthancServer, image: pydicom.Dataset, changes: dict[str, Any], wrong: str
) -> None:
    body = {"sopInstanceUid": image.SOPInstanceUID, "row": 1, "column": 1} | changes
    assert fields(problem(loaded.session.post(RESOLVE, json=body), 404, "notFound")) == [wrong]


def test_unknown_patient_and_frame(loaded: OrthancServer, image: pydicom.Dataset) -> None:
    body = {"patientId": "NOBODY", "frameOfReferenceUid": image.FrameOfReferenceUID, "x": 0, "y": 0, "z": 0}
    assert fields(problem(loaded.session.post(RESOLVE, json=body), 404, "notFound")) == ["/patientId"]
    body |= {"patientId": image.PatientID, "frameOfReferenceUid": "1.2.3"}
    assert fields(problem(loaded.session.post(RESOLVE, json=body), 404, "notFound")) == [
        "/frameOfReferenceUid"
    ]


def test_a_point_outside_every_image_is_an_answer(loaded: OrthancServer, image: pydicom.Dataset) -> None:
    for far in (5_000, 1e7):
        body = {
            "patientId": image.PatientID,
            "frameOfReferenceUid": image.FrameOfReferenceUID,
            "x": far,
            "y": 0,
            "z": -far,
        }
        response = loaded.session.post(RESOLVE, json=body)
        assert response.status_code == 200
        assert response.json()["matches"] == []
        (unresolved,) = response.json()["unresolved"]
        assert (unresolved["studyInstanceUid"], unresolved["reason"]) == (
            image.StudyInstanceUID,
            "outsideCoverage",
        )


def test_a_pixel_outside_its_image_names_row_and_column(
    loaded: OrthancServer, image: pydicom.Dataset
) -> None:
    body = {"sopInstanceUid": image.SOPInstanceUID, "row": image.Rows - 0.49, "column": -0.51}
    answer = problem(loaded.session.post(RESOLVE, json=body), 422, "outsideImage")
    assert fields(answer) == ["/row", "/column"]
    body |= {"row": image.Rows - 0.5, "column": -0.5}
    assert loaded.session.post(RESOLVE, json=body).status_code == 200


# Routes and methods


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", RESOLVE, "POST"), ("PUT", RESOLVE, "POST"), ("DELETE", RESOLVE, "POST"), ("POST", "/imaging/health", "GET"),
     ("DELETE", "/imaging", "GET")],
)  # fmt: skip
def test_a_wrong_method(loaded: OrthancServer, method: str, path: str, allowed: str) -> None:
    """Without a problem's body: Orthanc sends none with this status."""
    response = loaded.session.request(method, path)
    assert response.status_code == 405
    assert response.headers["Allow"] == allowed


@pytest.mark.parametrize(
    "path",
    ["/imaging/nothing", "/imaging/points", "/imaging/points/resolve/more",
     "/imaging/%0d%0aX:1", "/imaging/" + "a" * 6_000,
     "/imaging/studies/%F0%9F%92%A9/index-status", "/imaging/jobs/%27%22%3C"],
)  # fmt: skip
def test_an_unknown_route(loaded: OrthancServer, path: str) -> None:
    status, header, body = bare(loaded, path)
    assert status == 404, header
    assert json.loads(body)["code"] == "notFound"
    assert b"\r\nX:1" not in header


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/imaging/%68ealth", 200),
        ("/imaging//health/", 200),
        ("/imaging/health%00", 200),
        ("/imaging%2Fhealth", 200),
    ],
)
def test_other_spellings_of_a_route(loaded: OrthancServer, path: str, expected: int) -> None:
    """Orthanc decodes, drops empty parts and ends at a NUL before anybody sees the path."""
    assert bare(loaded, path)[0] == expected


def test_a_path_that_is_no_utf_8_ends_in_orthanc_and_does_no_harm(loaded: OrthancServer) -> None:
    """Orthanc's Python plugin answers itself, with 500 on 1.10.1: no code of ours is called."""
    assert bare(loaded, "/imaging/%ff%fe")[0] in (404, 500)


def bare(server: OrthancServer, path: str) -> tuple[int, bytes, bytes]:
    """Status, header and body of a GET over a bare socket, since client libraries tidy paths up."""
    credentials = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.http_port), 5) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    header, _, body = answer.partition(b"\r\n\r\n")
    return int(header.split()[1]), header, body


# What is stored


def store_anyhow(server: OrthancServer, file: bytes) -> str | None:
    """Return the Orthanc id of a file, None where Orthanc itself refuses it (4xx)."""
    response = server.session.post("/instances", data=file)
    assert response.status_code == 200 or 400 <= response.status_code < 500, response.text
    return response.json()["ID"] if response.ok else None


def test_truncated_files_are_stored_or_refused_by_orthanc_and_never_lost(loaded: OrthancServer) -> None:
    file = dicom_files("openms_dicom/patient01/study2_FLAIR")[10].read_bytes()
    headers = file.find(b"\xe0\x7f\x10\x00")
    outcomes = []
    for length in (
        0,
        10,
        131,
        132,
        140,
        400,
        headers // 2,
        headers - 1,
        headers + 2,
        headers + 12,
        len(file) // 2,
        len(file) - 1,
    ):
        orthanc_id = store_anyhow(loaded, file[:length])
        outcomes.append(orthanc_id is not None)
        if orthanc_id is not None:
            row = loaded.wait_until(lambda orthanc_id=orthanc_id: row_of(loaded, orthanc_id), LATER_SECONDS)
            assert (row["planes"] is None) != (row["reason"] is None)
            loaded.session.delete(f"/instances/{orthanc_id}").raise_for_status()
    assert not any(outcomes[:4])
    (whole,) = loaded.store_rest([file])
    loaded.session.delete(f"/instances/{whole['ID']}").raise_for_status()


@pytest.mark.parametrize(
    ("name", "reason", "detail"),
    [
        ("6c690a9eccdbcc3c58f4ae55bc081f07a614393e", "noFrame", "no Frame of Reference UID"),
        ("838356188785bc2d5c53f95b6afce5fa565c3248", "notAnImage", "not in the DICOM standard"),
    ],
)
def test_a_malformed_registration_is_stored_with_its_reason(
    loaded: OrthancServer, name: str, reason: str, detail: str
) -> None:
    (stored,) = loaded.store_rest([data("reg_malformed") / f"{name}.dcm"])
    row = loaded.wait_until(lambda: row_of(loaded, stored["ID"]), what="the registration is indexed")
    assert (row["reason"], row["planes"]) == (reason, None)
    assert detail in row["detail"]
    study = loaded.session.get(f"/instances/{stored['ID']}/study").json()["MainDicomTags"]["StudyInstanceUID"]
    status = loaded.session.get(f"/imaging/studies/{study}/index-status").json()
    assert [(each["reason"], each["count"]) for each in status["skipped"]] == [(reason, 1)]
    loaded.session.delete(f"/instances/{stored['ID']}").raise_for_status()


def without_geometry() -> pydicom.Dataset:
    return classic(ImagePositionPatient=None, ImageOrientationPatient=None)


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        (without_geometry(), "noGeometry"),
        (mosaic(), "mosaic"),
        (classic(orientation=(1, 0, 0, 1, 0, 0)), "degenerateOrientation"),
        (classic(spacing=(0, 1)), "zeroSpacing"),
        (classic(position=(1e9, 0, 0)), "badValue"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_images_without_a_place_are_stored_and_say_why(
    loaded: OrthancServer, dataset: pydicom.Dataset, reason: str
) -> None:
    dataset.PatientID = f"bad {reason}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = (
        pydicom.uid.generate_uid(),
        pydicom.uid.generate_uid(),
    )
    (stored,) = loaded.store_rest([as_file(dataset)])
    row = loaded.wait_until(lambda: row_of(loaded, stored["ID"]), what="the instance is indexed")
    assert (row["reason"], row["planes"]) == (reason, None)
    question = {"sopInstanceUid": dataset.SOPInstanceUID, "row": 1, "column": 1}
    answer = problem(loaded.session.post(RESOLVE, json=question), 422, "notIndexable")
    (error,) = answer["errors"]
    assert (error["field"], error["detail"]) == ("/sopInstanceUid", f"{reason}: {row['detail']}")


# Settings


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"Rooot": "/x"}, ['"Longitudinal.Rooot" is not a setting']),
        ({"Root": 7}, ['"Longitudinal.Root"', "Expected `str`"]),
        ({"Root": "imaging", "MaxBodyMiB": 0, "QuietSecond": 1}, ["Longitudinal.Root", "MaxBodyMiB", "QuietSecond"]),
        ([], ['"Longitudinal" must be a JSON object']),
    ],
)  # fmt: skip
def test_wrong_settings_stop_the_plugin_and_not_orthanc(
    start_orthanc: StartOrthanc, section: object, named: list[str]
) -> None:
    server = start_orthanc(configuration={"Longitudinal": section})
    (message,) = [line for line in server.log.splitlines() if NOT_RUNNING in line]
    assert all(name in message for name in named), message
    assert server.session.get("/imaging/health").status_code == 404
    assert len(server.store_rest([as_file(classic())])) == 1
