"""The chain of the audit: each line is sealed by an HMAC over itself and the seal of the line before.

A line is `{"n":7,"key":"...",...,"mac":"..."}`: the number of the event, the id of the key, the event, and the HMAC (RFC
2104, SHA-256) of the previous line's HMAC and of the bytes before `,"mac"`. Whoever does not have the key can therefore
neither change, add nor move a line, nor remove one between others. The head, a signed statement beside the files, says
which line is the last, so that an end that is cut off is missed too.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

import msgspec

from longitudinal.access.audit.events import Event
from longitudinal.transforms.signature import Key

_FORM = b"orthanc-longitudinal audit 1"
_HEAD_FORM = b"orthanc-longitudinal audit head 1"
_MAC_LABEL = b',"mac":"'
_MAC_END = b'"}'
_MAC_CHARACTERS = 64
_TAIL = len(_MAC_LABEL) + _MAC_CHARACTERS + len(_MAC_END)
START = bytes(32)
"""What the first line has in place of a seal before it."""


@dataclass(frozen=True, slots=True)
class ChainKey:
    """A key of the audit, derived from one of the archive; it has the id of that one."""

    id: str
    secret: bytes = field(repr=False)

    def mac(self, previous: bytes, content: bytes) -> bytes:
        """The seal of a line."""
        return hmac.digest(self.secret, previous + content, "sha256")


def chain_key(key: Key) -> ChainKey:
    """The key of the audit that belongs to a key of the archive."""
    return ChainKey(key.id, hmac.new(key.secret, _FORM, hashlib.sha256).digest())


class Line(Event, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A line as it is kept: the event with its number, from 1 on, the id of the key, and its seal in hex."""

    n: int
    key: str
    mac: str


def sealed(key: ChainKey, previous: bytes, n: int, event: Event) -> tuple[bytes, bytes]:
    r"""The line of an event, with its end, and its seal.

    >>> from longitudinal.access.audit.events import EventKind
    >>> line, mac = sealed(ChainKey("k", b"s"), START, 1, Event(kind=EventKind.READ, time="t"))
    >>> line[:45], line.endswith(mac.hex().encode() + b'"}\n')
    (b'{"n":1,"key":"k","kind":"read","time":"t","ma', True)
    """
    content = b'{"n":%d,"key":"%s",%s' % (n, key.id.encode(), msgspec.json.encode(event)[1:-1])
    mac = key.mac(previous, content)
    return content + _MAC_LABEL + mac.hex().encode() + _MAC_END + b"\n", mac


def content_of(line: bytes) -> bytes | None:
    """The bytes of a line (without its end) that are sealed; None where it has not the form of one."""
    content, tail = line[:-_TAIL], line[-_TAIL:]
    return content if tail.startswith(_MAC_LABEL) and tail.endswith(_MAC_END) else None


_LINES = msgspec.json.Decoder(Line)


def read_line(line: bytes) -> Line | None:
    """A line without its end; None where it is not one."""
    if content_of(line) is None:
        return None
    try:
        found = _LINES.decode(line)
        return found if len(bytes.fromhex(found.mac)) == len(START) else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


class Head(msgspec.Struct, frozen=True):
    """Which line is the last: its number, its seal, the file it is in, and when that was (ISO 8601, UTC); signed."""

    n: int
    mac: str
    file: str
    time: str
    key: str
    signature: str = ""

    def signed(self, key: ChainKey) -> "Head":
        """The same with its signature."""
        return msgspec.structs.replace(self, key=key.id, signature=self._signature(key))

    def verifies(self, key: ChainKey) -> bool:
        """Whether this key signed it."""
        return hmac.compare_digest(self._signature(key).encode(), self.signature.encode("utf-8", "replace"))

    def _signature(self, key: ChainKey) -> str:
        unsigned = msgspec.structs.replace(self, key=key.id, signature="")
        return hmac.new(key.secret, _HEAD_FORM + msgspec.json.encode(unsigned), hashlib.sha256).hexdigest()


def read_head(text: bytes) -> Head | None:
    """A head; None where the text is not one."""
    try:
        return msgspec.json.decode(text, type=Head)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
