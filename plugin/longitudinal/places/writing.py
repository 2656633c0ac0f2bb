"""Reports of places written and stored: what is new is in the archive before what it replaces is deleted."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Protocol

import msgspec
import pydicom
from msgspec.structs import replace
from pydicom import Dataset
from pydicom.uid import generate_uid

from longitudinal import __version__
from longitudinal.archive import Archive, ArchiveWriter
from longitudinal.dicom.character_sets import default_encoding
from longitudinal.dicom.registration.writer import file_bytes, registration_uid
from longitudinal.dicom.reports.statement import Line, Mapping, PlaceStatement
from longitudinal.dicom.tags import with_unicode
from longitudinal.dicom.uids import frame_uid
from longitudinal.errors import FieldError, NotFound, PlaceRefused
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.places.drawn import DrawnLines
from longitudinal.places.kept import KeptGroup
from longitudinal.places.positions import CORNER, ON_THE_PLANE_MM
from longitudinal.points.answer import Match
from longitudinal.reasons import PlaceFault

NOBODY = "unknown user"
"""The observer where Orthanc does not know its users."""

_LONGEST_PERSON = 60
_NO_NAME = str.maketrans("\\^=\r\n\t", "      ")
# What a report copies from an image, or refers to it by.
_COPIED = ["SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientName",
           "PatientID", "PatientBirthDate", "PatientSex", "IssuerOfPatientID", "PatientIdentityRemoved",
           "DeidentificationMethod", "StudyDate", "StudyTime", "StudyDescription", "StudyID", "AccessionNumber",
           "ReferringPhysicianName", "TimezoneOffsetFromUTC", "NumberOfFrames", "FrameOfReferenceUID"]  # fmt: skip
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
        root = self._uid_root
        return str(generate_uid(prefix=None if root is None else f"{root.rstrip('.')}."))

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
            series = registration_uid(
                self._uid_root, ["place", tracking_uid, str(reference.StudyInstanceUID)]
            )
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
            software_versions=__version__, device_uid=registration_uid(self._uid_root, ["device"]), mapping=mapping,
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
        reference = self._reference(
            index, group.row["orthanc_id"], "CurrentRequestedProcedureEvidenceSequence"
        )
        study = reference.CurrentRequestedProcedureEvidenceSequence[0]
        image = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
        reference.SeriesInstanceUID = study.ReferencedSeriesSequence[0].SeriesInstanceUID
        reference.SOPClassUID, reference.SOPInstanceUID = (
            image.ReferencedSOPClassUID,
            image.ReferencedSOPInstanceUID,
        )
        del reference.CurrentRequestedProcedureEvidenceSequence
        return reference

    def _reference(self, index: PatientIndex, orthanc_id: str, *more: str) -> Dataset:
        try:
            stored = self._archive.stored_file(orthanc_id)
            source: Path | BytesIO = stored.path or BytesIO(self._archive.file(orthanc_id))
            read = pydicom.dcmread(source, stop_before_pixels=True, specific_tags=[*_COPIED, *more])
        except (KeyError, FileNotFoundError):
            raise NotFound("the image is being deleted at this moment; ask again") from None
        reference = with_unicode(read, default_encoding(self._archive.default_encoding()))
        reference.SpecificCharacterSet = "ISO_IR 192"
        if reference.get("PatientID"):
            # as Orthanc has it, or the report would belong to another patient
            reference.PatientID = index.patient_id
        return reference

    # Storing

    def write(self, drafts: Sequence[Draft]) -> list[str]:
        """Write and store reports, then delete what they replace; returns their SOP Instance UIDs.

        Raises
        ------
        WriterUnavailable
        ArchiveFailed
            Orthanc did not store one of them, or did not delete what one replaces. Those before it are stored.
        """
        done = []
        for start in range(0, len(drafts), _AT_ONCE):
            part = drafts[start : start + _AT_ONCE]
            files = self._writer.write([(draft.statement, _header(draft.reference)) for draft in part])
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


def _header(reference: Dataset) -> bytes:
    """The header of an image as a DICOM file."""
    header = Dataset()
    for element in reference:
        header[element.tag] = element
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = reference.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = reference.SOPInstanceUID
    header.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    return file_bytes(header)
