"""Leaves attributes that a role does not see out of JSON answers, whatever route made them."""

from typing import Any

import msgspec
from msgspec.structs import replace

from longitudinal.dicom.keywords import tag_of
from longitudinal.http.exchange import JSON, Response


def without(response: Response, hidden: frozenset[str]) -> Response:
    """The answer with the members that are named like a hidden attribute (`patientName`) empty, and lists of attributes
    without it."""
    if not hidden or response.content_type != JSON:
        return response
    names = {keyword[0].lower() + keyword[1:] for keyword in hidden}
    tags = {f"{tag[:4]},{tag[4:]}".lower() for tag in map(tag_of, hidden)}
    shown = _trimmed(msgspec.json.decode(response.body), names, tags)
    return replace(response, body=msgspec.json.encode(shown))


def _trimmed(value: Any, names: set[str], tags: set[str]) -> Any:
    if isinstance(value, list):
        kept = [
            one for one in value if not (isinstance(one, dict) and str(one.get("tag", "")).lower() in tags)
        ]
        return [_trimmed(one, names, tags) for one in kept]
    if isinstance(value, dict):
        return {
            name: _emptied(member) if name in names else _trimmed(member, names, tags)
            for name, member in value.items()
        }
    return value


def _emptied(value: Any) -> Any:
    """An empty value of the same type, so that the answer keeps its form."""
    return "" if isinstance(value, str) else [] if isinstance(value, list) else None
