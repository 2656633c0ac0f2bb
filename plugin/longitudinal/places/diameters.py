"""Diameters of places: kept in the study they were drawn in, under the tracking UID of the place."""

from msgspec.structs import replace

from longitudinal.errors import Conflict
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.places.answer import PlaceAnswer, RemovedPlace
from longitudinal.places.drawn import DrawnDiameters, check_drawn, lines_of
from longitudinal.places.kept import KeptGroup, KeptPlace
from longitudinal.places.naming import checked_name
from longitudinal.places.places import ANY_ROLE, Places
from longitudinal.places.writing import Seen, following
from longitudinal.points.resolver import PixelQuestion, QuestionFilters


class MeasuredPlaces(Places):
    """Places, and the diameters that are kept of them."""

    def keep_diameters(
        self, drawn: DrawnDiameters, place: str | None, name: str | None, user: str
    ) -> PlaceAnswer:
        """Keep diameters of a place, or of a new one with this name, in the study of their image.

        What the plugin kept of the place in that study is replaced, as far as it is diameters of a person.

        Raises
        ------
        NotFound, Ambiguous, OutsideImage, NotIndexable
            As of resolve; or no such place.
        InvalidRequest
            The lines have no length, or the name cannot be one.
        Conflict
            The image is of another patient than the place, or the place has no tracking UID.
        ArchiveFailed, WriterUnavailable
        """
        check_drawn(drawn.diameters)
        index, seen = self._drawn_on(drawn)
        with self._changing:
            tracking_uid = self._reports.new_uid()
            before: tuple[KeptGroup, ...] = ()
            if place is None:
                name = checked_name(name or "")
            else:
                kept, found = self._find(place)
                if kept.index.key != index.key or found.tracking_uid is None:
                    raise Conflict(
                        "the place is of another patient, or has no tracking UID: keep a new place there"
                    )
                tracking_uid, name = found.tracking_uid, found.answer.name
                before = _own_diameters(found, _study_of(kept.index, drawn.sop_instance_uid))
            draft = self._reports.draft(index, seen, tracking_uid, name, user)
            self._reports.write([following(draft, *before) if before else draft])
        return self._answer(*self._find(place or tracking_uid))

    def remove_diameters(self, place: str, study: str) -> RemovedPlace:
        """Delete the diameters that users of the plugin kept of a place in one study.

        Raises
        ------
        NotFound, Ambiguous
        Conflict
            Nothing of the plugin is there to delete.
        ArchiveFailed
        """
        with self._changing:
            kept, found = self._find(place)
            key = kept.index.study_keys.get(study)
            numbers = [number for number, entry in enumerate(kept.index.studies) if entry.key == key]
            own = [group for number in numbers for group in _own_diameters(found, number)]
            if not own:
                raise Conflict("no user of the plugin kept diameters of the place in this study")
            self._reports.delete([group.row["orthanc_id"] for group in own])
        left = [group.row["sop_instance_uid"] for group in found.groups if group not in own]
        return RemovedPlace(place, [group.row["sop_instance_uid"] for group in own], left)

    def _drawn_on(self, drawn: DrawnDiameters) -> tuple[PatientIndex, Seen]:
        """The image that diameters were drawn on. Raises as `keep_diameters` does."""
        ends = []
        for number, one in enumerate(drawn.diameters):
            points = []
            for at, (row, column) in enumerate((one.start, one.end)):
                pointer = f"/diameters/{number}/points/{at}"
                pixel = PixelQuestion(drawn.sop_instance_uid, drawn.frame_number, row, column)
                found = self._resolver.find(pixel, QuestionFilters(roles=ANY_ROLE, pointer=pointer))
                points.append(found.source.point)
            ends.append((points[0], points[1]))
        index, seen = self._seen(
            PixelQuestion(drawn.sop_instance_uid, drawn.frame_number, *drawn.middle), None
        )
        return index, replace(seen, drawn=lines_of(drawn, ends))


def _own_diameters(place: KeptPlace, study: int) -> tuple[KeptGroup, ...]:
    """What users of the plugin have measured of a place in one study (its number in the index)."""
    return tuple(
        group
        for group in place.own
        if group.study == study and group.mapping is None and group.row["kind"] == "diameters"
    )


def _study_of(index: PatientIndex, sop_instance_uid: str) -> int:
    """The number of an instance's study in the index."""
    (series, _), *_ = index.instances[sop_instance_uid]
    return index.study_of_series[series]
