"""What all tests share: the fake `orthanc`, and a loud word about tests that found no data."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data import MISSING
from tests.fake_orthanc import FakeOrthanc, installed


@pytest.fixture
def fake_orthanc() -> Iterator[FakeOrthanc]:
    """Stand in for `import orthanc` during one test; verified at its end."""
    with installed() as fake:
        yield fake


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Look for doctests in the plugin only: here some files are scripts that run inside Orthanc."""
    return True if collection_path.suffix == ".py" and not collection_path.match("test_*.py") else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped for want of data, and where it was looked for."""
    reasons = [str(report.longrepr[2]) for report in terminalreporter.getreports("skipped")]
    missing = [reason[reason.index(MISSING) :] for reason in reasons if MISSING in reason]
    if missing:
        terminalreporter.section("no test data", red=True, bold=True)
        tests = "1 test" if len(missing) == 1 else f"{len(missing)} tests"
        terminalreporter.write_line(f"{tests} skipped: {missing[0]}", red=True, bold=True)
