"""Figures of the plugin among Orthanc's own metrics: GET /tools/metrics-prometheus."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import orthanc

from longitudinal.errors import SidecarUnavailable
from longitudinal.http.measures import Measures
from longitudinal.http.route_table import Services
from longitudinal.sidecar.tables.facts import read_counts
from longitudinal.sidecar.tables.jobs import JobState, counts_by_kind

LOGGER = logging.getLogger(__name__)

PREFIX = "longitudinal_"
_SECONDS = 5.0

Source = Callable[[], Mapping[str, float]]


class MetricsHost:
    """A thread that hands figures to Orthanc every five seconds; nothing where this Orthanc cannot take them.

    Parameters
    ----------
    sources
        Each gives some figures by name, in a few milliseconds. One that fails is left out until it works again.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._set = getattr(orthanc, "SetMetricsValue", None)
        self._kind = getattr(getattr(orthanc, "MetricsType", None), "DEFAULT", None)
        self._failing: set[str] = set()
        self._shown: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="longitudinal-metrics", daemon=True)

    def start(self) -> None:
        """Start the thread; nothing waits for it."""
        if self._set is None or self._kind is None:
            LOGGER.warning("This Orthanc takes no metrics of plugins")
            return
        self._thread.start()

    def stop(self) -> None:
        """End the thread and join it."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._show()
            self._ended.wait(_SECONDS)

    def _show(self) -> None:
        shown: dict[str, float] = {}
        for name, source in self._sources.items():
            try:
                shown.update(source())
                self._failing.discard(name)
            except Exception as error:  # what is watched may be what is broken
                if name not in self._failing:
                    # that the sidecar fails is in the log already, once
                    level = logging.DEBUG if isinstance(error, SidecarUnavailable) else logging.WARNING
                    LOGGER.log(level, "Metrics of %s are missing: %s", name, error)
                    self._failing.add(name)
        # Orthanc keeps the last value of each: what is not there any more, such as jobs of a state, is 0.
        for name in self._shown - shown.keys() if not self._failing else ():
            shown[name] = 0.0
        self._shown |= shown.keys()
        shown["metrics_cpu_seconds_sum"] = time.thread_time()
        for name, value in shown.items():
            self._set(f"{PREFIX}{name}", float(value), self._kind)  # type: ignore[misc]


# Counted from the start as 0, for alerts.
_FROM_THE_START = (
    "stores_total", "requests_total", "requests_client_errors_total", "requests_server_errors_total", "requests_busy_total",
    "requests_refused_total", "requests_limited_total", "filter_refusals_total", "upload_files_stored_total",
    "upload_files_already_stored_total", "upload_files_refused_total", "upload_bytes_total",
    "resolve_requests_total", "resolve_seconds_sum", "render_requests_total", "render_seconds_sum",
)  # fmt: skip
_KINDS = ("index", "align", "refine", "recheck", "measure", "reslice")


def metrics_of(of: Services, measures: Measures) -> dict[str, Source]:
    """The figures of the plugin, by where they come from."""
    measures.declare(*_FROM_THE_START)

    def index() -> Mapping[str, float]:
        counts, lag = read_counts(of.readers.connection()), of.completeness.lag
        return {
            "index_instances": counts.get("instances", 0),
            "index_not_indexable": counts.get("notIndexable", 0),
            "cursor_lag": -1 if lag is None else lag,
            "reconciled_total": of.completeness.passes,
        }

    def jobs() -> Mapping[str, float]:
        found = {f"jobs_{kind}_{state}": 0.0 for kind in _KINDS for state in JobState}
        for kind, state, count in counts_by_kind(of.readers.connection()):
            found[f"jobs_{_plain(kind)}_{state}"] = count
        return found

    def memory() -> Mapping[str, float]:
        fault = of.writer.health.fault
        return {
            "writer_queue": of.writer.backlog,
            "writer_lost_total": of.writer.health.lost,
            "sidecar_failing": fault is not None,
            "signing_failing": of.statements.problem is not None,
            "audit_failing": of.audit is not None and of.audit.problem is not None,
            "audit_events_total": 0 if of.audit is None else of.audit.written,
            "patients_cache_hits_total": of.catalogue.hits,
            "patients_cache_misses_total": of.catalogue.misses,
            "stacks_cache_hits_total": of.stack_reader.hits,
            "stacks_cache_misses_total": of.stack_reader.misses,
            "stacks_cache_bytes": of.stack_reader.kept_bytes,
        }

    disk = disk_source(of.readers.path)
    return {"requests": measures.take, "index": index, "jobs": jobs, "memory": memory, "disk": disk}


def _plain(kind: str) -> str:
    """A name as Orthanc takes it."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in kind)


def disk_source(path: Path) -> Source:
    """The size of the index file, and what is free where it lies."""

    def source() -> Mapping[str, float]:
        files = (path, path.with_name(f"{path.name}-wal"))
        space = os.statvfs(path.parent)
        return {
            "sidecar_bytes": sum(file.stat().st_size for file in files if file.exists()),
            "sidecar_disk_free_bytes": space.f_bavail * space.f_frsize,
        }

    return source
