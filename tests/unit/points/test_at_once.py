"""Questions that are answered on Orthanc's own thread: the same answers, and only what files prove."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from longitudinal.patients.catalogue import Catalogue
from longitudinal.points.resolver import PixelQuestion, QuestionFilters, Resolver
from longitudinal.sidecar.tables.records import InstanceRecord
from tests.unit.patients.ward import FRAME, FakeArchive, Ward, _links, registration, shift, volume

UID = "1.1.1.3"
QUESTION = PixelQuestion(UID, 1, 50, 40)


class Files:
    """Has all files but those that were taken away."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.asked: list[str] = []

    def there(self, names: Sequence[str]) -> bool:
        self.asked += names
        return self.gone.isdisjoint(names)


class ByFiles(FakeArchive):
    """An archive that is asked about an instance only where its file is not there."""

    def __init__(self, files: Files) -> None:
        super().__init__()
        self.files = files
        self.asked: list[str] = []

    def has_instance(self, orthanc_id: str, file: str | None = None) -> bool:
        if file is not None and self.files.there([file]):
            return True
        self.asked.append(orthanc_id)
        return super().has_instance(orthanc_id)


class Room:
    """A ward whose files are believed, and questions that are answered at once."""

    def __init__(self, folder: Path, *records: list[InstanceRecord]) -> None:
        self.ward = Ward(folder)
        self.put(*records)
        self.files = Files()
        self.ward.catalogue.believe_files()
        self.resolver = Resolver(
            self.ward.readers, self.ward.catalogue, self.ward.archive, self.ward.heal, _links,
            files_there=self.files.there,
        )  # fmt: skip

    def put(self, *records: list[InstanceRecord]) -> None:
        for record in (one for several in records for one in several):
            touched = self.ward.writer.put(record, f"file-{record.sop_instance_uid}")
            self.ward.catalogue.invalidate(frozenset([touched]))

    def ask(self, **wanted: object) -> None:
        """The ordinary way, after which the patient is in memory."""
        self.resolver.resolve(QUESTION, QuestionFilters(**wanted))  # type: ignore[arg-type]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path, volume(1), volume(2), volume(3))


@pytest.mark.parametrize(
    "wanted",
    [
        QuestionFilters(),
        QuestionFilters(per="series"),
        QuestionFilters(first_date="2002-01-01"),
        QuestionFilters(max_distance_mm=0.1),
    ],
)
def test_the_answer_is_that_of_the_ordinary_way(room: Room, wanted: QuestionFilters) -> None:
    assert room.resolver.at_once(QUESTION, wanted) is None  # nothing is in memory
    ordinary = room.resolver.resolve(QUESTION, wanted)
    assert room.resolver.at_once(QUESTION, wanted) == ordinary
    # every image of a match, and one for every study without
    assert len(room.files.asked) == len(ordinary.matches) + len(ordinary.unresolved) > 0


@pytest.mark.parametrize("study", [1, 2, 3])
def test_nothing_is_named_whose_file_is_gone(room: Room, study: int) -> None:
    room.ask()
    answer = room.resolver.at_once(QUESTION, QuestionFilters())
    assert answer is not None
    room.files.gone.add(f"file-{answer.matches[study - 1].sop_instance_uid}")
    assert room.resolver.at_once(QUESTION, QuestionFilters()) is None


def test_what_has_changed_is_read_first(room: Room) -> None:
    room.ask()
    room.put(volume(4))
    assert room.resolver.at_once(QUESTION, QuestionFilters()) is None
    room.ask()
    answer = room.resolver.at_once(QUESTION, QuestionFilters())
    assert answer is not None
    assert len(answer.matches) == 4


def test_files_count_only_where_they_are_believed_and_known(tmp_path: Path) -> None:
    unknown = Room(tmp_path / "unknown", volume(1))
    unknown.ward.put(volume(2))
    unknown.ask()
    assert unknown.resolver.at_once(QUESTION, QuestionFilters()) is None

    doubted = Room(tmp_path / "doubted", volume(1))
    doubted.ward.catalogue = Catalogue(doubted.ward.readers)  # which does not believe them
    resolver = Resolver(
        doubted.ward.readers, doubted.ward.catalogue, doubted.ward.archive, doubted.ward.heal, _links,
        files_there=lambda names: True,
    )  # fmt: skip
    resolver.resolve(QUESTION, QuestionFilters())
    assert resolver.at_once(QUESTION, QuestionFilters()) is None


def test_whether_a_registration_was_rejected_is_asked_of_the_archive(tmp_path: Path) -> None:
    moved = volume(2, frame_of_reference_uid="1.2.8")
    room = Room(tmp_path, volume(1), moved, [registration(2, "1.2.8", FRAME, shift(0, 0, 0))])
    room.ask()
    assert room.resolver.at_once(QUESTION, QuestionFilters()) is None


def test_a_registration_is_there_as_long_as_its_file_is(tmp_path: Path) -> None:
    moved = volume(2, frame_of_reference_uid="1.2.8")
    room = Room(tmp_path, volume(1), moved, [registration(2, "1.2.8", FRAME, shift(0, 0, 0))])
    archive = room.ward.archive = ByFiles(room.files)
    room.resolver = Resolver(room.ward.readers, room.ward.catalogue, archive, room.ward.heal, _links)
    assert [match.path for match in room.resolver.resolve(QUESTION, QuestionFilters()).matches] == [
        (),
        ("1.2.9.90.1",),
    ]
    assert archive.asked == []  # files prove all that the answer names
    room.files.gone.add("file-1.2.9.90")
    room.ask()
    assert archive.asked == ["i1.2.9.90"]  # it may have been stored again under another name
    archive.gone.add("i1.2.9.90")
    answer = room.resolver.resolve(QUESTION, QuestionFilters())
    assert [item.reason for item in answer.unresolved] == ["needsAlignment"]


def test_exams_are_looked_up_the_ordinary_way(room: Room) -> None:
    room.ask()
    assert room.resolver.at_once(QUESTION, QuestionFilters(exams=("any",))) is None


SMALL_STACK = """
import sys, tempfile, threading
from pathlib import Path
import msgspec
from longitudinal.http.parse import parse_json
from longitudinal.http.question import question_of
from longitudinal.http.routes.points import ResolveRequest
from tests.unit.points.test_at_once import QUESTION, Room
from tests.unit.patients.ward import volume

room = Room(Path(tempfile.mkdtemp()), *(volume(number) for number in range(1, 6)))
room.ask()
body = b'{"sopInstanceUid": "1.1.1.3", "row": 50, "column": 40}'
sizes = []

def ask():
    question, wanted = question_of(parse_json(body, ResolveRequest))
    sizes.append(len(msgspec.json.encode(room.resolver.at_once(question, wanted))))

threading.stack_size(32 * 1024)
for _ in range(3):
    room.ward.catalogue.invalidate(frozenset())  # the owner of the image is read again
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
assert len(sizes) == 3 and sizes[0] > 1_000, sizes
"""


def test_an_answer_needs_little_stack() -> None:
    # Orthanc's HTTP threads have 100 KB, of which others use some 25; one that is too small is a crash
    root = Path(__file__).parents[3]
    run = subprocess.run(
        [sys.executable, "-c", SMALL_STACK], cwd=root, env={"PYTHONPATH": f"{root / 'plugin'}:{root}"}, timeout=60,
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2_000:]
