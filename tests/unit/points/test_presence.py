"""The archive is asked again exactly when it changed."""

from longitudinal.points.presence import Presence


class CountingArchive:
    def __init__(self) -> None:
        self.stored = {"a", "b"}
        self.changes = 0
        self.asked: list[str] = []

    def state(self) -> tuple[int, int]:
        return self.changes, len(self.stored)

    def has_instance(self, orthanc_id: str) -> bool:
        self.asked.append(orthanc_id)
        return orthanc_id in self.stored


def test_an_unchanged_archive_is_not_asked_again() -> None:
    archive = CountingArchive()
    presence = Presence(archive)
    assert presence.gone(["a", "b"]) == []
    assert presence.gone(["a", "b"]) == []
    assert archive.asked == ["a", "b"]


def test_an_unknown_state_is_no_reason_to_believe() -> None:
    archive = CountingArchive()
    archive.state = lambda: None  # type: ignore[assignment, method-assign]
    presence = Presence(archive)
    presence.gone(["a"])
    presence.gone(["a"])
    assert archive.asked == ["a", "a"]


def test_a_delete_is_seen_and_what_is_missing_is_asked_for_each_time() -> None:
    archive = CountingArchive()
    presence = Presence(archive)
    presence.gone(["a", "b"])
    archive.stored.remove("b")
    assert presence.gone(["a", "b"]) == ["b"]
    assert presence.gone(["a", "b"]) == ["b"]
    assert archive.asked == ["a", "b", "a", "b", "b"]


def test_a_store_and_a_delete_between_two_answers_leave_no_trace_in_the_count() -> None:
    archive = CountingArchive()
    presence = Presence(archive)
    presence.gone(["a", "b"])
    archive.stored = {"a", "c"}
    archive.changes += 1
    assert presence.gone(["a", "b"]) == ["b"]
