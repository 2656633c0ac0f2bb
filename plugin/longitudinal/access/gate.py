"""Whether a request is let in where access is restricted: ours by any role, Orthanc's own by what they name."""

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from longitudinal.access.core_paths import Asked, Named, Roots, asked_of
from longitudinal.access.identity import Actor, Identity
from longitudinal.access.policy import Policy
from longitudinal.access.request_filter import Incoming
from longitudinal.access.roles import Need
from longitudinal.sight import StudyName

SESSION = "/share-session"
"""Below our root: where whoever has the secret of a link exchanges it, without any other name."""
_PAGE = "/app"
_OWN_PAGES = frozenset({"same-origin", "none"})
REFUSAL_SECONDS = 0.005
"""A refusal takes a whole number of these, whether what it names is hidden or not there at all."""

StudiesOf = Callable[[Named], Sequence[StudyName]]
"""The studies that hold a resource, at this moment; none where it is not stored. A patient's are all of theirs."""


class Own(msgspec.Struct, frozen=True):
    """Paths of ours, which their own routes look after.

    Attributes
    ----------
    root
        Of our routes.
    others
        Of files that show nobody's data, such as the viewer's.
    has_links
        Whether people without a login come in by links to a patient.
    """

    root: str
    others: tuple[str, ...] = ()
    has_links: bool = False

    def is_open(self, request: Incoming) -> bool:
        """Whether nobody in particular may ask for it: the files of the page, which show nothing of anybody, and the
        exchange of a link."""
        if not self.has_links or request.is_form:
            return False
        page = f"{self.root}{_PAGE}"
        if request.method == "GET":
            return request.path == page or request.path.startswith(f"{page}/")
        return request.method == "POST" and request.path.rstrip("/") == f"{self.root}{SESSION}"

    def has(self, path: str) -> bool:
        """Whether a path is one of these."""
        return any(path == root or path.startswith(f"{root}/") for root in (self.root, *self.others))


class Gate:
    """Decides about one request after the other; from any thread."""

    def __init__(
        self, identity: Identity, policy: Policy, studies_of: StudiesOf, own: Own, roots: Roots
    ) -> None:
        self._identity = identity
        self._policy = policy
        self._studies_of = studies_of
        self._own = own
        self._roots = roots

    def refusal(self, request: Incoming, arguments: Mapping[str, str]) -> str | None:
        """Why a request is refused; None where it is let in."""
        began = time.monotonic()
        actor = self._identity.actor(request.headers)
        if not actor.is_verified:
            if self._own.is_open(request):
                return None
            return "nobody says who sends it, in a way that counts (docs/access.md)"
        why = self._of_actor(actor, request, arguments)
        if why is not None:
            wait_out(began)
        return why

    def _of_actor(self, actor: Actor, request: Incoming, arguments: Mapping[str, str]) -> str | None:
        if request.method == "POST" and request.is_form and self._own.has(request.path):
            return "a POSTed form does not say who sends its parts; PUT it"
        if self._policy.is_unlimited(actor, Need.ADMINISTER):
            return None
        if actor.share is not None:
            return self._of_link(request)
        path = request.path
        if any(part in (".", "..") for part in path.split("/")):
            return f"{actor.name!r} must write a path in its plain form"
        if self._own.has(path):
            allowed = self._policy.allows(actor, Need.ANY)
            return None if allowed else f"{actor.name!r} has no role"
        asked = asked_of(request.method, path, arguments, self._roots)
        if not self._policy.allows(actor, asked.need):
            return f"{actor.name!r} would need a role to {asked.need}"
        if self._policy.is_unlimited(actor, asked.need):
            return None
        if asked.is_unlimited or not self._may_see(actor, asked):
            return f"{actor.name!r} may not see all that it could show"
        return None

    def _of_link(self, request: Incoming) -> str | None:
        """Who opened a link asks our own routes alone, and from our own page: a cookie is sent whoever has it sent."""
        site = request.headers.get("sec-fetch-site", "none")
        parts = request.path.split("/")
        if site not in _OWN_PAGES and request.headers.get("sec-fetch-mode") != "navigate":
            return "a page of another site asks for a shared view"
        if any(part in (".", "..") for part in parts) or not (request.path + "/").startswith(
            f"{self._own.root}/"
        ):
            return "it is not part of a shared view"
        return None

    def _may_see(self, actor: Actor, asked: Asked) -> bool:
        """Whether somebody may see every resource that is named; one that is not stored is not seen either."""
        for named in asked.named:
            studies = self._studies_of(named)
            if not studies or not all(self._policy.permits(actor, asked.need, study) for study in studies):
                return False
        return bool(asked.named) or asked.need == Need.ANY


def wait_out(began: float) -> None:
    """Wait until a whole number of REFUSAL_SECONDS has passed since a time of `time.monotonic`."""
    passed = time.monotonic() - began
    time.sleep(REFUSAL_SECONDS - passed % REFUSAL_SECONDS)
