"""Values that are computed once and leave when they have not been used for long."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from longitudinal.patients.remembered import Remembered


def test_the_least_recently_used_leaves() -> None:
    computed: list[int] = []
    remembered: Remembered[int, int] = Remembered(2)

    def get(key: int) -> int:
        return remembered.get(key, lambda: computed.append(key) or key * 10)

    assert [get(key) for key in (1, 2, 1, 3, 1, 2)] == [10, 20, 10, 30, 10, 20]
    assert computed == [1, 2, 3, 2]


def test_what_fails_is_not_remembered() -> None:
    remembered: Remembered[int, int] = Remembered(2)
    with pytest.raises(ZeroDivisionError):
        remembered.get(1, lambda: 1 // 0)
    assert remembered.get(1, lambda: 7) == 7


def test_threads_that_compute_at_once_get_one_value_and_the_bound_holds() -> None:
    remembered: Remembered[int, object] = Remembered(4)

    def work(number: int) -> None:
        for turn in range(200):
            key = (turn + number) % 9
            assert remembered.get(key, lambda key=key: (key,)) == (key,)
            assert len(remembered._held) <= 4

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
