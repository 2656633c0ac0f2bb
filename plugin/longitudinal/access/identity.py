"""Who acts: a name counts only where a password, or the signature of a token, was checked against it.

Orthanc checks Basic credentials before a request reaches us. Of a POSTed form, however, it hands us the headers of each
part, which whoever wrote the form chose; and where authentication is off it checks nothing at all.
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from longitudinal.access.shares import Share

# What Orthanc itself registers where it is open to other machines and nobody is named.
_DEFAULT_USERS = {"orthanc": "orthanc"}


class How(StrEnum):
    """How it is known who acts."""

    PASSWORD = "password"
    TOKEN = "token"
    SHARE = "share"
    UNKNOWN = "unknown"


Claims = tuple[tuple[str, tuple[str, ...]], ...]


class Actor(msgspec.Struct, frozen=True):
    """Who acts: a user by name, or `NOBODY`, whose name is empty.

    `claims` are those of the token, sorted by name, each with its values as text. `share` is what a link has opened, where
    nobody is known but whoever has the link; the name is then that of the share.
    """

    name: str
    how: How
    claims: Claims = ()
    share: Share | None = None

    @property
    def is_verified(self) -> bool:
        """Whether this is a user whose password or token was checked, or a link that counts."""
        return self.how is not How.UNKNOWN


NOBODY = Actor("", How.UNKNOWN)


@dataclass(frozen=True)
class Users:
    """Orthanc's own users; none where authentication is off.

    Attributes
    ----------
    is_required
        Whether Orthanc lets in only whoever gives a password (AuthenticationEnabled).
    """

    is_required: bool = False
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)

    def actor(self, authorization: str) -> Actor:
        """Whose credentials an Authorization header has (RFC 7617).

        Every user is compared with, each in a time that does not depend on where they differ. Two users whose name and
        password together read the same are nobody, as they cannot be told apart.

        >>> users = Users(True, {"ann": "secret"})
        >>> users.actor("Basic YW5uOnNlY3JldA==").name
        'ann'
        >>> users.actor("Basic YW5uOndyb25n") is NOBODY
        True
        """
        kind, _, credentials = authorization.partition(" ")
        if not self.is_required or kind.lower() != "basic":
            return NOBODY
        return self.of_password(credentials)

    def of_password(self, credentials: str) -> Actor:
        """Whose name and password Basic credentials have, whether or not Orthanc asks for them."""
        try:
            given = base64.b64decode(credentials.strip(), validate=True)
        except ValueError:
            return NOBODY
        found = [
            name
            for name, password in self.passwords.items()
            if hmac.compare_digest(given, f"{name}:{password}".encode("utf-8", "surrogatepass"))
        ]
        return Actor(found[0], How.PASSWORD) if len(found) == 1 else NOBODY


TokenReader = Callable[[str], Actor]
"""Who a token names: `NOBODY` where it does not count."""

ShareReader = Callable[[Mapping[str, str]], Share | None]
"""The share that a request with these headers has opened; None where it has opened none."""


class Identity(msgspec.Struct, frozen=True):
    """Who acts where access is restricted: by password, by token, or by a token beside a proxy's service account.

    Parameters
    ----------
    users
        Orthanc's own. Their passwords are checked here, whether or not Orthanc does so too.
    read_token
        None where no tokens count.
    header
        Of a token beside a service account, in lower case.
    read_share
        None where no links count.
    """

    users: Users
    read_token: TokenReader | None = None
    header: str = ""
    service_accounts: frozenset[str] = frozenset()
    read_share: ShareReader | None = None

    def actor(self, headers: Mapping[str, str]) -> Actor:
        """Who sends a request with these headers (lower-case names), which must be those of the request as a whole.

        A service account is nobody by itself, and anybody else who sends a token beside a password is nobody. A link counts
        where nothing else says who asks: neither a token, nor a password but that of a service account.
        """
        if self._may_be_a_link(headers):
            share = self.read_share(headers) if self.read_share is not None else None
            return NOBODY if share is None else Actor(f"share:{share.id}", How.SHARE, share=share)
        return self._of_credentials(headers)

    def _may_be_a_link(self, headers: Mapping[str, str]) -> bool:
        if self.header and headers.get(self.header) is not None:
            return False
        kind, _, credentials = headers.get("authorization", "").partition(" ")
        if not kind:
            return True
        return kind.lower() == "basic" and self.users.of_password(credentials).name in self.service_accounts

    def _of_credentials(self, headers: Mapping[str, str]) -> Actor:
        kind, _, credentials = headers.get("authorization", "").partition(" ")
        token = headers.get(self.header) if self.header else None
        if kind.lower() == "bearer":
            is_alone = token is None and self.read_token is not None and not self.users.is_required
            return self._of_token(credentials.strip()) if is_alone else NOBODY
        if kind.lower() != "basic":
            return NOBODY
        actor = self.users.of_password(credentials)
        if not actor.is_verified or (actor.name in self.service_accounts) == (token is None):
            return NOBODY
        return actor if token is None else self._of_token(token.strip())

    def _of_token(self, token: str) -> Actor:
        actor = NOBODY if self.read_token is None else self.read_token(token)
        return NOBODY if actor.name in self.service_accounts else actor


def read_users(configuration: Mapping[str, Any]) -> Users:
    """The users of Orthanc's configuration, by the defaults that Orthanc has.

    Without AuthenticationEnabled a password is needed where other machines may come in (RemoteAccessAllowed), and not
    where they may not.

    >>> read_users({"RemoteAccessAllowed": True}).passwords
    {'orthanc': 'orthanc'}
    >>> read_users({"RegisteredUsers": {"ann": "secret"}}).is_required
    False
    """
    is_remote = configuration.get("RemoteAccessAllowed") is True
    enabled = configuration.get("AuthenticationEnabled")
    is_required = enabled if isinstance(enabled, bool) else is_remote
    users = configuration.get("RegisteredUsers")
    passwords = (
        {str(name): str(password) for name, password in users.items()} if isinstance(users, dict) else {}
    )
    if is_required and is_remote and not passwords:
        passwords = dict(_DEFAULT_USERS)
    return Users(is_required, passwords)
