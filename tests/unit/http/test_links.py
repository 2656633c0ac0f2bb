"""The links of a match: what a client may open, without knowing how this server is set up."""

from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from longitudinal.http.links import link_builder, viewer_of

STUDY: Any = cast(Any, SimpleNamespace(study_instance_uid="1.2", orthanc_id="s", first_plane=100))
SERIES: Any = cast(
    Any,
    SimpleNamespace(
        series_instance_uid="1.2.3", orthanc_ids=("a", "b"), sop_instance_uids=("1.2.3.4", "1.2.3.5")
    ),
)


def test_the_viewer_opens_at_the_very_image() -> None:
    links = link_builder("/imaging", "/ohif")(STUDY, SERIES, 1, 7, 0)
    assert links.ohif is not None
    address = urlsplit(links.ohif)
    assert address.path == "/ohif/viewer"
    assert parse_qs(address.query) == {
        "StudyInstanceUIDs": ["1.2"],
        "initialSeriesInstanceUID": ["1.2.3"],
        "initialSOPInstanceUID": ["1.2.3.5"],
    }


def test_frames_of_a_study_are_counted_from_its_first_plane() -> None:
    links = link_builder("/imaging")(STUDY, SERIES, 1, 7, 106)
    assert links.frame == "/imaging/studies/s/frames/6"
    assert links.preview == "/imaging/instances/b/preview"


def test_without_a_viewer_there_is_no_link_to_it() -> None:
    assert link_builder("/imaging", None)(STUDY, SERIES, 0, 1, 0).ohif is None


def test_the_viewer_opens_several_studies_at_once() -> None:
    assert viewer_of("/ohif", ["1.2", "1.3"]) == "/ohif/viewer?StudyInstanceUIDs=1.2,1.3"
