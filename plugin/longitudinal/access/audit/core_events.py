"""What a request to Orthanc itself, or to its DICOMweb plugin, is in the audit: its kind, and what it names.

`core_paths` knows what a restricted caller may ask for; administrators, and everybody where access is not restricted, may
ask for more, which is an event all the same. What is not known here is recorded with its path.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from longitudinal.access.audit.events import EventKind
from longitudinal.access.core_paths import Roots, asked_of
from longitudinal.access.roles import Need
from longitudinal.touched import Level

_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}"
_CORE = re.compile(rf"/(patients|studies|series|instances)/({_ID})(?:/.*)?")
_WEB = re.compile(r"/studies/([0-9.]+)(?:/series/([0-9.]+)(?:/instances/([0-9.]+))?)?(?:/.*)?")
_LISTS = re.compile(
    r"/(?:patients|studies|series|instances|changes|exports|tools/(?:find|lookup|count-resources))"
)
_LEVELS: tuple[Level, ...] = ("studies", "series", "instances")
# Pages, scripts and what they ask about the server: they show nobody.
_SHOWS_NOBODY = re.compile(
    r"/|/favicon\.ico|/app(?:/.*)?|/ui(?:/.*)?|/system|/plugins(?:/.*)?|/statistics"
    r"|/tools/(?:now|now-local|metrics|metrics-prometheus|log-level.*|default-encoding|dicom-conformance|accepted-.*)"
    r"|/modalities|/peers|/queries|/dicom-web/(?:servers|info)"
)
_READING_POSTS = re.compile(
    r"/tools/create-(?:archive|media|media-extended)|/(?:patients|studies|series)/[0-9a-f-]+/(?:archive|media)"
    r"|/tools/bulk-content"
)

Name = tuple[Level, str]


def core_event(
    method: str, path: str, arguments: Mapping[str, str], roots: Roots
) -> tuple[EventKind, tuple[Name, ...]]:
    """The kind of a request and the resource it names, the deepest one.

    >>> core_event("GET", "/dicom-web/studies/1.2/series/1.3/metadata", {}, Roots())
    (<EventKind.READ: 'read'>, (('series', '1.3'),))
    >>> core_event("DELETE", "/studies/" + "-".join(["0" * 8] * 5), {}, Roots())[0].value
    'write'
    """
    return _remembered(method, path, roots) if not arguments else _event(method, path, arguments, roots)


@lru_cache(maxsize=10_000)
def _remembered(method: str, path: str, roots: Roots) -> tuple[EventKind, tuple[Name, ...]]:
    return _event(method, path, {}, roots)


def _event(
    method: str, path: str, arguments: Mapping[str, str], roots: Roots
) -> tuple[EventKind, tuple[Name, ...]]:
    path = path.rstrip("/") or "/"
    named = _named(method, path, arguments, roots)
    if method in ("GET", "HEAD", "OPTIONS"):
        if named:
            return EventKind.READ, named
        if _is_list(path, roots):
            return EventKind.SEARCH, ()
        return (EventKind.NONE if _SHOWS_NOBODY.fullmatch(path) else EventKind.READ), ()
    if method == "POST" and _is_list(path, roots) and path.startswith("/tools/"):
        return EventKind.SEARCH, ()
    if method == "POST" and _READING_POSTS.fullmatch(path):
        return EventKind.READ, named
    return EventKind.WRITE, named


def _is_list(path: str, roots: Roots) -> bool:
    if _LISTS.fullmatch(path):
        return True
    below = path.removeprefix(roots.dicom_web)
    return path.startswith(f"{roots.dicom_web}/") and below in ("/studies", "/series", "/instances")


def _named(method: str, path: str, arguments: Mapping[str, str], roots: Roots) -> tuple[Name, ...]:
    asked = asked_of(method, path, arguments, roots)
    if asked.named and asked.need != Need.ADMINISTER:
        deepest = asked.named[-1]
        return ((cast(Level, deepest.level), deepest.name),)
    if (core := _CORE.fullmatch(path)) is not None:
        return ((cast(Level, core[1]), core[2]),)
    if path.startswith(f"{roots.dicom_web}/") and (web := _WEB.fullmatch(path[len(roots.dicom_web) :])):
        depth = max(number for number, uid in enumerate(web.groups()) if uid)
        return ((_LEVELS[depth], web.group(depth + 1)),)
    return ()
