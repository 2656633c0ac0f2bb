"""docs/limits.md has every limit, with the numbers of the code."""

import re
from typing import Any

import msgspec
import pytest

from longitudinal.dicom import conformance, nesting
from longitudinal.exams import documents
from longitudinal.http import fields, measurements, parse, rate_limits, received_files, refinements
from longitudinal.http.routes import points, radiotherapy
from longitudinal.jobs import queue, supervisor
from longitudinal.points import reslice
from longitudinal.settings import RateLimits, Settings
from tests.data import ROOT

TEXT = (ROOT / "docs" / "limits.md").read_text()
SETTINGS, REST = TEXT.split("## Limits without a setting")
# Numbers that choose, and limit nothing that a client asks for.
NO_LIMIT: set[str] = set()


def _numbers(kind: Any) -> bool:
    """Whether a setting is a number, or holds numbers, within limits; texts have theirs for their form."""
    described = msgspec.json.schema(kind)
    return any(word in str(described) for word in ("'integer'", "'number'"))


def test_the_page_says_how_many_users_are_remembered_and_names_every_kind_of_request() -> None:
    section = TEXT.split("## Requests of one user")[1].split("\n## ")[0]
    assert f"The {rate_limits.MOST_USERS:,} users" in section
    assert {one.encode_name for one in msgspec.structs.fields(RateLimits)} == set(
        re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    )


def test_every_setting_that_limits_something_is_on_the_page() -> None:
    limiting = {
        field.encode_name for field in msgspec.structs.fields(Settings) if _numbers(field.type)
    } - NO_LIMIT
    assert {"MaxBodyMiB", "MaxUploadMiB", "WorkerMemoryMiB", "Acceptance", "TakeoverSeconds"} <= limiting
    assert {name for name in limiting | {"ExamIdPattern"} if f"`{name}`" not in SETTINGS} == set()


def test_the_defaults_on_the_page_are_the_defaults() -> None:
    default = Settings()
    assert default.rate_limits is not None
    for name, value in (
        ("MaxBodyMiB", f"{default.max_body} MiB"), ("MaxUploadMiB", f"{default.max_upload:,} MiB"),
        ("WorkerMemoryMiB", f"{default.worker_memory:,} MiB"), ("QuietSeconds", f"{default.quiet_seconds} s"),
        ("TakeoverSeconds", f"{default.takeover_seconds} s"), ("ReconcileSeconds", f"{default.reconcile_seconds:,} s"),
        ("MetadataBase", f"{default.metadata_base} to {default.metadata_base + 9}"),
        ("RateLimits", f"{default.rate_limits.pictures:,} pictures, {default.rate_limits.reads:,} reads, "
         f"{default.rate_limits.questions:,} questions, {default.rate_limits.uploads:,} uploads, "
         f"{default.rate_limits.changes:,} changes"),
        ("WorkerProcesses", f"{default.worker_processes} and {default.worker_threads}"),
    ):  # fmt: skip
        (row,) = [line for line in SETTINGS.splitlines() if line.startswith("|") and f"`{name}`" in line]
        assert value in row, row


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("points of one resolve", points.MAX_POINTS), ("of one batch", points.MAX_ANSWERS),
        ("matches to refine at once", refinements.MOST_MATCHES), ("matches to measure over time", measurements.MOST_MATCHES),
        ("structures and dose", radiotherapy.MAX_POINTS),
        ("pixels of a resliced picture", reslice.MOST_PIXELS), ("jobs of one user that wait", queue.MOST_WAITING),
        ("starts of a job", supervisor.MAX_ATTEMPTS), ("nesting of a JSON body", parse.MAX_DEPTH),
        ("wrong fields that one problem names", parse.MAX_ERRORS), ("files of one upload", received_files.MAX_FILES),
        ("packed to unpacked", received_files.MAX_RATIO), ("nesting of sequences", nesting.MOST_LEVELS),
        ("warnings about a header", conformance.MOST_WARNINGS), ("pairs of landmarks", fields.MAX_LANDMARKS),
        ("links of exams", documents.LONGEST_DOCUMENT),
    ],
)  # fmt: skip
def test_the_numbers_are_those_of_the_code(what: str, value: int) -> None:
    (row,) = [line for line in REST.splitlines() if line.startswith("|") and what in line]
    assert f"{value:,}" in re.split(r"\s*\|\s*", row)[2], row
