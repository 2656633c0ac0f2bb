"""What Orthanc's start imports: the rest comes when it is needed."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
IMPORTED = """
import json, sys
from types import SimpleNamespace
from tests.fake_orthanc import installed

with installed() as fake:
    levels = {"PATIENT": 0, "STUDY": 1, "SERIES": 2, "INSTANCE": 3}
    fake.constant("ResourceType", SimpleNamespace(**levels))
    import longitudinal.host
    before = {name.partition(".")[0] for name in sys.modules}
    from longitudinal.dicom.tags import read_file_tags
    read_file_tags(b"")
print(json.dumps([sorted(before), "pydicom" in sys.modules]))
"""


def test_the_plugin_starts_without_what_reads_files_and_pictures() -> None:
    run = subprocess.run(
        [sys.executable, "-c", IMPORTED], cwd=ROOT, env={"PYTHONPATH": f"{ROOT / 'plugin'}:{ROOT}"}, timeout=60,
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    imported, is_there_when_needed = json.loads(run.stdout)
    assert "longitudinal" in imported
    assert not {"pydicom", "highdicom", "SimpleITK", "scipy", "PIL"} & set(imported)
    assert is_there_when_needed
