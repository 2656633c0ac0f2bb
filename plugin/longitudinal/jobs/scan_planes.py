"""A stack of a patient as it is sent to a worker, and which files it is read from."""

from collections.abc import Callable
from hashlib import sha256

from longitudinal.alignment.acquisition import Acquisition, milliseconds
from longitudinal.alignment.failures import LastUpdateOf
from longitudinal.alignment.outcome import images_of
from longitudinal.ingest.inventory import Inventory
from longitudinal.jobs.messages import ScanPlanes
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.studies import series_of_instances


def planes_of(index: PatientIndex, stack: int, acquisition: Acquisition) -> ScanPlanes:
    """The planes of a stack, where their pixels are, and what its grey values represent."""
    start, end = (int(value) for value in index.stack_set.start[stack : stack + 2])
    planes = index.stack_set.planes[start:end]
    contrast = acquisition.contrast
    return ScanPlanes(
        planes=planes.tobytes(),
        instances=images_of(index, stack)[0],
        frames=planes["frame_number"].tolist(),
        modality=str(index.stack_modality[stack]),
        repetition_time=milliseconds(contrast.repetition_time),
        echo_time=milliseconds(contrast.echo_time),
        inversion_time=milliseconds(contrast.inversion_time),
    )


VersionOf = Callable[[str, str | None], str]
"""`longitudinal.archive.Archive.version`."""


def version_of_stack(index: PatientIndex, stack: int, version_of: VersionOf) -> str:
    """Tells the files that a stack is read from at this moment from all others. Raises KeyError where one is gone."""
    digest = sha256()
    for orthanc_id, file in index.files_of_stack(stack).items():
        digest.update(version_of(orthanc_id, file).encode())
    return digest.hexdigest()


def bare_planes_of(index: PatientIndex, stack: int) -> ScanPlanes:
    """The planes of a stack and where their pixels are, for which it does not count what the grey values represent."""
    start, end = (int(value) for value in index.stack_set.start[stack : stack + 2])
    planes = index.stack_set.planes[start:end]
    return ScanPlanes(
        planes=planes.tobytes(),
        instances=images_of(index, stack)[0],
        frames=planes["frame_number"].tolist(),
        modality=str(index.stack_modality[stack]),
    )


def last_updates(readers: Readers, inventory: Inventory) -> LastUpdateOf:
    """Returns a function that reads the present LastUpdate of the series of an instance."""

    def last_update_of(instance: str) -> str:
        series = series_of_instances(readers.connection(), [instance])
        return max(map(inventory.last_update, series), default="")

    return last_update_of
