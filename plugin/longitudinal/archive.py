"""What the plugin asks of the archive (Orthanc) it runs in, as a protocol; `host` implements it.

All reads here run in Orthanc's own process and take microseconds, `file` excepted.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Parents:
    """The Orthanc identifiers above one instance."""

    patient: str
    study: str
    series: str


class Archive(Protocol):
    """The archive of record, read only."""

    def has_instance(self, orthanc_id: str) -> bool:
        """Whether the instance is stored at this moment."""

    def state(self) -> Hashable:
        """Equal at two moments only if the same instances are stored, on whatever node; None when that is unknown."""

    def has(self, level: str, orthanc_id: str) -> bool:
        """Whether a resource of `level` ("patients", "studies", "series", "instances") is stored."""

    def file(self, orthanc_id: str) -> bytes:
        """The DICOM file of an instance. Raises KeyError where it is gone."""

    def parents(self, orthanc_id: str) -> Parents:
        """The resources above an instance. Raises KeyError where it is gone."""
