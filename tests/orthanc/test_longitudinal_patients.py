"""Made patients are what their truth says: resolve leads to it, and the pixels show it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.longitudinal_patients import load, main
from benchmarks.made_patients.head import Registrations, make_head
from benchmarks.made_patients.odd import make_odd
from benchmarks.made_patients.phantom import SIDE_MM, make_phantom
from tests.orthanc.server import OrthancServer

MADE_MM = 1e-4
"""What is left of a point after the decimals of the files."""


def stored(server: OrthancServer, folder: Path) -> None:
    before = server.health()["instances"]
    count = load(folder, server.url, server.session.auth)
    server.wait_indexed(lambda health: health["instances"] == before + count)


def planes_of(server: OrthancServer, study: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    found = server.session.get(f"/imaging/series/{study['seriesInstanceUid']}/stacks").json()
    (stack,) = found["stacks"]
    return stack, stack["planes"]


def values_of(server: OrthancServer, plane: dict[str, Any]) -> np.ndarray:
    pixels = np.squeeze(np.load(io.BytesIO(server.session.get(plane["links"]["pixels"]).content)))
    return pixels * plane["rescaleSlope"] + plane["rescaleIntercept"]


@pytest.mark.parametrize("registrations", ["first", "chain"])
def test_resolve_leads_to_the_truth(
    server: OrthancServer, tmp_path: Path, registrations: Registrations
) -> None:
    truth = make_head(tmp_path / "made", 4, size=96, registrations=registrations, points=6)
    stored(server, tmp_path / "made")
    first, *others = truth["studies"]
    lengths = set()
    for number, (x, y, z) in enumerate(first["points"]):
        answer = server.session.post(
            "/imaging/points/resolve",
            json={
                "patientId": truth["patientId"],
                "frameOfReferenceUid": first["frameOfReferenceUid"],
                "x": x,
                "y": y,
                "z": z,
            },
        ).json()
        found = {match["studyInstanceUid"]: match for match in answer["matches"]}
        assert len(found) == 4
        for study in others:
            match = found[study["studyInstanceUid"]]
            lengths.add(len(match["path"]))
            assert [match["x"], match["y"], match["z"]] == pytest.approx(study["points"][number], abs=MADE_MM)
            column, row, slice_number = study["pixels"][number]
            assert (match["column"], match["row"]) == pytest.approx((column, row), abs=1e-3)
            assert match["sliceIndex"] == round(slice_number)
            assert match["sopInstanceUid"] == study["sopInstanceUids"][match["sliceIndex"]]
    assert lengths == ({1} if registrations == "first" else {1, 2, 3})


def test_the_lesion_is_where_the_truth_says_in_every_study(server: OrthancServer, tmp_path: Path) -> None:
    truth = make_head(tmp_path / "made", 3, size=128)
    stored(server, tmp_path / "made")
    for study in truth["studies"]:
        _, planes = planes_of(server, study)
        column, row, slice_number = study["pixels"][0]
        values = values_of(server, planes[round(slice_number)])
        assert values[round(row), round(column)] > 1.3 * np.percentile(values, 99)


def test_the_phantom_is_100_mm_in_every_direction_whatever_its_pixels(
    server: OrthancServer, tmp_path: Path
) -> None:
    truth = make_phantom(tmp_path / "made")
    stored(server, tmp_path / "made")
    for study in truth["studies"]:
        stack, planes = planes_of(server, study)
        assert stack["pixelSpacing"] == study["pixelSpacing"]
        air = values_of(server, planes[0]).min()
        column, row, slice_number = study["pixels"][0]
        values = values_of(server, planes[round(slice_number)])
        box = values[round(row) + 20, round(column)]
        for axis, spacing in ((0, stack["pixelSpacing"][0]), (1, stack["pixelSpacing"][1])):
            line = values[:, round(column) + 10] if axis == 0 else values[round(row) + 10]
            covered = np.clip((line - air) / (box - air), 0, 1).sum() * spacing
            assert covered == pytest.approx(SIDE_MM, abs=0.05), study["what"]
        for column, row, slice_number in study["pixels"]:
            near = values_of(server, planes[round(slice_number)])[round(row), round(column)]
            assert near > box + 0.5 * (600 - 40), study["what"]


def test_the_odd_patient_is_odd_in_the_ways_it_says(server: OrthancServer, tmp_path: Path) -> None:
    truth = make_odd(tmp_path / "made")
    stored(server, tmp_path / "made")
    found = {
        study["what"]: server.session.get(f"/imaging/series/{study['seriesInstanceUid']}/stacks").json()
        for study in truth["studies"]
    }
    middle = {}
    for what, answer in found.items():
        for stack in answer["stacks"]:
            at = len(stack["planes"]) // 2
            pixels = server.session.get(stack["planes"][at]["links"]["pixels"])
            middle[what] = np.squeeze(np.load(io.BytesIO(pixels.content))) if pixels.ok else None
    assert middle["ordinary"] is not None
    # slice 6 of 12 is the one that was cut
    assert server.session.get(
        found["one frame does not decode"]["stacks"][0]["planes"][5]["links"]["pixels"]
    ).status_code in (400, 500)
    assert middle["4000 x 4000 pixels"].shape == (4_000, 4_000)
    (alone,) = found["a single slice"]["stacks"]
    assert alone["spacingMm"] is None
    (bare,) = found["no Frame of Reference"]["stacks"]
    assert bare["frameOfReferenceUid"].startswith("series:")
    assert found["MONOCHROME1"]["stacks"][0]["photometricInterpretation"] == "MONOCHROME1"
    (words,) = found["12 bits with an overlay above"]["stacks"]
    assert (words["bitsStored"], words["pixelRepresentation"]) == (12, 1)
    values = (middle["12 bits with an overlay above"].astype(int) & 0xFFF ^ 0x800) - 0x800
    assert (values.min(), values.max()) == (-1000, 400)
    table = found["values by a table"]["stacks"][0]["planes"][0]
    assert (table["rescaleSlope"], "ModalityLUTSequence" in table["rescaleReason"]) == (None, True)
    last = found["colours, ultrasound, a dose of 32 bits"]
    assert [entry["reason"] for entry in last["notIndexed"]] == ["noGeometry"]
    patient = server.session.get(f"/imaging/patients/{truth['patientId']}").json()
    assert patient["patientName"] == truth["patientName"]
    assert patient["studies"][-1]["studyDate"] == ""


def test_the_same_seed_makes_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    made = []
    for folder, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        main(["head", str(tmp_path / folder), "--studies", "2", "--size", "48", "--seed", seed])
        made.append(
            {path.name: path.read_bytes() for path in (tmp_path / folder).rglob("*") if path.is_file()}
        )
    assert made[0] == made[1]
    assert not set(made[0].values()) & set(made[2].values())
