"""Bodies that are wrong: each wrong field named, nothing raised but the two errors of a body."""

import json
import time
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longitudinal.errors import BodyTooLarge, InvalidRequest, MalformedJson
from longitudinal.http.exchange import Request
from longitudinal.http.parse import MAX_DEPTH, MAX_ERRORS, check_size, parse_days, parse_json, parse_query
from longitudinal.http.problem import response_of
from longitudinal.http.router import Route, Router


class Body(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    row_number: Annotated[float, msgspec.Meta(le=1e6)] | None = None
    count: Annotated[int, msgspec.Meta(ge=1)] = 1
    names: Annotated[list[Annotated[str, msgspec.Meta(min_length=1)]], msgspec.Meta(max_length=3)] | None = (
        None
    )
    free: dict[str, msgspec.Raw] | None = None
    parts: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=2)] | None = None


class Chosen(Body, rename="camel", forbid_unknown_fields=True):
    kind: Literal["a", "b"] = "a"


class Needed(msgspec.Struct):
    one: int
    two: int


def named(body: bytes, kind: type[msgspec.Struct] = Body) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        parse_json(body, kind)
    assert all(error.detail for error in caught.value.fields)
    return [error.field for error in caught.value.fields]


def test_every_wrong_field_is_named_and_not_only_the_first() -> None:
    assert named(b'{"rowNumber": "a", "count": [], "names": {}}') == ["/rowNumber", "/count", "/names"]
    assert named(b'{"rownumber": 1, "count": 0}') == ["/rownumber", "/count"]
    assert named(b"{}", Needed) == ["/one", "/two"]


def test_every_wrong_item_of_a_list_is_named() -> None:
    assert named(b'{"names": ["", "a", 3]}') == ["/names/0", "/names/2"]
    assert named(b'{"names": ["a", "b", "c", "d"]}') == ["/names"]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({f"a{number}": 1 for number in range(300_000)}),
        '{"names": [' + "1, " * 1_000_000 + "1]}",
        '{"names": ["a", ' + '"a", ' * 600_000 + "1]}",
        '{"parts": [' + "1," * 1_900_000 + "1]}",
        '{"names": [' + "[]," * 1_000_000 + "1]}",
        json.dumps({"a" * 4_000_000: 1}),
        '{"kind": "' + "x" * 4_000_000 + '"}',
    ],
    ids=lambda body: body[:12],
)
def test_a_body_wrong_in_a_million_places_is_told_a_hundred(body: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidRequest) as caught:
        parse_json(body.encode(), Chosen)
    assert time.process_time() - began < 3
    assert 1 <= len(caught.value.fields) <= MAX_ERRORS
    assert len(response_of(caught.value).body) < 100_000


def test_what_is_kept_undecoded_is_not_called_wrong() -> None:
    assert named(b'{"free": {"a": {}}, "parts": [1, "x"], "count": 0}') == ["/count"]
    assert named(b'{"free": 1, "parts": [1, 2, 3]}') == ["/free", "/parts"]


@pytest.mark.parametrize("body", [b"[]", b"null", b"3", b'"x"', b"true", b"[1, {}]"])
def test_what_is_no_object_says_so(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="must be a JSON object, not"):
        parse_json(body, Body)


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 400, b"9" * 5_000])
def test_numbers_too_large_for_a_float_are_wrong_fields(number: bytes) -> None:
    assert named(b'{"count": "x", "rowNumber": ' + number + b"}") == ["/rowNumber", "/count"]


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_json_does_not_have_is_malformed_and_named(word: bytes) -> None:
    with pytest.raises(MalformedJson) as caught:
        parse_json(b'{"rowNumber": ' + word + b', "count": 0}', Body)
    assert [error.field for error in caught.value.fields] == ["/rowNumber", "/count"]


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b'{"count": 1}x', b"{'count': 1}", b'{"count": 01}', b"\xef\xbb\xbf{}", b"\xff\xfe{}",
     b'{"names": ["\xff"]}', b'{"names": ["\\ud800"]}', b'{"\\ud800": 1}', b'{"names": ["', b'{"names": ["\\',
     "{}".encode("utf-16")],
)  # fmt: skip
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse_json(body, Body)


@pytest.mark.parametrize("body", [b"[" * 600, b"[" * 600 + b"]" * 600, b"[" * 200_000, b'{"free":' * 200_000])
def test_deep_nesting_is_refused_before_any_parser_sees_it(body: bytes) -> None:
    with pytest.raises(MalformedJson, match="nested"):
        parse_json(body, Body)


def test_the_limit_is_exact() -> None:
    inside = MAX_DEPTH - 2
    parse_json(b'{"free": {"a": ' + b"[" * inside + b"]" * inside + b"}}", Body)
    with pytest.raises(MalformedJson, match=f"nested {MAX_DEPTH + 1} deep"):
        parse_json(b'{"free": {"a": ' + b"[" * (inside + 1) + b"]" * (inside + 1) + b"}}", Body)


@pytest.mark.parametrize("text", ["[" * 1_000, '\\"' + "[" * 1_000, "\\\\", "[{" * 40 + "\\\\"])
def test_brackets_inside_a_text_open_nothing(text: str) -> None:
    assert parse_json(f'{{"names": ["{text}"]}}'.encode(), Body).names == [msgspec.json.decode(f'"{text}"')]


@pytest.mark.parametrize(
    "body", [b"[" * 40 + b'"\\' * 2_000_000, b'"' * 4_000_000 + b"[" * 40, b"[" * 40 + b"\\" * 4_000_000]
)
def test_looking_for_the_depth_takes_no_longer_for_bodies_made_to_be_slow(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(MalformedJson):
        parse_json(body, Body)
    assert time.process_time() - began < 2


def test_of_a_field_given_twice_the_last_counts() -> None:
    """RFC 8259 leaves it open; every parser we know does this."""
    assert parse_json(b'{"count": 1, "count": 7}', Body).count == 7


def test_a_part_of_a_body_is_named_by_where_it_stands() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_json(b'{"count": 1e999}', Body, "/points/3")
    assert [error.field for error in caught.value.fields] == ["/points/3/count"]


SCALARS = st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text())
NAMES = st.sampled_from(["rowNumber", "count", "names", "free", "other", "\ud800"])
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner), st.dictionaries(NAMES, inner)))


def refused_or_taken(body: bytes) -> None:
    route = Route("POST", "/x", lambda call: call.body, "", Body, body=Body)
    response = Router([route]).run(route, {}, Request("POST", "/x", body=body))
    assert response.status in (200, 400)


@given(VALUES)
def test_no_value_at_all_raises_anything_else(value: object) -> None:
    refused_or_taken(json.dumps(value).encode())


@given(st.binary(max_size=60))
def test_no_bytes_at_all_raise_anything_else(tail: bytes) -> None:
    refused_or_taken(b'{"rowNumber": ' + tail)


@pytest.mark.parametrize(
    "body", [b'{"count": "x", "\\ud800": 1}', b'{"count": "x", \xff', b'{"count": "x", "a']
)
def test_what_is_wrong_behind_the_first_wrong_field_can_be_answered_too(body: bytes) -> None:
    refused_or_taken(body)


def test_arguments_are_texts_that_become_what_is_wanted() -> None:
    assert parse_query({"count": "7", "rowNumber": "1.5"}, Body).count == 7
    with pytest.raises(InvalidRequest) as caught:
        parse_query({"count": "x", "rowNumber": "", "other": "1"}, Body)
    assert [error.field for error in caught.value.fields] == ["other", "rowNumber", "count"]


@pytest.mark.parametrize("number", ["nan", "inf", "1e999"])
def test_an_argument_that_is_no_finite_number_is_wrong(number: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_query({"rowNumber": number}, Body)


def test_the_size_limit_is_exact() -> None:
    check_size(bytes(1024 * 1024), 1)
    with pytest.raises(BodyTooLarge, match="MaxBodyMiB"):
        check_size(bytes(1024 * 1024 + 1), 1)


def test_days() -> None:
    days = {"from": "2026.08.01", "/to": "20260831", "on": "2026-09-01", "none": None}
    assert parse_days(days) == ["2026-08-01", "2026-08-31", "2026-09-01", None]
    with pytest.raises(InvalidRequest) as raised:
        parse_days({"from": "20263419", "/points/3/to": "2026-02-30", "on": "2026-01-01"})
    assert [error.field for error in raised.value.fields] == ["from", "/points/3/to"]
