"""The version is in one place, `longitudinal.__version__`; the package metadata and the changelog follow it."""

import re
import tomllib

from longitudinal import __version__
from tests.data import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def test_the_package_metadata_reads_the_version_of_the_code() -> None:
    assert "version" not in PROJECT["project"]
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "longitudinal.__version__"}


def test_the_version_is_a_semantic_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_the_changelog_is_not_ahead_of_the_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    released = [numbers(heading) for heading in headings[1:]]
    assert released == sorted(released, reverse=True)
    assert all(version <= numbers(__version__) for version in released)
