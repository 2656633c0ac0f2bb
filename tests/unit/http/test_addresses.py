"""Where requests come from, thread by thread."""

import threading

import pytest

from longitudinal.http.addresses import Addresses


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [("10.1.2.3", "", "10.1.2.3"), ("10.1.2.3", "10.9.9.9", "10.1.2.3"), ("127.0.0.1", "", ""), ("::1", "", ""),
     ("127.0.0.1", "10.9.9.9", "10.9.9.9"), ("127.0.0.1", "10.9.9.9, 10.1.2.3", "10.1.2.3"),
     ("127.0.0.1", "10.1.2.3, ::1", ""), ("127.0.0.1", "10.9.9.9,", ""), ("", "10.9.9.9", ""), (None, "", "")],
)  # fmt: skip
def test_only_a_proxy_on_this_machine_is_believed(peer: str | None, forwarded: str, found: str) -> None:
    addresses = Addresses()
    addresses.note(peer, {"x-forwarded-for": forwarded} if forwarded else {})
    assert addresses.current() == found


def test_each_thread_has_its_own_and_the_last_request_counts() -> None:
    addresses, found = Addresses(), {}

    def work(name: str) -> None:
        for number in range(100):
            addresses.note(f"10.0.{name}.{number}", {})
        found[name] = addresses.current()

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {str(number): f"10.0.{number}.99" for number in range(8)}
    assert addresses.current() == ""
