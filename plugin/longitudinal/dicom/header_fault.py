"""A fault in the header of a file, as people are told of it."""

from typing import Literal

import msgspec

Fault = Literal["missing", "empty", "wrongVr", "badValue", "badUid"]


class HeaderFault(msgspec.Struct, frozen=True):
    """One fault; `tag` as "0020,000D", `keyword` "" for an unknown or private tag."""

    fault: Fault
    tag: str
    keyword: str
    detail: str
