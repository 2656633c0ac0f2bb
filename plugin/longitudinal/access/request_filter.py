"""Which requests are let in at all, whoever sends them: Orthanc's own routes, DICOMweb and ours alike.

A browser sends along what it knows of its user, whichever page asks; so a page of another site, or a link in a mail, could
delete a study. Orthanc takes `GET ...?_method=DELETE` for a DELETE, and shows a filter neither the first method nor the
arguments: so it is the effective method that counts here.
"""

from collections.abc import Callable, Mapping

import msgspec

from longitudinal.access.hosts import Host, Origin

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_FAKED = frozenset({"PUT", "DELETE"})
_LEVELS = frozenset({"patients", "studies", "series", "instances"})
# Every browser's User-Agent begins with "Mozilla/", which no page can change in a request that is sent without asking first;
# and with a link, a picture or a script it sends at least one of these. PowerShell has the first alone, Node.js the second.
_OF_BROWSERS = ("accept-language", "referer", "upgrade-insecure-requests")
_FORM = "multipart/form-data"
_RESERVED = 10
_REMEMBERED_HOSTS = 1_000


class Incoming(msgspec.Struct, frozen=True):
    """A request before anything is done for it.

    Attributes
    ----------
    method
        The effective one.
    path
        Decoded, without arguments.
    headers
        Of the request as a whole, lower-case names.
    """

    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def is_form(self) -> bool:
        """Whether its body is a form, which Orthanc takes apart where it is POSTed."""
        return self.headers.get("content-type", "").strip().lower().startswith(_FORM)


class Rules(msgspec.Struct, frozen=True):
    """What an administrator has set.

    Attributes
    ----------
    root
        Where our routes live.
    checks_host
        Whether a name that is not known refuses a request: where nobody needs a password, any page on the Internet could
        have its own name lead here (DNS rebinding) and read everything.
    own_names
        The names of this machine, asked for once, when the first unknown one comes.
    allowed_hosts, allowed_origins
        AllowedHosts and AllowedOrigins.
    metadata_base
        First of the ten numbers of user metadata that hold our statements.
    metadata_names
        Other names of user metadata (Orthanc's UserMetadata), with their numbers.
    token_header
        Where a proxy puts a token, in lower case; None where no token counts.
    """

    root: str = "/imaging"
    checks_host: bool = False
    own_names: Callable[[], frozenset[str]] = frozenset
    allowed_hosts: frozenset[str] = frozenset()
    allowed_origins: frozenset[Origin] = frozenset()
    metadata_base: int = 4000
    metadata_names: Mapping[str, int] = msgspec.field(default_factory=dict)
    token_header: str | None = None


class RequestFilter:
    """Decides about one request after the other; from any thread."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._known: dict[str, bool] = {}
        self._own_names: frozenset[str] | None = None

    def refusal(self, request: Incoming) -> str | None:
        """Why a request is refused, and what to change where it should not be; None where it is let in."""
        if self._rules.checks_host and not self._is_known(request.headers.get("host")):
            return (
                f"the Host {_shown(request.headers['host'])} is not a name of this machine, and no password is required. "
                "Add it to Longitudinal.AllowedHosts, or set AuthenticationEnabled"
            )
        if request.method in _READS:
            return None
        return self._of_statements(request) or self._of_forms(request) or self._of_pages(request)

    def _is_known(self, host: str | None) -> bool:
        if host is None:  # no browser leaves it out
            return True
        known = self._known.get(host)
        if known is None:
            known = self._look_up(host)
            if len(self._known) < _REMEMBERED_HOSTS:
                self._known[host] = known
        return known

    def _look_up(self, text: str) -> bool:
        host = Host.read(text)
        if host is None:
            return False
        if host.is_address or host.name == "localhost" or host.name.endswith(".localhost"):
            return True
        if host.name in self._rules.allowed_hosts:
            return True
        if self._own_names is None:
            self._own_names = self._rules.own_names()
        return host.name in self._own_names

    def _of_statements(self, request: Incoming) -> str | None:
        """Statements about registration objects are signed; a request could still replace one by an older one."""
        if "metadata" not in request.path:
            return None
        parts = [part for part in request.path.split("/") if part]
        if len(parts) < 4 or parts[0] not in _LEVELS or parts[2] != "metadata":
            return None
        number = self._rules.metadata_names.get(parts[3])
        if number is None:
            try:
                number = int(parts[3])
            except ValueError:
                return None
        base = self._rules.metadata_base
        if not base <= number < base + _RESERVED:
            return None
        return (
            f"user metadata {base} to {base + _RESERVED - 1} hold what the plugin says about registration objects, and only "
            f"its own routes below {self._rules.root}/transforms write them (setting Longitudinal.MetadataBase)"
        )

    def _of_forms(self, request: Incoming) -> str | None:
        """Orthanc takes a POSTed form apart, and each part comes with headers that whoever wrote the form chose."""
        root = self._rules.root
        if request.method != "POST" or not request.path.startswith(root) or not request.is_form:
            return None
        if not (request.path + "/").startswith(f"{root}/"):
            return None
        if request.path.rstrip("/") == f"{root}/uploads":
            return None
        return f"forms are taken at {root}/uploads only; send JSON"

    def _of_pages(self, request: Incoming) -> str | None:
        """A page of another site must not write."""
        headers = request.headers
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if origin is not None and Origin.read(origin) in self._rules.allowed_origins:
            # its own origin may be among them, where a proxy does not hand on the browser's Host
            return None if site == "same-origin" else self._of_allowed(headers, origin)
        if site is not None:
            return self._of_site(request, site)
        if origin is not None:
            return self._of_origin(headers, origin)
        return _LINK if request.method in _FAKED and _is_of_a_browser(headers) else None

    def _of_allowed(self, headers: Mapping[str, str], origin: str) -> str | None:
        """A page of AllowedOrigins sends what it was given, not what the browser keeps of its user.

        A cookie is only ever the browser's. A password may be either's; where tokens count only a token is the page's.
        """
        token = self._rules.token_header
        bears = headers.get("authorization", "")[:7].lower() == "bearer "
        if token is None:
            is_own = "cookie" not in headers or "authorization" in headers
        else:
            is_own = bears or (token in headers and "cookie" not in headers)
        if is_own:
            return None
        return (
            f"a page of {_shown(origin)}, which is one of Longitudinal.AllowedOrigins, must say itself who acts "
            "(Authorization: Bearer), and not leave it to what the browser keeps of its user (fetch: credentials 'omit')"
        )

    @staticmethod
    def _of_site(request: Incoming, site: str) -> str | None:
        """What a browser says of the page that asks, which the page cannot change (W3C Fetch Metadata)."""
        if site not in ("same-origin", "none"):
            return (
                f"a page of another site asks for it (Sec-Fetch-Site: {_shown(site)}). If that page may, name its origin in "
                "Longitudinal.AllowedOrigins"
            )
        is_followed = site == "none" or request.headers.get("sec-fetch-mode") == "navigate"
        return _LINK if request.method in _FAKED and is_followed else None

    @staticmethod
    def _of_origin(headers: Mapping[str, str], text: str) -> str | None:
        """Over plain HTTP, but to localhost, browsers say only where the page comes from."""
        origin = Origin.read(text)
        forwarded = headers.get("x-forwarded-host", "").split(",")
        if origin is not None:
            for value in (headers.get("host", ""), *forwarded):
                host = Host.read(value)
                if host is not None and origin.is_at(host):
                    return None
        return (
            f"a page of {_shown(text)} asks for it, and this is {_shown(headers.get('host', ''))}. Behind a proxy, have "
            "that hand on the browser's Host (nginx: proxy_set_header Host $http_host); or name the origin in "
            "Longitudinal.AllowedOrigins"
        )


_LINK = (
    "a browser follows a link to it (?_method=), which no page should have. A program must send the method itself, and no "
    "browser's User-Agent; no setting changes this"
)


def _is_of_a_browser(headers: Mapping[str, str]) -> bool:
    is_named_so = headers.get("user-agent", "").startswith("Mozilla/")
    return is_named_so and any(name in headers for name in _OF_BROWSERS)


def _shown(text: str) -> str:
    """What a stranger wrote, for the log."""
    return repr(text[:200])
