"""A stored file is read where it lies only if it lies there unchanged."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fake_orthanc import FakeOrthanc

NAME = "12345678-0000-1111-2222-333344445555"
SIZE = 6


@pytest.fixture
def archive(fake_orthanc: FakeOrthanc, tmp_path: Path) -> Any:
    fake_orthanc.constant("ResourceType", SimpleNamespace(PATIENT=0, STUDY=1, SERIES=2, INSTANCE=3))
    fake_orthanc.constant("OrthancException", type("OrthancException", (Exception,), {}))
    # of the package that exists only inside Orthanc
    from longitudinal.host.orthanc_archive import OrthancArchive
    from longitudinal.host.plain_storage import PlainStorage

    return OrthancArchive(4000, PlainStorage(tmp_path))


@pytest.mark.parametrize(
    ("content", "compressed", "is_plain"),
    [(b"123456", SIZE, True), (b"123", SIZE, False), (b"1234567", SIZE, False), (None, SIZE, False), (b"1234", 4, False)],
    ids=["unchanged", "cut off", "of a storage that encrypts", "elsewhere", "compressed"],
)  # fmt: skip
def test_a_file_has_a_path_where_it_lies_unchanged(
    archive: Any, fake_orthanc: FakeOrthanc, tmp_path: Path, content: bytes | None, compressed: int, is_plain: bool
) -> None:  # fmt: skip
    path = tmp_path / "12" / "34" / NAME
    if content is not None:
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    said = {"Uuid": NAME, "CompressedSize": compressed, "UncompressedSize": SIZE}
    fake_orthanc.expect(
        "RestApiGet", "/instances/i/attachments/dicom/info", returns=json.dumps(said), times=2
    )
    found = archive.stored_file("i")
    (named,) = archive.listed_files(["i"])
    assert (named.size, named.path) == (SIZE, str(path) if compressed == SIZE else None)
    assert (found.size, found.path) == (SIZE, str(path) if is_plain else None)
    if is_plain:
        assert archive.has_file("i", found)
        path.unlink()
        assert not archive.has_file("i", found)
