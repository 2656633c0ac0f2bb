"""What a start of Orthanc imports: a library that few requests need is imported by the first one that does."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]
_NOT_AT_START = {
    "PIL",
    "click",
    "email",
    "http.client",
    "pydicom",
    "requests",
    "sqlite_utils",
    "ssl",
    "subprocess",
    "xml",
    "zipfile",
}
_IMPORT_HOST = """
import sys
from types import SimpleNamespace
from tests.fake_orthanc import installed
with installed() as orthanc:
    orthanc.constant("ResourceType", SimpleNamespace(PATIENT=0, STUDY=1, SERIES=2, INSTANCE=3))
    import longitudinal.host
    print(*sys.modules)
"""


def test_libraries_that_few_requests_need_are_not_imported() -> None:
    path = f"{_ROOT / 'plugin'}:{_ROOT}"
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_HOST],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "longitudinal.host.composition" in loaded
    assert not loaded & _NOT_AT_START
