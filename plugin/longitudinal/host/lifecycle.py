"""Start and stop, and Orthanc's callbacks between them."""

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import orthanc

from longitudinal.errors import InvalidSettings
from longitudinal.host.audit_services import modality_of
from longitudinal.host.callbacks import immortal
from longitudinal.host.composition import Plugin, compose
from longitudinal.host.explorer import extend_explorer
from longitudinal.host.log import forward_logging
from longitudinal.host.paths import from_configuration
from longitudinal.settings import read_settings

LOGGER = logging.getLogger(__name__)

OpenGate = Callable[[Callable[..., bool]], None]
_LEVELS = {
    orthanc.ResourceType.PATIENT: "patients",
    orthanc.ResourceType.STUDY: "studies",
    orthanc.ResourceType.SERIES: "series",
    orthanc.ResourceType.INSTANCE: "instances",
}


def start(open_gate: OpenGate | None = None) -> None:
    """Read the settings, wire everything, register it. Called once, from main.py.

    Parameters
    ----------
    open_gate
        Where access is restricted: main.py's filter refuses everything before this is called with ours.

    Raises
    ------
    InvalidSettings
        The plugin does not start; Orthanc goes on. A sidecar that cannot be opened stops neither: it is tried again.
    """
    forward_logging()
    configuration = json.loads(orthanc.GetConfiguration())
    settings = read_settings(configuration)
    forward_logging(None if settings.json_log_path is None else from_configuration(settings.json_log_path))
    if (open_gate is None) != (settings.access is None):
        raise InvalidSettings(
            'the settings have something like a section "Access", but not Longitudinal.Access: look at how it is spelled'
        )
    _Lifecycle(compose(settings, configuration)).register(open_gate)


class _Lifecycle:
    """The plugin from Orthanc's start to its stop."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def register(self, open_gate: OpenGate | None) -> None:
        """Hook into Orthanc. The writer runs from here on; in-process reads wait for ORTHANC_STARTED."""
        plugin = self._plugin
        plugin.writer.start()
        orthanc.RegisterOnStoredInstanceCallback(immortal(self._on_stored))
        orthanc.RegisterOnChangeCallback(immortal(self._on_change))
        if open_gate is None:
            plugin.filter.register()
        plugin.page.register()  # before the routes of the same root: the first that matches answers
        plugin.rest.register()
        plugin.ohif.register()
        extend_explorer(plugin.root, is_restricted=plugin.access is not None)
        if open_gate is not None:  # last: whatever failed before leaves the gate closed
            open_gate(immortal(plugin.filter.lets_in))

    def _on_stored(self, instance: Any, orthanc_id: str) -> None:
        # Of the tags nothing is used: for one that was there already they are those of the file that was not taken.
        self._plugin.ingest.stored(orthanc_id)
        self._plugin.measures.count("stores_total")
        if (aet := modality_of(instance)) is not None:
            self._plugin.audit.audit.stored(orthanc_id, aet)

    def _on_change(self, change: int, level: int, orthanc_id: str) -> None:
        if change == orthanc.ChangeType.DELETED:
            self._plugin.ingest.deleted(_LEVELS[level], orthanc_id)
            if self._plugin.access is not None:
                self._plugin.access.changed(orthanc_id)
        elif change == orthanc.ChangeType.UPDATED_METADATA:
            self._plugin.annotations.refresh(orthanc_id)
        elif change == orthanc.ChangeType.ORTHANC_STARTED:
            self._start()
        elif change == orthanc.ChangeType.ORTHANC_STOPPED:
            self._stop()

    def _start(self) -> None:
        self._plugin.audit.start()
        if self._plugin.access is not None:
            self._plugin.access.start()
        self._plugin.reverify.start()
        self._plugin.indexing.start()
        self._plugin.registration.start()
        self._plugin.metrics.start()

    def _stop(self) -> None:
        plugin = self._plugin
        plugin.metrics.stop()
        plugin.rest.stop()
        if plugin.access is not None:
            plugin.access.stop()
        plugin.reverify.stop()
        plugin.reader.stop()
        plugin.registration.stop()
        plugin.indexing.stop()
        plugin.audit.stop()  # as late as it can find names: Orthanc's own routes still answer
        plugin.readers.close()
        plugin.writer.stop()  # the last connection: it empties the -wal file
        left = [thread.name for thread in threading.enumerate() if thread.name.startswith("longitudinal")]
        if left:
            LOGGER.error("Threads still running at stop: %s", ", ".join(left))
