"""NotIndexableReason codes are a part of the API: each has an explanation, and stands in the documentation."""

from pathlib import Path

import pytest

from longitudinal.dicom.planes.reasons import REASONS, NotIndexableReason
from longitudinal.dicom.planes.roles import Role

DOCS = Path(__file__).parents[4] / "docs"


@pytest.mark.parametrize("reason", NotIndexableReason)
def test_every_reason_is_explained(reason: NotIndexableReason) -> None:
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
    assert codes == [str(reason) for reason in NotIndexableReason]


@pytest.mark.parametrize("role", Role)
def test_every_role_is_documented(role: Role) -> None:
    assert f"| `{role}` |" in (DOCS / "geometry.md").read_text(encoding="utf-8")
