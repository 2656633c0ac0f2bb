"""Reports of places written and stored: what is new is in the archive before what it replaces is deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec.structs import replace

from longitudinal import __version__
from longitudinal.archive import Archive, ArchiveWriter
from longitudinal.dicom.character_sets import default_encoding
from longitudinal.dicom.object_uids import object_uid
from longitudinal.dicom.reports.statement import Line, Mapping, PlaceStatement
from longitudinal.dicom.uids import frame_uid
from longitudinal.dicom.whole_library import load_pydicom
from longitudinal.errors import FieldError, NotFound, PlaceRefused
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.places.drawn import DrawnLines
from longitudinal.places.kept import KeptGroup
from longitudinal.places.positions import CORNER, ON_THE_PLANE_MM
from longitudinal.points.answer import Match
from longitudinal.reasons import PlaceFault

if TYPE_CHECKING:
    from pydicom import Dataset

NOBODY = "unknown user"
"""The observer where Orthanc does not know its users."""

_LONGEST_PERSON = 60
_NO_NAME = str.maketrans("\\^=\r\n\t", "      ")
# Written in one go by the process for reports.
_AT_ONCE = 20


class ReportWriter(Protocol):
    """Writes reports as DICOM files, outside of Orthanc's process."""

    def write(self, reports: Sequence[tuple[PlaceStatement, bytes]]) -> list[bytes]:
        """Each report with the header of the image it is about. Raises WriterUnavailable."""


class Seen(msgspec.Struct, frozen=True):
    """An image that shows a place, and the pixel; `distance_mm` is that of the place from its plane.

    `drawn` are diameters, which are then stated instead of the point.
    """

    orthanc_id: str
    frame: str
    frame_number: int
    row: float
    column: float
    distance_mm: float
    point: tuple[float, float, float]
    drawn: DrawnLines | None = None


class Draft(msgspec.Struct, frozen=True):
    """A report to be written: the statement, the image it is about, and the Orthanc ids of what it replaces."""

    statement: PlaceStatement
    reference: Dataset
    replaces: tuple[str, ...] = ()


class PlaceReports:
    """Drafts reports, writes them and stores them.

    Parameters
    ----------
    store
        Where reports are stored and deleted.
    settle
        Returns once the sidecar has a stored report.
    forget
        Takes Orthanc ids of deleted instances and returns once the sidecar is updated.
    """

    def __init__(
        self,
        archive: Archive,
        writer: ReportWriter,
        store: ArchiveWriter,
        settle: Callable[[str], None],
        forget: Callable[[Sequence[str]], None],
        uid_root: str | None = None,
    ) -> None:
        self._archive = archive
        self._writer = writer
        self._store = store
        self._settle = settle
        self._forget = forget
        self._uid_root = uid_root

    # Drafts

    def new_uid(self) -> str:
        """A UID that nothing has yet."""
        return object_uid(self._uid_root)

    def draft(
        self,
        index: PatientIndex,
        seen: Seen,
        tracking_uid: str,
        name: str,
        user: str,
        mapping: Mapping | None = None,
    ) -> Draft:
        """A report of a place that an image shows.

        Raises
        ------
        PlaceRefused
            noFrameUid
        NotFound
            The image is gone.
        """
        reference = self._reference(index, seen.orthanc_id)
        frame = frame_uid(str(reference.get("FrameOfReferenceUID") or "").strip())
        if frame and index.canonical_frame(frame) == seen.frame:
            lines = seen.drawn.in_patient if seen.drawn else (Line("point", (seen.point,)),)
        elif abs(seen.distance_mm) <= ON_THE_PLANE_MM:
            point = Line("point", ((seen.column + CORNER, seen.row + CORNER),))
            frame, lines = "", seen.drawn.on_image if seen.drawn else (point,)
        else:
            fault = PlaceFault.NO_FRAME_UID
            detail = (
                f"{fault.explanation} The point is {abs(seen.distance_mm):.2f} mm beside the nearest slice."
            )
            raise PlaceRefused(fault, detail, [FieldError("/frameOfReferenceUid", detail)])
        series = self.new_uid()
        if (
            mapping is not None
        ):  # two nodes that map the same place write into one series, where the newer report holds
            series = object_uid(self._uid_root, ["place", tracking_uid, str(reference.StudyInstanceUID)])
        return Draft(
            self._statement(
                tracking_uid, name, lines, frame or None, seen.frame_number, series, user, mapping
            ),
            reference,
        )

    def _statement(
        self, tracking_uid: str, name: str, lines: tuple[Line, ...], frame: str | None, frame_number: int, series: str,
        user: str, mapping: Mapping | None,
    ) -> PlaceStatement:  # fmt: skip
        now = datetime.now(UTC).isoformat()
        return PlaceStatement(
            tracking_uid=tracking_uid, name=name, lines=lines, frame_of_reference_uid=frame, frame_number=frame_number,
            sop_instance_uid=self.new_uid(), series_instance_uid=series, instance_number=1,
            observer="" if mapping is not None else person(user), observed_at=now, author=person(user), written_at=now,
            software_versions=__version__, device_uid=object_uid(self._uid_root, ["device"]), mapping=mapping,
        )  # fmt: skip

    def renamed(self, index: PatientIndex, group: KeptGroup, name: str, user: str) -> Draft:
        """A report like an existing one of the plugin, with another name. Raises NotFound if the image is gone."""
        row = group.row
        named = row["image_uid"] or row["evidence_uid"] or ""
        reference = self._image_of(index, named, group)
        statement = self._statement(
            row["tracking_uid"], name, group.lines, row["frame"], row["frame_number"], row["series_instance_uid"],
            user, group.mapping,
        )  # fmt: skip
        if group.mapping is None:
            statement = replace(statement, observer=row["creator"])
        statement = replace(statement, observed_at=row["created"] or statement.written_at)
        return following(Draft(statement, reference), group)

    def _image_of(self, index: PatientIndex, uid: str, group: KeptGroup) -> Dataset:
        """The image that a report names; if that is gone, the report has all that is needed of it."""
        places = index.instances.get(uid, [])
        if len(places) == 1:
            series_number, instance = places[0]
            return self._reference(index, index.series[series_number].orthanc_ids[instance])
        return self._reference(index, group.row["orthanc_id"], is_report=True)

    def _reference(self, index: PatientIndex, orthanc_id: str, *, is_report: bool = False) -> Dataset:
        load_pydicom()
        from longitudinal.dicom.reports import reference  # late: a start does not need pydicom

        read = reference.read_reported_reference if is_report else reference.read_reference
        going = NotFound("the image is being deleted at this moment; ask again")
        try:
            stored = self._archive.stored_file(orthanc_id)
            source = stored.path or BytesIO(self._archive.file(orthanc_id))
        except KeyError:
            raise going from None
        try:
            header = read(source, default_encoding(self._archive.default_encoding()))
        except FileNotFoundError:
            raise going from None
        if header.get("PatientID"):
            # as Orthanc has it, or the report would belong to another patient
            header.PatientID = index.patient_id
        return header

    # Storing

    def write(self, drafts: Sequence[Draft]) -> list[str]:
        """Write and store reports, then delete what they replace; returns their SOP Instance UIDs.

        Raises
        ------
        WriterUnavailable
        ArchiveFailed
            Orthanc did not store one of them, or did not delete what one replaces. Those before it are stored.
        """
        load_pydicom()
        from longitudinal.dicom.reports.reference import reference_bytes  # late, as in `_reference`

        done = []
        for start in range(0, len(drafts), _AT_ONCE):
            part = drafts[start : start + _AT_ONCE]
            files = self._writer.write(
                [(draft.statement, reference_bytes(draft.reference)) for draft in part]
            )
            for draft, file in zip(part, files, strict=True):
                self._settle(self._store.store(file))
                self.delete(draft.replaces)
                done.append(draft.statement.sop_instance_uid)
        return done

    def delete(self, orthanc_ids: Sequence[str]) -> None:
        """Delete reports. Raises ArchiveFailed; those before the one that failed are deleted."""
        deleted: list[str] = []
        try:
            for orthanc_id in orthanc_ids:
                self._store.delete(orthanc_id)
                deleted.append(orthanc_id)
        finally:
            if deleted:
                self._forget(deleted)


def seen_in(match: Match) -> Seen:
    """The image of a match."""
    return Seen(
        match.orthanc_instance_id, match.frame_of_reference_uid, match.frame_number, match.row, match.column,
        match.distance_mm, (match.x, match.y, match.z),
    )  # fmt: skip


def following(draft: Draft, *before: KeptGroup) -> Draft:
    """The draft of a report that replaces others of the plugin: in the series of the first, with a higher number."""
    number = max(group.row["instance_number"] for group in before) + 1
    statement = replace(
        draft.statement, instance_number=number, series_instance_uid=before[0].row["series_instance_uid"]
    )
    return replace(draft, statement=statement, replaces=tuple(group.row["orthanc_id"] for group in before))


def person(user: str) -> str:
    """A user's name as one component of a PN."""
    return " ".join(user.translate(_NO_NAME).split())[:_LONGEST_PERSON] or NOBODY
