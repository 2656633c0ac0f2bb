"""docs/indexing.md says what the code does."""

import msgspec

from longitudinal.http.routes.about import Health
from longitudinal.jobs import queue, supervisor
from longitudinal.jobs.queue import MOST_WAITING
from longitudinal.sidecar.tables import jobs
from longitudinal.sidecar.tables.jobs import JobState
from tests.data import ROOT

TEXT = (ROOT / "docs" / "indexing.md").read_text()


def test_every_state_is_in_the_table() -> None:
    rows = [line.split("`")[1] for line in TEXT.splitlines() if line.startswith("| `")]
    assert set(JobState) <= set(rows)


def test_every_field_of_health_is_explained_or_plain() -> None:
    plain = {"state", "sidecar", "versions"}
    fields = {field.encode_name for field in msgspec.structs.fields(Health)}
    assert {name for name in fields - plain if f"`{name}`" not in TEXT} == set()


def test_numbers() -> None:
    assert f"{supervisor.MAX_ATTEMPTS} times at most" in TEXT
    api = (ROOT / "docs" / "api.md").read_text()
    assert f"While {MOST_WAITING:,} jobs of a user are queued" in api
    aligning = " ".join((ROOT / "docs" / "alignment.md").read_text().split())
    assert (queue._MOST_WAYS, "the sixth time it is done" in aligning) == (5, True)
    assert (jobs._KEEP.days, "forgotten after a week" in TEXT) == (7, True)
    assert (jobs._LEAVE_FAILED.days, "left alone by the backfill for a day" in TEXT) == (1, True)
    assert (1 / supervisor._STEP_BACK_SECONDS, "ten instances a second" in TEXT) == (10, True)
