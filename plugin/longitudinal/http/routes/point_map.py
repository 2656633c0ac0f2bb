"""POST /points/map: points of one frame in another."""

from typing import Annotated

import msgspec
import numpy as np

from longitudinal.errors import Ambiguous, NotFound, SidecarUnavailable, TransformRefused
from longitudinal.http.exchange import Request
from longitudinal.http.parse import check_size, parse_json
from longitudinal.http.router import Route
from longitudinal.http.routes.points import MAX_POINTS, Identifier
from longitudinal.http.routes.transforms import Triple
from longitudinal.patients.frame_pair import UNKNOWN_FRAME
from longitudinal.points.point_map import MappedPoints, PointMapper
from longitudinal.transforms.stored import OTHER_PATIENT


class MapRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """`points` of the source frame (LPS mm) to map into the target frame; frames may be `series:<SeriesInstanceUID>`.

    `patientId` is needed where more than one patient has images in both frames, and where a frame has no images.
    """

    source_frame_of_reference_uid: Identifier
    target_frame_of_reference_uid: Identifier
    points: Annotated[list[Triple], msgspec.Meta(max_length=MAX_POINTS)]
    patient_id: Identifier | None = None


def point_map_routes(mapper: PointMapper, max_body_mib: int) -> list[Route]:
    """The route /points/map."""

    def map_points(request: Request) -> MappedPoints:
        check_size(request.body, max_body_mib)
        asked = parse_json(request.body, MapRequest)
        return mapper.map_points(
            asked.source_frame_of_reference_uid,
            asked.target_frame_of_reference_uid,
            asked.patient_id,
            np.array(asked.points, dtype=np.float64).reshape(-1, 3),
        )

    return [
        Route(
            "POST",
            "/points/map",
            map_points,
            "Points of one Frame of Reference in another, by the path that resolve goes",
            answer=MappedPoints,
            body=MapRequest,
            errors=(NotFound, Ambiguous, TransformRefused, SidecarUnavailable),
            refusals=(OTHER_PATIENT, UNKNOWN_FRAME),
        )
    ]
