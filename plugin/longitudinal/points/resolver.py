"""From a question to an answer that is valid at this moment."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import numpy as np
from msgspec.structs import replace

from longitudinal.archive import Archive, FilesThere
from longitudinal.errors import Ambiguous, FieldError, NotFound, NotIndexable, OutsideImage
from longitudinal.geometry.image_plane import point_of_pixel
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex, StudyEntry
from longitudinal.points.answer import UNSIGNED, Answer, Match
from longitudinal.points.resolve import Filters, LinkBuilder, Source, count_answers, find, passing_studies
from longitudinal.points.stale import Stale, find_stale, is_proven, transforms_of, until_current
from longitudinal.reasons import NotIndexableReason, UnresolvedReason
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.patients import patient_key_of
from longitudinal.transforms.stored import StoredTransform

# The centre of the first pixel is 0, so its edge is half a pixel before.
_EDGE = 0.5
# The most unknown studies that one problem names.
_MOST_NAMED = 100


class PixelQuestion(msgspec.Struct, frozen=True):
    """A pixel of an image: `frame_number` 1-based, `row` and `column` 0-based, fractional."""

    sop_instance_uid: str
    frame_number: int
    row: float
    column: float


class PointQuestion(msgspec.Struct, frozen=True):
    """A point of a patient: LPS mm in a frame of reference."""

    patient_id: str
    frame_of_reference_uid: str
    point: tuple[float, float, float]


class QuestionFilters(msgspec.Struct, frozen=True):
    """The filters of the request; studies by StudyInstanceUID or Orthanc id. `pointer` names the request in errors.

    `exams` are names of exams of the patient.
    """

    studies: tuple[str, ...] | None = None
    modalities: frozenset[str] | None = None
    roles: frozenset[str] = msgspec.field(default_factory=lambda: frozenset({"image"}))
    first_date: str | None = None
    last_date: str | None = None
    per: Literal["study", "series"] = "study"
    max_distance_mm: float | None = None
    pointer: str = ""
    exams: tuple[str, ...] | None = None


class ResolvedQuestion(msgspec.Struct, frozen=True, eq=False):
    """An answer, with the patient at that moment and the point of the question."""

    index: PatientIndex
    source: Source
    answer: Answer


class LocatedQuestion(msgspec.Struct, frozen=True, eq=False):
    """The patient and the point of a question, and the studies that pass its filters, in time order."""

    index: PatientIndex
    source: Source
    studies: list[StudyEntry]


class Resolver:
    """Answers questions, and checks that everything an answer names is still in the archive.

    Parameters
    ----------
    heal
        Takes what is out of date and returns once the sidecar is updated.
    links
        Builds the links of a match.
    miss
        Called with the Orthanc id of each study missing from an answer because it is not indexed yet; must not wait.
    unsigned
        Which statements about an item of a registration object (Orthanc id, item number) nobody here has signed.
    studies_of_exam
        Orthanc ids of the studies of an exam; None for an unknown one.
    files_there
        What `at_once` goes by.
    """

    def __init__(
        self,
        readers: Readers,
        catalogue: Catalogue,
        archive: Archive,
        heal: Callable[[Stale], None],
        links: LinkBuilder,
        miss: Callable[[str], None] = lambda study: None,
        unsigned: Callable[[str, int], Sequence[str]] = lambda orthanc_id, item: (),
        studies_of_exam: Callable[[str], Sequence[str] | None] = lambda exam: None,
        files_there: FilesThere = lambda files: False,
    ) -> None:
        self._readers = readers
        self._catalogue = catalogue
        self._archive = archive
        self._heal = heal
        self._links = links
        self._miss = miss
        self._unsigned = unsigned
        self._studies_of_exam = studies_of_exam
        self._files_there = files_there

    def resolve(self, question: PixelQuestion | PointQuestion, wanted: QuestionFilters) -> Answer:
        """Answer one question; raises as `find` does."""
        return self.find(question, wanted).answer

    def at_once(self, question: PixelQuestion, wanted: QuestionFilters) -> Answer | None:
        """The answer to a question for whoever may see everything, if it takes microseconds and little stack; or else None.

        The patient is in memory, no exam is asked for, no transform is gone by, and files prove that all it names is there:
        Orthanc is asked nothing, and nobody is waited for. Raises as `find`.
        """
        index = None if wanted.exams else self._catalogue.held(question.sop_instance_uid)
        if index is None or not index.believes_files:
            return None
        source = self._source_in(index, question, wanted.pointer)
        found = find(index, source, self._filters(index, wanted), self._links)
        answer = found.answer
        if any(match.path for match in answer.matches):
            return None
        return answer if is_proven(self._files_there, index, answer, found.files) else None

    def find(self, question: PixelQuestion | PointQuestion, wanted: QuestionFilters) -> ResolvedQuestion:
        """Answer one question, and keep its patient and its source.

        Raises
        ------
        NotFound
            Unknown instance, frame number, patient, frame of reference or study.
        Ambiguous
            The SOP Instance UID is stored more than once.
        OutsideImage
            The pixel is not on the image.
        NotIndexable
            The image has no geometry.
        """

        def ask() -> tuple[tuple[PatientIndex, Source, Answer, list[StoredTransform]], Stale]:
            index, source = self._source(question, wanted.pointer)
            answer = find(index, source, self._filters(index, wanted), self._links).answer
            used = transforms_of(index, answer)
            return (index, source, answer, used), find_stale(self._archive, index, answer, used)

        index, source, answer, used = until_current(ask, self._heal, "images are being deleted")
        self._tell_missed(index, answer)
        return ResolvedQuestion(index, source, self._flagged(answer, used))

    def locate(self, question: PixelQuestion | PointQuestion, wanted: QuestionFilters) -> LocatedQuestion:
        """The point of a question, without looking for it in other images; raises as `find`."""
        index, source = self._source(question, wanted.pointer)
        return LocatedQuestion(index, source, passing_studies(index, self._filters(index, wanted)))

    def count(self, question: PixelQuestion | PointQuestion, wanted: QuestionFilters) -> int:
        """How many matches and unresolved studies (with `per: series`, series) the answer would have, at most.

        Raises as `find` does if the patient or a study is unknown; much cheaper than an answer.
        """
        if isinstance(question, PixelQuestion):
            index = self._patient_of_pixel(question, wanted.pointer)
        else:
            index = self._patient_of_point(question, wanted.pointer)
        return count_answers(index, self._filters(index, wanted))

    def holds(self, found: ResolvedQuestion, match: Match) -> bool:
        """Whether a match is still valid: all it names is in the archive, and no transform of its path was rejected."""
        answer = Answer(found.answer.point, [match], [])
        return not find_stale(self._archive, found.index, answer, transforms_of(found.index, answer))

    def _flagged(self, answer: Answer, used: Sequence[StoredTransform]) -> Answer:
        """The answer, with the matches flagged to whose path somebody says something that counts for nothing."""
        doubtful = {stored.id for stored in used if self._unsigned(stored.orthanc_id, stored.item)}
        if not doubtful:
            return answer
        matches = [
            match if doubtful.isdisjoint(match.path) else replace(match, flags=(*match.flags, UNSIGNED))
            for match in answer.matches
        ]
        return replace(answer, matches=matches)

    def _tell_missed(self, index: PatientIndex, answer: Answer) -> None:
        missed = {
            item.study_instance_uid
            for item in answer.unresolved
            if item.reason == UnresolvedReason.NOT_INDEXED
        }
        if missed:
            for study in index.studies:
                if study.study_instance_uid in missed and not study.series:
                    self._miss(study.orthanc_id)

    def _source(self, question: PixelQuestion | PointQuestion, pointer: str) -> tuple[PatientIndex, Source]:
        if isinstance(question, PixelQuestion):
            return self._source_of_pixel(question, pointer)
        return self._source_of_point(question, pointer)

    def _filters(self, index: PatientIndex, wanted: QuestionFilters) -> Filters:
        studies, of_exams = _studies(index, wanted), self._studies_of_exams(index, wanted)
        if of_exams is not None:
            studies = of_exams if studies is None else studies & of_exams
        return Filters(
            studies, wanted.modalities, wanted.roles, wanted.first_date, wanted.last_date, wanted.per,
            wanted.max_distance_mm,
        )  # fmt: skip

    def _studies_of_exams(self, index: PatientIndex, wanted: QuestionFilters) -> frozenset[int] | None:
        """The studies of the exams that the request names; None if it names none. Raises NotFound."""
        if wanted.exams is None:
            return None
        keys: set[int] = set()
        errors = []
        for number, exam in enumerate(wanted.exams):
            studies = self._studies_of_exam(exam)
            own = {index.study_keys[study] for study in studies or () if study in index.study_keys}
            keys |= own
            if studies is None or (studies and not own):
                errors.append(
                    FieldError(f"{wanted.pointer}/exams/{number}", "is not an exam of this patient")
                )
        if errors:
            raise NotFound("; ".join(f"{error.field} {error.detail}" for error in errors), errors)
        return frozenset(keys)

    def _patient_of_pixel(self, question: PixelQuestion, pointer: str) -> PatientIndex:
        uid = question.sop_instance_uid
        owners = self._catalogue.owners_of_instance(uid)
        if len(owners) > 1:
            ids = [owner.orthanc_id for owner in owners]
            raise Ambiguous(f"SOP Instance UID {uid} is stored {len(ids)} times", orthanc_ids=ids)
        index = self._catalogue.patient(owners[0].patient_key) if owners else None
        if index is None:
            raise _unknown(f"{pointer}/sopInstanceUid", f"no instance {uid} is indexed here")
        return index

    def _source_of_pixel(self, question: PixelQuestion, pointer: str) -> tuple[PatientIndex, Source]:
        index = self._patient_of_pixel(question, pointer)
        return index, self._source_in(index, question, pointer)

    def _source_in(self, index: PatientIndex, question: PixelQuestion, pointer: str) -> Source:
        """The point of a clicked pixel, in its patient."""
        uid = question.sop_instance_uid
        place = index.instances.get(uid)
        if not place:
            raise _unknown(f"{pointer}/sopInstanceUid", f"no instance {uid} is indexed here")
        series_number, instance = place[0]
        series = index.series[series_number]
        reason = series.instance_reasons[instance]
        if reason is not None:
            raise _not_indexable(uid, f"{pointer}/sopInstanceUid", reason, series.instance_details[instance])
        found = index.plane_of_frame(series_number, instance, question.frame_number)
        if found is None and question.frame_number <= series.frame_counts[instance]:
            detail = f"frame {question.frame_number} is a projection"  # other frames of it are slices
            raise _not_indexable(uid, f"{pointer}/frameNumber", NotIndexableReason.PROJECTION, detail)
        if found is None:
            raise _unknown(f"{pointer}/frameNumber", f"the instance has no frame {question.frame_number}")
        plane, number = found
        _check_inside(question, int(plane["rows"]), int(plane["columns"]), pointer)
        point = point_of_pixel(plane, question.row, question.column)
        frame = series.instance_frames[instance] or ""
        return Source(frame, point, number, question.row, question.column)

    def _patient_of_point(self, question: PointQuestion, pointer: str) -> PatientIndex:
        key = patient_key_of(self._readers.connection(), question.patient_id)
        index = None if key is None else self._catalogue.patient(key)
        if index is None:
            raise _unknown(f"{pointer}/patientId", f"no patient {question.patient_id} is indexed here")
        return index

    def _source_of_point(self, question: PointQuestion, pointer: str) -> tuple[PatientIndex, Source]:
        index = self._patient_of_point(question, pointer)
        frame = index.canonical_frame(question.frame_of_reference_uid)
        if not index.knows_frame(frame):
            detail = (
                f"the patient has no images in {question.frame_of_reference_uid}, and no transform from it"
            )
            raise _unknown(f"{pointer}/frameOfReferenceUid", detail)
        return index, Source(frame, np.array(question.point, dtype=np.float64))


def _studies(index: PatientIndex, wanted: QuestionFilters) -> frozenset[int] | None:
    """The studies that the request names; None if it names none. Raises NotFound."""
    if wanted.studies is None:
        return None
    names = index.study_keys
    missing = [number for number, name in enumerate(wanted.studies) if name not in names]
    if missing:
        errors = [
            FieldError(f"{wanted.pointer}/studyInstanceUids/{number}", "is not a study of this patient")
            for number in missing[:_MOST_NAMED]
        ]
        raise NotFound("; ".join(f"{error.field} {error.detail}" for error in errors), errors)
    return frozenset(names[name] for name in wanted.studies)


def _check_inside(question: PixelQuestion, rows: int, columns: int, pointer: str) -> None:
    errors = [
        FieldError(
            f"{pointer}/{name}", f"{value} is not on the image: {name} runs from -0.5 to {size - _EDGE}"
        )
        for name, value, size in (("row", question.row, rows), ("column", question.column, columns))
        if not -_EDGE <= value <= size - _EDGE
    ]
    if errors:
        raise OutsideImage("; ".join(error.detail for error in errors), errors)


def _not_indexable(uid: str, pointer: str, reason: str, detail: str) -> NotIndexable:
    """The error for an image without geometry: the reason code, and the attribute and value at fault."""
    why = f"{reason}: {detail}" if detail else reason
    return NotIndexable(f"instance {uid} cannot be placed in the patient: {why}", [FieldError(pointer, why)])


def _unknown(pointer: str, detail: str) -> NotFound:
    return NotFound(detail, [FieldError(pointer, detail)])
