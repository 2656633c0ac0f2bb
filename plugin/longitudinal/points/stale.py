"""Which parts of an answer are out of date.

This node's callbacks update the sidecar at once. What another node deleted or rejected a moment ago, or what no callback
reported, is found here: an answer names few things, and each is checked in the archive before the answer is sent.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

import msgspec

from longitudinal.archive import Archive, FilesThere
from longitudinal.errors import NotFound
from longitudinal.patients.patient_index import PatientIndex, StudyEntry
from longitudinal.points.answer import Answer
from longitudinal.transforms.annotation import read_annotation
from longitudinal.transforms.stored import StoredTransform

T = TypeVar("T")

HEAL_ROUNDS = 4
"""Each removes from the index what no longer exists; an answer that is still stale after these is refused."""


class Stale(msgspec.Struct, frozen=True):
    """Orthanc ids: `instances` and `studies` that no longer exist, `rejected` registration objects still used here."""

    instances: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.instances or self.studies or self.rejected)


def until_current(ask: Callable[[], tuple[T, Stale]], heal: Callable[[Stale], None], what: str) -> T:
    """What `ask` finds, as soon as nothing that it rests on is out of date; before that the index is put right.

    Raises
    ------
    NotFound
        It is out of date again and again.
    """
    for _ in range(HEAL_ROUNDS):
        found, stale = ask()
        if not stale:
            return found
        heal(stale)
    raise NotFound(f"the {what} at this moment; ask again")


def transforms_used(index: PatientIndex, used: Collection[str]) -> list[StoredTransform]:
    """The transforms of a patient with these ids."""
    return [stored for stored in index.transforms if stored.id in used] if used else []


def transforms_of(index: PatientIndex, answer: Answer) -> list[StoredTransform]:
    """The transforms that the matches of an answer go by."""
    return transforms_used(index, {transform for match in answer.matches for transform in match.path})


def is_proven(
    files_there: FilesThere, index: PatientIndex, answer: Answer, files: Sequence[str | None]
) -> bool:
    """Whether stored files alone prove that everything an answer names is there; `files` are those of its matches."""
    if not index.believes_files or None in files:
        return False
    unmatched = {item.study_instance_uid for item in answer.unresolved}
    others = [
        _file_of_study(index, study) for study in index.studies if study.study_instance_uid in unmatched
    ]
    return None not in others and files_there((*files, *others))  # type: ignore[arg-type]


def find_stale(
    archive: Archive, index: PatientIndex, answer: Answer, used: Sequence[StoredTransform]
) -> Stale:
    """Check the instances, the registration objects (`used`) and the studies without a match that an answer names."""
    named = {match.orthanc_instance_id: match.sop_instance_uid for match in answer.matches}
    transforms = find_stale_transforms(archive, index, used)
    gone = (
        *transforms.instances,
        *_gone(archive, index, named),
    )
    unmatched = {item.study_instance_uid for item in answer.unresolved}
    missing = [
        study.orthanc_id
        for study in index.studies
        if study.study_instance_uid in unmatched and not _has_study(archive, index, study)
    ]
    return Stale(gone, tuple(missing), transforms.rejected)


def _gone(archive: Archive, index: PatientIndex, named: Mapping[str, str]) -> tuple[str, ...]:
    """Which of some instances, SOP Instance UIDs by Orthanc ids, are not in the archive any more."""
    return tuple(
        name for name, uid in named.items() if not archive.has_instance(name, index.file_of(uid, name))
    )


def _has_study(archive: Archive, index: PatientIndex, study: StudyEntry) -> bool:
    """Whether a study is there: one of its images is, or the archive says so."""
    file = _file_of_study(index, study)
    if file is not None:
        instance = index.series[study.series[0]].orthanc_ids[0]
        if archive.has_instance(instance, file):
            return True
    return archive.has("studies", study.orthanc_id)


def _file_of_study(index: PatientIndex, study: StudyEntry) -> str | None:
    """The stored file of one of its images, which proves that the study is there; None where none does."""
    if not index.believes_files or not study.series:
        return None
    return index.series[study.series[0]].files[0]  # none is without instances


def find_stale_transforms(
    archive: Archive, index: PatientIndex, transforms: Sequence[StoredTransform]
) -> Stale:
    """Look up the registration objects of the transforms that an answer goes by.

    Their files tell that they are there; whether one is rejected only the archive knows, so that is asked each time.
    """
    objects = {stored.orthanc_id: stored.sop_instance_uid for stored in transforms}
    gone = _gone(archive, index, objects)
    rejected = {stored.orthanc_id for stored in transforms if _is_rejected(archive, stored)}
    return Stale(instances=gone, rejected=tuple(rejected - set(gone)))


def _is_rejected(archive: Archive, stored: StoredTransform) -> bool:
    notes = read_annotation(archive.annotation(stored.orthanc_id)).get(stored.item)
    return notes is not None and notes.decision == "rejected"
