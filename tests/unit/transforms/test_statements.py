"""Statements that somebody has changed: none of them raises trust."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from longitudinal.sidecar.tables.records import Notes
from longitudinal.transforms.signature import Key, Signature, Subject, sign, verifies
from longitudinal.transforms.statements import Memory, Seal, believe, decide, give

KEY, OTHER_KEY = Key(b"k" * 32), Key(b"o" * 32)
SUBJECT = Subject("1.2.3", b"digest of the object", 2)
NOTES = Notes(0.5, "forwardBackward", "automatic", "ann", "2026-01-01", quality='{"overlap":0.9}')
Json = dict[str, Any]


def seal(key: Key = KEY, subject: Subject = SUBJECT, at: int = 1_000) -> Seal:
    def sealed(kind: str, item: int, content: bytes, newest: int) -> Signature:
        about = Subject(subject.sop_instance_uid, subject.digest, item)
        return sign(key, kind, about, content, max(newest + 1, at))

    return sealed


def reading(
    text: str | None,
    known: dict[int, Memory] | None = None,
    subject: Subject = SUBJECT,
    keys: tuple[Key, ...] = (KEY,),
) -> tuple[Notes, dict[int, Memory]]:
    def check(signature: Signature, kind: str, item: int, content: bytes) -> bool:
        return verifies(
            keys, signature, kind, Subject(subject.sop_instance_uid, subject.digest, item), content
        )

    notes, memories = believe(text, check, known or {}, lambda key: any(each.id == key for each in keys))
    return notes.get(2, Notes()), memories


def measured(at: int = 1_000) -> str:
    return give(None, 2, NOTES, seal(at=at), Memory())


def decided(decision: str, text: str | None = None, at: int = 2_000) -> str:
    return decide(text or measured(), 2, decision, "bob", "2026-01-02", seal(at=at), Memory())


def is_trusted(notes: Notes) -> bool:
    return (
        notes.expected_error_mm is not None or notes.decision == "accepted" or notes.given_origin is not None
    )


def test_what_is_signed_counts() -> None:
    notes, memories = reading(decided("accepted"))
    assert (notes.expected_error_mm, notes.error_source, notes.given_by) == (0.5, "forwardBackward", "ann")
    assert (notes.decision, notes.decided_by, notes.quality) == ("accepted", "bob", '{"overlap":0.9}')
    assert memories[2] == Memory(1_000, 2_000, None, (), "")
    notes, memories = reading(decided("rejected"))
    assert (notes.decision, notes.decided_by, memories[2].rejected) == ("rejected", "bob", 2_000)


def test_a_review_does_not_vouch_for_an_error_that_nobody_signed() -> None:
    unsigned = json.dumps(
        {"items": {"2": {"expectedErrorMm": 0.0, "errorSource": "declared", "givenAt": "x"}}}
    )
    notes, memories = reading(decided("accepted", unsigned))
    assert (notes.expected_error_mm, notes.decision) == (None, "accepted")
    assert memories[2].unsigned == ("given",)


def test_all_keys_verify_and_an_unknown_one_is_named() -> None:
    text = decided("accepted")
    assert reading(text, keys=(OTHER_KEY, KEY))[0].decision == "accepted"
    notes, memories = reading(text, keys=(OTHER_KEY,))
    assert not is_trusted(notes)
    assert memories[2] == Memory(0, 0, None, ("given", "review"), KEY.id)


FIELDS: dict[str, object] = {
    "expectedErrorMm": 0.1, "errorSource": "landmarks", "givenOrigin": "person", "givenBy": "eve", "givenAt": "2027-01-01",
    "quality": {"overlap": 1.0}, "decision": "accepted", "decidedBy": "eve", "decidedAt": "2027-01-01",
}  # fmt: skip


def with_field(name: str, value: object) -> Callable[[Json], None]:
    return lambda item: item.update({name: value})


def with_signature(name: str, **more: object) -> Callable[[Json], None]:
    return lambda item: item[f"{name}Signature"].update(more)


def without(*names: str) -> Callable[[Json], None]:
    return lambda item: [item.pop(name) for name in names] and None


def swap(item: Json) -> None:
    item["givenSignature"], item["reviewSignature"] = item["reviewSignature"], item["givenSignature"]


def lower(item: Json) -> None:
    for name in ("given", "review"):
        item[f"{name}Signature"]["mac"] = item[f"{name}Signature"]["mac"].upper()


MUTATIONS: dict[str, Callable[[Json], None]] = {
    **{f"another {name}": with_field(name, value) for name, value in FIELDS.items()},
    **{f"no {name}": without(name) for name in FIELDS},
    **{f"a counter of {name} one more": with_signature(name, counter=3_000) for name in ("given", "review")},
    **{f"a counter of {name} of nothing": with_signature(name, counter=0) for name in ("given", "review")},
    **{f"a counter of {name} that is none": with_signature(name, counter=-1) for name in ("given", "review")},
    **{f"another key of {name}": with_signature(name, key=OTHER_KEY.id) for name in ("given", "review")},
    **{f"no key of {name}": with_signature(name, key="") for name in ("given", "review")},
    **{f"no mac of {name}": with_signature(name, mac="") for name in ("given", "review")},
    **{f"no signature of {name}": without(f"{name}Signature") for name in ("given", "review")},
    **{
        f"a number for a signature of {name}": with_field(f"{name}Signature", 5)
        for name in ("given", "review")
    },
    "no signature": without("givenSignature", "reviewSignature"),
    "each other's signature": swap,
    "capital letters": lower,
}


@pytest.mark.parametrize("what", MUTATIONS)
@pytest.mark.parametrize("decision", ["accepted", "rejected"])
def test_nothing_that_was_changed_raises_trust(what: str, decision: str) -> None:
    """The part that was changed does not count; what was rejected stays so, on a node that knew it."""
    text = decided(decision)
    original, known = reading(text)
    changed = json.loads(text)
    MUTATIONS[what](changed["items"]["2"])
    if changed == json.loads(text):
        return
    for memory in ({}, known):
        notes, _ = reading(json.dumps(changed), memory)
        assert notes.expected_error_mm in (None, original.expected_error_mm)
        assert notes.expected_error_mm is None or "expectedErrorMm" not in what
        assert (notes.given_by, notes.given_origin) in (("", None), ("ann", "automatic"))
        if decision == "rejected":
            assert notes.decision != "accepted"
        elif notes.decision == "accepted":
            assert (notes.decided_by, notes.decided_at) == ("bob", "2026-01-02")
    if decision == "rejected":
        assert reading(json.dumps(changed), known)[0].decision == "rejected"


def moved_item() -> str:
    first = decide(give(None, 1, NOTES, seal(), Memory()), 1, "accepted", "bob", "t", seal(), Memory())
    return json.dumps({"items": {"2": json.loads(first)["items"]["1"]}})


MOVED: dict[str, tuple[str, Subject]] = {
    "to another object": (decided("accepted"), Subject("1.2.4", SUBJECT.digest, 2)),
    "to an object that was replaced": (decided("accepted"), Subject("1.2.3", b"another", 2)),
    "to another item": (moved_item(), SUBJECT),
}  # fmt: skip


@pytest.mark.parametrize("where", MOVED)
def test_a_statement_cannot_be_moved(where: str) -> None:
    text, subject = MOVED[where]
    assert not is_trusted(reading(text, subject=subject)[0])


@pytest.mark.parametrize("by", [decided("accepted", at=1_500), measured(), None, "", "no JSON", "{}", '{"items": {}}',
                                '{"items": {"2": {}}}', '{"items": {"2": {"decision": "accepted"}}}'])  # fmt: skip
def test_a_rejection_outlives_what_takes_its_place(by: str | None) -> None:
    """An older acceptance put back, an error alone, nothing at all."""
    _, known = reading(decided("rejected", at=2_000))
    notes, after = reading(by, known)
    assert notes.decision == "rejected"
    assert reading(by, after)[0].decision == "rejected"


def test_an_older_acceptance_put_back_does_not_count() -> None:
    old = decided("accepted", at=1_500)
    _, known = reading(decided("accepted", at=2_500))
    notes, memories = reading(old, known)
    assert notes.decision is None
    assert memories[2].review == 2_500


def test_an_older_error_put_back_does_not_count() -> None:
    _, known = reading(measured(at=2_000))
    assert reading(measured(at=1_000), known)[0].expected_error_mm is None


def test_an_unsigned_rejection_rejects_and_a_signed_acceptance_ends_it() -> None:
    text = json.dumps({"items": {"2": {"decision": "rejected", "decidedBy": "eve"}}})
    notes, known = reading(text)
    assert (notes.decision, notes.decided_by, known[2].unsigned) == ("rejected", "", ("review",))
    accepted = decide(text, 2, "accepted", "bob", "t", seal(), known[2])
    notes, known = reading(accepted, known)
    assert (notes.decision, notes.decided_by, known[2].rejected) == ("accepted", "bob", None)


def test_a_counter_is_larger_than_any_seen() -> None:
    known = Memory(given=5_000, review=6_000)
    text = decide(measured(), 2, "accepted", "bob", "t", seal(), known)
    assert json.loads(text)["items"]["2"]["reviewSignature"]["counter"] == 6_001


def test_without_a_key_a_statement_is_kept_and_does_not_count() -> None:
    text = give(None, 2, NOTES, lambda *_: None, Memory())
    assert "givenSignature" not in json.loads(text)["items"]["2"]
    notes, memories = reading(text)
    assert not is_trusted(notes)
    assert memories[2].unsigned == ("given",)


def test_a_reviewers_words_are_signed_with_the_decision() -> None:
    said = "ventricles agree"
    text = decide(measured(), 2, "accepted", "bob", "2026-01-02", seal(at=2_000), Memory(), said)
    notes, _ = reading(text)
    assert (notes.decision, notes.decided_by, notes.decided_why) == ("accepted", "bob", said)
    notes, memories = reading(text.replace(said, "looked at nothing"))
    assert (notes.decision, notes.decided_why, memories[2].unsigned) == (None, "", ("review",))
