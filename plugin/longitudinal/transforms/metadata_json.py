"""JSON in the archive's user metadata, which anybody may write: read within limits, otherwise ignored."""

import logging
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from longitudinal.nesting import depth_of
from longitudinal.sidecar.tables.records import LONGEST_METADATA

LOGGER = logging.getLogger(__name__)
Kind = TypeVar("Kind")

MAX_DEPTH = 16
"""The plugin's own JSON nests 4 deep; parsers recurse."""

MOST_FIGURES = 100
"""The most figures of a registration; it has a dozen."""

LARGEST_INTEGER = 2**53
"""Larger numbers are not the plugin's, and not every reader of JSON can hold them."""

_SHOWN = 80
_MOST_LOGGED = 1_000
_logged: set[int] = set()


def read_metadata(text: str | None, kind: type[Kind]) -> Kind | None:
    """The value of a metadata text; None if there is none, or if it does not have the plugin's own form.

    It never raises: a bad value is logged once and ignored.
    """
    if not text:
        return None
    if len(text) > LONGEST_METADATA:
        _log(text, f"{len(text)} characters; the limit is {LONGEST_METADATA}")
        return None
    try:
        raw = text.encode()
        if (depth := depth_of(raw, MAX_DEPTH)) > MAX_DEPTH:
            _log(text, f"nested {depth} deep; the limit is {MAX_DEPTH}")
            return None
        return msgspec.json.decode(raw, type=kind)
    # msgspec's own errors, a number that Python refuses to read, half of a surrogate pair
    except (ValueError, RecursionError, OverflowError) as error:
        _log(text, str(error))
        return None


def are_figures(said: Mapping[str, object], longest_text: int) -> bool:
    """Whether these are figures as a registration writes them: limited in number, length and size."""
    return len(said) <= MOST_FIGURES and all(
        len(name) <= longest_text and _is_figure(value, longest_text) for name, value in said.items()
    )


def _is_figure(value: object, longest_text: int) -> bool:
    if isinstance(value, str):
        return len(value) <= longest_text
    return not isinstance(value, int) or abs(value) <= LARGEST_INTEGER


def _log(text: str, why: str) -> None:
    digest = hash(text)
    if digest not in _logged:
        if len(_logged) >= _MOST_LOGGED:
            _logged.clear()
        _logged.add(digest)
        LOGGER.warning("Unreadable metadata is ignored (%s): %r", why, text[:_SHOWN])
