"""Multipart bodies: as browsers, curl and requests write them, and as nobody should."""

import email.policy
import time
import timeit
import tracemalloc
from email.message import EmailMessage

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from longitudinal.errors import BodyTooLarge, MalformedBody
from longitudinal.http.multipart import file_name, media_type, split_multipart

TYPE = "multipart/form-data; boundary=xyz"
MOST = 100


def parts(body: bytes, content_type: str = TYPE) -> list[tuple[str, bytes]]:
    return [(part.name, part.content) for part in split_multipart(content_type, body, MOST)]


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="ascii", exclude_categories=["C"], exclude_characters='\\"%'), min_size=1),
            st.binary(),
        ),
        min_size=1,
        max_size=5,
    )
)  # fmt: skip
def test_what_requests_writes_is_read_back(files: list[tuple[str, bytes]]) -> None:
    sent = requests.Request(
        "PUT", "http://here/", files=[("files", (name, content)) for name, content in files]
    ).prepare()
    assert isinstance(sent.body, bytes)
    assert parts(sent.body, sent.headers["Content-Type"]) == files


def test_what_pythons_own_mail_package_writes_is_read_back() -> None:
    message = EmailMessage(policy=email.policy.HTTP)
    message.make_mixed()
    for number in range(3):
        message.add_attachment(
            bytes([number]) * 5, "application", "dicom", cte="binary", filename=f"für {number}.dcm"
        )
    head, _, body = message.as_bytes().partition(b"\r\n\r\n")
    content_type = message["Content-Type"]
    assert head
    assert parts(body, content_type) == [(f"für {number}.dcm", bytes([number]) * 5) for number in range(3)]


def test_content_may_hold_line_ends_and_nearly_the_boundary() -> None:
    content = b"\r\n--xy\r\n\r\n--\r\nxyz--xyz"
    body = (
        b'preamble\r\n--xyz \r\nContent-Disposition: form-data; name="f"\r\n\r\n'
        + content
        + b"\r\n--xyz--\r\nepilogue"
    )
    assert parts(body) == [("f", content)]


def test_parts_without_headers_and_without_content() -> None:
    assert parts(b"--xyz\r\n\r\nabc\r\n--xyz\r\n\r\n\r\n--xyz--") == [("", b"abc"), ("", b"")]
    assert parts(b"--xyz\r\nX: y\r\n--xyz\r\n--xyz--") == [("", b""), ("", b"")]
    assert parts(b"--xyz--") == []


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="f"; filename="a;b.dcm"', "a;b.dcm"),
        ('form-data; name="f"; filename="a%22b.dcm"', 'a"b.dcm'),
        (r'form-data; name="f"; filename="a\"b.dcm"', 'a"b.dcm'),
        ('form-data; filename="x.dcm"; name="f"', "x.dcm"),
        ('form-data; name="f"; filename=""', ""),
        ("form-data; NAME=f", "f"),
        ("form-data", ""),
    ],
)
def test_names(disposition: str, name: str) -> None:
    assert file_name(disposition) == name


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--xyz\r\n\r\nabc\r\n--xyz--"),
        ("multipart/form-data; boundary=", b"--\r\n\r\nabc\r\n----"),
        (f"multipart/form-data; boundary={'x' * 71}", b""),
        (TYPE, b""),
        (TYPE, b"abc"),
        (TYPE, b"--xyz"),
        (TYPE, b"--xyz\r\n"),
        (TYPE, b"--xyz\r\n\r\nabc"),
        (TYPE, b"--xyz\r\n\r\nabc\r\n--xyz"),
        (TYPE, b"--xyz\r\n\r\nabc\r\n--xyzzy\r\n"),
        (TYPE, b"--xyzzy\r\n\r\nabc\r\n--xyzzy--"),
    ],
)
def test_a_body_that_is_not_whole_gives_nothing(content_type: str, body: bytes) -> None:
    with pytest.raises(MalformedBody):
        split_multipart(content_type, body, MOST)


@given(st.binary(), st.binary())
def test_any_bytes_are_parts_or_malformed(before: bytes, after: bytes) -> None:
    try:
        found = parts(before + b"--xyz\r\n" + after + b"\r\n--xyz--")
    except MalformedBody:
        return
    assert all(len(content) <= len(after) + len(before) for _, content in found)


def test_more_parts_than_allowed_are_refused_before_they_are_kept() -> None:
    assert len(parts(b"--xyz\r\n" * MOST + b"--xyz--")) == MOST
    with pytest.raises(BodyTooLarge, match="more than 100 parts"):
        split_multipart(TYPE, b"--xyz\r\n" * (MOST + 1) + b"--xyz--", MOST)
    body = b"--xyz\r\n" * 3_000_000 + b"--xyz--"
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        split_multipart(TYPE, body, 20_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("header", [b"X: " + b"y" * 20_000, b"X: y\r\n" * 5_000, b"y" * 20_000])
def test_headers_larger_than_any_browser_writes_are_refused(header: bytes) -> None:
    with pytest.raises(BodyTooLarge, match="part 2"):
        split_multipart(TYPE, b"--xyz\r\n\r\n1\r\n--xyz\r\n" + header + b"\r\n\r\n1\r\n--xyz--", MOST)


def test_parts_are_made_one_by_one() -> None:
    body = (b"--xyz\r\n\r\n" + bytes(1_000_000) + b"\r\n") * 50 + b"--xyz--"
    tracemalloc.start()
    assert sum(len(part.content) for part in split_multipart(TYPE, body, MOST)) == 50_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("piece", ['; filename="', "; filename=", ";", "; ", "; name*=utf-8'", '; x="\\'])
def test_a_header_of_any_kind_is_read_in_one_pass(piece: str) -> None:
    def seconds(length: int) -> float:
        header = piece * (length // len(piece))
        runs = timeit.repeat(lambda: file_name(header), timer=time.process_time, number=3, repeat=7)
        return min(runs)  # the others had the processor taken away

    assert seconds(160_000) < 16 * 6 * seconds(10_000), (
        "sixteen times the length takes about 16 times, not 256"
    )


def test_the_type_alone() -> None:
    assert media_type("") == ""
    assert media_type("application/DICOM ; x=y") == "application/dicom"
