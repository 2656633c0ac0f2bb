"""Figures handed to Orthanc, and servers that cannot take them."""

import logging
import threading
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from longitudinal.errors import SidecarUnavailable
from tests.fake_orthanc import FakeOrthanc


def is_running() -> bool:
    return any(thread.name == "longitudinal-metrics" for thread in threading.enumerate())


def host_of(fake: FakeOrthanc, sources: Mapping[str, Any]) -> Any:
    names = ("PATIENT", "STUDY", "SERIES", "INSTANCE")
    fake.constant("ResourceType", SimpleNamespace(**{name: name for name in names}))
    from longitudinal.host.metrics import MetricsHost

    return MetricsHost(sources)


def announce(fake: FakeOrthanc) -> list[tuple[str, float, Any]]:
    """What Orthanc is given, in order."""
    taken: list[tuple[str, float, Any]] = []
    fake.constant("MetricsType", SimpleNamespace(DEFAULT="default"))
    fake.constant("SetMetricsValue", lambda name, value, kind: taken.append((name, value, kind)))
    return taken


def test_nothing_runs_where_orthanc_takes_no_metrics(fake_orthanc: FakeOrthanc) -> None:
    fake_orthanc.absent("SetMetricsValue")
    fake_orthanc.absent("MetricsType")
    host = host_of(fake_orthanc, {"a": lambda: {"x": 1}})
    host.start()
    assert not is_running()
    host.stop()


def test_a_source_that_fails_does_not_hide_the_others_and_what_vanishes_is_0(
    fake_orthanc: FakeOrthanc,
) -> None:
    taken = announce(fake_orthanc)
    jobs: dict[str, float] = {"jobs_index_queued": 3}

    def broken() -> Mapping[str, float]:
        raise OSError("the disk is gone")

    sources: dict[str, Any] = {"jobs": lambda: jobs, "disk": broken}
    host = host_of(fake_orthanc, sources)
    host._show()
    assert ("longitudinal_jobs_index_queued", 3.0, "default") in taken
    jobs.clear()
    host._show()  # something fails: nobody knows what has vanished
    assert ("longitudinal_jobs_index_queued", 0.0, "default") not in taken
    sources["disk"] = dict
    host._show()
    assert ("longitudinal_jobs_index_queued", 0.0, "default") in taken


def test_the_thread_ends_at_once(fake_orthanc: FakeOrthanc) -> None:
    announce(fake_orthanc)
    host = host_of(fake_orthanc, {"a": lambda: {"x": 1}})
    host.start()
    assert is_running()
    host.stop()
    assert not is_running()


def test_that_the_sidecar_fails_is_said_once_by_the_sidecar(
    fake_orthanc: FakeOrthanc, caplog: pytest.LogCaptureFixture
) -> None:
    announce(fake_orthanc)

    def failing() -> Mapping[str, float]:
        raise SidecarUnavailable("database or disk is full")

    def broken() -> Mapping[str, float]:
        raise OSError("the disk is gone")

    host = host_of(fake_orthanc, {"jobs": failing, "disk": broken})
    host._show()
    host._show()
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == ["Metrics of disk are missing: the disk is gone"]
