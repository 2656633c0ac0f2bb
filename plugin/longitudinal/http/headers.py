"""Headers that every answer of ours has, unless it says otherwise."""

from collections.abc import Mapping, Sequence

from longitudinal.http.exchange import Response


def frame_ancestors(allowed: Sequence[str]) -> str:
    """Who may show our pages in a frame: this server, and the origins of AllowedFrameAncestors.

    >>> frame_ancestors(["https://app.example"])
    "frame-ancestors 'self' https://app.example"
    """
    return " ".join(["frame-ancestors 'self'", *allowed])


class Guarded:
    """Adds what keeps answers out of caches, frames, and out of being taken for something else."""

    def __init__(self, allowed_ancestors: Sequence[str]) -> None:
        self._ancestors = frame_ancestors(allowed_ancestors)

    def page(self) -> Mapping[str, str]:
        """Of a page or a file of one; it has a policy or a cache of its own."""
        return {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": self._ancestors}

    def headers(self, response: Response) -> dict[str, str]:
        """Of an answer about patients: no cache keeps it."""
        return {
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": f"default-src 'none'; {self._ancestors}",
            "Cache-Control": "no-store",
            **response.headers,
        }
