"""SUVbw against cases computed by hand: a half-life of one hour and round doses make every factor a short sum."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pydicom
import pytest

from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.stored_values import STORED_VALUE_TAGS
from longitudinal.dicom.suv import SUV_TAGS, NoSuv, suv_factor
from longitudinal.reasons import SuvReason
from tests.builders import as_file, classic

Json = dict[str, Any]
TRACER: Json = {"0018,1072": "100000", "0018,1074": "200000000", "0018,1075": "3600"}
PET: Json = {
    "0008,0021": "20240102", "0008,0031": "110000", "0008,0022": "20240102", "0008,0032": "110500",
    "0010,1030": "80", "0028,0051": "DECY\\ATTN\\SCAT\\NORM", "0054,1001": "BQML", "0054,1102": "START",
    "0054,0016": [TRACER],
}  # fmt: skip
LATE = {"0008,0031": "150000"}
"""The series was made in the afternoon, by post-processing."""
PHILIPS = {"7053,0010": "Philips PET Private Group"}


def pet(tracer: Json | None = None, **more: Any) -> Json:
    return PET | {"0054,0016": [TRACER | (tracer or {})]} | more


# 80 kg are 80,000 g; 200 MBq are 100 MBq after a half-life: 80,000 / 1e8 = 8e-4.
@pytest.mark.parametrize(
    ("tags", "factor"),
    [
        pytest.param(pet(), 8e-4, id="an hour from injection to the start of the scan"),
        pytest.param(pet(**{"0054,1102": "ADMIN"}), 4e-4, id="corrected to the injection: the whole dose"),
        pytest.param(pet({"0018,1072": "090000"}), 1.6e-3, id="two hours"),
        pytest.param(pet({"0018,1072": "110000"}), 4e-4, id="injected as the scan began"),
        pytest.param(pet({"0018,1072": "103000"}), 4e-4 * 2**0.5, id="half an hour"),
        pytest.param(pet({"0018,1075": "6586.2", "0018,1074": "370000000"}, **{"0010,1030": "70"}),
                     70_000 / 253_314_181.6, id="370 MBq of F-18: 2^-0.546597 is 0.684633"),
        pytest.param(pet({"0018,1078": "20240102100000.000000"}), 8e-4, id="date and time of the injection"),
        pytest.param(pet({"0018,1078": "20240102090000", "0018,1072": "100000"}), 1.6e-3, id="which count before the time"),
        pytest.param(pet({"0018,1078": "20240102100000+0100"}), 8e-4, id="and have an offset, the clock is the same"),
        pytest.param(pet({"0018,1072": "233000"}, **{"0008,0031": "003000", "0008,0032": "003500"}), 8e-4,
                     id="midnight between injection and scan"),
        pytest.param(pet({"0018,1078": "20240101233000"}, **{"0008,0031": "003000", "0008,0032": "003500"}), 8e-4,
                     id="midnight, with the date"),
        pytest.param(pet(**LATE, **{"0009,0010": "GEMS_PETD_01", "0009,100d": "20240102110000"}), 8e-4,
                     id="a later series of GE has the time of the scan in its private note"),
        pytest.param(pet(**LATE, **{"0009,0011": "GEMS_PETD_01", "0009,110d": "20240102110000.00"}), 8e-4,
                     id="in another block"),
        # A frame of an hour, one half-life: its count rate is average after log2(ln 2 / 0.5) = 0.471234 h = 1,696.44 s.
        # Acquired at 11:05:00, plus that, less a reference of 1,996.44 s: 11:00:00.
        pytest.param(pet(**LATE, **{"0054,1300": "1996440", "0018,1242": "3600000"}), 8e-4,
                     id="a later series whose frames tell the start of the scan"),
        pytest.param(pet(**{"0008,0022": "", "0008,0032": ""}), 8e-4, id="no acquisition time: that of the series"),
        pytest.param(pet(**{"0054,1001": "GML"}), 1.0, id="SUV already"),
        pytest.param(pet(**{"0054,1001": "GML", "0054,1006": "BW"}), 1.0, id="SUV already, by body weight"),
        pytest.param(pet(**{"0054,1001": "GML", "0010,1030": ""}), 1.0, id="which needs no weight"),
        pytest.param(pet(**{"0054,1001": "CNTS"}, **PHILIPS, **{"7053,1000": "0.000345"}), 0.000345,
                     id="Philips' factor of counts"),
        pytest.param(pet(**{"0054,1001": "CNTS"}, **PHILIPS, **{"7053,1000": "0", "7053,1009": "2.5"}), 2.5 * 8e-4,
                     id="Philips' other factor makes Bq/ml of counts"),
        pytest.param(pet(**{"0010,1030": "0.025"}, tracer={"0018,1074": "5000000"}), 25 / 2.5e6, id="a mouse of 25 g"),
    ],
)  # fmt: skip
def test_the_factor_is_the_one_computed_by_hand(tags: Json, factor: float) -> None:
    assert suv_factor(tags) == pytest.approx(factor, rel=1e-5)


def test_a_later_series_without_frame_times_begins_with_its_earliest_acquisition() -> None:
    assert suv_factor(pet(**LATE), datetime(2024, 1, 2, 11)) == pytest.approx(8e-4, rel=1e-9)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        (pet(**{"0010,1030": ""}), SuvReason.NO_WEIGHT),
        (pet(**{"0010,1030": "0"}), SuvReason.NO_WEIGHT),
        (pet(**{"0010,1030": "72000"}), SuvReason.IMPLAUSIBLE_WEIGHT),
        (PET | {"0054,0016": [TRACER, TRACER]}, SuvReason.TWO_RADIOPHARMACEUTICALS),
        (PET | {"0054,0016": []}, SuvReason.NO_DOSE),
        (pet({"0018,1074": ""}), SuvReason.NO_DOSE),
        (pet({"0018,1074": "350"}), SuvReason.IMPLAUSIBLE_DOSE),
        (pet({"0018,1075": ""}), SuvReason.NO_HALF_LIFE),
        (pet({"0018,1072": ""}), SuvReason.NO_INJECTION_TIME),
        (pet({"0018,1072": "noon"}), SuvReason.NO_INJECTION_TIME),
        (pet({"0018,1075": "282240"}), SuvReason.INJECTION_DAY_UNKNOWN),
        (pet({"0018,1078": "20240102113000"}), SuvReason.INJECTED_AFTER_SCAN),
        (pet({"0018,1072": "110200"}), SuvReason.IMPLAUSIBLE_TIMES),  # clocks that differ by two minutes are no midnight
        (pet({"0018,1078": "20240101110000"}), SuvReason.IMPLAUSIBLE_TIMES),
        (pet(**LATE), SuvReason.NO_SCAN_TIME),
        (pet(**{"0008,0031": ""}), SuvReason.NO_SCAN_TIME),
        (pet(**{"0028,0051": "DECY"}), SuvReason.NOT_ATTENUATION_CORRECTED),
        (pet(**{"0028,0051": ""}), SuvReason.NOT_ATTENUATION_CORRECTED),
        (pet(**{"0028,0051": "ATTN"}), SuvReason.NOT_DECAY_CORRECTED),
        (pet(**{"0054,1102": "NONE"}), SuvReason.NOT_DECAY_CORRECTED),
        (pet(**{"0054,1102": ""}), SuvReason.NOT_DECAY_CORRECTED),
        (pet(**{"0054,1001": "GML", "0054,1006": "LBM"}), SuvReason.NOT_BODY_WEIGHT),
        (pet(**{"0054,1001": "CNTS"}), SuvReason.COUNTS_WITHOUT_FACTOR),
        (pet(**{"0054,1001": "CNTS", "7053,1000": "0.5"}), SuvReason.COUNTS_WITHOUT_FACTOR),  # nobody's block
        (pet(**{"0054,1001": "PROPCPS"}), SuvReason.UNITS_NOT_SUPPORTED),
        (pet(**{"0054,1001": ""}), SuvReason.UNITS_NOT_SUPPORTED),
    ],
)  # fmt: skip
def test_without_what_it_needs_there_is_a_reason_and_no_number(tags: Json, reason: SuvReason) -> None:
    with pytest.raises(NoSuv) as refused:
        suv_factor(tags)
    assert (refused.value.reason, str(refused.value) != "") == (reason, True)


@pytest.mark.parametrize("is_implicit", [False, True])
def test_private_factors_are_read_from_files_as_scanners_write_them(
    is_implicit: bool, tmp_path: Path
) -> None:
    ds = classic(
        Modality="PT", Units="CNTS", DecayCorrection="START", CorrectedImage=["ATTN", "DECY"], SeriesDate="20240102",
        SeriesTime="150000", AcquisitionDate="20240102", AcquisitionTime="110500",
    )  # fmt: skip
    ds.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0x00, "DS", "0.000345")
    ds.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", "20240102110000.00")
    path = tmp_path / "pet.dcm"
    if is_implicit:
        ds.file_meta = pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
            ds.SOPClassUID,
            ds.SOPInstanceUID,
        )
        pydicom.dcmwrite(path, ds, enforce_file_format=True, implicit_vr=True, little_endian=True)
    else:
        path.write_bytes(as_file(ds))
    tags = read_file_tags(path, keep=STORED_VALUE_TAGS | SUV_TAGS)
    assert suv_factor(tags) == pytest.approx(0.000345)
    assert tags["0009,100d"] == "20240102110000.00"
