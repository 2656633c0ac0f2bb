"""The patients that every route is driven with."""

from typing import Any

from pydicom.dataset import Dataset

from tests.builders import CT, SECONDARY_CAPTURE, classic, dataset, dose, registration_item
from tests.unit.http.served import Served

FIRST, SECOND, THIRD, TWICE = "1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.4.1"
"""StudyInstanceUIDs: three of patient P, the third with nothing that joins it; and one that two patients have."""
IMAGE, PICTURE, DOSE, IMAGE_TWICE = "1.2.3.1.1.1", "1.2.3.3.8.1", "1.2.3.3.7.1", "1.2.4.1.1.1"
"""SOP Instance UIDs."""
FRAMES = [f"1.2.3.{number}.9" for number in (1, 2, 3)]
REGISTRATION, REGISTRATION_TWICE = "1.2.3.2.6.1", "1.2.4.1.6.1"


def scan(study: str, number: int, patient: str = "P", **more: Any) -> list[Dataset]:
    """Four axial slices 2 mm apart."""
    return [
        classic(
            (0, 0, 2.0 * slice_), SOPClassUID=CT, Modality="CT", PatientID=patient, StudyInstanceUID=study,
            SeriesInstanceUID=f"{study}.1", SOPInstanceUID=f"{study}.1.{slice_ + 1}", FrameOfReferenceUID=f"{study}.9",
            StudyDate=f"{2019 + number}0101", SeriesNumber=1, InstanceNumber=slice_ + 1, SliceThickness=2.0, **more,
        )
        for slice_ in range(4)
    ]  # fmt: skip


def registration(study: str, target: str, source: str, **more: Any) -> Dataset:
    """Another's registration object: source points are 3 mm further left in the target."""
    ds = dataset(
        "1.2.840.10008.5.1.4.1.1.66.1", "REG", Rows=None, Columns=None, ImageType=None, StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.6", SOPInstanceUID=f"{study}.6.1", FrameOfReferenceUID=target, Manufacturer="Other",
        **more,
    )  # fmt: skip
    ds.RegistrationSequence = [registration_item(target, 0), registration_item(source, 3)]
    return ds


def admit(served: Served) -> None:
    """Store them all."""
    third = {"PatientID": "P", "StudyInstanceUID": THIRD, "StudyDate": "20220101"}
    served.store(
        *scan(FIRST, 1),
        *scan(SECOND, 2),
        registration(SECOND, FRAMES[0], FRAMES[1], PatientID="P", StudyDate="20210101"),
        *scan(THIRD, 3),
        dose(SeriesInstanceUID=f"{THIRD}.7", SOPInstanceUID=DOSE, FrameOfReferenceUID=FRAMES[2], **third),
        dataset(
            SECONDARY_CAPTURE, "OT", SeriesInstanceUID=f"{THIRD}.8", SOPInstanceUID=PICTURE, FrameOfReferenceUID=None,
            **third,
        ),
    )  # fmt: skip
    for patient in ("Q", "R"):
        served.store(
            *scan(TWICE, 1, patient), registration(TWICE, f"{TWICE}.9", f"{TWICE}.8", PatientID=patient)
        )
    served.store(*scan("1.2.5.1", 1, ""), *scan("1.2.5.2", 2, ""))
    served.store(
        *scan("1.2.6.1", 1, "X", PatientBirthDate="19500101"),
        *scan("1.2.6.2", 2, "X", PatientBirthDate="19910101"),
    )
    served.store(*scan("1.2.7.1", 1, "dot"), *scan("1.2.7.2", 1, "dot."))
