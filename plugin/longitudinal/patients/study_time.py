"""When a study was made, for time order: acquisition, then content, series, study; unknown sorts last."""

from collections.abc import Iterable
from datetime import UTC, datetime

SOURCES = ("acquisition", "content", "series", "study")


def study_time(times: Iterable[tuple[str | None, str | None]]) -> str | None:
    """The earliest of the best-sourced times of a study's instances.

    Parameters
    ----------
    times
        (ISO 8601 date-time, source) of each instance.
    """
    known = [
        (SOURCES.index(source), sort_key(time), time) for time, source in times if time and source in SOURCES
    ]
    return min(known)[2] if known else None


def sort_key(time: str | None) -> float:
    """POSIX seconds of an ISO 8601 date-time; without an offset it counts as UTC; infinity when unknown.

    >>> sort_key("1970-01-01T01:00:00+01:00"), sort_key(None)
    (0.0, inf)
    """
    if time is None:
        return float("inf")
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return float("inf")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
