"""Time order of studies: the best source first, then the earliest, offsets honoured, unknown last."""

from pathlib import Path

import pytest

from longitudinal.patients.study_time import sort_key, study_time
from tests.unit.patients.ward import Ward, unplaced, volume


def test_the_best_source_wins_over_an_earlier_time_of_a_lesser_one() -> None:
    times = [("2020-01-02T10:00:00", "acquisition"), ("2020-01-01T10:00:00", "content")]
    assert study_time(times) == "2020-01-02T10:00:00"


def test_the_earliest_of_the_best_source() -> None:
    times = [("2020-01-02T10:00:00", "series"), ("2020-01-02T09:00:00", "series"), (None, None)]
    assert study_time(times) == "2020-01-02T09:00:00"


def test_unknown_is_none_and_last() -> None:
    assert study_time([(None, None), ("2020-01-01", None)]) is None
    assert sort_key(None) == sort_key("not a time") == float("inf")


@pytest.mark.parametrize("source", ["acquisition", "content"])
def test_offsets_order_studies_of_two_time_zones(tmp_path: Path, source: str) -> None:
    """09:00 in Tokyo is before 02:00 in Paris on the same day."""
    ward = Ward(
        tmp_path,
        volume(1, acquisition_date_time="2020-06-01T02:00:00+02:00", time_source=source),
        volume(2, acquisition_date_time="2020-06-01T08:30:00+09:00", time_source=source),
    )
    assert [match.study_instance_uid for match in ward.point(40, 50, 5).matches] == ["1.2", "1.1"]


def test_a_report_made_later_does_not_date_the_scan(tmp_path: Path) -> None:
    ward = Ward(
        tmp_path,
        volume(1, acquisition_date_time="2020-01-01", time_source="study"),
        unplaced(1, 7, acquisition_date_time="2010-01-01", time_source="acquisition"),
        volume(2, acquisition_date_time="2015-01-01", time_source="acquisition"),
    )
    assert [match.study_instance_uid for match in ward.point(40, 50, 5).matches] == ["1.2", "1.1"]
