"""The scans a worker keeps in memory, so that the next point of the same pair need not wait for them."""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

import msgspec

from longitudinal.jobs.messages import ScanPlanes
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.volume import Volume

ProgressMessage = Callable[[float], None]
ReadScan = Callable[[ScanPlanes, ProgressMessage], Volume]

# Of the voxels: as they were read, stretched to 0..1, and averaged to 2 mm, which is an eighth of a scan of 1 mm.
_COPIES = 2.25
# The two scans of a point are in memory together in any case.
_PAIR = 2


class ScanCache:
    """Scans by what they are made of (planes, instances, contrast, last update); the least recently used leave first.

    Parameters
    ----------
    budget
        Bytes. The last two stay even where they take more.
    read
        Reads a scan; told how to report how far it is, 0..1.
    """

    def __init__(self, budget: float, read: ReadScan) -> None:
        self.frames_read = 0
        self._budget = budget
        self._read = read
        self._held: OrderedDict[bytes, Pyramid] = OrderedDict()

    def get(self, scan: ScanPlanes, progress: ProgressMessage) -> Pyramid:
        """A scan, read if it is not here. Raises what reading raises."""
        key = sha256(msgspec.json.encode(scan)).digest()
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        self._leave(1)  # its partner
        self._held[key] = Pyramid(self._read(scan, progress))
        self.frames_read += len(scan.frames)
        self._leave(_PAIR)
        return self._held[key]

    def forget(self) -> None:
        """Give all memory back."""
        self._held.clear()

    def _leave(self, at_least: int) -> None:
        """Let scans go until the rest fit, or so many are left."""
        while len(self._held) > at_least and sum(map(_bytes_of, self._held.values())) > self._budget:
            self._held.popitem(last=False)


def _bytes_of(pyramid: Pyramid) -> float:
    volume = pyramid.volume
    covered = 0 if volume.covered is None else volume.covered.nbytes
    return _COPIES * (volume.voxels.nbytes + covered)
