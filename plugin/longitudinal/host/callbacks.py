"""Callbacks that outlive the interpreter.

When Orthanc stops, the python plugin finalizes the interpreter and releases the callbacks after that. On 5.0 with
CPython 3.13 a callback whose last reference that was takes Orthanc down with a segmentation fault (its exit code is then
139, and a service manager reports a crash). One reference that is never released keeps that from happening.
"""

import ctypes
from collections.abc import Callable
from typing import TypeVar

Callback = TypeVar("Callback", bound=Callable[..., object])


def immortal(callback: Callback) -> Callback:
    """The callback, with one more reference that nobody holds and so nobody can release."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(callback))
    return callback
