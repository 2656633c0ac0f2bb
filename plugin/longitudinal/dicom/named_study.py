"""Which study a file says that it belongs to, before any archive has it."""

import hashlib
from io import BytesIO

import msgspec

from longitudinal.dicom.raw_values import PADDING
from longitudinal.dicom.whole_library import load_pydicom

_TAGS = ["SpecificCharacterSet", "PatientID", "StudyInstanceUID", "InstitutionName"]
_DIGITS, _GROUP = 40, 8


class NamedStudy(msgspec.Struct, frozen=True):
    """What a file says: PatientID (0010,0020), StudyInstanceUID (0020,000D), InstitutionName (0008,0080)."""

    patient_id: str
    study_instance_uid: str
    institution: str

    @property
    def orthanc_id(self) -> str:
        """The Orthanc id of such a study: a digest of the first two.

        >>> NamedStudy("P", "1.2.3", "").orthanc_id
        'e722b7e7-848a8681-ec887fb8-6d84590e-5f4ccaaa'
        """
        digest = hashlib.sha1(f"{self.patient_id}|{self.study_instance_uid}".encode()).hexdigest()
        return "-".join(digest[start : start + _GROUP] for start in range(0, _DIGITS, _GROUP))


def read_named_study(file: bytes) -> NamedStudy | None:
    """What a file says of its study; None where it cannot be read, or has no StudyInstanceUID."""
    load_pydicom()
    import pydicom  # late: a start does not need it

    try:
        found = pydicom.dcmread(BytesIO(file), specific_tags=_TAGS, stop_before_pixels=True)
        patient, study, institution = (str(found.get(name, "") or "").strip(PADDING) for name in _TAGS[1:])
    except Exception:  # whatever a stranger's file makes of the reader
        return None
    return NamedStudy(patient, study, institution) if study else None
