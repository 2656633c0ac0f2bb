"""Whether who asks is a browser that opens an address, or a program that reads JSON."""


def prefers_page(accept: str) -> bool:
    """Whether an Accept header (RFC 9110 12.5.1) names text/html, and JSON no more than that.

    Browsers name it when a person opens an address; `*/*`, as curl and fetch send it, stays with JSON.

    Examples
    --------
    >>> [prefers_page(text) for text in ("text/html,*/*;q=0.8", "*/*", "application/json, text/html;q=0.9", "")]
    [True, False, False, False]
    """
    page, json = (_weight(accept, kind) for kind in ("text/html", "application/json"))
    return page > 0 and page >= json


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
