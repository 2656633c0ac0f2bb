"""Places through the routes: what is refused and why, what others' reports become, and what cannot be told apart."""

from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from longitudinal.dicom.reports.reader import LARGEST_REPORT
from longitudinal.reasons import PlaceFault
from tests.builders import CT, classic
from tests.unit.http.patients_served import FIRST, FRAMES, IMAGE, SECOND, THIRD, TWICE, admit, scan
from tests.unit.http.served import Served

Json = dict[str, Any]
KEEP = {"name": "seg VII", "sopInstanceUid": IMAGE, "row": 2.25, "column": 3.5}


@pytest.fixture
def served(served: Served) -> Served:
    admit(served)
    return served


def keep(served: Served, **more: object) -> Json:
    return dict(served.ask("POST", "/places", {**KEEP, **more}).json)


def listed(served: Served, patient: str = "P") -> Json:
    return dict(served.ask("GET", "/places", query={"patientId": patient}).json)


def report_of(served: Served, place: Json) -> Dataset:
    """The first report of a place, as it is stored."""
    return dict(served.archive.datasets())[place["reports"][0]["orthancInstanceId"]]


def anothers(report: Dataset, number: int = 1) -> Dataset:
    """A report as another software would have written it."""
    report.Manufacturer = "Other"
    report.SOPInstanceUID, report.SeriesInstanceUID = f"1.2.77.{number}", f"1.2.78.{number}"
    report.file_meta.MediaStorageSOPInstanceUID = report.SOPInstanceUID
    return report


def group_of(report: Dataset) -> Dataset:
    return report.ContentSequence[-1].ContentSequence[0]


def item_of(report: Dataset, value_type: str) -> Dataset:
    return next(item for item in group_of(report).ContentSequence if item.ValueType == value_type)


@pytest.mark.parametrize(
    "name",
    ["", "   ", "x" * 65, "x" * 2_000,
     "two\nlines", "tab\there", "nul\0", "\u2028", "Cornerstone3DTools@^0.1.0:Arrow", 7, None],
)  # fmt: skip
def test_what_is_no_name(served: Served, name: object) -> None:
    for method, path, body in (
        ("POST", "/places", {**KEEP, "name": name}),
        ("PUT", "/places/{}", {"name": name}),
    ):
        place = keep(served)["id"]
        before = len(served.archive.stored)
        answered = served.ask(method, path.format(place), body)
        assert (answered.code, answered.fields()) == ("invalidRequest", ["/name"])
        assert len(served.archive.stored) == before


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "a\\b^c=d&e", "Läsion 病変 🫁", "x" * 64, "'; DROP TABLE places"]
)
def test_any_other_text_is_a_name(served: Served, name: str) -> None:
    place = keep(served, name=f" {name} ")
    assert (place["name"], place["reports"][0]["label"]) == (name, name)
    assert report_of(served, place).SeriesDescription.startswith("Place: ")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"name": "a"}, ["/sopInstanceUid", "/row", "/column"]),
        ({**KEEP, "x": 1}, ["/x"]),
        ({**KEEP, "studyInstanceUid": FIRST}, ["/studyInstanceUid"]),
        ({"name": "a", "patientId": "P", "x": 1}, ["/frameOfReferenceUid", "/y", "/z"]),
        ({**KEEP, "row": "2"}, ["/row"]),
        ({**KEEP, "surprise": 1}, ["/surprise"]),
    ],
)
def test_neither_a_pixel_nor_a_point(served: Served, body: Json, fields: list[str]) -> None:
    answered = served.ask("POST", "/places", body)
    assert (answered.code, sorted(answered.fields())) == ("invalidRequest", sorted(fields))


def test_a_point_says_its_study_where_two_have_its_frame(served: Served) -> None:
    for number in range(4):
        served.store(classic((0, 0, 2.0 * number), SOPClassUID=CT, Modality="CT", PatientID="P", StudyInstanceUID="1.2.3.7",
                             SeriesInstanceUID="1.2.3.7.1", SOPInstanceUID=f"1.2.3.7.1.{number}",
                             FrameOfReferenceUID=FRAMES[0], StudyDate="20230101", SliceThickness=2.0))  # fmt: skip
    point = {"name": "a", "patientId": "P", "frameOfReferenceUid": FRAMES[0], "x": 1, "y": 2, "z": 2}
    answered = served.ask("POST", "/places", point)
    assert answered.code == PlaceFault.NOT_IN_A_STUDY
    assert "1.2.3.7" in answered.json["detail"]
    place = served.ask("POST", "/places", {**point, "studyInstanceUid": "1.2.3.7"}).json
    assert place["studyInstanceUid"] == "1.2.3.7"
    kept = served.ask("POST", f"/places/{place['id']}/studies", {"studyInstanceUids": [FIRST]}).json
    assert kept["kept"] == [FIRST]
    mapped = next(one for one in kept["place"]["reports"] if one["saidBy"] == "plugin")
    assert mapped["label"] == "a (mapped within its Frame of Reference, error not measured)"
    assert mapped["stale"] is None


def test_a_tracking_uid_of_two_patients_is_two_places(served: Served) -> None:
    place = keep(served)
    theirs = anothers(report_of(served, place))
    theirs.PatientID, theirs.StudyInstanceUID = "Q", TWICE
    served.store(theirs)
    (mine,), (foreign,) = listed(served)["places"], listed(served, "Q")["places"]
    assert (mine["flags"], foreign["flags"]) == (["sharedTrackingUid"], ["sharedTrackingUid"])
    assert len(mine["reports"]) == len(foreign["reports"]) == 1
    assert foreign["reason"] == PlaceFault.UNKNOWN_FRAME
    answered = served.ask("GET", f"/places/{place['id']}")
    assert answered.code == "ambiguous"
    assert mine["id"] in answered.json["detail"]
    assert foreign["id"] in answered.json["detail"]
    assert served.ask("GET", f"/places/{mine['id']}").json["place"]["patientId"] == "P"
    removed = served.ask("DELETE", f"/places/{mine['id']}").json
    assert len(removed["deleted"]) == 1
    assert len(listed(served, "Q")["places"]) == 1


def test_reports_of_others_have_their_position_or_the_reason(served: Served) -> None:
    place = keep(served)
    shapeless = anothers(report_of(served, place), 1)
    item_of(shapeless, "SCOORD3D").GraphicType = "ELLIPSOID"
    elsewhere = anothers(report_of(served, place), 2)
    item_of(elsewhere, "UIDREF").UID = "1.2.99.1"
    item_of(elsewhere, "SCOORD3D").ReferencedFrameOfReferenceUID = "1.2.98"
    nameless = anothers(report_of(served, place), 3)
    group_of(nameless).ContentSequence = [item_of(nameless, "SCOORD3D")]
    served.store(shapeless, elsewhere, nameless)
    found = listed(served)
    (unread,) = found["unread"]
    assert (unread["reason"], unread["sopInstanceUid"]) == (PlaceFault.UNKNOWN_SHAPE, "1.2.77.1")
    reasons = {one["id"]: one["reason"] for one in found["places"]}
    assert reasons == {place["id"]: None, "1.2.99.1": PlaceFault.UNKNOWN_FRAME, "1.2.77.3.1": None}
    without = served.ask("GET", "/places/1.2.99.1").json
    assert (without["answer"], without["place"]["source"]) == (None, None)
    assert served.ask("GET", "/places/1.2.77.3.1").json["answer"]["matches"]
    assert served.ask("DELETE", "/places/1.2.77.3.1").code == "conflict"


def test_images_that_come_after_the_report_give_it_its_position(served: Served) -> None:
    place = keep(served)
    report = anothers(report_of(served, place))
    item_of(report, "UIDREF").UID = "1.2.99.2"
    item_of(report, "SCOORD3D").ReferencedFrameOfReferenceUID = "1.2.8.1.9"
    report.PatientID, report.StudyInstanceUID = "N", "1.2.8.1"
    served.store(report)
    assert listed(served, "N")["places"][0]["reason"] == PlaceFault.UNKNOWN_FRAME
    served.store(*scan("1.2.8.1", 1, "N"))
    (found,) = listed(served, "N")["places"]
    assert (found["reason"], found["frameOfReferenceUid"]) == (None, "1.2.8.1.9")


def test_damaged_large_and_deep_reports(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    place = keep(served)
    deep = anothers(report_of(served, place), 4)
    inner = deep.ContentSequence[-1]
    for _ in range(60):
        outer = Dataset()
        outer.ValueType, outer.RelationshipType, outer.ContentSequence = "CONTAINER", "CONTAINS", [inner]
        inner = outer
    deep.ContentSequence = [inner]
    large = anothers(report_of(served, place), 5)
    large.add_new(0x00091001, "UT", "x" * LARGEST_REPORT)
    many = anothers(report_of(served, place), 6)
    many.ContentSequence[-1].ContentSequence = [group_of(many)] * 2_001
    served.store(deep, large, many)
    reasons = {one["sopInstanceUid"]: one["reason"] for one in listed(served)["unread"]}
    assert reasons == {
        "1.2.77.4": PlaceFault.UNREADABLE_REPORT,
        "1.2.77.5": PlaceFault.REPORT_TOO_LARGE,
        "1.2.77.6": PlaceFault.REPORT_TOO_LARGE,
    }
    assert [one["id"] for one in listed(served)["places"]] == [place["id"]]


def test_a_thousand_points_in_one_report(served: Served) -> None:
    place = keep(served)
    many = anothers(report_of(served, place), 7)
    groups = []
    for number in range(1_000):
        one = pydicom.Dataset.from_json(group_of(many).to_json())
        next(item for item in one.ContentSequence if item.ValueType == "UIDREF").UID = f"1.2.66.{number + 1}"
        groups.append(one)
    many.ContentSequence[-1].ContentSequence = groups
    served.store(many)
    found = dict(served.ask("GET", "/places", query={"patientId": "P", "limit": 10, "offset": 995}).json)
    assert (found["total"], len(found["places"])) == (1_001, 6)


def test_a_place_of_which_the_source_is_gone_keeps_its_mapped_reports_as_stale(served: Served) -> None:
    place = keep(served)
    served.ask("POST", f"/places/{place['id']}/studies", {"studyInstanceUids": [SECOND]})
    source = place["reports"][0]["orthancInstanceId"]
    served.archive.delete(source)  # by another node: nobody is told
    (found,) = listed(served)["places"]
    (report,) = found["reports"]
    assert report["stale"]["reason"] == "placeMoved"
    assert (found["source"], found["stale"]) == (None, 1)
    assert served.ask("POST", f"/places/{place['id']}/studies", {}).code == "conflict"
    assert served.ask("DELETE", f"/places/{place['id']}").json["deleted"] == [report["sopInstanceUid"]]
    assert listed(served)["places"] == []


def test_studies_where_it_cannot_be_kept_say_why(served: Served) -> None:
    place = keep(served)
    kept = served.ask("POST", f"/places/{place['id']}/studies", {}).json
    assert kept["kept"] == [SECOND]
    assert {one["studyInstanceUid"]: one["reason"] for one in kept["notKept"]} == {
        FIRST: "statedAlready", THIRD: "needsAlignment",
    }  # fmt: skip
    assert (
        served.ask("POST", f"/places/{place['id']}/studies", {"studyInstanceUids": ["1.9"]}).code
        == "notFound"
    )
    assert served.ask("DELETE", f"/places/{place['id']}/studies/{THIRD}").code == "notFound"


def test_nothing_is_lost_where_orthanc_refuses_in_the_middle(served: Served) -> None:
    place = keep(served)
    served.loopback.fails = True
    assert served.ask("PUT", f"/places/{place['id']}", {"name": "other"}).code == "archiveFailed"
    assert served.ask("DELETE", f"/places/{place['id']}").code == "archiveFailed"
    served.loopback.fails = False
    (found,) = listed(served)["places"]
    assert (found["name"], found["reports"]) == ("seg VII", place["reports"])


def test_a_report_that_states_another_error_than_is_known_now_is_stale(served: Served) -> None:
    """Of a copy that claims a small error, or a transform that is no longer measured."""
    place = keep(served)
    served.ask("POST", f"/places/{place['id']}/studies", {})
    (report,) = [
        ds for _, ds in served.archive.datasets() if ds.get("SeriesDescription", "").startswith("Mapped")
    ]
    for item in group_of(report).ContentSequence:
        if item.ValueType == "TEXT" and item.TextValue.startswith("error in mm"):
            assert item.TextValue == "error in mm: not measured"
            item.TextValue = "error in mm: 0.1"
    served.store(report)
    (found,) = listed(served)["places"]
    assert [one["stale"] and one["stale"]["reason"] for one in found["reports"]] == [None, "errorChanged"]
    renewed = served.ask("POST", f"/places/{place['id']}/studies", {}).json["place"]
    assert (renewed["stale"], renewed["reports"][1]["uncertaintyMm"]) == (0, None)
