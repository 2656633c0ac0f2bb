"""What it takes to draw the lines on one image, for a process that has no index."""

from typing import Literal

import msgspec

from longitudinal.points.radiotherapy.overlay_answer import DoseLines, Outline


class PlaneNodes(msgspec.Struct, frozen=True):
    """Points over the whole image, at even distances and with its corners, in the frame of an object.

    `places` is a packed array (rows, columns, 3), LPS mm; NaN where no transform reaches.
    """

    places: bytes
    rows: int
    columns: int


class ObjectToDraw(msgspec.Struct, frozen=True):
    """One object: where its file is, and what its frames mean.

    `path` is null where only Orthanc can read the file; `version` tells it from one that overwrites it. `planes` is a packed
    PLANE array (frames) of a segmentation or a dose; `segmentation_type` and `maximum` are a segmentation's, `scaling` is
    Dose Grid Scaling.
    """

    orthanc_id: str
    path: str | None
    version: str
    kind: Literal["contours", "segments", "dose"]
    planes: bytes = b""
    segmentation_type: str = ""
    maximum: int | None = None
    scaling: float = 0.0


class OutlineToDraw(msgspec.Struct, frozen=True):
    """A region as it is answered, without lines; `target` and `nodes` count objects and nodes, null with a reason."""

    outline: Outline
    target: int | None = None
    nodes: int | None = None


class DoseToDraw(msgspec.Struct, frozen=True):
    """The same of a dose."""

    dose: DoseLines
    target: int | None = None
    nodes: int | None = None


class OverlayTask(msgspec.Struct, tag="draw", frozen=True):
    """The lines of one frame, whose pixels are `rows` x `columns` at `spacing` (between rows, between columns), mm."""

    sop_instance_uid: str
    frame_number: int
    rows: int
    columns: int
    spacing: tuple[float, float]
    levels: list[float]
    objects: list[ObjectToDraw]
    nodes: list[PlaneNodes]
    structures: list[OutlineToDraw]
    doses: list[DoseToDraw]
