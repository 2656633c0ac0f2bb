"""Files from people, on a real server: each has an outcome, and what can be stored is."""

import io
import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests
from pydicom.fileset import FileSet

from longitudinal.http.received_files import MAX_FILES
from tests.builders import as_file, classic, dataset, enhanced, functional_groups, place
from tests.data import dicom_files
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer

UPLOADS = "/imaging/uploads"
MIB = 1024 * 1024
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(
        tmp_path_factory.mktemp("uploads"), configuration={"Longitudinal": {"MaxUploadMiB": 8}}
    ) as server:
        yield server


def zipped(content: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return written.getvalue()


def send(
    server: OrthancServer, body: bytes, kind: str, method: str = "POST", status: int = 200
) -> dict[str, Any]:
    response = server.session.request(method, UPLOADS, data=body, headers={"Content-Type": kind})
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


def send_form(server: OrthancServer, files: dict[str, bytes], method: str = "PUT") -> requests.Response:
    return server.session.request(method, UPLOADS, files=[("files", item) for item in files.items()])


def outcomes(answer: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(file["name"], file["status"], file.get("reason")) for file in answer["files"]]


def stored(server: OrthancServer) -> int:
    count: int = server.session.get("/statistics").json()["CountInstances"]
    return count


def test_one_file_with_all_that_is_said_of_it(loaded: OrthancServer) -> None:
    path = dicom_files("openms_dicom/patient01")[0]
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    answer = send(loaded, path.read_bytes(), "application/dicom")
    (file,) = answer["files"]
    assert (answer["stored"], answer["alreadyStored"], answer["refused"]) == (1, 0, 0)
    assert file["studyInstanceUid"] == ds.StudyInstanceUID
    assert file["seriesInstanceUid"] == ds.SeriesInstanceUID
    assert file["sopInstanceUid"] == ds.SOPInstanceUID
    assert (file["modality"], file["patientId"], file["frameCount"]) == ("MR", ds.PatientID, 1)
    assert file["acquisitionDateTime"].replace("-", "").startswith(ds.get("AcquisitionDate") or ds.StudyDate)
    for level in ("Instance", "Series", "Study", "Patient"):
        plural = "series" if level == "Series" else "studies" if level == "Study" else f"{level.lower()}s"
        assert loaded.session.get(f"/{plural}/{file[f'orthanc{level}Id']}").ok
    again = send(loaded, path.read_bytes(), "application/dicom")
    assert outcomes(again) == [("", "alreadyStored", None)]
    assert again["files"][0]["orthancInstanceId"] == file["orthancInstanceId"]


def test_a_form_with_many_files_each_with_its_outcome(loaded: OrthancServer) -> None:
    frames = [functional_groups(PlanePositionSequence=place((0, 0, z))) for z in range(3)]
    report = dataset(BASIC_TEXT_SR, "SR", Rows=None, Columns=None)
    good, volume = as_file(classic()), as_file(enhanced(frames))
    files = {
        "a.dcm": good,
        "volume.dcm": volume,
        "scan/für.dcm": as_file(report),
        "readme.txt": b"hello",
        "empty": b"",
        "more.zip": zipped({"x/1": as_file(classic()), "x/notes.txt": b"1", "in.zip": zipped({"y": good})}),
    }
    before = stored(loaded)
    response = send_form(loaded, files)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert outcomes(answer) == [
        ("a.dcm", "stored", None),
        ("volume.dcm", "stored", None),
        ("scan/für.dcm", "stored", None),
        ("readme.txt", "refused", "notDicom"),
        ("empty", "refused", "emptyFile"),
        ("more.zip/x/1", "stored", None),
        ("more.zip/x/notes.txt", "refused", "notDicom"),
        ("more.zip/in.zip", "refused", "nestedZip"),
    ]
    assert [file.get("frameCount") for file in answer["files"][:3]] == [1, 3, 0]
    assert all(file["detail"] for file in answer["files"] if file["status"] == "refused")
    assert (answer["stored"], answer["alreadyStored"], answer["refused"]) == (4, 0, 4)
    assert stored(loaded) == before + 4
    loaded.wait_indexed(lambda health: health["instances"] == before + 4)


@pytest.mark.parametrize(
    "kind", ["application/zip", "application/x-zip-compressed", "application/octet-stream"]
)
def test_a_zip_of_a_real_study(loaded: OrthancServer, kind: str) -> None:
    paths = dicom_files("openms_dicom/patient01")[:5]
    answer = send(loaded, zipped({f"study/{path.name}": path.read_bytes() for path in paths}), kind)
    assert [file["name"] for file in answer["files"]] == [f"study/{path.name}" for path in paths]
    assert answer["stored"] + answer["alreadyStored"] == len(paths)


def test_a_zip_that_climbs_out_stores_nothing(loaded: OrthancServer) -> None:
    before = stored(loaded)
    answer = send(
        loaded, zipped({"good": as_file(classic()), "../../evil": as_file(classic())}), "application/zip"
    )
    assert outcomes(answer) == [("", "refused", "unsafePath")]
    assert answer["files"][0]["detail"] == "../../evil"
    assert stored(loaded) == before


def test_an_absolute_path_is_no_path_of_a_zip(loaded: OrthancServer) -> None:
    before = stored(loaded)
    answer = send(
        loaded, zipped({"good": as_file(classic()), "/etc/evil": as_file(classic())}), "application/zip"
    )
    assert outcomes(answer) == [("", "refused", "unsafePath")]
    assert stored(loaded) == before


def test_a_small_zip_that_explodes_stores_nothing(start_orthanc: StartOrthanc) -> None:
    """Far below the limit of bytes: nothing that a scanner makes shrinks a thousand times."""
    server = start_orthanc(configuration={"Longitudinal": {"MaxUploadMiB": 64}})
    body = zipped({"good": as_file(classic()), "bomb": bytes(32 * MIB)})
    assert outcomes(send(server, body, "application/zip")) == [("", "refused", "explodes")]
    assert stored(server) == 0


def test_a_zip_that_lies_about_a_size_costs_that_file_alone(loaded: OrthancServer) -> None:
    body = bytearray(zipped({"good": as_file(classic()), "lie": bytes(MIB)}))
    entry = body.rindex(b"PK\x01\x02")
    body[entry + 24 : entry + 28] = (100).to_bytes(4, "little")  # APPNOTE 4.3.12: the unpacked size
    before = stored(loaded)
    answer = send(loaded, bytes(body), "application/zip")
    assert outcomes(answer) == [("good", "stored", None), ("lie", "refused", "damagedZip")]
    assert "more than the 100 bytes" in answer["files"][1]["detail"]
    assert stored(loaded) == before + 1


def test_all_zips_of_a_form_together_unpack_to_no_more_than_the_limit(loaded: OrthancServer) -> None:
    before = stored(loaded)
    zips = {
        f"{number}.zip": zipped({"a": as_file(classic()), "b": b"no dicom" * (3 * MIB // 8)})
        for number in range(3)
    }
    assert outcomes(send_form(loaded, zips).json()) == [
        ("0.zip/a", "stored", None), ("0.zip/b", "refused", "notDicom"),
        ("1.zip/a", "stored", None), ("1.zip/b", "refused", "notDicom"), ("2.zip", "refused", "tooLarge"),
    ]  # fmt: skip
    assert stored(loaded) == before + 2


def test_a_form_of_more_parts_than_an_upload_may_have_stores_nothing(loaded: OrthancServer) -> None:
    before = stored(loaded)
    good = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + as_file(classic()) + b"\r\n"
    kind = "multipart/form-data; boundary=b"
    answer = send(loaded, good + b"--b\r\n" * MAX_FILES + b"--b--", kind, "PUT", 413)
    assert (answer["code"], str(MAX_FILES) in answer["detail"]) == ("bodyTooLarge", True)
    header = b"--b\r\nX: " + b"x" * 20_000 + b"\r\n\r\n1\r\n--b--"
    assert "part 2" in send(loaded, good + header, kind, "PUT", 413)["detail"]
    assert stored(loaded) == before


def test_a_zip_of_too_many_entries_stores_nothing(loaded: OrthancServer) -> None:
    before = stored(loaded)
    answer = send(loaded, zipped({str(number): b"1" for number in range(MAX_FILES + 1)}), "application/zip")
    assert outcomes(answer) == [("", "refused", "tooManyFiles")]
    assert stored(loaded) == before


def test_a_locked_zip_says_that_it_is_locked(loaded: OrthancServer) -> None:
    body = bytearray(zipped({"a": as_file(classic())}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        body[body.index(signature) + offset] |= 1  # APPNOTE 4.4.4: bit 0, the file is encrypted
    assert outcomes(send(loaded, bytes(body), "application/zip")) == [("", "refused", "encryptedZip")]


def test_a_zip_that_unpacks_to_more_than_the_limit_stores_nothing(loaded: OrthancServer) -> None:
    before = stored(loaded)
    answer = send(loaded, zipped({"good": as_file(classic()), "bomb": bytes(8 * MIB)}), "application/zip")
    assert outcomes(answer) == [("", "refused", "tooLarge")]
    assert stored(loaded) == before


def test_a_dicomdir_is_named_as_what_it_is(loaded: OrthancServer, tmp_path: Path) -> None:
    files = FileSet()
    ds = classic(StudyDate="20200101", StudyTime="120000", StudyID="1", AccessionNumber="", SeriesNumber=1,
                 PatientName="A^B")  # fmt: skip
    files.add(pydicom.dcmread(io.BytesIO(as_file(ds))))
    files.write(tmp_path / "medium")
    content = {
        path.relative_to(tmp_path / "medium").as_posix(): path.read_bytes()
        for path in sorted((tmp_path / "medium").rglob("*"))
        if path.is_file()
    }
    answer = send(loaded, zipped(content), "application/zip")
    assert {(name.partition("/")[0], status, reason) for name, status, reason in outcomes(answer)} == {
        ("DICOMDIR", "refused", "dicomdir"),
        ("PT000000", "stored", None),
    }


@pytest.mark.parametrize("subtype", ["related", "mixed"])
def test_other_multipart_bodies_are_posted(loaded: OrthancServer, subtype: str) -> None:
    parts = [as_file(classic()), b"no dicom"]
    body = (
        b"".join(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n" for part in parts)
        + b"--b--\r\n"
    )
    answer = send(loaded, body, f'multipart/{subtype}; type="application/dicom"; boundary=b')
    assert outcomes(answer) == [("", "stored", None), ("", "refused", "notDicom")]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"x", "text/plain", 415, "unsupportedMediaType"),
        (b"x", "", 415, "unsupportedMediaType"),
        (b"", "application/dicom", 400, "malformedBody"),
        (b"--b\r\n\r\nx", "multipart/mixed; boundary=b", 400, "malformedBody"),
        (b"--b--", "multipart/mixed; boundary=b", 400, "malformedBody"),
        (b"x", "multipart/form-data", 400, "malformedBody"),
        (bytes(8 * MIB + 1), "application/dicom", 413, "bodyTooLarge"),
    ],
)
def test_a_body_that_is_refused_whole(
    loaded: OrthancServer, body: bytes, kind: str, status: int, code: str
) -> None:
    for method in ("POST", "PUT"):
        assert send(loaded, body, kind, method, status)["code"] == code


def test_a_posted_form_is_stored_and_its_refusal_is_not_a_success(loaded: OrthancServer) -> None:
    """Orthanc takes such a form apart and answers for us: all that is left is success or failure."""
    before = stored(loaded)
    good = send_form(
        loaded, {"a.dcm": as_file(classic()), "b.zip": zipped({"c": as_file(classic())})}, "POST"
    )
    assert (good.status_code, good.content) == (200, b"")
    assert stored(loaded) == before + 2
    bad = send_form(loaded, {"a.dcm": as_file(classic()), "b.txt": b"no dicom"}, "POST")
    assert bad.status_code == 500
    assert "b.txt: notDicom" in loaded.log
    assert stored(loaded) == before + 3


def test_what_a_filter_of_orthanc_refuses_is_refused_here(
    start_orthanc: StartOrthanc, tmp_path: Path
) -> None:
    script = tmp_path / "filter.lua"
    script.write_text('function ReceivedInstanceFilter(dicom, origin) return dicom.Modality ~= "MR" end')
    server = start_orthanc(configuration={"LuaScripts": [str(script)]})
    answer = send(
        server, zipped({"mr": as_file(classic()), "ct": as_file(classic(Modality="CT"))}), "application/zip"
    )
    assert outcomes(answer) == [("mr", "refused", "refusedByArchive"), ("ct", "stored", None)]


def test_uploads_at_once_on_few_threads_are_stored_or_busy(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(http_threads=4)
    bodies = [as_file(classic()) for _ in range(24)]

    def upload(body: bytes) -> int:
        with server.new_session() as session:
            response = session.post(UPLOADS, data=body, headers={"Content-Type": "application/dicom"})
        assert response.status_code in (200, 503), response.text
        assert response.status_code == 200 or response.headers["Retry-After"]
        return response.status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(upload, bodies))
    assert stored(server) == answers.count(200) > 0


def test_uploads_need_the_password(loaded: OrthancServer) -> None:
    for method in ("PUT", "POST"):
        assert requests.request(method, loaded.url + UPLOADS, data=b"x", timeout=10).status_code == 401
    assert json.loads(loaded.session.get("/imaging/openapi.json").text)["paths"]["/uploads"].keys() == {
        "put",
        "post",
    }
