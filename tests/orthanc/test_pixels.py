"""What a worker reads from a real Orthanc is what pydicom decodes, and never what could end it."""

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless, generate_uid

from longitudinal.jobs.pixels import PixelSource, PixelsTooDeep, PixelsUnavailable
from tests import builders as build
from tests.orthanc.heads import head, study_of
from tests.orthanc.server import OrthancServer
from tests.orthanc.test_alignment import get
from tests.orthanc.test_failing_pairs import failures, is_quiet
from tests.unit.dicom.test_nesting import nested

pytestmark = pytest.mark.timeout(400)

TRUE = np.arange(-2048, 2048, 2, dtype=np.int32).reshape(32, 64)
OVERLAY = 0x5000
WORDS: dict[str, tuple[NDArray[Any], int]] = {
    "signed without sign extended": (TRUE & 0xFFF, 1),
    "signed with sign extended": (TRUE & 0xFFFF, 1),
    "signed below an overlay": ((TRUE & 0xFFF) | OVERLAY, 1),
    "unsigned below an overlay": ((TRUE + 2048) | OVERLAY, 0),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    configuration = {"Longitudinal": {"AlignOnArrival": False}}
    with OrthancServer(tmp_path_factory.mktemp("pixels"), configuration=configuration) as server:
        yield server


def source_of(server: OrthancServer) -> PixelSource:
    password = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
    return PixelSource(server.url, f"Basic {password}")


def twelve_bits(words: NDArray[Any], signed: int, **attributes: Any) -> Dataset:
    size = {"Rows": words.shape[0], "Columns": words.shape[1]}
    bits = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": signed}
    ds = build.classic(**(size | bits | attributes))
    ds.add_new("PixelData", "OW", words.astype(np.uint16).tobytes())
    return ds


def stored(server: OrthancServer, ds: Dataset, *, rle: bool = False) -> tuple[str, Dataset]:
    """Orthanc id, and what pydicom reads of the file."""
    read = build.from_file(build.as_file(ds))
    if rle:
        read.compress(RLELossless)
    file = io.BytesIO()
    read.save_as(file)
    return server.store_rest([file.getvalue()])[0]["ID"], build.from_file(file.getvalue())


@pytest.mark.parametrize("rle", [False, True])
@pytest.mark.parametrize("name", WORDS)
def test_values_are_those_of_the_stored_bits(server: OrthancServer, name: str, rle: bool) -> None:
    words, signed = WORDS[name]
    ds = twelve_bits(words, signed, RescaleSlope=2.5, RescaleIntercept=-7)
    instance, file = stored(server, ds, rle=rle)
    assert np.array_equal(file.pixel_array, TRUE if signed else TRUE + 2048)
    source = source_of(server)
    assert np.array_equal(source.read(instance, 1), file.pixel_array * np.float32(2.5) - 7)
    assert np.array_equal(source.read(instance, 1, rescale=False), file.pixel_array)


def test_bits_elsewhere_in_the_word_are_right_or_refused(server: OrthancServer) -> None:
    words = ((TRUE + 2048) << 4) | 5
    plain, _ = stored(server, twelve_bits(words, 0, HighBit=15))
    assert np.array_equal(source_of(server).read(plain, 1), TRUE + 2048)
    compressed, _ = stored(server, twelve_bits(words, 0, HighBit=15), rle=True)
    with pytest.raises(PixelsUnavailable, match="HighBit is 15"):
        source_of(server).read(compressed, 1)


def test_each_frame_has_its_own_rescale(server: OrthancServer) -> None:
    slopes = [(1.0, 0.0), (0.5, -3.0), (2.0, 100.0)]
    groups = [
        build.functional_groups(
            PlanePositionSequence=build.place((0, 0, z)),
            PixelValueTransformationSequence={"RescaleSlope": a, "RescaleIntercept": b, "RescaleType": "US"},
        )
        for z, (a, b) in enumerate(slopes)
    ]
    ds = build.enhanced(groups, BitsStored=12, HighBit=11)
    words = np.random.default_rng(3).integers(0, 1 << 16, (3, 8, 6)).astype(np.uint16)
    ds.add_new("PixelData", "OW", words.tobytes())
    instance, file = stored(server, ds)
    source = source_of(server)
    for number, (slope, intercept) in enumerate(slopes):
        assert np.array_equal(source.read(instance, number + 1), file.pixel_array[number] * slope + intercept)


def deepened(file: bytes, levels: int) -> Dataset:
    """The object with sequences nested so deep beside its own attributes."""
    ds = pydicom.dcmread(io.BytesIO(nested(levels)))
    own = build.from_file(file)
    ds.update(own)
    ds.file_meta = own.file_meta
    return ds


def files_of(datasets: list[Dataset], folder: Path) -> list[Path]:
    paths = [folder / f"{number}.dcm" for number in range(len(datasets))]
    for ds, path in zip(datasets, paths, strict=True):
        ds.save_as(path, enforce_file_format=True)
    return paths


def test_an_object_overwritten_by_a_deep_one_is_not_asked_for_either(
    start_orthanc: Callable[..., OrthancServer], tmp_path: Path
) -> None:
    server = start_orthanc(
        configuration={"OverwriteInstances": True, "Longitudinal": {"AlignOnArrival": False}}
    )
    ds = build.classic(SOPInstanceUID=generate_uid())
    instance, file = stored(server, ds)
    source_of(server).read(instance, 1)
    server.store_scu(files_of([deepened(build.as_file(file), 60)], tmp_path))
    with pytest.raises(PixelsTooDeep, match="32 levels"):
        source_of(server).read(instance, 1)
    assert server.is_running


def test_a_deep_series_ends_neither_alignment_on_arrival_nor_orthanc(
    start_orthanc: Callable[..., OrthancServer], tmp_path: Path
) -> None:
    """Study 2 came by C-STORE with one slice 60 levels deep; study 3 is tried with it, and goes with study 1."""
    server = start_orthanc(configuration={"Longitudinal": {"QuietSeconds": 2, "TakeoverSeconds": 0}})
    server.store_rest(head(1))
    deep = [
        deepened(file, 60) if number == 5 else build.from_file(file)
        for number, file in enumerate(head(2, real=2))
    ]
    server.store_scu(files_of(deep, tmp_path))
    server.store_rest(head(3, real=2))
    server.wait_until(
        lambda: is_quiet(server) and get(server, f"/studies/{study_of(3)}")["alignment"] != "queued"
        and {"reference", "aligned"} <= {each["alignment"] for each in get(server, "/patients/HEAD")["studies"]},
        within=300, what="the healthy ones are joined",
    )  # fmt: skip
    assert server.is_running
    states = {
        each["studyInstanceUid"]: each["alignment"] for each in get(server, "/patients/HEAD")["studies"]
    }
    assert states == {study_of(1): "reference", study_of(2): "failed", study_of(3): "aligned"}
    noted = {code for number in (1, 2, 3) for _, code in failures(server, number)}
    assert noted == {"tooDeep"}
    reasons = [one["reason"] for one in get(server, f"/studies/{study_of(2)}")["failedAlignments"]]
    assert reasons
    assert all("32 levels" in reason for reason in reasons)
    assert "Traceback" not in server.log
