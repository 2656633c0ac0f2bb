"""The command on folders of DICOM files made from a phantom."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from longitudinal import align
from longitudinal.geometry import affine
from longitudinal.registration.alignment import Alignment, Method
from longitudinal.registration.quality import NO_OVERLAP
from longitudinal.registration.volume import Volume
from tests.builders import as_file, classic
from tests.data import data
from tests.unit.registration.phantoms import BODY, MOTION, NEAR_MOTION, Body, mean_error, scan

pytestmark = pytest.mark.slow

WITHIN_MM = 0.5


def write(folder: Path, volume: Volume, study: str, frame: str | None) -> Path:
    """One file a layer; grey values are stored with a slope, and the files are not in the order of the slices."""
    folder.mkdir()
    for k, layer in enumerate(volume.voxels):
        position = volume.origin + (0, 0, k * volume.spacing[2])
        image = classic(
            position, spacing=(volume.spacing[1], volume.spacing[0]), Rows=layer.shape[0], Columns=layer.shape[1],
            SliceThickness=volume.spacing[2], InstanceNumber=k + 1, StudyInstanceUID=study,
            SeriesInstanceUID=study + ".1", FrameOfReferenceUID=frame, PixelRepresentation=1,
            RescaleSlope="0.5", RescaleIntercept="-100",
        )  # fmt: skip
        image.PixelData = np.rint((layer + 100) / 0.5).astype("<i2").tobytes()
        (folder / f"{(k * 7) % 41:03}.dcm").write_bytes(as_file(image))
    (folder / "notes.txt").write_text("no DICOM")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("align")
    moving = scan(BODY, affine.invert(MOTION), seed=1)
    near = root / "near.json"
    near.write_text(json.dumps({"matrix": affine.invert(NEAR_MOTION).tolist()}))
    return {
        "fixed": write(root / "fixed", scan(BODY), "1.2.3", "1.2.3.9"),
        "moving": write(root / "moving", moving, "1.2.4", "1.2.4.9"),
        "same": write(root / "same", moving, "1.2.5", "1.2.3.9"),
        "unframed": write(root / "unframed", moving, "1.2.6", None),
        "other": write(root / "other", scan(Body.random(7)), "1.2.7", "1.2.7.9"),
        "near": near,
    }


def run(capsys: pytest.CaptureFixture[str], *arguments: Path | str) -> tuple[int, dict[str, Any], str]:
    status = align.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, json.loads(out) if out else {}, err


@pytest.mark.parametrize("name", ["moving", "unframed"])
def test_the_object_maps_the_later_frame_into_the_earlier(
    name: str, folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reg.dcm"
    status, figures, _ = run(
        capsys, folders["fixed"], folders[name], "--initial", folders["near"], "--out", out
    )
    assert (status, figures["accepted"]) == (align.ACCEPTED, True)
    written = pydicom.dcmread(out)
    assert written.StudyInstanceUID == align.read_series(folders[name]).first.StudyInstanceUID
    assert written.FrameOfReferenceUID == "1.2.3.9"
    item = written.RegistrationSequence[1]
    assert item.get("FrameOfReferenceUID") == ("1.2.4.9" if name == "moving" else None)
    assert len(item.ReferencedImageSequence) == 40
    (matrix,) = item.MatrixRegistrationSequence[0].MatrixSequence
    fixed_from_moving = np.array(matrix.FrameOfReferenceTransformationMatrix, float).reshape(4, 4)
    np.testing.assert_allclose(fixed_from_moving, figures["fixedFromMoving"], atol=1e-9)
    assert mean_error(affine.invert(fixed_from_moving), MOTION) < WITHIN_MM


def test_the_same_scans_make_the_same_file(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for threads in ("1", "2"):
        out = tmp_path / f"{threads}.dcm"
        run(
            capsys, folders["fixed"], folders["moving"], "--initial", folders["near"], "--out", out,
            "--threads", threads,
        )  # fmt: skip
        files.append(out.read_bytes())
    assert files[0] == files[1]


def test_another_start_makes_another_object(folders: dict[str, Path]) -> None:
    fixed, moving = (align.read_series(folders[name]) for name in ("fixed", "moving"))
    found = Alignment(MOTION, None, Method.RIGID, NO_OVERLAP, "engine 1")
    starts = (None, np.eye(4), NEAR_MOTION)
    assert (
        len({str(align.registration_object(found, fixed, moving, start).SOPInstanceUID) for start in starts})
        == 3
    )


def test_what_its_own_check_rejects_is_not_written(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    near = tmp_path / "near.json"
    near.write_text(json.dumps({"matrix": np.eye(4).tolist()}))
    out = tmp_path / "reg.dcm"
    status, figures, _ = run(capsys, folders["fixed"], folders["other"], "--initial", near, "--out", out)
    assert (status, figures["accepted"]) == (align.REJECTED, False)
    assert figures["quality"]["rejection"]
    assert not out.exists()


def test_landmarks_are_a_start(tmp_path: Path) -> None:
    fixed = np.random.default_rng(1).uniform(-50, 50, (6, 3))
    path = tmp_path / "landmarks.json"
    path.write_text(json.dumps({"fixed": fixed.tolist(), "moving": affine.apply(MOTION, fixed).tolist()}))
    np.testing.assert_allclose(align.read_initial(path), MOTION, atol=1e-9)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("no json", "no JSON"),
        ("[1, 2]", '"matrix"'),
        ('{"matrix": [[1, 2], [3, 4]]}', "4 rows of 4"),
        ('{"matrix": "x"}', "4 rows of 4"),
        ('{"fixed": [[0, 0, 0], [1, 0, 0]], "moving": [[0, 0, 0], [1, 0, 0]]}', "at least 3"),
        ("{}", "fixed"),
    ],
)
def test_a_start_that_is_none_says_what_is_wrong(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "initial.json"
    path.write_text(content)
    with pytest.raises(align.UnusableInput, match=said):
        align.read_initial(path)


def test_a_folder_without_a_scan_is_named(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, said = run(capsys, tmp_path, folders["moving"])
    assert status == align.UNUSABLE
    assert str(tmp_path) in said


def test_scans_in_one_frame_are_not_aligned(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, said = run(capsys, folders["fixed"], folders["same"])
    assert status == align.UNUSABLE
    assert "1.2.3.9" in said


def test_pixels_that_cannot_be_decoded_are_named(folders: dict[str, Path]) -> None:
    series = align.read_series(folders["fixed"])
    path, _ = series.frames[0]
    broken = path.with_name("broken.dcm")
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEG2000Lossless
    dataset["PixelData"].VR = "OB"
    dataset.PixelData = pydicom.encaps.encapsulate([b"no codestream"])
    dataset.save_as(broken)
    series.frames[0] = (broken, 0)
    series.headers[broken] = dataset
    with pytest.raises(align.UnusableInput, match=r"broken\.dcm.*JPEG 2000"):
        series.volume()
    broken.unlink()


def test_classic_and_enhanced_files_of_one_scan_make_one_volume() -> None:
    classic_files = align.read_series(data("dcm_philips_classic_vs_enhanced/classic"))
    enhanced = align.read_series(data("dcm_philips_classic_vs_enhanced/enhanced"))
    first, second = classic_files.volume(), enhanced.volume()
    np.testing.assert_allclose(first.point_from_index, second.point_from_index, atol=1e-4)
    correlation = np.corrcoef(first.voxels.ravel(), second.voxels.ravel())[0, 1]
    assert correlation > 0.9999
