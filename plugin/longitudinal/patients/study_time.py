"""When a study was made, for time order: acquisition, then content, series, study; unknown sorts last."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

SOURCES = ("acquisition", "content", "series", "study")


def study_time(times: Iterable[tuple[str | None, str | None]]) -> str | None:
    """The earliest of the best-sourced times of a study's instances.

    Parameters
    ----------
    times
        (ISO 8601 date-time, source) of each instance.
    """
    found = _best(times)
    return None if found is None else found[2]


def _best(times: Iterable[tuple[str | None, str | None]]) -> tuple[int, float, str] | None:
    return min(
        (
            (SOURCES.index(source), sort_key(time), time)
            for time, source in times
            if time and source in SOURCES
        ),
        default=None,
    )


def earliest(times: Sequence[str | None], sources: Sequence[str | None]) -> tuple[str | None, str | None]:
    """The one time of many instances that `study_time` would choose, with its source; (None, None) if none is known."""
    known = list(filter(None, times))
    text = "".join(known)
    if len(set(sources)) == 1 and text.count("-") == 2 * len(known) and "+" not in text:
        # without offsets they are in order as texts (ISO 8601)
        return (min(known), sources[0]) if known and sources[0] in SOURCES else (None, None)
    found = _best(zip(times, sources, strict=True))
    return (None, None) if found is None else (found[2], SOURCES[found[0]])


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
