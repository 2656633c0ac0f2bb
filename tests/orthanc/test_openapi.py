"""The document that describes the routes, as a real server serves it."""

import re
from typing import Any

import pytest
from openapi_spec_validator import validate

from tests.data import ROOT
from tests.orthanc.server import OrthancServer

PLACEHOLDER = "nothing-has-this-name"


@pytest.fixture
def document(server: OrthancServer) -> dict[str, Any]:
    response = server.session.get("/imaging/openapi.json")
    assert response.status_code == 200
    return response.json()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_each_operation_has_a_name_a_summary_and_its_problems(document: dict[str, Any]) -> None:
    found = operations(document)
    assert len({operation["operationId"] for *_, operation in found}) == len(found)
    for method, path, operation in found:
        assert operation["summary"], path
        named = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))
        assert "503" in operation["responses"], (method, path)
        if named and (method, path) != ("put", "/exams/{exam}"):  # which makes what it names
            assert "404" in operation["responses"], (method, path)
        if "requestBody" in operation:
            assert {"400", "413"} <= set(operation["responses"]), (method, path)


def test_what_no_operation_expects_is_answered_as_documented(
    server: OrthancServer, document: dict[str, Any]
) -> None:
    """Every operation with unknown names and an empty object: no 5xx, and no status the document lacks."""
    for method, path, operation in operations(document):
        address = "/imaging" + re.sub(r"{\w+}", PLACEHOLDER, path).rstrip("/")
        body = {} if "requestBody" in operation else None
        response = server.session.request(method, address, json=body, allow_redirects=False)
        assert str(response.status_code) in operation["responses"], (
            method,
            path,
            response.status_code,
            response.text,
        )
        assert response.status_code < 500, (method, path, response.text)
        if response.status_code >= 400:
            assert response.json()["code"], (method, path)


def test_what_a_client_has_of_the_documentation_is_not_sent_again(server: OrthancServer) -> None:
    for path in ("/imaging/openapi.json", "/imaging/docs", "/imaging/docs/redoc.standalone.js"):
        first = server.session.get(path)
        again = server.session.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b""), path
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"] != "no-store"


def test_a_wrong_argument_is_named_by_every_operation_with_arguments(
    server: OrthancServer, document: dict[str, Any]
) -> None:
    for method, path, operation in operations(document):
        if any(parameter["in"] == "query" for parameter in operation["parameters"]):
            address = "/imaging" + re.sub(r"{\w+}", PLACEHOLDER, path)
            response = server.session.request(method, address, params={"colour": "red"})
            assert response.status_code == 400, (path, response.text)
            assert "colour" in {error["field"] for error in response.json()["errors"]}


def test_every_route_has_a_line_in_the_documentation(document: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    routes = [(method.upper(), path.rstrip("/")) for method, path, _ in operations(document)]
    missing = [f"{method} {path}" for method, path in routes if f"`{method} /imaging{path}" not in text]
    assert not missing


def test_every_reason_to_refuse_a_transform_is_a_code_of_its_route(document: dict[str, Any]) -> None:
    """The codes are those of the page of reason codes: what is given can fail as a matrix, as landmarks, by its frames."""
    documented = (ROOT / "docs" / "reason-codes.md").read_text()
    landmarks = documented.partition("## Landmarks")[2].partition("\n## ")[0]
    given = documented.partition("## Given transforms")[2].partition("\n## ")[0]
    expected = set(re.findall(r"^\| `(\w+)` \|", landmarks + given, re.M))
    assert {"collinearLandmarks", "unknownFrame"} <= expected
    for path in ("/transforms", "/transforms/fit"):
        schema = document["paths"][path]["post"]["responses"]["422"]["content"]["application/problem+json"][
            "schema"
        ]
        assert set(schema["properties"]["code"]["enum"]) == expected


def test_every_field_of_the_question_says_what_it_is_and_words_to_choose_from_are_text(
    document: dict[str, Any],
) -> None:
    fields = document["components"]["schemas"]["ResolveRequest"]["properties"]
    assert [name for name, field in fields.items() if not field.get("description")] == []
    assert fields["per"]["type"] == "string"
    assert {"enum": ["wait"], "type": "string"} in fields["refine"]["anyOf"]
