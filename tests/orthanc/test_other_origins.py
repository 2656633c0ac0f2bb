"""docs/other-origins.md as it stands there, through real nginx and Apache: which origin gets which headers, and when."""

from collections.abc import Iterator

import pytest

from tests import builders as build
from tests.orthanc.access import bearing
from tests.orthanc.other_origin import Place, places
from tests.orthanc.wire import basic

# Answers of ours, of Orthanc's core and of DICOMweb; right, wrong and refused.
PATHS = {
    "/imaging/studies": 200,
    "/imaging/me": 200,
    "/imaging/nothing": 404,
    "/imaging/studies?limit=none": 400,
    "/instances/{instance}": 200,
    "/instances/{instance}/file": 200,
    "/instances/nothing": 403,
    "/dicom-web/studies/{study}/metadata": 200,
    "/tools/reset": 403,
    "/imaging/app/": 200,
}
WRONG = ("null", "https://evil.example", "*", "https://viewer.example.org", "")
SAYS = "access-control-"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    with places(tmp_path_factory.mktemp("origins"), "nginx", "apache") as (first, second):
        yield {"nginx": first, "apache": second}


@pytest.fixture(scope="module", params=["nginx", "apache"])
def place(request: pytest.FixtureRequest, both: dict[str, Place]) -> Place:
    return both[request.param]


@pytest.fixture(scope="module")
def ids(both: dict[str, Place]) -> dict[str, str]:
    server = both["nginx"].server
    ds = build.classic(
        (0.0, 0.0, 0.0), PatientID="CORS", StudyInstanceUID="1.2.3.91", SeriesInstanceUID="1.2.3.91.1",
        SOPInstanceUID="1.2.3.91.1.1", FrameOfReferenceUID="1.2.3.91.9",
    )  # fmt: skip
    return {"instance": server.store_rest([build.as_file(ds)])[0]["ID"], "study": "1.2.3.91"}


def said(place: Place, method: str, path: str, origin: str, **more: str) -> tuple[int, dict[str, list[str]]]:
    """The status, and every header of CORS with each of its values."""
    headers = {"Authorization": f"Bearer {place.token()}", "Origin": origin, **more}
    answer = place.ask(method, path, **headers)
    raw = answer.raw.headers
    return answer.status_code, {
        name.lower(): raw.getlist(name) for name in raw if name.lower().startswith(SAYS) or name == "Vary"
    }


@pytest.mark.parametrize("path", PATHS)
def test_an_allowed_origin_reads_every_answer_and_is_named_once(
    place: Place, ids: dict[str, str], path: str
) -> None:
    status, headers = said(place, "GET", path.format(**ids), place.origin)
    assert (status, headers["access-control-allow-origin"]) == (PATHS[path], [place.origin])
    (exposed,) = headers["access-control-expose-headers"]
    assert {"ETag", "X-Request-Id", "Retry-After"} <= set(exposed.split(", "))
    assert set(headers) == {"access-control-allow-origin", "access-control-expose-headers", "vary"}


@pytest.mark.parametrize("path", PATHS)
def test_no_answer_allows_anybody_else(place: Place, ids: dict[str, str], path: str) -> None:
    near = (f"{place.origin}0", place.origin.replace("http:", "https:"), f"{place.origin}/", place.other)
    for origin in (*WRONG, *near, f"{place.origin}, {place.origin}", f"{place.origin}.evil.example"):
        _, headers = said(place, "GET", path.format(**ids), origin)
        assert [name for name in headers if name.startswith(SAYS)] == [], origin
        assert "Origin" in ", ".join(headers["vary"])
        status, headers = said(place, "OPTIONS", path.format(**ids), origin)
        assert (status, [name for name in headers if name.startswith(SAYS)]) == (204, []), origin


@pytest.mark.parametrize("path", PATHS)
def test_what_a_browser_asks_first_is_answered(place: Place, path: str) -> None:
    answer = place.ask(
        "OPTIONS", path, **{"Origin": place.origin, "Access-Control-Request-Method": "PUT",
                            "Access-Control-Request-Headers": "authorization,content-type"},
    )  # fmt: skip
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == place.origin
    assert {"GET", "POST", "PUT", "DELETE"} == set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    assert {"Authorization", "Content-Type"} <= set(
        answer.headers["Access-Control-Allow-Headers"].split(", ")
    )
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_login_window_of_the_browser_is_never_asked_for(place: Place) -> None:
    answer = place.ask("GET", "/system", Origin=place.origin, Authorization="Bearer wrong")
    assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (403, False)


def test_an_allowed_page_writes_by_a_token_alone(place: Place) -> None:
    """What the browser adds by itself does not do, nor does another origin with the token."""
    basic_login, bearer = basic(place.server.user, place.server.password), f"Bearer {place.token()}"
    for origin, authorization, cookie, status in (
        (place.origin, bearer, None, 200), (place.origin, basic_login, None, 403), (place.origin, basic_login, "a=b", 403),
        (place.other, bearer, None, 403), ("null", bearer, None, 403),
    ):  # fmt: skip
        headers = {"Origin": origin, "Authorization": authorization, "Sec-Fetch-Site": "cross-site"}
        headers |= {} if cookie is None else {"Cookie": cookie}
        answer = place.ask("PUT", "/imaging/exams/RIS-1", data="{}", **headers)
        assert answer.status_code == status, (origin, authorization[:6])


def test_our_own_answers_name_the_origin_where_no_proxy_does(both: dict[str, Place]) -> None:
    place = both["nginx"]
    with bearing(place.server, place.token()) as session:
        for path in ("/imaging/studies", "/imaging/nothing"):
            answer = session.get(path, headers={"Origin": place.origin})
            assert answer.headers["Access-Control-Allow-Origin"] == place.origin
            assert answer.headers["Vary"] == "Origin"
            answer = session.get(path, headers={"Origin": place.other})
            assert "Access-Control-Allow-Origin" not in answer.headers
