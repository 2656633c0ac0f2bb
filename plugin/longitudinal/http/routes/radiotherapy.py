"""POST /points/radiotherapy: structures and doses at a point, in every study of the patient."""

from typing import Annotated, Any

import msgspec

from longitudinal.errors import (
    Ambiguous,
    FieldError,
    InvalidRequest,
    NotFound,
    NotIndexable,
    OutsideImage,
    SidecarUnavailable,
    Unprocessable,
)
from longitudinal.http.exchange import Response
from longitudinal.http.fields import Identifier, Limit, Offset
from longitudinal.http.parse import parse_json
from longitudinal.http.problem import Problem, any_problem_of
from longitudinal.http.question import QuestionRequest, question_of
from longitudinal.http.router import Call, Route
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_lookup import named_patient
from longitudinal.points.radiotherapy.answer import RadiotherapyAtPoint
from longitudinal.points.radiotherapy.at_point import RadiotherapyPoints, Wanted
from longitudinal.points.radiotherapy.fiducials import FiducialLists, PatientFiducials
from longitudinal.points.radiotherapy.listing import PatientStructures, StructureLists
from longitudinal.points.radiotherapy.outlines import OverlayLines
from longitudinal.points.radiotherapy.overlay_answer import Overlays
from longitudinal.points.resolver import PixelQuestion
from longitudinal.sidecar.connection import Readers

MAX_POINTS = 100
"""Of one request: each can need every structure set of the patient."""


class RadiotherapyRequest(QuestionRequest, rename="camel", forbid_unknown_fields=True, frozen=True):
    """The body of /points/resolve, without refine; and which parts of the answer are asked for."""

    structures: Annotated[bool, msgspec.Meta(description="Regions of structure sets and segmentations.")] = (
        True
    )
    doses: Annotated[bool, msgspec.Meta(description="RT doses.")] = True
    sum: Annotated[
        bool,
        msgspec.Meta(
            description="Also the sum of the doses, if each plan has one dose or one for each of its beams."
        ),
    ] = False
    points: Annotated[
        Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_POINTS)] | None,
        msgspec.Meta(
            description="Many questions, each with fields like these; results has one entry for each."
        ),
    ] = None


_ANSWER_OR_PROBLEM = {
    "anyOf": [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in (RadiotherapyAtPoint, Problem)]
}


class RadiotherapyBatch(msgspec.Struct, frozen=True):
    """One answer, or one problem, for each of the points, in their order."""

    results: Annotated[list[Any], msgspec.Meta(extra_json_schema={"items": _ANSWER_OR_PROBLEM})]


Gray = Annotated[float, msgspec.Meta(gt=0, le=1_000)]


class OverlaysRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """The frame of an image, and the isodose lines wanted, Gy."""

    sop_instance_uid: Identifier
    frame_number: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    levels_gy: Annotated[list[Gray], msgspec.Meta(max_length=20)] = []


class StructuresQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`volumes` computes them, which reads the contours of every structure set."""

    volumes: bool = False


class FiducialsQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which of the fiducials, in time order of the studies."""

    limit: Limit = 1_000
    offset: Offset = 0


def radiotherapy_routes(
    points: RadiotherapyPoints,
    lists: StructureLists,
    fiducial_lists: FiducialLists,
    overlays: OverlayLines,
    readers: Readers,
    catalogue: Catalogue,
) -> list[Route]:
    """The routes that answer what radiotherapy objects say."""

    def structures(call: Call[StructuresQuery, None], patient: str) -> PatientStructures:
        path = call.request.path.removeprefix("/patients/").removesuffix("/structures")
        return lists.of_patient(
            lambda: named_patient(readers, catalogue, path, patient), volumes=call.query.volumes
        )

    def fiducials(call: Call[FiducialsQuery, None], patient: str) -> PatientFiducials:
        path = call.request.path.removeprefix("/patients/").removesuffix("/fiducials")
        return fiducial_lists.of_patient(
            lambda: named_patient(readers, catalogue, path, patient), call.query.limit, call.query.offset
        )

    def at_point(call: Call[None, RadiotherapyRequest]) -> RadiotherapyAtPoint | RadiotherapyBatch:
        asked = call.body
        if asked.points is None:
            return _ask(points, asked, "")
        return RadiotherapyBatch(
            [_one(points, raw, f"/points/{number}") for number, raw in enumerate(asked.points)]
        )

    def lines(call: Call[None, OverlaysRequest]) -> Response:
        asked = call.body
        question = PixelQuestion(asked.sop_instance_uid, asked.frame_number, 0.0, 0.0)
        return Response(overlays.draw(question, tuple(sorted(set(asked.levels_gy)))))

    return [
        Route(
            "POST", "/overlays", lines, "Outlines of structures and isodose lines on one image", Overlays,
            body=OverlaysRequest, errors=(NotFound, Ambiguous, NotIndexable, Unprocessable, SidecarUnavailable),
        ),
        Route(
            "POST", "/points/radiotherapy", at_point,
            "Which structures and doses are at this point, over time?", RadiotherapyAtPoint | RadiotherapyBatch,
            body=RadiotherapyRequest, errors=(NotFound, Ambiguous, OutsideImage, NotIndexable, SidecarUnavailable),
        ),
        Route(
            "GET", "/patients/{patient}/fiducials", fiducials,
            "The fiducials of a patient and the single points of its structure sets, as places", PatientFiducials,
            query=FiducialsQuery, errors=(NotFound, Ambiguous, SidecarUnavailable),
        ),
        Route(
            "GET", "/patients/{patient}/structures", structures,
            "The structure sets, segmentations, plans, treatments, portal images and courses of a patient",
            PatientStructures,
            query=StructuresQuery, errors=(NotFound, Ambiguous, SidecarUnavailable),
        ),
    ]  # fmt: skip


def _ask(points: RadiotherapyPoints, asked: RadiotherapyRequest, pointer: str) -> RadiotherapyAtPoint:
    return points.ask(*question_of(asked, pointer), Wanted(asked.structures, asked.doses, asked.sum))


def _one(points: RadiotherapyPoints, raw: msgspec.Raw, pointer: str) -> RadiotherapyAtPoint | Problem:
    try:
        asked = parse_json(bytes(raw), RadiotherapyRequest, pointer)
        if asked.points is not None:
            field = FieldError(f"{pointer}/points", "is not allowed here")
            raise InvalidRequest("points cannot contain points", [field])
        return _ask(points, asked, pointer)
    except Exception as error:  # whatever is wrong with one item is that item's problem
        return any_problem_of(error)
