"""The PythonScript of Orthanc: finds the Python environment, then calls `longitudinal.host.start()`.

Any error here is written to Orthanc's log. Orthanc then runs without the plugin, or, if the settings have anything that
could be the section "Access", refuses every request.
"""

import ctypes
import difflib
import gc
import json
import os
import re
import site
import sys
import traceback
from pathlib import Path

import orthanc

PLUGIN = Path(__file__).resolve().parent
CONFIGURATION = json.loads(orthanc.GetConfiguration())
FILTERS = []  # what decides about requests, once the plugin has started; Orthanc takes one filter and keeps it


class NoEnvironmentError(Exception):
    """No environment exists for the Python that Orthanc runs; the message says how to make one."""


def lets_in(uri, **request):  # type: ignore[no-untyped-def]
    """Orthanc's filter of requests: lets nothing in before there is a filter of ours."""
    return bool(FILTERS) and FILTERS[0](uri, **request)


def is_restricted() -> bool:
    """Whether a section "Access" is meant to be there, however it or the section around it is spelled."""
    sections = difflib.get_close_matches("longitudinal", map(str.lower, CONFIGURATION), 9, 0.8)
    text = json.dumps([value for name, value in CONFIGURATION.items() if name.lower() in sections])
    return bool(difflib.get_close_matches("access", re.findall(r'"(\w+)": ', text.lower()), 1, 0.7))


def environment() -> Path:
    """Return where the libraries are: `Longitudinal.Environment` if set, otherwise `.venv` beside `plugin/`."""
    section = CONFIGURATION.get("Longitudinal")
    named = section.get("Environment") if isinstance(section, dict) else None
    return PLUGIN.parent / (named if isinstance(named, str) and named else ".venv")


def add_libraries(folder: Path) -> None:
    """Make the packages installed in the environment `folder` importable, before those of the system."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    if not packages.is_dir():
        raise NoEnvironmentError(
            f"no Python environment at {packages}. Run `make setup` in {PLUGIN.parent}, or scripts/install.sh again if "
            f"that put it there, or name another one in the setting Longitudinal.Environment. It must be one of {version}, "
            "which this Orthanc runs"
        )
    site.addsitedir(str(packages))
    # Debian's own numpy or pydicom, if installed, are older than the ones the plugin is tested with
    sys.path.sort(key=lambda entry: entry.endswith("dist-packages"))


# The threads of numpy's linear algebra wait by spinning: 0.1 s of a processor at a start. All matrices here are small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
gc.disable()  # nearly all that a start makes stays
RESTRICTED = is_restricted()
if RESTRICTED:
    ctypes.pythonapi.Py_IncRef(
        ctypes.py_object(lets_in)
    )  # never released: see longitudinal/host/callbacks.py
    orthanc.RegisterIncomingHttpRequestFilter(lets_in)
try:
    if str(PLUGIN) not in sys.path:
        sys.path.insert(0, str(PLUGIN))
    add_libraries(environment())
    from longitudinal import host

    host.start(*([FILTERS.append] if RESTRICTED else []))
except BaseException as error:  # Orthanc must keep running, whatever it is
    if not isinstance(error, NoEnvironmentError):
        orthanc.LogError(traceback.format_exc())
    closed = " The settings have a section Access, so every request is refused." if RESTRICTED else ""
    orthanc.LogError(f"orthanc-longitudinal is NOT running: {error}{closed}")
finally:
    gc.freeze()  # later collections need not look at it either
    gc.enable()
