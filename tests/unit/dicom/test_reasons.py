"""Reason codes are a part of the API: each has an explanation, and stands in the documentation."""

from pathlib import Path

import pytest

from longitudinal.dicom.reasons import REASONS, Reason
from longitudinal.dicom.roles import Role

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained(reason: Reason) -> None:
    assert REASONS[reason].endswith(".")
    indexing = (
        (DOCS / "reason-codes.md").read_text(encoding="utf-8").split("## Indexing", 1)[1].split("\n## ", 1)[0]
    )
    assert f"| `{reason}` |" in indexing


def test_no_other_reason_is_documented() -> None:
    indexing = (
        (DOCS / "reason-codes.md").read_text(encoding="utf-8").split("## Indexing", 1)[1].split("\n## ", 1)[0]
    )
    codes = [line.split("`")[1] for line in indexing.splitlines() if line.startswith("| `")]
    assert codes == [str(reason) for reason in Reason]


@pytest.mark.parametrize("role", Role)
def test_every_role_is_documented(role: Role) -> None:
    assert f"| `{role}` |" in (DOCS / "geometry.md").read_text(encoding="utf-8")
