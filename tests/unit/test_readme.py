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
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_every_command_is_one_of_the_makefile() -> None:
    commands = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README.replace("git and make ", ""))) <= commands


def test_the_one_question_is_one_and_its_answer_has_every_field() -> None:
    (body,) = re.findall(r"--data '(.*)'", README)
    wanted = {field.encode_name for field in msgspec.structs.fields(ResolveRequest)}
    assert set(json.loads(body)) <= wanted
    (answer,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    assert set(json.loads(answer)) == {field.encode_name for field in msgspec.structs.fields(Match)}


def test_it_says_what_it_is_not_for() -> None:
    assert "Not for primary diagnosis" in README
