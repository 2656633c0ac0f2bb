"""Every request that Orthanc's HTTP server gets, shown to `longitudinal.access` before anything is done for it."""

import logging
import socket
from collections.abc import Callable, Mapping
from typing import Any

import orthanc

from longitudinal.access.audit.service import Audit
from longitudinal.access.gate import Gate
from longitudinal.access.hosts import Origin
from longitudinal.access.identity import Users
from longitudinal.access.request_filter import Incoming, RequestFilter, Rules
from longitudinal.host.callbacks import immortal
from longitudinal.http.addresses import Addresses
from longitudinal.settings import Settings

LOGGER = logging.getLogger(__name__)


class FilterHost:
    """Has Orthanc ask about each request. The plugin's own calls, with Orthanc's token, are not asked about.

    Parameters
    ----------
    gate
        Who is let in, where access is restricted; None where everybody is whom Orthanc lets in.
    refused
        Counts refusals, by the name of the counter.
    addresses
        Where requests come from, for the routes.
    audit
        Gets every request that is not for a path of ours, and every refusal.
    own
        Paths of ours beside the routes.
    """

    def __init__(
        self,
        settings: Settings,
        configuration: Mapping[str, Any],
        users: Users,
        gate: Gate | None = None,
        refused: Callable[[str], None] = lambda name: None,
        addresses: Addresses | None = None,
        audit: Audit | None = None,
        own: tuple[str, ...] = (),
    ) -> None:
        self._addresses = addresses or Addresses()
        self._audit = audit
        self._own = tuple(f"{path}/" for path in (settings.root, *own))
        self._refused = refused
        self._filter = RequestFilter(_rules(settings, configuration, users))
        self._is_open = not users.is_required
        self._gate = gate
        self._names = {getattr(orthanc.HttpMethod, name): name for name in ("GET", "POST", "PUT", "DELETE")}

    def register(self) -> None:
        """Register with Orthanc. Where it raises, Orthanc refuses the request."""
        if not hasattr(orthanc, "RegisterIncomingHttpRequestFilter"):
            LOGGER.error("This Orthanc cannot filter requests: pages of other sites can write to it")
            return
        orthanc.RegisterIncomingHttpRequestFilter(immortal(self.lets_in))

    def lets_in(self, uri: str, **request: Any) -> bool:
        """Whether a request may go on; Orthanc calls this with what it knows of it."""
        self._addresses.note(uri, str(request.get("ip") or ""), request.get("headers") or {})
        name = self._names.get(request["method"], str(request["method"]))
        refusal = self._refusal(name, uri, request)
        if self._audit is not None:
            self._note(self._audit, name, uri, request, refusal)
        if refusal is None:
            return True
        self._refused("filter_refusals_total")
        LOGGER.warning("Refused %s %r of %s: %s", name, uri[:200], request.get("ip"), refusal)
        return False

    def _refusal(self, method: str, uri: str, request: Mapping[str, Any]) -> str | None:
        if method == "GET" and not self._is_open and self._gate is None:
            return None
        incoming = Incoming(method, uri, request["headers"])
        refusal = self._filter.refusal(incoming)
        if refusal is None and self._gate is not None:
            refusal = self._gate.refusal(incoming, request.get("get") or {})
        return refusal

    def _note(
        self, audit: Audit, method: str, uri: str, request: Mapping[str, Any], refusal: str | None
    ) -> None:
        address = str(request.get("ip") or "")
        if refusal is None and f"{uri}/".startswith(self._own):  # its route notes it, with what it found
            return
        audit.to_archive(method, uri, request.get("get") or {}, request["headers"], address, refusal or "")


def _rules(settings: Settings, configuration: Mapping[str, Any], users: Users) -> Rules:
    metadata = configuration.get("UserMetadata")
    origins = (Origin.read(origin) for origin in settings.allowed_origins)
    return Rules(
        root=settings.root,
        # where access is restricted, no page can do anything without a name and a password
        checks_host=not users.is_required and settings.access is None,
        own_names=lambda: _own_names(configuration),
        allowed_hosts=frozenset(name.lower().removesuffix(".") for name in settings.allowed_hosts),
        allowed_origins=frozenset(origin for origin in origins if origin is not None),
        metadata_base=settings.metadata_base,
        metadata_names=metadata if isinstance(metadata, dict) else {},
        token_header=_token_header(settings),
    )


def _token_header(settings: Settings) -> str | None:
    """Where a proxy puts a token, in lower case; None where no token counts."""
    tokens = None if settings.access is None else settings.access.tokens
    return None if tokens is None else tokens.header.lower()


def _own_names(configuration: Mapping[str, Any]) -> frozenset[str]:
    """The names of this machine, with and without its domain, and the Host setting of DICOMweb."""
    name = socket.gethostname()
    section = configuration.get("DicomWeb")
    host = section.get("Host") if isinstance(section, dict) else None
    names = (name, name.partition(".")[0], f"{name}.local", socket.getfqdn(), str(host or ""))
    return frozenset(each.lower().removesuffix(".") for each in names if each)
