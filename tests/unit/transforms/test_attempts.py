"""Failed alignments beside a study, and the quality beside a transform."""

import msgspec
import pytest

from longitudinal.sidecar.records import Notes
from longitudinal.transforms.annotation import read_annotation, write_annotation
from longitudinal.transforms.attempts import Attempt, add_attempt, read_attempts
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
