"""Fetches OHIF's built app from npm, checks it, patches and compresses it once: a part of `make setup`.

    scripts/ohif.py             fetch and unpack into .ohif/app, unless it is there
    scripts/ohif.py --check     only check whether it is there (exit status 1 if not)
    scripts/ohif.py 3.12.10     fetch an older version that the extension is tested with, into .ohif/3.12.10

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
INTEGRITIES = {
    "3.13.2": "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==",
    "3.12.10": "sha512-0kuF66Mq9c9dMD++bUsTjMrJpXJwaZhz9B4uS244DawAjSkTwIYFU93pxPuRUQixaRi7QAHlF3Fe1qudBlZrmA==",
}
"""The newest 3.13 and 3.12 of npm, in its notation (Subresource Integrity); a file with another one is refused."""

FOLDER = ROOT / ".ohif"
APP = FOLDER / "app"
"""Of `VERSION`; others are beside it, by their version."""
FETCH_SECONDS = 900


def integrity(file: Path) -> str:
    """Return the integrity of a file in npm's notation."""
    with file.open("rb") as opened:
        return "sha512-" + base64.b64encode(hashlib.file_digest(opened, "sha512").digest()).decode()


def app_of(version: str) -> Path:
    """Where a version is unpacked."""
    return APP if version == VERSION else FOLDER / version


def fetch(folder: Path, version: str = VERSION) -> Path:
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
        f"{PACKAGE}@{version}",
        "--ignore-scripts",
        "--silent",
        "--pack-destination",
        folder,
    ]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=FETCH_SECONDS)
    tarballs = list(folder.glob("*.tgz"))
    if ended.returncode != 0 or not tarballs:
        sys.exit(f"npm could not fetch {PACKAGE} {version}: {ended.stderr.strip() or ended.stdout.strip()}")
    return tarballs[0]


def install(version: str) -> None:
    """Fetch, check, unpack; report patches that matched nothing."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as temporary:
        folder = Path(temporary)
        print(f"make setup: fetching OHIF {version} (50 MB) from npm into {FOLDER.name}/", flush=True)
        tarball = fetch(folder, version)
        if integrity(tarball) != INTEGRITIES[version]:
            sys.exit(
                f"{tarball.name} is not {PACKAGE} {version} as pinned: its integrity is {integrity(tarball)}"
            )
        with tarfile.open(tarball) as archive:
            archive.extractall(folder)  # pinned content; Debian 12's Python has no extraction filters
        table = unpack(folder / "package" / "dist", app_of(version), version)
        shutil.copy(folder / "package" / "LICENSE", FOLDER / "LICENSE")
    for name in table.unmatched:
        print(f"make setup: WARNING: this OHIF patch matched nothing: {name}", file=sys.stderr)


def main() -> None:
    """Install what is asked for, unless it is there."""
    asked = [argument for argument in sys.argv[1:] if argument != "--check"]
    version = asked[0] if asked else VERSION
    if version not in INTEGRITIES:
        sys.exit(f"OHIF {version} is not pinned; pinned versions: {', '.join(INTEGRITIES)}")
    if is_current(app_of(version), version):
        return
    if "--check" in sys.argv:
        sys.exit(1)
    FOLDER.mkdir(exist_ok=True)
    install(version)


if __name__ == "__main__":
    main()
