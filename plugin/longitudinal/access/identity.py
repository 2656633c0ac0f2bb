"""Who acts: a name counts only where a password was checked against it.

Orthanc checks Basic credentials before a request reaches us. Of a POSTed form, however, it hands us the headers of each
part, which whoever wrote the form chose; and where authentication is off it checks nothing at all.
"""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# What Orthanc itself registers where it is open to other machines and nobody is named.
_DEFAULT_USERS = {"orthanc": "orthanc"}


class How(StrEnum):
    """How it is known who acts."""

    PASSWORD = "password"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user by name, or `NOBODY`, whose name is empty."""

    name: str
    how: How

    @property
    def is_verified(self) -> bool:
        """Whether this is a user whose password was checked."""
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
