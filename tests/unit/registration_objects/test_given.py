"""Which patient two frames belong to, while that patient's index is made anew."""

from pathlib import Path
from typing import Any

import pytest

from longitudinal.errors import InstanceGone, NotFound
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.registration_objects.given import GivenTransforms
from tests.unit.patients.ward import Ward, registration, shift, volume

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


class Emptied:
    """An archive from which the object is deleted between the look for it and the change."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def change_annotation(self, orthanc_id: str, change: object) -> None:
        raise InstanceGone(f"instance {orthanc_id} is not stored any more")


@pytest.mark.parametrize(
    "act", [lambda given, id: given.review(id, "rejected", "ann"), lambda given, id: given.remove(id, "ann")]
)
def test_an_object_that_is_gone_meanwhile_is_not_found(ward: Ward, act: Any) -> None:
    made = registration(2, FRAMES[2], FRAMES[1], shift(1, 2, 3))
    ward.put(made)
    store: Any = Emptied()
    unused: Any = None
    given = GivenTransforms(
        ward.readers, ward.catalogue, ward.archive, store, store.forgotten.extend, unused, unused, unused  # type: ignore[arg-type]
    )  # fmt: skip
    with pytest.raises(NotFound):
        act(given, f"{made.sop_instance_uid}.1")
    assert store.forgotten == [made.orthanc_id]
