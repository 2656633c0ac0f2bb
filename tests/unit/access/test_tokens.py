"""Which tokens count: everything that is not exactly as the settings want names nobody."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm

from longitudinal.access import token_keys
from longitudinal.access.identity import NOBODY, How
from longitudinal.access.tokens import Tokens
from longitudinal.settings import TokenSettings
from tests.orthanc.access import AUDIENCE, ISSUER, Login


def read(login: Login, **settings: Any) -> Tokens:
    return Tokens(
        TokenSettings(keys=str(login.path), issuer=ISSUER, audience=AUDIENCE, leeway_seconds=0, **settings)
    )


@pytest.fixture
def login(tmp_path: Path) -> Login:
    return Login(tmp_path)


def test_a_token_names_a_user_with_claims(login: Login) -> None:
    actor = read(login).actor(login.token("ann", tenant="north", groups=["a", "b", 3], level=7))
    assert (actor.name, actor.how) == ("ann", How.TOKEN)
    claims = dict(actor.claims)
    assert (claims["tenant"], claims["groups"]) == (("north",), ("a", "b"))
    assert "level" not in claims


NOW = int(time.time())  # tests may run an hour after this
WRONG: dict[str, dict[str, Any]] = {
    "expired": {"exp": NOW - 10},
    "not yet valid": {"nbf": NOW + 1000},
    "issued in the future": {"iat": NOW + 1000},
    "without an end": {"exp": None},
    "of another issuer": {"iss": "https://evil.example"},
    "without an issuer": {"iss": None},
    "for another audience": {"aud": "mail"},
    "without an audience": {"aud": None},
    "without a name": {"sub": None},
    "with an empty name": {"sub": ""},
    "with a blank name": {"sub": "  "},
    "with a number as a name": {"sub": 7},
    "with a list as a name": {"sub": ["ann"]},
    "with a line break in the name": {"sub": "ann\nroot"},
    "with an end that is no number": {"exp": "soon"},
    "with an endless end": {"exp": 1e400},
    "too long": {"more": "x" * 20_000},
}


@pytest.mark.parametrize("way", WRONG)
def test_a_wrong_token_names_nobody(login: Login, way: str) -> None:
    tokens = read(login)
    assert tokens.actor(signed(login)).name == "ann"
    assert tokens.actor(signed(login, **WRONG[way])) is NOBODY


def signed(login: Login, **claims: Any) -> str:
    """By hand, as PyJWT refuses to write some of them."""
    content = {"sub": "ann", "iss": ISSUER, "aud": AUDIENCE, "nbf": NOW - 10, "exp": NOW + 86_400} | claims
    content = {name: value for name, value in content.items() if value is not None}
    return jwt.PyJWS().encode(json.dumps(content).encode(), login.key, "RS256", {"kid": login.name})


def test_a_forged_token_names_nobody(login: Login) -> None:
    tokens = read(login)
    other = rsa.generate_private_key(65537, 2048)
    good = login.token("ann")
    head, body, signature = good.split(".")
    public = login.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    evil = base64.urlsafe_b64encode(
        json.dumps({"sub": "root", "iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 86_400}).encode()
    )
    for token in (
        login.token("ann", key=other),
        f"{head}.{evil.decode().rstrip('=')}.{signature}",
        f"{none}.{body}.",
        f"{none}.{body}.{signature}",
        _hmac(public, body),
        good[:-4],
        good + "x" * 4,
        "",
        "a.b.c",
        "..",
        "ü.ü.ü",
        _nested(),
    ):
        assert tokens.actor(token) is NOBODY, token
    assert tokens.actor(good).name == "ann"


def _hmac(public: bytes, body: str) -> str:
    """Signed with the public key as if it were a secret, which everybody has."""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    mac = hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def _nested() -> str:
    deep = base64.urlsafe_b64encode(b"[" * 6_000).decode().rstrip("=")
    return f"{deep}.{deep}.x"


def test_a_remembered_token_ends_all_the_same(login: Login) -> None:
    tokens, token = read(login), login.token("ann", exp=int(time.time()) + 2)
    assert tokens.actor(token).name == "ann"
    time.sleep(2.1)
    assert tokens.actor(token) is NOBODY


def test_keys_are_rotated_without_a_restart(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_keys, "_LOOK_SECONDS", 0.0)
    tokens, old = read(login), login.token("ann")
    assert tokens.actor(old).name == "ann"
    login.rotate("second")
    assert tokens.actor(login.token("ben")).name == "ben"
    assert tokens.actor(old) is NOBODY
    login.path.write_text("{")
    assert tokens.actor(login.token("ben")) is NOBODY
    login.path.unlink()
    assert tokens.actor(login.token("ben")) is NOBODY
    login.rotate("third")
    assert tokens.actor(login.token("ben")).name == "ben"


def test_a_key_verifies_only_what_is_of_its_kind(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [json.loads(ECAlgorithm.to_jwk(key.public_key()))]}))
    (found,) = token_keys.read_keys(path, frozenset({"RS256", "ES256", "ES384"}))
    assert found.algorithms == {"ES256"}


@pytest.mark.parametrize("kind", ["private", "symmetric", "nothing", "text", "huge", "other algorithms"])
def test_a_file_that_is_none_of_public_keys_is_refused(tmp_path: Path, kind: str) -> None:
    key = rsa.generate_private_key(65537, 2048)
    path = tmp_path / "keys"
    path.write_bytes(
        {
            "private": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "symmetric": json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}).encode(),
            "nothing": b'{"keys": []}',
            "text": b"hello",
            "huge": b" " * (2 * 1024 * 1024),
            "other algorithms": key.public_key().public_bytes(
                Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
            ),
        }[kind]
    )
    with pytest.raises(ValueError, match=r"."):
        token_keys.read_keys(path, frozenset({"ES256"}))


def test_a_public_key_in_pem_serves(tmp_path: Path) -> None:
    login = Login(tmp_path)
    login.path.write_bytes(
        login.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    assert read(login).actor(login.token("ann")).name == "ann"
