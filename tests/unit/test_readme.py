"""The README and docs/: what they name is there."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from longitudinal.http.routes.points import ResolveRequest
from longitudinal.points.answer import Match
from tests.data import ROOT

README = (ROOT / "README.md").read_text()
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), ROOT / "docker" / "README.md", *DOCS]


def anchors(page: Path) -> set[str]:
    """The fragment of each heading, as Git hosts make it: lower case, hyphens for spaces, no punctuation."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_of_it(page: Path) -> None:
    for link, fragment in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", page.read_text()):
        if "://" not in link:
            target = page.parent / link if link else page
            assert target.exists(), link
            assert not fragment or fragment in anchors(target), f"{link}#{fragment}"


def test_the_index_of_the_documentation_has_every_page() -> None:
    linked = set(re.findall(r"\]\(([^)#\s]+)", (ROOT / "docs" / "README.md").read_text()))
    folder = ROOT / "docs"
    assert {page.name for page in folder.glob("*.md")} - linked == {"README.md"}


def test_every_command_is_one_of_the_makefile() -> None:
    commands = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README.replace("git and make ", ""))) <= commands


def test_the_one_question_is_one_and_its_answer_has_every_field_in_the_api_page() -> None:
    (body,) = re.findall(r"--data '(.*)'", README)
    wanted = {field.encode_name for field in msgspec.structs.fields(ResolveRequest)}
    assert set(json.loads(body)) <= wanted
    (excerpt,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    api = (ROOT / "docs" / "api.md").read_text().partition("### One match\n")[2]
    answer = json.loads(re.findall(r"```json\n(.*?)```", api, re.DOTALL)[0])
    assert set(answer) == {field.encode_name for field in msgspec.structs.fields(Match)}
    assert json.loads(excerpt).items() <= answer.items()


def test_it_says_what_it_is_not_for() -> None:
    assert "Not for primary diagnosis" in README
