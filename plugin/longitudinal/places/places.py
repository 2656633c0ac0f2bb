"""Places kept in the archive: the operations of the routes."""

from longitudinal.places.answer import KeptAnswer, PlaceAnswer, PlaceDetail, PlacesAnswer, RemovedPlace
from longitudinal.points.resolver import PixelQuestion, PointQuestion


class Places:
    """Keeps places as structured reports, and reads them back."""

    def of_patient(self, patient: str, limit: int, offset: int) -> PlacesAnswer:
        """The places of a patient. Raises NotFound."""
        raise NotImplementedError

    def get(self, place: str) -> PlaceDetail:
        """One place, resolved. Raises NotFound, Ambiguous."""
        raise NotImplementedError

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
        PlaceRefused
        ArchiveFailed, WriterUnavailable
        """
        raise NotImplementedError

    def rename(self, place: str, name: str, user: str) -> PlaceAnswer:
        """Give a place another name, in every report of the plugin."""
        raise NotImplementedError

    def remove(self, place: str) -> RemovedPlace:
        """Delete the plugin's reports of a place."""
        raise NotImplementedError

    def keep_in(self, place: str, studies: list[str] | None, user: str) -> KeptAnswer:
        """Write or renew the mapped reports of a place, in some studies or in all."""
        raise NotImplementedError

    def remove_from(self, place: str, study: str) -> PlaceAnswer:
        """Delete the plugin's mapped report of one study."""
        raise NotImplementedError
