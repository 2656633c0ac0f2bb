"""Groups of series, with their evidence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests.builders import dataset, registration_item
from tests.unit.http.served import Served
from tests.unit.relations import radiotherapy as rt

Json = dict[str, Any]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def workflow(served: Served, *datasets: Dataset) -> dict[str, Json]:
    served.store(*datasets)
    groups = served.ask("GET", "/patients/RT/relations").json["groups"]
    return {group["name"]: group for group in groups if group["kind"] == "workflow"}


def record(day: str, uid: str = "1.2.40.1") -> Dataset:
    return rt.plan(
        None, uid=uid, SOPClassUID=rt.RECORD, Modality="RTRECORD", StudyInstanceUID="1.2.40", SeriesInstanceUID="1.2.40.5",
        TreatmentDate=day, StudyDate=day,
    )  # fmt: skip


def registration(study: str, frame: str, day: str) -> Dataset:
    ds = dataset(
        "1.2.840.10008.5.1.4.1.1.66.1", "REG", Rows=None, Columns=None, ImageType=None, PatientID="RT", PixelData=None,
        StudyInstanceUID=study, SeriesInstanceUID=f"{study}.6", SOPInstanceUID=f"{study}.6.1", StudyDate=day,
        FrameOfReferenceUID=rt.FRAME,
    )  # fmt: skip
    ds.RegistrationSequence = [registration_item(rt.FRAME, 0), registration_item(frame, 3)]
    return ds


def scan(study: str, day: str) -> list[Dataset]:
    made = rt.scan(study, f"{study}.9")
    for ds in made:
        ds.StudyDate = day
    return made


def test_a_whole_course(served: Served) -> None:
    found = workflow(
        served, *rt.whole(), record("20240201"), record("20240301", "1.2.40.2"),
        *scan("1.2.41", "20240215"), registration("1.2.41", "1.2.41.9", "20240215"),
        *scan("1.2.42", "20240216"), *scan("1.2.43", "20240601"),
    )  # fmt: skip
    assert found["planning"]["seriesInstanceUids"] == [f"{rt.STUDY}.{number}" for number in (1, 2, 3, 4)]
    assert "plan intent CURATIVE" in str(found["planning"]["evidence"])
    assert found["treatment"]["seriesInstanceUids"] == ["1.2.40.5"]
    # registered to the planning frame and within the treatment; the other scan of those days is not known to be for it
    assert found["verification"]["seriesInstanceUids"] == ["1.2.41.1"]
    assert found["followUp"]["seriesInstanceUids"] == ["1.2.43.1"]
    assert found["followUp"]["evidence"] == ["after the last day of treatment that is recorded, 2024-03-01"]
    assert "1.2.42.1" in found["unknown"]["seriesInstanceUids"]


@pytest.mark.parametrize("intent", ["VERIFICATION", "MACHINE_QA", "SERVICE", "RESEARCH"])
def test_a_plan_that_treats_nobody_is_no_planning(served: Served, intent: str) -> None:
    found = workflow(served, *rt.scan(), rt.structure_set(), rt.plan(PlanIntent=intent))
    assert "planning" not in found
    assert f"{rt.STUDY}.3" in found["verification"]["seriesInstanceUids"]


def test_without_a_record_nothing_is_a_follow_up(served: Served) -> None:
    found = workflow(served, *rt.whole(), *scan("1.2.43", "20240601"))
    assert "followUp" not in found
    assert "no treatment record" in found["unknown"]["evidence"][0]


def test_broken_links_are_not_followed(served: Served) -> None:
    found = workflow(served, *rt.scan(), rt.structure_set(), rt.plan("1.2.99"), rt.dose("1.2.98"))
    assert found["planning"]["seriesInstanceUids"] == [f"{rt.STUDY}.3"]


def test_by_modality_day_and_frame(served: Served) -> None:
    served.store(*rt.whole(), *scan("1.2.43", "20240601"))
    groups = served.ask("GET", "/patients/RT/relations").json["groups"]
    by_kind: dict[str, dict[str, list[str]]] = {}
    for group in groups:
        by_kind.setdefault(group["kind"], {})[group["name"]] = group["seriesInstanceUids"]
        assert group["evidence"]
    assert set(by_kind["modality"]) == {"CT", "RTSTRUCT", "RTPLAN", "RTDOSE"}
    assert set(by_kind["time"]) == {"2024-01-01", "2024-06-01"}
    assert by_kind["frameOfReference"][rt.FRAME] == [f"{rt.STUDY}.{number}" for number in (1, 2, 3, 4)]


def test_the_list_of_structures_plans_and_treatments(served: Served) -> None:
    served.store(*rt.whole(), record("20240201"))
    listed = served.ask("GET", "/patients/RT/structures", query={"volumes": "true"}).json
    ((target,),) = [each["rois"] for each in listed["structureSets"]]
    assert (target["name"], target["colour"], target["volumeCc"], target["reason"]) == (
        "Target",
        [255, 0, 0],
        3.2,
        None,
    )
    (plan,) = listed["plans"]
    assert (plan["label"], plan["plan"]["fractionGroups"][0]["fractionsPlanned"]) == ("Plan A", 20)
    assert [each["record"]["date"] for each in listed["treatments"]] == ["20240201"]
    without = served.ask("GET", "/patients/RT/structures").json
    assert without["structureSets"][0]["rois"][0]["volumeCc"] is None
