"""What an align job is tested on: a patient in a sidecar, and a worker that is a list of answers."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.outcome import Outcome
from longitudinal.alignment.partner import Pair
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.jobs.align_pair import AlignPair
from longitudinal.jobs.align_study import KIND, Aligned, AlignParameters, AlignStudy, request_alignment
from longitudinal.jobs.index_study import UnreadableInstances
from longitudinal.jobs.messages import AlignTask, Registered, Unusable
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.supervisor import JobContext
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.registration_objects.written import StoredObject
from longitudinal.settings import Settings
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.instances import InstanceWriter, Touched
from longitudinal.sidecar.records import InstanceRecord
from longitudinal.sidecar.writer import Writer
from tests.unit.patients.ward import shift, volume

MOVING_FROM_FIXED = shift(5, -6, 7)


def scan(study: int, **more: Any) -> list[InstanceRecord]:
    return volume(study, **{"heights": range(0, 60, 3), "frame_of_reference_uid": f"1.9.{study}", **more})


def registered(rejection: str | None = None, grid: bytes | None = None) -> Registered:
    reason = None if rejection is None else "it wanders"
    return Registered(
        MOVING_FROM_FIXED.tolist(), grid, "engine 1", {"overlap": 0.9}, 0.5, rejection, reason, 12.0, 300.0
    )


@dataclass
class Workers:
    answers: list[Registered | Unusable | Exception]
    tasks: list[AlignTask] = field(default_factory=list)

    def register(self, task: AlignTask, _: JobContext) -> Registered | Unusable:
        self.tasks.append(task)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Outcomes:
    kept: list[tuple[str, str, Outcome, str]] = field(default_factory=list)
    refused: list[tuple[str, str, Outcome, str]] = field(default_factory=list)
    noted: list[Sequence[str]] = field(default_factory=list)
    fault: Exception | None = None

    def keep(self, _: PatientIndex, pair: Pair, outcome: Outcome, user: str) -> StoredObject:
        if self.fault is not None:
            raise self.fault
        self.kept.append((pair.fixed.frame, pair.moving.frame, outcome, user))
        return StoredObject("1.2.3.2", "orthanc id", 2434)

    def refuse(
        self, _: PatientIndex, pair: Pair, outcome: Outcome, user: str, last_updates: Sequence[str]
    ) -> None:
        if self.fault is not None:
            raise self.fault
        self.refused.append((pair.fixed.frame, pair.moving.frame, outcome, user))
        self.noted.append(last_updates)


class House:
    def __init__(self, readers: Readers, writer: Writer, queue: JobQueue) -> None:
        self.writer, self.queue = writer, queue
        self.catalogue = Catalogue(readers)
        self.worker, self.outcomes = Workers([]), Outcomes()
        self.indexed: list[str] = []
        self.damaged = ""
        self.gone: set[str] = set()
        self.healed: list[str] = []
        align_pair = AlignPair(
            self.look, lambda instance: f"of {instance}", self.outcomes, self.worker, Settings(worker_threads=3),
            lambda instance: instance not in self.gone, self.heal,
        )  # type: ignore[arg-type]  # fmt: skip
        self.job = AlignStudy(readers, self.catalogue, self, align_pair)  # type: ignore[arg-type]

    def heal(self, instances: Sequence[str]) -> None:
        """Take what is gone out of the index."""
        self.healed += instances
        touched: list[Touched] = []

        def remove(_: object, writer: InstanceWriter) -> list[Touched]:
            touched[:] = [one for one in map(writer.remove, instances) if one is not None]
            return touched

        self.writer.submit(remove).result()
        self.catalogue.invalidate(frozenset(touched))

    def index(self, _: JobContext, study: str) -> None:
        """Stands for the job that indexes what is missing."""
        self.indexed.append(study)
        if study == self.damaged:
            raise UnreadableInstances("1 of 20 instances cannot be read")

    def look(self, instance: str) -> Acquisition:
        if instance in self.gone:
            raise KeyError(instance)
        return Acquisition(Contrast("MR", 500, 10))

    def store(self, *scans: list[InstanceRecord]) -> None:
        records = [record for one in scans for record in one]
        self.writer.submit(lambda _, instances: [instances.put(record) for record in records]).result()

    def align(
        self, study: int, *answers: Registered | Unusable | Exception, keep: bool = False, **parameters: Any
    ) -> Aligned:
        """Do a job; `keep` leaves it to start again where it was interrupted."""
        self.worker.answers = list(answers)
        self.queue.enqueue([request_alignment(f"s1.{study}", AlignParameters(**parameters))])
        job = self.queue.start_next(frozenset({KIND}))
        assert job is not None
        try:
            return self.job(JobContext(job, self.queue, threading.Event(), lambda: False))
        finally:
            if keep:
                self.queue.again(job, "crashed")
            else:
                self.queue.cancel(job.id)
