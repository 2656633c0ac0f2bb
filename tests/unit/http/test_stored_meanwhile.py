"""A transform that is stored is answered with, whatever the index hears of its object at that moment."""

from typing import Any

import pytest

from tests.unit.http.patients_served import FRAMES, admit
from tests.unit.http.served import Served

EYE = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("announced", [0, 1, 2])
def test_the_change_log_announces_an_object_while_it_is_read(
    served: Served, monkeypatch: pytest.MonkeyPatch, announced: int
) -> None:
    admit(served)
    left = [announced]
    stored_file = served.archive.stored_file

    def announce(orthanc_id: str) -> Any:
        if left[0]:
            left[0] -= 1
            served.ingest.found([orthanc_id])
        return stored_file(orthanc_id)

    monkeypatch.setattr(served.archive, "stored_file", announce)
    body = {"sourceFrameOfReferenceUid": FRAMES[2], "targetFrameOfReferenceUid": FRAMES[0], "matrix": EYE}
    given = served.ask("POST", "/transforms", body)
    assert (given.status, left) == (201, [0])
    assert served.ask("GET", f"/transforms/{given.json['id']}").status == 200
