"""The PythonScript of Orthanc: finds the Python environment, then calls `longitudinal.host.start()`.

Any error here is written to Orthanc's log, and Orthanc runs without the plugin.
"""

import json
import site
import sys
import traceback
from pathlib import Path

import orthanc

PLUGIN = Path(__file__).resolve().parent


class NoEnvironmentError(Exception):
    """No environment exists for the Python that Orthanc runs; the message says how to make one."""


def environment() -> Path:
    """Return where the libraries are: `Longitudinal.Environment` if set, otherwise `.venv` beside `plugin/`."""
    section = json.loads(orthanc.GetConfiguration()).get("Longitudinal")
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


try:
    if str(PLUGIN) not in sys.path:
        sys.path.insert(0, str(PLUGIN))
    add_libraries(environment())
    from longitudinal import host

    host.start()
except Exception as error:  # Orthanc must keep running, whatever it is
    if not isinstance(error, NoEnvironmentError):
        orthanc.LogError(traceback.format_exc())
    orthanc.LogError(f"orthanc-longitudinal is NOT running: {error}")
