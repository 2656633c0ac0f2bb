"""Annotations as anybody may write them, without a signature."""

from msgspec.structs import replace

from longitudinal.sidecar.tables.records import Notes
from longitudinal.transforms.annotation import read_annotation, write_annotation


def decide(text: str | None, item: int, decision: str, user: str, at: str) -> str:
    """The annotation with a decision on one item; everything else stays."""
    notes = read_annotation(text)
    said = notes.get(item, Notes())
    return write_annotation({**notes, item: replace(said, decision=decision, decided_by=user, decided_at=at)})
