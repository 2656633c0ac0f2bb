"""An archive that a forged request would change, and what it would change."""

from dataclasses import dataclass
from typing import Any

from tests.builders import as_file, classic
from tests.orthanc.server import OrthancServer
from tests.orthanc.test_transforms import FIRST, SECOND, fill, give_matrix, listed, scan, turned

CONFIGURATION = {"DicomWeb": {"Enable": True, "Servers": {"other": ["http://127.0.0.1:9/dicom-web/"]}}}
"""A DICOMweb server to take away; its plugin's own change of settings."""


@dataclass(frozen=True)
class Victim:
    """A patient with two studies and a transform between them."""

    server: OrthancServer
    transform: str
    registration: str
    study: str

    @classmethod
    def on(cls, server: OrthancServer) -> "Victim":
        """Fill an empty server."""
        fill(server, scan(FIRST, 2020), scan(SECOND, 2021))
        made = give_matrix(server, turned(), expectedErrorMm=1.0)
        study = next(
            study
            for study in server.session.get("/studies").json()
            if server.session.get(f"/studies/{study}").json()["MainDicomTags"]["StudyDate"] == "20200101"
        )
        return cls(server, made["id"], made["orthancInstanceId"], study)

    def state(self) -> dict[str, Any]:
        """All that a request of this kind could change."""
        get = self.server.session.get
        return {
            "instances": sorted(get("/instances").json()),
            "transforms": listed(self.server),
            "metadata": sorted(get(f"/instances/{self.registration}/metadata").json()),
            "said": get(f"/instances/{self.registration}/metadata/4000").text,
            "servers": get("/dicom-web/servers").json(),
            "isPaused": self.server.health()["backfillPaused"],
            "jobs": len(get("/imaging/jobs").json()["jobs"]),
        }


def new_file(number: int = 1) -> bytes:
    """A DICOM file that is not stored yet."""
    return as_file(classic((0, 0, number), PatientID="PLANTED", FrameOfReferenceUID="1.2.9"))
