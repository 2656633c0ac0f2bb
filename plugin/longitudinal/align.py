"""The registration of the plugin on folders, without Orthanc.

    python -m longitudinal.align FIXED_DIR MOVING_DIR [--method rigid|affine|deformable] [--initial FILE] [--out reg.dcm]

Prints the figures as JSON. The registration object is in the fixed scan's Frame of Reference, with one item for the
moving one. Exit status: 0 accepted, 1 rejected by its own check (nothing is written), 2 the input cannot be used.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError
from pydicom.pixels.utils import pixel_array

from longitudinal import __version__
from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.dicom.planes.image_planes import ImagePlanes, Role, read_planes
from longitudinal.dicom.registration.authorship import Authorship, Equipment, RegistrationType
from longitudinal.dicom.registration.registered_frame import ReferencedImage, RegisteredFrame
from longitudinal.dicom.registration.writer import file_bytes, write_registration
from longitudinal.dicom.uids import SERIES_FRAME, frame_uid
from longitudinal.geometry import affine
from longitudinal.geometry.image_plane import Planes
from longitudinal.registration.alignment import Alignment, Method, Stage
from longitudinal.registration.engine import align
from longitudinal.registration.volume import UnusableVolume, Volume, build_volume, choose_stack
from longitudinal.transforms.landmarks import LandmarksRefusedError, fit_rigid

ACCEPTED, REJECTED, UNUSABLE = 0, 1, 2


class UnusableInput(Exception):
    """What was given cannot be aligned; the message names the file and the fix."""


@dataclass(frozen=True, eq=False)
class Series:
    """The images of one series in a folder.

    Attributes
    ----------
    planes
        (n,) array of `PLANE`, all frames of all files.
    frames
        Of each plane, the file and the 0-based frame in it.
    headers
        Of each file, without its pixels.
    """

    planes: Planes
    frames: list[tuple[Path, int]]
    headers: dict[Path, pydicom.Dataset]

    @property
    def first(self) -> pydicom.Dataset:
        """The header of the first file."""
        return next(iter(self.headers.values()))

    @property
    def frame(self) -> RegisteredFrame:
        """The series' frame and its images."""
        images = tuple(
            ReferencedImage(
                str(header.SOPClassUID),
                str(header.SOPInstanceUID),
                str(header.SeriesInstanceUID),
                str(header.StudyInstanceUID),
            )
            for header in self.headers.values()
        )
        uid = frame_uid(str(self.first.get("FrameOfReferenceUID") or ""))
        return RegisteredFrame(uid or SERIES_FRAME + str(self.first.SeriesInstanceUID), images)

    def volume(self) -> Volume:
        """Read the pixels.

        Raises
        ------
        UnusableVolume
        UnusableInput
        """
        return build_volume(self.planes, self._pixels, Contrast.from_tags(tags_from_dataset(self.first)))

    def _pixels(self, index: int) -> NDArray[np.generic]:
        path, frame = self.frames[index]
        header = self.headers[path]
        try:
            pixels = pixel_array(path, index=frame)
        except (RuntimeError, NotImplementedError, ValueError, AttributeError) as error:
            syntax = header.file_meta.TransferSyntaxUID.name
            raise UnusableInput(
                f"{path}: the pixels ({syntax}) cannot be decoded here; decompress the file first: {error}"
            ) from None
        slope, intercept = _rescale(header, frame)
        scaled: NDArray[np.generic] = pixels * np.float32(slope) + np.float32(intercept)
        return scaled


def read_series(folder: Path) -> Series:
    """Read the series of a folder that shows most: the one whose best stack has the most planes.

    Raises
    ------
    UnusableInput
        There is none.
    """
    found: dict[str, list[tuple[Path, pydicom.Dataset, Planes]]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        header = _read_header(path)
        planes = None if header is None else read_planes(read_file_tags(path))
        if header is not None and isinstance(planes, ImagePlanes) and planes.role is Role.IMAGE:
            found[str(header.get("SeriesInstanceUID"))].append((path, header, planes.planes))
    usable = []
    for files in found.values():
        planes_of_series = np.concatenate([planes for _, _, planes in files])
        frames = [
            (path, frame) for path, _, planes in files for frame in (planes["frame_number"] - 1).tolist()
        ]
        series = Series(planes_of_series, frames, {path: header for path, header, _ in files})
        try:
            usable.append((len(choose_stack(planes_of_series).order), series))
        except UnusableVolume:
            continue
    if not usable:
        raise UnusableInput(f"{folder}: no series of at least 4 parallel image planes")
    return max(usable, key=lambda pair: pair[0])[1]


def _read_header(path: Path) -> pydicom.Dataset | None:
    if not path.is_file():
        return None
    try:
        return pydicom.dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, OSError):
        return None


def _rescale(header: pydicom.Dataset, frame: int) -> tuple[float, float]:
    """Slope and intercept of a frame: its own functional group, the shared one, the image's, none."""
    groups = [
        *header.get("PerFrameFunctionalGroupsSequence", [])[frame : frame + 1],
        *header.get("SharedFunctionalGroupsSequence", []),
    ]
    for group in groups:
        for item in group.get("PixelValueTransformationSequence", []):
            return float(item.RescaleSlope), float(item.RescaleIntercept)
    return float(header.get("RescaleSlope", 1) or 1), float(header.get("RescaleIntercept", 0) or 0)


def read_initial(path: Path) -> affine.Matrix:
    """Read where to start, as *moving from fixed*, (4, 4) LPS mm.

    The file is JSON: ``{"matrix": [4 rows of 4]}``, which maps points of the moving frame into the fixed one like
    the registration object's, or ``{"fixed": [[x, y, z], ...], "moving": [...]}`` with pairs of landmarks.

    Raises
    ------
    UnusableInput
    """
    try:
        content: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UnusableInput(f"{path}: no JSON: {error}") from None
    if not isinstance(content, dict):
        raise UnusableInput(f'{path}: an object with "matrix", or with "fixed" and "moving", is expected')
    if "matrix" in content:
        try:
            matrix = np.array(content["matrix"], dtype=np.float64)
        except (ValueError, TypeError, OverflowError):
            matrix = np.empty(0)
        fault = affine.find_fault(matrix)
        if fault is not None:
            raise UnusableInput(f"{path}: matrix: 4 rows of 4 numbers in mm are expected ({fault.value})")
        return affine.invert(matrix)
    try:
        return fit_rigid(content.get("fixed", ()), content.get("moving", ())).transform.target_from_source
    except LandmarksRefusedError as error:
        names = str(error).replace("source", "fixed").replace("target", "moving")
        raise UnusableInput(f"{path}: {names}") from None


def registration_object(
    alignment: Alignment, fixed: Series, moving: Series, initial: affine.Matrix | None = None
) -> pydicom.Dataset:
    """The alignment as a (Deformable) Spatial Registration object in the moving study.

    The same scans aligned by the same engine from the same start make the same file: its date is that of the moving scan.
    """
    target, source = fixed.frame, moving.frame
    authorship = Authorship(
        created=None,
        registration_type=RegistrationType.IMAGE_CONTENT,
        equipment=Equipment(software_versions=__version__),
    )
    images = [image.sop_instance_uid for frame in (target, source) for image in frame.images]
    start = "" if initial is None else repr(initial.tolist())
    return write_registration(
        alignment.registration,
        source=source,
        target=target,
        reference=moving.first,
        authorship=authorship,
        entropy=[target.frame, source.frame, *images, alignment.method.value, alignment.engine, start],
    )


def figures(alignment: Alignment) -> dict[str, Any]:
    """What is printed: the map and the quality; a number that is not known is null."""
    quality = {
        name: None if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in asdict(alignment.quality).items()
    }
    return {
        "method": alignment.method.value,
        "accepted": alignment.quality.accepted,
        "fixedFromMoving": affine.invert(alignment.moving_from_fixed).tolist(),
        "quality": quality,
        "engine": alignment.engine,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m longitudinal.align", description="Align two scans.")
    parser.add_argument(
        "fixed", type=Path, help="folder of the earlier scan; its frame is the result's frame"
    )
    parser.add_argument("moving", type=Path, help="folder of the later scan")
    parser.add_argument("--method", type=Method, choices=list(Method), default=Method.RIGID)
    parser.add_argument("--initial", type=Path, help="JSON: a matrix or landmarks to start from")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where to write the registration object")
    given = parser.parse_args(arguments)
    try:
        return _run(given)
    except (UnusableInput, UnusableVolume) as error:
        print(f"cannot align: {error}", file=sys.stderr)
        return UNUSABLE


def _run(given: argparse.Namespace) -> int:
    fixed, moving = read_series(given.fixed), read_series(given.moving)
    frame = fixed.frame.frame
    if frame == moving.frame.frame:
        raise UnusableInput(f"both scans are in the frame {frame}: the scanner says they are aligned")
    initial = None if given.initial is None else read_initial(given.initial)
    alignment = align(
        fixed.volume(),
        moving.volume(),
        given.method,
        initial=initial,
        threads=given.threads,
        progress=_show,
    )
    printed = figures(alignment)
    if alignment.rigid is not None:
        printed = figures(alignment.rigid) | {"rejected": printed}
        alignment = alignment.rigid
    print(json.dumps(printed, indent=2))
    if not alignment.quality.accepted:
        return REJECTED
    if given.out is not None:
        given.out.write_bytes(file_bytes(registration_object(alignment, fixed, moving, initial)))
    return ACCEPTED


def _show(stage: Stage, fraction: float) -> None:
    """A line that is overwritten, for a person at a terminal alone."""
    if sys.stderr.isatty():
        print(f"\r{stage.value} {fraction:4.0%} ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
