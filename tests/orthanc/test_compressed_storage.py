"""Compressed files are indexed and answered as others are."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.data import ROOT, dicom_files
from tests.orthanc.server import OrthancServer

# As docs/limits.md has it: without it GDCM transcodes, and Orthanc may end.
RESTRICTED = re.search(
    r'"Gdcm": .*("RestrictTransferSyntaxes": \[.*\]) }', (ROOT / "docs" / "limits.md").read_text()
)
assert RESTRICTED
GDCM = {"Gdcm": json.loads(f"{{{RESTRICTED[1]}}}")}


def answers(folder: Path, way: dict[str, Any]) -> tuple[list[dict[str, Any]], bytes]:
    """The matches of a point, and the pixels of a frame, of a server with a configuration."""
    files = dicom_files("openms_dicom/patient01")[:12]
    with OrthancServer(folder, configuration={**way, "Longitudinal": {"AlignOnArrival": False}}) as server:
        stored = server.store_rest(files)
        server.wait_indexed(lambda health: health["instances"] == len(files), 20)
        instance = f"/instances/{stored[5]['ID']}"
        if syntax := way.get("IngestTranscoding"):
            assert server.session.get(f"{instance}/metadata/TransferSyntax").text == syntax
        tags = server.session.get(f"{instance}/simplified-tags").json()
        question = {"sopInstanceUid": tags["SOPInstanceUID"], "row": 90.5, "column": 80.25}
        matches = server.session.post("/imaging/points/resolve", json=question).json()["matches"]
        stacks = server.session.get(f"/imaging/series/{tags['SeriesInstanceUID']}/stacks").json()
        pixels = server.session.get(stacks["stacks"][0]["planes"][0]["links"]["pixels"])
        assert (pixels.ok, len(matches) >= 1) == (True, True)
        return matches, pixels.content


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], bytes]:
    """Of files that are stored as they come."""
    return answers(tmp_path_factory.mktemp("plain"), {})


@pytest.mark.parametrize(
    "way",
    [
        {"StorageCompression": True},
        {"IngestTranscoding": "1.2.840.10008.1.2.4.70", **GDCM},
        {"IngestTranscoding": "1.2.840.10008.1.2.4.80", **GDCM},
    ],
    ids=["zlib", "JPEG lossless", "JPEG-LS"],
)
def test_answers_are_the_same_where_orthanc_compresses_what_it_stores(
    plain: tuple[list[dict[str, Any]], bytes], tmp_path: Path, way: dict[str, Any]
) -> None:
    assert answers(tmp_path, way) == plain
