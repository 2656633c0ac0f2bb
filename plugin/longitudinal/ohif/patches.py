"""The changes in OHIF's built app that let it run under any path.

The build has the public path "/" in a dozen places. Each is made relative: to the page's own base
(`window.PUBLIC_URL`, which the page computes from its address), or to the file that contains it. The same
files therefore work under any root and any prefix of a reverse proxy, and nothing needs to know that prefix.
"""

import re
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256

import msgspec

RELATIVE = b"%RELATIVE%"
"""Placeholder in index.html for the path from the page up to the app's root: "./", "../", ..."""

_CANONICAL_ADDRESS = (
    b"(function(){var l=location,p=l.pathname,r=%RELATIVE_TEXT%;"
    # Orthanc drops trailing slashes, so the page decides: "/ohif/" has one, "/ohif/viewer" has none
    b'if(r.home!==p.endsWith("/"))return l.replace((r.home?p+"/":p.replace(/\\/+$/,""))+l.search+l.hash);'
    b"window.PUBLIC_URL=new URL(r.up,l.href).pathname})()"
)
RELATIVE_TEXT = b"%RELATIVE_TEXT%"
"""Placeholder in index.html for {up, home}: the same path as a JavaScript object, and whether this is the root itself."""


class Patch(msgspec.Struct, frozen=True):
    """One kind of change.

    Attributes
    ----------
    name
        For the log.
    files
        Pattern of the paths it is tried on, relative to the app.
    pattern, replacement
        As in `re.sub`, on bytes.
    """

    name: str
    files: re.Pattern[str]
    pattern: re.Pattern[bytes]
    replacement: bytes


def _patch(name: str, files: str, pattern: bytes, replacement: bytes) -> Patch:
    return Patch(name, re.compile(files), re.compile(pattern), replacement)


PATCHES = (
    # in a page PUBLIC_URL is set; a worker has none, and is at the root itself
    _patch(
        "public path of the bundles",
        r"[^/]*\.js",
        rb'__webpack_require__\.p = "/"',
        b'__webpack_require__.p = (self.PUBLIC_URL || new URL("./", self.location.href).href)',
    ),
    _patch(
        "path of the microscopy viewer",
        r"[^/]*\.js",
        rb"browserImportFunction\('/dicom-microscopy-viewer/",
        b"browserImportFunction(window.PUBLIC_URL + 'dicom-microscopy-viewer/",
    ),
    _patch("fonts of the style sheets", r"[^/]*\.css", rb"url\(/(?!/)", b"url("),
    _patch("icons of the manifest", r"manifest\.json", rb'"/assets/', b'"assets/'),
    _patch("icons of the tiles", r"assets/browserconfig\.xml", rb'"/assets/', b'"'),
    # before the next one, which would take its address
    _patch(
        "login of the manifest",
        r"index\.html",
        rb'<link rel="manifest"',
        b'<link rel="manifest" crossorigin="use-credentials"',
    ),
    _patch(
        "addresses of the page",
        r"index\.html",
        rb'((?:href|src|content)=")/(?!/)',
        rb"\g<1>" + RELATIVE,
    ),
    _patch(
        "base of the page",
        r"index\.html",
        rb"""window\.PUBLIC_URL ?= ?(["'])/\1""",  # 3.12 has the other quotes
        _CANONICAL_ADDRESS.replace(b"\\", b"\\\\"),
    ),
)

LEFT_OUT = re.compile(r".*\.map|sw\.js|_headers|_redirects|serve\.json|app-config\.js|ort/.*")
"""Not served: source maps, a service worker that nobody registers, settings of other hosts, a configuration that ours
replaces, and the runtime of an AI tool that would download its model from an external server."""


def patch(path: str, content: bytes) -> tuple[bytes, Mapping[str, int]]:
    """Apply every patch that is meant for a file.

    Returns
    -------
    bytes, Mapping
        The new content, and how often each patch matched, by name.

    Examples
    --------
    >>> patch("app.bundle.css", b"src:url(/a.woff2)")
    (b'src:url(a.woff2)', {'fonts of the style sheets': 1})
    """
    matches: Counter[str] = Counter()
    for each in PATCHES:
        if each.files.fullmatch(path):
            content, count = each.pattern.subn(each.replacement, content)
            matches[each.name] += count
    return content, {name: count for name, count in matches.items() if count}


def digest() -> str:
    """Identifies a set of patches: an app patched by an older plugin is patched again."""
    parts = [(each.name, each.files.pattern, each.pattern.pattern, each.replacement) for each in PATCHES]
    return sha256(repr((parts, LEFT_OUT.pattern)).encode()).hexdigest()[:16]
