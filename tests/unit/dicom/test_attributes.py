"""Attributes as people read them."""

import msgspec

from longitudinal.dicom.attributes import MOST_CHARACTERS, MOST_ITEMS, MOST_LEVELS, read_attributes


def test_attributes_have_their_names_and_come_in_the_order_of_their_tags() -> None:
    read = read_attributes({"0020,0032": "1\\2\\3", "0008,0060": "MR", "0029,1010": None, "7fe0,0010": None})
    assert [(one.tag, one.keyword, one.name, one.vr, one.value) for one in read] == [
        ("0008,0060", "Modality", "Modality", "CS", "MR"),
        ("0020,0032", "ImagePositionPatient", "Image Position (Patient)", "DS", "1\\2\\3"),
        ("0029,1010", "", "", "", None),
        ("7fe0,0010", "PixelData", "Pixel Data", "OB or OW", None),
    ]
    assert not any(one.is_cut for one in read)


def test_a_long_value_is_cut_and_says_so() -> None:
    whole, cut = read_attributes(
        {"0008,1030": "x" * MOST_CHARACTERS, "0010,4000": "y" * (MOST_CHARACTERS + 1)}
    )
    assert (whole.value, whole.is_cut) == ("x" * MOST_CHARACTERS, False)
    assert (cut.value, cut.is_cut) == ("y" * MOST_CHARACTERS, True)


def test_of_per_frame_attributes_those_of_the_frame_are_there() -> None:
    tags = {"5200,9230": [{"0020,9157": str(frame)} for frame in range(1, 301)]}
    (third,) = read_attributes(tags, 3)
    assert third.item_count == 300
    assert third.items is not None
    assert [[one.value for one in item] for item in third.items] == [["3"]]
    (every,) = read_attributes(tags)
    assert every.items is not None
    assert (len(every.items), every.item_count) == (MOST_ITEMS, 300)
    (beyond,) = read_attributes(tags, 301)
    assert (beyond.items, beyond.item_count) == ([], 300)


def test_what_is_nested_without_end_is_cut() -> None:
    tags: dict[str, object] = {"0008,0100": "innermost"}
    for _ in range(1_000):
        tags = {"0040,a043": [tags]}
    (read,) = read_attributes(tags)
    levels = 0
    while read.items:
        ((read,),) = read.items
        levels += 1
    assert (levels, read.items, read.item_count) == (MOST_LEVELS, [], 1)
    assert msgspec.json.encode(read)
