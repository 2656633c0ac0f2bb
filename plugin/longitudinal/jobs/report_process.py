"""The process for structured reports as a request sees it: started when the first report is to be written."""

import threading
from collections.abc import Sequence

from longitudinal.dicom.reports.statement import PlaceStatement
from longitudinal.errors import WriterUnavailable
from longitudinal.jobs.deadline import Deadline, DeadlineReached
from longitudinal.jobs.messages import ReportToWrite, WriteTask, Written
from longitudinal.jobs.supervisor import ArchiveSilent, JobCrashed
from longitudinal.jobs.worker_process import NoInterpreter, TaskFailed, WorkerProcess

MODULE = "longitudinal.jobs.report_worker"
# A start takes one or two seconds on a busy machine, a report some hundredths of one.
_SECONDS, _SECONDS_EACH = 30.0, 1.0
_STARTS = 2


class ReportProcess:
    """Implements `longitudinal.places.writing.ReportWriter`; requests take turns."""

    def __init__(self, process: WorkerProcess) -> None:
        self._process = process
        self._turn = threading.Lock()

    def write(self, reports: Sequence[tuple[PlaceStatement, bytes]]) -> list[bytes]:
        """Write reports.

        Raises
        ------
        WriterUnavailable
            The process cannot be started, died twice, did not answer in time, or cannot write one of them.
        """
        task = WriteTask([ReportToWrite(statement, reference) for statement, reference in reports])
        with self._turn:
            for start in range(1, _STARTS + 1):
                try:
                    answer = self._process.run(task, Deadline(_SECONDS + len(reports) * _SECONDS_EACH))
                    assert isinstance(answer, Written)
                    return answer.files
                except (JobCrashed, ArchiveSilent) as error:
                    if start == _STARTS:
                        raise WriterUnavailable(str(error)) from error
                except (NoInterpreter, TaskFailed) as error:
                    raise WriterUnavailable(str(error)) from error
                except DeadlineReached:
                    raise WriterUnavailable(
                        "the process for structured reports did not answer in time"
                    ) from None
        raise AssertionError

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._process.close()
