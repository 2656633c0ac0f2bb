"""The public keys that tokens are checked with: a JWKS file or one key in PEM, read again once it has changed."""

import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jwt
import msgspec

LOGGER = logging.getLogger(__name__)

# How often the file is looked at, at most.
_LOOK_SECONDS = 1.0
_LARGEST = 1024 * 1024
_PRIVATE = b"PRIVATE KEY"
_FAMILIES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class TokenKey(msgspec.Struct, frozen=True):
    """One public key; `id` is its `kid`, None where the file has none. `algorithms` are those it may verify."""

    id: str | None
    algorithms: frozenset[str]
    key: Any


class TokenKeys:
    """The keys of a file at this moment.

    Where the file cannot be read any more there are no keys, so that no token counts, and the log says so.

    Parameters
    ----------
    algorithms
        Those that the settings allow.

    Raises
    ------
    ValueError
        There is no usable key in the file.
    OSError
        It cannot be read.
    """

    def __init__(self, path: Path, algorithms: Iterable[str]) -> None:
        self._path = path
        self._algorithms = frozenset(algorithms)
        self._lock = threading.Lock()
        self._stamp = self._stamp_now()
        self._keys = read_keys(path, self._algorithms)
        self._looked = time.monotonic()
        self.generation = 0

    def current(self) -> tuple[int, tuple[TokenKey, ...]]:
        """The keys, and a number that changes with them."""
        with self._lock:
            if time.monotonic() - self._looked >= _LOOK_SECONDS:
                self._look()
            return self.generation, self._keys

    def _look(self) -> None:
        """With the lock held."""
        self._looked = time.monotonic()
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self.generation += 1
        try:
            self._keys = read_keys(self._path, self._algorithms)
        except (OSError, ValueError) as error:
            self._keys = ()
            LOGGER.error("No token counts any more: the keys in %s cannot be used: %s", self._path, error)
        else:
            LOGGER.warning("The keys of tokens were read again: %d in %s", len(self._keys), self._path)

    def _stamp_now(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def read_keys(path: Path, algorithms: frozenset[str]) -> tuple[TokenKey, ...]:
    """The keys of a file that may verify one of the algorithms.

    Raises
    ------
    ValueError
        It is neither JWKS nor PEM, holds a private or symmetric key, or none for these algorithms.
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError("it is larger than 1 MiB")
    if _PRIVATE in content:
        raise ValueError("it holds a private key; only whoever issues tokens needs that")
    try:
        found = _of_pem(content) if content.lstrip().startswith(b"-----BEGIN") else _of_jwks(content)
    except (jwt.PyJWTError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no public key in PEM and no JWKS: {error}") from None
    keys = tuple(
        TokenKey(name, usable, key) for name, kind, key in found if (usable := _usable(kind, key, algorithms))
    )
    if not keys:
        raise ValueError(f"no key for {', '.join(sorted(algorithms))}")
    return keys


_Found = tuple[str | None, str, Any]


def _of_pem(content: bytes) -> list[_Found]:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(content)
    kind = (
        "RSA"
        if isinstance(key, rsa.RSAPublicKey)
        else "EC"
        if isinstance(key, ec.EllipticCurvePublicKey)
        else "OKP"
    )
    return [(None, kind, key)]


def _of_jwks(content: bytes) -> list[_Found]:
    """Keys for signatures; those of kinds that this library does not know are left out by it."""
    found = []
    for each in jwt.PyJWKSet.from_json(content.decode()).keys:
        if each.key_type == "oct":
            raise ValueError("it holds a symmetric key, with which whoever reads the file could sign")
        if each.public_key_use in (None, "sig"):
            found.append((each.key_id, str(each.key_type), each.key))
    return found


def _usable(kind: str, key: Any, algorithms: frozenset[str]) -> frozenset[str]:
    usable = {name for name in algorithms if _FAMILIES[name[:2]] == kind}
    curve = getattr(getattr(key, "curve", None), "key_size", None)
    of_curve = {256: "ES256", 384: "ES384", 521: "ES512"}.get(curve or 0)
    return frozenset(name for name in usable if kind != "EC" or name == of_curve)
