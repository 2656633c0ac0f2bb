"""What the sidecar keeps of one stored instance, and of one item of a registration object."""

import msgspec

LONGEST_METADATA = 256 * 1024
"""Characters of user metadata that are read or kept. The plugin writes far less, but any user may write more."""


class Notes(msgspec.Struct, frozen=True, array_like=True):
    """The statement about one transform: how good it is, who gave it, what a reviewer decided.

    Attributes
    ----------
    error_source
        declared, forwardBackward, landmarks or local; None beside an unknown error.
    given_origin
        person or automatic for an object that was made here; None for anybody else's.
    given_at, decided_at
        ISO 8601.
    decision
        accepted or rejected; None before a review.
    decided_why
        The reviewer's own words.
    quality
        JSON: what an automatic registration measured of itself.
    error_at_place
        JSON of `transforms.error_at_place`: what was measured of the error, place by place.
    errors_digest
        Digest of the error at place that belongs to the rest (`error_at_place.digest_of`); not kept in the sidecar.
    """

    expected_error_mm: float | None = None
    error_source: str | None = None
    given_origin: str | None = None
    given_by: str = ""
    given_at: str | None = None
    decision: str | None = None
    decided_by: str = ""
    decided_at: str | None = None
    quality: str | None = None
    error_at_place: bytes | None = None
    errors_digest: str | None = None
    decided_why: str = ""

    def columns(self) -> tuple[float | str | bytes | None, ...]:
        """The values in the order of the columns of `transforms`."""
        return (
            self.expected_error_mm, self.error_source, self.given_origin, self.given_by, self.given_at, self.decision,
            self.decided_by, self.decided_at, self.quality, self.error_at_place,
            self.decided_why,
        )  # fmt: skip


class TransformRecord(msgspec.Struct, frozen=True, array_like=True):
    """One item of a Spatial Registration: source frame -> target frame, or why it is refused.

    A frame is a FrameOfReferenceUID; where the item names none, the SOP Instance UIDs of the images it is for.
    `matrix` is 16 packed float64, row-major, mapping source to target points (LPS mm); `grid` a packed displacement grid;
    `maker` the Manufacturer of the object.
    """

    item: int
    source_frame: str | None
    source_references: tuple[str, ...]
    target_frame: str | None
    target_references: tuple[str, ...]
    kind: str | None
    matrix: bytes | None
    grid: bytes | None
    refusal: str | None
    detail: str
    origin: str
    label: str
    created: str | None
    creator: str
    maker: str = ""
    notes: Notes = Notes()


class PlaceRecord(msgspec.Struct, frozen=True, array_like=True):
    """One measurement group of a structured report, or, as number 0, a report that could not be read.

    Attributes
    ----------
    frame, image_uid, frame_number
        What its coordinates are of: a FrameOfReferenceUID, or a frame (1-based) of an image.
    evidence_uid
        The image that the report names as evidence.
    lines
        JSON: `dicom.reports.statement.Line`, a list of them.
    mapping
        JSON: `dicom.reports.statement.Mapping`; None for what was not mapped by the plugin.
    instance_number
        Of the report.
    """

    number: int
    tracking_uid: str | None
    name: str
    label: str
    kind: str
    frame: str | None
    image_uid: str | None
    frame_number: int
    evidence_uid: str | None
    lines: str
    mapping: str | None
    creator: str
    created: str | None
    maker: str
    is_own: bool
    instance_number: int
    refusal: str | None
    detail: str


class InstanceRecord(msgspec.Struct, frozen=True, array_like=True):
    """One stored instance: its patient, study and series, and its planes or the reason it has none.

    `planes` is a packed PLANE array, one element per frame; exactly one of `planes` and `reason` is not None. `reader` names
    the reader that read it, with its version. `content` is what an object says that is there for others
    (`dicom.related.content`).
    """

    orthanc_id: str
    orthanc_series: str
    orthanc_study: str
    orthanc_patient: str
    patient_id: str
    patient_name: str
    patient_birth_date: str
    patient_sex: str
    issuer_of_patient_id: str
    study_instance_uid: str
    study_date: str
    study_time: str
    study_description: str
    accession_number: str
    timezone_offset: str
    series_instance_uid: str
    series_number: int | None
    series_description: str
    modality: str
    sop_instance_uid: str
    sop_class_uid: str
    instance_number: int | None
    number_of_frames: int
    image_type: str
    frame_of_reference_uid: str | None
    acquisition_date_time: str | None
    time_source: str | None
    role: str | None
    reason: str | None
    detail: str
    planes: bytes | None
    reader: str = ""
    transforms: tuple[TransformRecord, ...] = ()
    places: tuple[PlaceRecord, ...] = ()
    content: bytes | None = None
