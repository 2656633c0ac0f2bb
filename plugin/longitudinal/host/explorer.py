"""Orthanc Explorer's patient and study pages show what the index knows, by a script that Orthanc adds to its own."""

import json
import logging
from pathlib import Path

import orthanc

LOGGER = logging.getLogger(__name__)

_SCRIPT = Path(__file__).parents[1] / "web" / "explorer.js"


def extend_explorer(root: str, *, is_restricted: bool = False) -> None:
    """Give Orthanc the script.

    Parameters
    ----------
    root
        Where the routes live.
    is_restricted
        Whether access is restricted: whoever does not see everything is led to the timeline page.
    """
    if not hasattr(orthanc, "ExtendOrthancExplorer"):
        LOGGER.warning("This Orthanc cannot extend Orthanc Explorer; its pages are unchanged")
        return
    orthanc.ExtendOrthancExplorer(
        f"{_SCRIPT.read_text(encoding='utf-8')}\nlongitudinalExplorer({json.dumps(root)}, {json.dumps(is_restricted)});\n"
    )
