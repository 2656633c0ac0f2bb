"""The process that reads stored files: `python -m longitudinal.jobs.reading_worker`, started by `worker_process`.

It needs nothing of Orthanc but where the files lie. It ends after two idle minutes.
"""

import msgspec

from longitudinal.dicom.similar_files import SimilarFiles
from longitudinal.ingest.plain_records import encode_records, read_plain_record
from longitudinal.jobs.messages import (
    Failed,
    FilesRead,
    ReadTask,
    WorkerAnswer,
)
from longitudinal.jobs.worker_start import answer_tasks

# What was stored must be answerable within a second on a busy machine, too.
_PRIORITY = 0
_FILES = SimilarFiles()
_TASK = msgspec.json.Decoder(ReadTask)


def main() -> None:
    """Do tasks until standard input ends, or none has come for a while."""
    answer_tasks(_PRIORITY, answer_to)


def answer_to(line: bytes) -> WorkerAnswer:
    """Do a task; whatever is wrong with it is an answer."""
    try:
        task = _TASK.decode(line)
        records = [read_plain_record(*file, task.default, _FILES.tags) for file in task.files]
        return FilesRead(encode_records(records))
    except Exception as error:  # the process is fit for the next task
        return Failed(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
