"""What registration found for each pair, kept in a folder of /tmp, so that the checks can be tried again in seconds.

The key is the pair and the code that searches and refines: what has changed since is registered anew, and a run that was
cut short goes on where it stopped.
"""

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

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

CODE = (search, rigid, pyramid, volume)
"""What searches and refines, and what makes volumes of files."""


class Ways:
    """The two ways of a pair's rigid alignment, each registered when it is first asked for."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._scans: tuple[Pyramid, Pyramid] | None = None
        self.name = str(pair)

    @property
    def scans(self) -> tuple[Pyramid, Pyramid]:
        """Fixed and moving."""
        if self._scans is None:
            self._scans = Pyramid(self._pair.fixed.volume()), Pyramid(self._pair.moving.volume())
        return self._scans

    def forth(self) -> Matrix | None:
        """Moving from fixed (4, 4), LPS mm; None without overlap."""
        return self._way("forth", lambda fixed, moving: aligned_one_way(fixed, moving, Method.RIGID))

    def home(self) -> Matrix | None:
        """Fixed from moving (4, 4), LPS mm; None without overlap."""
        return self._way("home", lambda fixed, moving: aligned_one_way(moving, fixed, Method.RIGID))

    def key(self, what: str, code: Sequence[ModuleType] = ()) -> str:
        """By which something about this pair is kept: it depends on the ways and on some code besides."""
        text = "/".join(map(str, (code_of(CODE), GENERATOR, self._pair.fixed, self._pair.moving, what)))
        return f"{text}/{code_of(code)}" if code else text

    def _way(self, way: str, make: Callable[[Pyramid, Pyramid], Matrix]) -> Matrix | None:
        def as_json() -> Any:
            try:
                return make(*self.scans).tolist()
            except NoOverlap:
                return None

        found = kept_in(self.key(way), self.name, as_json)
        return None if found is None else np.array(found)


def kept_in(key: str, name: str, make: Callable[[], Any]) -> Any:
    """What is kept under a key, made and kept where it is not."""
    path = FOLDER / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
    if not path.exists():
        began = time.process_time()
        kept = {"name": name, "found": make()}
        kept["seconds"] = time.process_time() - began
        FOLDER.mkdir(exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(kept))
        partial.rename(path)
        print(f"{name}: {kept['seconds']:.1f} CPU s", file=sys.stderr, flush=True)
    return json.loads(path.read_text())["found"]


def code_of(modules: Sequence[ModuleType]) -> str:
    """A digest of the text of modules, and of SimpleITK's version."""
    digest = hashlib.sha256(version("SimpleITK").encode())
    for module in modules:
        assert module.__file__ is not None
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()
