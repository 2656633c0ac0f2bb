"""The links of a match, and of whole studies."""

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from longitudinal.patients.patient_index import StudyEntry
from longitudinal.patients.series_planes import SeriesPlanes
from longitudinal.patients.study_detail import StudyLinks
from longitudinal.places.answer import PlaceLinks
from longitudinal.places.kept import PlaceLinkBuilder
from longitudinal.points.answer import Links
from longitudinal.points.resolve import LinkBuilder

# Of images that were named: who scrolls asks for the same again.
_MOST_KNOWN = 20_000


def link_builder(root: str, ohif_root: str | None = None) -> LinkBuilder:
    """Links as absolute paths on this server.

    `preview` is the instance and `frame` the very frame, both for a browser's <img>. `ohif` opens the study in the viewer,
    at the very image (the first frame of a multi-frame one); None where that is not served.
    """

    known: dict[tuple[str, str, int], Links] = {}

    def links(study: StudyEntry, series: SeriesPlanes, instance: int, frame_number: int, plane: int) -> Links:
        orthanc_id = series.orthanc_ids[instance]
        # a link follows from these: an identifier of Orthanc stands for the UIDs it is made of
        name = (orthanc_id, study.orthanc_id, plane - study.first_plane)
        found = known.get(name)
        if found is None:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            found = known[name] = made(study, series, instance, orthanc_id, name[2])
        return found

    def made(
        study: StudyEntry, series: SeriesPlanes, instance: int, orthanc_id: str, frame_index: int
    ) -> Links:
        ohif = None
        if ohif_root is not None:
            ohif = (
                f"{viewer_of(ohif_root, [study.study_instance_uid])}"
                f"&initialSeriesInstanceUID={_quoted(series.series_instance_uid)}"
                f"&initialSOPInstanceUID={_quoted(series.sop_instance_uids[instance])}"
            )
        return Links(
            preview=f"{root}/instances/{orthanc_id}/preview",
            frame=f"{root}/studies/{study.orthanc_id}/frames/{frame_index}",
            ohif=ohif,
        )

    return links


def place_links(root: str, ohif_root: str | None) -> PlaceLinkBuilder:
    """The links of a place: the timeline page, and OHIF at the image that shows it."""

    def links(place: str, study_instance_uid: str, sop_instance_uid: str | None) -> PlaceLinks:
        ohif = None
        if ohif_root is not None:
            image = "" if sop_instance_uid is None else f"&initialSOPInstanceUID={_quoted(sop_instance_uid)}"
            ohif = f"{viewer_of(ohif_root, [study_instance_uid])}{image}"
        return PlaceLinks(timeline=f"{root}/app/?place={_quoted(place)}", ohif=ohif)

    return links


def stored_values_of(orthanc_id: str, frame_number: int) -> str:
    """Where Orthanc itself sends the stored values of a frame (1-based), as an absolute path on this server.

    Never its rendering: that ends the server on some objects, and gives 8 bits of what may be 16.
    """
    return f"/instances/{orthanc_id}/frames/{frame_number - 1}/numpy?rescale=false"


def viewer_of(ohif_root: str, study_instance_uids: Iterable[str]) -> str:
    """Where OHIF shows these studies, as an absolute path on this server."""
    return f"{ohif_root}/viewer?StudyInstanceUIDs={','.join(map(_quoted, study_instance_uids))}"


def study_links(ohif_root: str | None, study_instance_uids: Sequence[str]) -> StudyLinks:
    """The links of one study, or of several to be seen together."""
    return StudyLinks(None if ohif_root is None else viewer_of(ohif_root, study_instance_uids))


def _quoted(uid: str) -> str:
    """A UID is whatever was sent as one."""
    return quote(uid, safe="")
