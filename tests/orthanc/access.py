"""Servers with restricted access, and tokens signed as a login would sign them."""

import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.orthanc.server import USER, OrthancServer, ServerSession

ISSUER, AUDIENCE = "https://login.example.org", "imaging"
PASSWORD = "a password of a test"
ADMIN = {"Users": [USER], "Roles": ["admin"]}


class Login:
    """Who signs tokens; `rotate` replaces the key, and the file, as a login does from time to time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "jwks.json"
        self.rotate("first")

    def rotate(self, name: str) -> None:
        self.name, self.key = name, rsa.generate_private_key(65537, 2048)
        public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key())) | {"kid": name, "use": "sig"}
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"keys": [public]}))
        fresh.replace(self.path)

    def token(self, name: str, *, key: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
        """A token for a user; a claim that is None is left out."""
        now = int(time.time())
        content = {"sub": name, "iss": ISSUER, "aud": AUDIENCE, "nbf": now - 1, "exp": now + 300} | claims
        content = {claim: value for claim, value in content.items() if value is not None}
        return jwt.encode(content, key or self.key, algorithm=algorithm, headers={"kid": self.name})

    @property
    def settings(self) -> dict[str, Any]:
        return {"Keys": str(self.path), "Issuer": ISSUER, "Audience": AUDIENCE}


def restricted(*rules: dict[str, Any], **access: Any) -> dict[str, Any]:
    """A configuration in which the harness's user administers, and rules are for the others."""
    return {"Longitudinal": {"Access": {"Rules": [ADMIN, *rules], **access}}}


def add_users(server: OrthancServer, *names: str) -> None:
    """Registered users beside the harness's, before the server starts."""
    server.configuration["RegisteredUsers"] |= dict.fromkeys(names, PASSWORD)


def session_of(server: OrthancServer, name: str | None, password: str = PASSWORD) -> ServerSession:
    """A session of another user; of nobody where `name` is None."""
    return ServerSession(server.url, None if name is None else (name, password))


def bearing(server: OrthancServer, token: str, header: str = "Authorization") -> ServerSession:
    """A session with a token and no password."""
    session = ServerSession(server.url, None)
    session.headers[header] = f"Bearer {token}" if header == "Authorization" else token
    return session
