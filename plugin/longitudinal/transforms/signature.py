"""Signed statements: they distinguish what this plugin states about an object from what anybody else writes beside it.

A statement of any kind is bytes about one item of one object. Its signature is an HMAC (RFC 2104, SHA-256) over the kind,
the object's SOP Instance UID and digest, the item, a counter and those bytes, with a key that only the nodes of one archive
have. It is invalid for any other item or object, and after any change of the object; of two signatures, the one with the
larger counter is the later one.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

_FORM = b"orthanc-longitudinal statement 1"
_ID_LENGTH = 16
LARGEST_COUNTER = 2**53


class Signature(msgspec.Struct, frozen=True):
    """Which key signed, when (milliseconds since 1970, or one more than the statement before), and the HMAC in hex."""

    key: Annotated[str, msgspec.Meta(max_length=64)]
    counter: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNTER)]
    mac: Annotated[str, msgspec.Meta(max_length=64)]


class Subject(msgspec.Struct, frozen=True):
    """What a statement is about: an item (1-based) of an object, as it is stored."""

    sop_instance_uid: str
    digest: bytes
    item: int


@dataclass(frozen=True, slots=True)
class Key:
    """One secret; its id is shown, the secret itself never.

    >>> Key(b"0" * 32)
    Key(id='bba18d6b7927594f')
    """

    secret: bytes = field(repr=False)
    id: str = ""

    def __post_init__(self) -> None:
        digest = hashlib.sha256(b"orthanc-longitudinal key id" + self.secret).hexdigest()
        object.__setattr__(self, "id", digest[:_ID_LENGTH])


def sign(key: Key, kind: str, subject: Subject, content: bytes, counter: int) -> Signature:
    """Sign a statement.

    >>> about = Subject("1.2.3", b"digest", 2)
    >>> signature = sign(Key(b"secret"), "review", about, b"accepted", 5)
    >>> verifies([Key(b"secret")], signature, "review", about, b"accepted")
    True
    >>> verifies([Key(b"secret")], signature, "review", about, b"rejected")
    False
    """
    return Signature(key.id, counter, _mac(key, kind, subject, content, counter))


def verifies(
    keys: "list[Key] | tuple[Key, ...]", signature: Signature, kind: str, subject: Subject, content: bytes
) -> bool:
    """Whether one of the keys signed exactly this."""
    for key in keys:
        if key.id == signature.key:
            mac = _mac(key, kind, subject, content, signature.counter)
            return hmac.compare_digest(mac.encode(), signature.mac.encode("utf-8", "replace"))
    return False


def _mac(key: Key, kind: str, subject: Subject, content: bytes, counter: int) -> str:
    parts = (
        _FORM,
        kind.encode(),
        subject.sop_instance_uid.encode("utf-8", "surrogatepass"),
        str(subject.item).encode(),
        subject.digest,
        str(counter).encode(),
        content,
    )
    # each with its length, so that no two lists of parts have the same bytes
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.new(key.secret, message, hashlib.sha256).hexdigest()
