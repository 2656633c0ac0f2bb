"""A patient as somebody sees them who may see some of the studies only."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest

from longitudinal.patients.patient_index import PatientIndex
from longitudinal.points.answer import Answer, Links
from longitudinal.points.resolve import Filters, Source, resolve
from longitudinal.sidecar.tables.studies import write_attempts
from longitudinal.transforms.attempts import Attempt, add_attempt
from tests.unit.patients.ward import FRAME, Ward, image, registration, shift, unplaced, volume

STUDIES = (1, 2, 3, 4, 5)


def frame(study: int) -> str:
    return FRAME if study in (1, 5) else f"1.2.{study}"


def records(study: int) -> list:
    """Study 2 lies in a frame of its own, joined to 1 by objects in 2 and 3, and to 4 by one in 4; 3 is joined to 2."""
    objects = {
        2: [registration(2, frame(2), frame(1), shift(1, 0, 0))],
        3: [
            registration(3, frame(3), frame(2), shift(0, 2, 0)),
            registration(3, frame(2), frame(1), shift(3, 0, 0), number=91, created="1999"),
        ],
        4: [registration(4, frame(4), frame(2), shift(0, 0, 1))],
    }
    place = [unplaced(5)] if study == 5 else volume(study, frame_of_reference_uid=frame(study))
    return [*place, *objects.get(study, [])]


def patient(folder: Path, studies: tuple[int, ...] = STUDIES) -> PatientIndex:
    ward = Ward(folder, *(records(study) for study in studies))
    (key,) = ward.connection.execute("SELECT key FROM patients").fetchone()
    index = ward.catalogue.patient(key)
    assert index is not None
    return index


def ids(*studies: int) -> frozenset[str]:
    return frozenset(f"s1.{study}" for study in studies)


def answer(index: PatientIndex, per: str = "study", source: int = 1) -> Answer:
    filters = Filters(per="series" if per == "series" else "study")
    return resolve(
        index, Source(frame(source), np.array([40.0, 50, 6])), filters, lambda *_: Links("", "", None)
    )


def text(found: Answer) -> str:
    return msgspec.json.encode(found).decode()


SUBSETS = [
    subset for size in range(1, len(STUDIES)) for subset in itertools.combinations(STUDIES, size)
]  # fmt: skip


def test_a_view_answers_as_if_the_hidden_studies_had_never_been_stored(tmp_path: Path) -> None:
    """Every subset of the studies, against a sidecar that holds no others: matches, unresolved, paths, alternatives."""
    whole = patient(tmp_path / "whole")
    for number, subset in enumerate(SUBSETS):
        alone = patient(tmp_path / str(number), subset)
        view = whole.view(ids(*subset))
        for per, source in itertools.product(("study", "series"), STUDIES[:4]):
            assert answer(view, per, source) == answer(alone, per, source), (subset, per, source)
        assert [study.orthanc_id for study in view.studies] == [study.orthanc_id for study in alone.studies]
        assert {one.id for one in view.transforms} == {one.id for one in alone.transforms}


def test_a_hidden_study_is_no_bridge_and_is_named_nowhere(tmp_path: Path) -> None:
    index = patient(tmp_path)
    whole = {match.study_instance_uid: match for match in answer(index).matches}
    assert (whole["1.4"].path, whole["1.2"].alternatives) == (
        ("1.2.9.90.1", "1.4.9.90.1"),
        ("1.3.9.91.1",),
    )
    found = answer(index.view(ids(1, 4)))
    assert [match.study_instance_uid for match in found.matches] == ["1.1"]
    assert [(one.study_instance_uid, one.reason) for one in found.unresolved] == [("1.4", "needsAlignment")]
    without_3 = answer(index.view(ids(1, 2, 4)))
    assert {match.study_instance_uid: match.alternatives for match in without_3.matches}["1.2"] == ()
    assert "1.3" not in text(without_3)


def test_a_failed_alignment_with_a_hidden_study_is_not_told(tmp_path: Path) -> None:
    ward = Ward(
        tmp_path,
        volume(1),
        volume(2, frame_of_reference_uid="1.2.2"),
        volume(3, frame_of_reference_uid="1.2.3"),
    )
    failed = Attempt(
        "1.2.2", "1.2.3", "1.3", "rigid", "e", "noOverlap", "they show different parts", at="2024"
    )
    write_attempts(ward.connection, "s1.2", add_attempt(None, failed))
    index = ward.catalogue.patient(1)
    assert index is not None
    assert "1.3" in text(answer(index))
    view = index.view(ids(1, 2))
    assert view.newest_attempts == {}
    assert "1.3" not in text(answer(view))
    assert index.view(ids(2, 3)).studies[0].attempts == (failed,)


def test_an_identity_conflict_stays_also_where_one_side_of_it_is_hidden(tmp_path: Path) -> None:
    ward = Ward(
        tmp_path,
        [msgspec.structs.replace(image(study), patient_birth_date=f"19{study}00101") for study in (5, 6)],
        volume(7),
    )
    index = ward.catalogue.patient(1)
    assert index is not None
    assert index.identity_conflict
    assert index.view(ids(7)).identity_conflict


def test_who_may_see_all_gets_the_patient_itself_and_who_may_see_none_an_empty_one(tmp_path: Path) -> None:
    index = patient(tmp_path)
    assert index.view(index.study_ids) is index
    assert index.view(ids(*STUDIES) | {"a study of another patient"}) is index
    nothing = index.view(frozenset())
    assert (nothing.studies, nothing.series, nothing.frames, nothing.transforms) == ((), (), (), ())
    assert answer(nothing).matches == []


def test_a_view_is_made_once_and_a_view_of_a_view_hides_more(tmp_path: Path) -> None:
    index = patient(tmp_path)
    view = index.view(ids(1, 2))
    assert index.view(ids(1, 2) | {"elsewhere"}) is view
    assert [study.orthanc_id for study in view.view(ids(2, 3)).studies] == ["s1.2"]


@pytest.mark.parametrize("studies", [(1, 2), (2, 3, 4)])
def test_threads_that_ask_at_once_get_the_same_view(tmp_path: Path, studies: tuple[int, ...]) -> None:
    index = patient(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        views = list(pool.map(lambda _: index.view(ids(*studies)), range(32)))
    assert all(view is views[0] for view in views)
