"""Where a group of a report is in the patient: its points in a frame of the patient, and the pixel that shows it."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.reports.statement import Line
from longitudinal.geometry.image_plane import patient_from_pixel, pixel_from_patient
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.places.answer import Diameter, ImagePoint
from longitudinal.reasons import PlaceFault

# Reports have coordinates as float32, and images theirs as decimal strings of 16 characters.
ON_THE_PLANE_MM = 0.05
# PS3.3 C.18.6.1.2: the corner of the first pixel is (0, 0); ours is its centre.
CORNER = 0.5


class Position(msgspec.Struct, frozen=True, eq=False):
    """Where a group is.

    Attributes
    ----------
    point
        (3,) LPS mm in `frame`: the point, or the middle of the first line. None with a `fault`.
    image
        The pixel of the report's image that shows it; None if its image does not.
    """

    frame: str | None
    point: NDArray[np.float64] | None
    image: ImagePoint | None = None
    diameters: tuple[Diameter, ...] = ()
    fault: PlaceFault | None = None
    detail: str = ""

    @property
    def coordinates(self) -> tuple[float | None, float | None, float | None]:
        """The point for JSON."""
        if self.point is None:
            return None, None, None
        x, y, z = self.point.tolist()
        return x, y, z


def place_group(
    index: PatientIndex,
    lines: Sequence[Line],
    frame_of_reference_uid: str | None,
    image_uid: str | None,
    frame_number: int,
    evidence_uid: str | None,
) -> Position:
    """Where the lines of a group are.

    Parameters
    ----------
    frame_of_reference_uid
        That their points are in; None if they are pixels of `image_uid`.
    evidence_uid
        The image on which the place was stated, perhaps.
    """
    if frame_of_reference_uid is None:
        return _on_image(index, lines, image_uid or "", frame_number)
    frame = index.canonical_frame(frame_of_reference_uid)
    if not index.knows_frame(frame):
        return Position(
            None, None, fault=PlaceFault.UNKNOWN_FRAME, detail=f"no image is in {frame_of_reference_uid}"
        )
    ends = [np.array(line.points, dtype=np.float64) for line in lines]
    point = ends[0].mean(axis=0)
    image = None if evidence_uid is None else _pixel_of(index, evidence_uid, frame, point)
    return Position(frame, point, image, _diameters(lines, ends))


def _on_image(index: PatientIndex, lines: Sequence[Line], image_uid: str, frame_number: int) -> Position:
    def fault(detail: str) -> Position:
        return Position(None, None, fault=PlaceFault.UNKNOWN_IMAGE, detail=f"image {image_uid}: {detail}")

    places = index.instances.get(image_uid, [])
    if len(places) != 1:
        return fault("stored more than once" if places else "not stored, or not yet indexed")
    series_number, instance = places[0]
    series = index.series[series_number]
    if series.instance_reasons[instance] is not None:
        return fault(f"no geometry ({series.instance_reasons[instance]})")
    found = index.plane_of_frame(series_number, instance, frame_number)
    frame = series.instance_frames[instance]
    if found is None or frame is None:
        return fault(f"no frame {frame_number} with geometry")
    pixels = [np.array(line.points, dtype=np.float64) - CORNER for line in lines]
    plane = np.asarray(found[0])
    ends = [patient_from_pixel(plane, each[:, 1], each[:, 0]) for each in pixels]
    column, row = pixels[0].mean(axis=0).tolist()
    image = ImagePoint(image_uid, frame_number, row, column)
    return Position(frame, ends[0].mean(axis=0), image, _diameters(lines, ends))


def _pixel_of(index: PatientIndex, uid: str, frame: str, point: NDArray[np.float64]) -> ImagePoint | None:
    """The pixel of an image that a point lies on; None where the point lies beside its planes."""
    places = index.instances.get(uid, [])
    if len(places) != 1:
        return None
    series_number, instance = places[0]
    series = index.series[series_number]
    if series.instance_frames[instance] != frame:
        return None
    planes = series.planes[series.plane_instance == instance]
    if not len(planes):
        return None
    rows, columns, distances = pixel_from_patient(planes, point)
    nearest = int(np.abs(distances).argmin())
    row, column, plane = float(rows[nearest]), float(columns[nearest]), planes[nearest]
    is_inside = -CORNER <= row <= plane["rows"] - CORNER and -CORNER <= column <= plane["columns"] - CORNER
    if abs(distances[nearest]) > ON_THE_PLANE_MM or not is_inside:
        return None
    return ImagePoint(uid, int(plane["frame_number"]), row, column)


def _diameters(lines: Sequence[Line], ends: Sequence[NDArray[np.float64]]) -> tuple[Diameter, ...]:
    return tuple(
        Diameter(line.axis, points.tolist(), float(np.linalg.norm(points[1] - points[0])), line.stated_mm)
        for line, points in zip(lines, ends, strict=True)
        if line.axis != "point"
    )
