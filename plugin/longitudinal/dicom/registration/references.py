"""Writes the images that a registration object of ours references."""

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.sequence import Sequence as DicomSequence

from longitudinal.dicom.registration.registered_frame import ReferencedImage, RegisteredFrame


def reference_images(item: Dataset, frame: RegisteredFrame) -> None:
    """Reference the images of a frame in an item (Referenced Image Sequence, PS3.3 table 10-3)."""
    if frame.images:
        item.ReferencedImageSequence = DicomSequence([_reference(image) for image in frame.images])


def _reference(image: ReferencedImage) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = image.sop_class_uid
    reference.ReferencedSOPInstanceUID = image.sop_instance_uid
    return reference


def list_references(dataset: Dataset, images: Sequence[ReferencedImage]) -> None:
    """Common Instance Reference (PS3.3 C.12.2): the object's own study by series, other studies separately."""
    own = dataset.StudyInstanceUID
    here = _by_series([image for image in images if image.study_instance_uid == own])
    if here:
        dataset.ReferencedSeriesSequence = here
    others = DicomSequence()
    for study in dict.fromkeys(
        image.study_instance_uid for image in images if image.study_instance_uid != own
    ):
        item = Dataset()
        item.StudyInstanceUID = study
        item.ReferencedSeriesSequence = _by_series(
            [image for image in images if image.study_instance_uid == study]
        )
        others.append(item)
    if others:
        dataset.StudiesContainingOtherReferencedInstancesSequence = others


def _by_series(images: Sequence[ReferencedImage]) -> DicomSequence:
    series_items = DicomSequence()
    for series in dict.fromkeys(image.series_instance_uid for image in images):
        item = Dataset()
        item.SeriesInstanceUID = series
        members = dict.fromkeys(image for image in images if image.series_instance_uid == series)
        item.ReferencedInstanceSequence = DicomSequence([_reference(image) for image in members])
        series_items.append(item)
    return series_items
