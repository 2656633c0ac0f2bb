"""Compressed files are indexed and answered as others are."""

from tests.data import dicom_files
from tests.orthanc.conftest import StartOrthanc


def test_answers_are_the_same_where_orthanc_compresses_what_it_stores(start_orthanc: StartOrthanc) -> None:
    files = dicom_files("openms_dicom/patient01")[:12]
    answers = []
    for more in ({}, {"StorageCompression": True}):
        server = start_orthanc(configuration={**more, "Longitudinal": {"AlignOnArrival": False}})
        stored = server.store_rest(files)
        server.wait_indexed(lambda health: health["instances"] == len(files), 20)
        tags = server.session.get(f"/instances/{stored[5]['ID']}/simplified-tags").json()
        question = {"sopInstanceUid": tags["SOPInstanceUID"], "row": 90.5, "column": 80.25}
        answer = server.session.post("/imaging/points/resolve", json=question).json()
        stacks = server.session.get(f"/imaging/series/{tags['SeriesInstanceUID']}/stacks").json()
        link = stacks["stacks"][0]["planes"][0]["links"]["pixels"]
        pixels = server.session.get(link)
        assert (pixels.ok, len(answer["matches"]) >= 1) == (True, True)
        answers.append((answer["matches"], pixels.content))
        server.stop()
    assert answers[0] == answers[1]
