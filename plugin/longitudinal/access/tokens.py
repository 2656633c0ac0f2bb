"""Signed tokens (JWT, RFC 7519) that say who acts: fixed algorithms, issuer and audience, and never without an end."""

import base64
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
import msgspec

from longitudinal.access.identity import NOBODY, Actor, How
from longitudinal.access.token_keys import TokenKey, TokenKeys
from longitudinal.nesting import depth_of
from longitudinal.settings import TokenSettings

LOGGER = logging.getLogger(__name__)

# Orthanc takes headers of any size; a token with many groups has some kilobytes.
_LONGEST = 16_384
_DEEPEST = 20
_REMEMBERED = 4_096
_REQUIRED = ["exp", "iss", "aud"]
_LONGEST_NAME = 200


class _Known(msgspec.Struct, frozen=True):
    """A token whose signature was checked: who it names and from when until when it counts (POSIX seconds)."""

    actor: Actor
    begins: float
    ends: float
    generation: int


class Tokens:
    """Reads tokens; one that was checked is remembered until it ends or the keys change.

    Raises
    ------
    ValueError, OSError
        Of `TokenKeys`.
    """

    def __init__(self, settings: TokenSettings, folder: Path = Path()) -> None:
        self._settings = settings
        self._keys = TokenKeys(folder / settings.keys, settings.algorithms)
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        # Orthanc's HTTP threads have stacks of 100 KB; cryptography and JSON from strangers need more
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="longitudinal-tokens")

    def stop(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True)

    def actor(self, token: str) -> Actor:
        """Who a token names; `NOBODY` where it does not count, and the log says why."""
        if not token or len(token) > _LONGEST or not token.isascii():
            return NOBODY
        generation, keys = self._keys.current()
        digest = sha256(token.encode()).digest()
        with self._lock:
            known = self._known.get(digest)
        if known is None or known.generation != generation:
            known = self._pool.submit(self._check, token, keys, generation).result()
            if known is None:
                return NOBODY
            self._remember(digest, known)
        return known.actor if self._counts(known) else NOBODY

    def _counts(self, known: _Known) -> bool:
        now, leeway = time.time(), self._settings.leeway_seconds
        return known.begins - leeway <= now < known.ends + leeway

    def _remember(self, digest: bytes, known: _Known) -> None:
        with self._lock:
            self._known[digest] = known
            self._known.move_to_end(digest)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def _check(self, token: str, keys: tuple[TokenKey, ...], generation: int) -> _Known | None:
        try:
            claims = self._claims(token, keys)
            return _Known(self._named(claims), _begin(claims), float(claims["exp"]), generation)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            LOGGER.warning("A token does not count: %s", str(error)[:200])
            return None

    def _claims(self, token: str, keys: tuple[TokenKey, ...]) -> Mapping[str, Any]:
        """The claims of a token that one of the keys has signed. Raises jwt.PyJWTError, ValueError."""
        for part in token.split(".")[:2]:
            if depth_of(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), _DEEPEST) > _DEEPEST:
                raise ValueError("it is nested too deep")
        header = jwt.get_unverified_header(token)
        algorithm, name = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms:
            raise jwt.InvalidAlgorithmError(f"it is signed with {str(algorithm)[:20]!r}")
        failure: jwt.PyJWTError = jwt.InvalidKeyError("no key has its kid and algorithm")
        for key in keys:
            if algorithm not in key.algorithms or (
                name is not None and key.id is not None and key.id != name
            ):
                continue
            try:
                return self._decode(token, key, algorithm)
            except jwt.InvalidSignatureError as error:
                failure = error
        raise failure

    def _decode(self, token: str, key: TokenKey, algorithm: str) -> Mapping[str, Any]:
        claims: Mapping[str, Any] = jwt.decode(
            token, key.key, algorithms=[algorithm], audience=self._settings.audience, issuer=self._settings.issuer,
            leeway=self._settings.leeway_seconds, options={"require": [*_REQUIRED, self._settings.name_claim]},
        )  # fmt: skip
        return claims

    def _named(self, claims: Mapping[str, Any]) -> Actor:
        name = claims.get(self._settings.name_claim)
        if (
            not isinstance(name, str)
            or not name.strip()
            or len(name) > _LONGEST_NAME
            or not name.isprintable()
        ):
            raise ValueError(f"its {self._settings.name_claim} is no name")
        values = ((key, _texts(value)) for key, value in sorted(claims.items()))
        return Actor(name, How.TOKEN, tuple((key, found) for key, found in values if found))


def _begin(claims: Mapping[str, Any]) -> float:
    return float(claims.get("nbf", 0.0))


def _texts(value: object) -> tuple[str, ...]:
    """The values of a claim that rules compare with: texts, and texts in a list."""
    values = value if isinstance(value, list) else [value]
    return tuple(each for each in values if isinstance(each, str) and each)
