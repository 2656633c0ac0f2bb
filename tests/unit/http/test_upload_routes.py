"""What becomes of each file that is sent, and of bodies that are no files."""

import io
import zipfile

import pytest

from tests.builders import as_file, classic
from tests.unit.http.served import Answered, Served

DICOM = {"content-type": "application/dicom"}
PART = {"content-disposition": 'form-data; name="files"; filename="a.dcm"'}


def image(number: int = 1) -> bytes:
    return as_file(classic(SOPInstanceUID=f"1.2.3.{number}", AcquisitionDate="20260102"))


def form(*parts: tuple[str, bytes]) -> bytes:
    lines = [
        f'--b\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode() + content
        for name, content in parts
    ]
    return b"\r\n".join([*lines, b"--b--\r\n"])


def put(served: Served, body: bytes, content_type: str = 'multipart/form-data; boundary="b"') -> Answered:
    return served.ask("PUT", "/uploads", body, headers={"content-type": content_type})


def test_a_file_that_is_stored_says_what_it_is(served: Served) -> None:
    (file,) = served.ask("POST", "/uploads", image(), headers=DICOM).json["files"]
    said = (file["status"], file["sopInstanceUid"], file["modality"], file["frameCount"])
    assert said == ("stored", "1.2.3.1", "MR", 1)
    assert file["acquisitionDateTime"].startswith("2026-01-02")
    assert served.archive.has_instance(file["orthancInstanceId"])


def test_each_file_has_an_outcome_of_its_own(served: Served) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside.dcm", image(2))
        archive.writestr("empty", b"")
    dicomdir = image(3).replace(
        b"1.2.840.10008.5.1.4.1.1.4\x00", b"1.2.840.10008.1.3.10\x00\x00\x00\x00\x00\x00"
    )
    refused = as_file(classic(SOPInstanceUID="1.2.3.4", PatientName="Refuse^Me"))
    parts = [
        ("a", image()), ("again", image()), ("zip", packed.getvalue()), ("text", b"hello"), ("dir", dicomdir),
        ("filtered", refused),
    ]  # fmt: skip
    answer = put(served, form(*parts)).json
    outcomes = [(file["name"], file["status"], file.get("reason")) for file in answer["files"]]
    assert outcomes == [
        ("a", "stored", None), ("again", "alreadyStored", None), ("zip/inside.dcm", "stored", None),
        ("zip/empty", "refused", "emptyFile"), ("text", "refused", "notDicom"), ("dir", "refused", "dicomdir"),
        ("filtered", "refused", "refusedByArchive"),
    ]  # fmt: skip
    assert (answer["stored"], answer["alreadyStored"], answer["refused"]) == (2, 1, 4)


def test_an_object_nested_too_deep_is_kept_from_orthanc(served: Served) -> None:
    deep = classic()
    for _ in range(40):
        outer = classic()
        outer.ReferencedStudySequence = [deep]
        deep = outer
    (file,) = served.ask("POST", "/uploads", as_file(deep), headers=DICOM).json["files"]
    assert (file["reason"], served.archive.stored) == ("tooDeep", {})


def test_an_archive_that_does_not_answer_is_the_reason(served: Served) -> None:
    served.loopback.fails = True
    (file,) = served.ask("POST", "/uploads", image(), headers=DICOM).json["files"]
    assert (file["reason"], "no room" in file["detail"]) == ("archiveFailed", True)


def test_what_is_stored_and_cannot_be_read_is_stored(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: bytes) -> None:
        raise ValueError("as pydicom says")

    monkeypatch.setattr("longitudinal.http.routes.uploads.read_file_tags", unreadable)
    (file,) = served.ask("POST", "/uploads", image(), headers=DICOM).json["files"]
    assert (file["status"], file["frameCount"]) == ("stored", 0)


def test_a_part_of_a_posted_form_is_stored_or_fails_as_a_whole(served: Served) -> None:
    (file,) = served.ask("POST", "/uploads", image(), headers=PART).json["files"]
    assert (file["name"], file["status"]) == ("a.dcm", "stored")
    # No client sees this problem, so no document declares it: the host lets the whole request fail.
    refused = served.send("POST", "/uploads", b"hello", headers=PART)
    assert (refused.code, refused.fields()) == ("unprocessable", ["a.dcm"])


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"x", "", "unsupportedMediaType"),
        (b"--b--\r\n", "multipart/form-data; boundary=b", "malformedBody"),
        (b"--b\r\n\r\nx", "multipart/form-data; boundary=b", "malformedBody"),
        (b"x", "multipart/form-data", "malformedBody"),
    ],
)
def test_a_body_that_is_no_upload(served: Served, body: bytes, content_type: str, code: str) -> None:
    assert put(served, body, content_type).code == code


def form_with(fields: dict[str, str], *parts: tuple[str, bytes]) -> bytes:
    """A form as curl -F patientID=... -F file=@... sends it, the fields behind the files."""
    lines = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
        for name, value in fields.items()
    ]
    return form(*parts).replace(b"--b--\r\n", b"") + b"\r\n".join([*lines, b"--b--\r\n"])


def of(patient: str, name: str = "Müller^Anna") -> bytes:
    return as_file(
        classic(
            SOPInstanceUID="1.2.9.1", PatientID=patient, PatientName=name, SpecificCharacterSet="ISO_IR 100"
        )
    )


@pytest.mark.parametrize(
    ("fields", "is_stored"),
    [
        ({"patientID": "P7"}, True), ({"patientId": " P7 "}, True), ({"patientID": ""}, True), ({"patientID": "P8"}, False),
        ({"patientName": "Anna Muller"}, True), ({"patientName": "MÜLLER^ANNA"}, True), ({"patientName": "Müller"}, False),
        ({"patientID": "P7", "patientName": "Meier, Anna"}, False),
    ],
)  # fmt: skip
def test_what_the_form_states_of_the_patient_is_checked(
    served: Served, fields: dict[str, str], is_stored: bool
) -> None:
    (file,) = put(served, form_with(fields, ("a.dcm", of("P7")))).json["files"]
    assert file["status"] == ("stored" if is_stored else "refused")
    assert file.get("reason") == (None if is_stored else "otherPatient")
    assert len(served.archive.stored) == is_stored
    for _, ds in served.archive.datasets():
        assert (ds.PatientID, str(ds.PatientName)) == ("P7", "Müller^Anna")  # never overwritten


def test_a_file_without_patient_id_is_not_the_stated_patients(served: Served) -> None:
    (file,) = put(served, form_with({"patientID": "P7"}, ("a.dcm", of("")))).json["files"]
    assert file["reason"] == "otherPatient"


@pytest.mark.parametrize("is_empty", [True, False])
def test_a_file_that_cannot_be_compared_is_not_stored(
    served: Served, monkeypatch: pytest.MonkeyPatch, is_empty: bool
) -> None:
    """Orthanc may read what pydicom does not."""

    def unreadable(_: bytes) -> dict[str, object]:
        if is_empty:
            return {}
        raise NotImplementedError

    monkeypatch.setattr("longitudinal.http.stated_patient.read_file_tags", unreadable)
    (file,) = put(served, form_with({"patientID": "P7"}, ("a.dcm", of("P7")))).json["files"]
    assert (file["reason"], "cannot be compared" in file["detail"]) == ("notDicom", True)
    assert served.archive.stored == {}


def test_a_stated_patient_alone_is_no_upload_and_a_field_comes_once(served: Served) -> None:
    assert put(served, form_with({"patientID": "P7"})).status == 400
    twice = form_with({"patientID": "P7", "patientId": "P8"}, ("a.dcm", of("P7")))
    refused = put(served, twice)
    assert (refused.status, refused.code, served.archive.stored) == (400, "malformedBody", {})


def test_a_file_named_like_the_field_is_a_file(served: Served) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="patientID"; filename="a.dcm"\r\n\r\n'
        + of("P7")
        + b"\r\n--b--\r\n"
    )
    (file,) = put(served, body).json["files"]
    assert (file["name"], file["status"]) == ("a.dcm", "stored")


def test_duplicates_name_the_file_they_repeat(served: Served) -> None:
    first = put(served, form(("a", image()), ("b", image()), ("c", image(2)))).json["files"]
    assert [file.get("duplicateOf") for file in first] == [None, "a", None]
    again = put(served, form(("d", image()))).json["files"]
    assert [(file["status"], file.get("duplicateOf")) for file in again] == [("alreadyStored", None)]


def test_sizes_dates_and_warnings_are_told(served: Served) -> None:
    odd = classic(SOPInstanceUID="1.2.3.9", StudyDate="20240105")
    odd.FrameOfReferenceUID = "1.2.03"
    content = as_file(odd)
    answer = put(served, form(("odd", content))).json
    (file,) = answer["files"]
    assert (file["sizeBytes"], file["studyDate"], file["rows"]) == (len(content), "2024-01-05", odd.Rows)
    assert (answer["sizeBytes"], answer["withWarnings"]) == (len(content), 1)
    warned = {(one["fault"], one["keyword"]) for one in file["warnings"]}
    assert ("badUid", "FrameOfReferenceUID") in warned
