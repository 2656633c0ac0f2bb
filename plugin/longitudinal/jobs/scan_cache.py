"""The scans that the process for points keeps in memory, so that the next point of the same pair need not wait for them.

Neighbourhoods are registered at 2 mm: of a scan of 1 mm an eighth is kept.
"""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

import msgspec

from longitudinal.jobs.messages import ScanPlanes
from longitudinal.registration.kept_pyramid import KeptPyramid
from longitudinal.registration.local import LOCAL_MM
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.volume import Volume

ProgressMessage = Callable[[float], None]
ReadScan = Callable[[ScanPlanes, ProgressMessage], Volume]

# The two scans of a point are in memory together in any case.
_PAIR = 2


class ScanCache:
    """Scans by what they are made of: planes, instances, contrast, version. The least recently used leave first.

    Parameters
    ----------
    budget
        Bytes. The last two stay even if they take more.
    read
        Reads a scan, and reports its progress, 0..1, to its second argument.
    """

    def __init__(self, budget: float, read: ReadScan) -> None:
        self.frames_read = 0
        self._budget = budget
        self._read = read
        self._held: OrderedDict[bytes, KeptPyramid] = OrderedDict()

    def get(self, scan: ScanPlanes, progress: ProgressMessage) -> KeptPyramid:
        """A scan, read if it is not in memory. Raises what reading raises."""
        key = sha256(msgspec.json.encode(scan)).digest()
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        self._leave(1)  # its partner
        self._held[key] = KeptPyramid(Pyramid(self._read(scan, progress)), LOCAL_MM)
        self.frames_read += len(scan.frames)
        self._leave(_PAIR)
        return self._held[key]

    def forget(self) -> None:
        """Release all scans."""
        self._held.clear()

    def _leave(self, at_least: int) -> None:
        """Remove scans until the rest fit, or `at_least` are left."""
        while len(self._held) > at_least and sum(scan.nbytes for scan in self._held.values()) > self._budget:
            self._held.popitem(last=False)
