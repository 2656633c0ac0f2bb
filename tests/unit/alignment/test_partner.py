"""Which study is aligned with which, on patients whose best answer is plain."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.failures import Tried
from longitudinal.alignment.loops import find_loops
from longitudinal.alignment.partner import Pair, Wish, choose
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.standing import standing_of
from longitudinal.points.stale import Stale
from longitudinal.sidecar.tables.patients import patient_key_of
from longitudinal.sidecar.tables.records import InstanceRecord, Notes
from longitudinal.sidecar.tables.studies import write_attempts
from longitudinal.transforms.attempts import Attempt, TriedSeries, add_attempt
from tests.unit.patients.ward import Ward, registration, shift, unplaced, volume

HEIGHTS = range(0, 60, 3)


def frame(study: int) -> str:
    return f"1.9.{study}"


def scan(study: int, series: int = 1, **more: Any) -> list[InstanceRecord]:
    """A study in a frame of its own, 99 x 99 x 57 mm."""
    return volume(study, series, **{"heights": HEIGHTS, "frame_of_reference_uid": frame(study), **more})


class Patient:
    """A ward, with what its series are."""

    def __init__(self, folder: Path, *records: InstanceRecord | list[InstanceRecord]) -> None:
        self.ward = Ward(folder, *records)
        self.looks: dict[str, Acquisition] = {}
        self.updates: dict[str, str] = {}

    @property
    def index(self) -> PatientIndex:
        key = patient_key_of(self.ward.connection, "P")
        assert key is not None
        index = self.ward.catalogue.patient(key)
        assert index is not None
        return index

    def say(self, study: int, series: int = 1, regions: tuple[str, ...] = (), description: str = "") -> None:
        found = next(one for one in self.index.series if one.series_instance_uid == f"1.{study}.{series}")
        look = Acquisition(Contrast(found.modality), frozenset(regions), description)
        self.looks.update(dict.fromkeys(found.orthanc_ids, look))

    def look(self, instance: str) -> Acquisition:
        return self.looks.get(instance, Acquisition(Contrast("CT")))

    def last_update(self, instance: str) -> str:
        return self.updates.get(instance, "")

    def pairs(self, study: int, **wish: Any) -> list[Pair]:
        choice = choose(self.index, Wish(f"s1.{study}", **wish), self.look, self.last_update)
        return [] if choice is None else list(choice.pairs)

    def partners(self, study: int, **wish: Any) -> list[int]:
        """Numbers of the other studies, the best first."""
        found = []
        for pair in self.pairs(study, **wish):
            both = {
                int(self.index.studies[scan.study].study_instance_uid[2:])
                for scan in (pair.fixed, pair.moving)
            }
            found += sorted(both - {study}) or [study]
        return found

    def join(self, study: int, other: int, **more: Any) -> None:
        self.ward.put(
            registration(study, frame(study), frame(other), shift(1, 2, 3), number=study * 10 + other, **more)
        )

    def refuse(
        self, study: int, other: int, method: str = "rigid", rejection: str = "inconsistent", **more: Any
    ) -> None:
        attempt = Attempt(
            frame(study), frame(other), f"1.{other}", method, "e", rejection, "it wanders",
            {"forwardBackwardMeanMm": 14.2}, at="2026-01-01T00:00:00+00:00", **more,
        )  # fmt: skip
        before = next(entry.attempts for entry in self.index.studies if entry.orthanc_id == f"s1.{study}")
        text = add_attempt(None if not before else '{"attempts": ' + _json(before) + "}", attempt)
        self.ward.catalogue.invalidate(frozenset(write_attempts(self.ward.connection, f"s1.{study}", text)))


def _json(attempts: tuple[Attempt, ...]) -> str:
    return msgspec.json.encode(attempts).decode()


def arrive_all(patient: Patient, studies: list[int]) -> list[tuple[int, int]]:
    """Do the jobs of studies in this order, each alignment a success; returns which were joined."""
    done = []
    for study in studies:
        partners = patient.partners(study)
        if partners:
            patient.join(study, partners[0])
            done.append((study, partners[0]))
    return done


@pytest.mark.parametrize("order", [[1, 2, 3], [3, 2, 1], [2, 3, 1], [3, 1, 2], [1, 3, 2], [2, 1, 3]])
def test_three_arrivals_make_two_alignments_in_any_order_and_then_silence(
    tmp_path: Path, order: list[int]
) -> None:
    patient = Patient(tmp_path, scan(1), scan(2), scan(3))
    assert len(arrive_all(patient, order)) == 2
    assert arrive_all(patient, order) == []
    assert len(patient.index.graph.paths_from(frame(1))) == 3


def test_four_arrivals_make_one_group_and_paths_stay_short(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2), scan(3), scan(4))
    assert arrive_all(patient, [4, 3, 2, 1]) == [(4, 1), (3, 1), (2, 1)]


def test_two_modalities_end_in_one_group(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2, modality="MR"), scan(3), scan(4, modality="MR"))
    for study in (2, 4):
        patient.say(study)
    done = arrive_all(patient, [3, 1, 4, 2])
    assert done == [(3, 1), (4, 2), (2, 1)]
    assert arrive_all(patient, [1, 2, 3, 4]) == []


def test_a_new_study_goes_to_one_partner_though_the_others_are_apart(tmp_path: Path) -> None:
    """Five studies that were there before, aligned with nobody: the new one is not aligned with each."""
    patient = Patient(tmp_path, *(scan(number) for number in range(1, 7)))
    assert len(arrive_all(patient, [6])) == 1


def test_one_patient_alone_and_one_frame_have_nothing_to_do(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2, frame_of_reference_uid=frame(1)), unplaced(3))
    assert [patient.partners(number) for number in (1, 2, 3)] == [[], [], []]
    assert [standing_of(patient.index, study) for study in patient.index.studies] == [
        "reference",
        "reference",
        None,
    ]


def test_the_earlier_frame_is_fixed(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2))
    for study in (1, 2):
        (pair,) = patient.pairs(study)
        assert (pair.fixed.frame, pair.moving.frame) == (frame(1), frame(2))


def test_the_same_modality_comes_first_then_contrast(tmp_path: Path) -> None:
    patient = Patient(
        tmp_path, scan(1, modality="MR"), scan(2, modality="MR"), scan(3), scan(4, modality="MR")
    )
    patient.say(1, description="T1")
    patient.say(2, description="FLAIR")
    patient.say(4, description="FLAIR")
    assert patient.partners(4) == [2, 1, 3]


def test_coverage_before_voxel_and_both_before_time(tmp_path: Path) -> None:
    patient = Patient(
        tmp_path,
        scan(1),
        scan(2, size=40),  # shows a quarter
        scan(3, spacing=2.0, size=50),  # as large, voxels four times as large
        scan(4),
    )
    assert patient.partners(4) == [1, 3, 2]


def test_the_best_series_stands_for_its_study_unless_somebody_says_which(tmp_path: Path) -> None:
    thick = scan(1, 1, heights=range(0, 60, 12))
    patient = Patient(tmp_path, thick, scan(1, 2), scan(2))
    (pair,) = patient.pairs(2)
    assert patient.index.series[pair.fixed.series].series_instance_uid == "1.1.2"
    (told,) = patient.pairs(2, series=frozenset({"1.1.1"}))
    assert patient.index.series[told.fixed.series].series_instance_uid == "1.1.1"


def test_other_parts_of_the_body_are_never_tried(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2), scan(3))
    patient.say(1, regions=("head",))
    patient.say(2, regions=("leg",))
    patient.say(3, regions=("head", "neck"))
    assert (patient.partners(3), patient.partners(2)) == ([1], [])


@pytest.mark.parametrize(
    "other",
    [
        {"modality": "US"},
        {"heights": (0, 3, 6)},
        {"heights": range(0, 15, 3)},
        {"role": "localizer"},
        {"role": "dose"},
    ],
)
def test_what_is_no_volume_is_no_partner(tmp_path: Path, other: dict[str, Any]) -> None:
    assert Patient(tmp_path, scan(1), scan(2, **other)).partners(1) == []


def test_a_pair_that_failed_or_was_rejected_is_left_alone_until_somebody_asks(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2), scan(3))
    patient.refuse(3, 1)
    assert patient.partners(3) == [2]
    assert patient.partners(3, method="affine") == [1, 2]
    rejected = Notes(decision="rejected")
    patient.join(3, 2, notes=rejected, maker="orthanc-longitudinal", label="AUTOMATIC")
    assert patient.partners(3) == []
    assert patient.partners(3, is_asked=True) == [1, 2]
    assert patient.partners(3, method="affine") == [1]


def test_a_freer_method_is_wanted_where_only_a_rigid_one_is(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2))
    patient.join(2, 1)
    assert (patient.partners(2), patient.partners(2, method="deformable")) == ([], [1])
    patient.join(2, 1, kind="deformable")
    assert patient.partners(2, method="deformable") == []


def test_two_frames_that_are_named_are_aligned_whatever_joins_them(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2), scan(3))
    patient.join(2, 1)
    assert patient.partners(2, frames=frozenset({frame(1), frame(2)}), is_asked=True) == [1]


def test_of_a_study_with_two_frames_each_gets_its_turn(tmp_path: Path) -> None:
    second = scan(2, 2, frame_of_reference_uid="1.9.22")
    patient = Patient(tmp_path, scan(1), scan(2), second)
    wish = Wish("s1.2", is_asked=True)
    first = choose(patient.index, wish, patient.look, patient.last_update)
    assert first is not None
    done = frozenset({first.frame})
    last = choose(patient.index, wish, patient.look, patient.last_update, Tried(done))
    assert last is not None
    assert (first.frame, last.frame) == (frame(2), "1.9.22")
    assert choose(patient.index, wish, patient.look, patient.last_update, Tried(done | {last.frame})) is None


def test_standing(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2), scan(3), scan(4))
    patient.join(2, 1)
    patient.refuse(3, 1)
    assert [standing_of(patient.index, study) for study in patient.index.studies] == [
        "reference", "aligned", "failed", "needsAlignment",
    ]  # fmt: skip


def test_resolve_says_that_an_alignment_failed_and_by_which_figures(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2), scan(3))
    patient.refuse(3, 1)
    answer = patient.ward.point(10, 10, 10, frame(1))
    reasons = {item.study_instance_uid: (item.reason, item.detail) for item in answer.unresolved}
    assert reasons["1.2"][0] == "needsAlignment"
    assert reasons["1.3"][0] == "alignmentFailed"
    assert "inconsistent: it wanders (forwardBackwardMeanMm 14.2)" in reasons["1.3"][1]
    assert "2001-01-01" in reasons["1.3"][1]


def test_an_alignment_whose_process_ended_is_not_called_refused(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2), scan(3))
    patient.refuse(3, 1, rejection="workerCrashed")
    details = {
        item.study_instance_uid: item.detail for item in patient.ward.point(10, 10, 10, frame(1)).unresolved
    }
    assert "ended without a result, workerCrashed" in details["1.3"]
    assert "refused" not in details["1.3"]


def test_when_the_first_study_is_deleted_the_others_still_meet(tmp_path: Path) -> None:
    """Their transforms lead to a frame without images now: nothing is lost."""
    patient = Patient(tmp_path, scan(1), scan(2), scan(3))
    patient.join(2, 1)
    patient.join(3, 1)
    before = patient.ward.point(10, 10, 10, frame(2))
    patient.ward.heal(Stale(instances=tuple(one.orthanc_id for one in scan(1))))
    after = patient.ward.point(10, 10, 10, frame(2))
    place = {match.study_instance_uid: (match.x, match.y, match.z, match.path) for match in before.matches}
    assert {match.study_instance_uid for match in after.matches} == {"1.2", "1.3"}
    for match in after.matches:
        assert (match.x, match.y, match.z, match.path) == place[match.study_instance_uid]
    assert [standing_of(patient.index, study) for study in patient.index.studies] == ["reference", "aligned"]


def test_three_transforms_in_a_ring_are_walked_and_measured(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2), scan(3))
    patient.join(2, 1)
    patient.join(3, 2)
    assert find_loops(patient.index) == []
    ring = registration(3, frame(3), frame(1), shift(2, 4, 9), number=77)  # the two steps lead by (2, 4, 6)
    patient.ward.put(ring)
    (loop,) = find_loops(patient.index)
    assert loop.mean_mm == pytest.approx(3.0)
    assert loop.max_mm == pytest.approx(3.0)
    assert len(set(loop.transforms)) == 3


def test_after_two_failures_a_study_is_left_alone_whoever_else_is_there(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2), scan(3), scan(4))
    patient.refuse(4, 1)
    patient.refuse(4, 2)
    assert (patient.partners(4), patient.partners(4, is_asked=True)) == ([], [1, 2, 3])
    assert patient.partners(3) == [1, 2, 4]


# What failed, and for how long that says something


def series_of(*studies: int) -> list[TriedSeries]:
    return [TriedSeries(f"1.{study}.1", f"at {study}") for study in studies]


def test_a_pair_that_failed_may_be_tried_again_once_something_was_stored_in_it(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(2))
    patient.updates = {"i1.1.1.1": "at 1", "i1.2.1.1": "at 2"}
    patient.refuse(2, 1, series=series_of(1, 2))
    assert patient.partners(2) == []
    patient.updates["i1.1.1.1"] = "at 1, mended"
    assert patient.partners(2) == [1]


def test_a_series_that_cannot_be_read_is_nobodys_partner_and_keeps_nobody_from_another(
    tmp_path: Path,
) -> None:
    patient = Patient(tmp_path, *(scan(study) for study in (1, 2, 3, 4, 5)))
    patient.updates = {f"i1.{study}.1.1": f"at {study}" for study in range(1, 6)}
    for bad in (1, 2, 3):
        patient.refuse(
            5, bad, rejection="unreadablePixels", series=series_of(bad, 5), unusable_series_instance_uid=f"1.{bad}.1"
        )  # fmt: skip
    assert patient.partners(5) == [4]
    assert patient.partners(4) == [5], "what one study has found out of a series holds for the others"
    assert patient.partners(5, method="deformable") == [4], "and for every method"
    assert patient.partners(5, is_asked=True) == [1, 2, 3, 4]
    patient.updates["i1.5.1.1"] = "at 5, more of it"  # says nothing of the one that could not be read
    assert patient.partners(5) == [4]
    patient.updates["i1.2.1.1"] = "at 2, mended"
    assert patient.partners(5) == [2, 4]


def test_another_series_of_the_study_takes_the_place_of_one_that_cannot_be_read(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scan(1), scan(1, 2, spacing=0.5), scan(2))
    best = patient.pairs(2)[0].fixed.instance
    bad = best.rsplit(".", 1)[0].replace("i", "")
    uid = f"1.{bad.split('.')[1]}.{bad.split('.')[2]}"
    patient.refuse(
        2, 1, rejection="unreadablePixels", series=[TriedSeries(uid, "then")], unusable_series_instance_uid=uid
    )  # fmt: skip
    patient.updates[best] = "then"
    (pair,) = patient.pairs(2)
    assert pair.fixed.instance != best


@pytest.mark.parametrize(("rejection", "tries"), [("inconsistent", 2), ("workerCrashed", 6)])
def test_after_so_many_partners_in_vain_it_is_left(tmp_path: Path, rejection: str, tries: int) -> None:
    patient = Patient(tmp_path, *(scan(study) for study in range(1, 10)))
    for other in range(1, tries + 1):
        assert patient.partners(9)[0] == other
        patient.refuse(9, other, rejection=rejection)
    assert patient.partners(9) == []
    assert patient.partners(9, is_asked=True)
