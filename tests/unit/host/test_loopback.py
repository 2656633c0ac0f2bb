"""Where Orthanc is called back: on the address it listens on."""

from types import SimpleNamespace

import pytest

from tests.fake_orthanc import FakeOrthanc


@pytest.mark.parametrize(
    ("named", "binds", "url"),
    [
        (None, True, "http://127.0.0.1:8042"),
        ([], True, "http://127.0.0.1:8042"),
        (["0.0.0.0"], True, "http://127.0.0.1:8042"),
        (["10.1.2.3", "127.0.0.1"], True, "http://127.0.0.1:8042"),
        (["10.1.2.3", "127.0.0.5"], True, "http://127.0.0.5:8042"),
        (["::"], True, "http://[::1]:8042"),
        (["10.1.2.3"], True, "http://10.1.2.3:8042"),
        (["10.1.2.3"], False, "http://127.0.0.1:8042"),
        ("10.1.2.3", True, "http://127.0.0.1:8042"),
    ],
)
def test_the_address(fake_orthanc: FakeOrthanc, named: object, binds: bool, url: str) -> None:
    names = ("PATIENT", "STUDY", "SERIES", "INSTANCE")
    fake_orthanc.constant("ResourceType", SimpleNamespace(**{name: name for name in names}))
    fake_orthanc.constant("DicomToJsonFlags", SimpleNamespace(INCLUDE_BINARY=1, CONVERT_BINARY_TO_NULL=2))
    fake_orthanc.expect("CheckVersionAdvanced", 1, 12, 10, returns=int(binds))
    from longitudinal.host.loopback import Loopback

    assert Loopback({} if named is None else {"HttpBindAddresses": named}, 4000).url == url
