"""Writes a place as Comprehensive 3D SR (PS3.16 TID 1500) with highdicom. Only for the process for reports.

OHIF shows a group with a SCOORD3D point as a probe, with its Comment as the text, and one of two points as a line.
"""

from datetime import datetime
from io import BytesIO

import numpy as np
import pydicom
from highdicom.sr import (
    AlgorithmIdentification,
    Comprehensive3DSR,
    CoordinatesForMeasurement,
    CoordinatesForMeasurement3D,
    DeviceObserverIdentifyingAttributes,
    GraphicTypeValues,
    GraphicTypeValues3D,
    ImageRegion,
    ImageRegion3D,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    RelationshipTypeValues,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from highdicom.sr.coding import CodedConcept
from pydicom import DataElement, Dataset, config
from pydicom.datadict import dictionary_VR
from pydicom.sr.codedict import codes

from longitudinal.dicom.dates import read_timezone
from longitudinal.dicom.reports.statement import (
    ALGORITHM,
    LONGEST_NAME,
    MANUFACTURER,
    SERIES_NUMBER,
    Line,
    PlaceStatement,
    label_of,
    parameters_of,
)

_COMMENT = CodedConcept("121106", "DCM", "Comment")
_LINES = {
    "long": CodedConcept("103339001", "SCT", "Long Axis"),
    "short": CodedConcept("103340004", "SCT", "Short Axis"),
    "length": CodedConcept("410668003", "SCT", "Length"),
}
_PROCEDURE = CodedConcept("363679005", "SCT", "Imaging procedure")
# What highdicom refuses or changes where it violates its VR; copied afterwards as it is.
_COPIED_AFTERWARDS = ("PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName",
                      "StudyID", "AccessionNumber", "PatientID", "IssuerOfPatientID", "PatientIdentityRemoved",
                      "DeidentificationMethod", "StudyDescription", "TimezoneOffsetFromUTC")  # fmt: skip


def write_report(statement: PlaceStatement, reference: Dataset) -> bytes:
    """A report as a DICOM file, ready to be stored.

    Parameters
    ----------
    reference
        The image that the place is stated on: patient and study are copied from it, and it is named as evidence.
    """
    report = MeasurementReport(
        observation_context=_observers(statement),
        procedure_reported=_PROCEDURE,
        imaging_measurements=[_group(statement, reference)],
        title=codes.DCM.ImagingMeasurementReport,
    )
    written = _local_time(statement.written_at, reference)
    series_name = " ".join(f"Place: {statement.name}".replace("\\", "/").split())
    dataset = Comprehensive3DSR(
        evidence=[_evidence(reference)],
        content=report,
        series_number=SERIES_NUMBER,
        series_instance_uid=statement.series_instance_uid,
        sop_instance_uid=statement.sop_instance_uid,
        instance_number=statement.instance_number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MANUFACTURER,
        device_serial_number="1",
        software_versions=statement.software_versions,
        series_description=series_name[:LONGEST_NAME].rstrip(),
        content_date=written.date(),
        content_time=written.time(),
        series_date=written.date(),
        series_time=written.time(),
        specific_character_set="ISO_IR 192",
        is_complete=True,
        is_final=True,
    )
    _reference_evidence(dataset, reference)
    _copy_patient_and_study(dataset, reference)
    dataset.ObservationDateTime = datetime.fromisoformat(statement.observed_at).strftime("%Y%m%d%H%M%S.%f%z")
    dataset.AuthorObserverSequence = [_author(statement.author)]
    file = BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def _observers(statement: PlaceStatement) -> ObservationContext:
    if statement.mapping is None:
        person = PersonObserverIdentifyingAttributes(name=f"{statement.observer}^")
        return ObservationContext(
            observer_person_context=ObserverContext(
                observer_type=codes.DCM.Person, observer_identifying_attributes=person
            )
        )
    device = DeviceObserverIdentifyingAttributes(
        uid=statement.device_uid, name=MANUFACTURER, manufacturer_name=MANUFACTURER, model_name=MANUFACTURER
    )
    return ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
    )


def _author(name: str) -> Dataset:
    """An identified person (PS3.3 C.17.2.5)."""
    author = Dataset()
    author.ObserverType = "PSN"
    author.PersonName = f"{name}^"
    author.PersonIdentificationCodeSequence = []
    author.InstitutionName = ""
    author.InstitutionCodeSequence = []
    return author


_Group = PlanarROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations


def _group(statement: PlaceStatement, reference: Dataset) -> _Group:
    tracking = TrackingIdentifier(uid=statement.tracking_uid, identifier=statement.name)
    algorithm = None
    if statement.mapping is not None:
        algorithm = AlgorithmIdentification(
            ALGORITHM, statement.software_versions, parameters_of(statement.mapping)
        )
    (first, *_) = statement.lines
    if first.axis == "point":
        group: _Group = PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking, referenced_region=_region(statement, first, reference), algorithm_id=algorithm
        )
    else:
        group = MeasurementsAndQualitativeEvaluations(
            tracking, algorithm_id=algorithm,
            measurements=[_measurement(statement, line, reference) for line in statement.lines],
        )  # fmt: skip
    comment = TextContentItem(
        name=_COMMENT,
        value=label_of(statement.name, statement.mapping),
        relationship_type=RelationshipTypeValues.CONTAINS,
    )
    group[0].ContentSequence.append(comment)
    return group


def _region(statement: PlaceStatement, line: Line, reference: Dataset) -> ImageRegion | ImageRegion3D:
    points = np.array(line.points, dtype=np.float64)
    if statement.frame_of_reference_uid is not None:
        return ImageRegion3D(GraphicTypeValues3D.POINT, points, statement.frame_of_reference_uid)
    image = SourceImageForRegion(
        reference.SOPClassUID, reference.SOPInstanceUID, _frames(statement, reference)
    )
    return ImageRegion(GraphicTypeValues.POINT, points, image)


def _measurement(statement: PlaceStatement, line: Line, reference: Dataset) -> Measurement:
    points = np.array(line.points, dtype=np.float64)
    if statement.frame_of_reference_uid is not None:
        coordinates: CoordinatesForMeasurement | CoordinatesForMeasurement3D = CoordinatesForMeasurement3D(
            GraphicTypeValues3D.POLYLINE, points, statement.frame_of_reference_uid
        )
    else:
        image = SourceImageForRegion(
            reference.SOPClassUID, reference.SOPInstanceUID, _frames(statement, reference)
        )
        coordinates = CoordinatesForMeasurement(GraphicTypeValues.POLYLINE, points, image)
    return Measurement(
        name=_LINES[line.axis],
        value=float(line.stated_mm or 0.0),
        unit=codes.UCUM.Millimeter,
        referenced_coordinates=[coordinates],
    )


def _frames(statement: PlaceStatement, reference: Dataset) -> list[int] | None:
    return [statement.frame_number] if int(reference.get("NumberOfFrames") or 1) > 1 else None


def _evidence(reference: Dataset) -> Dataset:
    """What highdicom reads of an image, without any value that it might refuse."""
    evidence = Dataset()
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"):
        setattr(evidence, keyword, str(reference.get(keyword, "")))
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
                    "StudyTime"):  # fmt: skip
        setattr(evidence, keyword, "")
    return evidence


def _reference_evidence(dataset: Dataset, reference: Dataset) -> None:
    """Name the image as evidence (PS3.3 C.17.2), also where no content item refers to it."""
    image, series, study = Dataset(), Dataset(), Dataset()
    image.ReferencedSOPClassUID = str(reference.SOPClassUID)
    image.ReferencedSOPInstanceUID = str(reference.SOPInstanceUID)
    series.ReferencedSOPSequence, series.SeriesInstanceUID = [image], str(reference.SeriesInstanceUID)
    study.ReferencedSeriesSequence, study.StudyInstanceUID = [series], str(reference.StudyInstanceUID)
    dataset.CurrentRequestedProcedureEvidenceSequence = [study]
    if "PertinentOtherEvidenceSequence" in dataset:
        del dataset.PertinentOtherEvidenceSequence


def _copy_patient_and_study(dataset: Dataset, reference: Dataset) -> None:
    """Copy unchanged: a value that violates its VR must not prevent the report."""
    for keyword in _COPIED_AFTERWARDS:
        value = reference.get(keyword)
        if value is not None:
            dataset[keyword] = DataElement(
                keyword, dictionary_VR(keyword), value, validation_mode=config.IGNORE
            )


def _local_time(written_at: str, reference: Dataset) -> datetime:
    """In the zone that the study states, otherwise that of this machine."""
    moment = datetime.fromisoformat(written_at)
    zone = read_timezone(str(reference.get("TimezoneOffsetFromUTC") or ""))
    return moment.astimezone(zone)
