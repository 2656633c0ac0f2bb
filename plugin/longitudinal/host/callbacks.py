"""Callbacks that outlive the interpreter, on threads whose Python state is kept.

When Orthanc stops, the python plugin finalizes the interpreter and releases the callbacks after that. On 5.0 with
CPython 3.13 a callback whose last reference that was takes Orthanc down with a segmentation fault (its exit code is then
139, and a service manager reports a crash). One reference that is never released keeps that from happening.

Before each callback the plugin asks Python for a state of the thread (PyGILState_Ensure), and after it gives the state
back. The last one back destroys it: five mmap and five munmap for each callback, 8 % of a store. So each of Orthanc's
threads asks once more, when it first calls us, and never gives back. What was kept is freed with the interpreter.
"""

import ctypes
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

Callback = TypeVar("Callback", bound=Callable[..., object])

# Orthanc's threads are few and live as long as its servers. A thread that ends leaves its state behind, 20 KB, so there is
# a limit: beyond it states are made and destroyed as before.
_MOST_KEPT = 512
# By the address of the thread's stack, which a later thread may get again: then that one's state is not kept.
_kept: set[int] = set()


def immortal(callback: Callback) -> Callback:
    """The callback for Orthanc to keep: nobody can release it, and it keeps the Python state of the thread it runs on."""

    def call(*arguments: Any, **named: Any) -> object:
        if threading.get_ident() not in _kept:
            _keep_thread_state()
        return callback(*arguments, **named)

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(call))
    return cast(Callback, call)


def _keep_thread_state() -> None:
    """Count this thread's state once more, so that it is not destroyed when the callback returns."""
    if len(_kept) < _MOST_KEPT:
        _kept.add(threading.get_ident())
        ctypes.pythonapi.PyGILState_Ensure()
