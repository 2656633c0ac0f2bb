"""Files tell of instances where Orthanc alone keeps both, and not before they may be believed."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fake_orthanc import FakeOrthanc

NAME = "12345678-0000-1111-2222-333344445555"


@pytest.fixture
def storage(fake_orthanc: FakeOrthanc, tmp_path: Path) -> Any:
    fake_orthanc.constant("ResourceType", SimpleNamespace(PATIENT=0, STUDY=1, SERIES=2, INSTANCE=3))
    from longitudinal.host.plain_storage import PlainStorage  # of the package that exists only inside Orthanc

    made = PlainStorage(tmp_path)
    path = Path(made.path(NAME))
    assert path == tmp_path / "12" / "34" / NAME
    path.parent.mkdir(parents=True)
    path.touch()
    return made


def test_a_file_counts_once_files_are_trusted_and_as_long_as_it_is_there(
    storage: Any, fake_orthanc: FakeOrthanc
) -> None:
    assert not storage.holds(NAME)
    fake_orthanc.expect(
        "RestApiGet",
        "/system",
        returns=json.dumps({"DatabaseBackendPlugin": None, "StorageAreaPlugin": None}),
    )
    storage.trust()
    assert storage.holds(NAME)
    Path(storage.path(NAME)).unlink()
    assert not storage.holds(NAME)


def test_another_folder_in_its_place_has_its_own_files(
    storage: Any, fake_orthanc: FakeOrthanc, tmp_path: Path
) -> None:
    system = {"DatabaseBackendPlugin": None, "StorageAreaPlugin": None}
    fake_orthanc.expect("RestApiGet", "/system", returns=json.dumps(system))
    storage.trust()
    assert storage.holds_all([NAME, NAME])
    tmp_path.rename(tmp_path.with_name("moved"))
    assert not storage.holds(NAME)
    tmp_path.mkdir()
    assert not storage.holds(NAME)
    Path(storage.path(NAME)).parent.mkdir(parents=True)
    Path(storage.path(NAME)).touch()
    assert storage.holds(NAME)


@pytest.mark.parametrize(
    "system",
    [
        {"DatabaseBackendPlugin": "/usr/share/libOrthancPostgreSQLIndex.so", "StorageAreaPlugin": None},
        {"DatabaseBackendPlugin": None, "StorageAreaPlugin": "/usr/share/libDelayedDeletion.so"},
        {"DatabaseBackendPlugin": None},
        {},
    ],
)
def test_where_a_plugin_keeps_either_orthanc_is_asked(
    storage: Any, fake_orthanc: FakeOrthanc, system: dict[str, Any]
) -> None:
    fake_orthanc.expect("RestApiGet", "/system", returns=json.dumps(system))
    storage.trust()
    assert not storage.holds(NAME)


def test_the_file_that_is_there_is_the_version_and_orthanc_is_asked_for_any_other(
    storage: Any, fake_orthanc: FakeOrthanc
) -> None:
    from longitudinal.host.orthanc_archive import OrthancArchive

    archive = OrthancArchive(4000, storage)
    fake_orthanc.expect(
        "RestApiGet",
        "/system",
        returns=json.dumps({"DatabaseBackendPlugin": None, "StorageAreaPlugin": None}),
    )
    storage.trust()
    assert archive.version("an-instance", NAME) == NAME
    Path(storage.path(NAME)).unlink()  # overwritten
    now = {"Uuid": "another-file", "CompressedSize": 1, "UncompressedSize": 1}
    fake_orthanc.expect(
        "RestApiGet", "/instances/an-instance/attachments/dicom/info", returns=json.dumps(now)
    )
    assert archive.version("an-instance", NAME) == "another-file"
