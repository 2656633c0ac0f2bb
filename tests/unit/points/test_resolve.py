"""Which place answers, which does not, and why."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longitudinal.errors import Ambiguous, NotFound, NotIndexable, OutsideImage
from longitudinal.points.answer import Links
from longitudinal.points.resolver import PointQuestion, QuestionFilters, Resolver
from longitudinal.points.stale import Stale
from tests.annotations import decide
from tests.unit.patients.ward import (
    CORONAL,
    FRAME,
    SAGITTAL,
    Ward,
    image,
    plane,
    registration,
    shift,
    unplaced,
    volume,
)


def reasons(answer) -> dict[str, str]:
    return {item.study_instance_uid: item.reason for item in answer.unresolved}


def test_the_pixel_formula_of_the_standard(tmp_path: Path) -> None:
    ward = Ward(tmp_path, volume(1, spacing=2.0))
    answer = ward.click("1.1.1.3", row=10.5, column=20.25)
    assert (answer.point.x, answer.point.y, answer.point.z) == (40.5, 21.0, 4.0)
    (match,) = answer.matches
    assert (match.row, match.column, match.is_source, match.slice_index) == (10.5, 20.25, True, 2)


def test_each_reason(tmp_path: Path) -> None:
    ward = Ward(
        tmp_path,
        volume(1),
        volume(2, frame_of_reference_uid="1.2.8"),
        volume(3, heights=(100, 102, 104)),
        unplaced(4),
        volume(5, frame_of_reference_uid="1.2.7"),
        registration(5, "1.2.7", FRAME, shift(500, 0, 0)),
    )
    ward.connection.execute(
        "INSERT INTO studies (orthanc_id, patient_key, study_instance_uid, study_date) VALUES ('s1.6', 1, '1.6', '')"
    )
    answer = ward.point(40, 50, 5)
    assert [match.study_instance_uid for match in answer.matches] == ["1.1"]
    assert reasons(answer) == {
        "1.2": "needsAlignment",
        "1.3": "outsideCoverage",
        "1.4": "notIndexable",
        "1.5": "outsideCoverage",
        "1.6": "notIndexed",
    }
    details = {item.study_instance_uid: item.detail for item in answer.unresolved}
    assert "95.0 mm" in details["1.3"]
    assert "noGeometry" in details["1.4"]


def test_rules_of_choice_in_their_order(tmp_path: Path) -> None:
    """Each series of study 2 loses by exactly one rule to the one before it."""
    ward = Ward(
        tmp_path,
        volume(1, modality="MR"),
        volume(2, 1, modality="MR", heights=(0, 4.5, 9)),
        volume(2, 2, modality="MR", heights=(0, 4, 8), spacing=1.5),
        volume(2, 3, modality="MR", image_type="DERIVED\\SECONDARY"),
        [
            image(2, 4, n, modality="MR", planes=plane(position=(float(x), 0, 99), orientation=SAGITTAL))
            for n, x in enumerate(range(0, 80, 2), 1)
        ],
        volume(2, 5, modality="CT"),
    )
    expected = {"1.2.1": "voxel", "1.2.2": "original", "1.2.3": "plane", "1.2.4": "modality", "1.2.5": "only"}
    for series, rule in expected.items():
        answer = ward.click("1.1.1.3")
        match = answer.matches[1]
        assert (match.series_instance_uid, match.chosen_by) == (series, rule)
        assert match.other_series == 5 - int(series[-1])
        ward.heal(Stale(tuple(f"i{series}.{number}" for number in range(1, 41))))


def test_without_a_clicked_image_modality_and_plane_fall_away(tmp_path: Path) -> None:
    sagittal = [
        image(1, 2, n, planes=plane(position=(float(x), 0, 99), orientation=SAGITTAL, spacing=0.5, size=300))
        for n, x in enumerate(range(0, 80, 2), 1)
    ]
    ward = Ward(tmp_path, volume(1, 1), sagittal)
    match = ward.point(40, 50, 5).matches[0]
    assert (match.series_instance_uid, match.chosen_by) == ("1.1.2", "voxel")


def test_distance_decides_between_equals(tmp_path: Path) -> None:
    ward = Ward(tmp_path, volume(1, 1, heights=(0, 2, 4)), volume(1, 2, heights=(0.5, 2.5, 4.5)))
    match = ward.point(40, 50, 2.4).matches[0]
    assert (match.series_instance_uid, match.chosen_by) == ("1.1.2", "distance")
    assert match.distance_mm == pytest.approx(-0.1)


def test_per_series_every_series_is_in_exactly_one_list(tmp_path: Path) -> None:
    ward = Ward(tmp_path, volume(1, 1), volume(1, 2), unplaced(2, 1), volume(2, 2))
    answer = ward.click("1.1.1.3", per="series")
    assert [(m.series_instance_uid, m.is_source) for m in answer.matches] == [
        ("1.1.1", True),
        ("1.1.2", False),
        ("1.2.2", False),
    ]
    assert [(u.series_instance_uid, u.reason) for u in answer.unresolved] == [("1.2.1", "notIndexable")]


def test_roles_other_than_image_answer_only_when_asked_for(tmp_path: Path) -> None:
    ward = Ward(tmp_path, volume(1), volume(2, role="dose"))
    assert reasons(ward.click("1.1.1.3")) == {"1.2": "notIndexable"}
    asked = ward.click("1.1.1.3", roles=frozenset({"dose"}))
    assert [match.study_instance_uid for match in asked.matches] == ["1.1", "1.2"]


def test_filters(tmp_path: Path) -> None:
    ward = Ward(tmp_path, volume(1), volume(2), volume(3, modality="MR"), volume(4, study_date=""))
    listed = lambda **wanted: [m.study_instance_uid for m in ward.point(40, 50, 5, **wanted).matches]  # noqa: E731
    # Unknown dates sort last, and fail a filter by date.
    assert listed() == ["1.1", "1.2", "1.3", "1.4"]
    assert listed(first_date="2002-01-01") == ["1.2", "1.3"]
    assert listed(last_date="2002-01-01") == ["1.1", "1.2"]
    assert listed(modalities=frozenset({"MR"})) == ["1.3"]
    assert listed(studies=("1.3", "s1.1")) == ["1.1", "1.3"]
    assert reasons(ward.point(40, 50, 5.4, max_distance_mm=0.5)) == dict.fromkeys(
        ("1.1", "1.2", "1.3", "1.4"), "outsideCoverage"
    )
    with pytest.raises(NotFound) as error:
        ward.point(40, 50, 5, studies=("1.1", "7.7"))
    assert [field.field for field in error.value.fields] == ["/studyInstanceUids/1"]


def test_a_hole_answers_and_says_so(tmp_path: Path) -> None:
    ward = Ward(tmp_path, volume(1, heights=(0, 2, 4, 10, 12, 14)))
    assert [match.in_gap for match in ward.point(40, 50, 6.5).matches] == [True]
    assert [match.in_gap for match in ward.point(40, 50, 4.5).matches] == [False]


def test_one_frame_of_reference_per_slice_is_one_frame_flagged(tmp_path: Path) -> None:
    single = [msgspec.structs.replace(r, frame_of_reference_uid=f"1.5.{n}") for n, r in enumerate(volume(1))]
    ward = Ward(tmp_path, single)
    answer = ward.click("1.1.1.3")
    assert answer.point.frame_of_reference_uid == "series:1.1.1"
    assert answer.matches[0].flags == ("oneFramePerSlice",)
    # Every UID of the series stands for the frame.
    asked = ward.point(40, 50, 8, frame="1.5.0")
    assert asked.matches[0].sop_instance_uid == "1.1.1.5"


def test_slices_that_share_uids_are_not_collapsed(tmp_path: Path) -> None:
    uids = ["1.5.1"] * 5 + ["1.5.2"] * 5
    mixed = [
        msgspec.structs.replace(r, frame_of_reference_uid=uid) for uid, r in zip(uids, volume(1), strict=True)
    ]
    ward = Ward(tmp_path, mixed)
    assert ward.click("1.1.1.3").point.frame_of_reference_uid == "1.5.1"


def test_conflicting_identity_is_answered_and_flagged(tmp_path: Path) -> None:
    ward = Ward(
        tmp_path,
        volume(1, patient_birth_date="19500101"),
        volume(2, patient_birth_date="19510101"),
        volume(3),
    )
    answer = ward.click("1.1.1.3")
    assert answer.flags == ("identityConflict",)
    assert len(answer.matches) == 3
    assert Ward(tmp_path / "other", volume(1, patient_sex="F"), volume(2)).click("1.1.1.3").flags == ()


def test_a_uid_stored_twice_is_ambiguous(tmp_path: Path) -> None:
    twin = msgspec.structs.replace(
        image(2), sop_instance_uid="1.1.1.1", patient_id="Q", orthanc_patient="pQ", orthanc_id="iTwin"
    )
    ward = Ward(tmp_path, image(1), twin)
    with pytest.raises(Ambiguous) as error:
        ward.click("1.1.1.1")
    assert set(error.value.orthanc_ids) == {"i1.1.1.1", "iTwin"}


def test_the_orthanc_patient_of_all_studies_without_an_id_is_ambiguous(tmp_path: Path) -> None:
    nobody = [
        msgspec.structs.replace(record, patient_id=f"study:{record.study_instance_uid}")
        for record in (image(1), image(2))
    ]
    ward = Ward(tmp_path, nobody)
    with pytest.raises(Ambiguous, match=r"study:1\.1, study:1\.2"):
        ward.resolver.resolve(PointQuestion("pP", FRAME, (0, 0, 0)), QuestionFilters())
    assert ward.resolver.resolve(PointQuestion("study:1.2", FRAME, (0, 0, 0)), QuestionFilters()).matches


def test_the_same_frame_under_another_patient_is_another_patient(tmp_path: Path) -> None:
    other = [msgspec.structs.replace(record, patient_id="Q", orthanc_patient="pQ") for record in volume(2)]
    ward = Ward(tmp_path, volume(1), other)
    assert [match.study_instance_uid for match in ward.click("1.1.1.3").matches] == ["1.1"]


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    ward = Ward(tmp_path, volume(1), unplaced(2))
    with pytest.raises(NotFound) as unknown:
        ward.click("9.9")
    assert unknown.value.fields[0].field == "/sopInstanceUid"
    with pytest.raises(NotFound) as frame:
        ward.click("1.1.1.1", frame=2)
    assert frame.value.fields[0].field == "/frameNumber"
    with pytest.raises(OutsideImage) as outside:
        ward.click("1.1.1.1", row=-0.6, column=99.6)
    assert [field.field for field in outside.value.fields] == ["/row", "/column"]
    with pytest.raises(NotIndexable):
        ward.click("1.2.1.1")
    with pytest.raises(NotFound) as no_frame:
        ward.point(0, 0, 0, frame="8.8")
    assert no_frame.value.fields[0].field == "/frameOfReferenceUid"
    assert ward.click("1.1.1.1", row=-0.5, column=99.5).matches


def test_a_rotated_transform_keeps_the_clicked_plane(tmp_path: Path) -> None:
    """A quarter turn about x turns axial into coronal: the rule must compare planes after the turn."""
    turn = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 100], [0, 0, 0, 1.0]])
    coronal = [
        image(
            2,
            1,
            n,
            planes=plane(position=(0, float(y), 100), orientation=CORONAL),
            frame_of_reference_uid="1.2.8",
        )
        for n, y in enumerate(range(0, 20, 2), 1)
    ]
    axial = volume(2, 2, heights=range(0, 100, 2), frame_of_reference_uid="1.2.8")
    ward = Ward(tmp_path, volume(1), coronal, axial, registration(2, FRAME, "1.2.8", turn))
    match = ward.click("1.1.1.3").matches[1]
    assert (match.series_instance_uid, match.chosen_by) == ("1.2.1", "plane")
    assert (match.x, match.y, match.z) == pytest.approx((40, 4, 50))


def test_a_match_whose_path_has_an_unsigned_statement_says_so(tmp_path: Path) -> None:
    unsigned: set[tuple[str, int]] = set()
    one = registration(2, "1.2.8", FRAME, shift(0, 0, 0))
    other = registration(3, "1.2.7", "1.2.8", shift(0, 0, 0))
    ward = Ward(tmp_path, volume(1), volume(2, frame_of_reference_uid="1.2.8"))
    ward.put(volume(3, frame_of_reference_uid="1.2.7"), one, other)
    ward.resolver = Resolver(
        ward.readers, ward.catalogue, ward.archive, ward.heal, links=lambda *_: Links("", "", None),
        unsigned=lambda orthanc_id, item: ["review"] if (orthanc_id, item) in unsigned else [],
    )  # fmt: skip

    def flags() -> list[tuple[str, ...]]:
        return [match.flags for match in ward.click("1.1.1.3").matches]

    assert flags() == [(), (), ()]
    unsigned.add((other.orthanc_id, 1))
    assert flags() == [(), (), ("unsigned",)]
    unsigned.add((one.orthanc_id, 1))
    assert flags() == [(), ("unsigned",), ("unsigned",)]
    unsigned.clear()
    unsigned.add((one.orthanc_id, 2))  # another item of it
    assert flags() == [(), (), ()]


def test_alternatives_stand_beside_the_path(tmp_path: Path) -> None:
    ward = Ward(
        tmp_path,
        volume(1),
        volume(2, frame_of_reference_uid="1.2.8"),
        registration(2, "1.2.8", FRAME, shift(1, 0, 0), number=90, origin="automatic"),
        registration(2, "1.2.8", FRAME, shift(2, 0, 0), number=91, origin="person"),
    )
    match = ward.click("1.1.1.3").matches[1]
    assert match.path == ("1.2.9.91.1",)
    assert match.alternatives == ("1.2.9.90.1",)
    assert match.x == pytest.approx(38)


def test_a_transform_between_another_patients_frames_is_refused(tmp_path: Path) -> None:
    other = [
        msgspec.structs.replace(record, patient_id="Q", orthanc_patient="pQ", frame_of_reference_uid="1.2.8")
        for record in volume(2)
    ]
    ward = Ward(tmp_path, volume(1), other, registration(1, "1.2.8", FRAME, shift(1, 0, 0)))
    index = ward.catalogue.patient(1)
    assert index is not None
    assert [stored.refusal for stored in index.transforms] == ["otherPatient"]


def test_an_answer_names_nothing_that_is_gone(tmp_path: Path) -> None:
    ward = Ward(
        tmp_path,
        volume(1),
        volume(2, frame_of_reference_uid="1.2.8"),
        registration(2, "1.2.8", FRAME, shift(0, 0, 0)),
    )
    assert ward.click("1.1.1.3").matches[1].sop_instance_uid == "1.2.1.3"
    ward.archive.gone = {"i1.2.1.3"}
    healed = ward.click("1.1.1.3").matches[1]
    assert healed.sop_instance_uid in {"1.2.1.2", "1.2.1.4"}
    ward.archive.gone.add("i1.2.9.90")
    assert reasons(ward.click("1.1.1.3")) == {"1.2": "needsAlignment"}
    ward.archive.gone.add("i1.1.1.3")
    with pytest.raises(NotFound):
        ward.click("1.1.1.3")


def test_a_study_that_another_node_deleted_stands_in_no_list(tmp_path: Path) -> None:
    ward = Ward(tmp_path, volume(1), volume(2, frame_of_reference_uid="1.2.8"), volume(3, heights=(500, 502)))
    assert reasons(ward.click("1.1.1.3")) == {"1.2": "needsAlignment", "1.3": "outsideCoverage"}
    ward.archive.gone = {"s1.2"}
    assert reasons(ward.click("1.1.1.3")) == {"1.3": "outsideCoverage"}


def test_a_transform_that_another_node_rejected_is_not_used(tmp_path: Path) -> None:
    registered = registration(2, "1.2.8", FRAME, shift(0, 0, 0))
    ward = Ward(tmp_path, volume(1), volume(2, frame_of_reference_uid="1.2.8"), registered)
    ward.archive.annotations[registered.orthanc_id] = decide(None, 1, "accepted", "ann", "2026-01-01")
    assert ward.click("1.1.1.3").matches[1].path
    ward.archive.annotations[registered.orthanc_id] = decide(None, 1, "rejected", "ann", "2026-01-01")
    assert reasons(ward.click("1.1.1.3")) == {"1.2": "needsAlignment"}


KINDS = ("indexed", "elsewhere", "unaligned", "unplaced", "waiting", "report", "registration", "localizer")


@settings(max_examples=60, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=8), per=st.sampled_from(["study", "series"])
)
def test_every_study_is_in_exactly_one_list_in_time_order(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str], per: str
) -> None:
    ward = Ward(tmp_path_factory.mktemp("ward"), volume(1))
    for number, kind in enumerate(kinds, 2):
        match kind:
            case "indexed":
                ward.put(volume(number))
            case "elsewhere":
                ward.put(volume(number, heights=(500, 502)))
            case "unaligned":
                ward.put(volume(number, frame_of_reference_uid=f"1.2.{number}.7"))
            case "unplaced":
                ward.put(unplaced(number), unplaced(number, 2, "mosaic"))
            case "report":
                ward.put(unplaced(number, 1, "notAnImage", modality="SR"))
            case "registration":
                ward.put(registration(number, "5.5", "6.6", shift(1, 1, 1)))
            case "localizer":
                ward.put(volume(number, role="localizer"))
            case "waiting":
                ward.connection.execute(
                    "INSERT INTO studies (orthanc_id, patient_key, study_instance_uid, study_date) VALUES (?, 1, ?, ?)",
                    (f"s1.{number}", f"1.{number}", f"{2000 + number}0101"),
                )
    answer = ward.click("1.1.1.3", per=per)
    matched = [match.study_instance_uid for match in answer.matches]
    unmatched = [item.study_instance_uid for item in answer.unresolved]
    everyone = [f"1.{number}" for number in range(1, len(kinds) + 2)]
    assert sorted(set(matched) | set(unmatched)) == sorted(everyone)
    if per == "study":
        assert len(matched) + len(unmatched) == len(everyone)
    assert not set(matched) & set(unmatched) or per == "series"
    order = [int(uid.split(".")[1]) for uid in matched]
    assert order == sorted(order)
    assert [match.is_source for match in answer.matches].count(True) == 1
