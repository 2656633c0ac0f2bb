"""The two signed statements about an item of a registration object: `given` and `review`.

`given` states the accuracy of the transform, who gave it and when, its figures, and the error at place that belongs to
it; `review` what a person decided. Each is signed separately: a review does not vouch for an error that nobody signed.
An unsigned statement cannot raise trust: no error, no review. It can lower it: an unsigned rejection rejects, and a
rejected transform stays rejected until something newer is signed.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from longitudinal.sidecar.tables.records import Notes
from longitudinal.transforms.annotation import StatedItem, note_of, read_items, write_items
from longitudinal.transforms.signature import Signature

GIVEN, REVIEW = "given", "review"

Seal = Callable[[str, int, bytes, int], Signature | None]
"""Signs: kind, item, content, and the counter to exceed; None if this node may not sign."""
Check = Callable[[Signature, str, int, bytes], bool]
"""Verifies: signature, kind, item, content."""


class Memory(msgspec.Struct, frozen=True):
    """What this node has seen of one item; it outlives the metadata.

    Attributes
    ----------
    given, review
        The largest counters of signed statements; 0 if there were none. A smaller one is of an older, restored statement.
    rejected
        The largest counter when it was rejected; None if it is not.
    unsigned
        Which statements exist but do not count.
    unknown_key
        The id of the key that one of those names; "" if it names one of this node's keys, or none.
    """

    given: int = 0
    review: int = 0
    rejected: int | None = None
    unsigned: tuple[str, ...] = ()
    unknown_key: str = ""


def give(text: str | None, number: int, notes: Notes, seal: Seal, known: Memory) -> str:
    """The annotation with who gave an item and its accuracy; if that is stated already, it is unchanged."""
    items = read_items(text)
    if number in items and items[number].given_at is not None:
        return text or ""
    # as it will be read
    items[number] = _replace_given(items.get(number, StatedItem()), notes)
    item = read_items(write_items(items))[number]
    signature = seal(GIVEN, number, _given(item), _newest(item, known))
    items[number] = msgspec.structs.replace(item, given_signature=_plain(signature))
    return write_items(items)


def decide(
    text: str | None, number: int, decision: str, user: str, at: str, seal: Seal, known: Memory, why: str = ""
) -> str:  # fmt: skip
    """The annotation with a reviewer's decision on one item, and why; everything else is unchanged, signed or not."""
    items = read_items(text)
    said = items.get(number, StatedItem())
    item = msgspec.structs.replace(said, decision=decision, decided_by=user, decided_at=at, decided_why=why)
    signature = seal(REVIEW, number, _review(item), _newest(said, known))
    items[number] = msgspec.structs.replace(item, review_signature=_plain(signature))
    return write_items(items)


def restate(
    text: str | None, number: int, before: Notes, notes: Notes, seal: Seal, known: Memory
) -> str:  # fmt: skip
    """The annotation with later findings about an item, and the decision that follows from them.

    `before` is the part of it that counted. A decision that did not count is left unchanged, for a person.
    """
    items = read_items(text)
    said = items.get(number, StatedItem())
    items[number] = _replace_given(said, notes)
    item = read_items(write_items(items))[number]
    item = msgspec.structs.replace(
        item, given_signature=_plain(seal(GIVEN, number, _given(item), _newest(said, known)))
    )
    is_believed = item.decision is None or item.decision == before.decision
    if is_believed and notes.decision != before.decision:
        item = msgspec.structs.replace(
            item,
            decision=notes.decision,
            decided_by=notes.decided_by,
            decided_at=notes.decided_at,
            decided_why="",
        )
        signature = seal(REVIEW, number, _review(item), _newest(item, known)) if notes.decision else None
        item = msgspec.structs.replace(item, review_signature=_plain(signature))
    items[number] = item
    return write_items(items)


def believe(
    text: str | None, check: Check, known: Mapping[int, Memory], has_key: Callable[[str], bool]
) -> tuple[dict[int, Notes], dict[int, Memory]]:
    """The part of an annotation that counts, by item number, and what to remember of each item."""
    items = read_items(text)
    notes, memories = {}, {}
    for number in sorted({*items, *known}):
        notes[number], memories[number] = _believe(
            number, items.get(number, StatedItem()), check, known.get(number, Memory()), has_key
        )
    return notes, memories


def _believe(
    number: int, item: StatedItem, check: Check, known: Memory, has_key: Callable[[str], bool]
) -> tuple[Notes, Memory]:
    said = note_of(item)
    given, review = _signature(item.given_signature), _signature(item.review_signature)
    is_given = (
        given is not None and given.counter >= known.given and check(given, GIVEN, number, _given(item))
    )
    is_decided = (
        review is not None and review.counter >= known.review and check(review, REVIEW, number, _review(item))
    )
    counters = (
        given.counter if given is not None and is_given else 0,
        review.counter if review is not None and is_decided else 0,
    )
    newest = max(known.given, known.review, *counters)
    rejected = known.rejected
    if rejected is not None and (
        counters[0] > rejected or (counters[1] > rejected and said.decision == "accepted")
    ):
        rejected = None
    if said.decision == "rejected":
        rejected = newest
    notes = replace(
        said if is_given else Notes(),
        decision="rejected" if rejected is not None else "accepted" if is_decided and said.decision else None,
        decided_by="",
        decided_at=None,
        decided_why="",
    )
    if is_decided and notes.decision == said.decision:
        notes = replace(
            notes, decided_by=said.decided_by, decided_at=said.decided_at, decided_why=said.decided_why
        )
    unsigned = tuple(
        kind
        for kind, is_there, is_signed in (
            (GIVEN, said.given_at is not None or said.expected_error_mm is not None, is_given),
            (REVIEW, said.decision is not None, is_decided),
        )
        if is_there and not is_signed
    )
    strange = [one.key for one in (given, review) if one is not None and not has_key(one.key)]
    return notes, Memory(
        max(known.given, counters[0]),
        max(known.review, counters[1]),
        rejected,
        unsigned,
        strange[0] if strange else "",
    )


def _replace_given(item: StatedItem, notes: Notes) -> StatedItem:
    """The item with the notes of whoever gave the transform."""
    return msgspec.structs.replace(
        item,
        expected_error_mm=notes.expected_error_mm,
        error_source=notes.error_source,
        given_origin=notes.given_origin,
        given_by=notes.given_by,
        given_at=notes.given_at,
        quality=None if notes.quality is None else msgspec.json.decode(notes.quality),
        errors_digest=notes.errors_digest,
    )


def _newest(item: StatedItem, known: Memory) -> int:
    """The largest counter seen so far, here or in the stored annotation."""
    signatures = [_signature(item.given_signature), _signature(item.review_signature)]
    return max(
        [
            known.given,
            known.review,
            known.rejected or 0,
            *(one.counter for one in signatures if one is not None),
        ]
    )


def _signature(said: object) -> Signature | None:
    try:
        return msgspec.convert(said, Signature)
    except msgspec.ValidationError:
        return None


def _plain(signature: Signature | None) -> object:
    return None if signature is None else msgspec.to_builtins(signature)


def _given(item: StatedItem) -> bytes:
    """The content that a signature of `given` covers: these values, always in this order; the digest if there is one."""
    digest = () if item.errors_digest is None else (item.errors_digest,)
    values = (
        item.expected_error_mm,
        item.error_source,
        item.given_origin,
        item.given_by,
        item.given_at,
        item.quality,
        *digest,
    )
    return msgspec.json.encode(values, order="sorted")


def _review(item: StatedItem) -> bytes:
    """The content that a signature of `review` covers; the words if there are any."""
    why = (item.decided_why,) if item.decided_why else ()
    return msgspec.json.encode((item.decision, item.decided_by, item.decided_at, *why), order="sorted")
