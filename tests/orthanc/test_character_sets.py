"""Names and descriptions in every character set, stored for real and read by both readers: the callback and the file.

The oracles are the letters printed in PS3.5 annexes H to K beside the bytes. The callback's JSON comes from Orthanc, which
cannot read all of them; whatever reads them, answers must have the letters.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import generate_uid

from tests import builders as build
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer

BACKFILLED_SECONDS = 20.0


@dataclass(frozen=True)
class Text:
    """Specific Character Set (None: absent), the bytes of a name, its letters, and what a user may type to find it."""

    terms: str | None
    written: bytes
    letters: str
    typed: tuple[str, ...] = ()


KANJI_87 = b"\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
TEXTS = {
    "ISO_IR 100": Text(
        "ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme", ("jérôme", "JÉRÔME", "jerome", "buc^j")
    ),
    "ISO_IR 192": Text(
        "ISO_IR 192", "Wang^XiaoDong=王^小东=".encode(), "Wang^XiaoDong=王^小东=", ("小东", "xiaodong")
    ),
    "Kanji (H.3.1)": Text(
        r"\ISO 2022 IR 87",
        b"Yamada^Tarou=" + KANJI_87,
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ("山田", "やまだ", "YAMADA"),
    ),
    "Kanji beside Katakana (H.3.2)": Text(
        r"ISO 2022 IR 13\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=" + KANJI_87.replace(b"\x1b(B", b"\x1b(J"),
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
        ("山田", "ﾔﾏﾀﾞ", "ヤマダ"),
    ),
    "Korean (I.2)": Text(
        r"\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
        ("길동", "吉洞", "gildong"),
    ),
    "GB18030 (J.3)": Text(
        "GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东=", ("王^小",)
    ),
    "GB 2312 (K.2)": Text(
        r"\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "Zhang^XiaoDong=张^小东=",
        ("张",),
    ),
    "Greek among Latin": Text(
        r"ISO 2022 IR 100\ISO 2022 IR 126",
        b"Dion\xe9=\x1b-F\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2",
        "Dioné=Διονυσιος",
        ("ΔΙΟΝΥΣΙΟΣ",),
    ),
    "Cyrillic": Text("ISO_IR 144", "Люкceмбypг".encode("iso8859_5"), "Люкceмбypг", ("ЛЮК",)),
    "no set": Text(None, b"M\xfcller^J\xf6rg", "Müller^Jörg", ("MÜLLER", "muller")),
    "empty set": Text("", b"M\xfcller^J\xfcrgen", "Müller^Jürgen", ("jurgen",)),
    "no such set": Text("ISO_IR 999", b"M\xfcller^J\xe4n", "Müller^Jän", ("Jän",)),
    "misspelt set": Text("ISO-IR 100", b"M\xfcller^Bj\xf6rn", "Müller^Björn", ("björn",)),
    # the letter is lost, and nothing else
    "a letter the set has not": Text("ISO_IR 192", b"M\xfcller^Anna", "Mller^Anna", ("mller^anna",)),
}


def as_file(name: str, text: Text, frame: str = build.FRAME_OF_REFERENCE) -> bytes:
    """One CT slice whose patient's name and series description have the very bytes; pydicom writes none of them."""
    written = text.written + b" " * (len(text.written) % 2)
    placeholders = "N" * len(written), "D" * len(written)
    ds = build.classic(
        PatientID=name,
        FrameOfReferenceUID=frame,
        StudyInstanceUID=generate_uid(),
        SeriesInstanceUID=generate_uid(),
        PatientName=placeholders[0],
        SeriesDescription=placeholders[1],
        SpecificCharacterSet=text.terms and text.terms.split("\\"),
    )
    if text.terms == "":
        ds.SpecificCharacterSet = ""
    file = build.as_file(ds)
    for placeholder in placeholders:
        assert file.count(placeholder.encode()) == 1
        file = file.replace(placeholder.encode(), written)
    return file


def get(server: OrthancServer, path: str, **query: str | int) -> dict[str, Any]:
    response = server.session.get(path, params=query)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def described(server: OrthancServer, patient: str) -> set[str]:
    """The series description of the only match of a point, in resolve's answer and in the list of the patient."""
    question = {"patientId": patient, "frameOfReferenceUid": build.FRAME_OF_REFERENCE, "x": 1, "y": 1, "z": 0}
    response = server.session.post("/imaging/points/resolve", json=question)
    assert response.status_code == 200, response.text
    (match,) = response.json()["matches"]
    (study,) = get(server, f"/imaging/patients/{patient}")["studies"]
    alone = get(server, f"/imaging/studies/{study['studyInstanceUid']}")
    return {match["seriesDescription"]} | {
        entry["seriesDescription"] for owner in (study, alone) for entry in owner["series"]
    }


@pytest.fixture(scope="module", params=["callback", "file"])
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OrthancServer]:
    """All of them stored, then indexed by the callbacks, or by reading the files into a new sidecar."""
    folder: Path = tmp_path_factory.mktemp("sets")
    with OrthancServer(folder, plugin=request.param == "callback") as server:
        server.store_rest([as_file(name, text) for name, text in TEXTS.items()])
        if request.param == "callback":
            server.wait_indexed(lambda health: health["instances"] == len(TEXTS))
            yield server
    if request.param == "file":
        with OrthancServer(folder) as server:
            server.wait_indexed(lambda health: health["instances"] == len(TEXTS), BACKFILLED_SECONDS)
            yield server


@pytest.mark.parametrize("name", TEXTS)
def test_answers_have_the_letters(loaded: OrthancServer, name: str) -> None:
    assert get(loaded, f"/imaging/patients/{name}")["patientName"] == TEXTS[name].letters
    assert described(loaded, name) == {TEXTS[name].letters}


@pytest.mark.parametrize("name", TEXTS)
def test_a_name_is_found_as_people_type_it(loaded: OrthancServer, name: str) -> None:
    text = TEXTS[name]
    for typed in (text.letters, *text.typed):
        for form in ("NFC", "NFD"):
            page = get(loaded, "/imaging/patients", query=unicodedata.normalize(form, typed))
            names = {line["patientId"]: line["patientName"] for line in page["patients"]}
            assert names.get(name) == text.letters, (typed, form, names)
            assert page["total"] < len(TEXTS)


def test_letters_that_differ_by_more_than_an_accent_are_other_letters(loaded: OrthancServer) -> None:
    for typed in ("やまた", "ヤマタ", "小東", "mueller"):
        assert get(loaded, "/imaging/patients", query=typed)["total"] == 0, typed


def test_the_default_encoding_of_orthanc_holds_for_both_readers(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(configuration={"DefaultEncoding": "Utf8", "Longitudinal": {"ReconcileSeconds": 1}})
    texts = {
        "none": Text(None, "Łukasz^Müller".encode(), "Łukasz^Müller"),
        "unknown": Text("ISO_IR 999", "Łukasz^Müller".encode(), "Łukasz^Müller"),
    }
    server.store_rest([as_file(name, text) for name, text in texts.items()])
    server.wait_indexed(lambda health: health["instances"] == len(texts))
    assert {described(server, name).pop() for name in texts} == {"Łukasz^Müller"}
    server.stop()
    for path in (server.folder / "index").glob("longitudinal-*"):
        path.unlink()
    server.start()
    server.wait_indexed(lambda health: health["instances"] == len(texts), BACKFILLED_SECONDS)
    assert {described(server, name).pop() for name in texts} == {"Łukasz^Müller"}


def test_a_registration_object_of_ours_bears_the_name(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(configuration={"DefaultEncoding": "Cyrillic"})
    text = Text(None, "Иванов^Иван".encode("iso8859_5"), "Иванов^Иван")
    frames = ("1.2.3.100", "1.2.3.200")
    server.store_rest([as_file("ivan", text, frame) for frame in frames])
    server.wait_indexed(lambda health: health["instances"] == len(frames))
    instance = give_transform(server, frames)
    file = server.session.get(f"/instances/{instance['ID']}/file").content
    stored = pydicom.dcmread(BytesIO(file))
    assert (stored.SpecificCharacterSet, str(stored.PatientName)) == ("ISO_IR 192", text.letters)
    assert get(server, "/imaging/patients/ivan")["patientName"] == text.letters


def give_transform(server: OrthancServer, frames: tuple[str, str]) -> dict[str, Any]:
    """Store a transform from the second to the first frame; return Orthanc's description of its object."""
    given = {
        "sourceFrameOfReferenceUid": frames[1],
        "targetFrameOfReferenceUid": frames[0],
        "matrix": [[1, 0, 0, 5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    }
    response = server.session.post("/imaging/transforms", json=given)
    assert response.status_code == 201, response.text
    transform = response.json()
    assert (transform["state"], transform["refusal"]) == ("usable", None)
    instance = get(server, f"/instances/{transform['orthancInstanceId']}")
    return instance | {"ParentPatient": get(server, f"/instances/{instance['ID']}/patient")["ID"]}


@pytest.mark.parametrize("reader", ["callback", "file"])
def test_patients_are_orthancs_even_where_it_cannot_read_their_id(reader: str, tmp_path: Path) -> None:
    frames = ("1.2.3.100", "1.2.3.200")
    patient = TEXTS["Kanji beside Katakana (H.3.2)"]
    # the PatientID in the same set, and as long as what stands for it in the file
    written = b"\x1b$B;3ED\x1b(J"
    files = [as_file("P" * len(written), patient, frame) for frame in frames]
    files = [file.replace(b"P" * len(written), written) for file in files]
    with OrthancServer(tmp_path, plugin=reader == "callback") as server:
        (orthancs,) = {answer["ParentPatient"] for answer in server.store_rest(files)}
        if reader == "callback":
            check_one_patient(server, orthancs, frames)
    if reader == "file":
        with OrthancServer(tmp_path) as server:
            check_one_patient(server, orthancs, frames)


def check_one_patient(server: OrthancServer, orthanc_id: str, frames: tuple[str, str]) -> None:
    """One patient with two studies, and a transform between them that is the same patient's."""
    server.wait_indexed(lambda health: health["instances"] == len(frames), BACKFILLED_SECONDS)
    (line,) = get(server, "/imaging/patients")["patients"]
    assert (line["orthancPatientId"], line["studies"]) == (orthanc_id, 2)
    assert "山田" in line["patientName"]
    assert give_transform(server, frames)["ParentPatient"] == orthanc_id
