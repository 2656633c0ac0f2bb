"""Fetching OHIF: only the pinned file is unpacked, once, and a failure leaves what was there."""

import tarfile
from pathlib import Path

import ohif
import pytest

from longitudinal.ohif.app import read_table

INDEX = b'<script>window.PUBLIC_URL="/"</script>'


@pytest.fixture
def tarball(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in npm's layout, pinned, with the target in a folder of this test."""
    package = tmp_path / "package"
    (package / "dist").mkdir(parents=True)
    (package / "dist" / "index.html").write_bytes(INDEX)
    (package / "LICENSE").write_text("MIT")
    file = tmp_path / "app.tgz"
    with tarfile.open(file, "w:gz") as archive:
        archive.add(package, "package")
    monkeypatch.setenv("OHIF_TARBALL", str(file))
    monkeypatch.setattr(ohif, "INTEGRITIES", {ohif.VERSION: ohif.integrity(file)})
    monkeypatch.setattr(ohif, "FOLDER", tmp_path / ".ohif")
    monkeypatch.setattr(ohif, "APP", tmp_path / ".ohif" / "app")
    monkeypatch.setattr("sys.argv", ["ohif.py"])
    return file


def test_the_integrity_is_written_as_npm_writes_it(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    # printf '' | openssl dgst -sha512 -binary | base64
    expected = "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="
    assert ohif.integrity(tmp_path / "empty") == f"sha512-{expected}"


def test_the_pinned_package_is_unpacked_once(
    tarball: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ohif.main()
    assert read_table(tmp_path / ".ohif" / "app").version == ohif.VERSION
    assert (tmp_path / ".ohif" / "LICENSE").read_text() == "MIT"
    printed = capsys.readouterr()
    assert "this OHIF patch matched nothing: public path of the bundles" in printed.err
    tarball.unlink()
    ohif.main()  # needs nothing any more
    assert capsys.readouterr() == ("", "")


def test_another_file_is_refused_and_nothing_changes(
    tarball: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ohif, "INTEGRITIES", {ohif.VERSION: "sha512-other"})
    with pytest.raises(SystemExit, match=f"{tarball.name} is not @ohif/app"):
        ohif.main()
    assert list((tmp_path / ".ohif").iterdir()) == []


def test_check_only_tells(tarball: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tarball.exists()
    monkeypatch.setattr("sys.argv", ["ohif.py", "--check"])
    with pytest.raises(SystemExit) as ended:
        ohif.main()
    assert ended.value.code == 1
    assert not (tmp_path / ".ohif").exists()


def test_without_npm_it_says_how_to_get_it(tarball: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tarball.exists()
    monkeypatch.delenv("OHIF_TARBALL")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="npm is missing"):
        ohif.main()
