"""Which of the instances an answer names are gone, asked of the archive no more often than it changes."""

from collections.abc import Hashable, Iterable

from longitudinal.archive import Archive

_MAX_REMEMBERED = 200_000


class Presence:
    """Remembers that an instance was there when the archive was in a certain state.

    Asking for one instance takes some 15 us and an answer names twenty; asking for the state takes 50 us in all, and an
    archive in the same state still has what it had. The state is read before the instances are: a delete in between makes
    the next state another one.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._seen: dict[str, Hashable] = {}

    def gone(self, orthanc_ids: Iterable[str]) -> list[str]:
        """Those of the instances that the archive does not have at this moment."""
        state = self._archive.state()
        unsure = [
            orthanc_id for orthanc_id in orthanc_ids if state is None or self._seen.get(orthanc_id) != state
        ]
        missing = [orthanc_id for orthanc_id in unsure if not self._archive.has_instance(orthanc_id)]
        if len(self._seen) > _MAX_REMEMBERED:
            self._seen.clear()
        self._seen.update(dict.fromkeys(unsure, state))
        for orthanc_id in missing:
            self._seen.pop(orthanc_id, None)
        return missing
