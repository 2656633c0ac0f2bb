"""What `OrthancArchive.state` rests on: two moments with one state have the same instances."""

import random

from tests.data import dicom_files
from tests.orthanc.server import OrthancServer


def test_one_state_means_one_content(server: OrthancServer) -> None:
    """Stores, re-sends and deletes at random: the log's last number falls and rises, and never lies."""
    contents: dict[tuple[int, int], set[str]] = {}
    files = dicom_files("openms_dicom/patient01")[:6]
    choose = random.Random(1)
    for _ in range(60):
        stored = server.session.get("/instances").json()
        if stored and choose.random() < 0.5:
            server.session.delete(f"/instances/{choose.choice(stored)}").raise_for_status()
        else:
            server.store_rest([choose.choice(files)])
        last = server.session.get("/changes", params={"last": ""}).json()["Last"]
        count = server.session.get("/statistics").json()["CountInstances"]
        content = set(server.session.get("/instances").json())
        if last:  # with an empty log nothing is concluded
            assert contents.setdefault((last, count), content) == content
    assert len(contents) > 10
