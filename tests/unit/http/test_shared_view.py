"""What whoever has opened a link is answered: one patient, read only; and of a de-identified view no name at all."""

import json
import re
from collections.abc import Iterator
from datetime import date
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from longitudinal.access.identity import Actor, How, Users
from longitudinal.access.roles import Need
from longitudinal.access.shares import Share
from longitudinal.errors import Forbidden, LongitudinalError
from longitudinal.http.deidentified_fields import FIELDS, INWARD, Becomes
from longitudinal.http.exchange import Request, Response
from longitudinal.http.problem import response_of
from longitudinal.http.router import Route
from longitudinal.http.shared_routes import DE_IDENTIFIED, PLAIN
from tests.unit.http.patients_served import FIRST, FRAMES, IMAGE, PICTURE, SECOND, THIRD, admit, scan
from tests.unit.http.served import Served
from tests.unit.http.test_every_route import CLICK, SUCCESSES, Drive, link

PLANTED = {
    "PatientName": "Planted^Name", "AccessionNumber": "PLANTEDACC", "InstitutionName": "Planted Hospital",
    "StudyDescription": "planted study", "SeriesDescription": "planted series", "ReferringPhysicianName": "Planted^Doctor",
    "OperatorsName": "Planted^Operator", "DeviceSerialNumber": "PLANTEDSERIAL", "StationName": "PLANTEDSTATION",
    "ImageComments": "planted comment", "PatientComments": "planted remark", "ProtocolName": "planted protocol",
    "BodyPartExamined": "PLANTEDPART", "RescaleType": "PLANTEDUNIT", "StudyID": "PLANTEDID",
}  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("shared"))
    admit(made)
    made.store(*scan("1.2.9.1", 1, "PlantedId", **PLANTED), *scan("1.2.9.2", 2, "PlantedId", **PLANTED))
    yield made
    made.close()


def opened(served: Served, **more: Any) -> Share:
    """A share of P, or of whoever is named, that somebody has opened."""
    link(**more)(served)
    share = served.shares.get("5" * 16)
    assert share is not None
    return share


def ask(
    served: Served,
    share: Share,
    method: str,
    path: str,
    body: Any = None,
    query: Any = None,
    headers: Any = None,
) -> Response:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    actor = Actor(f"share:{share.id}", How.SHARE, share=share)
    texts = {name: str(value) for name, value in (query or {}).items()}
    request = Request(method, path, texts, headers or {}, raw, actor)
    try:
        route, values = served.router.admit(request, Users())
    except LongitudinalError as error:
        return response_of(error)
    return served.router.run(route, values, request)


def test_every_route_that_is_named_exists(served: Served) -> None:
    routes = {(route.method, route.path): route for route in served.router.routes}
    assert set(routes) >= PLAIN
    assert {routes[key].need for key in PLAIN} <= {Need.VIEW, Need.ANY}


@pytest.mark.parametrize("drive", SUCCESSES, ids=str)
@pytest.mark.parametrize("is_masked", [False, True])
def test_every_other_route_is_refused_with_a_code(served: Served, drive: Drive, is_masked: bool) -> None:
    key = (drive.method, drive.route)
    if key in (DE_IDENTIFIED if is_masked else PLAIN) or key == ("POST", "/share-session"):
        return
    answer = ask(
        served,
        opened(served, de_identified=is_masked),
        drive.method,
        drive.path.format("x"),
        drive.body,
        drive.query,
    )
    assert (answer.status, json.loads(answer.body)["code"]) in ((403, "notForShares"), (403, "forbidden")), (
        key
    )


def test_a_refusal_by_role_comes_first_only_where_a_viewer_may_not(served: Served) -> None:
    share = opened(served)
    for route in served.router.routes:
        if (route.method, route.path) in PLAIN or route.path == "/share-session":
            continue
        request = Request(
            route.method, re.sub("{[^}]*}", "1", route.path), actor=Actor("s", How.SHARE, share=share)
        )
        with pytest.raises(Forbidden):
            served.router.admit(request, Users())


def test_a_link_shows_its_patient(served: Served) -> None:
    share = opened(served)
    patient = json.loads(ask(served, share, "GET", "/patients/P").body)
    assert [study["studyInstanceUid"] for study in patient["studies"]] == [FIRST, SECOND, THIRD]
    answer = json.loads(ask(served, share, "POST", "/points/resolve", CLICK).body)
    assert {match["studyInstanceUid"] for match in answer["matches"]} == {FIRST, SECOND}
    me = json.loads(ask(served, share, "GET", "/me").body)
    assert (me["how"], me["share"]["patientId"], me["roles"], me["shareDays"]) == (
        "share",
        "P",
        ["viewer"],
        None,
    )
    assert ask(served, share, "GET", f"/shared/instances/{IMAGE}/frames/0/numpy").status == 200


@pytest.mark.parametrize("name", ["Q", "X", "nobody", "dot"])
def test_a_link_shows_nobody_else(served: Served, name: str) -> None:
    share = opened(served)
    assert ask(served, share, "GET", f"/patients/{name}").status == 404
    assert ask(served, share, "GET", "/studies/1.2.6.1").status == 404
    click = {"sopInstanceUid": "1.2.6.1.1.1", "row": 1, "column": 1}
    assert ask(served, share, "POST", "/points/resolve", click).status == 404
    assert ask(served, share, "GET", "/shared/instances/1.2.6.1.1.1/frames/0/numpy").status == 404
    assert ask(served, share, "GET", "/series/1.2.6.1.1/stacks").status == 404


def test_a_link_to_one_study_shows_that_study(served: Served) -> None:
    (study,) = {
        served.archive.parents(key).study
        for key, ds in served.archive.datasets()
        if ds.StudyInstanceUID == SECOND
    }
    share = opened(served, studies=(study,))
    patient = json.loads(ask(served, share, "GET", "/patients/P").body)
    assert [one["studyInstanceUid"] for one in patient["studies"]] == [SECOND]
    assert ask(served, share, "GET", f"/studies/{FIRST}").status == 404


@pytest.mark.parametrize(
    "body", [{**CLICK, "refine": True}, {**CLICK, "refine": "wait"}, {**CLICK, "exams": ["1"]}], ids=str
)
def test_a_link_starts_no_work(served: Served, body: Any) -> None:
    for is_masked in (False, True):
        answer = ask(served, opened(served, de_identified=is_masked), "POST", "/points/resolve", body)
        assert (answer.status, json.loads(answer.body)["code"]) == (403, "notForShares")


def test_what_is_hidden_from_whoever_made_it_is_hidden_from_the_link(served: Served) -> None:
    share = opened(served, patient_id="PlantedId", hides=("PatientName", "StudyDescription"))
    text = ask(served, share, "GET", "/patients/PlantedId").body.decode()
    assert "Planted^Name" not in text
    assert "planted study" not in text
    assert "planted series" in text


# ------------------------------------------------------------------------------------------------ de-identified


def of_route(served: Served, key: tuple[str, str]) -> Route:
    (found,) = [route for route in served.router.routes if (route.method, route.path) == key]
    return found


def structs_in(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs that a type names, without those within them."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for part in get_args(kind):
        yield from structs_in(part)


def reached(kinds: list[type[msgspec.Struct]], but: set[str]) -> set[type[msgspec.Struct]]:
    """All structs below these, except for fields that become nothing."""
    found: set[type[msgspec.Struct]] = set()
    left = list(kinds)
    while left:
        kind = left.pop()
        if kind.__name__ in but or kind in found:
            continue
        found.add(kind)
        fields = FIELDS.get(kind, {})
        for name, hint in get_type_hints(kind).items():
            if fields.get(name) not in (Becomes.NOTHING, Becomes.ABSENT):
                left += structs_in(hint)
    return found


def test_every_field_of_every_answer_is_classified(served: Served) -> None:
    """A field that is added to an answer fails here, and is refused until it is in the table."""
    # of a batch only the questions are refused; its answer is never made
    answers = [kind for key in DE_IDENTIFIED for kind in structs_in(of_route(served, key).answer)]
    for kind in reached(answers, {"BatchAnswer"}):
        assert kind in FIELDS, kind
        assert set(FIELDS[kind]) == set(kind.__struct_fields__), kind
    assert set(FIELDS) <= reached(answers, {"BatchAnswer"})


def has_text(hint: Any) -> bool:
    """Whether a type can hold any text."""
    if hint is Any or hint is str:
        return True
    if get_origin(hint) is Literal or (isinstance(hint, type) and issubclass(hint, Enum | msgspec.Struct)):
        return False
    if get_origin(hint) in (Annotated, Union, UnionType, list, tuple, dict) or get_args(hint):
        return any(has_text(part) for part in get_args(hint))
    return False


def test_nothing_that_can_hold_text_goes_out_as_it_is() -> None:
    for kind, fields in FIELDS.items():
        for name, hint in get_type_hints(kind).items():
            if fields[name] is Becomes.ITSELF:
                assert not has_text(hint), (kind, name, hint)
            if fields[name] is Becomes.PARTS:
                assert list(structs_in(hint)), (kind, name)


def test_every_argument_of_a_request_is_classified(served: Served) -> None:
    for key in DE_IDENTIFIED:
        route = of_route(served, key)
        for kind in (route.query, route.body):
            if kind is not None:
                assert set(kind.__struct_fields__) <= set(INWARD), (key, kind)


def real_names(served: Served, patient: str) -> set[str]:
    """Everything that would tell who it is."""
    found = {patient}
    for orthanc_id, ds in served.archive.datasets():
        if ds.PatientID == patient:
            parents = served.archive.parents(orthanc_id)
            found |= {orthanc_id, parents.study, parents.series, parents.patient, ds.StudyInstanceUID}
            found |= {
                ds.SeriesInstanceUID,
                ds.SOPInstanceUID,
                str(ds.get("FrameOfReferenceUID", "1.2.9.none")),
            }
            found |= {f"{ds.StudyDate[:4]}-{ds.StudyDate[4:6]}-{ds.StudyDate[6:]}", ds.StudyDate}
    return {name for name in found if name}


def walk(served: Served, share: Share) -> Iterator[tuple[str, Response]]:
    """Everything that the page asks for, by the names that it is told."""
    yield "me", (me := ask(served, share, "GET", "/me"))
    patient_id = json.loads(me.body)["share"]["patientId"]
    yield "patient", (answer := ask(served, share, "GET", f"/patients/{patient_id}"))
    patient = json.loads(answer.body)
    yield "patient by its Orthanc id", ask(served, share, "GET", f"/patients/{patient['orthancPatientId']}")
    frames = [frame["frameOfReferenceUid"] for frame in patient["frames"]]
    for study in patient["studies"]:
        yield "study", ask(served, share, "GET", f"/studies/{study['studyInstanceUid']}")
        for series in study["series"]:
            yield (
                "stacks",
                (answer := ask(served, share, "GET", f"/series/{series['seriesInstanceUid']}/stacks")),
            )
            for stack in json.loads(answer.body)["stacks"]:
                plane = stack["planes"][0]
                click = {"sopInstanceUid": plane["sopInstanceUid"], "row": 2, "column": 3}
                wanted = {"studyInstanceUids": [one["studyInstanceUid"] for one in patient["studies"]]}
                yield (
                    "resolve",
                    ask(served, share, "POST", "/points/resolve", {**click, **wanted, "per": "series"}),
                )
                if plane["links"]["pixels"] is not None:
                    yield (
                        "pixels",
                        ask(served, share, "GET", f"/shared{plane['links']['pixels'].partition('?')[0]}"),
                    )
    paths = {
        step for study in patient["studies"] for step in (study["alignmentQuality"] or {"path": []})["path"]
    }
    for transform in sorted(paths):
        yield "transform", ask(served, share, "GET", f"/transforms/{transform}")
    for frame in frames:
        point = {"patientId": patient["patientId"], "frameOfReferenceUid": frame, "x": 1, "y": 1, "z": 1}
        yield "resolve", ask(served, share, "POST", "/points/resolve", point)
        for other in frames:
            asked = {
                "sourceFrameOfReferenceUid": frame,
                "targetFrameOfReferenceUid": other,
                "points": [[1, 1, 1]],
            }
            yield "map", ask(served, share, "POST", "/points/map", asked)


@pytest.mark.parametrize("patient", ["P", "PlantedId"])
def test_no_name_goes_out(served: Served, patient: str) -> None:
    share = opened(served, patient_id=patient, de_identified=True)
    names = real_names(served, patient) | set(PLANTED.values())
    seen = set()
    for what, answer in walk(served, share):
        if what != "map":  # frames that nothing joins are 422
            assert answer.status == 200, (what, answer.body)
        seen.add(what)
        text = answer.body.decode("utf-8", "replace") + str(dict(answer.headers)) + str(answer.location)
        text += text.encode().decode("unicode_escape", "replace")
        told = {name for name in names if re.search(rf"(?<![0-9.]){re.escape(name)}(?![0-9.])", text)}
        if what != "pixels":
            assert told - {"P"} == set(), (what, told)
    assert {"me", "patient", "study", "stacks", "resolve", "map"} <= seen
    assert ("transform" in seen) == (patient == "P")


def test_its_names_are_answered_and_real_ones_are_not(served: Served) -> None:
    share = opened(served, de_identified=True)
    for path in (
        "/patients/P",
        f"/studies/{FIRST}",
        f"/series/{FIRST}.1/stacks",
        f"/shared/instances/{IMAGE}/frames/0/numpy",
    ):
        answer = ask(served, share, "GET", path)
        told = json.loads(answer.body)
        assert (answer.status, told["code"]) == (404, "notFound"), path
        assert "errors" not in told
        assert FIRST not in answer.body.decode()
    for body in (CLICK, {"patientId": "P", "frameOfReferenceUid": FRAMES[0], "x": 1, "y": 1, "z": 1}):
        assert ask(served, share, "POST", "/points/resolve", body).status == 404


def test_dates_move_together(served: Served) -> None:
    real = json.loads(ask(served, opened(served), "GET", "/patients/P").body)
    moved = json.loads(dict(walk(served, opened(served, de_identified=True)))["patient"].body)
    pairs = [
        (date.fromisoformat(one["studyDate"]), date.fromisoformat(other["studyDate"]))
        for one, other in zip(real["studies"], moved["studies"], strict=True)
    ]
    shifts = {before - after for before, after in pairs}
    assert len(shifts) == 1
    assert min(shifts).days >= 365
    days = {"from": pairs[1][1].isoformat(), "to": pairs[1][1].isoformat()}
    click = {
        "sopInstanceUid": stacks_of(served, moved)[0]["planes"][0]["sopInstanceUid"],
        "row": 1,
        "column": 1,
        **days,
    }
    answer = ask(served, opened(served, de_identified=True), "POST", "/points/resolve", click)
    dates = [
        one["studyDate"]
        for one in (*json.loads(answer.body)["matches"], *json.loads(answer.body)["unresolved"])
    ]
    assert dates == [pairs[1][1].isoformat()]


def stacks_of(served: Served, patient: Any) -> list[Any]:
    series = patient["studies"][0]["series"][0]["orthancSeriesId"]
    share = opened(served, de_identified=True)
    return list(json.loads(ask(served, share, "GET", f"/series/{series}/stacks").body)["stacks"])


def test_another_node_knows_the_names_of_this_one(served: Served, tmp_path: Path) -> None:
    """Pseudonyms are made from the share, so a node that has given none yet knows them too."""
    share = opened(served, de_identified=True)
    answers = dict(walk(served, share))
    study = json.loads(answers["study"].body)
    other = Served(tmp_path)
    admit(other)
    other.keyring.keys = served.keyring.keys
    answer = ask(other, opened(other, de_identified=True), "GET", f"/studies/{study['studyInstanceUid']}")
    other.close()
    assert (answer.status, json.loads(answer.body)["orthancStudyId"]) == (200, study["orthancStudyId"])


def test_what_may_have_text_in_its_pixels_is_not_shown(served: Served, tmp_path: Path) -> None:
    made = Served(tmp_path)
    made.store(
        *scan("1.2.9.5", 1, "B", BurnedInAnnotation="YES"),
        *scan("1.2.9.6", 2, "B", ImageType=["DERIVED", "SECONDARY"]),
    )
    link(patient_id="B", de_identified=True)(made)
    share = made.shares.get("5" * 16)
    assert share is not None
    answers = dict(walk(made, share))
    made.close()
    assert "pixels" not in answers
    planes = json.loads(answers["stacks"].body)["stacks"][0]["planes"]
    assert {plane["links"]["pixelsReason"] for plane in planes} == {"mayIdentify"}
    plain = opened(served)
    assert ask(served, plain, "GET", f"/shared/instances/{PICTURE}/frames/0/numpy").status == 200


def test_a_batch_is_refused(served: Served) -> None:
    share = opened(served, de_identified=True)
    answer = ask(served, share, "POST", "/points/resolve", {"points": [CLICK]})
    assert (answer.status, json.loads(answer.body)["code"]) == (403, "notForShares")


@pytest.mark.parametrize("de_identified", [False, True])
def test_values_over_time_are_measured_by_a_job_and_refused(served: Served, de_identified: bool) -> None:
    share = opened(served, de_identified=de_identified)
    answer = ask(served, share, "POST", "/points/timeline", CLICK)
    assert (answer.status, json.loads(answer.body)["code"]) == (403, "notForShares")
