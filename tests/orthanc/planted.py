"""A patient with identifiers planted wherever one can stand, and a search for them in what leaves a server."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import numpy as np

from tests.builders import CT, as_file, classic
from tests.orthanc.server import OrthancServer

PATIENT = "PLANTED-0001"
FRAME, LATER_FRAME = "1.2.826.0.77.1", "1.2.826.0.77.2"
STUDIES = ("1.2.826.0.77.2021", "1.2.826.0.77.2022", "1.2.826.0.77.2023")
DATES = ("20210314", "20220629", "20230911")
EXAM, PLACE, LESION = "RIS-PLANTED-0815", "planted place of Mr Planted", "planted lesion of Mr Planted"
SIZE, SLICES = 64, 6
IN_BITS = b"PLANTEDB"
"""In the bits of the values that are not stored ones; 8 letters fill a row of 64 pixels."""
SHORTEST = 4

ATTRIBUTES: Mapping[str, str] = {
    "PatientName": "Plantedname^Ada", "OtherPatientIDs": "PLANTED-OTHER-ID", "PatientBirthDate": "19410203",
    "PatientAddress": "Plantedstreet 5", "PatientTelephoneNumbers": "0815-4711-99", "PatientComments": "planted remark",
    "AdditionalPatientHistory": "planted history", "AccessionNumber": "PLANTEDACC77", "StudyID": "PLANTEDSTUDYID",
    "InstitutionName": "Planted Hospital", "InstitutionAddress": "Plantedtown",
    "InstitutionalDepartmentName": "Planted Ward",
    "StationName": "PLANTEDSTATION", "DeviceSerialNumber": "PLANTEDSERIAL9", "ReferringPhysicianName": "Plantedreferrer^Bo",
    "PerformingPhysicianName": "Plantedperformer^Cy", "OperatorsName": "Plantedoperator^Di",
    "NameOfPhysiciansReadingStudy": "Plantedreader^Ed", "RequestingPhysician": "Plantedrequester^Flo",
    "StudyDescription": "CT of Plantedname", "SeriesDescription": "Plantedname axial", "ProtocolName": "planted protocol",
    "ImageComments": "planted comment", "BodyPartExamined": "PLANTEDPART", "RescaleType": "PLANTEDUNIT",
    "RequestedProcedureDescription": "planted procedure", "ContrastBolusAgent": "planted agent",
    "PerformedProcedureStepID": "PLANTEDSTEP",
}  # fmt: skip


def files() -> list[bytes]:
    """Three studies, the third in a frame of its own, and a series with text burned in."""
    found = []
    for number, (study, day) in enumerate(zip(STUDIES, DATES, strict=True)):
        frame = LATER_FRAME if number == 2 else FRAME
        for series, burned_in in ((1, None), (2, "YES")):
            if series == 2 and number:
                continue
            found += [_slice(study, series, slice_, day, frame, burned_in) for slice_ in range(SLICES)]
    return found


def _slice(study: str, series: int, number: int, day: str, frame: str, burned_in: str | None) -> bytes:
    ds = classic(
        (-32.0, -32.0, 2.0 * number), SOPClassUID=CT, Modality="CT", PatientID=PATIENT, StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.{series}", SOPInstanceUID=f"{study}.{series}.{number + 1}", FrameOfReferenceUID=frame,
        InstanceNumber=number + 1, SeriesNumber=series, StudyDate=day, SeriesDate=day, AcquisitionDate=day, ContentDate=day,
        StudyTime="113355", AcquisitionTime="113355", Rows=SIZE, Columns=SIZE, SliceThickness=2.0, RescaleSlope=1,
        RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400, **ATTRIBUTES,
    )  # fmt: skip
    if burned_in is not None:
        ds.BurnedInAnnotation = burned_in
    rows, columns = np.mgrid[:SIZE, :SIZE]
    disc = (rows - 32) ** 2 + (columns - 32) ** 2 < (20 - number) ** 2
    values = np.where(disc, 1100 + 3 * columns, 0).astype("<u2")
    hidden = np.unpackbits(np.frombuffer(IN_BITS, np.uint8)).astype(
        "<u2"
    )  # in the highest bit, one pixel each
    values[0].flat[: hidden.size] |= hidden << 15
    values[1].flat[: len(IN_BITS)] |= (np.frombuffer(IN_BITS, np.uint8).astype("<u2") & 0xF0) << 8
    ds.BitsStored, ds.HighBit = 12, 11
    ds.PixelData = values.tobytes()
    overlay = b"PLANTEDOVERLAY".ljust(SIZE * SIZE // 8, b"\0")
    for element, kind, value in (
        (0x0010, "US", SIZE), (0x0011, "US", SIZE), (0x0040, "CS", "G"), (0x0050, "SS", [1, 1]), (0x0100, "US", 1),
        (0x0102, "US", 0), (0x1500, "LO", "planted overlay label"), (0x3000, "OW", overlay),
    ):  # fmt: skip
        ds.add_new((0x6000, element), kind, value)
    ds.private_block(0x0011, "PLANTEDCREATOR", create=True).add_new(1, "LO", "planted private value")
    return as_file(ds)


@dataclass(frozen=True)
class Planted:
    """What must not leave; `kinds` has each text under what it is."""

    kinds: Mapping[str, str]

    def found_in(self, texts: Iterable[bytes]) -> set[str]:
        """What kinds of identifiers stand in some bytes, also encoded."""
        found = set()
        for text in texts:
            for seen in _readings(text):
                found |= {kind for kind, planted in self.kinds.items() if planted.encode() in seen}
        return found


def _readings(text: bytes) -> list[bytes]:
    """Bytes as they are, and as they read once escapes, URLs, UTF-16 and base64 are taken back."""
    plain = text.decode("utf-8", "replace")
    readings = [text, unquote(unquote(plain)).encode(), text.replace(b"\0", b"")]
    readings.append(
        re.sub(r"\\u([0-9a-fA-F]{4})", lambda one: chr(int(one[1], 16)), plain).encode("utf-8", "replace")
    )
    for run in re.findall(rb"[A-Za-z0-9+/_-]{12,}", text[:2_000_000]):
        for start in range(4):
            part = run[start:].translate(bytes.maketrans(b"-_", b"+/"))
            try:
                readings.append(base64.b64decode(part[: len(part) // 4 * 4]))
            except binascii.Error:
                continue
    return readings


def plant(server: OrthancServer) -> Planted:
    """Store the patient, an exam, a place and a transform; returns what was planted."""
    made = files()
    server.store_rest(made)
    server.wait_indexed(lambda health: health["instances"] >= len(made))
    ask = server.session
    transform = {"sourceFrameOfReferenceUid": LATER_FRAME, "targetFrameOfReferenceUid": FRAME, "matrix": np.eye(4).tolist(),
                 "expectedErrorMm": 1.0}  # fmt: skip
    given = ask.post("/imaging/transforms", json=transform)
    assert given.status_code == 201, given.text
    assert ask.put(f"/imaging/exams/{EXAM}", json={"patientId": PATIENT}).ok
    linked = ask.post(f"/imaging/exams/{EXAM}/images", json={"studyInstanceUid": STUDIES[0]})
    assert linked.ok, linked.text
    click = {"sopInstanceUid": f"{STUDIES[0]}.1.2", "row": 30, "column": 30}
    place = ask.post("/imaging/places", json={"name": PLACE, **click})
    assert place.status_code == 201, place.text
    lesion = ask.post("/imaging/diameters", json={
        "sopInstanceUid": f"{STUDIES[1]}.1.3", "frameNumber": 1, "name": LESION,
        "diameters": [
            {"axis": "long", "points": [[20, 30], [40, 30]]}, {"axis": "short", "points": [[30, 24], [30, 36]]},
        ],
    })  # fmt: skip
    assert lesion.ok, lesion.text
    kinds = dict(ATTRIBUTES) | {
        "lesion": LESION,
        "PatientID": PATIENT, "overlay": "PLANTEDOVERLAY", "overlay label": "planted overlay label",
        "private creator": "PLANTEDCREATOR", "private value": "planted private value", "exam": EXAM, "place": PLACE,
        "transform": given.json()["sopInstanceUid"], "user": server.user, "frame": FRAME, "later frame": LATER_FRAME,
    }  # fmt: skip
    kinds |= {f"study {number}": uid for number, uid in enumerate(STUDIES)}
    kinds |= {f"date {number}": day for number, day in enumerate(DATES)}
    kinds |= {f"dashed date {number}": f"{day[:4]}-{day[4:6]}-{day[6:]}" for number, day in enumerate(DATES)}
    (patient,) = [
        one for one in ask.get("/patients?expand").json() if one["MainDicomTags"]["PatientID"] == PATIENT
    ]
    kinds["Orthanc id of the patient"] = patient["ID"]
    for level in ("studies", "series", "instances"):
        for number, one in enumerate(ask.get(f"/patients/{patient['ID']}/{level}").json()):
            kinds[f"Orthanc id of {level} {number}"] = one["ID"]
    for part in ("Plantedname", "Planted Hospital"):
        kinds[f"part {part}"] = part
    assert all(len(text) >= SHORTEST for text in kinds.values())
    return Planted(kinds)


def texts_of(response: Any) -> list[bytes]:
    """Body and headers of an answer of `requests`."""
    return [response.content, json.dumps(dict(response.headers)).encode()]
