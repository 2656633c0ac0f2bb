"""OHIF's app on Orthanc's own port: same origin, same login."""

import logging
from pathlib import Path
from typing import Any

import msgspec

from longitudinal.errors import InvalidSettings
from longitudinal.host.access_services import roots_of
from longitudinal.host.static_host import StaticHost
from longitudinal.http.headers import Guarded
from longitudinal.ohif.site import Roots, Site
from longitudinal.settings import Settings

LOGGER = logging.getLogger(__name__)

_PROJECT = Path(__file__).resolve().parents[3]
_DEFAULT_APP = ".ohif/app"


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
            roots = _roots(settings.ohif_root, configuration, settings)
            self._site = Site(app, roots, sends_compressed=not compresses)
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


def _roots(ohif: str, configuration: dict[str, Any], settings: Settings) -> Roots:
    """Where the DICOMweb plugin is, by its own settings; where access is restricted, ours searches."""
    roots = roots_of(configuration)
    qido = roots.dicom_web if settings.access is None else f"{settings.root}/dicom-web"
    return Roots(settings.root, ohif, roots.dicom_web, roots.wado, qido)


def dicom_web_roots(configuration: dict[str, Any]) -> tuple[str | None, str | None]:
    """Where the DICOMweb plugin serves DICOMweb and WADO-URI, by its own settings; None for what they switch off."""
    section = configuration.get("DicomWeb")
    section, roots = section if isinstance(section, dict) else {}, roots_of(configuration)
    return (
        roots.dicom_web if section.get("Enable", True) else None,
        roots.wado if section.get("EnableWado", True) else None,
    )
