"""Access restricted: identity, policy, grants and the gate wired together."""

import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from longitudinal.access import grants, shares
from longitudinal.access.core_paths import Roots
from longitudinal.access.gate import Gate, Own
from longitudinal.access.grants import GrantBook
from longitudinal.access.identity import Identity, Users
from longitudinal.access.keyring import Keyring
from longitudinal.access.policy import Policy
from longitudinal.access.share_links import ShareLinks
from longitudinal.access.shares import ShareBook
from longitudinal.access.sharing import Sharing
from longitudinal.errors import InvalidSettings
from longitudinal.host.loopback import Loopback
from longitudinal.host.orthanc_archive import OrthancArchive
from longitudinal.host.orthanc_inventory import OrthancInventory
from longitudinal.host.paths import from_configuration
from longitudinal.host.resource_lookup import ResourceLookup
from longitudinal.http.routes.access import Access
from longitudinal.settings import AccessSettings
from longitudinal.sidecar.connection import Readers

if TYPE_CHECKING:
    from longitudinal.access.tokens import Tokens

LOGGER = logging.getLogger(__name__)

_LEVELS = ("patients", "studies")
_RETRY_SECONDS = 1.0
_PAGE = 1_000


class AccessServices:
    """Who acts, what they may do, and which requests are let in.

    Attributes
    ----------
    identity
        Who sends a request.
    gate
        Which requests are let in.
    access
        For the routes.

    Raises
    ------
    InvalidSettings
        The keys of tokens or of grants cannot be used.
    """

    def __init__(
        self, settings: AccessSettings, users: Users, keyring: Keyring, archive: OrthancArchive, loopback: Loopback,
        readers: Readers, inventory: OrthancInventory, own: Own, roots: Roots,
    ) -> None:  # fmt: skip
        self._tokens = _tokens(settings)
        self._inventory = inventory
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read_grants, name="longitudinal-grants", daemon=True)
        if keyring.problem is not None:
            raise InvalidSettings(f"grants cannot be checked: {keyring.problem}")
        lookup = ResourceLookup()
        self._book = GrantBook(
            lambda level, resource: grants.RECORDS.read(
                archive.grants(level, resource), resource, keyring.keys
            )
        )
        self._shares = ShareBook(
            lambda level, resource: shares.RECORDS.read(
                archive.shares(level, resource), resource, keyring.keys
            )
        )
        policy = Policy(settings, lookup.facts_of, self._book)
        links = ShareLinks(
            policy, self._shares, keyring, loopback, readers, obstacle_to_links(settings, users)
        )
        self.identity = Identity(
            users,
            None if self._tokens is None else self._tokens.actor,
            "" if settings.tokens is None else settings.tokens.header.lower(),
            frozenset(settings.service_accounts),
            links.share_of,
        )
        own = replace(own, has_links=links.obstacle is None)
        self.gate = Gate(self.identity, policy, lookup.studies_of, own, roots)
        self.access = Access(policy, Sharing(policy, self._book, keyring, loopback, readers), links)

    def start(self) -> None:
        """Read the grants and shares there are; until then they give nothing."""
        self._thread.start()

    def stop(self) -> None:
        """End the threads."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._tokens is not None:
            self._tokens.stop()

    def changed(self, orthanc_id: str) -> None:
        """The metadata of some resource may have changed, on this node or another, or it was deleted."""
        for level in _LEVELS:
            self._book.refresh(level, orthanc_id)
            self._shares.refresh(level, orthanc_id)

    def _read_grants(self) -> None:
        while not self._stopping.is_set():
            try:
                for level in _LEVELS:
                    self._read_level(level)
            except Exception:  # whatever it is, what is not read gives nothing
                LOGGER.warning("The grants cannot be read yet; retrying", exc_info=True)
                self._stopping.wait(_RETRY_SECONDS)
            else:
                return

    def _read_level(self, level: str) -> None:
        since = 0
        while not self._stopping.is_set() and (page := self._inventory.resources(level, since, _PAGE)):
            for resource in page:
                self._book.refresh(level, resource)
                self._shares.refresh(level, resource)
            since += len(page)


def obstacle_to_links(settings: AccessSettings, users: Users) -> str | None:
    """Why no link to a patient can work, in a sentence; None where links work."""
    if settings.shares is None:
        return "links to patients are switched off (setting Longitudinal.Access.Shares)"
    if users.is_required and not settings.service_accounts:
        return (
            "Orthanc itself asks every browser for a password (AuthenticationEnabled), which whoever gets a link has not. "
            "Set it to false, as the plugin then asks for passwords itself, or have a proxy with an account of "
            "ServiceAccounts let links through (docs/sharing.md)"
        )
    return None


def _tokens(settings: AccessSettings) -> "Tokens | None":
    if settings.tokens is None:
        return None
    from longitudinal.access.tokens import Tokens

    try:
        return Tokens(settings.tokens, from_configuration("."))
    except (OSError, ValueError) as error:
        raise InvalidSettings(
            f'"Longitudinal.Access.Tokens.Keys": {settings.tokens.keys} cannot be used: {error}'
        ) from None


def roots_of(configuration: Mapping[str, Any]) -> Roots:
    """Where the DICOMweb plugin is, by its own settings."""
    section = configuration.get("DicomWeb")
    section = section if isinstance(section, dict) else {}
    web, wado = section.get("Root", "/dicom-web/"), section.get("WadoRoot", "/wado")
    return Roots(f"/{str(web).strip('/')}", f"/{str(wado).strip('/')}")
