"""How well a study is joined with the others, as the page of a patient shows it."""

from pathlib import Path

import pytest

from longitudinal.patients.alignment_quality import AlignmentQuality, alignment_quality
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.transforms.graph import Edge, FrameGraph
from longitudinal.transforms.model import linear
from tests.unit.patients.ward import Ward, shift, unplaced, volume

F1, F2, F2B, F3, F4 = "1.2.1", "1.2.2", "1.2.22", "1.2.3", "1.2.4"


def edge(source: str, target: str, error: float | None, name: str = "", **more: object) -> Edge:
    transform = linear(shift(1, 2, 3))
    return Edge(name or f"{source}>{target}", source, target, transform, error, **more)  # type: ignore[arg-type]


@pytest.fixture
def index(tmp_path: Path) -> PatientIndex:
    """Study 1 in F1, 2 in F2 and F2B, 3 in F3, 4 in F4, 5 in F1 again, 6 without a place."""
    ward = Ward(
        tmp_path / "ward", volume(1, frame_of_reference_uid=F1),
        volume(2, frame_of_reference_uid=F2), volume(2, 2, frame_of_reference_uid=F2B),
        volume(3, frame_of_reference_uid=F3), volume(4, frame_of_reference_uid=F4), volume(5, frame_of_reference_uid=F1),
        [unplaced(6)],
    )  # fmt: skip
    patient = ward.catalogue.patient(1)
    assert patient is not None
    return patient


def qualities(index: PatientIndex, *edges: Edge) -> list[AlignmentQuality | None]:
    index.graph = FrameGraph(edges)
    return [alignment_quality(index, study) for study in index.studies]


def test_errors_along_the_way_to_the_first_images_add(index: PatientIndex) -> None:
    first, second, third, fourth, fifth, none = qualities(
        index, edge(F2, F1, 2.5, reviewed=True), edge(F3, F2, 1.25)
    )
    assert second == AlignmentQuality("green", 2.5, True, (f"{F2}>{F1}",))
    assert third == AlignmentQuality("amber", 3.75, False, (f"{F3}>{F2}", f"{F2}>{F1}"))
    assert (first, fourth, fifth, none) == (None, None, None, None)


def test_an_error_that_was_not_measured_makes_the_sum_unknown(index: PatientIndex) -> None:
    _, second, third, *_ = qualities(index, edge(F1, F2, None, reviewed=True), edge(F2, F3, 1.0))
    assert second == AlignmentQuality("unknown", None, True, (f"{F1}>{F2}",))
    assert third == AlignmentQuality("unknown", None, False, (f"{F2}>{F3}", f"{F1}>{F2}"))


def test_the_way_is_that_of_answers_not_the_shortest(index: PatientIndex) -> None:
    _, _, third, *_ = qualities(index, edge(F3, F1, None), edge(F3, F2, 1.0), edge(F2, F1, 1.0))
    assert third == AlignmentQuality("green", 2.0, False, (f"{F3}>{F2}", f"{F2}>{F1}"))


def test_a_declared_error_is_amber_until_somebody_accepts_it(index: PatientIndex) -> None:
    declared = edge(F3, F1, 0.5, error_source="declared")
    assert qualities(index, declared)[2] == AlignmentQuality("amber", 0.5, False, (declared.id,))
    accepted = edge(F3, F1, 0.5, error_source="declared", reviewed=True)
    assert qualities(index, accepted)[2] == AlignmentQuality("green", 0.5, True, (accepted.id,))


def test_a_rejected_transform_counts_for_nothing(index: PatientIndex) -> None:
    assert qualities(index, edge(F3, F1, 0.5, rejected=True)) == [None] * 6


def test_of_several_frames_the_worst_is_told(index: PatientIndex) -> None:
    good, bad = edge(F2, F1, 1.0, reviewed=True), edge(F2B, F1, 6.0)
    assert qualities(index, good, bad)[1] == AlignmentQuality("red", 6.0, False, (bad.id,))
    assert qualities(index, good)[1] == AlignmentQuality("green", 1.0, True, (good.id,))


def test_without_a_way_to_the_first_images_the_best_other_one_counts(index: PatientIndex) -> None:
    far, near = edge(F3, F2, 4.0), edge(F3, F4, 2.0)
    _, second, third, fourth, *_ = qualities(index, far, near)
    assert third == AlignmentQuality("green", 2.0, False, (near.id,))
    assert fourth == AlignmentQuality("green", 2.0, False, (near.id,))
    assert second == AlignmentQuality("amber", 4.0, False, (far.id,))
