"""The example of a configuration, and those of the documentation, are ones that the plugin takes."""

import json
import re

import pytest

from longitudinal.settings import read_settings
from tests.data import ROOT

PAGE = (ROOT / "docs" / "access.md").read_text()


def plain(text: str) -> str:
    """Without comments, and with the defaults of the environment, as Orthanc reads it."""
    text = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"\$\{\w+:-(\w+)\}", r"\1", text)


@pytest.mark.parametrize(
    "text",
    [
        (ROOT / "orthanc-config" / "access.json").read_text(),
        *re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL),
    ],
)
def test_an_example_is_taken(text: str) -> None:
    settings = read_settings(json.loads(plain(text)))
    assert settings.access is not None
    assert settings.access.rules
