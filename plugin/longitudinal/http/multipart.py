"""A multipart body (RFC 2046 5.1, RFC 7578) taken apart."""

import re
from array import array
from collections.abc import Iterator
from urllib.parse import unquote

import msgspec

from longitudinal.errors import BodyTooLarge, MalformedBody

FORM = "multipart/form-data"
# RFC 2046 5.1.1 allows 70 characters of these.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
# Of one part; a browser sends three lines.
_MAX_HEADER = 16_384
# Name and value; one pass over the header whatever it holds, so a quotation mark that is not closed ends with the header.
_PARAMETER = re.compile(r""";\s*([^=;\s]+)\s*=\s*(?:"((?:[^"\\]|\\.)*+)"?|([^;\s]*))""")
_EXTENDED = re.compile(r"utf-8'[^']*'(.*)", re.IGNORECASE)


class Part(msgspec.Struct, frozen=True):
    """One part: the name of its file (of its field where it has none), its bytes, and its field if it is no file."""

    name: str
    content: bytes
    text_field: str | None = None


def media_type(content_type: str) -> str:
    """The type of a Content-Type header without its parameters.

    >>> media_type('Multipart/Form-Data; boundary="x"')
    'multipart/form-data'
    """
    return content_type.partition(";")[0].strip().lower()


def file_name(disposition: str) -> str:
    """The file's name, else the field's, of a Content-Disposition header; "" when it has neither.

    A path is kept: a folder sent from a browser names its files so.

    >>> file_name('form-data; name="files"; filename="scan 1/IM_0001"')
    'scan 1/IM_0001'
    >>> file_name("form-data; name=files; filename*=UTF-8''f%C3%BCr.dcm")
    'für.dcm'
    """
    given = _parameters(disposition)
    if (extended := _EXTENDED.fullmatch(given.get("filename*", ""))) is not None:
        return unquote(extended[1], errors="replace")
    return given.get("filename", given.get("name", ""))


def text_field(disposition: str) -> str | None:
    """The name of a field that is no file, as a form has one for each <input>; None for a file.

    >>> text_field('form-data; name="patientID"'), text_field('form-data; name="file"; filename="a.dcm"')
    ('patientID', None)
    """
    given = _parameters(disposition)
    return None if {"filename", "filename*"} & given.keys() else given.get("name")


def _parameters(disposition: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(disposition):
        # Browsers write a quotation mark as %22 (HTML 4.10.22.8), mail programs as \".
        value = re.sub(r"\\(.)", r"\1", quoted or plain)
        given.setdefault(name.lower(), value if name.endswith("*") else value.replace("%22", '"'))
    return given


def split_multipart(content_type: str, body: bytes, most_parts: int) -> Iterator[Part]:
    """The parts of a body, in their order, each made when it is asked for.

    Whether the body is whole, and within the limits, is known before the first one comes.

    Raises
    ------
    MalformedBody
        There is no boundary in the header or in the body, or the last one is missing: the body was cut.
    BodyTooLarge
        It has more than `most_parts` parts, or one whose headers are larger than 16 KiB.
    """
    from email.message import Message  # late: a start does without `email`

    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary("")
    if _BOUNDARY.fullmatch(boundary) is None:
        raise MalformedBody("the Content-Type header of a multipart body must name its boundary")
    spans = array("Q")
    for count, (start, end) in enumerate(_spans(b"--" + boundary.encode("ascii"), body), 1):
        if count > most_parts:
            raise BodyTooLarge(f"the body has more than {most_parts} parts; that is the limit of one upload")
        if _head_end(body, start, end) < 0 and end - start > _MAX_HEADER:
            raise BodyTooLarge(f"the headers of part {count} are larger than {_MAX_HEADER} bytes")
        spans.extend((start, end))
    return (_part(body, start, end) for start, end in zip(spans[::2], spans[1::2], strict=True))


def _spans(delimiter: bytes, body: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the content between two delimiter lines."""
    at = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if at == 1:
        raise MalformedBody("the body does not contain the boundary that the Content-Type header names")
    while True:
        after = at + len(delimiter)
        if body.startswith(b"--", after):
            return
        line_end = body.find(b"\r\n", after)
        if line_end < 0 or body[after:line_end].strip(b" \t"):
            raise MalformedBody(f"a boundary must end its line; the one at byte {at} does not")
        start = line_end + 2
        # From the end of the boundary's own line, which an empty part shares.
        end = body.find(b"\r\n" + delimiter, line_end)
        if end < 0:
            raise MalformedBody("the last boundary is missing: the body was cut off")
        yield start, max(start, end)
        at = end + 2


def _head_end(body: bytes, start: int, end: int) -> int:
    """Where the headers of a part end; -1 where there is no such place within the limit."""
    if body.startswith(b"\r\n", start):
        return start
    return body.find(b"\r\n\r\n", start, min(end, start + _MAX_HEADER))


def _part(body: bytes, start: int, end: int) -> Part:
    head_end = _head_end(body, start, end)
    if head_end == start:
        return Part("", body[start + 2 : end])
    if head_end < 0:
        return Part("", b"")
    for line in body[start:head_end].decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return Part(file_name(value), body[head_end + 4 : end], text_field(value))
    return Part("", body[head_end + 4 : end])
