"""The process that draws lines on images: `python -m longitudinal.jobs.drawing`, started by `worker_process`.

Neither Orthanc's, whose routes and stores would wait for it, nor the one that registers: who scrolls does not wait for an
alignment, nor interrupts it.
"""

import msgspec

from longitudinal.jobs.draw_task import ObjectStore, draw
from longitudinal.jobs.messages import Drawn, Failed, Gone, Unanswered, WorkerAnswer
from longitudinal.jobs.pixels import ImageGone, OrthancSilent, PixelSource
from longitudinal.jobs.worker_life import Answerer, Voice, live
from longitudinal.points.radiotherapy.overlay_task import OverlayTask

_KEPT = 0.5
# A person waits for it, so it does not stand back behind everybody as registration does.
_PRIORITY = 5


def main() -> None:
    """Draw until there is nothing more to draw."""

    def prepare(voice: Voice, source: PixelSource, memory: int) -> Answerer:
        store = ObjectStore(source.file, memory * _KEPT)
        return lambda line: answer_to(line, store, voice)

    live(prepare, priority=_PRIORITY)


def answer_to(line: bytes, store: ObjectStore, voice: Voice | None = None) -> WorkerAnswer:
    """Do a task; whatever is wrong with it is an answer."""
    try:
        task = msgspec.json.decode(line, type=OverlayTask)
        say = (lambda progress: None) if voice is None else voice.part("drawing", 0.0, 1.0)
        return Drawn(msgspec.Raw(draw(task, store, say)))
    except (FileNotFoundError, ImageGone) as error:
        return Gone(str(error))
    except OrthancSilent as error:
        return Unanswered(str(error))
    except Exception as error:  # the process is fit for the next task
        return Failed(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
