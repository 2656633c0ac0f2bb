"""The keys that statements are signed with: a file that is the same on every node of an archive.

The form is `{"keys": [{"id": ..., "made": ..., "secret": ...}], "lost": [...]}`. The newest key signs, all of them verify.
`lost` names keys that no longer exist anywhere.
"""

import base64
import logging
import os
import secrets
import stat
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from longitudinal.transforms.signature import Key

LOGGER = logging.getLogger(__name__)

_SECRET_BYTES = 32
_OWNER_ONLY = 0o600
_OTHERS = 0o077


class _Key(msgspec.Struct, frozen=True):
    secret: str
    made: str = ""
    id: str = ""


class _File(msgspec.Struct, frozen=True):
    keys: list[_Key]
    lost: list[str] = []


class Keyring:
    """The keys of a file, made where there is none; read once.

    Attributes
    ----------
    path
        The file.
    keys
        All of them, the newest first; none where the file cannot be used.
    problem
        Why it cannot be used; None where it can.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys: tuple[Key, ...] = ()
        self.problem: str | None = None
        self._lost: frozenset[str] = frozenset()
        try:
            if not path.exists():
                _make(path)
            self._read()
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            self.problem = f"the keys in {path} cannot be used: {error}"
            LOGGER.error("Nothing is signed, and no signature counts: %s", self.problem)

    def _read(self) -> None:
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if mode & _OTHERS:
            raise ValueError(f"others can read it or write to it (mode {mode:o}); it must be {_OWNER_ONLY:o}")
        found = msgspec.json.decode(self.path.read_bytes(), type=_File)
        by_age = sorted(enumerate(found.keys), key=lambda entry: (entry[1].made, entry[0]), reverse=True)
        keys = tuple(Key(base64.b64decode(each.secret, validate=True)) for _, each in by_age)
        if not keys or any(len(key.secret) < _SECRET_BYTES for key in keys):
            raise ValueError(f"it must have a key, and each at least {_SECRET_BYTES} bytes")
        self.keys, self._lost = keys, frozenset(found.lost)

    def has(self, key: str) -> bool:
        """Whether a key of this id is here."""
        return any(each.id == key for each in self.keys)

    def strange(self, ids: Iterable[str]) -> list[str]:
        """Those ids that are neither here nor known to be lost: other nodes of this archive sign with them."""
        return sorted(key for key in ids if not self.has(key) and key not in self._lost)

    @property
    def fingerprint(self) -> str:
        """Other keys, another text."""
        return " ".join(sorted(key.id for key in self.keys))


def _make(path: Path) -> None:
    """Write a file with a new key; where another process is quicker, its file stays."""
    key = Key(secrets.token_bytes(_SECRET_BYTES))
    entry = _Key(
        base64.b64encode(key.secret).decode(), datetime.now(UTC).isoformat(timespec="seconds"), key.id
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(_File([entry])), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        return
    finally:
        os.unlink(name)
    LOGGER.warning("A new key to sign statements with is in %s: keep a copy, it is not made again", path)
