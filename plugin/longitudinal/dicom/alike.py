"""What was found out from the tags of one file holds for files like it, as far as it was found in tags that are the same.

Of a slice nearly everything is as in the slice before it: whose it is, when, which reader it needs, its orientation. The
functions that find this out from tags alone are marked `once_alike`. While one of them runs, it is noted which tags it looks
at; as long as these are the same, its result is too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, Final, TypeVar

from longitudinal.dicom.tags import Tags

T = TypeVar("T")

_ABSENT: Final = object()


class Alike:
    """Files that are alike, and what has been found out about the last of them.

    Parameters
    ----------
    varies_privately
        Whether private elements differ among them, so that each may have others.
    """

    __slots__ = ("known", "varies_privately")

    def __init__(self, *, varies_privately: bool) -> None:
        self.varies_privately = varies_privately
        # function -> the tags that it has looked at and that may differ, what they were, and what it returned
        self.known: dict[object, tuple[list[str], list[Any], Any]] = {}


class AlikeTags(dict[str, Any]):
    """The tags of a file that is like others.

    Parameters
    ----------
    tags
        All of them.
    own
        Those in which the files that are alike may differ, as far as this file has them.
    """

    __slots__ = ("alike", "own")

    def __init__(self, tags: Mapping[str, Any], own: Mapping[str, Any], alike: Alike) -> None:
        super().__init__(tags)
        self.own = own
        self.alike = alike


def once_alike(read: Callable[[Tags], T]) -> Callable[[Tags], T]:
    """Mark a function of tags whose result may be kept for files that are alike; it must not be changed by anybody.

    What it raises is not kept.
    """

    @wraps(read)
    def kept(tags: Tags) -> T:
        if type(tags) is not AlikeTags:
            return read(tags)
        own, known = tags.own, tags.alike.known.get(read)
        if known is not None and [own.get(key, _ABSENT) for key in known[0]] == known[1]:
            found: T = known[2]
            return found
        noted = _Noted(tags)
        found = read(noted)
        if not noted.is_listed:
            may_differ = [key for key in noted.looked_at if key in own or _may_appear(key, tags.alike)]
            said = [own.get(key, _ABSENT) for key in may_differ]
            tags.alike.known[read] = (may_differ, said, found)
        return found

    return kept


def _may_appear(key: str, alike: Alike) -> bool:
    """Whether another of these files may have a tag that this one lacks: a private one, whose block may be elsewhere."""
    return alike.varies_privately and int(key[3], 16) % 2 == 1


class _Noted(Mapping[str, Any]):
    """Tags that note which of them are looked at."""

    def __init__(self, tags: AlikeTags) -> None:
        self._tags = tags
        self.looked_at: dict[str, None] = {}
        self.is_listed = False

    def __getitem__(self, key: str) -> Any:
        self.looked_at[key] = None
        return self._tags[key]

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            self.looked_at[key] = None
        return key in self._tags

    def __iter__(self) -> Iterator[str]:
        self.is_listed = True
        return iter(self._tags)

    def __len__(self) -> int:
        self.is_listed = True
        return len(self._tags)
