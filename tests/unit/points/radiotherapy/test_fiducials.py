"""Fiducials as places: where they are, and for each bad input the reason and no place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from longitudinal.reasons import FiducialReason
from tests.builders import CT, change, dataset, registration_item
from tests.unit.http.served import Served
from tests.unit.relations import radiotherapy as rt

Json = dict[str, Any]
STORED = "1.2.3.50.7.1"
PICTURE = "1.2.3.50.11.1"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def fiducials(*sets: Dataset, uid: str = STORED, **more: Any) -> Dataset:
    ds = dataset(
        "1.2.840.10008.5.1.4.1.1.66.2", "FID", PatientID="RT", StudyInstanceUID=rt.STUDY, SeriesInstanceUID=f"{rt.STUDY}.7",
        SOPInstanceUID=uid, StudyDate="20240101", Rows=None, Columns=None, ImageType=None, PixelData=None,
        FrameOfReferenceUID=None, ContentLabel="MARKS",
    )  # fmt: skip
    ds.FiducialSetSequence = list(sets)
    return change(ds, more)


def a_set(*marks: Dataset, frame: str | None = rt.FRAME, images: tuple[str, ...] = ()) -> Dataset:
    made = rt.item(FiducialSequence=list(marks))
    if frame is not None:
        made.FrameOfReferenceUID = frame
    if images:
        made.ReferencedImageSequence = [rt.named(CT, image) for image in images]
    return made


def mark(data: tuple[object, ...] | None = (1.5, 2.25, 2.5), shape: str = "POINT", **more: Any) -> Dataset:
    ds = rt.item(FiducialIdentifier="N", ShapeType=shape, **more)
    if data is not None:
        ds.ContourData, ds.NumberOfContourPoints = [str(value) for value in data], len(data) // 3
    return ds


def on_image(image: str, *pixels: float, frame: int | None = None) -> Dataset:
    reference = rt.named(CT, image)
    if frame is not None:
        reference.ReferencedFrameNumber = frame
    return rt.item(GraphicData=list(pixels), ReferencedImageSequence=[reference])


def listed(served: Served, **query: object) -> list[Json]:
    answer = served.ask("GET", "/patients/RT/fiducials", query=query)
    assert answer.status == 200, answer.json
    found: list[Json] = answer.json["points"]
    return found


def test_a_point_in_a_frame_says_who_it_is_and_where(served: Served) -> None:
    code = rt.item(CodeValue="110", CodingSchemeDesignator="99", CodeMeaning="Nasion")
    made = mark(FiducialIdentifierCodeSequence=[code], FiducialDescription="between the eyes", FiducialUID="1.2.3.4.5",
                ContourUncertaintyRadius=0.5)  # fmt: skip
    served.store(*rt.scan(), fiducials(a_set(mark(), made)))
    first, second = listed(served)
    assert (first["x"], first["y"], first["z"], first["reason"]) == (1.5, 2.25, 2.5, None)
    assert (second["name"], second["meaning"], second["description"]) == ("N", "Nasion", "between the eyes")
    assert (second["fiducialUid"], second["statedUncertaintyMm"], second["frameOfReferenceUid"]) == (
        "1.2.3.4.5",
        0.5,
        rt.FRAME,
    )
    assert [(one["kind"], one["setNumber"], one["number"]) for one in (first, second)] == [
        ("fiducial", 1, 1),
        ("fiducial", 1, 2),
    ]
    # the place is a question as any other
    place = {name: first[name] for name in ("frameOfReferenceUid", "x", "y", "z")}
    matches = served.ask("POST", "/points/resolve", {"patientId": "RT", **place}).json["matches"]
    assert [match["sopInstanceUid"] for match in matches] == [rt.IMAGES[1]]


def test_a_mark_on_an_image_is_where_its_pixel_is(served: Served) -> None:
    # the corner of the first pixel is (0, 0), so its centre, which is at the position of the image, is (0.5, 0.5)
    graphics = [on_image(rt.IMAGES[2], 7.5, 3.0)]
    marked = rt.item(FiducialIdentifier="A", ShapeType="POINT", GraphicCoordinatesDataSequence=graphics)
    served.store(*rt.scan(), fiducials(a_set(marked, frame=None, images=(rt.IMAGES[2],))))
    (found,) = listed(served)
    assert [found["x"], found["y"], found["z"]] == pytest.approx([7.0, 2.5, 4.0])
    assert found["image"] == {"sopInstanceUid": rt.IMAGES[2], "frameNumber": 1}
    assert found["frameOfReferenceUid"] == rt.FRAME


def test_points_of_a_structure_set(served: Served) -> None:
    points = [rt.contour(2.0, (20.0, 21.0), kind="POINT"), rt.contour(4.0, (22.0, 23.0), kind="POINT")]
    served.store(*rt.scan(), rt.structure_set(points), rt.structure_set(uid="1.2.3.50.2.2"))
    first, second = listed(served)
    assert (first["kind"], first["name"], first["roiNumber"], first["colour"]) == (
        "roi",
        "Target",
        1,
        [255, 0, 0],
    )
    assert [(one["x"], one["y"], one["z"], one["number"]) for one in (first, second)] == [
        (20, 21, 2, 1),
        (22, 23, 4, 2),
    ]


def test_a_frame_without_images_that_a_registration_leads_from(served: Served) -> None:
    ds = dataset(
        "1.2.840.10008.5.1.4.1.1.66.1", "REG", Rows=None, Columns=None, ImageType=None, PatientID="RT", PixelData=None,
        StudyInstanceUID=rt.STUDY, SeriesInstanceUID=f"{rt.STUDY}.6", SOPInstanceUID=f"{rt.STUDY}.6.1",
        FrameOfReferenceUID=rt.FRAME, Manufacturer="Other",
    )  # fmt: skip
    ds.RegistrationSequence = [registration_item(rt.FRAME, 0), registration_item("1.2.9.9", 3)]
    served.store(*rt.scan(), ds, fiducials(a_set(mark((17, 20, 2)), frame="1.2.9.9")))
    (found,) = listed(served)
    assert (found["x"], found["reason"]) == (17, None)
    place = {name: found[name] for name in ("frameOfReferenceUid", "x", "y", "z")}
    (match,) = served.ask("POST", "/points/resolve", {"patientId": "RT", **place}).json["matches"]
    assert (match["x"], match["path"]) == (20, [f"{rt.STUDY}.6.1.2"])


def _picture() -> Dataset:
    """A projection."""
    return dataset(
        "1.2.840.10008.5.1.4.1.1.1.1", "DX", PatientID="RT", StudyInstanceUID=rt.STUDY, SeriesInstanceUID=f"{rt.STUDY}.11",
        SOPInstanceUID=PICTURE, StudyDate="20240101",
    )  # fmt: skip


def drawn(*places: Dataset, shape: str = "POINT") -> Dataset:
    return fiducials(
        a_set(rt.item(ShapeType=shape, FiducialIdentifier="N", GraphicCoordinatesDataSequence=list(places)))
    )


BAD = [
    ("notAPoint", fiducials(a_set(mark((1, 2, 3, 4, 5, 6), "LINE")))),
    ("notAPoint", fiducials(a_set(mark((1, 2, 3), "RULER")))),
    ("notAPoint", drawn(on_image(rt.IMAGES[0], 1, 1), on_image(rt.IMAGES[1], 1, 1))),
    ("notAPoint", drawn(on_image(rt.IMAGES[0], 1, 1, 4, 4))),
    ("notAPoint", rt.structure_set([rt.contour(0.0, (1.0, 1.0, 2.0, 2.0), kind="POINT")])),
    ("noCoordinates", fiducials(a_set(mark(None)))),
    ("badCoordinates", fiducials(a_set(mark((1, 2))))),
    ("badCoordinates", fiducials(a_set(mark(("1e9", "0", "0"))))),
    ("badCoordinates", drawn(on_image(rt.IMAGES[0], 1, 1, 4))),
    ("badCoordinates", drawn(on_image(rt.IMAGES[0], float("nan"), 1))),
    ("badCoordinates", rt.structure_set([rt.contour(0.0, (1e9, 1.0), kind="POINT")])),
    ("noFrame", fiducials(a_set(mark(), frame=None))),
    ("noFrame", rt.structure_set([rt.contour(0.0, (1.0, 1.0), kind="POINT")], ReferencedFrameOfReferenceSequence=[],
                                 StructureSetROISequence=[rt.item(ROINumber=1, ROIName="P")])),
    ("unknownFrame", fiducials(a_set(mark(), frame="1.2.99.5"))),
    ("unknownImage", drawn(on_image("1.2.99.6", 1, 1))),
    ("noGeometry", drawn(on_image(PICTURE, 1, 1))),
    ("noGeometry", drawn(on_image(rt.IMAGES[0], 1, 1, frame=2))),
    ("otherPatient", fiducials(a_set(mark(), frame="1.2.90.9"))),
    ("otherPatient", drawn(on_image("1.2.90.1.1", 1, 1))),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "ds"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_no_place_says_why(served: Served, reason: str, ds: Dataset) -> None:
    served.store(*rt.scan("1.2.90", "1.2.90.9", "Somebody else"), *rt.scan(), _picture(), ds)
    found = listed(served)
    assert found[0]["reason"] == reason, found
    assert all((one["x"], one["y"], one["z"]) == (None, None, None) for one in found)


def test_a_damaged_object_is_unreadable(served: Served) -> None:
    (stored,) = served.store(fiducials(a_set(mark())))
    served.store(*rt.scan())
    entry = served.archive.stored[stored]
    entry.file = entry.file[: entry.file.index(b"POINT")]
    (found,) = listed(served)
    assert (found["reason"], found["x"], found["sopInstanceUid"]) == ("unreadable", None, STORED)


def test_pages_and_an_object_that_is_gone(served: Served) -> None:
    served.store(*rt.scan(), fiducials(a_set(*(mark((n, 0, 0)) for n in range(5)))))
    answer = served.ask("GET", "/patients/RT/fiducials", query={"limit": 2, "offset": 3}).json
    assert (answer["total"], [one["x"] for one in answer["points"]]) == (5, [3, 4])
    stored = {ds.SOPInstanceUID: key for key, ds in served.archive.datasets()}
    served.archive.delete(stored[STORED])  # behind the plugin's back
    assert listed(served) == []


def test_every_reason_has_a_test() -> None:
    assert {reason for reason, _ in BAD} | {"unreadable"} == set(FiducialReason)
