"""Missing data is never silent: a skip with a reason here, a failure where CI=true."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.data import ROOT, VARIABLE, data, data_root


def test_the_default_is_beside_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert data_root() == (ROOT.parent / "shared" / "data").resolve()


def test_present_data_is_a_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / "some").mkdir()
    assert data("some") == tmp_path / "some"


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)], ids=["here", "CI"]
)
def test_missing_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=f"no test data at {tmp_path}/absent"):
        data("absent")


def test_the_summary_counts_the_skips(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setenv("CI", "")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "by_all_three_ways"]
    ended = subprocess.run(
        [*command, "tests/orthanc/test_server_harness.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"1 test skipped: no test data at {tmp_path}/openms_dicom/patient01" in ended.stdout
