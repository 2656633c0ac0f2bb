"""The recipe of docs/limits.md: frames from nginx's cache, and Orthanc asked each time whether this user may see them."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import requests

from tests import builders as build
from tests.data import ROOT
from tests.orthanc.access import Login, restricted
from tests.orthanc.nginx import Nginx, certificate, recipes
from tests.orthanc.other_origin import replaced
from tests.orthanc.server import OrthancServer, ServerSession, free_ports

BOB = ("bob", "bobs-password-1")


@dataclass(frozen=True)
class Cached:
    """Orthanc, nginx in front of it, and an instance."""

    server: OrthancServer
    nginx: Nginx
    instance: str

    def get(
        self, what: str = "frames/0/numpy?rescale=false", user: tuple[str, str] | None = None
    ) -> requests.Response:
        session = ServerSession(self.nginx.url, user or (self.server.user, self.server.password))
        with session:
            return session.get(f"/instances/{self.instance}/{what}")


def image(value: int) -> bytes:
    ds = build.classic(
        (0.0, 0.0, 0.0), PatientID="C", StudyInstanceUID="1.2.3.81", SeriesInstanceUID="1.2.3.81.1",
        SOPInstanceUID="1.2.3.81.1.1", FrameOfReferenceUID="1.2.3.81.9", Rows=16, Columns=16, SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2", BitsAllocated=16, BitsStored=16, HighBit=15, PixelRepresentation=0,
    )  # fmt: skip
    ds.PixelData = np.full((16, 16), value, "<u2").tobytes()
    return build.as_file(ds)


def recipe(folder: Path, server: OrthancServer) -> Nginx:
    (text,) = recipes(ROOT / "docs" / "limits.md")
    (port,) = free_ports(1)
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    text = text.replace("127.0.0.1:8042", f"127.0.0.1:{server.http_port}")
    text = text.replace("/var/cache/nginx/frames", str(folder / "frames"))
    return Nginx(folder / "nginx", text, f"http://127.0.0.1:{port}")


@pytest.fixture
def cached(tmp_path: Path) -> Iterator[Cached]:
    server = OrthancServer(
        tmp_path / "orthanc",
        configuration={"OverwriteInstances": True, "Longitudinal": {"AlignOnArrival": False}},
    )
    server.configuration["RegisteredUsers"][BOB[0]] = BOB[1]
    with server, recipe(tmp_path / "proxy", server) as nginx:
        instance = server.store_rest([image(7)])[0]["ID"]
        server.wait_indexed(lambda health: health["instances"] == 1, 10)
        yield Cached(server, nginx, instance)


READERS = {"Claims": {"groups": "radiology"}, "Roles": ["viewer"], "Everything": True}


def by_token(folder: Path) -> tuple[OrthancServer, Login]:
    """A server that takes bearer tokens, and who signs them; it is not started."""
    login = Login(folder / "login")
    configuration = restricted(READERS, Tokens=login.settings | {"LeewaySeconds": 0})
    configuration["Longitudinal"]["AlignOnArrival"] = False
    return OrthancServer(folder / "orthanc", configuration=configuration, authentication=False), login


def share(server: OrthancServer, patient: str, user: str) -> str:
    """Share a patient with somebody; returns the grant, by which that ends."""
    body = {"patientId": patient, "user": user, "until": "2999-01-01T00:00:00Z", "reason": "a test"}
    answer = server.session.post("/imaging/grants", json=body)
    answer.raise_for_status()
    return str(answer.json()["id"])


def reading(nginx: Nginx, token: str) -> ServerSession:
    """Somebody who reads through the cache with a token."""
    session = ServerSession(nginx.url, None)
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def pixel(answer: requests.Response) -> int:
    return int(np.load(io.BytesIO(answer.content)).flat[0])


def test_a_frame_is_fetched_once_and_access_is_asked_each_time(cached: Cached) -> None:
    first, again = cached.get(), cached.get()
    assert (first.headers["X-Cache"], again.headers["X-Cache"]) == ("MISS", "HIT")
    assert first.content == again.content
    assert pixel(first) == 7
    assert again.headers["Cache-Control"] == "private, no-cache"
    assert cached.get(user=BOB).headers["X-Cache"] == "HIT"
    for user in (("bob", "wrong"), ("nobody", "x")):
        refused = cached.get(user=user)
        assert (refused.status_code, "WWW-Authenticate" in refused.headers) == (401, True)
        assert first.content not in refused.content
    assert (
        requests.get(f"{cached.nginx.url}/instances/{cached.instance}/frames/0/numpy", timeout=10).status_code
        == 401
    )


def test_a_user_who_lost_access_gets_no_frame(cached: Cached) -> None:
    assert cached.get(user=BOB).ok
    del cached.server.configuration["RegisteredUsers"][BOB[0]]
    cached.server.restart()
    assert [cached.get(user=BOB).status_code for _ in range(20)] == [401] * 20
    assert cached.get().headers["X-Cache"] == "HIT"


def test_an_overwritten_instance_is_never_shown_as_it_was(cached: Cached) -> None:
    assert pixel(cached.get()) == 7
    cached.server.store_rest([image(9)])
    after = cached.get()
    assert (pixel(after), after.headers["X-Cache"]) == (9, "MISS")


def test_a_deleted_instance_is_not_served(cached: Cached) -> None:
    assert cached.get().ok
    cached.server.session.delete(f"/instances/{cached.instance}").raise_for_status()
    assert cached.get().status_code >= 400


def test_arguments_are_part_of_the_key(cached: Cached) -> None:
    whole = cached.get("frames/0/rendered?width=16")
    small = cached.get("frames/0/rendered?width=8")
    assert (whole.ok, small.ok, whole.content != small.content) == (True, True, True)
    assert cached.get("preview").headers["Content-Type"] == "image/png"
    assert "X-Cache" not in cached.get("tags").headers


def test_the_cache_asks_with_the_token_of_each_request(tmp_path: Path) -> None:
    server, login = by_token(tmp_path)
    with server, recipe(tmp_path / "proxy", server) as nginx:
        instance = server.store_rest([image(7)])[0]["ID"]
        server.wait_indexed(lambda health: health["instances"] == 1, 10)
        path = f"/instances/{instance}/frames/0/numpy?rescale=false"
        ann = reading(nginx, login.token("ann", groups="radiology"))
        first = ann.get(path)
        assert (first.headers["X-Cache"], ann.get(path).headers["X-Cache"]) == ("MISS", "HIT")
        bob = reading(nginx, login.token("bob"))
        strangers = {
            "no token": ServerSession(nginx.url, None),
            "a wrong token": reading(nginx, "eyJ.eyJ.x"),
            "an expired token": reading(nginx, login.token("ann", groups="radiology", exp=1)),
            "a token without a role": bob,
            "the name of somebody who may, unsigned": reading(nginx, "ann"),
        }
        for why, session in strangers.items():
            answer = session.get(path)
            assert answer.status_code in (401, 403), why
            assert "X-Cache" not in answer.headers, why
            assert first.content not in answer.content, why
        grant = share(server, "C", "bob")
        assert bob.get(path).headers["X-Cache"] == "HIT"
        server.session.delete(f"/imaging/grants/{grant}").raise_for_status()
        assert {bob.get(path).status_code for _ in range(20)} == {403}
        assert ann.get(path).headers["X-Cache"] == "HIT"


def merged(cache: str, origins: str) -> str:
    """The cache in the server for other origins, as docs/other-origins.md says: with the lines that are not inherited."""
    lines = [line for line in origins.splitlines() if re.match(r" +(add_header|proxy_hide_header) ", line)]
    path, rest = cache.split("server {", 1)
    locations = rest.split("    location / {")[0].replace("    listen 8080;\n", "")
    inserted = "\n".join(line for line in lines if "Cache-Control" not in line)
    locations = locations.replace("        proxy_cache frames;", f"{inserted}\n        proxy_cache frames;")
    return path + origins.replace("    location / {", f"{locations}\n    location / {{", 1)


def test_the_cache_serves_pages_of_other_origins(tmp_path: Path) -> None:
    origin = "https://viewer.example.org"
    server, login = by_token(tmp_path)
    server.configuration["Longitudinal"]["AllowedOrigins"] = [origin]
    (cache,), (origins,) = recipes(ROOT / "docs" / "limits.md"), recipes(ROOT / "docs" / "other-origins.md")
    (port,), (certified, key) = free_ports(1), certificate(tmp_path, "127.0.0.1")
    text = replaced(
        merged(cache, origins), ("443 ssl", f"127.0.0.1:{port} ssl"), ("/etc/nginx/pacs.crt", str(certified)),
        ("/etc/nginx/pacs.key", str(key)), ("127.0.0.1:8042", f"127.0.0.1:{server.http_port}"),
        ("/var/cache/nginx/frames", str(tmp_path / "frames")),
    )  # fmt: skip
    with server, Nginx(tmp_path / "nginx", text, f"https://127.0.0.1:{port}") as nginx:
        instance = server.store_rest([image(7)])[0]["ID"]
        server.wait_indexed(lambda health: health["instances"] == 1, 10)
        path = f"/instances/{instance}/frames/0/numpy?rescale=false"
        with reading(nginx, login.token("ann", groups="radiology")) as ann:
            ann.verify = False
            for said in ("MISS", "HIT"):
                answer = ann.get(path, headers={"Origin": origin})
                assert (answer.status_code, answer.headers["X-Cache"]) == (200, said)
                assert answer.raw.headers.getlist("Access-Control-Allow-Origin") == [origin]
                assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
            other = ann.get(path, headers={"Origin": "https://evil.example"})
            assert [name for name in other.headers if name.lower().startswith("access-control-")] == []
            assert "Origin" in other.headers["Vary"]
            ann.headers["Authorization"] = "Bearer wrong"
            refused = ann.get(path, headers={"Origin": origin})
            assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (403, origin)
