"""Places kept in the archive: the operations of the routes."""

import threading
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from longitudinal.archive import Archive
from longitudinal.errors import (
    Ambiguous,
    Conflict,
    FieldError,
    NotFound,
    NotIndexable,
    OutsideImage,
    PlaceRefused,
)
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.places.answer import (
    SHARED_TRACKING_UID,
    KeptAnswer,
    PlaceAnswer,
    PlaceDetail,
    PlacesAnswer,
    RemovedPlace,
)
from longitudinal.places.kept import KeptGroup, KeptPlace, KeptPlaces, PlaceLinkBuilder, read_kept
from longitudinal.places.mapped import plan_mapped
from longitudinal.places.naming import checked_name, find_place, unknown_place
from longitudinal.places.writing import PlaceReports, Seen, seen_in
from longitudinal.points.answer import Answer
from longitudinal.points.resolver import PixelQuestion, PointQuestion, QuestionFilters, Resolver
from longitudinal.points.stale import Stale, find_stale_transforms, transforms_used, until_current
from longitudinal.reasons import PlaceFault
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.patients import patient_key_of
from longitudinal.sidecar.tables.places import read_places, shared_tracking_uids

_MOST_UNREAD = 1_000
# Patients whose places are remembered: each is valid as long as the patient in memory is the same.
_MOST_REMEMBERED = 16
ANY_ROLE = frozenset({"image", "localizer", "dose", "segmentation", "derived"})


class Places:
    """Keeps places as structured reports, and reads them back.

    Parameters
    ----------
    heal
        Takes what is out of date and returns once the sidecar is updated.
    """

    def __init__(
        self,
        readers: Readers,
        catalogue: Catalogue,
        archive: Archive,
        resolver: Resolver,
        reports: PlaceReports,
        heal: Callable[[Stale], None],
        links: PlaceLinkBuilder,
    ) -> None:
        self._readers = readers
        self._catalogue = catalogue
        self._archive = archive
        self._resolver = resolver
        self._reports = reports
        self._heal = heal
        self._links = links
        self._remembered: dict[int, KeptPlaces] = {}
        self._remembering = threading.Lock()
        # Two requests that rename one place at once would each replace the same report.
        self._changing = threading.Lock()

    # Reading

    def of_patient(self, patient: str, limit: int, offset: int) -> PlacesAnswer:
        """The places of a patient. Raises NotFound, Ambiguous."""
        key = patient_key_of(self._readers.connection(), patient)
        if key is None:
            detail = f"no patient {patient} is indexed here"
            raise NotFound(detail, [FieldError("patientId", detail)])

        def chosen(kept: KeptPlaces) -> list[KeptPlace]:
            return list(kept.places.values())[offset : offset + limit]

        kept = self._checked(key, chosen)
        shared = shared_tracking_uids(self._readers.connection(), key)
        answers = [self._answer(kept, place, shared) for place in chosen(kept)]
        unread = list(kept.unread)
        return PlacesAnswer(len(kept.places), limit, offset, answers, unread[:_MOST_UNREAD], len(unread))

    def get(self, place: str) -> PlaceDetail:
        """One place, resolved. Raises NotFound, Ambiguous."""
        kept, found = self._find(place)
        return PlaceDetail(self._answer(kept, found), self._resolved(kept.index, found, QuestionFilters()))

    # Changing

    def keep(
        self, question: PixelQuestion | PointQuestion, study: str | None, name: str, user: str
    ) -> PlaceAnswer:
        """Keep a new place.

        Parameters
        ----------
        study
            The study the point was placed in; needed for a point of a frame that more than one study has.

        Raises
        ------
        NotFound, Ambiguous, OutsideImage, NotIndexable
            As of resolve.
        InvalidRequest
            The name cannot be one.
        PlaceRefused
        ArchiveFailed, WriterUnavailable
        """
        name = checked_name(name)
        index, seen = self._seen(question, study)
        tracking_uid = self._reports.new_uid()
        self._reports.write([self._reports.draft(index, seen, tracking_uid, name, user)])
        kept, place = self._find(tracking_uid)
        return self._answer(kept, place)

    def rename(self, place: str, name: str, user: str) -> PlaceAnswer:
        """Give a place another name, in every report of the plugin.

        Raises
        ------
        NotFound, Ambiguous, InvalidRequest
        Conflict
            The plugin has no report of it.
        ArchiveFailed, WriterUnavailable
        """
        name = checked_name(name)
        with self._changing:
            kept, found = self._find(place)
            own = _own(found)
            # the person's first: if the rest fails, the place has its new name
            ordered = sorted(
                own, key=lambda group: (group.id != found.answer.source, group.mapping is not None)
            )
            drafts = [
                self._reports.renamed(kept.index, group, name, user)
                for group in ordered
                if group.row["name"] != name
            ]
            self._reports.write(drafts)
            self._reports.delete([group.row["orthanc_id"] for group in found.outdated])
        return self._answer(*self._find(place))

    def remove(self, place: str) -> RemovedPlace:
        """Delete the plugin's reports of a place.

        Raises
        ------
        NotFound, Ambiguous
        Conflict
            The plugin has no report of it.
        ArchiveFailed
        """
        with self._changing:
            _, found = self._find(place)
            own = [*_own(found), *found.outdated]
            # mapped ones first: a statement of a person never goes before what was made from it
            own.sort(key=lambda group: group.mapping is None)
            self._reports.delete([group.row["orthanc_id"] for group in own])
        left = [group.row["sop_instance_uid"] for group in found.groups if not group.is_own]
        return RemovedPlace(place, [group.row["sop_instance_uid"] for group in own], left)

    def keep_in(self, place: str, studies: Sequence[str] | None, user: str) -> KeptAnswer:
        """Write or renew the mapped reports of a place, in some studies or in all.

        Raises
        ------
        NotFound, Ambiguous
            No such place or study.
        Conflict
            The plugin has no report of the place, or it has no position.
        ArchiveFailed, WriterUnavailable
        """
        with self._changing:
            kept, found = self._find(place)
            _own(found)
            wanted = QuestionFilters(studies=None if studies is None else tuple(studies))
            answer = self._resolved(kept.index, found, wanted)
            if answer is None or found.source is None:
                raise Conflict(f"the place has no position now: {found.answer.detail}")
            plan = plan_mapped(kept.index, found, answer, self._reports, user)
            self._reports.write(plan.drafts)
        kept, found = self._find(place)
        return KeptAnswer(self._answer(kept, found), list(plan.kept), list(plan.not_kept))

    def remove_from(self, place: str, study: str) -> PlaceAnswer:
        """Delete the plugin's mapped report of one study.

        Raises
        ------
        NotFound, Ambiguous
            No such place, or no mapped report of it in this study.
        Conflict
            A person stated it there.
        ArchiveFailed
        """
        with self._changing:
            kept, found = self._find(place)
            key = kept.index.study_keys.get(study)
            there = [group for group in found.own if kept.index.studies[group.study].key == key]
            mapped = [group for group in there if group.mapping is not None]
            if there and not mapped:
                raise Conflict("a person placed it in this study: delete the place itself")
            if not mapped:
                detail = f"nothing of the place was mapped into study {study}"
                raise NotFound(detail, [FieldError("study", detail)])
            series = {group.row["series_instance_uid"] for group in mapped}
            older = [group for group in found.outdated if group.row["series_instance_uid"] in series]
            self._reports.delete([group.row["orthanc_id"] for group in (*older, *mapped)])
        return self._answer(*self._find(place))

    # What they share

    def _find(self, place: str) -> tuple[KeptPlaces, KeptPlace]:
        """A place whose reports are all in the archive now. Raises NotFound, Ambiguous."""
        key, named = find_place(self._readers.connection(), place)
        kept = self._checked(key, lambda kept: [kept.places[named]] if named in kept.places else [])
        if named not in kept.places:
            raise unknown_place(place)
        return kept, kept.places[named]

    def _answer(self, kept: KeptPlaces, place: KeptPlace, shared: Iterable[str] | None = None) -> PlaceAnswer:
        if shared is None:
            shared = shared_tracking_uids(self._readers.connection(), kept.index.key)
        if place.tracking_uid is None or place.tracking_uid not in shared:
            return place.answer
        return replace(place.answer, id=f"{place.key}@{kept.index.orthanc_id}", flags=[SHARED_TRACKING_UID])

    def _checked(self, key: int, chosen: Callable[[KeptPlaces], list[KeptPlace]]) -> KeptPlaces:
        """The places of a patient, after the archive was asked whether all that the chosen ones rest on still exists."""

        def ask() -> tuple[KeptPlaces, Stale]:
            kept = self._kept(key)
            return kept, self._stale(kept.index, chosen(kept))

        return until_current(ask, self._heal, "reports are being changed")

    def _stale(self, index: PatientIndex, places: list[KeptPlace]) -> Stale:
        groups = [group for place in places for group in (*place.groups, *place.outdated)]
        used = {name for group in groups if group.mapping for name in group.mapping.transforms}
        transforms = find_stale_transforms(self._archive, index, transforms_used(index, used))
        rejected = [stored.orthanc_id for stored in index.transforms if stored.state == "rejected"]
        instances = dict.fromkeys(group.row["orthanc_id"] for group in groups)
        gone = tuple(orthanc_id for orthanc_id in instances if not self._archive.has_instance(orthanc_id))
        return Stale(
            instances=(*transforms.instances, *gone),
            rejected=tuple(name for name in transforms.rejected if name not in rejected),
        )

    def _kept(self, key: int) -> KeptPlaces:
        index = self._catalogue.patient(key)
        if index is None:
            raise NotFound("the patient is being deleted at this moment; ask again")
        with self._remembering:
            known = self._remembered.get(key)
        if known is not None and known.index is index:
            return known
        made = read_kept(index, read_places(self._readers.connection(), key), self._links)
        with self._remembering:
            self._remembered.pop(key, None)
            self._remembered[key] = made
            while len(self._remembered) > _MOST_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
        return made

    def _resolved(self, index: PatientIndex, place: KeptPlace, wanted: QuestionFilters) -> Answer | None:
        """What resolve says of a place, as if its pixel was clicked once more where that is possible."""
        source = place.source
        if source is None or source.position.frame is None:
            return None
        x, y, z = source.position.coordinates
        assert x is not None
        assert y is not None
        assert z is not None
        image = source.position.image
        if image is not None:
            pixel = PixelQuestion(image.sop_instance_uid, image.frame_number, image.row, image.column)
            try:
                return self._resolver.resolve(pixel, wanted)
            except (Ambiguous, NotIndexable, OutsideImage):
                pass  # the point itself is known all the same
        point = PointQuestion(index.orthanc_id, source.position.frame, (x, y, z))
        return self._resolver.resolve(point, wanted)

    def _seen(self, question: PixelQuestion | PointQuestion, study: str | None) -> tuple[PatientIndex, Seen]:
        """The image on which a place is stated. Raises as `keep` does."""
        if isinstance(question, PixelQuestion):
            found = self._resolver.find(question, QuestionFilters(roles=ANY_ROLE))
            source, index = found.source, found.index
            (owner,) = self._catalogue.owners_of_instance(question.sop_instance_uid)
            x, y, z = source.point.tolist()
            return index, Seen(
                owner.orthanc_id,
                source.frame,
                question.frame_number,
                question.row,
                question.column,
                0.0,
                (x, y, z),
            )
        wanted = QuestionFilters(studies=None if study is None else (study,))
        found = self._resolver.find(question, wanted)
        there = [
            match for match in found.answer.matches if match.frame_of_reference_uid == found.source.frame
        ]
        if len(there) != 1:
            fault = PlaceFault.NOT_IN_A_STUDY
            which = ", ".join(match.study_instance_uid for match in there) or "none"
            raise PlaceRefused(
                fault,
                f"{fault.explanation} Studies that show it: {which}.",
                [FieldError("/studyInstanceUid", fault.explanation)],
            )
        return found.index, seen_in(there[0])


def _own(place: KeptPlace) -> tuple[KeptGroup, ...]:
    if not place.own:
        raise Conflict("another software wrote the reports of this place; keep a place of your own there")
    return place.own
