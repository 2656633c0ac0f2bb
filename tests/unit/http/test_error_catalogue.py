"""docs/errors.md has every code that a program can meet."""

from longitudinal.errors import LongitudinalError, Refused
from longitudinal.http.error_catalogue import ADVICE, as_table, problems, upload_refusals
from longitudinal.http.openapi import errors_of
from longitudinal.reasons import UploadRefusal
from tests.data import ROOT
from tests.unit.http.served import Served, declared_problems

# Declared for each route by the reasons in their place.
PLACEHOLDERS = {(kind.status, kind.code) for kind in Refused.__subclasses__()}
TEXT = (ROOT / "docs" / "errors.md").read_text()


def test_the_page_has_the_tables() -> None:
    assert as_table(problems()) in TEXT
    assert as_table(upload_refusals()) in TEXT


def test_every_declared_problem_is_in_it_with_its_status(served: Served) -> None:
    listed = {(entry.status, entry.code) for entry in problems()}
    declared = {pair for route in served.router.routes for pair in declared_problems(route)}
    assert declared - PLACEHOLDERS <= listed
    assert {
        (error.status, error.code) for route in served.router.routes for error in errors_of(route)
    } - PLACEHOLDERS <= listed


def test_nothing_in_it_has_gone() -> None:
    codes = {entry.code for entry in problems()}
    assert set(ADVICE) <= codes
    assert LongitudinalError.code in codes
    assert {entry.code for entry in upload_refusals()} == set(UploadRefusal)


def test_an_error_that_says_when_to_come_back_is_worth_a_retry() -> None:
    kinds = [LongitudinalError]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if hasattr(kind, "retry_after"):
            assert ADVICE[kind.code][1] == "yes", kind
