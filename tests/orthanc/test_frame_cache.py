"""The recipe of docs/limits.md: frames from nginx's cache, and Orthanc asked each time whether this user may see them."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import requests

from tests import builders as build
from tests.data import ROOT
from tests.orthanc.nginx import Nginx, recipes
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
