"""Real Orthanc servers as fixtures; the report of a failed test ends with their logs."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.orthanc.server import OrthancServer

StartOrthanc = Callable[..., OrthancServer]


@pytest.fixture
def start_orthanc(tmp_path: Path) -> Iterator[StartOrthanc]:
    """Start servers with the arguments of OrthancServer (but the folder); all are stopped after the test."""
    with ExitStack() as servers:
        count = 0

        def start(**options: Any) -> OrthancServer:
            nonlocal count
            count += 1
            return servers.enter_context(OrthancServer(tmp_path / f"orthanc{count}", **options))

        yield start


@pytest.fixture
def server(start_orthanc: StartOrthanc) -> OrthancServer:
    """Run the plugin in an empty server of this test's own."""
    return start_orthanc()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """Run the plugin in one server for all tests that only add to it and look at what they added.

    It adds nothing of its own: an alignment of what one test stored would change what another one counts.
    """
    configuration = {"Longitudinal": {"AlignOnArrival": False}}
    with OrthancServer(tmp_path_factory.mktemp("shared"), configuration=configuration) as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the end of each running server's log to the report of a test that failed."""
    report = yield
    if report.failed:
        report.sections += [
            (f"Orthanc at {server.url}", server.log_tail()) for server in OrthancServer.running
        ]
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave nothing running, and fail the run when something was."""
    for server in list(OrthancServer.running):
        server.kill()
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
