r"""Text of DICOM objects to Unicode (PS3.5 6.1.2, PS3.3 C.12.1.1.2).

pydicom leaves the escape sequences of GB 2312 in the text, knows no Latin-9, and takes no set at all for Latin-1.
Orthanc switches between few sets only: of ``ISO 2022 IR 13\ISO 2022 IR 87``, common in Japan, it makes ``;3ED`` of 山田.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

SPECIFIC_CHARACTER_SET: Final = "0008,0005"

_CODECS = {
    "6": "ascii",
    "13": "shift_jis",
    "58": "gb2312",
    "100": "iso8859_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "149": "euc_kr",
    "166": "tis_620",
    "192": "utf_8",
    "203": "iso8859_15",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
"""By ISO-IR number, or the whole term (PS3.3 tables C.12-2 to C.12-5); each holds ASCII in its lower half."""

_LEFT_ONLY = {"87": "ascii", "159": "ascii"}
"""Kanji of two bytes below 0x80: only after an escape sequence."""

_WHOLE = {"utf_8", "gb18030", "gbk"}
"""Sets that are used without escape sequences."""

_RIGHT = {
    b")I": "shift_jis",
    b"-A": "iso8859_1",
    b"-B": "iso8859_2",
    b"-C": "iso8859_3",
    b"-D": "iso8859_4",
    b"-F": "iso8859_7",
    b"-G": "iso8859_6",
    b"-H": "iso8859_8",
    b"-L": "iso8859_5",
    b"-M": "iso8859_9",
    b"-T": "tis_620",
    b"-b": "iso8859_15",
    b"$)A": "gb2312",
    b"$)C": "euc_kr",
}
"""Escape sequences (without ESC) that change what bytes from 0x80 on mean."""

_LEFT = {b"(B": b"", b"(J": b"", b"$@": b"\x1b$@", b"$B": b"\x1b$B", b"$(D": b"\x1b$(D"}
"""Escape sequences that change what bytes below 0x80 mean, and how ISO-2022-JP-2 begins such a text; "" is ASCII."""

_ESCAPE = re.compile(b"\x1b(" + b"|".join(re.escape(code) for code in (*_RIGHT, *_LEFT)) + b")")
_HALVES = re.compile(rb"[\x00-\x7f]+|[\x80-\xff]+")
# A switch ends at these (PS3.5 6.1.2.5.3).
_DELIMITERS = re.compile(rb"([\t\n\f\r\\])")
_NAME_DELIMITERS = re.compile(rb"([\t\n\f\r\\^=])")

_DEFAULT_ENCODINGS = {
    "Ascii": "ascii",
    "Utf8": "utf_8",
    "Latin1": "iso8859_1",
    "Latin2": "iso8859_2",
    "Latin3": "iso8859_3",
    "Latin4": "iso8859_4",
    "Latin5": "iso8859_9",
    "Cyrillic": "iso8859_5",
    "Windows1251": "cp1251",
    "Arabic": "iso8859_6",
    "Greek": "iso8859_7",
    "Hebrew": "iso8859_8",
    "Thai": "tis_620",
    "Japanese": "shift_jis",
    "Chinese": "gb18030",
    "JapaneseKanji": "iso2022_jp_2",
    "Korean": "euc_kr",
    "SimplifiedChinese": "gb2312",
}


class CharacterSet(msgspec.Struct, frozen=True):
    """How the text of an object is encoded.

    Attributes
    ----------
    codec : str
        Python's codec for text before the first escape sequence.
    switches : bool
        Whether escape sequences change it.
    """

    codec: str
    switches: bool = False

    def decode(self, value: bytes, *, is_name: bool = False) -> str:
        r"""Decode a value; characters that its set does not contain are left out, as Orthanc does.

        Parameters
        ----------
        is_name : bool
            Whether the VR is PN, in which ``^`` and ``=`` end a switch too.

        >>> character_set(r"\ISO 2022 IR 87").decode(b"Yamada=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", is_name=True)
        'Yamada=山田^太郎'
        """
        if not self.switches or b"\x1b" not in value:
            return value.decode(self.codec, "ignore")
        read, left, right = [], b"", self.codec
        delimiters = _NAME_DELIMITERS if is_name else _DELIMITERS
        for number, piece in enumerate(_ESCAPE.split(value)):
            if number % 2:
                left, right = _LEFT.get(piece, left), _RIGHT.get(piece, right)
            elif left:
                for half in _HALVES.findall(piece):
                    read.append(
                        half.decode(right, "ignore")
                        if half[0] > 0x7F
                        else (left + half).decode("iso2022_jp_2", "ignore")
                    )
            else:
                for part in delimiters.split(piece):
                    right = self.codec if delimiters.fullmatch(part) else right
                    read.append(part.decode(right, "ignore"))
        return "".join(read)


LATIN_1 = CharacterSet("iso8859_1")
"""What Orthanc assumes for an object that names none, unless DefaultEncoding is set."""


def default_encoding(name: str) -> CharacterSet:
    """The set that Orthanc's setting DefaultEncoding names; Latin-1 for an unknown name."""
    codec = _DEFAULT_ENCODINGS.get(name)
    return CharacterSet(codec) if codec else LATIN_1


def character_set(terms: str, default: CharacterSet = LATIN_1) -> CharacterSet:
    r"""Read the value of Specific Character Set (0008,0005).

    Parameters
    ----------
    terms : str
        Defined terms with backslashes between; misspelt ones such as ``ISO-IR 100`` are understood.
    default : CharacterSet
        For objects that name none, or one that does not exist.

    >>> character_set("ISO_IR 192"), character_set("").codec
    (CharacterSet(codec='utf_8', switches=False), 'iso8859_1')
    """
    if not terms.strip("\\ \0"):
        return default
    numbers = [_number(term) for term in terms.split("\\")]
    known = [number for number in numbers if number in _CODECS or number in _LEFT_ONLY]
    if not known:
        return default
    codecs = [_CODECS.get(number, "ascii") for number in known]
    whole = next((codec for codec in codecs if codec in _WHOLE), None)
    if whole is not None:
        return CharacterSet(whole)
    # Some write Latin or Korean letters without the escape sequence that should announce them.
    first = next((codec for codec in codecs if codec != "ascii"), "ascii")
    return CharacterSet(first, switches=any("2022" in term for term in terms.split("\\")))


def _number(term: str) -> str:
    term = term.strip(" \0").upper()
    found = re.fullmatch(r"ISO[ _-](?:2022[ _-])?IR[ _-](\d+)", term)
    return found.group(1) if found else (term or "6")
