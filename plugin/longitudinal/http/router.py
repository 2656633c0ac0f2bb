"""The table of routes, and the way from a request to its handler."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec

from longitudinal.errors import LongitudinalError, MethodNotAllowed, NotFound
from longitudinal.http.exchange import Request, Response
from longitudinal.http.problem import response_of

# Names of a path whose value may hold slashes: a PatientID is any text.
_TEXTS = frozenset({"patient"})

# A handler takes the request and the values of the path's {names}; it returns a Response, or a struct for a JSON 200.
Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, and what OpenAPI says of it.

    Attributes
    ----------
    path
        Below the root, for example "/transforms/{transform}"; "" is the root.
    query, body
        The struct that validates the arguments or the JSON body; None where the route takes none.
    answer
        The struct of the answer; a media type (text) where it is no JSON.
    takes
        Media types of a body that is no JSON.
    status
        Of the answer when all is well.
    errors
        What it can raise beyond what every route can.
    refusals
        The codes of its `TransformRefused`.
    takes_forms
        Whether the parts of a POSTed form are for it, which nobody knows who sent.
    calls_back
        Whether it holds a second HTTP thread of Orthanc by calling it over loopback.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answer: Any
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    takes: tuple[str, ...] = ()
    status: int = 200
    errors: tuple[type[LongitudinalError], ...] = ()
    refusals: tuple[str, ...] = ()
    takes_forms: bool = False
    calls_back: bool = False


class Router:
    """Finds the route of a request and runs it; every error becomes a response."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        for path, methods in by_path.items():
            if "{" in path:
                pattern = re.sub(r"\\{(\w+)\\}", _group, re.escape(path))
                self._patterns.append((re.compile(f"^{pattern}$", re.DOTALL), methods))
            else:
                self._exact[path] = methods
        # what ends in any text comes last, or it would take the paths below it
        self._patterns.sort(key=lambda entry: entry[0].pattern.endswith(".+)$"))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request and the values of its path.

        Raises
        ------
        NotFound
            No route has this path.
        MethodNotAllowed
            One has, with other methods.
        """
        methods, values = self._exact.get(path), {}
        if methods is None:
            for pattern, candidate in self._patterns:
                if (match := pattern.match(path)) is not None:
                    methods, values = (
                        candidate,
                        {name: unquote(text) for name, text in match.groupdict().items()},
                    )
                    break
        if methods is None:
            raise NotFound(f"there is no route {path or '/'}; the routes are in openapi.json")
        route = methods.get(method)
        if route is None:
            raise MethodNotAllowed(f"{path} has {', '.join(methods)}, not {method}", tuple(methods))
        return route, values

    @staticmethod
    def run(route: Route, values: dict[str, str], request: Request) -> Response:
        """Run a handler; whatever it raises is a response too."""
        try:
            answer = route.handler(request, **values)
            if isinstance(answer, Response):
                return answer
            return Response(msgspec.json.encode(answer), route.status)
        except Exception as error:
            return response_of(error)


def _group(name: re.Match[str]) -> str:
    """The pattern of one {name} of a path."""
    return f"(?P<{name[1]}>{'.+' if name[1] in _TEXTS else '[^/]+'})"
