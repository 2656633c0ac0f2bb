"""Where the real images for tests are: the variable LONGITUDINAL_TEST_DATA, else `../shared/data`.

A test without its data is skipped loudly (the summary at the end says how many), and fails where CI=true.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VARIABLE = "LONGITUDINAL_TEST_DATA"
MISSING = "no test data at"
"""How every reason for such a skip begins; the summary counts by it."""


def data_root() -> Path:
    """Return the folder with all the data, whether it exists or not."""
    return Path(os.environ.get(VARIABLE) or ROOT.parent / "shared" / "data").resolve()


def data(name: str) -> Path:
    """Return the file or folder `name`, such as "openms_dicom/patient01"; skip the test without it."""
    path = data_root() / name
    if path.exists():
        return path
    reason = f"{MISSING} {path} (set {VARIABLE})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)  # the data is not part of the project; the summary names every such skip


def dicom_files(name: str) -> list[Path]:
    """Return every DICOM file in the folder `name`, at any depth, sorted; told by the "DICM" prefix."""
    return [path for path in sorted(data(name).rglob("*")) if path.is_file() and is_dicom(path)]


def is_dicom(path: Path) -> bool:
    """Tell whether `path` begins as PS3.10 says: 128 bytes of preamble, then "DICM"."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
