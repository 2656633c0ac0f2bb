"""Patients and studies as lists and one by one, on a real server."""

from typing import Any

import pydicom
import pytest

from longitudinal.dicom.registration.writer import file_bytes
from longitudinal.reasons import NotIndexableReason, RegistrationRefusal
from tests.data import data, dicom_files
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer


def get(server: OrthancServer, path: str, status: int = 200, **query: Any) -> dict[str, Any]:
    response = server.session.get(path, params=query)
    assert response.status_code == status, response.text
    return response.json()


@pytest.fixture
def loaded(server: OrthancServer) -> OrthancServer:
    files = dicom_files("openms_dicom/patient01") + dicom_files("elastix_3dct_lung/dicom/baseline")
    server.store_rest(files)
    server.wait_indexed(lambda health: health["instances"] == len(files))
    return server


def test_patients_are_found_by_id_or_name_and_come_in_pages(loaded: OrthancServer) -> None:
    everyone = get(loaded, "/imaging/patients")
    assert everyone["total"] == 2
    assert [line["patientId"] for line in everyone["patients"]] == sorted(
        (line["patientId"] for line in everyone["patients"]),
        key=lambda name: [line["patientName"] for line in everyone["patients"] if line["patientId"] == name],
    )
    found = get(loaded, "/imaging/patients", query="openms^p")
    assert [(line["patientId"], line["studies"]) for line in found["patients"]] == [("OPENMS_P01", 2)]
    assert get(loaded, "/imaging/patients", query="%")["total"] == 0
    page = get(loaded, "/imaging/patients", limit=1, offset=1)
    assert (page["total"], page["patients"]) == (2, everyone["patients"][1:])
    wrong = get(loaded, "/imaging/patients", 400, limit=0, offset="x", colour="red")
    assert {error["field"] for error in wrong["errors"]} == {"limit", "offset", "colour"}


def test_a_patient_shows_what_joins_the_studies(loaded: OrthancServer) -> None:
    patient = get(loaded, "/imaging/patients/OPENMS_P01")
    assert [study["alignment"] for study in patient["studies"]] == ["reference", "needsAlignment"]
    assert [frame["group"] for frame in patient["frames"]] == [0, 1]
    assert [study["studyDate"] for study in patient["studies"]] == sorted(
        study["studyDate"] for study in patient["studies"]
    )
    loaded.store_rest([data("reg_independent") / "openms_p01_RIGID.dcm"])
    loaded.wait_until(
        lambda: get(loaded, "/imaging/patients/OPENMS_P01")["studies"][1]["alignment"] == "aligned" or None,
        what="the registration object joins the studies",
    )
    joined = get(loaded, f"/imaging/patients/{patient['orthancPatientId']}")
    assert [frame["group"] for frame in joined["frames"]] == [0, 0]
    page = get(loaded, "/imaging/patients/OPENMS_P01?limit=1&offset=1")
    assert (page["total"], page["limit"], page["offset"], patient["total"]) == (2, 1, 1, 2)
    assert page["studies"] == [joined["studies"][1]]
    assert page["frames"] == joined["frames"]
    assert get(loaded, "/imaging/patients/OPENMS_P01?offset=2")["studies"] == []
    for wrong in ("limit=0", "limit=1001", "offset=-1", "limit=" + "9" * 5_000, "page=1"):
        assert get(loaded, f"/imaging/patients/OPENMS_P01?{wrong}", 400)["code"] == "invalidRequest"
    assert get(loaded, "/imaging/patients/nobody", 404)["errors"][0]["field"] == "patient"


def test_patients_by_the_days_of_their_studies(loaded: OrthancServer) -> None:
    oldest = get(loaded, "/imaging/studies")["studies"][-1]
    day = oldest["studyDate"]
    found = get(loaded, "/imaging/patients", **{"from": day, "to": day.replace("-", "")})
    assert oldest["patientId"] in [line["patientId"] for line in found["patients"]]
    assert found["total"] == len(found["patients"])
    assert get(loaded, "/imaging/patients", to="1900-01-01") == {**found, "total": 0, "patients": []}
    assert get(loaded, "/imaging/patients", query="nobody", **{"from": day})["total"] == 0
    everybody = get(loaded, "/imaging/patients")["total"]
    assert get(loaded, "/imaging/patients", **{"from": "1900-01-01"})["total"] == everybody
    wrong = get(loaded, "/imaging/patients", 400, **{"from": "2021-02-30", "to": "soon"})
    assert {error["field"] for error in wrong["errors"]} <= {"from", "to"}


def test_studies_by_filter_and_one_by_one(loaded: OrthancServer) -> None:
    everything = get(loaded, "/imaging/studies")
    assert everything["total"] == 3
    dates = [line["studyDate"] for line in everything["studies"]]
    assert dates == sorted(dates, reverse=True)
    assert get(loaded, "/imaging/studies", modality="CT")["total"] == 1
    assert get(loaded, "/imaging/studies", patientId="OPENMS_P01")["total"] == 2
    newest = dates[0]
    assert get(loaded, "/imaging/studies", **{"from": newest})["total"] == dates.count(newest)
    assert get(loaded, "/imaging/studies", to="1900-01-01")["total"] == 0
    assert get(loaded, "/imaging/studies", 404, patientId="nobody")["errors"][0]["field"] == "patientId"
    line = next(line for line in everything["studies"] if line["modalities"] == ["CT"])
    by_uid = get(loaded, f"/imaging/studies/{line['studyInstanceUid']}")
    assert by_uid == get(loaded, f"/imaging/studies/{line['orthancStudyId']}")
    assert by_uid["series"][0]["planes"] == 64
    assert by_uid["series"][0]["skipped"] == []
    assert get(loaded, "/imaging/studies/1.2.3", 404)["errors"][0]["field"] == "study"


def test_a_study_uid_of_two_patients_is_ambiguous(loaded: OrthancServer) -> None:
    dataset = pydicom.dcmread(dicom_files("elastix_3dct_lung/dicom/baseline")[0])
    dataset.PatientID = "SOMEBODY^ELSE"
    (stored,) = loaded.store_rest([file_bytes(dataset)])
    loaded.wait_until(
        lambda: get(loaded, "/imaging/patients")["total"] == 3 or None, what="the third patient is indexed"
    )
    answer = get(loaded, f"/imaging/studies/{dataset.StudyInstanceUID}", 409)
    assert answer["code"] == "ambiguous"
    assert stored["ParentStudy"] in answer["orthancIds"]
    assert len(answer["orthancIds"]) == 2


def test_links_open_a_study_or_all_of_a_patient_in_the_viewer(loaded: OrthancServer) -> None:
    assert loaded.session.get("/ohif/").ok, "OHIF is not unpacked: run `make setup`"
    patient = get(loaded, "/imaging/patients/OPENMS_P01")
    earlier, later = patient["studies"]
    uids = [earlier["studyInstanceUid"], later["studyInstanceUid"]]
    assert patient["links"] == {"ohif": f"/ohif/viewer?StudyInstanceUIDs={uids[0]},{uids[1]}"}
    assert later["links"] == {"ohif": f"/ohif/viewer?StudyInstanceUIDs={uids[1]}"}
    assert get(loaded, f"/imaging/studies/{uids[1]}")["links"] == later["links"]


def test_where_no_viewer_is_served_there_is_no_link_to_it(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(configuration={"Longitudinal": {"OhifRoot": None}})
    (stored,) = server.store_rest([data("reg_independent") / "openms_p01_RIGID.dcm"])
    server.wait_indexed(lambda health: health["instances"] == 1)
    assert get(server, f"/imaging/patients/{stored['ParentPatient']}")["links"] == {"ohif": None}
    study = get(server, f"/imaging/studies/{stored['ParentStudy']}")
    assert study["links"] == {"ohif": None}
    # a registration object whose images are not here is told of in a sentence
    (skipped,) = study["series"][0]["skipped"]
    explanations = {code: code.explanation for code in (*NotIndexableReason, *RegistrationRefusal)}
    assert (skipped["count"], skipped["explanation"]) == (1, explanations[skipped["reason"]])
