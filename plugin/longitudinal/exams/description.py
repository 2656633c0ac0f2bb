"""What an uploader shows of an exam and its images."""

from collections import Counter
from typing import Literal
from urllib.parse import quote

import msgspec

from longitudinal.archive import Archive
from longitudinal.exams.answer import (
    DeletedImage,
    Exam,
    ExamImage,
    ExamImageLinks,
    ExamStudy,
    GivenDetails,
)
from longitudinal.exams.known import ExamState
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.exams import LinkedImage, LinkedStudy, read_linked_image

OTHER_PATIENT = "otherPatient"
_LINKED: dict[str, Literal["image", "series", "study"]] = {
    "instances": "image",
    "series": "series",
    "studies": "study",
}


class Places(msgspec.Struct, frozen=True):
    """Where things are served: paths on this server, without a slash at their end; None where they are not."""

    root: str
    dicom_web: str | None = None
    wado: str | None = None
    ohif: str | None = None


class Describer:
    """Makes answers of exams and links."""

    def __init__(self, readers: Readers, archive: Archive, places: Places) -> None:
        self._readers = readers
        self._archive = archive
        self._places = places

    def exam(self, state: ExamState) -> Exam:
        """One exam."""
        counts = Counter((one.study_instance_uid, one.study) for one in state.links)
        return Exam(
            exam=state.exam,
            patient_id=state.patient_id,
            patient_source=None
            if state.patient_id is None
            else "declared"
            if state.is_declared
            else "firstLink",
            description="" if state.declaration is None else state.declaration.description,
            kept="archive" if state.is_carried else "node",
            images=len(state.links),
            studies=[ExamStudy(uid, orthanc_id, count) for (uid, orthanc_id), count in counts.items()],
            deleted_images=deleted_images(state),
            flags=[OTHER_PATIENT] if state.others else [],
        )

    def image(self, of: LinkedStudy) -> ExamImage:
        """One link, with what its image states at present."""
        link = of.link
        first = None
        if self._archive.has(link.level, link.orthanc_id):
            first = read_linked_image(self._readers.connection(), link.level, link.orthanc_id)
        series = link.uid if link.level == "series" else None if first is None else first.series_instance_uid
        sop = link.uid if link.level == "instances" else None if first is None else first.sop_instance_uid
        return ExamImage(
            id=link.id,
            exam=link.exam,
            linked=_LINKED[link.level],
            is_stored=first is not None,
            patient_id=of.patient_id,
            study_instance_uid=of.study_instance_uid,
            series_instance_uid=series,
            sop_instance_uid=sop,
            orthanc_study_id=of.study,
            orthanc_instance_id=None if first is None else first.orthanc_id,
            modality=(first.modality if first is not None else "") or link.modality,
            acquisition_date_time=(None if first is None else first.acquisition_date_time)
            or link.acquired_at
            or None,
            image_count=0 if first is None else first.images,
            frame_count=0 if first is None else first.frames,
            description=link.description,
            url=link.url or None,
            given=GivenDetails(link.modality or None, link.acquired_at or None),
            linked_by=link.by,
            linked_at=link.at,
            links=self._links(of, first),
        )

    def _links(self, of: LinkedStudy, first: LinkedImage | None) -> ExamImageLinks:
        if first is None:
            return ExamImageLinks(None, None, None, None)
        places, study = self._places, quote(of.study_instance_uid, safe="")
        series, sop = quote(first.series_instance_uid, safe=""), quote(first.sop_instance_uid, safe="")
        below = {
            "studies": "",
            "series": f"/series/{series}",
            "instances": f"/series/{series}/instances/{sop}",
        }
        has_web, has_wado = places.dicom_web is not None, places.wado is not None
        asked = f"requestType=WADO&contentType=application/dicom&studyUID={study}&seriesUID={series}&objectUID={sop}"
        return ExamImageLinks(
            preview=f"{places.root}/instances/{first.orthanc_id}/preview",
            wado=f"{places.dicom_web}/studies/{study}{below[of.link.level]}" if has_web else None,
            wado_uri=f"{places.wado}?{asked}" if has_wado else None,
            ohif=None if places.ohif is None else f"{places.ohif}/viewer?StudyInstanceUIDs={study}",
        )


def deleted_images(state: ExamState) -> list[DeletedImage]:
    """The links of an exam that went with their study."""
    return [DeletedImage(one.id, one.study_instance_uid, one.at) for one in state.removed]
