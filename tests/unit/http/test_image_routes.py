"""Where the routes of pictures lead, and how long a browser may believe it."""

import pytest

from tests.fake_archive import orthanc_ids
from tests.unit.http.patients_served import FIRST, IMAGE, PICTURE, THIRD, admit, scan
from tests.unit.http.served import Served


@pytest.fixture
def served(served: Served) -> Served:
    admit(served)
    return served


def orthanc_id(served: Served, uid: str) -> str:
    (found,) = [key for key, ds in served.archive.datasets() if ds.SOPInstanceUID == uid]
    return found


def test_frames_of_a_study_are_numbered_by_place_and_then_those_without(served: Served) -> None:
    """Four slices in order along the normal, three of a dose, and one picture that has no place."""
    for index, uid in ((0, IMAGE), (3, f"{FIRST}.1.4")):
        moved = served.ask("GET", f"/studies/{FIRST}/frames/{index}").response
        assert moved.location == f"../../../../instances/{orthanc_id(served, uid)}/frames/0/preview"
        assert moved.headers["Cache-Control"] == "private, max-age=2"
    last = served.ask("GET", f"/studies/{THIRD}/frames/7").response
    assert last.location == f"../../../../instances/{orthanc_id(served, PICTURE)}/frames/0/preview"


@pytest.mark.parametrize("index", ["8", "999999999"])
def test_a_frame_beyond_the_last_is_told_the_range(served: Served, index: str) -> None:
    refused = served.ask("GET", f"/studies/{THIRD}/frames/{index}")
    assert (refused.status, refused.json["errors"]) == (
        404,
        [{"field": "index", "detail": "must be from 0 to 7"}],
    )


@pytest.mark.parametrize("index", ["-1", "1.5", "9999999999", "٣"])
def test_a_frame_is_a_number(served: Served, index: str) -> None:
    refused = served.ask("GET", f"/studies/{FIRST}/frames/{index}")
    assert (refused.code, refused.fields()) == ("invalidRequest", ["index"])


def test_a_study_that_is_only_announced_has_no_frames(served: Served) -> None:
    (ds, *_) = scan("1.2.8.1", 1, "N")
    served.archive.store([ds])
    served.ingest.announce(served.archive.study(orthanc_ids(ds)[1])).result()
    assert "the study has no frames" in served.ask("GET", "/studies/1.2.8.1/frames/0").json["detail"]


@pytest.mark.parametrize(
    ("query", "leads_to"),
    [
        ({}, "preview"),
        ({"width": 300}, "rendered?width=300"),
        ({"width": 64, "quality": 50}, "rendered?width=64&quality=50"),
        ({"window": "40,400"}, "rendered?window-center=40&window-width=400"),
    ],
)
def test_what_is_asked_of_a_picture_is_handed_on(
    served: Served, query: dict[str, object], leads_to: str
) -> None:
    moved = served.ask("GET", f"/instances/{IMAGE}/preview", query=query).response
    assert moved.location == f"../../../instances/{orthanc_id(served, IMAGE)}/{leads_to}"


def test_an_orthanc_id_is_remembered_for_good_and_a_uid_never(served: Served) -> None:
    by_uid = served.ask("GET", f"/instances/{IMAGE}/preview").response
    by_id = served.ask("GET", f"/instances/{orthanc_id(served, IMAGE)}/preview").response
    assert by_uid.headers["Cache-Control"] == "private, no-cache"
    assert by_id.headers["Cache-Control"] == "private, max-age=31536000, immutable"


@pytest.mark.parametrize("path", [f"/instances/{IMAGE}/preview", f"/studies/{FIRST}/frames/0"])
def test_an_instance_that_is_gone_is_not_drawn(served: Served, path: str) -> None:
    served.archive.delete(orthanc_id(served, IMAGE))
    assert (served.ask("GET", path).code, served.ask("GET", path).status) == ("notFound", 404)


@pytest.mark.parametrize("query", [{"width": 0}, {"quality": 101}, {"window": "wide"}])
def test_a_wrong_argument_is_named(served: Served, query: dict[str, object]) -> None:
    refused = served.ask("GET", f"/instances/{IMAGE}/preview", query=query)
    assert (refused.status, refused.fields()) == (400, list(query))
