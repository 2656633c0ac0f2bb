"""Failed alignments beside a study, and the quality beside a transform."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longitudinal.sidecar.tables.records import LONGEST_METADATA, Notes
from longitudinal.transforms.annotation import StatedItem, read_annotation, write_annotation
from longitudinal.transforms.attempts import Attempt, TriedSeries, add_attempt, read_attempts
from tests.annotations import decide


def attempt(partner: str = "1.2", method: str = "rigid", **more: object) -> Attempt:
    return Attempt("1.9", partner, "1.2.3", method, "engine 1", "inconsistent", "it wanders", **more)  # type: ignore[arg-type]


def test_the_newest_stands_first_and_replaces_its_like() -> None:
    text = add_attempt(add_attempt(None, attempt("1.2")), attempt("1.3"))
    text = add_attempt(text, attempt("1.2", quality={"forwardBackwardMeanMm": 14.2}))
    assert [(one.partner_frame_of_reference_uid, one.quality) for one in read_attempts(text)] == [
        ("1.2", {"forwardBackwardMeanMm": 14.2}),
        ("1.3", {}),
    ]
    assert len(read_attempts(add_attempt(text, attempt("1.2", "affine")))) == 3


def test_no_study_gathers_attempts_without_end() -> None:
    text = None
    for number in range(50):
        text = add_attempt(text, attempt(f"1.{number}"))
    kept = read_attempts(text)
    assert (len(kept), kept[0].partner_frame_of_reference_uid) == (20, "1.49")


def test_it_is_about_two_frames_in_either_direction() -> None:
    assert attempt("1.2").is_about("1.2", "1.9")
    assert attempt("1.2").is_about("1.9", "1.2")
    assert not attempt("1.2").is_about("1.9", "1.3")


@pytest.mark.parametrize(
    "text", ["", "x", "[]", '{"attempts": 1}', '{"attempts": [{"method": 1}]}', "\udc80"]
)
def test_what_somebody_else_wrote_is_nothing(text: str) -> None:
    assert read_attempts(text) == ()


DEEP = "[" * 100_000 + "]" * 100_000
POISON = [
    '{"items": {"2": ' + DEEP + "}}",
    DEEP,
    "[" * 100_000,
    '{"items": {"' + "9" * 5_000 + '": {"decision": "rejected"}}}',
    '{"items": {"2": {"expectedErrorMm": ' + "9" * 5_000 + "}}}",
    '{"items": {"2": {"expectedErrorMm": 1e999, "errorSource": "declared"}}}',
    '{"items": {"2": {"quality": {"a": ' + "9" * 5_000 + "}}}}",
    '{"items": {"2": {"quality": {"a": ' + "9" * 400 + "}}}}",
    '{"items": {"2": {"quality": ' + DEEP + "}}}",
    '{"items": {"2": {"unknown": ' + DEEP + "}}}",
    '{"items": {"\u00b2": {}, "-1": {}, "02": {}, "2": 3}}',
    '{"items": {"2": {"decidedBy": "\\ud800"}}}',
    '{"attempts": [' + DEEP + "]}",
    '{"attempts": {}}',
    "\ud800",
    "x" * (LONGEST_METADATA + 1),
    '{"items": {}, "x": "' + "y" * 50_000_000 + '"}',
]


@pytest.mark.parametrize("text", POISON, ids=lambda text: f"{text[:40]!r} of {len(text)}")
def test_poison_says_nothing_and_a_review_writes_over_it(text: str, caplog: pytest.LogCaptureFixture) -> None:
    notes = read_annotation(text).get(2, Notes())
    assert (notes.decision, notes.quality, notes.expected_error_mm) == (None, None, None)
    assert read_attempts(text) == ()
    written = decide(text, 2, "rejected", "ann", "2026-01-01")
    assert read_annotation(written)[2].decision == "rejected"
    assert len(written) < 1000
    assert read_attempts(add_attempt(text, attempt()))[0].method == "rigid"
    assert all(len(record.getMessage()) < 1000 for record in caplog.records)


def test_what_is_ignored_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        read_annotation('{"items": "no object at all"}')
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    read_annotation(None)
    read_annotation("")
    assert len(caplog.records) == 1


def test_one_bad_item_leaves_the_others_as_they_are() -> None:
    text = '{"items": {"2": {"decision": 7}, "3": {"decision": "rejected"}, "' + "9" * 5_000 + '": {}}}'
    assert {number: notes.decision for number, notes in read_annotation(text).items()} == {3: "rejected"}
    stored = '{"attempts": [1, {"method": "rigid"}, ' + msgspec.json.encode(attempt()).decode() + "]}"
    assert [one.method for one in read_attempts(stored)] == ["rigid"]


def test_what_is_served_of_attempts_is_bounded() -> None:
    """However much stands in a metadata value, a study has at most twenty attempts of a few thousand characters."""
    long = msgspec.json.encode([attempt(reason_of) for reason_of in ("x" * 10_000,)])
    assert read_attempts('{"attempts": ' + long.decode() + "}") == ()
    many = [attempt(str(number), quality={"figure": 1.5}) for number in range(500)]
    kept = read_attempts(msgspec.json.encode({"attempts": many}).decode())
    assert len(kept) == 20
    for quality in (
        {str(number): 1 for number in range(1000)},
        {"x" * 3000: 1},
        {"x": "y" * 3000},
        {"x": 10**30},
    ):
        text = msgspec.json.encode({"attempts": [attempt(quality=quality)]}).decode()
        assert read_attempts(text) == ()


@given(st.text())
def test_any_text_is_read_without_harm(text: str) -> None:
    read_annotation(text)
    read_attempts(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.dictionaries(
        st.sampled_from([field.encode_name for field in msgspec.structs.fields(StatedItem)]), JSON
    )
)
def test_any_value_of_any_field_can_be_written_back(item: dict[str, object]) -> None:
    text = json.dumps({"items": {"2": item}, "attempts": [item]})
    written = decide(text, 2, "accepted", "ann", "2026-01-01")
    assert read_annotation(written)[2].decision == "accepted"
    assert read_attempts(text) == ()


def test_quality_stays_beside_a_transform_when_it_is_reviewed() -> None:
    quality = {"forwardBackwardMeanMm": 0.046, "blocks": 12, "overlap": None}
    notes = Notes(0.046, "forwardBackward", "automatic", quality=msgspec.json.encode(quality).decode())
    text = decide(write_annotation({2: notes}), 2, "accepted", "ann", "2026-01-01")
    read = read_annotation(text)[2]
    assert (read.decision, read.given_origin, read.expected_error_mm) == ("accepted", "automatic", 0.046)
    assert msgspec.json.decode(read.quality or "") == quality


@pytest.mark.parametrize("quality", ["1", '"text"', "[1]", '{"x": "' + "y" * 20_000 + '"}'])
def test_quality_that_is_none_is_left_out_and_the_rest_believed(quality: str) -> None:
    text = '{"items": {"2": {"decision": "rejected", "quality": ' + quality + "}}}"
    assert (read_annotation(text)[2].quality, read_annotation(text)[2].decision) == (None, "rejected")


def test_it_holds_until_something_is_stored_in_a_series_it_is_about() -> None:
    tried = [TriedSeries("1", "then"), TriedSeries("2", "later")]
    both = attempt(series=tried)
    one = attempt(series=tried, unusable_series_instance_uid="2")
    assert both.holds({"1": "then", "2": "later"})
    assert not both.holds({"1": "now", "2": "later"})
    assert not both.holds({"2": "later"}), "the series is gone"
    assert one.holds({"1": "now", "2": "later"})
    assert not one.holds({"1": "then", "2": "now"})
    unknown = attempt(series=[TriedSeries("1", "")])
    assert not unknown.holds({"1": ""}), "it says nothing of what is stored"
    assert attempt().holds({}), "nobody knows which series it was about"


def test_of_one_pair_each_unusable_series_is_kept() -> None:
    text = add_attempt(None, attempt(unusable_series_instance_uid="1"))
    text = add_attempt(text, attempt(unusable_series_instance_uid="2"))
    assert len(read_attempts(add_attempt(text, attempt(unusable_series_instance_uid="2")))) == 2
