"""SUVbw of a PET image: the factor that makes SUV of its rescaled values, or why there is none.

The rules are QIBA's vendor-neutral ones (Calculation of SUVs, "robust" version). Pure: header in, factor out.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

import msgspec

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.dates import read_date, read_date_time, read_time
from longitudinal.dicom.tags import Tags, item, name_of, number_if_valid, sequence, text, texts
from longitudinal.reasons import SuvReason

_PATIENT_WEIGHT: Final = "0010,1030"
_START_TIME: Final = "0018,1072"
_TOTAL_DOSE: Final = "0018,1074"
_HALF_LIFE: Final = "0018,1075"
_START_DATE_TIME: Final = "0018,1078"
_ACTUAL_FRAME_DURATION: Final = "0018,1242"
_CORRECTED_IMAGE: Final = "0028,0051"
_RADIOPHARMACEUTICALS: Final = "0054,0016"
_UNITS: Final = "0054,1001"
_SUV_TYPE: Final = "0054,1006"
_DECAY_CORRECTION: Final = "0054,1102"
_FRAME_REFERENCE_TIME: Final = "0054,1300"
_BLOCKS: Final = tuple(f"{block:02x}" for block in range(0x10, 0x20))
_PHILIPS: Final = ("7053", "PHILIPS PET PRIVATE GROUP")
_GE: Final = ("0009", "GEMS_PETD_01")

SUV_TAGS: Final = frozenset(
    {
        tag.SERIES_DATE, tag.SERIES_TIME, tag.ACQUISITION_DATE, tag.ACQUISITION_TIME, _PATIENT_WEIGHT, _START_TIME,
        _TOTAL_DOSE, _HALF_LIFE, _START_DATE_TIME, _ACTUAL_FRAME_DURATION, _CORRECTED_IMAGE, _RADIOPHARMACEUTICALS,
        _UNITS, _SUV_TYPE, _DECAY_CORRECTION, _FRAME_REFERENCE_TIME,
        *(
            key
            for group, elements in (("7053", ("00", "09")), ("0009", ("0d",)))
            for block in _BLOCKS
            for key in (f"{group},00{block}", *(f"{group},{block}{element}" for element in elements))
        ),
    }
)  # fmt: skip
"""What a header is read for here."""

_GRAMS_PER_KILOGRAM = 1_000.0
_MOST_KILOGRAMS = 1_000.0
"""Nobody weighs a tonne: a larger weight is in grams, or a mistake."""
_LEAST_BECQUEREL = 1e5
"""A dose below 0.1 MBq is stated in MBq, in spite of the standard."""
_MOST_HALF_LIVES = 10.0
"""A thousandth of the activity is left: nobody scans then, so one of the times is wrong."""
_LONGEST_DATELESS = timedelta(hours=12)
"""Of a half-life: such a nuclide is scanned on later days too, and a time of day does not tell on which."""
_MILLISECONDS = 1_000.0


class NoSuv(Exception):
    """There is no SUV; `reason` is a code of docs/reason-codes.md."""

    def __init__(self, reason: SuvReason, detail: str = "") -> None:
        super().__init__(detail or reason.explanation)
        self.reason = reason


class _Tracer(msgspec.Struct, frozen=True):
    """The one radiopharmaceutical: becquerel at injection, half-life in seconds."""

    tags: Tags
    dose: float
    half_life: float


def suv_factor(tags: Tags, earliest: datetime | None = None) -> float:
    """The factor for ``SUVbw = factor * (slope * stored + intercept)``, in g/ml.

    Parameters
    ----------
    tags
        With `SUV_TAGS`.
    earliest
        The earliest acquisition of the series, for a series whose own time is later and that states no frame times.

    Raises
    ------
    NoSuv

    Notes
    -----
    PS3.3 C.8.9.1; QIBA FDG-PET profile. A dose is not corrected for what is left in the syringe.
    """
    corrections = {text.upper() for text in texts(tags, _CORRECTED_IMAGE)}
    units, decay = text(tags, _UNITS), text(tags, _DECAY_CORRECTION)
    if "ATTN" not in corrections:
        raise NoSuv(SuvReason.NOT_ATTENUATION_CORRECTED, _stated(tags, _CORRECTED_IMAGE))
    if not corrections & {"DECY", "DECAY"} or decay not in ("START", "ADMIN"):
        raise NoSuv(
            SuvReason.NOT_DECAY_CORRECTED,
            f"{_stated(tags, _CORRECTED_IMAGE)}; {_stated(tags, _DECAY_CORRECTION)}",
        )
    if units == "GML":
        kind = text(tags, _SUV_TYPE) or "BW"  # PS3.3 C.8.9.1.1.3: absent is body weight
        if kind != "BW":
            raise NoSuv(SuvReason.NOT_BODY_WEIGHT, _stated(tags, _SUV_TYPE))
        return 1.0
    if units == "CNTS":
        suv = _private(tags, *_PHILIPS, "00")
        if suv > 0:
            return suv
        activity = _private(tags, *_PHILIPS, "09")
        if not activity > 0:
            raise NoSuv(SuvReason.COUNTS_WITHOUT_FACTOR)
        return activity * _of_becquerel(tags, decay, earliest)
    if units != "BQML":
        raise NoSuv(SuvReason.UNITS_NOT_SUPPORTED, _stated(tags, _UNITS))
    return _of_becquerel(tags, decay, earliest)


def _of_becquerel(tags: Tags, decay: str, earliest: datetime | None) -> float:
    """The factor for values in Bq/ml. Raises NoSuv."""
    weight = number_if_valid(tags, _PATIENT_WEIGHT)
    if not weight > 0:
        raise NoSuv(SuvReason.NO_WEIGHT)
    if weight > _MOST_KILOGRAMS:
        raise NoSuv(SuvReason.IMPLAUSIBLE_WEIGHT, _stated(tags, _PATIENT_WEIGHT))
    tracer = _tracer(tags)
    half_lives = 0.0
    if decay == "START":  # of ADMIN, the values are those of the time of injection
        half_lives = _decay_seconds(tags, tracer, earliest) / tracer.half_life
        if half_lives > _MOST_HALF_LIVES:
            detail = f"{half_lives:.3g} half-lives from injection to scan"
            raise NoSuv(SuvReason.IMPLAUSIBLE_TIMES, detail)
    return weight * _GRAMS_PER_KILOGRAM / (tracer.dose * math.exp2(-half_lives))


def _tracer(tags: Tags) -> _Tracer:
    injected = sequence(tags, _RADIOPHARMACEUTICALS)
    if len(injected) > 1:
        raise NoSuv(SuvReason.TWO_RADIOPHARMACEUTICALS, f"{len(injected)} of them")
    tracer = item(tags, _RADIOPHARMACEUTICALS)
    dose, half_life = number_if_valid(tracer, _TOTAL_DOSE), number_if_valid(tracer, _HALF_LIFE)
    if not dose > 0:
        raise NoSuv(SuvReason.NO_DOSE)
    if dose < _LEAST_BECQUEREL:
        raise NoSuv(SuvReason.IMPLAUSIBLE_DOSE, _stated(tracer, _TOTAL_DOSE))
    if not half_life > 0:
        raise NoSuv(SuvReason.NO_HALF_LIFE)
    return _Tracer(tracer, dose, half_life)


def _decay_seconds(tags: Tags, tracer: _Tracer, earliest: datetime | None) -> float:
    """From injection to the time that the values are corrected to. Raises NoSuv."""
    scan = _scan_time(tags, tracer.half_life, earliest)
    stated = read_date_time(text(tracer.tags, _START_DATE_TIME))
    if stated is not None:
        start = stated.replace(tzinfo=None)  # DA and TM of one file are the clock of the same place
        if start > scan:
            raise NoSuv(SuvReason.INJECTED_AFTER_SCAN, f"injected {start}, scanned {scan}")
        return (scan - start).total_seconds()
    clock = read_time(text(tracer.tags, _START_TIME))
    if clock is None:
        raise NoSuv(SuvReason.NO_INJECTION_TIME)
    if timedelta(seconds=tracer.half_life) > _LONGEST_DATELESS:
        raise NoSuv(SuvReason.INJECTION_DAY_UNKNOWN, f"half-life {tracer.half_life / 3600:.3g} h")
    start = datetime.combine(scan.date(), clock)
    if start > scan:  # midnight was between
        start -= timedelta(days=1)
    return (scan - start).total_seconds()


def _scan_time(tags: Tags, half_life: float, earliest: datetime | None) -> datetime:
    """The time that decay is corrected to. Raises NoSuv.

    That of the series; of a series made later by post-processing, GE's own note of it, or what the frame's times tell.
    """
    series = _moment(tags, tag.SERIES_DATE, tag.SERIES_TIME)
    acquired = _moment(tags, tag.ACQUISITION_DATE, tag.ACQUISITION_TIME)
    if series is not None and (acquired is None or series <= acquired):
        return series
    noted = read_date_time(_private_text(tags, *_GE, "0d"))
    if noted is not None:
        return noted.replace(tzinfo=None)
    reference = number_if_valid(tags, _FRAME_REFERENCE_TIME) / _MILLISECONDS
    duration = number_if_valid(tags, _ACTUAL_FRAME_DURATION) / _MILLISECONDS
    if acquired is not None and reference > 0 and duration > 0:
        return acquired + timedelta(seconds=_mean_count_rate_seconds(duration, half_life) - reference)
    if earliest is not None:
        return earliest
    raise NoSuv(SuvReason.NO_SCAN_TIME)


def _mean_count_rate_seconds(duration: float, half_life: float) -> float:
    """When in a frame the count rate is its average: ``ln(d / (1 - exp(-d))) / decay constant``.

    >>> round(_mean_count_rate_seconds(600.0, 6586.2), 3)
    298.421
    """
    constant = math.log(2.0) / half_life
    decay = constant * duration
    return math.log(decay / -math.expm1(-decay)) / constant


def _moment(tags: Tags, day_key: str, clock_key: str) -> datetime | None:
    day, clock = read_date(text(tags, day_key)), read_time(text(tags, clock_key))
    return None if day is None or clock is None else datetime.combine(day, clock)


def _private_text(tags: Tags, group: str, creator: str, element: str) -> str:
    for block in _BLOCKS:
        if text(tags, f"{group},00{block}").upper() == creator:
            return text(tags, f"{group},{block}{element}")
    return ""


def _private(tags: Tags, group: str, creator: str, element: str) -> float:
    """A private number; NaN where there is none."""
    try:
        value = float(_private_text(tags, group, creator, element))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _stated(tags: Tags, key: str) -> str:
    return f"{name_of(key)} is {text(tags, key) or 'absent'}"
