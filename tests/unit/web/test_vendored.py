"""What is vendored for the pages is what its makers published, and has its licences beside it."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from tests.data import ROOT

WEB = ROOT / "plugin" / "longitudinal" / "web"
VENDOR = WEB / "shared" / "vendor"


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in VENDOR.rglob("CHECKSUMS")), ids=lambda p: p.name
)
def test_each_file_has_the_checksum_that_is_written_beside_it(folder: Path) -> None:
    written = dict(line.split()[::-1] for line in (folder / "CHECKSUMS").read_text().splitlines())
    there = {path.name for path in folder.iterdir()} - {"CHECKSUMS", "README.md", "standalone.module.d.ts"}
    assert set(written) == there
    for name, checksum in written.items():
        assert sha256((folder / name).read_bytes()).hexdigest() == checksum, name
    assert any("LICENSE" in name for name in there)


def test_every_folder_has_checksums() -> None:
    folders = [path for path in VENDOR.iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        assert (folder / "CHECKSUMS").exists(), folder
        assert folder.name in (ROOT / "THIRD_PARTY.md").read_text()


def test_no_module_of_ours_makes_markup_of_text_or_is_too_long() -> None:
    ours = [path for path in WEB.rglob("*.js") if VENDOR not in path.parents and path.name != "explorer.js"]
    assert ours
    for path in ours:
        text = path.read_text()
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(", text), path
        assert text.startswith("// @ts-check\n"), path
        assert len(text.splitlines()) < 300 or path.name == "words.js", path
