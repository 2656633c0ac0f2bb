"""Whose files an upload has, as its form states it: checked against each file, and never written into one."""

import re
from collections.abc import Iterable

import msgspec

from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.header import read_header
from longitudinal.errors import FieldError, MalformedBody
from longitudinal.http.multipart import Part
from longitudinal.sidecar.tables.browse import folded

_FIELDS = {"patientid": "patientID", "patientname": "patientName"}
_LONGEST = 1_000
_SHOWN = 100
# What separates the parts of a name, in DICOM and as people write it.
_SEPARATORS = re.compile(r"[\^,\s=]+")


class StatedPatient(msgspec.Struct, frozen=True):
    """PatientID and PatientName as the form states them; None where it does not."""

    patient_id: str | None = None
    patient_name: str | None = None

    def __bool__(self) -> bool:
        return self.patient_id is not None or self.patient_name is not None

    @staticmethod
    def takes(part: Part) -> bool:
        """Whether a part is one of these fields, and so no file."""
        return part.text_field is not None and part.text_field.lower() in _FIELDS

    @classmethod
    def read(cls, parts: Iterable[Part]) -> "StatedPatient":
        """What a form states. An empty field states nothing. Raises MalformedBody where a field comes twice."""
        stated: dict[str, str] = {}
        for part in parts:
            if not cls.takes(part):
                continue
            name = _FIELDS[(part.text_field or "").lower()]
            value = part.content.decode("utf-8", "replace").strip()
            if name in stated or len(value) > _LONGEST:
                detail = f"{name} must come once, with at most {_LONGEST} characters"
                raise MalformedBody(detail, [FieldError(name, detail)])
            stated[name] = value
        return cls(stated.get("patientID") or None, stated.get("patientName") or None)

    def differs(self, file: bytes) -> str | None:
        """What a file states otherwise, for people; "" where it states the same, None where it cannot be read."""
        try:
            tags = read_file_tags(file)
            header = read_header(tags)
        except Exception:  # pydicom raises any exception on what is no DICOM object, or a damaged one
            return None
        if not tags:
            return None
        said = []
        if self.patient_id is not None and header.patient_id.strip() != self.patient_id:
            said.append(f"PatientID is {header.patient_id[:_SHOWN]!r}, not {self.patient_id[:_SHOWN]!r}")
        if self.patient_name is not None and not _is_same_name(header.patient_name or "", self.patient_name):
            said.append(
                f"PatientName is {(header.patient_name or '')[:_SHOWN]!r}, not {self.patient_name[:_SHOWN]!r}"
            )
        return "; ".join(said)


NOT_STATED = StatedPatient()


def _is_same_name(of_file: str, stated: str) -> bool:
    """Whether two names have the same parts, whatever their order, case, accents and separators.

    A name of a file can have several writings, separated by "=" (PS3.5 6.2.1.1): one of them is enough.

    >>> _is_same_name("Müller^Anna^^Dr.", "Dr. Anna Muller"), _is_same_name("Doe^Jane", "Doe John")
    (True, False)
    """
    wanted = _parts(stated)
    return any(_parts(writing) == wanted for writing in (*of_file.split("="), of_file))


def _parts(name: str) -> list[str]:
    return sorted(part for part in _SEPARATORS.split(folded(name)) if part)
