"""Where requests come from, thread by thread."""

import threading

import pytest

from longitudinal.http.addresses import Addresses, customer


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [("10.1.2.3", "", "10.1.2.3"), ("10.1.2.3", "10.9.9.9", "10.1.2.3"), ("127.0.0.1", "", ""), ("::1", "", ""),
     ("127.0.0.1", "10.9.9.9", "10.9.9.9"), ("127.0.0.1", "10.9.9.9, 10.1.2.3", "10.1.2.3"),
     ("127.0.0.1", "10.1.2.3, ::1", ""), ("127.0.0.1", "10.9.9.9,", ""), ("", "10.9.9.9", "")],
)  # fmt: skip
def test_only_a_proxy_on_this_machine_is_believed(peer: str, forwarded: str, found: str) -> None:
    assert customer(peer, forwarded) == found


def test_each_thread_has_its_own_and_the_last_request_counts() -> None:
    addresses, found = Addresses(), {}

    def work(name: str) -> None:
        for number in range(100):
            addresses.note("/imaging/studies/", f"10.0.{name}.{number}", {})
        found[name] = addresses.of("/imaging/studies")

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {str(number): f"10.0.{number}.99" for number in range(8)}
    assert addresses.of("/imaging/studies") == ""


def test_a_request_that_came_past_the_filter_has_none() -> None:
    addresses = Addresses()
    addresses.note("/imaging/studies", "10.0.0.1", {"x": "1"})
    assert (addresses.of("/imaging/studies/"), addresses.of("/imaging/me")) == ("10.0.0.1", "")
    assert (addresses.headers_of("/imaging/studies/"), addresses.headers_of("/imaging/me")) == (
        {"x": "1"},
        {},
    )
