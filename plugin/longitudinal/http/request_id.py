"""The id of the request that a thread works for: it is in the answer, in problems, and in the log."""

import os
import re
from contextvars import ContextVar

HEADER = "x-request-id"
# What a proxy sends; anything else could forge lines of a log.
_FORM = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_BYTES = 8

CURRENT: ContextVar[str] = ContextVar("longitudinal_request_id", default="")
"""Empty outside of a request."""


def request_id(sent: str | None) -> str:
    """The id that a proxy gave the request, if it has the form of one; otherwise a new one.

    >>> request_id("a1b2c3d4-0000"), len(request_id("no\\nid")), len(request_id(None))
    ('a1b2c3d4-0000', 16, 16)
    """
    if sent is not None and _FORM.fullmatch(sent):
        return sent
    return os.urandom(_BYTES).hex()
