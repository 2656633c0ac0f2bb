"""The links of a match."""

from longitudinal.points.answer import Links
from longitudinal.points.patient_index import StudyEntry
from longitudinal.points.resolve import LinkBuilder


def link_builder(root: str, ohif_root: str | None = None) -> LinkBuilder:
    """Links as absolute paths on this server.

    `preview` and `frame` are Orthanc's own renderings, which a browser's <img> takes. `ohif` opens the study in the viewer;
    None where that is not served.
    """

    def links(study: StudyEntry, orthanc_instance_id: str, frame_number: int, plane: int) -> Links:
        frame = f"/instances/{orthanc_instance_id}/frames/{frame_number - 1}/preview"
        ohif = (
            None if ohif_root is None else f"{ohif_root}/viewer?StudyInstanceUIDs={study.study_instance_uid}"
        )
        return Links(preview=f"{root}/instances/{orthanc_instance_id}/preview", frame=frame, ohif=ohif)

    return links
