"""Every reason code has an explanation, a row in the docs, and code that gives it."""

import ast
from pathlib import Path

import pytest

from longitudinal import reasons
from longitudinal.reasons import ReasonCode
from tests.data import ROOT

FAMILIES = {
    reasons.NotIndexableReason: "Indexing",
    reasons.PixelsReason: "Pixels",
    reasons.FaultReason: "The index file",
    reasons.RegistrationRefusal: "Registration objects",
    reasons.LandmarkFault: "Landmarks",
    reasons.GivenTransformRefusal: "Given transforms",
    reasons.UnresolvedReason: "Studies without a match",
    reasons.Rejection: "Alignments",
    reasons.UnusableScan: "Alignments",
    reasons.AlignmentFailure: "Alignments",
    reasons.RefinementReason: "Refined points",
    reasons.SuvReason: "SUV",
    reasons.ValueReason: "Values at a place",
    reasons.PlaceFault: "Places",
    reasons.StaleReport: "Stale reports",
    reasons.UploadRefusal: "Uploads",
    reasons.RelationStatus: "Relations",
    reasons.StructureReason: "Structures at a point",
    reasons.DoseReason: "Doses at a point",
    reasons.DoseSumReason: "Sums of doses",
    reasons.FiducialReason: "Fiducials",
}
PACKAGE = ROOT / "plugin" / "longitudinal"
DOCS = (ROOT / "docs" / "reason-codes.md").read_text(encoding="utf-8")


def members_named_in(source: Path) -> set[str]:
    """`Family.MEMBER` of every expression of a module."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add(f"{node.value.id}.{node.attr}")
    return found


def test_no_family_is_left_out() -> None:
    assert set(FAMILIES) == set(ReasonCode.__subclasses__())


@pytest.mark.parametrize("family", FAMILIES)
def test_each_code_is_explained_and_documented(family: type[ReasonCode]) -> None:
    section = DOCS.split(f"## {FAMILIES[family]}\n", 1)[1].split("\n## ", 1)[0]
    assert [code for code in family if not code.explanation] == []
    assert [str(code) for code in family if f"| `{code}` |" not in section] == []


def test_each_row_of_the_docs_is_a_code() -> None:
    rows: dict[str, set[str]] = {}
    for section in DOCS.split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        rows[title] = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    for title in set(FAMILIES.values()):
        codes = {str(code) for family, name in FAMILIES.items() if name == title for code in family}
        assert rows[title] == codes, title


def test_each_code_is_given_by_some_code() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "reasons.py"]
    named = set().union(*map(members_named_in, modules))
    members = {f"{family.__name__}.{code.name}" for family in FAMILIES for code in family}
    assert members - named == set()
