"""Which patient two frames belong to, while that patient's index is made anew."""

from pathlib import Path
from typing import Any

import pytest

from longitudinal.points.given_transforms import GivenTransforms
from longitudinal.points.patient_index import PatientIndex
from tests.unit.points.patients import Ward, volume

FRAMES = {1: "1.9.1", 2: "1.9.2"}


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path, *(volume(study, frame_of_reference_uid=frame) for study, frame in FRAMES.items()))


def test_a_store_between_two_looks_makes_no_other_patient_of_it(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    unused: Any = None
    given = GivenTransforms(ward.readers, ward.catalogue, unused, unused, unused, unused, unused, unused)
    look = ward.catalogue.patient

    def look_after_a_store(key: int) -> PatientIndex | None:
        ward.catalogue.forget()
        return look(key)

    monkeypatch.setattr(ward.catalogue, "patient", look_after_a_store)
    ends = given.ends(FRAMES[2], FRAMES[1], None)
    assert (ends.index.patient_id, ends.is_backwards) == ("P", False)
