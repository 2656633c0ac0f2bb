"""Reports of any software read, and those of the plugin written: highdicom writes what others would, and reads ours."""

import struct
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import highdicom.sr as sr
import numpy as np
import pydicom
import pytest
from highdicom.sr.coding import CodedConcept
from msgspec.structs import replace
from pydicom import Dataset
from pydicom.sr.codedict import codes

from longitudinal.dicom.reports.group import ReportedGroup
from longitudinal.dicom.reports.reader import TooManyGroups, read_report
from longitudinal.dicom.reports.statement import Line, Mapping, PlaceStatement
from longitudinal.dicom.reports.writer import write_report
from longitudinal.reasons import PlaceFault
from tests.builders import classic

FRAME = "1.2.826.0.1.3680043.8.498.1"
POINT = np.array([[1.5, -2.25, 3.125]])
POLYLINE, ELLIPSE = sr.GraphicTypeValues3D.POLYLINE, sr.GraphicTypeValues3D.ELLIPSE
LONG, SHORT, LENGTH = (
    CodedConcept("103339001", "SCT", "Long Axis"),
    CodedConcept("G-A186", "SRT", "Short Axis"),
    CodedConcept("G-D7FE", "SRT", "Length"),
)
TWO = np.array([[0.0, 0, 0], [10, 0, 0]])
ACROSS = np.array([[5.0, 0, 0], [5, 4, 0]])


def region(kind: sr.GraphicTypeValues3D, points: Any) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(uid="2.25.77", identifier="L1"),
        referenced_region=sr.ImageRegion3D(kind, np.asarray(points, dtype=float), FRAME),
    )


def measured(
    *lines: tuple[CodedConcept, Any, float], identifier: str = "L1"
) -> sr.MeasurementsAndQualitativeEvaluations:
    return sr.MeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(uid="2.25.77", identifier=identifier),
        measurements=[
            sr.Measurement(
                concept, value, codes.UCUM.Centimeter,
                referenced_coordinates=[sr.CoordinatesForMeasurement3D(POLYLINE, np.asarray(points, dtype=float), FRAME)],
            )
            for concept, points, value in lines
        ],
    )  # fmt: skip


def theirs(*groups: Any, image: Dataset | None = None) -> Dataset:
    """A report of another software."""
    person = sr.PersonObserverIdentifyingAttributes(name="Reader^Rita")
    report = sr.MeasurementReport(
        sr.ObservationContext(observer_person_context=sr.ObserverContext(codes.DCM.Person, person)),
        codes.LN.CTUnspecifiedBodyRegion, list(groups), title=codes.DCM.ImagingMeasurementReport,
    )  # fmt: skip
    image = image or classic(FrameOfReferenceUID=FRAME)
    for keyword in ("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "PatientBirthDate", "PatientSex"):
        setattr(image, keyword, image.get(keyword, ""))
    dataset = sr.Comprehensive3DSR(
        [image], report, "2.25.1001", 1, "2.25.1002", 1, manufacturer="Other", is_complete=True
    )
    file = BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return pydicom.dcmread(BytesIO(file.getvalue()))


def only(dataset: Dataset) -> ReportedGroup:
    (group,) = read_report(dataset).groups
    return group


def test_a_point_with_who_and_when() -> None:
    report = read_report(theirs(region(sr.GraphicTypeValues3D.POINT, POINT)))
    (group,) = report.groups
    assert (report.observer, report.manufacturer, report.is_own) == ("Reader Rita", "Other", False)
    assert report.written_at is not None
    assert (group.name, group.tracking_uid, group.kind) == ("L1", "2.25.77", "point")
    assert group.lines == (Line("point", ((1.5, -2.25, 3.125),)),)
    assert group.frame_of_reference_uid == FRAME


def test_diameters_in_millimetres_long_axis_first() -> None:
    group = only(theirs(measured((SHORT, ACROSS, 0.4), (LONG, TWO, 1.0))))
    assert group.kind == "diameters"
    assert [(line.axis, line.stated_mm) for line in group.lines] == [("long", 10.0), ("short", 4.0)]
    (line,) = only(theirs(measured((LENGTH, TWO, 1.0)))).lines
    assert line.axis == "length"


def test_the_name_of_a_tool_is_no_name() -> None:
    group = only(theirs(measured((LENGTH, TWO, 1.0), identifier="Cornerstone3DTools@^0.1.0:Length")))
    assert group.name == ""


@pytest.mark.parametrize(
    ("group", "fault"),
    [
        (region(ELLIPSE, [[0, 0, 0], [4, 0, 0], [2, 1, 0], [2, -1, 0]]), PlaceFault.UNKNOWN_SHAPE),
        (region(sr.GraphicTypeValues3D.POLYGON, [[0, 0, 0], [4, 0, 0], [2, 1, 0], [0, 0, 0]]), PlaceFault.UNKNOWN_SHAPE),
        (measured((LENGTH, TWO, 1.0), (LENGTH, ACROSS, 0.4)), PlaceFault.UNKNOWN_SHAPE),
        (measured((LONG, TWO, 1), (SHORT, ACROSS, 1), (LENGTH, TWO, 1)), PlaceFault.UNKNOWN_SHAPE),
    ],
)  # fmt: skip
def test_a_shape_that_is_no_place(group: Any, fault: PlaceFault) -> None:
    found = only(theirs(group))
    assert (found.refusal, found.lines) == (fault, ())
    assert found.detail


def coordinates_of(report: Dataset) -> Dataset:
    groups = list(report.ContentSequence[-1].ContentSequence)
    return next(item for item in groups[0].ContentSequence if item.ValueType == "SCOORD3D")


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ([1.0, float("nan"), 2.0], PlaceFault.BAD_COORDINATES),
        ([1.0, float("inf"), 2.0], PlaceFault.BAD_COORDINATES),
        ([1.0, 1e30, 2.0], PlaceFault.BAD_COORDINATES),
        ([1.0, 2.0], PlaceFault.BAD_COORDINATES),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], PlaceFault.UNKNOWN_SHAPE),
    ],
)
def test_coordinates_that_are_none(values: list[float], fault: PlaceFault) -> None:
    report = theirs(region(sr.GraphicTypeValues3D.POINT, POINT))
    coordinates_of(report).GraphicData = values
    assert only(report).refusal == fault


def test_a_point_without_a_frame_of_reference() -> None:
    report = theirs(region(sr.GraphicTypeValues3D.POINT, POINT))
    del coordinates_of(report).ReferencedFrameOfReferenceUID
    assert only(report).refusal == PlaceFault.NO_FRAME_UID


def test_a_report_without_coordinates_states_no_place() -> None:
    report = theirs(region(sr.GraphicTypeValues3D.POINT, POINT))
    del report.ContentSequence
    assert read_report(report).groups == ()


def test_a_thousand_points_are_a_thousand_places_and_too_many_are_refused() -> None:
    report = theirs(region(sr.GraphicTypeValues3D.POINT, POINT))
    measurements = report.ContentSequence[-1]
    measurements.ContentSequence = [measurements.ContentSequence[0]] * 1_000
    groups = read_report(report).groups
    assert [group.number for group in groups] == list(range(1, 1_001))
    measurements.ContentSequence = [measurements.ContentSequence[0]] * 2_001
    with pytest.raises(TooManyGroups):
        read_report(report)


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    report = theirs(region(sr.GraphicTypeValues3D.POINT, POINT))
    inner = report.ContentSequence[-1]
    for _ in range(300):
        outer = Dataset()
        outer.ValueType, outer.ContentSequence = "CONTAINER", [inner]
        inner = outer
    report.ContentSequence = [inner]
    with pytest.raises(RecursionError):
        read_report(report)


def statement(**more: Any) -> PlaceStatement:
    now = datetime.now(UTC).isoformat()
    given = PlaceStatement(
        "2.25.77", "seg VII", (Line("point", ((1.5, -2.25, 3.125),)),), FRAME, 1, "2.25.1", "2.25.2", 3, "ann", now, "bob",
        now, "0.1", "2.25.9",
    )  # fmt: skip
    return replace(given, **more)


def written(given: PlaceStatement, **image: Any) -> Dataset:
    return pydicom.dcmread(BytesIO(write_report(given, classic(FrameOfReferenceUID=FRAME, **image))))


@pytest.mark.parametrize(
    "mapping",
    [
        None,
        Mapping(("1.2.3.2", "1.2.4.2"), 1.25, "1.2.9", (1.0, 2.0, 3.0), "ann"),
        Mapping((), None, "1.2.9", (0.1, 0.2, 0.3)),
    ],
)
@pytest.mark.parametrize("name", ["seg VII", "<b>Läsion</b> & 病変", "a\\b^c=d", "x" * 64])
def test_written_and_read_back(name: str, mapping: Mapping | None) -> None:
    given = statement(name=name, mapping=mapping, observer="" if mapping else "ann")
    report = read_report(written(given))
    (group,) = report.groups
    assert (report.is_own, report.instance_number, report.written_at) == (True, 3, given.observed_at)
    assert (group.name, group.mapping, group.lines) == (name, mapping, given.lines)
    assert report.observer == ("orthanc-longitudinal" if mapping else "ann")


def test_values_of_the_image_that_violate_their_vr_do_not_prevent_a_report() -> None:
    report = written(
        statement(), PatientSex="X", PatientBirthDate="19500230", StudyTime="25:61", PatientName="Ünlü^Ayşe",
        SpecificCharacterSet="ISO_IR 192",
    )  # fmt: skip
    assert (report.PatientSex, str(report.PatientBirthDate), str(report.PatientName)) == (
        "X",
        "19500230",
        "Ünlü^Ayşe",
    )


def test_pixels_of_a_multi_frame_image_name_the_frame() -> None:
    lines = (Line("long", ((1.5, 2.5), (11.5, 2.5)), 10.0), Line("short", ((5.5, 2.5), (5.5, 6.5)), 4.0))
    (group,) = read_report(
        written(statement(frame_of_reference_uid=None, lines=lines, frame_number=7), NumberOfFrames=9)
    ).groups
    assert (group.kind, group.lines, group.frame_number) == ("diameters", lines, 7)
    assert group.image_uid


def test_a_file_cut_short_is_read_as_far_as_pydicom_does_or_raises() -> None:
    file = write_report(statement(), classic(FrameOfReferenceUID=FRAME))
    for length in range(400, len(file), 97):
        try:
            groups = read_report(pydicom.dcmread(BytesIO(file[:length]))).groups
        except (Exception, struct.error):
            continue
        assert all(group.refusal or group.lines for group in groups)
