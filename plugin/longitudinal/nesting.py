"""How deep a JSON text is nested, told before any parser recurses into it."""

import re

import numpy as np

_BRACKETS = b"[]{}"
_NO_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_OPENS = np.array([byte in b"[{" for byte in range(256)], dtype=np.int32) * 2 - 1
# To the end of the text where the closing quote is missing: so every quote is looked at once.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.|\\\Z)*+(?:"|\Z)', re.DOTALL)


def depth_of(text: bytes, enough: int) -> int:
    """The most brackets that are open at once, those inside strings left out; exact where it is more than `enough`.

    Where it is not, it may be said to be more than it is, but never more than `enough`.

    >>> depth_of(b'{"a": [1, "[[["]}', 3)
    2
    """
    opened = text.count(b"[") + text.count(b"{")
    if opened <= enough:  # nearly always, and numpy takes longer
        return opened
    brackets = text.translate(None, _NO_BRACKETS)
    if len(brackets) > enough and _depth(brackets) > enough:
        # Brackets in texts open nothing. Taking texts out costs more than counting, and is seldom needed.
        brackets = _STRINGS.sub(b"", text).translate(None, _NO_BRACKETS)
    return _depth(brackets)


def _depth(brackets: bytes) -> int:
    return int(np.cumsum(_OPENS[np.frombuffer(brackets, dtype=np.uint8)]).max(initial=0))
