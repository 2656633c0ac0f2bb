"""A job that was asked for by somebody who may not see all of a patient sees no more than they did."""

import msgspec
from msgspec.structs import replace

from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.jobs import Job, JobRequest
from longitudinal.sidecar.tables.studies import studies_of_subject
from longitudinal.sight import Sight, current_sight, limited_to

_NAME = "visibleStudies"
"""A member of every kind's parameters, which the kinds themselves do not read."""


class _Limits(msgspec.Struct, rename="camel", frozen=True):
    visible_studies: list[str] | None = None


def limited(readers: Readers, request: JobRequest) -> JobRequest:
    """The request with the studies that its caller sees of the patient; as it is where they see everything."""
    if current_sight() is None:
        return request
    subject = request.subject.partition("/")[0]
    parameters = msgspec.json.decode(request.parameters, type=dict[str, msgspec.Raw])
    parameters[_NAME] = msgspec.Raw(msgspec.json.encode(studies_of_subject(readers.connection(), subject)))
    return replace(request, parameters=msgspec.json.encode(parameters).decode())


def sight_of(job: Job) -> Sight | None:
    """What a job may see; None: everything."""
    visible = msgspec.json.decode(job.parameters, type=_Limits).visible_studies
    return None if visible is None else limited_to(visible)
