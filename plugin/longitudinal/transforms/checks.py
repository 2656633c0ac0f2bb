"""The checks of an automatic alignment: which version it has passed, with what result, and who has decided what since.

Kept among the figures (`quality`) of the transform. A transform that has only passed older checks counts as not measured
until it passes the present ones (`longitudinal.jobs.kinds.recheck`).
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from longitudinal.sidecar.tables.records import Notes
from longitudinal.transforms.attempts import Figure

CHECKS = 2
"""Raise it with every change of the checks. 1: the mirror control only of heads in straight position."""

VERSION, REJECTION, REASON, AT, ENGINE = "checks", "rejection", "reason", "checkedAt", "checkedBy"

AUTOMATIC = "automatic"
REJECTED = "rejected"


def figures_of(notes: Notes) -> dict[str, Figure]:
    """The figures of an alignment; empty if nothing is known."""
    return {} if notes.quality is None else msgspec.json.decode(notes.quality, type=dict[str, Figure])


def is_outdated(notes: Notes, origin: str) -> bool:
    """Whether its object says that a transform was made automatically, and it has not passed the present checks.

    Unsigned statements about checks do not count.
    """
    if origin != AUTOMATIC:
        return False
    version = figures_of(notes).get(VERSION)
    return not isinstance(version, int) or version < CHECKS


def is_rejected_by_checks(notes: Notes) -> bool:
    """Whether the checks rejected it, and nobody has decided since."""
    figures = figures_of(notes)
    return (
        notes.decision == REJECTED
        and bool(figures.get(REJECTION))
        and notes.decided_by == figures.get(ENGINE)
    )


def is_for_checks(notes: Notes) -> bool:
    """Whether the checks decide: no person has."""
    return notes.decision is None or is_rejected_by_checks(notes)


def needs_review(notes: Notes) -> bool:
    """Whether a person accepted it before the checks rejected it: the decision still counts, but needs a new review."""
    figures = figures_of(notes)
    if notes.decision != "accepted" or not figures.get(REJECTION):
        return False
    return (notes.decided_at or "") < str(figures.get(AT) or "")


def flags_of(notes: Notes, origin: str) -> list[str]:
    """What a person should know about it: notChecked, needsReview."""
    flags = {"notChecked": is_outdated(notes, origin), "needsReview": needs_review(notes)}
    return [name for name, is_so in flags.items() if is_so]


def checked(
    notes: Notes, figures: Mapping[str, Figure], expected_error_mm: float | None, rejection: str | None, reason: str | None,
    engine: str, at: str,
) -> Notes:  # fmt: skip
    """The statement about a transform after it was checked again.

    If it fails, it is not measured, and the engine rejects it unless a person has decided: a person's decision is kept.
    """
    measured = expected_error_mm if rejection is None else None
    said = {
        **figures_of(notes),
        **figures,
        VERSION: CHECKS,
        ENGINE: engine,
        AT: at,
        REJECTION: rejection,
        REASON: reason,
    }
    found = replace(
        notes,
        given_origin=AUTOMATIC,
        given_at=notes.given_at or at,
        expected_error_mm=measured,
        error_source=None if measured is None else "forwardBackward",
        quality=msgspec.json.encode(
            {name: value for name, value in said.items() if value is not None}
        ).decode(),
    )
    if not is_for_checks(notes):
        return found
    if rejection is None:
        return replace(found, decision=None, decided_by="", decided_at=None)
    return replace(found, decision=REJECTED, decided_by=engine, decided_at=at)
