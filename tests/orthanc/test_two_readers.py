"""Orthanc's reading of an object and ours of its file give the same header and planes, byte for byte.

The index is made from the second; of what pydicom cannot read, and of very large files, from the first.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom.data
import pytest
from pydicom.dataset import Dataset

from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.header import read_header
from longitudinal.dicom.planes.image_planes import ImagePlanes, read_planes
from longitudinal.dicom.tag_names import READ_PRIVATE_TAGS, READ_TAGS
from longitudinal.dicom.tags import Tags, private_key
from tests import builders as build
from tests.data import dicom_files
from tests.orthanc.server import OrthancServer

WHOLE = ",".join(sorted(tag.replace(",", "-") for tag in READ_TAGS))
"""As the plugin asks: values of more than 256 characters are null unless they are named."""


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
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    # files that share their UIDs must not stand for one another
    options = {"OverwriteInstances": True}
    with OrthancServer(tmp_path_factory.mktemp("bare"), plugin=False, configuration=options) as server:
        yield server


def read_by_orthanc(server: OrthancServer, file: bytes) -> Tags:
    """Store a file and have Orthanc read it."""
    (answer,) = server.store_rest([file])
    path = f"/instances/{answer['ID']}/tags?short&ignore-length={WHOLE}"
    tags: Tags = server.session.get(path).json()
    return tags


def lacks_private_values(tags: Tags) -> bool:
    """Whether Orthanc has cut a private element that is asked for, as it does not know its VR."""
    keys = (private_key(tags, wanted) for wanted in READ_PRIVATE_TAGS)
    return any(key is not None and tags[key] is None for key in keys)


def assert_same(server: OrthancServer, file: bytes) -> bool:
    """Compare the readers; tell whether there were planes."""
    from_orthanc, from_file = read_by_orthanc(server, file), read_file_tags(file)
    if lacks_private_values(from_orthanc):  # nothing else of the file can be told by it
        from_orthanc = from_file
    assert read_header(from_orthanc) == read_header(from_file)
    first, second = read_planes(from_orthanc), read_planes(from_file)
    if not isinstance(first, ImagePlanes) or not isinstance(second, ImagePlanes):
        assert first == second
        return False
    assert first.role == second.role
    assert first.planes.tobytes() == second.planes.tobytes()
    return True


@pytest.mark.parametrize("name", SYNTHETIC)
def test_synthetic(bare: OrthancServer, name: str) -> None:
    without_planes = {
        "mosaic", "tiles without the word", "mosaic of unknown VR", "grid", "spectroscopy", "no pixels", "several Rows",
        "several frames",
    }  # fmt: skip
    assert assert_same(bare, build.as_file(SYNTHETIC[name]())) == (name not in without_planes)


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
def test_real_files(bare: OrthancServer, folder: str, with_planes: int) -> None:
    found = [assert_same(bare, path.read_bytes()) for path in dicom_files(folder)]
    assert sum(found) == with_planes


def test_pydicoms_own_files(bare: OrthancServer) -> None:
    compared = 0
    for path in sorted((Path(pydicom.data.__file__).parent / "test_files").rglob("*.dcm")):
        if path.name in CANNOT_BE_TOLD:
            continue
        response = bare.session.post("/instances", data=path.read_bytes())
        # some are broken on purpose, and a DICOMDIR is answered by nothing: what is not stored is not read
        if response.ok and response.json().get("Status") == "Success":
            assert_same(bare, path.read_bytes())
            compared += 1
    assert compared > 50
