"""The callback's short JSON and the file itself give the same header and planes, byte for byte.

The index is filled by the first, the backfill reads the second; they must never disagree.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom.data
import pytest
from pydicom.dataset import Dataset

from longitudinal.dicom.header import read_header
from longitudinal.dicom.image_planes import ImagePlanes, read_planes
from longitudinal.dicom.tags import Tags, lacks_private_values, read_file_tags
from tests import builders as build
from tests.data import dicom_files
from tests.orthanc.server import OrthancServer

RECORDER = Path(__file__).with_name("record_tags.py")


def with_private(group: int, creator: str, element: int, vr: str, value: object) -> Dataset:
    """An image with one private element, in the second block of its group."""
    ds = build.classic()
    ds.private_block(group, "SOMEBODY ELSE", create=True)
    ds.private_block(group, creator, create=True).add_new(element, vr, value)
    return ds


SYNTHETIC: dict[str, Callable[[], Dataset]] = {
    "oblique": lambda: build.classic((1.1, -2.2, 3.3), build.OBLIQUE, (0.7, 0.3), EchoTime=4.6),
    "number of frames 1": lambda: build.classic(NumberOfFrames=1),
    "mosaic": build.mosaic,
    "enhanced MR": lambda: build.enhanced(
        [
            build.functional_groups(
                PlanePositionSequence=build.place((0.1, 0.2, z * 1.7)),
                FrameContentSequence={
                    "FrameAcquisitionDateTime": "20240102133000.25",
                    "TemporalPositionIndex": 3,
                },
                MREchoSequence={"EffectiveEchoTime": 1 / 3},
                MRDiffusionSequence={"DiffusionBValue": 1000.1},
                MRImageFrameTypeSequence={
                    "FrameType": ["ORIGINAL", "PRIMARY", "M", "NONE"],
                    "ComplexImageComponent": "MAGNITUDE",
                },
            )
            for z in range(5)
        ]
    ),
    "segmentation": lambda: build.segmentation([(0, 0, z) for z in range(3)], [1, 2]),
    "NM": lambda: build.nuclear_medicine(frames=150, SpacingBetweenSlices=-3.3),
    # more than the 256 characters after which the REST route answers null
    "dose of 150 planes": lambda: build.dose([2.5 * plane for plane in range(150)]),
    "absolute dose": lambda: build.dose([-100.0, -97.5, -95.0]),
    "Japanese": lambda: build.classic((1, 2, 3), SpecificCharacterSet=["", "ISO 2022 IR 13"]),
    "tiles without the word": lambda: with_private(0x0019, "SIEMENS MR HEADER", 0x0A, "US", 4),
    "spectroscopy": lambda: build.classic(SOPClassUID=build.STORAGE + "4.2", PixelData=None),
    "no pixels": lambda: build.classic(PixelData=None),
    "several Rows": lambda: build.classic(Rows=[8, 8]),
    "several frames": lambda: build.classic(NumberOfFrames=3),
    "mosaic of unknown VR": lambda: with_private(0x0019, "SIEMENS MR HEADER", 0x0A, "UN", b"\4\0"),
    "acquired matrix": lambda: with_private(0x0051, "SIEMENS MR HEADER", 0x0B, "LO", "4p*3"),
    "grid": lambda: with_private(0x0065, "Image Private Header", 0x50, "DS", "4"),
    "padded": lambda: build.classic(PatientID="odd", StudyDescription="odd"),
}

CANNOT_BE_TOLD = {"ExplVR_BigEndNoMeta.dcm"}
"""Without a header pydicom takes big endian for little; nobody has sent such files for decades."""


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    # files that share their UIDs must not stand for one another
    options = {"OverwriteInstances": True}
    folder = tmp_path_factory.mktemp("recorder")
    with OrthancServer(folder, script=RECORDER, configuration=options) as server:
        yield server


def recorded(server: OrthancServer, file: bytes) -> Tags:
    """Store a file and return what the callback saw."""
    (answer,) = server.store_rest([file])
    tags: Tags = server.session.get(f"/recorded/{answer['ID']}").json()
    return tags


def assert_same(server: OrthancServer, file: bytes) -> bool:
    """Compare the readers; tell whether there were planes."""
    from_callback, from_file = recorded(server, file), read_file_tags(file)
    if lacks_private_values(from_callback):  # as read_record does
        from_callback = from_file
    assert read_header(from_callback) == read_header(from_file)
    first, second = read_planes(from_callback), read_planes(from_file)
    if not isinstance(first, ImagePlanes) or not isinstance(second, ImagePlanes):
        assert first == second
        return False
    assert first.role == second.role
    assert first.planes.tobytes() == second.planes.tobytes()
    return True


@pytest.mark.parametrize("name", SYNTHETIC)
def test_synthetic(recorder: OrthancServer, name: str) -> None:
    without_planes = {
        "mosaic", "tiles without the word", "mosaic of unknown VR", "grid", "spectroscopy", "no pixels", "several Rows",
        "several frames",
    }  # fmt: skip
    assert assert_same(recorder, build.as_file(SYNTHETIC[name]())) == (name not in without_planes)


@pytest.mark.parametrize(
    ("folder", "with_planes"),
    [
        ("dcm_philips_classic_vs_enhanced", 41),
        ("dcm_dicom2nifti_geometry", 14),
        ("dcm_decubitus_mr", 70),
        ("openms_dicom", 82),
        ("rt", 7),
        ("reg_independent", 0),
    ],
)
def test_real_files(recorder: OrthancServer, folder: str, with_planes: int) -> None:
    found = [assert_same(recorder, path.read_bytes()) for path in dicom_files(folder)]
    assert sum(found) == with_planes


def test_pydicoms_own_files(recorder: OrthancServer) -> None:
    compared = 0
    for path in sorted((Path(pydicom.data.__file__).parent / "test_files").rglob("*.dcm")):
        if path.name in CANNOT_BE_TOLD:
            continue
        response = recorder.session.post("/instances", data=path.read_bytes())
        # some are broken on purpose, and a DICOMDIR is answered by nothing: what is not stored is not read
        if response.ok and response.json().get("Status") == "Success":
            assert_same(recorder, path.read_bytes())
            compared += 1
    assert compared > 50
