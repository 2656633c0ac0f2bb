"""Answers that pages of other origins may read (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol).

Orthanc answers no OPTIONS, so a proxy answers what a browser asks before a request with a token; docs/other-origins.md has
one, which replaces these headers by its own.
"""

from collections.abc import Collection, Mapping

EXPOSED = "Content-Disposition, ETag, Retry-After, X-Request-Id"
"""Headers of our answers that a page cannot read unless they are named."""


class OtherOrigins:
    """Says which origins may read an answer. Never "*", never with credentials that a browser adds by itself.

    Parameters
    ----------
    allowed
        AllowedOrigins; an Origin must be one of them to the letter.
    """

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self._allowed = frozenset(allowed)

    def headers(self, origin: str | None, answer: Mapping[str, str]) -> dict[str, str]:
        """What is added to an answer with these headers.

        Without AllowedOrigins nothing is. Where the origin is not one of them only caches learn that it matters.
        """
        if not self._allowed:
            return {}
        varies = {"Vary": f"{answer['Vary']}, Origin" if answer.get("Vary") else "Origin"}
        if origin not in self._allowed:
            return varies
        return {**varies, "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED}
