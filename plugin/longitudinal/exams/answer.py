"""What is served of exams."""

from typing import Literal

import msgspec

Kept = Literal["archive", "node"]


class ExamImageLinks(msgspec.Struct, rename="camel", frozen=True):
    """Paths on this server; null where what is linked is not stored any more.

    `preview` is for an <img>; `wado` is the DICOMweb address (WADO-RS) of what is linked, `wadoUri` that of its first
    image as a file; both null if DICOMweb is not served. `ohif` opens the study, null if OHIF is not served.
    """

    preview: str | None
    wado: str | None
    wado_uri: str | None
    ohif: str | None


class ExamImage(msgspec.Struct, rename="camel", frozen=True):
    """One image, series or study that is linked to an exam.

    `linked` says which of them. Of a series or study, sopInstanceUid and orthancInstanceId are those of its first image,
    `imageCount` and `frameCount` count all. `modality` and `acquisitionDateTime` are what the object states, and only
    where it states nothing what was given with the link; `given` is what was given. `isStored` is false if it was deleted
    since.
    """

    id: str
    exam: str
    linked: Literal["image", "series", "study"]
    is_stored: bool
    patient_id: str
    study_instance_uid: str
    series_instance_uid: str | None
    sop_instance_uid: str | None
    orthanc_study_id: str
    orthanc_instance_id: str | None
    modality: str
    acquisition_date_time: str | None
    image_count: int
    frame_count: int
    description: str
    url: str | None
    given: "GivenDetails"
    linked_by: str
    linked_at: str
    links: ExamImageLinks


class GivenDetails(msgspec.Struct, rename="camel", frozen=True):
    """What was given with a link; null where it was not."""

    modality: str | None
    acquired_at: str | None


class LinkAnswer(msgspec.Struct, rename="camel", frozen=True):
    """A link; `isNew` is false if it was there already, which changes nothing."""

    is_new: bool
    image: ExamImage


class DeletedImage(msgspec.Struct, rename="camel", frozen=True):
    """A link that went with its study; `deletedAt` is when this node noticed, and each node remembers its own."""

    id: str
    study_instance_uid: str
    deleted_at: str


class ExamStudy(msgspec.Struct, rename="camel", frozen=True):
    """A study with links of an exam, and how many."""

    study_instance_uid: str
    orthanc_study_id: str
    images: int


class Exam(msgspec.Struct, rename="camel", frozen=True):
    """One exam.

    `patientId` is the declared one, else that of the first link, else null; `patientSource` says which. `kept` is "archive"
    if a stored patient or study carries the exam, so that every node has it and it outlives the index file; "node" if no
    stored patient can carry the declaration yet. `deletedImages` are links that went with their study. `flags`:
    `otherPatient` if links to another patient's studies were left out.
    """

    exam: str
    patient_id: str | None
    patient_source: Literal["declared", "firstLink"] | None
    description: str
    kept: Kept
    images: int
    studies: list[ExamStudy]
    deleted_images: list[DeletedImage]
    flags: list[str]


class ExamPage(msgspec.Struct, frozen=True):
    """One page of exams by name; `total` counts all."""

    total: int
    limit: int
    offset: int
    exams: list[Exam]


class ExamImagePage(msgspec.Struct, rename="camel", frozen=True):
    """One page of an exam's images, in the order they were linked; `total` counts all."""

    exam: str
    patient_id: str | None
    total: int
    limit: int
    offset: int
    images: list[ExamImage]
    deleted_images: list[DeletedImage]


class RemovedExam(msgspec.Struct, frozen=True):
    """The exam that was removed, and how many links with it; the images stay stored."""

    exam: str
    images: int


class RemovedImage(msgspec.Struct, frozen=True):
    """The link that was removed; what it led to stays stored."""

    exam: str
    id: str
