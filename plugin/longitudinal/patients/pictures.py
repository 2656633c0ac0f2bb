"""Frames of a study by number, and which instances can be shown as pictures."""

from collections.abc import Callable
from functools import lru_cache

import msgspec
import numpy as np

from longitudinal.dicom.nesting import MOST_LEVELS
from longitudinal.dicom.planes.pictures import no_picture, no_picture_of_class
from longitudinal.errors import FieldError, NoPicture, NotFound
from longitudinal.nesting import depth_of
from longitudinal.patients.instance_lookup import find_instance
from longitudinal.patients.patient_index import PatientIndex, StudyEntry
from longitudinal.reasons import NotIndexableReason
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.transforms import sop_class_of

# Reading the tags of an enhanced image takes milliseconds, and a list of studies shows the same pictures again and again.
_REMEMBERED = 4_096
# A level of DICOM is two of JSON, the list of items and the item; the outermost object is one.
_MOST_BRACKETS = 2 * MOST_LEVELS + 1


class Pictures:
    """Which instances Orthanc is asked to draw.

    Parameters
    ----------
    tags_of
        Gives the tags of an instance (JSON); KeyError where it is gone.
    """

    def __init__(self, readers: Readers, tags_of: Callable[[str], str]) -> None:
        self._readers = readers
        self._tags_of = tags_of
        self._why_not = lru_cache(maxsize=_REMEMBERED)(self._read_why_not)

    def find(self, instance: str) -> str:
        """The Orthanc id of an instance that can be drawn, by its SOPInstanceUID or Orthanc id.

        Raises
        ------
        NotFound, Ambiguous, NoPicture
        """
        found = self.known(instance)
        self.check(found, "instance")
        return found

    def known(self, instance: str) -> str:
        """The Orthanc id of an instance, whether or not it can be drawn. Raises NotFound, Ambiguous."""
        return find_instance(self._readers, instance)

    def check(self, orthanc_id: str, field: str) -> None:
        """Raise NotFound or NoPicture where Orthanc is not asked to draw an instance.

        An overwritten one is looked at again with its class.
        """
        try:
            why = self._why_not(orthanc_id, sop_class_of(self._readers.connection(), orthanc_id))
        except KeyError:
            raise NotFound(
                f"instance {orthanc_id} is not stored any more", [FieldError(field, "is gone")]
            ) from None
        if why:
            raise NoPicture(
                f"instance {orthanc_id} is not shown as a picture: {why}", [FieldError(field, why)]
            )

    def _read_why_not(self, orthanc_id: str, sop_class: str) -> str:
        if why := no_picture_of_class(sop_class):
            return why
        text = self._tags_of(orthanc_id).encode()
        if depth_of(text, _MOST_BRACKETS) > _MOST_BRACKETS:
            return f"its sequences are nested more than {MOST_LEVELS} levels deep"
        return no_picture(msgspec.json.decode(text))


def frame_of_study(patient: PatientIndex, study: StudyEntry, index: int) -> tuple[str, int]:
    """Orthanc id and 1-based frame number of the frame `index` (0-based) of a study.

    Frames with a place come first, series by number in stack order, then the others. Raises NotFound beyond the last.
    """
    placed = sum(len(patient.series[number].planes) for number in study.series)
    if index < placed:
        plane = study.first_plane + index
        number = int(np.searchsorted(patient.stack_set.start, plane, side="right")) - 1
        series = patient.series[int(patient.stack_series[number])]
        frame_number = int(patient.stack_set.planes[plane]["frame_number"])
        return series.orthanc_ids[int(patient.plane_instance[plane])], frame_number
    left = index - placed
    for number in study.series:
        series = patient.series[number]
        for orthanc_id, reason, frames in zip(
            series.orthanc_ids, series.instance_reasons, series.frame_counts, strict=True
        ):
            if reason is None or reason == NotIndexableReason.NOT_AN_IMAGE:
                continue
            if left < frames:
                return orthanc_id, left + 1
            left -= frames
    last = index - left - 1
    if last < 0:
        raise NotFound("the study has no frames", [FieldError("index", "the study has no frames")])
    raise NotFound(f"the study has frames 0 to {last}", [FieldError("index", f"must be from 0 to {last}")])
