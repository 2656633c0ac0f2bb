"""Calls over loopback reach Orthanc where it listens, and not only at 127.0.0.1."""

from pathlib import Path

import pytest
import requests

from tests.orthanc.server import OrthancServer
from tests.orthanc.test_transforms import FIRST, SECOND, fill, give_matrix, listed, scan, turned

ADDRESS = "127.0.0.2"
BINDS = (1, 12, 10)
"""Before this version Orthanc listens everywhere, whatever HttpBindAddresses says."""


def test_what_is_stored_over_loopback_goes_to_the_address_that_orthanc_listens_on(tmp_path: Path) -> None:
    server = OrthancServer(tmp_path / "orthanc", configuration={"HttpBindAddresses": [ADDRESS]})
    elsewhere = server.session
    server.url = f"http://{ADDRESS}:{server.http_port}"
    server.session = server.new_session()
    with server:
        version = tuple(map(int, server.session.get("/system").json()["Version"].split(".")))
        if version >= BINDS:
            with pytest.raises(requests.ConnectionError):
                elsewhere.get("/system")
        fill(server, scan(FIRST, 2020), scan(SECOND, 2021))
        made = give_matrix(server, turned(), expectedErrorMm=1.0)
        answer = server.session.post(
            f"/imaging/transforms/{made['id']}/review", json={"decision": "accepted"}
        )
        assert answer.status_code == 200, answer.text
        (stored,) = listed(server)
        assert (stored["review"]["decision"], stored["unsigned"]) == ("accepted", [])
        elsewhere.close()
