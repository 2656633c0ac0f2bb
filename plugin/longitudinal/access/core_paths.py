"""What a request to Orthanc itself, or to its DICOMweb plugin, is about: the resources it names and what it needs.

An allow-list: a path that is not known here is for administrators. It is compared as Orthanc gets it, decoded once; whoever
is not an administrator must write it in its plain form.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_plus

import msgspec

from longitudinal.access.roles import Need

_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}"
_UID = r"[0-9]+(?:\.[0-9]+)*"
_PLAIN = re.compile(r"/(?:[A-Za-z0-9._,-]+(?:/[A-Za-z0-9._,-]+)*)?/?")
_PICTURE = "preview|rendered|image-uint8|image-uint16|image-int16|raw|raw\\.gz|numpy"
_INSTANCE = (
    rf"file|tags|simplified-tags|header|statistics|pdf|preview|rendered|image-uint8|image-uint16|image-int16|numpy|frames"
    rf"|frames/[0-9]+/(?:{_PICTURE})"
)
_SERIES = "instances|instances-tags|shared-tags|statistics|archive|media|module|numpy|ordered-slices"
_STUDY = "series|instances|instances-tags|shared-tags|statistics|archive|media|module|module-patient"
_PATIENT = "studies|series|instances|instances-tags|shared-tags|statistics|archive|media|module"
_RETRIEVED = r"series|instances|metadata|rendered|thumbnail|bulk/[A-Za-z0-9._/-]+|frames/[0-9,]+(?:/rendered|/thumbnail)?"

_CORE = re.compile(
    rf"/(?:(?P<instances>instances/{_ID})(?:/(?:{_INSTANCE}))?|(?P<series>series/{_ID})(?:/(?:{_SERIES}))?"
    rf"|(?P<studies>studies/{_ID})(?:/(?:{_STUDY}))?|(?P<patients>patients/{_ID})(?:/(?:{_PATIENT}))?)"
)
_WEB = re.compile(
    rf"/studies/(?P<studies>{_UID})(?:/series/(?P<series>{_UID})(?:/instances/(?P<instances>{_UID}))?)?(?:/(?:{_RETRIEVED}))?"
)
_LISTS = frozenset({"/patients", "/studies", "/series", "/instances", "/statistics"})
_WEB_LISTS = frozenset({"/studies", "/series", "/instances"})
_SEARCHES = frozenset({"/tools/find", "/tools/lookup"})
_PAGES = ("/app/", "/ui/app/")
_OPEN = frozenset({"/", "/app", "/system", "/favicon.ico", "/plugins/explorer.js"})
_WADO = {"studyuid": "studies", "seriesuid": "series", "objectuid": "instances"}
_UID_ARGUMENTS = {
    "studyinstanceuid": "studies", "0020000d": "studies", "seriesinstanceuid": "series", "0020000e": "series",
    "sopinstanceuid": "instances", "00080018": "instances",
} | _WADO  # fmt: skip


class Named(msgspec.Struct, frozen=True):
    """A resource that a request names: `level` as in Orthanc's paths, by its Orthanc id or by its UID."""

    level: str
    name: str


class Asked(msgspec.Struct, frozen=True):
    """What a request is about.

    Attributes
    ----------
    need
        What whoever sends it needs.
    named
        Resources, each of which they must be allowed to see; the deepest comes last.
    is_unlimited
        Whether it is for those only who have that role for every study.
    """

    need: Need
    named: tuple[Named, ...] = ()
    is_unlimited: bool = False


_ADMINISTER = Asked(Need.ADMINISTER, is_unlimited=True)


class Roots(msgspec.Struct, frozen=True):  # a key of what is remembered
    """Where Orthanc's plugins serve, without a slash at the end."""

    dicom_web: str = "/dicom-web"
    wado: str = "/wado"


def asked_of(method: str, path: str, arguments: Mapping[str, str], roots: Roots) -> Asked:
    """What a request to anything but our own routes is about.

    Parameters
    ----------
    path, arguments
        As Orthanc hands them to a filter.
    """
    if _PLAIN.fullmatch(path) is None or any(part in (".", "..") for part in path.split("/")):
        return _ADMINISTER
    path = path.rstrip("/") or "/"
    try:
        wanted = {
            unquote_plus(name): unquote_plus(value, errors="strict") for name, value in arguments.items()
        }
    except UnicodeDecodeError:
        return _ADMINISTER
    if method == "POST":
        return _of_post(path, roots)
    if method != "GET":
        return _ADMINISTER
    found = _of_get(path, wanted, roots)
    if found.need == Need.ADMINISTER:
        return found
    named = _of_arguments(wanted)
    return _ADMINISTER if named is None else Asked(found.need, (*named, *found.named), found.is_unlimited)


def _of_post(path: str, roots: Roots) -> Asked:
    if path in _SEARCHES:
        return Asked(Need.VIEW, is_unlimited=True)
    if path in ("/instances", f"{roots.dicom_web}/studies"):
        return Asked(Need.UPLOAD, is_unlimited=True)
    return _ADMINISTER


def _of_get(path: str, arguments: Mapping[str, str], roots: Roots) -> Asked:
    if path in _OPEN or path.startswith(_PAGES):
        return Asked(Need.ANY)
    if path in _LISTS:
        return Asked(Need.VIEW, is_unlimited=True)
    if (found := _CORE.fullmatch(path)) is not None:
        return Asked(Need.VIEW, tuple(_named(name.split("/")[1], level) for level, name in _groups(found)))
    if path == roots.wado:
        return Asked(Need.VIEW) if _is_wado(arguments) else _ADMINISTER
    if path.startswith(f"{roots.dicom_web}/"):
        below = path[len(roots.dicom_web) :]
        if below in _WEB_LISTS:
            return Asked(Need.VIEW, is_unlimited=True)
        if (found := _WEB.fullmatch(below)) is not None:
            return Asked(Need.VIEW, tuple(_named(name, level) for level, name in _groups(found)))
    return _ADMINISTER


def _groups(found: re.Match[str]) -> Sequence[tuple[str, str]]:
    """The resources of a path in the order of their levels."""
    groups = found.groupdict()
    return [
        (level, groups[level])
        for level in ("patients", "studies", "series", "instances")
        if groups.get(level)
    ]


def _named(name: str, level: str) -> Named:
    return Named(level, name)


def _is_wado(arguments: Mapping[str, str]) -> bool:
    """Whether it is a whole request of WADO-URI (PS3.18 9): without an object it would be answered in some other way."""
    names = {name.lower() for name in arguments}
    return "requesttype" in names and set(_WADO) <= names


def _of_arguments(arguments: Mapping[str, str]) -> tuple[Named, ...] | None:
    """The resources that arguments name, the deepest last; None where one names something that cannot be read."""
    found = []
    for name, value in arguments.items():
        level = _UID_ARGUMENTS.get(name.lower().replace(",", "").strip())
        if level is None:
            if "uid" in name.lower() or "%" in name or re.fullmatch(_ID, value):
                return None
            continue
        if re.fullmatch(_UID, value) is None:
            return None
        found.append(Named(level, value))
    return tuple(
        sorted(found, key=lambda one: ("patients", "studies", "series", "instances").index(one.level))
    )
