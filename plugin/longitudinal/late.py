"""Modules that are imported when something of them is first used, not when Orthanc starts.

pydicom takes a quarter of the plugin's start, and is needed when the first file is read. Modules that use it say so:

    if TYPE_CHECKING:
        import pydicom
    else:
        pydicom = late("pydicom")

Only for threads with large stacks: an import inside an import needs much of it. Those of Orthanc's HTTP server have 100 KB,
and the bodies of routes do not run there.
"""

import importlib
from types import ModuleType
from typing import Any


class _Late(ModuleType):
    """Stands for a module; holds what was used of it."""

    def __getattr__(self, name: str) -> Any:
        module = importlib.import_module(self.__name__)
        try:
            found = getattr(module, name)
        except AttributeError:
            found = importlib.import_module(f"{self.__name__}.{name}")
        setattr(self, name, found)
        return found


def late(name: str) -> ModuleType:
    """The module of a name, to be imported when something of it is first used.

    >>> late("decimal").Decimal("0.1")
    Decimal('0.1')
    """
    return _Late(name)
