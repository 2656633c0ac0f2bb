"""Every status, each by one change to a radiotherapy that is whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from longitudinal.reasons import RelationStatus
from tests.builders import CT, MR, classic
from tests.unit.http.served import Served
from tests.unit.relations import radiotherapy as rt

Json = dict[str, Any]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def edges(served: Served, *datasets: Dataset) -> dict[tuple[str, str], Json]:
    """The edges by the UID of the object and the role, after these were stored."""
    served.store(*datasets)
    found = served.ask("GET", "/patients/RT/relations").json["edges"]
    return {(edge["from"].removeprefix("instance:"), edge["role"]): edge for edge in found}


def status(found: dict[tuple[str, str], Json], uid: str, role: str) -> tuple[str, int, int]:
    edge = found[uid, role]
    return edge["status"], edge["present"], edge["count"]


def test_ok(served: Served) -> None:
    found = edges(served, *rt.whole())
    assert {edge["status"] for edge in found.values()} == {"ok"}
    assert {role for _, role in found} == {
        "inFrame", "roiInFrame", "study", "drawnOnSeries", "drawnOnImage", "contourOnImage", "structureSet", "plan", "roi",
    }  # fmt: skip
    assert status(found, rt.SETS, "contourOnImage") == ("ok", 4, 4)
    assert found[rt.SETS, "drawnOnImage"]["to"] == f"series:{rt.SERIES}"
    assert found[rt.PLANS, "structureSet"]["to"] == f"instance:{rt.SETS}"
    assert found[rt.PLANS, "structureSet"]["sameStudy"] is True
    assert found[rt.PLANS, "roi"]["to"] == f"instance:{rt.SETS}"
    answer = served.ask("GET", f"/studies/{rt.STUDY}/relations").json
    assert (answer["problems"], answer["total"]) == ([], len(found))


def test_missing_and_what_is_likely_instead(served: Served) -> None:
    found = edges(served, *rt.scan(), rt.structure_set(), rt.plan("1.2.99"), rt.dose(None))
    served_edges = served.ask("GET", "/patients/RT/relations").json["edges"]
    stated = [edge for edge in served_edges if edge["role"] == "structureSet" and not edge["inferred"]]
    assert [(edge["status"], edge["to"]) for edge in stated] == [("missing", "instance:1.2.99")]
    guessed = {edge["from"]: edge for edge in served_edges if edge["inferred"]}
    assert guessed[f"instance:{rt.PLANS}"]["to"] == f"instance:{rt.SETS}"
    assert guessed[f"instance:{rt.DOSES}"]["to"] == f"instance:{rt.PLANS}"
    assert "the object names none" in guessed[f"instance:{rt.DOSES}"]["evidence"]
    assert found[rt.PLANS, "roi"]["status"] == "missing"


def test_two_candidates_are_no_guess(served: Served) -> None:
    second = rt.structure_set(uid=f"{rt.SETS}.7")
    found = edges(served, *rt.scan(), rt.structure_set(), second, rt.plan("1.2.99"))
    assert not any(edge["inferred"] for edge in found.values())


def test_incomplete(served: Served) -> None:
    found = edges(served, *rt.scan()[:3], rt.structure_set(), rt.plan(), rt.dose())
    assert status(found, rt.SETS, "drawnOnImage") == ("incomplete", 3, 4)
    assert status(found, rt.SETS, "contourOnImage") == ("incomplete", 3, 4)
    assert found[rt.SETS, "drawnOnImage"]["detail"] == f"3 of 4 are here; {rt.IMAGES[3]} is not"


def test_other_patient(served: Served) -> None:
    other = rt.structure_set(uid="1.2.98", PatientID="Somebody else", StudyInstanceUID="1.2.97")
    found = edges(served, *rt.scan(), other, rt.plan("1.2.98"))
    assert status(found, rt.PLANS, "structureSet") == ("otherPatient", 0, 1)
    # nothing of the other patient is told
    assert "Somebody else" not in str(served.ask("GET", "/patients/RT/relations").json)


@pytest.mark.parametrize("stated", [rt.STRUCTURE_SET, rt.PLAN])
def test_wrong_class(served: Served, stated: str) -> None:
    """Named as what it is not; or rightly named, and of a class that its role does not allow."""
    target = rt.plan(None, uid="1.2.96")
    broken = rt.plan(ReferencedStructureSetSequence=[rt.named(stated, "1.2.96")])
    found = edges(served, *rt.scan(), target, broken)
    assert status(found, rt.PLANS, "structureSet") == ("wrongClass", 0, 1)


def test_wrong_series(served: Served) -> None:
    moved = rt.scan()
    moved[0].SeriesInstanceUID = f"{rt.STUDY}.77"
    found = edges(served, *moved, rt.structure_set())
    answer = served.ask("GET", "/patients/RT/relations").json["edges"]
    drawn = {edge["to"]: edge for edge in answer if edge["role"] == "drawnOnImage"}
    assert drawn[f"series:{rt.STUDY}.77"]["status"] == "wrongSeries"
    assert (drawn[f"series:{rt.SERIES}"]["status"], drawn[f"series:{rt.SERIES}"]["count"]) == ("ok", 3)
    assert found[rt.SETS, "drawnOnSeries"]["status"] == "ok"


def test_wrong_frame(served: Served) -> None:
    found = edges(
        served, *rt.scan(frame="1.2.95"), rt.structure_set(), rt.plan(), rt.dose(FrameOfReferenceUID="1.2.95")
    )
    assert found[rt.SETS, "drawnOnSeries"]["status"] == "wrongFrame"
    assert found[rt.SETS, "drawnOnImage"]["status"] == "wrongFrame"
    assert found[rt.DOSES, "plan"]["status"] == "wrongFrame"
    assert found[rt.SETS, "inFrame"]["status"] == "missing"


def test_ambiguous(served: Served) -> None:
    twin = rt.structure_set(StudyInstanceUID="1.2.94", SeriesInstanceUID="1.2.94.2")
    found = edges(served, *rt.whole(), twin)
    assert status(found, rt.PLANS, "structureSet") == ("ambiguous", 0, 1)


@pytest.mark.parametrize(
    "empty", [[], [rt.item(ReferencedSOPClassUID=rt.STRUCTURE_SET)], [rt.named(rt.STRUCTURE_SET, "")]]
)
def test_empty_reference(served: Served, empty: list[Dataset]) -> None:
    broken = rt.plan(None)
    broken.ReferencedStructureSetSequence = empty
    found = edges(served, *rt.scan(), broken)
    assert status(found, rt.PLANS, "structureSet") == ("emptyReference", 0, 0)


@pytest.mark.parametrize(("frame", "statuses"), [(rt.FRAME, set()), (None, {"emptyReference"})])
def test_fiducials_in_a_frame_need_no_image(served: Served, frame: str | None, statuses: set[str]) -> None:
    marks = rt.plan(None, uid="1.2.92", SOPClassUID=rt.STORAGE + "66.2", Modality="FID")
    marks.FiducialSetSequence = [rt.item() if frame is None else rt.item(FrameOfReferenceUID=frame)]
    found = edges(served, *rt.scan(), marks)
    assert {edge["status"] for (uid, role), edge in found.items() if role == "fiducialsOn"} == statuses


def test_cycle(served: Served) -> None:
    first = rt.plan(uid="1.2.93.1", ReferencedRTPlanSequence=[rt.named(rt.PLAN, "1.2.93.2")])
    second = rt.plan(uid="1.2.93.2", ReferencedRTPlanSequence=[rt.named(rt.PLAN, "1.2.93.1")])
    itself = rt.plan(uid="1.2.93.3", ReferencedRTPlanSequence=[rt.named(rt.PLAN, "1.2.93.3")])
    chain = rt.plan(uid="1.2.93.4", ReferencedRTPlanSequence=[rt.named(rt.PLAN, "1.2.93.1")])
    with_dose = rt.plan(ReferencedDoseSequence=[rt.named(rt.STORAGE + "481.2", rt.DOSES)])
    found = edges(served, *rt.scan(), rt.structure_set(), first, second, itself, chain, with_dose, rt.dose())
    statuses = {uid: edge["status"] for (uid, role), edge in found.items() if role == "plan"}
    assert statuses == {
        "1.2.93.1": "cycle",
        "1.2.93.2": "cycle",
        "1.2.93.3": "cycle",
        "1.2.93.4": "ok",
        rt.DOSES: "ok",
    }
    # a plan and its dose may name each other
    assert found[rt.PLANS, "dose"]["status"] == "ok"


def test_not_indexed(served: Served) -> None:
    """While a study is announced and not read, nothing is said to be missing."""
    images = rt.scan("1.2.3.51")
    held = served.archive.store(images)
    served.ingest.announce(served.archive.study(served.archive.parents(held[0]).study)).result()
    found = edges(served, *rt.scan(), rt.structure_set(), rt.plan("1.2.99"))
    assert status(found, rt.PLANS, "structureSet") == ("notIndexed", 0, 1)


def test_every_status_has_a_test() -> None:
    driven = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    snake = {"".join(f"_{c.lower()}" if c.isupper() else c for c in code) for code in RelationStatus}
    assert {name for name in snake if not any(test.startswith(name) for test in driven)} == set()


def test_numbers_of_regions_beams_and_fraction_groups(served: Served) -> None:
    beams = rt.item(ReferencedFractionGroupNumber=5, ReferencedBeamSequence=[rt.item(ReferencedBeamNumber=7)])
    reference = rt.named(rt.PLAN, rt.PLANS)
    reference.ReferencedFractionGroupSequence = [beams]
    found = edges(
        served, *rt.scan(), rt.structure_set(), rt.dose(ReferencedRTPlanSequence=[reference]),
        rt.plan(DoseReferenceSequence=[rt.item(DoseReferenceNumber=1, ReferencedROINumber=9)]),
    )  # fmt: skip
    assert found[rt.PLANS, "roi"]["detail"] == "ROI 9 is not defined there"
    assert found[rt.DOSES, "beam"]["detail"] == "beam 7 is not defined there"
    assert found[rt.DOSES, "fractionGroup"]["detail"] == "fraction group 5 is not defined there"


def test_pages_hold_everything_once_and_in_one_order(served: Served) -> None:
    served.store(*rt.whole())
    whole = served.ask("GET", "/patients/RT/relations").json
    paged: list[Json] = []
    for offset in range(0, whole["total"], 3):
        paged += served.ask("GET", "/patients/RT/relations", query={"limit": 3, "offset": offset}).json[
            "edges"
        ]
    assert paged == whole["edges"]
    assert [edge["id"] for edge in paged] == sorted(edge["id"] for edge in paged)


def test_objects_of_each_kind_are_read_and_images_are_not(served: Served) -> None:
    """A localizer that an image names is no relation: there are ten million of those."""
    image = classic(
        PatientID="RT", StudyInstanceUID="1.2.60", SeriesInstanceUID="1.2.60.1", SOPInstanceUID="1.2.60.1.1",
        ReferencedImageSequence=[rt.named(MR, "1.2.61")],
    )  # fmt: skip
    kinds = {
        "11.1": "PR",
        "88.59": "KO",
        "88.22": "SR",
        "66.2": "FID",
        "30": "OT",
        "34.7": "PLAN",
        "481.10": "PLAN",
    }
    for number, (suffix, modality) in enumerate(kinds.items()):
        series = rt.item(SeriesInstanceUID=rt.SERIES, ReferencedImageSequence=[rt.named(CT, rt.IMAGES[0])])
        ds = rt.plan(None, uid=f"1.2.62.{number}", SOPClassUID=rt.STORAGE + suffix, Modality=modality)
        ds.SeriesInstanceUID = f"1.2.63.{number}"
        ds.ReferencedSeriesSequence = [series]
        served.store(ds)
    found = edges(served, *rt.scan(), image)
    named = {uid for uid, _ in found}
    assert named == {f"1.2.62.{number}" for number in range(len(kinds))}
    assert {edge["status"] for edge in found.values()} == {"ok"}
    assert found["1.2.62.0", "shown"]["to"] == f"series:{rt.SERIES}"


def test_a_damaged_object_says_so_and_the_others_are_answered(served: Served) -> None:
    stored = served.store(*rt.whole())
    (uid,) = [key for key, ds in served.archive.datasets() if ds.SOPInstanceUID == rt.PLANS and key in stored]
    entry = served.archive.stored[uid]
    entry.file = entry.file[:-10]
    served.ingest.index(uid)
    served.ingest.settle()
    answer = served.ask("GET", "/patients/RT/relations").json
    assert any("cannot be read completely" in problem["text"] for problem in answer["problems"])
