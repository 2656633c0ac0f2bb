"""What Orthanc's process and a worker say to each other: one JSON object a line.

The worker that registers reads an `AlignTask` from its standard input and writes any number of `ProgressMessage`, then
`Registered`, `Unusable`, `Failed` or `Unanswered`. The one for points reads a `RefineTask` or a `ResliceTask` and writes
`RefinedMessage` or `Resliced` instead of `Registered`. The one that measures reads a `MeasureTask` and writes `Measured`,
the one that draws an `OverlayTask` and writes `Drawn` or `Gone`; both also `Failed` or `Unanswered`. Pixels of scans never
pass here: workers read them from Orthanc.
"""

import math
from typing import Literal

import msgspec

from longitudinal.dicom.character_sets import LATIN_1, CharacterSet
from longitudinal.dicom.reports.statement import PlaceStatement
from longitudinal.points.radiotherapy.overlay_task import OverlayTask
from longitudinal.reasons import AlignmentFailure, UnusableScan, ValueReason
from longitudinal.settings import Acceptance
from longitudinal.transforms.attempts import Figure

# What a new process must know besides; in its environment, as the token opens everything to whoever has it.
URL_VARIABLE = "LONGITUDINAL_WORKER_URL"
TOKEN_VARIABLE = "LONGITUDINAL_WORKER_TOKEN"
PARENT_VARIABLE = "LONGITUDINAL_WORKER_PARENT"
MEMORY_VARIABLE = "LONGITUDINAL_WORKER_MEMORY_MIB"


class ScanPlanes(msgspec.Struct, rename="camel", frozen=True):
    """One scan: its planes, where the pixels of each are, and what its grey values stand for.

    `planes` is a packed PLANE array (n); `instances` (n) are Orthanc ids, `frames` (n) 1-based frame numbers. Times are ms,
    null where unknown. `version` stands for the stored files: other pixels, another version.
    """

    planes: bytes
    instances: list[str]
    frames: list[int]
    modality: str
    repetition_time: float | None = None
    echo_time: float | None = None
    inversion_time: float | None = None
    version: str = ""


class AlignTask(msgspec.Struct, tag="align", rename="camel", frozen=True):
    """Align two scans; `initial` is (4, 4), moving from fixed, LPS mm; `acceptance` is what the figures must be.

    With `known`, (4, 4) or a packed displacement field, moving from fixed, nothing is searched for: it is checked again.
    """

    fixed: ScanPlanes
    moving: ScanPlanes
    method: str
    threads: int
    acceptance: Acceptance
    initial: list[list[float]] | None = None
    known: list[list[float]] | bytes | None = None


class RefineTask(msgspec.Struct, tag="refine", rename="camel", frozen=True):
    """Refine where a point of the fixed scan lies in the moving one.

    `moving_from_fixed` is (4, 4): what is known round the point; `point` (3,) in the fixed frame, LPS mm.
    """

    fixed: ScanPlanes
    moving: ScanPlanes
    moving_from_fixed: list[list[float]]
    point: list[float]


class PlaneMeaning(msgspec.Struct, frozen=True):
    """What the stored values of a plane mean; `padding` to `limit` (stored) are no part of the picture."""

    slope: float
    intercept: float
    padding: float | None = None
    limit: float | None = None


class ResliceTask(msgspec.Struct, tag="reslice", rename="camel", frozen=True):
    """Cut a stack along an image of `rows` x `columns` pixels.

    `scan` has the planes in stack order, `meaning` one entry for each. `nodes` is a packed array
    (node_rows, node_columns, 3) of points at even distances over the whole image, LPS mm of the stack's frame, NaN where
    nothing is known. The end planes reach `end_mm` outwards.
    """

    scan: ScanPlanes
    meaning: list[PlaneMeaning]
    end_mm: float
    nodes: bytes
    node_rows: int
    node_columns: int
    rows: int
    columns: int
    unit: str | None = None


class SphereTask(msgspec.Struct, rename="camel", frozen=True):
    """A sphere to measure in one stack.

    `planes` is a packed PLANE array (n), `kinds` (n) as `geometry.sphere` has them. The rest (n) is null for a plane that
    there is not: Orthanc id, 1-based frame number, padding (from, to), slope and
    intercept. `centre` is LPS mm; `uncertainty_mm` null where nobody measured it. `last_update` tells a frame that is kept
    from the same image with other pixels.
    """

    planes: bytes
    kinds: list[int]
    instances: list[str | None]
    frames: list[int]
    padding: list[tuple[int, int] | None]
    scale: list[tuple[float, float] | None]
    centre: tuple[float, float, float]
    radius_mm: float
    uncertainty_mm: float | None
    last_update: str


class MeasureTask(msgspec.Struct, tag="measure", frozen=True):
    """Spheres to measure, each in a stack of its own."""

    spheres: list[SphereTask]


class MeasuredSphere(msgspec.Struct, rename="camel", frozen=True):
    """The statistics of one sphere, as `values.sphere` has them, or why there are none."""

    reason: ValueReason | None
    detail: str = ""
    voxels: int | None = None
    outside: int | None = None
    mean: float | None = None
    sd: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    least_mean: float | None = None
    greatest_mean: float | None = None
    moved_reason: ValueReason | None = None


class Measured(msgspec.Struct, tag="measured", rename="camel", frozen=True):
    """One element for each sphere; `frames_read` counts the frames that were not in memory."""

    spheres: list[MeasuredSphere]
    frames_read: int
    seconds: float


LONGEST_SECONDS = 300.0
"""Of processor time, between two words of a worker, where the stage declares nothing else: seen were 20."""


class ProgressMessage(msgspec.Struct, tag="progress", frozen=True):
    """How far a task is, 0..1.

    `longest` is the processor time, in seconds, that may pass until the next word: declared beforehand, as one long native
    call says nothing meanwhile.
    """

    stage: str
    progress: float
    longest: float = LONGEST_SECONDS


class Registered(msgspec.Struct, tag="registered", rename="camel", frozen=True):
    """The outcome, used or not.

    `moving_from_fixed` is (4, 4), LPS mm. `grid` is a packed displacement field, moving from fixed, of a deformable
    alignment. `errors` is what was measured of the error place by place (a packed `ErrorGrid`), `expected_error_mm` the
    bound that half of the places are below. `rejection` is a code and `reason` its words, both null when the alignment may
    be used. `rigid` is the rigid alignment that a rejected affine or deformable one began with, where that may be used.
    """

    moving_from_fixed: list[list[float]]
    grid: bytes | None
    engine: str
    quality: dict[str, Figure]
    expected_error_mm: float | None
    rejection: str | None
    reason: str | None
    seconds: float
    peak_mib: float
    rigid: "Registered | None" = None
    errors: bytes | None = None


class RefinedMessage(msgspec.Struct, tag="refined", rename="camel", frozen=True):
    """Where the point lies, `point` (3,) in the moving frame, LPS mm.

    `verdict` tells what the local estimates say of the place that was known, `uncertainty_mm` what 95 % of errors stay under
    (null where they tell nothing), `disagreement_mm` how far they differ (null without any). `frames_read` counts the frames
    that had to be read: none where both scans were still in memory.
    """

    point: list[float]
    verdict: Literal["confirmed", "moved", "contradicted", "unsure", "tooLittleInCommon"]
    uncertainty_mm: float | None
    disagreement_mm: float | None
    frames_read: int
    seconds: float
    peak_mib: float


class ReportToWrite(msgspec.Struct, frozen=True):
    """A report, and a DICOM file with the header of the image that it is about."""

    statement: PlaceStatement
    reference: bytes


class WriteTask(msgspec.Struct, tag="write", frozen=True):
    """Write structured reports; only for the process for reports."""

    reports: list[ReportToWrite]


class Written(msgspec.Struct, tag="written", frozen=True):
    """The reports as DICOM files, in their order."""

    files: list[bytes]


class Drawn(msgspec.Struct, tag="drawn", frozen=True):
    """The lines on an image, `longitudinal.points.radiotherapy.overlay_answer.Overlays` as JSON."""

    overlays: msgspec.Raw


class Gone(msgspec.Struct, tag="gone", frozen=True):
    """An object that was to be drawn is not there any more: its file, or its Orthanc id."""

    what: str


class ReadTask(msgspec.Struct, tag="read", frozen=True):
    """Read stored files (Orthanc id, path, size); only for the process that reads.

    `default` is of text without a named set.
    """

    files: list[tuple[str, str, int]]
    default: CharacterSet = LATIN_1


class FilesRead(msgspec.Struct, tag="filesRead", frozen=True):
    """What `ingest.plain_records.encode_records` made of the records, one for each file."""

    records: bytes


class Resliced(msgspec.Struct, tag="resliced", rename="camel", frozen=True):
    """The cut, a PNG of 16 bits; `frames_read` counts the frames that had to be read."""

    png: bytes
    frames_read: int
    seconds: float


class Unusable(msgspec.Struct, tag="unusable", rename="camel", frozen=True):
    """One of the scans cannot be registered at all: a reason code and its detail."""

    scan: str
    reason: UnusableScan
    detail: str


class Failed(msgspec.Struct, tag="failed", frozen=True):
    """The task could not be done; trying again would not help.

    `reason` is a code of `longitudinal.alignment.failures`; `scan` is "fixed" or "moving" where one of the scans could not
    be read, empty where the two together failed.
    """

    error: str
    reason: AlignmentFailure = AlignmentFailure.REGISTRATION_FAILED
    scan: str = ""


class Unanswered(msgspec.Struct, tag="unanswered", frozen=True):
    """Orthanc did not answer for the pixels: nothing is known of the scans, and the task may be done another time."""

    error: str


WorkerTask = AlignTask | RefineTask | ResliceTask | MeasureTask | WriteTask | OverlayTask | ReadTask
WorkerResult = (
    Registered | RefinedMessage | Resliced | Measured | Written | Drawn | Gone | FilesRead | Unusable
)
WorkerAnswer = ProgressMessage | WorkerResult | Failed | Unanswered


def rounded(value: float) -> float | None:
    """A figure for JSON: rounded to a thousandth, None for NaN and infinity.

    >>> rounded(0.12345), rounded(float("nan"))
    (0.123, None)
    """
    return round(value, 3) if math.isfinite(value) else None
