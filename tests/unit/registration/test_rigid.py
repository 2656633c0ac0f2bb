"""A rigid refinement goes on while it gains."""

import numpy as np
import pytest

from longitudinal.registration import rigid
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.rigid import MIDDLE, Level, RefinedPose
from tests.unit.registration.phantoms import BODY, scan


def test_a_refinement_starts_anew_while_it_gains_and_keeps_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = iter([1.0, 0.7, 1.1, None, 1.1, 1.1])
    steps = []

    def refine_start(fixed: Pyramid, moving: Pyramid, start: np.ndarray, level: Level) -> RefinedPose | None:
        steps.append(level.step)
        information = next(outcomes)
        return None if information is None else RefinedPose(np.eye(4) * information, information)

    monkeypatch.setattr(rigid, "refine_start", refine_start)
    scanned = Pyramid(scan(BODY))
    found = rigid.settle(scanned, scanned, RefinedPose(np.eye(4), 0.9), MIDDLE)
    assert found.information == 1.1
    assert found.moving_from_fixed[0, 0] == 1.1
    assert steps == [2.0, 2.0, 1.0, 1.0, 0.5, 0.25]
