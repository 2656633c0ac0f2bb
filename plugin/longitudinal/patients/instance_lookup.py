"""The one look-up of an instance by what a request calls it: a SOPInstanceUID or an Orthanc id."""

from longitudinal.errors import Ambiguous, FieldError, NotFound
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.patients import find_instances
from longitudinal.touched import touch


def find_instance(readers: Readers, instance: str) -> str:
    """The Orthanc id of an instance.

    Raises
    ------
    NotFound, Ambiguous
        No instance, or more than one, is called so.
    """
    found = find_instances(readers.connection(), instance)
    if len(found) > 1:
        raise Ambiguous(f"instance {instance} is stored {len(found)} times", orthanc_ids=found)
    if not found:
        raise unknown_instance(instance)
    touch("instances", found[0])
    return found[0]


def unknown_instance(instance: str) -> NotFound:
    """The error of an instance that is not stored, or not any more."""
    return NotFound(
        f"there is no instance {instance}",
        [FieldError("instance", "unknown SOPInstanceUID or Orthanc id")],
    )
