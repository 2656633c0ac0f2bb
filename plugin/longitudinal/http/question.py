"""The one question as a request has it: a pixel or a point, and which studies are searched."""

from operator import attrgetter
from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

from longitudinal.dicom.planes.roles import Role
from longitudinal.errors import FieldError
from longitudinal.http.fields import Date, Identifier, Millimetres
from longitudinal.http.parse import invalid, parse_days
from longitudinal.points.resolver import PixelQuestion, PointQuestion, QuestionFilters

Pixels = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
Asked = tuple[PixelQuestion | PointQuestion, QuestionFilters]
_PIXEL = ("sopInstanceUid", "row", "column")
_POINT = ("patientId", "frameOfReferenceUid", "x", "y", "z")


def says(description: str) -> msgspec.Meta:
    """What OpenAPI says of a field."""
    return msgspec.Meta(description=description)


class QuestionRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Either sopInstanceUid, row, column (and frameNumber), or patientId, frameOfReferenceUid, x, y, z."""

    sop_instance_uid: Annotated[Identifier | None, says("The clicked image.")] = None
    frame_number: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None,
        says("1-based; 1 where it is not stated."),
    ] = None
    row: Annotated[
        Pixels | None, says("0-based, may be fractional: the centre of the first pixel is (0, 0).")
    ] = None
    column: Annotated[Pixels | None, says("As row.")] = None
    patient_id: Annotated[Identifier | None, says("Whose point this is, where no image is clicked.")] = None
    frame_of_reference_uid: Annotated[Identifier | None, says("In which x, y and z are.")] = None
    x: Annotated[Millimetres | None, says("LPS mm: to the left of the patient.")] = None
    y: Annotated[Millimetres | None, says("LPS mm: to the back of the patient.")] = None
    z: Annotated[Millimetres | None, says("LPS mm: to the head of the patient.")] = None
    study_instance_uids: Annotated[
        Annotated[list[Identifier], msgspec.Meta(max_length=1_000)] | None, says("Only in these studies.")
    ] = None
    exams: Annotated[
        Annotated[list[Identifier], msgspec.Meta(max_length=100)] | None,
        says("Only in studies with images of these exams."),
    ] = None
    modalities: Annotated[
        Annotated[list[Identifier], msgspec.Meta(max_length=50)] | None,
        says("Only in series of these, as CT."),
    ] = None
    roles: Annotated[
        Annotated[list[Role], msgspec.Meta(min_length=1, max_length=5)] | None,
        says("Only in series of these roles; images where none is named."),
    ] = None
    from_: Annotated[Date | None, says("Only in studies from this day on.")] = msgspec.field(
        default=None, name="from"
    )
    to: Annotated[Date | None, says("Only in studies up to this day, which counts.")] = None
    per: Annotated[
        Literal["study", "series"],
        says("One match for each study, of the series that shows the place best, or one for each series."),
    ] = "study"
    max_distance_mm: Annotated[
        Annotated[float, msgspec.Meta(ge=0, le=1e6)] | None,
        says("Only images whose plane is so near to the place."),
    ] = None


# Asking msgspec for the fields of a struct takes longer than resolving a point.
_FIELDS = tuple((field.name, field.encode_name) for field in msgspec.structs.fields(QuestionRequest))
_PLAIN = QuestionFilters()
_REST = [
    name for name, _ in _FIELDS if name not in ("sop_instance_uid", "frame_number", "row", "column", "per")
]
_rest_of, _NOTHING = attrgetter(*_REST), (None,) * len(_REST)


def question_of(asked: QuestionRequest, pointer: str = "") -> Asked:
    """The question of a request whose single fields are right; raises when the two forms are mixed or incomplete."""
    if _is_plain_pixel(asked):
        return _pixel(asked), _PLAIN if not pointer else replace(_PLAIN, pointer=pointer)
    given = {sent for name, sent in _FIELDS if getattr(asked, name) is not None}
    is_pixel = asked.sop_instance_uid is not None or not given & set(_POINT)
    needed, foreign = (_PIXEL, _POINT) if is_pixel else (_POINT, (*_PIXEL, "frameNumber"))
    other = "patientId, frameOfReferenceUid, x, y, z" if is_pixel else "sopInstanceUid, row, column"
    errors = [
        FieldError(f"{pointer}/{name}", f"is missing (or ask by {other})")
        for name in needed
        if name not in given
    ]
    errors += [
        FieldError(f"{pointer}/{name}", f"cannot be combined with {needed[0]}; ask by pixel or by point")
        for name in foreign
        if name in given
    ]
    if errors:
        raise invalid(errors)
    first, last = parse_days({f"{pointer}/from": asked.from_, f"{pointer}/to": asked.to})
    wanted = QuestionFilters(
        studies=None if asked.study_instance_uids is None else tuple(asked.study_instance_uids),
        modalities=None if asked.modalities is None else frozenset(asked.modalities),
        roles=frozenset(asked.roles or ("image",)),
        first_date=first,
        last_date=last,
        per=asked.per,
        max_distance_mm=asked.max_distance_mm,
        pointer=pointer,
        exams=None if asked.exams is None else tuple(asked.exams),
    )
    return (_pixel(asked) if is_pixel else _point(asked)), wanted


def _is_plain_pixel(asked: QuestionRequest) -> bool:
    """Whether it is a whole pixel and nothing else, as most questions are."""
    if asked.sop_instance_uid is None or asked.row is None or asked.column is None or asked.per != "study":
        return False
    return bool(_rest_of(asked) == _NOTHING)


def _pixel(asked: QuestionRequest) -> PixelQuestion:
    return PixelQuestion(
        asked.sop_instance_uid or "", asked.frame_number or 1, asked.row or 0.0, asked.column or 0.0
    )


def _point(asked: QuestionRequest) -> PointQuestion:
    xyz = (asked.x or 0.0, asked.y or 0.0, asked.z or 0.0)
    return PointQuestion(asked.patient_id or "", asked.frame_of_reference_uid or "", xyz)
