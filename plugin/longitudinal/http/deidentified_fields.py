"""What becomes of each field of each answer in a de-identified view: the one list of what is harmless.

An answer with a struct or a field that is not here is refused, so what is added later does not leave before somebody has
classified it; a test names it.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from longitudinal.http.routes.access import Me, OpenedShare
from longitudinal.http.routes.patients import PatientDetail, TransformLoop
from longitudinal.http.routes.transforms import TransformAnswer
from longitudinal.patients.alignment_quality import AlignmentQuality
from longitudinal.patients.frames import Frame
from longitudinal.patients.study_detail import SeriesDetail, SkippedInstances, StudyDetail, StudyLinks
from longitudinal.points.answer import Answer, Links, Match, Point, Unresolved
from longitudinal.points.point_map import MappedPoint, MappedPoints
from longitudinal.points.stack_answer import (
    FrameLinks,
    InstanceWithoutPlace,
    OwnGeometry,
    RealWorldValueMapping,
    SeriesStack,
    SeriesStacks,
    StackPlane,
)


class Becomes(StrEnum):
    """What becomes of a field."""

    ITSELF = "itself"
    """A number, a truth value, or a code of a fixed list."""
    OUR_WORDS = "our words"
    """Text that only the plugin itself writes, and that names nothing."""
    CODE = "code"
    """Text of a header: itself if it is one of `CODES`, otherwise a name that tells nothing."""
    NOTHING = "nothing"
    """An empty text or list."""
    ABSENT = "absent"
    """Null."""
    UID = "uid"
    ORTHANC_ID = "orthanc id"
    PATIENT = "patient"
    DAY = "day"
    TIME = "time"
    PIXELS = "pixels"
    """A link to pixels, with the id in it replaced."""
    PARTS = "parts"
    """Structs, or lists of them, each by its own entry."""


# Modality (PS3.3 C.7.3.1.1.1)
_MODALITIES = "CT MR PT NM US XA CR DX MG RF SC OT REG SEG SR PR KO RTSTRUCT RTDOSE RTPLAN RTIMAGE ES GM SM OP OPT XC DOC"
_PIXELS = "MONOCHROME1 MONOCHROME2 RGB YBR_FULL YBR_FULL_422 YBR_RCT YBR_ICT LINEAR LINEAR_EXACT SIGMOID"
_UNITS = (
    "HU [hnsf'U] BQML Bq/ml GML g/ml {SUVbw}g/ml g/ml{SUVbw} CNTS {counts} 1 US mm2/s um2/s 10-6.mm2/s Gy %"
)
_METHODS = "identity rigid affine deformable"

CODES = frozenset(f"{_MODALITIES} {_PIXELS} {_UNITS} {_METHODS}".split())
"""Values of headers that say nothing of anybody, of those attributes that are free text there."""


def _fields(**by_kind: str) -> dict[str, Becomes]:
    """What becomes of fields, by the names of kinds in lower case, each with the names of its fields."""
    return {name: Becomes[kind.upper()] for kind, names in by_kind.items() for name in names.split()}


_VALUES = (
    "rescale_slope rescale_intercept pixel_padding_value pixel_padding_range_limit window_center window_width "
    "has_voi_lut"
)

FIELDS: Mapping[type[msgspec.Struct], Mapping[str, Becomes]] = {
    Me: _fields(
        our_words="name how",
        itself="restricted roles sees_everything emergency_hours share_days",
        parts="share",
    ),
    OpenedShare: _fields(our_words="until", patient="patient_id", itself="de_identified"),
    PatientDetail: _fields(
        patient="patient_id", orthanc_id="orthanc_patient_id", nothing="patient_name",
        itself="identity_conflict total limit offset", parts="studies frames loops links",
    ),
    TransformLoop: _fields(uid="transforms frame_of_reference_uid", itself="mean_mm max_mm"),
    Frame: _fields(
        uid="frame_of_reference_uid aliases study_instance_uids canonical_frame_of_reference_uid", itself="group"
    ),
    StudyDetail: _fields(
        uid="study_instance_uid frame_of_reference_uids", orthanc_id="orthanc_study_id", patient="patient_id",
        day="study_date", time="acquisition_date_time", nothing="study_description failed_alignments", code="modalities",
        itself="indexed alignment", parts="alignment_quality series links",
    ),
    StudyLinks: _fields(absent="ohif"),
    AlignmentQuality: _fields(itself="grade expected_error_mm reviewed", uid="path"),
    SeriesDetail: _fields(
        uid="series_instance_uid frame_of_reference_uids aliases", orthanc_id="orthanc_series_id",
        itself="series_number instances planes stacks", nothing="series_description", code="modality",
        our_words="roles", parts="skipped",
    ),
    SkippedInstances: _fields(our_words="reason explanation", itself="count", nothing="details"),
    Answer: _fields(parts="point matches unresolved", our_words="flags", nothing="refinement"),
    Point: _fields(patient="patient_id", uid="frame_of_reference_uid", itself="x y z"),
    Match: _fields(
        uid="study_instance_uid series_instance_uid sop_instance_uid frame_of_reference_uid path alternatives",
        orthanc_id="orthanc_instance_id",
        itself="is_source frame_number slice_index row column x y z distance_mm in_gap chosen_by other_series "
        "uncertainty_mm uncertainty_source grade reviewed",
        day="study_date",
        time="acquisition_date_time",
        code="modality method",
        nothing="series_description",
        our_words="flags",
        parts="links",
    ),
    Links: _fields(nothing="preview frame", absent="ohif"),
    Unresolved: _fields(
        uid="study_instance_uid series_instance_uid", itself="reason", nothing="detail", day="study_date"
    ),
    MappedPoints: _fields(
        patient="patient_id", uid="source_frame_of_reference_uid target_frame_of_reference_uid path alternatives",
        code="method", itself="reviewed reason", nothing="detail", parts="points",
    ),
    TransformAnswer: _fields(
        uid="id sop_instance_uid source_frame_of_reference_uid target_frame_of_reference_uid",
        orthanc_id="orthanc_instance_id", code="method", nothing="detail label created_by",
        absent="refusal created quality review",
        itself="matrix state origin is_own expected_error_mm uncertainty_source unsigned flags",
    ),
    MappedPoint: _fields(itself="point reason uncertainty_mm uncertainty_source grade"),
    SeriesStacks: _fields(
        uid="series_instance_uid study_instance_uid", orthanc_id="orthanc_series_id", patient="patient_id",
        code="modality", itself="series_number", nothing="series_description", parts="stacks not_indexed",
    ),
    SeriesStack: _fields(
        uid="frame_of_reference_uid", our_words="role", code="photometric_interpretation", parts="planes",
        itself="index image_orientation_patient normal pixel_spacing rows columns spacing_mm is_uniform samples_per_pixel "
        "bits_stored high_bit pixel_representation",
    ),
    OwnGeometry: _fields(
        code="photometric_interpretation",
        itself="image_orientation_patient pixel_spacing rows columns samples_per_pixel bits_stored high_bit "
        "pixel_representation",
    ),
    StackPlane: _fields(
        uid="sop_instance_uid", orthanc_id="orthanc_instance_id", code="unit voi_lut_function", absent="rescale_reason",
        parts="own_geometry real_world_value_mapping links",
        itself=f"slice_index frame_number image_position_patient reach_mm {_VALUES}",
    ),
    RealWorldValueMapping: _fields(code="unit", itself="slope intercept first_value_mapped last_value_mapped"),
    FrameLinks: _fields(pixels="pixels", itself="pixels_reason"),
    InstanceWithoutPlace: _fields(
        uid="sop_instance_uid", orthanc_id="orthanc_instance_id", our_words="reason",
        nothing="detail", absent="rescale_reason", code="photometric_interpretation unit voi_lut_function", parts="links",
        itself=f"number_of_frames frame_numbers rows columns samples_per_pixel bits_stored high_bit pixel_representation "
        f"{_VALUES}",
    ),
}  # fmt: skip

INWARD: Mapping[str, Becomes] = _fields(
    uid="sop_instance_uid frame_of_reference_uid source_frame_of_reference_uid target_frame_of_reference_uid "
    "study_instance_uids patient_id",
    day="from_ to",
    code="modalities",
    itself="frame_number row column x y z roles per max_distance_mm radius_mm refine points exams format limit "
    "offset",
)
"""What becomes of each argument and member of a request: names and dates of the view are turned back into real ones."""
