"""The links of a match."""

from longitudinal.points.answer import Links
from longitudinal.points.patient_index import StudyEntry
from longitudinal.points.resolve import LinkBuilder


def link_builder(root: str) -> LinkBuilder:
    """Links as absolute paths on this server.

    `preview` and `frame` are Orthanc's own renderings, which a browser's <img> takes.
    """

    def links(study: StudyEntry, orthanc_instance_id: str, frame_number: int, plane: int) -> Links:
        frame = f"/instances/{orthanc_instance_id}/frames/{frame_number - 1}/preview"
        return Links(preview=f"{root}/instances/{orthanc_instance_id}/preview", frame=frame, ohif=None)

    return links
