"""pydicom, imported as a whole by one thread; a start of Orthanc does without it.

Its modules import each other in circles. Of two threads that begin at the same time, with different parts of it, one can go
on with modules that are half made, and the process keeps them.
"""

import threading

_LOCK = threading.Lock()


def load_pydicom() -> None:
    """Call this before each import, inside a function, of pydicom or of a module that imports it."""
    with _LOCK:
        import pydicom  # noqa: F401
