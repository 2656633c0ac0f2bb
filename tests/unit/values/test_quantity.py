"""What the numbers of a frame are."""

from typing import Any

import pytest

from longitudinal.dicom.stored_values import read_stored_values
from longitudinal.values.quantity import quantity_of
from tests.unit.dicom.test_suv import PET, pet

GREY = {"7fe0,0010": None, "0028,0004": "MONOCHROME2"}
SCALE = {"0028,1052": "-1024", "0028,1053": "2"}


def quantity(modality: str, tags: dict[str, Any]) -> Any:
    whole = GREY | {"0008,0060": modality} | tags
    return quantity_of(whole, modality, read_stored_values(whole).frame(1))


@pytest.mark.parametrize(
    ("modality", "tags", "expected"),
    [
        ("CT", SCALE, ("HU", "HU", 2.0, -1024.0)),
        ("CT", SCALE | {"0028,1054": "HU"}, ("HU", "HU", 2.0, -1024.0)),
        ("CT", SCALE | {"0028,1054": "MGML"}, ("other", "MGML", 2.0, -1024.0)),
        ("CT", SCALE | {"0028,1054": "US"}, ("raw", None, 2.0, -1024.0)),
        ("CT", {}, ("raw", None, 1.0, 0.0)),
        ("MR", {}, ("raw", None, 1.0, 0.0)),
        ("MR", SCALE | {"0028,1054": "normalized"}, ("raw", None, 2.0, -1024.0)),
        ("MR", SCALE | {"0028,1054": "mm2/s"}, ("other", "mm2/s", 2.0, -1024.0)),
        ("MR", SCALE | {"0028,1054": "HU"}, ("other", "HU", 2.0, -1024.0)),
    ],
)
def test_only_ct_is_hounsfield_and_without_a_unit_numbers_are_raw(
    modality: str, tags: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    found = quantity(modality, tags)
    assert (found.quantity, found.unit, found.slope, found.intercept) == expected
    assert found.suv_reason is None


def test_pet_is_suv_with_slope_and_intercept_in_one() -> None:
    found = quantity("PT", PET | {"0028,1053": "2", "0028,1052": "0"})
    assert (found.quantity, found.unit) == ("SUVbw", "g/ml")
    assert (found.slope, found.intercept) == pytest.approx((1.6e-3, 0.0))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (pet(**{"0010,1030": ""}), ("activity", "Bq/ml", "noWeight")),
        (pet(**{"0054,1001": "CNTS"}), ("raw", "CNTS", "countsWithoutFactor")),
        (pet(**{"0054,1001": "PROPCPS"}), ("other", "PROPCPS", "unitsNotSupported")),
    ],
)
def test_pet_without_suv_keeps_its_own_unit_and_says_why(
    tags: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    found = quantity("PT", tags | {"0028,1053": "2", "0028,1052": "0"})
    assert (found.quantity, found.unit, found.suv_reason) == expected
    assert (found.slope, found.suv_detail != "") == (2.0, True)


def test_the_scanners_own_mapping_to_suv_counts_where_the_header_lacks_something() -> None:
    unit = [{"0008,0100": "{SUVbw}g/ml"}]
    mapping = {"0040,9225": "0.001", "0040,9224": "0", "0040,08ea": unit}
    tags = pet(**{"0010,1030": "", "0028,1053": "2", "0028,1052": "0", "0040,9096": [mapping]})
    found = quantity("PT", tags)
    assert (found.quantity, found.slope, found.suv_reason) == ("SUVbw", 0.001, None)


@pytest.mark.parametrize(
    "tags", [{"0028,0004": "RGB"}, {"0028,3000": [{}]}, {"0028,1053": "0", "0028,1052": "1"}]
)
def test_what_is_not_linear_is_no_number(tags: dict[str, Any]) -> None:
    assert quantity("CT", tags) is None
    assert quantity("PT", PET | tags) is None
