"""What holds for all files that are alike."""

from longitudinal.dicom.alike import Alike, AlikeTags, once_alike
from longitudinal.dicom.tag_names import SIEMENS_IMAGES_IN_MOSAIC
from longitudinal.dicom.tags import Tags, private_key, text

CALLS: list[str] = []


@once_alike
def modality_and_number(tags: Tags) -> str:
    CALLS.append("modality_and_number")
    return text(tags, "0008,0060") + (text(tags, "0020,0013") if "0020,0013" in tags else "")


@once_alike
def patient(tags: Tags) -> str:
    CALLS.append("patient")
    return text(tags, "0010,0010")


@once_alike
def both(tags: Tags) -> str:
    CALLS.append("both")
    return patient(tags) + modality_and_number(tags)


@once_alike
def everything(tags: Tags) -> int:
    CALLS.append("everything")
    return len(tags)


@once_alike
def mosaic(tags: Tags) -> str | None:
    CALLS.append("mosaic")
    return private_key(tags, SIEMENS_IMAGES_IN_MOSAIC)


SHARED = {"0008,0060": "MR", "0010,0010": "A"}


def alike(kind: Alike, **own: str) -> AlikeTags:
    said = {key.removeprefix("t").replace("_", ","): value for key, value in own.items()}
    return AlikeTags(SHARED | said, said, kind)


def calls(read, *tags: Tags) -> tuple[list[object], int]:
    CALLS.clear()
    return [read(one) for one in tags], len(CALLS)


def test_what_all_say_is_read_once() -> None:
    kind = Alike(varies_privately=False)
    assert calls(patient, *(alike(kind, t0020_0013=str(n)) for n in range(9))) == (["A"] * 9, 1)


def test_what_each_says_is_read_of_each_one_and_kept_while_it_stays() -> None:
    kind = Alike(varies_privately=False)
    tags = [alike(kind, t0020_0013=n) for n in "1122"]
    assert calls(modality_and_number, *tags) == (["MR1", "MR1", "MR2", "MR2"], 2)


def test_what_another_function_looks_at_counts() -> None:
    kind = Alike(varies_privately=False)
    assert calls(both, *(alike(kind, t0020_0013=n) for n in "12"))[0] == ["AMR1", "AMR2"]


def test_kinds_know_nothing_of_each_other() -> None:
    one, other = (AlikeTags({"0010,0010": name}, {}, Alike(varies_privately=False)) for name in "AB")
    assert calls(patient, one, other, one) == (["A", "B", "A"], 2)


def test_plain_tags_are_always_read() -> None:
    assert calls(patient, SHARED, SHARED | {"0010,0010": "B"}) == (["A", "B"], 2)


def test_a_function_that_lists_tags_is_never_kept() -> None:
    kind = Alike(varies_privately=False)
    assert calls(everything, alike(kind), alike(kind, t0020_0013="1")) == ([2, 3], 2)


def test_a_private_block_that_only_some_have_is_found() -> None:
    creator, key = "0019,0010", f"0019,10{SIEMENS_IMAGES_IN_MOSAIC.element}"
    kind = Alike(varies_privately=True)
    own = {creator: SIEMENS_IMAGES_IN_MOSAIC.creator, key: "4"}
    tags = [alike(kind), AlikeTags(SHARED | own, own, kind), alike(kind)]
    assert calls(mosaic, *tags)[0] == [None, key, None]
