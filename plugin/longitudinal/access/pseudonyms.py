"""What a de-identified share calls things: names that tell nothing, and dates that are all moved by one constant.

Both are made from the salt of the share, so they stay the same as long as it does, on every node, and cannot be computed by
whoever does not have the record of the share.
"""

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

_UID_BITS = 122
_LEAST_DAYS, _MOST_DAYS = 365, 3_650
_GROUP = 8
_ID_DIGITS = 40
_PATIENT_DIGITS = 8
_CODE_DIGITS = 6
_SERIES = "series:"
_STUDY = "study:"

RealNames = Callable[[], Iterable[str]]
"""Every UID and Orthanc id that the share shows, and the names of its patient."""


class Pseudonyms:
    """The names of one share, both ways; from any thread.

    >>> names = Pseudonyms("00" * 32)
    >>> uid = names.uid("1.2.3")
    >>> uid.startswith("2.25."), names.real(uid, lambda: ["1.2.3"]), names.real("1.2.3", lambda: ["1.2.3"])
    (True, '1.2.3', None)
    """

    def __init__(self, salt: str) -> None:
        self._salt = bytes.fromhex(salt)
        self._lock = threading.Lock()
        self._real: dict[str, str] = {}
        self._shift = timedelta(
            days=_LEAST_DAYS
            + int.from_bytes(self._digest("days", "")[:8], "big") % (_MOST_DAYS - _LEAST_DAYS)
        )

    def _digest(self, kind: str, text: str) -> bytes:
        message = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._salt, message, hashlib.sha256).digest()

    def _known(self, made: str, real: str) -> str:
        with self._lock:
            self._real[made] = real
        return made

    def uid(self, uid: str) -> str:
        """A UID under 2.25 (PS3.5 B.2) in place of one; the name of a frame that is a series keeps its form."""
        if not uid:
            return ""
        prefix = _SERIES if uid.startswith(_SERIES) else ""
        number = int.from_bytes(self._digest("uid", uid), "big") >> (256 - _UID_BITS)
        return self._known(f"{prefix}2.25.{number}", uid)

    def orthanc_id(self, orthanc_id: str) -> str:
        """An id of the same form as Orthanc's."""
        if not orthanc_id:
            return ""
        digits = self._digest("id", orthanc_id).hex()[:_ID_DIGITS]
        made = "-".join(digits[at : at + _GROUP] for at in range(0, _ID_DIGITS, _GROUP))
        return self._known(made, orthanc_id)

    def patient(self, patient_id: str) -> str:
        """In place of a PatientID."""
        return self._known(
            f"Patient-{self._digest('patient', patient_id).hex()[:_PATIENT_DIGITS]}", patient_id
        )

    def code(self, text: str) -> str:
        """In place of a code that is not known to be harmless: two that differ stay different, such as two units."""
        return self._known(f"?{self._digest('code', text).hex()[:_CODE_DIGITS]}", text)

    def real(self, name: str, real_names: RealNames) -> str | None:
        """What a name of this share stands for; None where it stands for nothing, as every real name does.

        Parameters
        ----------
        real_names
            Asked where a name was not given since the start: the share may have been opened on another node.
        """
        with self._lock:
            found = self._real.get(name)
        if found is None:
            for each in real_names():
                self.uid(each)
                self.uid(f"{_SERIES}{each}")
                self.orthanc_id(each)
                self.patient(each)
            with self._lock:
                found = self._real.get(name)
        return found

    def day(self, text: str) -> str:
        """A date (YYYY-MM-DD) moved into the past; empty where it is none."""
        return self._moved_day(text, -self._shift)

    def real_day(self, text: str) -> str:
        """A date of this share, moved back to where it was; empty where it is none."""
        return self._moved_day(text, self._shift)

    @staticmethod
    def _moved_day(text: str, shift: timedelta) -> str:
        try:
            return (date.fromisoformat(text.replace(".", "-")) + shift).isoformat()
        except (ValueError, OverflowError):
            return ""

    def time(self, text: str) -> str:
        """A date and time (ISO 8601) moved by the same days; empty where it is none."""
        try:
            return (datetime.fromisoformat(text) - self._shift).isoformat()
        except (ValueError, OverflowError):
            return self.day(text)
