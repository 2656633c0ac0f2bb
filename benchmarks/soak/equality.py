"""Whether the index equals the archive: what is missing from it, and what it has too much."""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.orthanc.server import OrthancServer

POLL_SECONDS = 0.25
BATCH = 500
Places = dict[str, tuple[str, str]]
"""Orthanc's id of an instance -> those of its series and study."""


@dataclass(frozen=True)
class Difference:
    """Ids of instances: stored but not indexed, indexed but not stored, indexed in another series or study."""

    missing: frozenset[str]
    extra: frozenset[str]
    misplaced: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra or self.misplaced)

    def __str__(self) -> str:
        return f"{len(self.missing)} missing, {len(self.extra)} extra, {len(self.misplaced)} misplaced"


def sidecar_of(server: OrthancServer) -> Path:
    """Where the server keeps its index."""
    settings = server.configuration.get("Longitudinal", {})
    default = (
        Path(server.configuration["IndexDirectory"]) / f"longitudinal-{server.configuration['Name']}.sqlite"
    )
    return Path(settings.get("SidecarPath", default))


def archived(server: OrthancServer) -> Places:
    """Every instance, as Orthanc lists them."""
    study = {entry["ID"]: entry["ParentStudy"] for entry in _get(server, "/series?expand")}
    return {
        entry["ID"]: (entry["ParentSeries"], study[entry["ParentSeries"]])
        for entry in _get(server, "/instances?expand")
    }


def indexed(server: OrthancServer) -> Places:
    """Every instance, read out of the index file."""
    with closing(sqlite3.connect(f"file:{sidecar_of(server)}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            """SELECT i.orthanc_id, e.orthanc_id, s.orthanc_id FROM instances i
            JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key"""
        ).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


def difference(server: OrthancServer) -> Difference:
    """Compare both, at this moment."""
    stored, known = archived(server), indexed(server)
    return Difference(
        frozenset(stored.keys() - known.keys()),
        frozenset(known.keys() - stored.keys()),
        frozenset(key for key in stored.keys() & known.keys() if stored[key] != known[key]),
    )


def seconds_until_equal(server: OrthancServer, within: float) -> float | None:
    """How long until the index is idle and equals the archive; None when it does not within so many seconds."""
    began = time.monotonic()
    while time.monotonic() < began + within:
        if _is_idle(server.health()) and not difference(server):
            return time.monotonic() - began
        time.sleep(POLL_SECONDS)
    return None


def _is_idle(health: dict[str, Any]) -> bool:
    left = ("queued", "cursorLag", "jobsQueued", "jobsRunning")
    return health["state"] == "ok" and health["reconciled"] > 0 and not any(health[name] for name in left)


def unanswered(server: OrthancServer, sop_instance_uids: Sequence[str]) -> list[str]:
    """Which of these images the API does not find, asked for a pixel of each of them."""
    missed = []
    for start in range(0, len(sop_instance_uids), BATCH):
        batch = sop_instance_uids[start : start + BATCH]
        points = [{"sopInstanceUid": uid, "row": 1, "column": 1} for uid in batch]
        response = server.session.post("/imaging/points/resolve", json={"points": points})
        response.raise_for_status()
        for uid, result in zip(batch, response.json()["results"], strict=True):
            found: Iterable[dict[str, Any]] = result.get("matches", [])
            if uid not in {match["sopInstanceUid"] for match in found}:
                missed.append(uid)
    return missed


def miscounted(server: OrthancServer) -> list[str]:
    """The studies of which the API counts other numbers of slices than Orthanc has instances (of one frame each)."""
    wrong = []
    for study in _get(server, "/studies"):
        status = _get(server, f"/imaging/studies/{study}/index-status")
        if status["slices"] != _get(server, f"/studies/{study}/statistics")["CountInstances"]:
            wrong.append(study)
    return wrong


def _get(server: OrthancServer, path: str) -> Any:
    response = server.session.get(path)
    response.raise_for_status()
    return response.json()
