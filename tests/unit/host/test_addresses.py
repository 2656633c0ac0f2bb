"""Where a request comes from: told to Orthanc's filter, used by the route on the same thread."""

import threading
from types import SimpleNamespace

from tests.fake_orthanc import FakeOrthanc


def test_an_address_is_that_of_the_same_thread_and_path(fake_orthanc: FakeOrthanc) -> None:
    fake_orthanc.constant("ResourceType", SimpleNamespace(PATIENT=0, STUDY=1, SERIES=2, INSTANCE=3))
    from longitudinal.host.addresses import Addresses  # of the package that exists only inside Orthanc

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
