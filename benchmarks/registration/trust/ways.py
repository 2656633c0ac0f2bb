"""What registration found for each pair, kept in a folder of /tmp, so that the checks can be tried again in seconds.

The key is the pair and the code that searches and refines: what has changed since is registered anew, and a run that was
cut short goes on where it stopped.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.registration.cases import aligned_one_way
from benchmarks.registration.trust.pairs import Pair
from longitudinal.geometry.affine import Matrix
from longitudinal.registration import pyramid, rigid, search, volume
from longitudinal.registration.alignment import Method
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.rigid import NoOverlap

FOLDER = Path(tempfile.gettempdir()) / f"longitudinal-trust-{os.getuid()}"
GENERATOR = 1
"""To be raised when the same words of a pair come to mean other scans."""


class Ways:
    """The two ways of a pair's rigid alignment, each registered when it is first asked for."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._scans: tuple[Pyramid, Pyramid] | None = None

    @property
    def scans(self) -> tuple[Pyramid, Pyramid]:
        """Fixed and moving."""
        if self._scans is None:
            self._scans = Pyramid(self._pair.fixed.volume()), Pyramid(self._pair.moving.volume())
        return self._scans

    def forth(self) -> Matrix | None:
        """Moving from fixed (4, 4), LPS mm; None without overlap."""
        return self._kept("forth", lambda fixed, moving: aligned_one_way(fixed, moving, Method.RIGID))

    def home(self) -> Matrix | None:
        """Fixed from moving (4, 4), LPS mm; None without overlap."""
        return self._kept("home", lambda fixed, moving: aligned_one_way(moving, fixed, Method.RIGID))

    def _kept(self, way: str, make: Callable[[Pyramid, Pyramid], Matrix]) -> Matrix | None:
        key = hashlib.sha256(f"{_code()}/{GENERATOR}/{self._pair.fixed}/{self._pair.moving}/{way}".encode())
        path = FOLDER / f"{key.hexdigest()[:24]}.json"
        if not path.exists():
            fixed, moving = self.scans
            began = time.process_time()
            try:
                found = make(fixed, moving).tolist()
            except NoOverlap:
                found = None
            kept = {
                "pair": str(self._pair),
                "way": way,
                "matrix": found,
                "seconds": time.process_time() - began,
            }
            FOLDER.mkdir(exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(kept))
            partial.rename(path)
        matrix = json.loads(path.read_text())["matrix"]
        return None if matrix is None else np.array(matrix)


@cache
def _code() -> str:
    """Of what searches and refines, and what makes volumes of files."""
    digest = hashlib.sha256()
    for module in (search, rigid, pyramid, volume):
        assert module.__file__ is not None
        digest.update(Path(module.__file__).read_bytes())
    digest.update(version("SimpleITK").encode())
    return digest.hexdigest()
