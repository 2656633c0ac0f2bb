"""Where files lie is the same whether Orthanc is asked for a series or for each instance."""

from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests import builders as build
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer

SCRIPT = Path(__file__).with_name("listed_files.py")
SERIES, IMAGES = 3, 30


def files(series: str, count: int = IMAGES) -> list[bytes]:
    """So many slices of a series of one study."""
    uids = {"StudyInstanceUID": "1.2.826.0.1.7", "SeriesInstanceUID": f"1.2.826.0.1.7.{series}"}
    return [
        build.as_file(build.classic((0, 0, z), SOPInstanceUID=pydicom.uid.generate_uid(), **uids))
        for z in range(count)
    ]


def store(server: OrthancServer, series: str, count: int = IMAGES) -> list[str]:
    return [each["ID"] for each in server.store_rest(files(series, count))]


def ask(server: OrthancServer, instances: list[str]) -> tuple[list[Any], list[str], bool]:
    """What was said of instances, which must be the same in both ways; the questions; whether series can be listed."""
    response = server.session.post("/listed-files", json=instances)
    response.raise_for_status()
    answer = response.json()
    assert answer["together"] == answer["alone"]
    return answer["together"], answer["asked"], answer["lists"]


@pytest.mark.parametrize("compression", [False, True], ids=["plain", "compressed"])
def test_both_ways_agree_and_one_takes_few_questions(start_orthanc: StartOrthanc, compression: bool) -> None:
    server = start_orthanc(script=SCRIPT, configuration={"StorageCompression": compression})
    stored = [store(server, str(number)) for number in range(SERIES)]
    found, asked, lists = ask(server, stored[0])
    assert len(found) == IMAGES
    for instance, file in zip(stored[0], found, strict=True):
        info = server.session.get(f"/instances/{instance}/attachments/dicom/info").json()
        assert file == [int(info["UncompressedSize"]), None if compression else info["Uuid"]]
    system = server.session.get("/system").json()
    assert lists == system.get("Capabilities", {}).get("HasExtendedFind", False)
    assert len(asked) == (3 if lists else IMAGES + 1)  # one of them whether it can

    mixed = [one for some in zip(*stored, strict=True) for one in some]
    for instances in (mixed, mixed[::-1], mixed[:10], mixed[:3], stored[1][15:]):
        found, _, _ = ask(server, instances)
        assert None not in found


def test_they_agree_about_what_was_deleted_overwritten_or_stored_later(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(script=SCRIPT, configuration={"OverwriteInstances": True})
    made = files("0")
    stored = [each["ID"] for each in server.store_rest(made)]
    before, _, _ = ask(server, stored)
    later = store(server, "0")
    _, asked, lists = ask(server, later)
    assert len(asked) == (2 if lists else IMAGES)
    for instance in (stored[3], *stored[20:], later[0]):
        server.session.delete(f"/instances/{instance}").raise_for_status()
    server.store_rest(made[5:7])  # last in the series from now on
    found, _, _ = ask(server, stored + later)
    gone = {3, *range(20, IMAGES), IMAGES}
    assert {place for place, file in enumerate(found) if file is None} == gone
    assert {place for place in range(20) if found[place] != before[place]} == {3, 5, 6}
    once_more, _, _ = ask(server, store(server, "0", 10))
    assert None not in once_more
    assert not set(map(str, once_more)) & set(map(str, found))
