"""Which routes answer whoever has opened a link to a patient; every other one refuses.

An allow-list: a route that is added is refused until it is named here. Of a de-identified share fewer routes answer: those
of which `http.deidentified` knows every field.
"""

from typing import Any

from longitudinal.access.gate import SESSION
from longitudinal.access.shares import Share
from longitudinal.errors import NotForShares

PIXELS = "/shared/instances/{instance}/frames/{frame}/numpy"

DE_IDENTIFIED = frozenset(
    {
        ("GET", "/me"),
        ("GET", "/patients/{patient}"),
        ("GET", "/studies/{study}"),
        ("GET", "/series/{series}/stacks"),
        ("GET", "/transforms/{transform}"),
        ("GET", PIXELS),
        ("POST", "/points/resolve"),
        ("POST", "/points/map"),
    }
)
"""What a de-identified share is answered."""

PLAIN = DE_IDENTIFIED | {
    ("GET", "/patients/{patient}/structures"),
    ("GET", "/patients/{patient}/relations"),
    ("GET", "/studies/{study}/relations"),
    ("GET", "/instances/{instance}/header"),
    ("GET", "/places"),
    ("GET", "/places/{place}"),
    ("POST", "/points/radiotherapy"),
    ("POST", "/overlays"),
}
"""What any other share is answered."""

_OPEN = {("POST", SESSION)}


def check_shared(method: str, path: str, share: Share) -> None:
    """Raise NotForShares where a route (its path as declared) is not part of a shared view."""
    if (method, path) not in (DE_IDENTIFIED if share.de_identified else PLAIN) | _OPEN:
        raise NotForShares(
            f"{method} {path or '/'} is not part of a shared view, which only shows one patient"
        )


def check_question(body: Any, share: Share) -> None:
    """Raise NotForShares where a question would start work, or its answer is not known field by field."""
    if getattr(body, "refine", False):
        raise NotForShares("a shared view refines no points: ask without refine")
    if getattr(body, "exams", None) is not None:
        raise NotForShares("a shared view knows no exams: name studies instead")
    is_batch = hasattr(body, "refine") and getattr(body, "points", None) is not None
    if share.de_identified and is_batch:
        raise NotForShares("a de-identified view answers one point at a time: ask without points")
