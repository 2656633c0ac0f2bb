"""The process that writes structured reports: `python -m longitudinal.jobs.report_worker`, started by `worker_process`.

A process of its own beside those that register: who keeps a place does not wait until an alignment is done, and highdicom
stays out of Orthanc's interpreter. It ends after two idle minutes.
"""

import warnings
from io import BytesIO

import msgspec
import pydicom

from longitudinal.dicom.reports.writer import write_report
from longitudinal.jobs.messages import (
    Failed,
    ReportToWrite,
    WorkerAnswer,
    WriteTask,
    Written,
)
from longitudinal.jobs.worker_start import answer_tasks

# A person waits for it, so it does not stand back behind everybody as registration does.
_PRIORITY = 0


def main() -> None:
    """Do tasks until standard input ends, or none has come for a while."""
    # highdicom warns of what is allowed: a name without a comma, say
    warnings.simplefilter("ignore")
    answer_tasks(_PRIORITY, answer_to)


def answer_to(line: bytes) -> WorkerAnswer:
    """Do a task; whatever is wrong with it is an answer."""
    try:
        task = msgspec.json.decode(line, type=WriteTask)
        return Written([_written(one) for one in task.reports])
    except Exception as error:  # the process is fit for the next task
        return Failed(f"{type(error).__name__}: {error}")


def _written(one: ReportToWrite) -> bytes:
    return write_report(one.statement, pydicom.dcmread(BytesIO(one.reference)))


if __name__ == "__main__":
    main()
