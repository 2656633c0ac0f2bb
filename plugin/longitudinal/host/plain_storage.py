"""Orthanc's own folder of files, where an instance's file is there exactly as long as the instance is.

Orthanc removes the files of what is deleted or overwritten before it answers, and gives no name twice. So one look at the
file system, a microsecond, tells what a question to Orthanc's database would, which lets one caller in at a time: where
others store, that takes milliseconds, with Python's lock held on plugins before 4.3.
"""

import ctypes
import json
import os
from collections.abc import Sequence
from pathlib import Path

import orthanc

# With Python's lock held: the call is shorter than giving the lock away and waiting for it again.
_access = ctypes.PyDLL(None).access
_access.argtypes = (ctypes.c_char_p, ctypes.c_int)
_access.restype = ctypes.c_int


class PlainStorage:
    """The folder in which Orthanc itself stores files, whether or not a plugin stores them elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.fsencode(folder)
        self.folder = folder
        self._is_trusted = False

    def path(self, name: str) -> str:
        """Where the file of a name (a UUID) lies: in two levels of folders.

        As text, since this is asked for each stored file: a Path takes as long as Orthanc's answer.
        """
        return f"{self.folder}/{name[:2]}/{name[2:4]}/{name}"

    def has_all(self, names: Sequence[str]) -> bool:
        """Whether the files are there, whatever that proves."""
        for name in names:  # all() over a generator takes longer
            file = name.encode()
            if _access(b"%b/%b/%b/%b" % (self._folder, file[:2], file[2:4], file), os.F_OK) != 0:
                return False
        return True

    def trust(self) -> bool:
        """From now on files tell of instances, if Orthanc alone keeps both: no plugin its database, none its files.

        To be called once the archive has been compared with the index: an Orthanc that was killed leaves files of
        instances that it has no more, and so does one whose database was put back to an earlier state. Returns whether
        they tell, and did not before.
        """
        if self._is_trusted:
            return False
        try:
            system = json.loads(orthanc.RestApiGet("/system"))
        except orthanc.OrthancException:
            return False
        plugins = [system.get(name, "unknown") for name in ("DatabaseBackendPlugin", "StorageAreaPlugin")]
        self._is_trusted = plugins == [None, None]
        return self._is_trusted

    def holds(self, name: str) -> bool:
        """Whether the file is there, and proves that its instance is."""
        return self.holds_all((name,))

    def holds_all(self, names: Sequence[str]) -> bool:
        """The same of many files."""
        return self._is_trusted and self.has_all(names)
