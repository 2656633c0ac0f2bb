"""Every word that the page asks for is there, once: a gap would be seen as a key, and a second one hides the first."""

import re
from collections import Counter

from tests.data import ROOT

WEB = ROOT / "plugin" / "longitudinal" / "web"
EXTENSION = ROOT / "plugin" / "longitudinal" / "ohif" / "extension"
WORDS = (WEB / "shared" / "words.js").read_text()
KEYS = Counter(re.findall(r"^  '([^']+)':", WORDS, re.MULTILINE))


def test_no_key_stands_twice() -> None:
    assert [key for key, count in KEYS.items() if count > 1] == []


def test_every_word_that_is_asked_for_is_there() -> None:
    asked, counted = set(), set()
    for path in [*(WEB / "timeline").rglob("*.js"), *EXTENSION.glob("*.js")]:
        text = path.read_text()
        asked |= {(path.name, key) for key in re.findall(r"\bword\('([^']+)'", text)}
        counted |= {(path.name, key) for key in re.findall(r"\bcounted\('([^']+)'", text)}
    assert len(asked) > 100
    assert {(name, key) for name, key in asked if key not in KEYS} == set()
    missing = {(name, key) for name, key in counted if {f"{key}.one", f"{key}.many"} - set(KEYS)}
    assert missing == set()
