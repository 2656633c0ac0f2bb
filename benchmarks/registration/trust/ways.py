"""What registration found for each pair of the accepted ones and the refused."""

from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

from benchmarks.registration import cases
from benchmarks.registration.cases import refined_one_way
from benchmarks.registration.trust import scans
from benchmarks.registration.trust.kept import code_of, kept_in, text_of
from benchmarks.registration.trust.pairs import Pair
from longitudinal.geometry.affine import Matrix
from longitudinal.registration import block_fit, rigid, search, volume
from longitudinal.registration.block_fit import fit_to_blocks
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.rigid import NoOverlap


@lru_cache
def _refining() -> str:
    """Of what makes the scans, and of what searches and refines."""
    return text_of(scans, cases) + code_of(search, rigid, volume)


@lru_cache
def _code() -> str:
    """The same, and of the fit to blocks that ends it."""
    return _refining() + code_of(block_fit)


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
        return self._way("forth", lambda fixed, moving: (fixed, moving))

    def home(self) -> Matrix | None:
        """Fixed from moving (4, 4), LPS mm; None without overlap."""
        return self._way("home", lambda fixed, moving: (moving, fixed))

    def kept(self, what: str, code: tuple[ModuleType, ...], make: Callable[[], Any]) -> Any:
        """Something about this pair: it depends on the ways and on some code besides."""
        return self._kept(_code(), f"{what}/{code_of(*code)}", make)

    def _kept(self, code: str, what: str, make: Callable[[], Any]) -> Any:
        key = "/".join(map(str, (code, self._pair.fixed, self._pair.moving, what)))
        return kept_in(key, f"{self.name}, {what.partition('/')[0]}", make)

    def _way(self, way: str, order: Callable[[Pyramid, Pyramid], tuple[Pyramid, Pyramid]]) -> Matrix | None:
        def refined() -> Matrix | None:
            try:
                return refined_one_way(*order(*self.scans))
            except NoOverlap:
                return None

        start: Matrix | None = self._kept(_refining(), f"{way}, refined", refined)
        if start is None:
            return None
        fitted: Matrix = self.kept(way, (), lambda: fit_to_blocks(*order(*self.scans), start))
        return fitted
