"""The documentation has the limits of green and amber that answers use."""

from longitudinal.points.answer import AMBER_MM, GREEN_MM
from tests.data import ROOT


def test_the_limits_of_grades() -> None:
    api = (ROOT / "docs" / "api.md").read_text()
    assert f"green up to {GREEN_MM:g} mm, amber up to {AMBER_MM:g} mm" in api
    registration = (ROOT / "docs" / "registration.md").read_text()
    assert f"**Green** is a bound of at most {GREEN_MM:g} mm, **amber** of {AMBER_MM:g} mm" in registration
