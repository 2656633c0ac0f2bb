"""Where a request comes from: told to Orthanc's filter, used by the route on the same thread."""

import threading

from longitudinal.host.addresses import Addresses


def test_an_address_is_that_of_the_same_thread_and_path() -> None:
    addresses, elsewhere = Addresses(), list[str]()
    addresses.note("/imaging/studies/", "10.0.0.1")
    thread = threading.Thread(target=lambda: elsewhere.append(addresses.of("/imaging/studies")))
    thread.start()
    thread.join()
    assert (addresses.of("/imaging/studies"), addresses.of("/imaging/me"), elsewhere) == (
        "10.0.0.1",
        "",
        [""],
    )
