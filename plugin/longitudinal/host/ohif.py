"""OHIF's app on Orthanc's own port: same origin, same login."""

import logging
from pathlib import Path
from typing import Any

import msgspec

from longitudinal.errors import InvalidSettings
from longitudinal.host.static_host import StaticHost
from longitudinal.http.headers import Guarded
from longitudinal.ohif.site import Roots, Site
from longitudinal.settings import Settings

LOGGER = logging.getLogger(__name__)

_PROJECT = Path(__file__).resolve().parents[3]
_DEFAULT_APP = ".ohif/app"
_DICOM_WEB = (("Root", "/dicom-web/"), ("WadoRoot", "/wado"))


class OhifHost:
    """Serves OHIF where it is unpacked and wanted.

    Attributes
    ----------
    root
        Where it is served; None where it is not.

    Raises
    ------
    InvalidSettings
        OhifPath names a folder without an unpacked app.
    """

    def __init__(self, settings: Settings, configuration: dict[str, Any]) -> None:
        self.root: str | None = None
        self._headers = Guarded(settings.allowed_frame_ancestors).page()
        if settings.ohif_root is None:
            return
        app = _PROJECT / (settings.ohif_path or _DEFAULT_APP)
        # Orthanc's default is to compress every answer; ours are compressed already where it does not
        compresses = bool(configuration.get("HttpCompressionEnabled", True))
        try:
            self._site = Site(app, _roots(settings.ohif_root, configuration), sends_compressed=not compresses)
        except (OSError, KeyError, msgspec.MsgspecError) as error:
            if settings.ohif_path is not None:
                raise InvalidSettings(
                    f'"Longitudinal.OhifPath": no unpacked OHIF at {app}: {error}'
                ) from None
            LOGGER.warning(
                "OHIF is not unpacked at %s, so %s is not served; `make setup` fetches it",
                app,
                settings.ohif_root,
            )
            return
        self.root = settings.ohif_root
        for name in self._site.unmatched:
            LOGGER.warning("OHIF %s: a patch matched nothing: %s", self._site.version, name)

    def register(self) -> None:
        """Register the route with Orthanc."""
        if self.root is not None:
            StaticHost(self.root, self._site.answer, self._headers).register()
            LOGGER.info("OHIF %s is at %s/", self._site.version, self.root)


def dicom_web_roots(configuration: dict[str, Any]) -> tuple[str | None, str | None]:
    """Where the DICOMweb plugin serves DICOMweb and WADO-URI, by its own settings; None for what they switch off."""
    section = configuration.get("DicomWeb")
    section = section if isinstance(section, dict) else {}
    dicom_web, wado = (f"/{str(section.get(name, at)).strip('/')}" for name, at in _DICOM_WEB)
    return (
        dicom_web if section.get("Enable", True) else None,
        wado if section.get("EnableWado", True) else None,
    )


def _roots(ohif: str, configuration: dict[str, Any]) -> Roots:
    section = configuration.get("DicomWeb")
    section = section if isinstance(section, dict) else {}
    return Roots(ohif, *(f"/{str(section.get(name, at)).strip('/')}" for name, at in _DICOM_WEB))
