"""What callbacks reported counts from the moment it was reported, whoever asks first."""

from longitudinal.ingest.recent_stores import RecentStores


def test_a_store_counts_as_later_than_the_moment_before_it() -> None:
    stores = RecentStores()
    stores.tell("a")
    moment = stores.moment
    assert not stores.is_stored_since("a", moment)
    stores.tell("a")
    stores.tell("b")
    assert stores.is_stored_since("a", moment)
    assert stores.is_stored_since("b", moment)
    assert not stores.is_stored_since("b", stores.moment)


def test_every_store_is_counted_once_and_hinted_at_once() -> None:
    counted: list[int] = []
    stores = RecentStores(counted.append)
    for name in ("a", "b", "a"):
        stores.tell(name)
    assert stores.is_receiving
    assert stores.has_told("a")
    assert stores.take_hints() == ["b", "a"]
    assert stores.take_hints() == []
    assert sum(counted) == 3
    stores.forget("a")
    assert not stores.has_told("a")
