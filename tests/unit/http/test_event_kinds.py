"""Every route has a kind of event, and while nothing can be recorded, none of those that change something does."""

from collections.abc import Iterator

import pytest

from longitudinal.access.audit.events import EventKind
from longitudinal.http.router import Router
from longitudinal.touched import noting
from tests.unit.http.patients_served import FIRST, IMAGE, admit
from tests.unit.http.served import Served
from tests.unit.http.test_every_route import SUCCESSES, Drive

ABOUT_NOBODY = {
    "", "/imaging/app", "/openapi.json", "/docs", "/docs/redoc.standalone.js", "/health", "/health/live",
    "/health/ready", "/me",
}  # fmt: skip
READ_BY_ARGUMENTS = {
    ("GET", "/places"),
    ("GET", "/transforms"),
    ("GET", "/points/reslice"),
    ("POST", "/transforms/fit"),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("kinds"))
    admit(served)
    yield served
    served.close()


def test_every_route_has_a_kind(served: Served) -> None:
    for route in served.router.routes:
        kind, key = route.event, (route.method, route.path)
        assert (kind == EventKind.NONE) == (route.path in ABOUT_NOBODY), key
        assert kind != EventKind.SYSTEM, key
        if route.path.startswith(("/points/", "/overlays")) or key in READ_BY_ARGUMENTS:
            assert kind == EventKind.READ, key
        elif route.method == "GET":
            assert not kind.changes, key
            assert (kind == EventKind.READ) == ("{" in route.path), key
        else:
            assert kind.changes, key
    kinds = {(route.method, route.path): route.event for route in served.router.routes}
    assert kinds["POST", "/transforms/{transform}/review"] == EventKind.REVIEW
    assert kinds["POST", "/grants"] == kinds["DELETE", "/grants/{grant}"] == EventKind.GRANT
    assert kinds["GET", "/audit"] == EventKind.AUDIT


def test_names_are_those_of_the_request(served: Served) -> None:
    with noting() as touched:
        served.ask("GET", f"/studies/{FIRST}")
        served.ask("GET", f"/instances/{IMAGE}/header")
    assert [level for level, _ in touched] == ["studies", "patients", "instances"]


@pytest.mark.parametrize("drive", [one for one in SUCCESSES if one.method != "GET"], ids=str)
def test_nothing_is_changed_while_it_cannot_be_recorded(drive: Drive, served: Served) -> None:
    route, _ = served.router.find(drive.method, drive.path.format("x"))
    unrecorded = Router(served.router.routes, unrecorded=lambda: "no room on /audit")
    asked = served.router
    try:
        served.router = unrecorded
        answered = served.send(
            drive.method, drive.path.format("x"), drive.body, query=drive.query, headers=drive.headers
        )
    finally:
        served.router = asked
    if route.event.changes:
        assert (answered.status, answered.code) == (503, "auditUnavailable")
        assert "no room on /audit" in answered.json["detail"]
    else:
        assert answered.status != 503
