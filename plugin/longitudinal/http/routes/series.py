"""GET /series/{series}/stacks: everything that is needed to draw a series and to know where one is in it."""

from longitudinal.errors import Ambiguous, NotFound
from longitudinal.http.router import Call, Route
from longitudinal.points.series_stacks import StackReader
from longitudinal.points.stack_answer import SeriesStacks


def series_routes(stack_reader: StackReader) -> list[Route]:
    """The routes under /series."""

    def stacks(_: Call[None, None], series: str) -> SeriesStacks:
        return stack_reader.stacks(series)

    return [
        Route(
            "GET",
            "/series/{series}/stacks",
            stacks,
            "The planes of a series in stack order: geometry, meaning of the stored values, where the pixels are",
            SeriesStacks,
            errors=(NotFound, Ambiguous),
            etag=True,
            # geometry without names: a browser may keep it, and asks each time
            cache="private, no-cache",
        )
    ]
