"""Treatments and portal images on the time axis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests.builders import change
from tests.unit.http.served import Served
from tests.unit.relations import radiotherapy as rt

Json = dict[str, Any]
COURSE = "1.2.40"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def beam(
    fraction: int | None, number: int = 1, termination: str = "NORMAL", delivery: str = "TREATMENT"
) -> Dataset:
    made = rt.item(
        ReferencedBeamNumber=number, BeamName="AP", TreatmentTerminationStatus=termination,
        TreatmentDeliveryType=delivery, SpecifiedPrimaryMeterset="100", DeliveredPrimaryMeterset="98.5",
    )  # fmt: skip
    if fraction is not None:
        made.CurrentFractionNumber = fraction
    return made


def record(
    number: int, day: str | None, beams: list[Dataset], plan: str | None = rt.PLANS, **more: Any
) -> Dataset:
    ds = rt.plan(
        None, uid=f"{COURSE}.{number}", SOPClassUID=rt.RECORD, Modality="RTRECORD", StudyInstanceUID=COURSE,
        SeriesInstanceUID=f"{COURSE}.5", TreatmentDate=day, TreatmentTime="103000", StudyDate="20240201",
        FractionGroupSequence=None, BeamSequence=None, DoseReferenceSequence=None, RTPlanLabel=None, PlanIntent=None,
        TreatmentSessionBeamSequence=beams,
    )  # fmt: skip
    if plan is not None:
        ds.ReferencedRTPlanSequence = [rt.named(rt.PLAN, plan)]
    return change(ds, more)


def portal(number: int, **more: Any) -> Dataset:
    ds = rt.scan(COURSE, None)[0]
    reference = [rt.named(rt.PLAN, rt.PLANS)]
    return change(
        ds,
        {
            "SOPClassUID": rt.RT_IMAGE, "Modality": "RTIMAGE", "SeriesInstanceUID": f"{COURSE}.7",
            "SOPInstanceUID": f"{COURSE}.7.{number}", "ImageType": ["ORIGINAL", "PRIMARY", "PORTAL"],
            "RTImageLabel": "AP portal",
            "AcquisitionDate": "20240202", "AcquisitionTime": "103100", "FractionNumber": 2, "ReferencedBeamNumber": 1,
            "GantryAngle": "180", "ReferencedRTPlanSequence": reference, "ImagePositionPatient": None,
            "ImageOrientationPatient": None, "PixelSpacing": None, **more,
        },
    )  # fmt: skip


def lists(served: Served, *datasets: Dataset) -> Json:
    served.store(*rt.scan(), *datasets)
    return dict(served.ask("GET", "/patients/RT/structures").json)


def test_treatments_in_the_order_of_their_own_days(served: Served) -> None:
    found = lists(
        served, rt.plan(None), record(1, "20240202", [beam(2)]),
        record(2, "20240201", [beam(1), beam(1, 7, delivery="SETUP")]),
        record(3, None, [beam(None)], "1.2.98"),
    )["treatments"]  # fmt: skip
    assert [(one["date"], one["dateTime"], one["fractionNumbers"]) for one in found] == [
        ("2024-02-01", "2024-02-01T10:30:00", [1]), ("2024-02-02", "2024-02-02T10:30:00", [2]), (None, None, []),
    ]  # fmt: skip
    first, _, last = found
    assert (first["planSopInstanceUid"], first["planLabel"], first["fractionsPlanned"]) == (
        rt.PLANS,
        "Plan A",
        20,
    )
    # the plan is not here: it is named, and nothing is made up of it
    assert (last["planSopInstanceUid"], last["planLabel"], last["fractionsPlanned"]) == ("1.2.98", None, None)
    treated, setup = first["record"]["beams"]
    assert (treated["number"], treated["name"], treated["deliveredMeterset"], treated["specifiedMeterset"]) == (
        1, "AP", 98.5, 100,
    )  # fmt: skip
    assert (setup["number"], setup["delivery"]) == (7, "SETUP")


def test_a_portal_image_has_its_own_day(served: Served) -> None:
    found = lists(
        served, rt.plan(None), portal(1), portal(2, AcquisitionDate=None, AcquisitionTime=None, ContentDate="20240203"),
        portal(3, AcquisitionDate=None, ReferencedBeamNumber=9, ImageType=["DERIVED", "SECONDARY", "DRR"]),
    )["portalImages"]  # fmt: skip
    assert [(one["date"], one["dateSource"], one["image"]["kind"]) for one in found] == [
        ("2024-02-02", "acquisition", "PORTAL"), ("2024-02-03", "content", "PORTAL"), (None, None, "DRR"),
    ]  # fmt: skip
    first, _, last = found
    assert (first["image"]["fractionNumber"], first["fractionsPlanned"], first["beamName"]) == (2, 20, "AP")
    assert (first["image"]["gantryAngle"], first["label"], first["planLabel"]) == (180, "AP portal", "Plan A")
    assert last["beamName"] == ""  # the plan has no such beam


def test_a_course_counts_what_was_recorded(served: Served) -> None:
    (course,) = lists(
        served, rt.plan(None), portal(1),
        record(1, "20240201", [beam(1), beam(1, 2)]), record(2, "20240202", [beam(2, termination="MACHINE")]),
        record(3, "20240203", [beam(3, termination="OPERATOR")]), record(4, "20240204", [beam(3, delivery="CONTINUATION")]),
        record(5, "20240205", [beam(4, delivery="SETUP")]),
    )["courses"]  # fmt: skip
    assert (course["planSopInstanceUid"], course["planLabel"], course["intent"]) == (
        rt.PLANS,
        "Plan A",
        "CURATIVE",
    )
    assert (course["firstDate"], course["lastDate"], len(course["dates"])) == ("2024-02-01", "2024-02-05", 5)
    assert (course["treatments"], course["portalImages"]) == (5, 1)
    # the third fraction was taken up again, the second was not; a setup is no fraction
    assert course["fractions"] == [
        {"number": 1, "planned": 20, "recorded": [1, 2, 3], "interrupted": [2], "delivered": None}
    ]


def test_a_summary_states_what_was_delivered(served: Served) -> None:
    days = [rt.item(ReferencedFractionNumber=n, TreatmentDate=f"2024020{n}") for n in (1, 2, 3)]
    summary = rt.item(ReferencedFractionGroupNumber=1, NumberOfFractionsPlanned=25, NumberOfFractionsDelivered=3,
                      FractionStatusSummarySequence=days)  # fmt: skip
    stored = record(
        9, None, [], SOPClassUID="1.2.840.10008.5.1.4.1.1.481.7", FractionGroupSummarySequence=[summary],
        FirstTreatmentDate="20240201", MostRecentTreatmentDate="20240203",
    )  # fmt: skip
    found = lists(served, rt.plan(None), stored)
    (course,) = found["courses"]
    # of the planned ones the plan's own number counts
    assert course["fractions"] == [
        {"number": 1, "planned": 20, "recorded": [], "interrupted": [], "delivered": 3}
    ]
    assert course["dates"] == ["2024-02-01", "2024-02-02", "2024-02-03"]
    assert [(one["date"], one["dateTime"]) for one in found["treatments"]] == [("2024-02-03", "2024-02-03")]


def test_without_the_plan_the_record_says_how_many_are_planned(served: Served) -> None:
    (course,) = lists(served, record(1, "20240201", [beam(1)], "1.2.98", NumberOfFractionsPlanned=30))[
        "courses"
    ]
    assert (course["planSopInstanceUid"], course["planLabel"]) == ("1.2.98", None)
    assert course["fractions"] == [
        {"number": None, "planned": 30, "recorded": [1], "interrupted": [], "delivered": None}
    ]


def test_a_record_that_names_no_plan_is_a_course_of_its_own(served: Served) -> None:
    courses = lists(served, rt.plan(None), record(1, "20240201", [beam(1)], None))["courses"]
    assert [(one["planSopInstanceUid"], one["treatments"]) for one in courses] == [(None, 1), (rt.PLANS, 0)]


def test_the_groups_tell_the_days_and_fractions(served: Served) -> None:
    served.store(*rt.scan(), rt.plan(None), portal(1), record(1, "20240201", [beam(1)]))
    groups = served.ask("GET", "/patients/RT/relations").json["groups"]
    found = {one["name"]: one["evidence"] for one in groups if one["kind"] == "workflow"}
    assert found["treatment"] == ["a treatment record of 2024-02-01, fraction 1"]
    assert found["verification"] == ["an RT Image (PORTAL) of 2024-02-02, fraction 2"]
