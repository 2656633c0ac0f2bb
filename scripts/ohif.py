"""Fetches OHIF's built app from npm, checks it, patches and compresses it once: a part of `make setup`.

    scripts/ohif.py             fetch and unpack into .ohif/app, unless it is there
    scripts/ohif.py --check     only check whether it is there (exit status 1 if not)

OHIF_TARBALL=file.tgz uses a file on this machine, for a machine without a network.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "plugin"))

from longitudinal.ohif.app import is_current, unpack  # noqa: E402

PACKAGE = "@ohif/app"
VERSION = "3.13.2"
INTEGRITY = "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
"""In npm's notation (Subresource Integrity); a file with another one is refused."""

FOLDER = ROOT / ".ohif"
APP = FOLDER / "app"
FETCH_SECONDS = 900


def integrity(file: Path) -> str:
    """Return the integrity of a file in npm's notation."""
    with file.open("rb") as opened:
        return "sha512-" + base64.b64encode(hashlib.file_digest(opened, "sha512").digest()).decode()


def fetch(folder: Path) -> Path:
    """Return the package's tarball: the one named by OHIF_TARBALL, otherwise fetched by npm into `folder`."""
    given = os.environ.get("OHIF_TARBALL")
    if given:
        return Path(given)
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is missing, which fetches it (Debian: apt-get install npm)")
    command = [
        npm,
        "pack",
        f"{PACKAGE}@{VERSION}",
        "--ignore-scripts",
        "--silent",
        "--pack-destination",
        folder,
    ]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=FETCH_SECONDS)
    tarballs = list(folder.glob("*.tgz"))
    if ended.returncode != 0 or not tarballs:
        sys.exit(f"npm could not fetch {PACKAGE} {VERSION}: {ended.stderr.strip() or ended.stdout.strip()}")
    return tarballs[0]


def main() -> None:
    """Fetch, check, unpack; report patches that matched nothing."""
    if is_current(APP, VERSION):
        return
    if "--check" in sys.argv:
        sys.exit(1)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as temporary:
        folder = Path(temporary)
        print(f"make setup: fetching OHIF {VERSION} (50 MB) from npm into {FOLDER.name}/", flush=True)
        tarball = fetch(folder)
        if integrity(tarball) != INTEGRITY:
            sys.exit(
                f"{tarball.name} is not {PACKAGE} {VERSION} as pinned: its integrity is {integrity(tarball)}"
            )
        with tarfile.open(tarball) as archive:
            archive.extractall(folder)  # pinned content; Debian 12's Python has no extraction filters
        table = unpack(folder / "package" / "dist", APP, VERSION)
        shutil.copy(folder / "package" / "LICENSE", FOLDER / "LICENSE")
    for name in table.unmatched:
        print(f"make setup: WARNING: this OHIF patch matched nothing: {name}", file=sys.stderr)


if __name__ == "__main__":
    main()
