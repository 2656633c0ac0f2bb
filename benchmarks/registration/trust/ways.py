"""What registration found for each pair of the accepted ones and the refused."""

from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

from benchmarks.registration import cases
from benchmarks.registration.cases import aligned_one_way
from benchmarks.registration.trust import scans
from benchmarks.registration.trust.kept import code_of, kept_in, text_of
from benchmarks.registration.trust.pairs import Pair
from longitudinal.geometry.affine import Matrix
from longitudinal.registration import rigid, search, volume
from longitudinal.registration.alignment import Method
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.rigid import NoOverlap


@lru_cache
def _code() -> str:
    """Of what makes the scans, and of what searches and refines."""
    return text_of(scans, cases) + code_of(search, rigid, volume)


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

    def kept(self, what: str, code: tuple[ModuleType, ...], make: Callable[[], Any]) -> Any:
        """Something about this pair: it depends on the ways and on some code besides."""
        key = "/".join(map(str, (_code(), self._pair.fixed, self._pair.moving, what)))
        return kept_in(f"{key}/{code_of(*code)}", f"{self.name}, {what}", make)

    def _way(self, way: str, make: Callable[[Pyramid, Pyramid], Matrix]) -> Matrix | None:
        def found() -> Matrix | None:
            try:
                return make(*self.scans)
            except NoOverlap:
                return None

        made: Matrix | None = self.kept(way, (), found)
        return made
