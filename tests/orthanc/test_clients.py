"""What works with an Orthanc must go on to: every proxy of the documentation, other Orthancs, DICOMweb clients."""

import re
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
import requests
from dicomweb_client import DICOMwebClient

from tests.data import ROOT
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.nginx import Nginx, certificate, recipes
from tests.orthanc.server import OrthancServer, free_ports
from tests.orthanc.test_transforms import scan
from tests.orthanc.victim import CONFIGURATION, Victim, new_file

NAME = "pacs.example.org"
Recipe = Callable[[Path, OrthancServer], Nginx]


def https(folder: Path, server: OrthancServer) -> Nginx:
    """docs/install.md"""
    (text,) = [text for text in recipes(ROOT / "docs" / "install.md") if "ssl_certificate" in text]
    folder.mkdir()
    (port,), (certified, key) = free_ports(1), certificate(folder, NAME)
    text = _at(text, "443 ssl", f"127.0.0.1:{port} ssl", server)
    text = text.replace("/etc/nginx/pacs.crt", str(certified)).replace("/etc/nginx/pacs.key", str(key))
    return Nginx(folder / "nginx", text, f"https://127.0.0.1:{port}")


def under_a_path(folder: Path, server: OrthancServer) -> Nginx:
    """docs/ohif.md"""
    (text,) = recipes(ROOT / "docs" / "ohif.md")
    (port,) = free_ports(1)
    block = f"server {{ listen 127.0.0.1:{port}; {_at(text, '', '', server)} }}"
    return Nginx(folder / "nginx", block, f"http://127.0.0.1:{port}/pacs")


def cluster(folder: Path, server: OrthancServer) -> Nginx:
    """docker/nginx.conf"""
    text = (ROOT / "docker" / "nginx.conf").read_text()
    http = text[text.index("http {") + len("http {") : text.index("stream {")].rstrip().removesuffix("}")
    (port,) = free_ports(1)
    http = re.sub(r"server node-[ab]:8042", f"server 127.0.0.1:{server.http_port}", http, count=1)
    http = re.sub(r"server node-[ab]:8042.*", "", http)
    http = http.replace("access_log off;", "").replace("listen 8042;", f"listen 127.0.0.1:{port};")
    return Nginx(folder / "nginx", http, f"http://127.0.0.1:{port}")


def _at(text: str, listen: str, on: str, server: OrthancServer) -> str:
    assert "127.0.0.1:8042" in text
    return text.replace(listen, on).replace("127.0.0.1:8042", f"127.0.0.1:{server.http_port}")


@pytest.fixture(params=[https, under_a_path, cluster], ids=lambda recipe: recipe.__name__)
def proxied(
    request: pytest.FixtureRequest, tmp_path: Path, start_orthanc: StartOrthanc
) -> Iterator[tuple[Victim, Nginx]]:
    victim = Victim.on(start_orthanc(configuration=CONFIGURATION))
    recipe: Recipe = request.param
    with recipe(tmp_path / "proxy", victim.server) as nginx:
        yield victim, nginx


def visitor(server: OrthancServer, nginx: Nginx, origin: str = "") -> requests.Session:
    """What a browser that is logged in sends to the proxy by a name, from a page of the proxy's or of `origin`."""
    session = requests.Session()
    session.trust_env, session.verify, session.auth = False, False, (server.user, server.password)
    scheme, _, place = nginx.url.partition("://")
    host = f"{NAME}:{place.partition('/')[0].rpartition(':')[2]}"
    session.headers.update(
        {
            "Host": host,
            "Origin": origin or f"{scheme}://{host}",
            "User-Agent": "Mozilla/5.0",
            "Accept-Language": "en",
        }
    )
    return session


def test_through_every_proxy_of_the_documentation(proxied: tuple[Victim, Nginx]) -> None:
    victim, nginx = proxied
    pages = visitor(victim.server, nginx)
    for path in ("/imaging/health", "/ohif/", "/app/explorer.html", "/dicom-web/studies"):
        assert pages.get(nginx.url + path).status_code == 200, path
    review = f"{nginx.url}/imaging/transforms/{victim.transform}/review"
    assert pages.post(review, json={"decision": "accepted"}).json()["review"]["by"] == victim.server.user
    sent = pages.put(f"{nginx.url}/imaging/uploads", files={"f": new_file(2)})
    assert sent.json()["stored"] == 1, sent.text
    assert pages.post(f"{nginx.url}/instances", data=new_file(3)).json()["Status"] == "Success"
    assert pages.delete(f"{nginx.url}/studies/{victim.study}").status_code == 200
    stranger = visitor(victim.server, nginx, origin="https://evil.example")
    before = victim.state()
    assert stranger.post(review, json={"decision": "rejected"}).status_code == 403
    assert stranger.post(f"{nginx.url}/instances", data=new_file(4)).status_code == 403
    assert victim.state() == before


def test_bodies_and_pages_have_an_end_and_cannot_be_framed(proxied: tuple[Victim, Nginx]) -> None:
    victim, nginx = proxied
    pages = visitor(victim.server, nginx)
    huge = {"Content-Length": str(8_000_000_000)}
    answer = pages.send(_prepared(pages, nginx, huge))
    assert answer.status_code == 413
    if "pacs/" not in nginx.url + "/":
        explorer = pages.get(f"{nginx.url}/app/explorer.html")
        assert "frame-ancestors" in explorer.headers["Content-Security-Policy"]
        assert explorer.headers["X-Content-Type-Options"] == "nosniff"


def _prepared(session: requests.Session, nginx: Nginx, headers: dict[str, str]) -> requests.PreparedRequest:
    request = session.prepare_request(requests.Request("POST", f"{nginx.url}/instances", data=b"x"))
    request.headers.update(headers)
    return request


@pytest.mark.parametrize("authentication", [True, False])
def test_another_orthanc_sends_as_a_peer(start_orthanc: StartOrthanc, authentication: bool) -> None:
    receiver = start_orthanc(authentication=authentication)
    peer = {
        "Url": f"http://localhost:{receiver.http_port}/",
        "Username": receiver.user,
        "Password": receiver.password,
    }
    sender = start_orthanc(plugin=False, configuration={"OrthancPeers": {"receiver": peer}})
    stored = sender.store_rest(scan("1.2.3.100", 2020))
    sender.session.post("/peers/receiver/store", json=[each["ID"] for each in stored]).raise_for_status()
    receiver.wait_indexed(lambda health: health["instances"] == len(stored))


def test_dicomweb_client_searches_fetches_and_stores(server: OrthancServer) -> None:
    session = requests.Session()
    session.trust_env, session.auth = False, (server.user, server.password)
    client = DICOMwebClient(f"{server.url}/dicom-web", session=session)
    images = [pydicom.dcmread(BytesIO(file)) for file in scan("1.2.3.100", 2020)]
    client.store_instances(images)
    server.wait_indexed(lambda health: health["instances"] == len(images))
    (study,) = client.search_for_studies()
    fetched = client.retrieve_series(images[0].StudyInstanceUID, images[0].SeriesInstanceUID)
    assert study["0020000D"]["Value"] == [images[0].StudyInstanceUID]
    assert {each.SOPInstanceUID for each in fetched} == {each.SOPInstanceUID for each in images}
