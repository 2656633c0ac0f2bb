"""What Orthanc is given for Orthanc Explorer, and what happens where it takes nothing."""

import logging
from types import SimpleNamespace
from unittest.mock import ANY

import pytest

from tests.data import ROOT
from tests.fake_orthanc import JSON_FLAGS, FakeOrthanc

SCRIPT = ROOT / "plugin" / "longitudinal" / "web" / "explorer.js"


@pytest.fixture
def orthanc(fake_orthanc: FakeOrthanc) -> FakeOrthanc:
    """With the constants that importing the host needs."""
    names = ("PATIENT", "STUDY", "SERIES", "INSTANCE")
    fake_orthanc.constant("ResourceType", SimpleNamespace(**{name: name for name in names}))
    fake_orthanc.constant(
        "DicomToJsonFlags", SimpleNamespace(**{name: 1 << bit for bit, name in enumerate(JSON_FLAGS)})
    )
    return fake_orthanc


def test_the_script_is_given_whole_and_told_where_the_routes_are(orthanc: FakeOrthanc) -> None:
    orthanc.expect("ExtendOrthancExplorer", ANY)
    from longitudinal.host.explorer import extend_explorer

    extend_explorer("/hospital/imaging")
    (given,) = orthanc.calls[-1].args
    assert given.startswith(SCRIPT.read_text(encoding="utf-8"))
    assert given.endswith('longitudinalExplorer("/hospital/imaging", false);\n')


def test_an_orthanc_without_the_call_goes_on_and_says_so(
    orthanc: FakeOrthanc, caplog: pytest.LogCaptureFixture
) -> None:
    orthanc.absent("ExtendOrthancExplorer")
    from longitudinal.host.explorer import extend_explorer

    with caplog.at_level(logging.WARNING):
        extend_explorer("/imaging")
    assert "cannot extend Orthanc Explorer" in caplog.text
