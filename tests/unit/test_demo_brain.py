"""The demo's own geometry against slower ways to the same numbers."""

import gzip
import struct
import zipfile
from pathlib import Path

import demo_brain
import numpy as np
import pytest
from demo_brain import TEMPLATE, TIME_POINTS, Template, TimePoint, make_images, read_template, sample, uid

from longitudinal.geometry.affine import is_rigid


@pytest.fixture
def template() -> Template:
    """A template of 3 mm voxels whose value is linear in the position, so that interpolation is exact."""
    matrix = np.diag([-3.0, -3.0, 3.0, 1.0])
    matrix[:3, 3] = [96, 130, -75]
    index = np.indices((65, 80, 60)).reshape(3, -1).T
    values = index @ matrix[:3, :3].T + matrix[:3, 3]
    return Template((values @ [0.2, 0.3, 0.1] + 100).reshape(65, 80, 60).astype(np.float32), matrix)


def test_interpolation_is_exact_where_the_image_is_linear(template: Template) -> None:
    points = np.random.default_rng(1).uniform(-60, 60, (200, 3))
    np.testing.assert_allclose(sample(template, points), points @ [0.2, 0.3, 0.1] + 100, atol=1e-3)
    assert sample(template, np.array([[500.0, 0, 0], [0, -500.0, 0]])).tolist() == [0, 0]


@pytest.mark.parametrize("time_point", TIME_POINTS, ids=lambda each: f"{each.number}")
def test_the_motion_is_rigid_and_the_lesion_is_imaged(time_point: TimePoint, template: Template) -> None:
    assert is_rigid(time_point.patient_from_template)
    images = list(make_images(time_point, template))
    assert len(images) <= 100
    lesion = time_point.patient_from_template @ [*demo_brain.LESION, 1]
    offsets = [abs(float(image.ImagePositionPatient[2]) - lesion[2]) for image in images]
    image = images[int(np.argmin(offsets))]
    column, row = (lesion[:2] - np.array(image.ImagePositionPatient[:2], float)) / 2.0
    seen = float(image.pixel_array[round(row), round(column)]) / 4
    assert seen == pytest.approx(70 if time_point.contrast == "T1" else 235, abs=15)


def test_the_frames_and_studies_are_all_different_and_always_the_same() -> None:
    assert len({each.frame_of_reference_uid for each in TIME_POINTS}) == 3
    assert len({each.study_uid for each in TIME_POINTS}) == 3
    assert uid("study", 1) == TIME_POINTS[0].study_uid
    assert all(len(each.study_uid) <= 64 for each in TIME_POINTS)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_nifti_file_is_read_in_either_byte_order(order: str, tmp_path: Path) -> None:
    header = bytearray(352)
    struct.pack_into(f"{order}i", header, 0, 348)
    struct.pack_into(f"{order}8h", header, 40, 3, 2, 3, 4, 1, 1, 1, 1)
    struct.pack_into(f"{order}h", header, 70, 4)
    struct.pack_into(f"{order}f", header, 108, 352)
    struct.pack_into(f"{order}12f", header, 280, 2, 0, 0, -10, 0, 2, 0, -20, 0, 0, 2, -30)
    voxels = np.arange(24, dtype=f"{order}i2")
    with zipfile.ZipFile(tmp_path / "wheel", "w") as archive:
        archive.writestr(TEMPLATE, gzip.compress(bytes(header) + voxels.tobytes()))
    template = read_template(tmp_path / "wheel")
    assert template.voxels.shape == (2, 3, 4)
    assert template.voxels[1, 0, 0] / template.voxels[0, 0, 1] == pytest.approx(1 / 6), (
        "the first index runs fastest"
    )
    # RAS becomes LPS: x and y change their signs
    assert (template.template_from_voxel @ [1, 1, 1, 1]).tolist() == [8, 18, -28, 1]
