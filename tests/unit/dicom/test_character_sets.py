"""Text to Unicode. The oracles are the examples of PS3.5 annexes H to K, with the bytes and the letters printed there."""

import pydicom
import pytest
from pydicom.data import get_charset_files

from longitudinal.dicom.character_sets import character_set, default_encoding
from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.file_tags import read_file_tags

NAMES = {
    # PS3.5 H.3.1, H.3.2, I.2, J.1 to J.3, K.2
    "H31": (
        r"\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    "H32": (
        r"ISO 2022 IR 13\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    "I2": (
        r"\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    "J1": (
        "ISO_IR 192",
        b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe4\xb8\x9c=",
        "Wang^XiaoDong=王^小东=",
    ),
    "J3": ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
    "K2": (
        r"\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "Zhang^XiaoDong=张^小东=",
    ),
}

PYDICOM_FILES = {
    # what pydicom's own tests expect of the files it ships
    "chrArab": "قباني^لنزار",
    "chrFren": "Buc^Jérôme",
    "chrFrenMulti": "Buc^Jérôme",
    "chrGerm": "Äneas^Rüdiger",
    "chrGreek": "Διονυσιος",
    "chrH31": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "chrH32": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "chrHbrw": "שרון^דבורה",
    "chrI2": "Hong^Gildong=洪^吉洞=홍^길동",
    "chrJapMulti": "やまだ^たろう",
    "chrJapMultiExplicitIR6": "やまだ^たろう",
    "chrKoreanMulti": "김희중",
    "chrRuss": "Люкceмбypг",
    "chrX1": "Wang^XiaoDong=王^小東",
    "chrX2": "Wang^XiaoDong=王^小东",
}


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_the_standard(name: str) -> None:
    terms, written, expected = NAMES[name]
    assert character_set(terms).decode(written, is_name=True) == expected


@pytest.mark.parametrize("name", PYDICOM_FILES)
def test_pydicoms_files(name: str) -> None:
    (path,) = get_charset_files(f"{name}.dcm")
    expected = PYDICOM_FILES[name]
    assert read_file_tags(path)["0010,0010"].rstrip("=") == expected
    # the same where somebody has looked at the values before
    dataset = pydicom.dcmread(path)
    assert str(dataset.PatientName)
    assert tags_from_dataset(dataset)["0010,0010"].rstrip("=") == expected


def test_an_item_has_the_set_of_its_dataset_or_its_own() -> None:
    keep = frozenset({"0010,0010", "0032,1064"})
    for name in ("chrSQEncoding", "chrSQEncoding1"):
        (path,) = get_charset_files(f"{name}.dcm")
        dataset = pydicom.dcmread(path)
        (item,) = tags_from_dataset(dataset, keep)["0032,1064"]
        assert item["0010,0010"] == "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"


def test_greek_and_cyrillic_in_one_name() -> None:
    greek = b"\x1b-F" + "Διονυσιος".encode("iso8859_7")
    russian = b"\x1b-L" + "Люкceмбypг".encode("iso8859_5")
    multiple = character_set(r"ISO 2022 IR 100\ISO 2022 IR 144\ISO 2022 IR 126")
    assert multiple.decode(greek + b"^" + russian, is_name=True) == "Διονυσιος^Люкceмбypг"
    # a switch ends at the delimiter of a name, and not at the same letter in a description
    assert multiple.decode(greek + b"^\xe9", is_name=True) == "Διονυσιος^é"
    assert multiple.decode(greek + b"^\xe9").startswith("Διονυσιος^ι")


def test_what_names_no_set_or_none_that_exists_has_the_default() -> None:
    utf8, latin = default_encoding("Utf8"), default_encoding("Latin1")
    for terms in ("", "ISO_IR 999", "\\"):
        assert character_set(terms, utf8).decode("Jörg".encode()) == "Jörg"
        assert character_set(terms, latin).decode(b"J\xf6rg") == "Jörg"
    assert character_set("ISO-IR 100", utf8).decode(b"J\xf6rg") == "Jörg"
    assert character_set("ISO_IR 203").decode(b"\xbcuvre \xa4") == "Œuvre €"
    assert default_encoding("no such thing") == latin


def test_every_default_encoding_of_orthanc_has_a_codec() -> None:
    names = (
        "Ascii Utf8 Latin1 Latin2 Latin3 Latin4 Latin5 Cyrillic Windows1251 Arabic Greek Hebrew Thai "
        "Japanese Chinese JapaneseKanji Korean SimplifiedChinese"
    )
    for name in names.split():
        assert default_encoding(name).decode(b"abc") == "abc"
    assert default_encoding("Windows1251").decode("Иван".encode("cp1251")) == "Иван"
    assert default_encoding("Greek").decode("Διονυσιος".encode("iso8859_7")) == "Διονυσιος"


def test_letters_without_the_escape_sequence_that_should_announce_them() -> None:
    assert character_set(r"\ISO 2022 IR 149").decode("홍길동".encode("euc_kr")) == "홍길동"
    assert character_set(r"ISO 2022 IR 6\ISO 2022 IR 100").decode(b"J\xf6rg") == "Jörg"


def test_what_a_set_does_not_have_is_left_out() -> None:
    assert character_set("ISO_IR 192").decode(b"J\xf6rg") == "Jrg"
    assert character_set(r"\ISO 2022 IR 87").decode(b"\x1b$B;3E\xff\x1b(B!") == "山!"
