"""Stored values as others decode them, windows that are no straight line, and pixels that must not be asked for."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, expect
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from tests import builders as build
from tests.browser.explorer_page import store
from tests.browser.made_studies import UID, gradient, picture_of, store_study
from tests.browser.timeline import Tile, Timeline, shown_by_numpy
from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer
from tests.unit.dicom.test_nesting import nested

CONFIGURATION = {"HttpCompressionEnabled": False, "Longitudinal": {"AlignOnArrival": False}}
TRUE = np.arange(-2048, 2048, 2, dtype=np.int32).reshape(32, 64)
OVERLAY = 0x5000
WORDS = {
    "signed without sign extended": (TRUE & 0xFFF, 1),
    "signed with sign extended": (TRUE & 0xFFFF, 1),
    "signed below an overlay": ((TRUE & 0xFFF) | OVERLAY, 1),
    "unsigned below an overlay": ((TRUE + 2048) | OVERLAY, 0),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("pixels"), configuration=CONFIGURATION) as server:
        yield server


@pytest.fixture
def timeline(browser: Browser, server: OrthancServer) -> Iterator[Timeline]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield Timeline(viewer, server)


def twelve_bits(words: NDArray[Any], signed: int, **attributes: Any) -> Dataset:
    """An image with so many bits stored, and these 16-bit words."""
    ds = picture_of(np.zeros(words.shape, np.int16))
    ds.PixelData = words.astype(np.uint16).tobytes()
    return build.change(ds, {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": signed} | attributes)


def opened(timeline: Timeline, study: int) -> Tile:
    timeline.open(study=f"{UID}.{study}")
    tile = timeline.tile(f"{UID}.{study}")
    tile.wait_painted()
    return tile


@pytest.mark.parametrize("number", range(2 * len(WORDS)))
def test_only_the_bits_that_are_stored_make_the_grey(
    timeline: Timeline, server: OrthancServer, number: int
) -> None:
    words, signed = list(WORDS.values())[number // 2]
    study = {"StudyInstanceUID": f"{UID}.{700 + number}", "SeriesInstanceUID": f"{UID}.{700 + number}.1"}
    ds = build.from_file(build.as_file(twelve_bits(words, signed, PatientID=f"BITS{number}", **study)))
    if number % 2:  # Orthanc's decoder in place of its reader
        ds.compress(RLELossless)
    file = io.BytesIO()
    ds.save_as(file)
    store(server, [file.getvalue()])
    decoded = build.from_file(file.getvalue()).pixel_array
    assert np.array_equal(decoded, TRUE if signed else TRUE + 2048), "pydicom's own decoding"
    tile = opened(timeline, 700 + number)
    seen = tile.pixels()[:, :, 0]
    expected = shown_by_numpy(decoded, 1, 0, tile.painted(), seen.shape)
    assert np.ptp(expected) > 200
    assert np.abs(seen - expected).max() <= 1


@pytest.mark.parametrize(("number", "function"), list(enumerate(["LINEAR", "LINEAR_EXACT", "SIGMOID"])))
def test_the_window_is_applied_by_the_function_that_the_image_names(
    timeline: Timeline, server: OrthancServer, number: int, function: str
) -> None:
    values = gradient()
    ds = picture_of(values, WindowCenter=400, WindowWidth=40, VOILUTFunction=function)
    store_study(server, f"VOI{number}", 750 + number, [ds])
    tile = opened(timeline, 750 + number)
    painted, seen = tile.painted(), tile.pixels()[:, :, 0]
    y, x = np.mgrid[: seen.shape[0], : seen.shape[1]]
    column, row, _ = np.tensordot(painted.matrix, np.stack([x, y, np.ones_like(x)]), 1)
    inside = (column > 0) & (row > 0) & (column < 49) & (row < 39)
    painted.window.update(center=0.5, width=1001)  # 0..1000 to 0..255: the values themselves
    value = (shown_by_numpy(values, 1, 0, painted, seen.shape) / 255 - 0.5) * 1000
    expected = {
        "LINEAR": ((value - 399.5) / 39 + 0.5) * 255,
        "LINEAR_EXACT": ((value - 400) / 40 + 0.5) * 255,
        "SIGMOID": 255 / (1 + np.exp(-4 * (value - 400) / 40)),
    }[function]
    known = inside & (value > -499) & (value < 499)  # what the window above has not clipped
    assert known.sum() > 1000
    assert np.abs(seen - np.clip(expected, 0, 255))[known].max() <= 1
    words = {"LINEAR": "W 40 L 400", "LINEAR_EXACT": "(linear exact)", "SIGMOID": "(sigmoid)"}
    expect(tile.locator.locator(".window")).to_contain_text(words[function])


def test_what_is_not_applied_is_said(timeline: Timeline, server: OrthancServer) -> None:
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [3, 0, 16], b"\x05\0\x01\0\x09\0"
    modality = Dataset()
    modality.update(table)
    modality.ModalityLUTType = "US"
    cases = {
        760: ({"VOILUTSequence": Sequence([table])}, "VOI LUT"),
        761: (
            {"ModalityLUTSequence": Sequence([modality])},
            "how this image makes values of them is not applied",
        ),
        762: ({"BitsStored": 12, "HighBit": 13}, "greys may be wrong"),
    }
    for number, (attributes, said) in cases.items():
        store_study(server, f"SAID{number}", number, [picture_of(gradient(), **attributes)])
        tile = opened(timeline, number)
        expect(tile.locator.locator(".not-applied")).to_contain_text(said)
    store_study(server, "SAID763", 763, [picture_of(gradient())])
    assert opened(timeline, 763).locator.locator(".not-applied").count() == 0


def test_an_object_that_would_end_orthanc_is_not_asked_for(
    timeline: Timeline, server: OrthancServer, tmp_path: Path
) -> None:
    """It came by C-STORE, which takes it; another slice of the study is shown as ever."""
    files = []
    for z, levels in ((0, 60), (5, 60), (10, 0)):
        ds = pydicom.dcmread(io.BytesIO(nested(levels)))
        ds.update(picture_of(gradient(), (0, 0, z)))
        ds.PatientID, ds.StudyInstanceUID = "DEEP", f"{UID}.770"
        ds.SeriesInstanceUID = f"{UID}.770.{1 if levels else 2}"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        files.append(tmp_path / f"{z}.dcm")
        ds.save_as(files[-1])
    before = server.health()["instances"]
    server.store_scu(files)
    server.wait_indexed(lambda health: health["instances"] == before + 3)
    stacks = server.session.get(f"/imaging/series/{UID}.770.1/stacks").json()
    links = [plane["links"] for stack in stacks["stacks"] for plane in stack["planes"]]
    assert links == [{"pixels": None, "pixelsReason": "tooDeep"}] * 2
    (plane,) = server.session.get(f"/imaging/series/{UID}.770.2/stacks").json()["stacks"][0]["planes"]
    assert (plane["links"]["pixelsReason"], bool(plane["links"]["pixels"])) == (None, True)
    preview = server.session.get(
        f"/imaging/instances/{stacks['stacks'][0]['planes'][0]['orthancInstanceId']}/preview"
    )
    assert (preview.status_code, preview.json()["code"]) == (422, "noPicture")
    timeline.page.goto(f"{server.url}/imaging/app/?view=find&patient=DEEP")
    expect(timeline.page.locator('.thumbnail[data-state="none"]')).to_be_visible()
    timeline.open(study=f"{UID}.770")
    tile = timeline.tile(f"{UID}.770")
    expect(tile.locator).to_contain_text("nested so deep")
    tile.locator.locator("select.series").select_option(f"{UID}.770.2")
    tile.wait_painted()
    assert server.is_running
