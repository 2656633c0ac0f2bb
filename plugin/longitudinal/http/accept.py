"""What kind of answer a request prefers: a page for a browser that opens an address, a table, or JSON."""


def prefers_page(accept: str) -> bool:
    """Whether an Accept header (RFC 9110 12.5.1) names text/html, and JSON no more than that.

    Browsers name it when a person opens an address; `*/*`, as curl and fetch send it, stays with JSON.

    Examples
    --------
    >>> [prefers_page(text) for text in ("text/html,*/*;q=0.8", "*/*", "application/json, text/html;q=0.9", "")]
    [True, False, False, False]
    """
    return prefers(accept, "text/html")


def prefers(accept: str, kind: str) -> bool:
    """Whether an Accept header names a media type, and JSON no more than that.

    >>> prefers("text/csv", "text/csv"), prefers("*/*", "text/csv")
    (True, False)
    """
    other, json = _weight(accept, kind), _weight(accept, "application/json")
    return other > 0 and other >= json


def _weight(accept: str, kind: str) -> float:
    """The weight that a media type is named with, 0 where it is not named or the weight is no number."""
    for part in accept.lower().split(","):
        name, *parameters = (text.strip() for text in part.split(";"))
        if name != kind:
            continue
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    return float(parameter[2:])
                except ValueError:
                    return 0.0
        return 1.0
    return 0.0
