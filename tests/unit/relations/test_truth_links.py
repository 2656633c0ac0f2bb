"""Links of real sets against a list that was made independently, file by file."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

from tests.data import data, dicom_files
from tests.unit.http.served import Served

SETS = ("eclipse_prostate", "lung1_002", "sts_001", "pinnacle")
_Key = tuple[str, str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("links"))
    for name in SETS:
        for path in dicom_files(f"rt_truth/{name}"):
            served.store(pydicom.dcmread(path))
    yield served
    served.close()


@pytest.mark.parametrize("name", SETS)
def test_every_link_is_found_and_judged_as_the_list_says(served: Served, name: str) -> None:
    expected: Counter[_Key] = Counter()
    items: Counter[tuple[str, str]] = Counter()
    with Path(data(f"rt_truth/{name}/truth_links.csv")).open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            expected[row["from_sop_instance_uid"], row["tag_path"], row["status_cut"]] += int(
                row["count_distinct"]
            )
            items[row["from_sop_instance_uid"], row["tag_path"]] += int(row["count_references"])
    objects = {uid for uid, _ in items}
    patient = pydicom.dcmread(dicom_files(f"rt_truth/{name}")[0]).PatientID
    answer = served.ask("GET", f"/patients/{patient}/relations").json
    found: Counter[_Key] = Counter()
    named: Counter[tuple[str, str]] = Counter()
    for edge in answer["edges"]:
        uid = edge["from"].removeprefix("instance:")
        # numbers of beams are no links of the list; what nobody states is none either
        if edge["inferred"] or edge["role"] in ("beam", "roi", "fractionGroup"):
            continue
        assert uid in objects
        found[uid, edge["path"], "ok"] += edge["present"]
        found[uid, edge["path"], "missing"] += edge["count"] - edge["present"]
        named[uid, edge["path"]] += edge["references"]
    assert +found == +expected
    assert named == items


def test_the_broken_links_of_a_real_set_are_said_in_words_and_guessed_apart(served: Served) -> None:
    patient = pydicom.dcmread(data("rt_truth/lung1_002/rtplan.dcm")).PatientID
    answer = served.ask("GET", f"/patients/{patient}/relations").json
    texts = [problem["text"] for problem in answer["problems"]]
    assert 'The structure set of this plan "1deel1" is not here' in texts
    assert 'The plan of this dose "PLAN GY" is not here' in texts
    assert 'Of the images that this structure set "1" was drawn on only 20 of 111 are here' in texts
    assert 'The images that the contours of this structure set "1" name are not here' in texts
    guessed = {edge["role"]: edge for edge in answer["edges"] if edge["inferred"]}
    assert sorted(guessed) == ["plan", "structureSet"]
    assert all(edge["status"] is None and len(edge["evidence"]) == 3 for edge in guessed.values())
    # a guess is never followed: without a link nothing is planning but the plan itself
    (planning,) = [group for group in answer["groups"] if group["name"] == "planning"]
    assert len(planning["seriesInstanceUids"]) == 1
