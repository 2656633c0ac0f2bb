"""The process that reads stored files: `python -m longitudinal.jobs.reading_worker`, started by `worker_process`.

It needs nothing of Orthanc but where the files lie. It ends after two idle minutes.
"""

import os
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from longitudinal.ingest.plain_records import encode_records, read_plain_record
from longitudinal.jobs.messages import (
    TOKEN_VARIABLE,
    URL_VARIABLE,
    Failed,
    FilesRead,
    ReadTask,
    WorkerAnswer,
)
from longitudinal.jobs.worker_start import do_tasks, settle_in

# What was stored must be answerable within a second on a busy machine, too.
_PRIORITY = 0


def main() -> None:
    """Do tasks until standard input ends, or none has come for a while."""
    settle_in(_PRIORITY)
    for unused in (URL_VARIABLE, TOKEN_VARIABLE):
        os.environ.pop(unused, None)

    def begin(output: BinaryIO) -> Callable[[bytes], None]:
        def do(line: bytes) -> None:
            output.write(msgspec.json.encode(answer_to(line)) + b"\n")
            output.flush()

        return do

    do_tasks(begin)


def answer_to(line: bytes) -> WorkerAnswer:
    """Do a task; whatever is wrong with it is an answer."""
    try:
        task = msgspec.json.decode(line, type=ReadTask)
        records = [read_plain_record(orthanc_id, path, task.default) for orthanc_id, path in task.files]
        return FilesRead(encode_records(records))
    except Exception as error:  # the process is fit for the next task
        return Failed(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
