"""Every word that the page asks for is there, once: a gap would be seen as a key, and a second one hides the first."""

import re
from collections import Counter

from longitudinal.reasons import AlignmentFailure, FiducialReason, RelationStatus
from tests.data import ROOT

WEB = ROOT / "plugin" / "longitudinal" / "web"
EXTENSION = ROOT / "plugin" / "longitudinal" / "ohif" / "extension"
WORDS = (WEB / "shared" / "words.js").read_text()
KEYS = Counter(re.findall(r"^  '([^']+)':", WORDS, re.MULTILINE))


def test_no_key_stands_twice() -> None:
    assert [key for key, count in KEYS.items() if count > 1] == []


def test_every_word_that_is_asked_for_is_there() -> None:
    asked, counted = set(), set()
    for path in [*WEB.glob("[!s]*/**/*.js"), WEB / "shared" / "relations.js", *EXTENSION.glob("*.js")]:
        text = path.read_text()
        asked |= {(path.name, key) for key in re.findall(r"\bword\('([^']+)'", text)}
        counted |= {(path.name, key) for key in re.findall(r"\bcounted\('([^']+)'", text)}
    assert len(asked) > 100
    assert {(name, key) for name, key in asked if key not in KEYS} == set()
    missing = {(name, key) for name, key in counted if {f"{key}.one", f"{key}.many"} - set(KEYS)}
    assert missing == set()


def listed(path: str, name: str) -> set[str]:
    """The texts in a list of a module."""
    found = re.search(rf"const {name} = (?:Object\.freeze\()?\[(.*?)\]", (WEB / path).read_text(), re.DOTALL)
    assert found is not None
    return set(re.findall(r"'([^']+)'", found[1]))


def test_every_code_of_the_server_has_its_words() -> None:
    assert listed("shared/relations.js", "STATUSES") == set(RelationStatus)
    assert {f"relation.{code}" for code in RelationStatus} <= set(KEYS)
    assert {f"rt.points.reason.{code}" for code in FiducialReason} <= set(KEYS)
    # an alignment that ended before it could be judged is not called refused
    assert listed("timeline/align/outcome.js", "ENDED") == set(AlignmentFailure)
