"""Shares: what counts of the metadata, what a cookie opens, and what whoever has one may do."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from longitudinal.access import shares
from longitudinal.access.core_paths import Roots
from longitudinal.access.gate import Gate, Own
from longitudinal.access.grants import GrantBook
from longitudinal.access.identity import NOBODY, Actor, How, Identity, Users
from longitudinal.access.policy import Policy
from longitudinal.access.request_filter import Incoming
from longitudinal.access.roles import Need
from longitudinal.access.share_links import check_openable
from longitudinal.access.shares import Session, Share, ShareBook, actor_share, digest_of
from longitudinal.errors import ShareExpired, ShareRevoked, ShareUsed
from longitudinal.settings import AccessRule, AccessSettings
from longitudinal.sight import StudyName
from longitudinal.transforms.signature import Key

KEY, OTHER = Key(b"0" * 32), Key(b"1" * 32)
NOW = datetime.now(UTC)
SECRET = "secret"
ONE, TWO, ELSE = StudyName("s1", "P", "1.1"), StudyName("s2", "P", "1.2"), StudyName("s3", "Q", "1.3")


def share(**more: Any) -> Share:
    made = Share(
        id="abc", resource="p", level="patients", patient_id="P", studies=(), by="ann", at=NOW.isoformat(),
        until=(NOW + timedelta(days=1)).isoformat(), de_identified=False, hides=(), digest=digest_of(SECRET), salt="00" * 32,
    )  # fmt: skip
    return msgspec.structs.replace(made, **more)


def book_of(*found: Share) -> ShareBook:
    book = ShareBook(lambda level, resource: found)
    book.refresh("patients", "p")
    return book


def cookie(of: Share, *, hours: float = 1, nonce: str = "n", key: Key = KEY) -> str:
    return Session(of.id, nonce, int((NOW + timedelta(hours=hours)).timestamp())).written(of, key)


def test_what_is_signed_comes_back() -> None:
    text = shares.RECORDS.written([share()], KEY)
    assert shares.RECORDS.read(text, "p", (KEY,)) == [share()]
    assert SECRET not in text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace('"P"', '"Q"'),
        lambda text: text.replace('"revoked":""', '"revoked":" "'),
        lambda text: text.replace('"deIdentified":false', '"deIdentified":true'),
        lambda text: text[:-2],
        lambda text: "[" * 2000,
        lambda text: json.dumps({"shares": "x"}),
        lambda text: "x" * (2 * 1024 * 1024),
        lambda text: "",
    ],
)
def test_what_anybody_else_writes_opens_nothing(spoil: Callable[[str], str]) -> None:
    assert shares.RECORDS.read(spoil(shares.RECORDS.written([share()], KEY)), "p", (KEY,)) == []


def test_a_record_copied_to_another_patient_or_signed_elsewhere_opens_nothing() -> None:
    assert shares.RECORDS.read(shares.RECORDS.written([share()], KEY), "another", (KEY,)) == []
    assert shares.RECORDS.read(shares.RECORDS.written([share()], OTHER), "p", (KEY,)) == []


def test_a_cookie_opens_its_share_alone() -> None:
    opened, other = share(), share(id="def", digest=digest_of("other"))
    book = book_of(opened, other)
    assert actor_share(book, cookie(opened), (KEY,)) == opened
    parts = cookie(opened).split(".")
    assert actor_share(book, ".".join(["def", *parts[1:]]), (KEY,)) is None
    assert actor_share(book, ".".join([parts[0], "m", *parts[2:]]), (KEY,)) is None
    assert actor_share(book, ".".join([*parts[:2], str(int(parts[2]) + 9), *parts[3:]]), (KEY,)) is None
    assert actor_share(book, cookie(opened, key=OTHER), (KEY,)) is None
    assert actor_share(book, cookie(opened, hours=-1), (KEY,)) is None


@pytest.mark.parametrize(
    "text", ["", "a", "....", "abc.n.x.k.m", "abc.n.²²²²²²²²².k.m", "a.b." + "9" * 400 + ".k.m", "é.n.1.k.m"]
)
def test_a_cookie_of_any_text_opens_nothing(text: str) -> None:
    assert actor_share(book_of(share()), text, (KEY,)) is None


@pytest.mark.parametrize(
    "more",
    [{"revoked": NOW.isoformat()}, {"until": (NOW - timedelta(1)).isoformat()}, {"session": digest_of("m")}],
)
def test_what_is_over_opens_nothing_at_once(more: dict[str, str]) -> None:
    ended = share(**more)
    assert actor_share(book_of(ended), cookie(ended), (KEY,)) is None


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"revoked": NOW.isoformat(), "opened": NOW.isoformat()}, ShareRevoked),
        ({"until": (NOW - timedelta(1)).isoformat(), "opened": NOW.isoformat()}, ShareExpired),
        ({"opened": NOW.isoformat()}, ShareUsed),
    ],
)
def test_a_link_says_why_it_opens_nothing(more: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        check_openable(share(**more))
    assert type(raised.value) is error


def test_a_session_ends_with_its_share_and_after_eight_hours() -> None:
    assert shares.session_end(share(), NOW) == int((NOW + timedelta(hours=8)).timestamp())
    soon = NOW + timedelta(minutes=5)
    assert shares.session_end(share(until=soon.isoformat()), NOW) == int(soon.timestamp())


def test_a_secret_is_looked_up_by_its_hash() -> None:
    book = book_of(share())
    assert book.of_secret(SECRET) == share()
    assert book.of_secret(digest_of(SECRET)) is None
    assert book.of_secret("\ud800") is None


def everybody_sees_everything() -> Policy:
    """A rule without users is for everybody with a login; a link is nobody's."""
    rules = (AccessRule(roles=("admin",), everything=True),)
    return Policy(AccessSettings(rules=rules), lambda _: None, GrantBook(lambda *_: []))


def actor(of: Share) -> Actor:
    return Actor(f"share:{of.id}", How.SHARE, share=of)


def test_a_link_sees_one_patient_and_no_rule_is_for_it() -> None:
    policy, link = everybody_sees_everything(), actor(share())
    assert [policy.permits(link, Need.VIEW, study) for study in (ONE, TWO, ELSE)] == [True, True, False]
    assert not any(
        policy.permits(link, need, ONE) for need in (Need.REVIEW, Need.UPLOAD, Need.AUDIT, Need.ADMINISTER)
    )
    assert not any(policy.is_unlimited(link, need) for need in Need)
    assert {need for need in Need if policy.allows(link, need)} == {Need.OPEN, Need.ANY, Need.VIEW}
    assert (policy.may_share(link), policy.may_break_glass(link)) == (None, None)
    sight = policy.sight(link, Need.VIEW)
    assert sight is not None
    assert (sight.sees(ONE), sight.sees(ELSE), sight.bridges, sight.may_add(ONE, "")) == (
        True,
        False,
        False,
        False,
    )


def test_a_link_to_some_studies_shows_these() -> None:
    policy, link = everybody_sees_everything(), actor(share(studies=("s2",), hides=("PatientName",)))
    assert [policy.permits(link, Need.VIEW, study) for study in (ONE, TWO)] == [False, True]
    assert not policy.permits(link, Need.VIEW, StudyName("s2", "Q", "1.2"))
    assert policy.hidden_attributes(link) == {"PatientName"}


USERS = Users(False, {"proxy": "p", "ann": "a"})
PROXY, ANN = "Basic cHJveHk6cA==", "Basic YW5uOmE="


@pytest.mark.parametrize(
    ("headers", "how"),
    [
        ({}, How.SHARE),
        ({"authorization": PROXY}, How.SHARE),
        ({"authorization": ANN}, How.PASSWORD),
        ({"authorization": "Basic d3Jvbmc="}, How.UNKNOWN),
        ({"authorization": "Bearer x"}, How.UNKNOWN),
        ({"authorization": PROXY, "x-token": "t"}, How.UNKNOWN),
        ({"x-token": "t"}, How.UNKNOWN),
    ],
)
def test_a_link_counts_where_nothing_else_says_who_asks(headers: dict[str, str], how: How) -> None:
    identity = Identity(USERS, lambda _: NOBODY, "x-token", frozenset({"proxy"}), lambda _: share())
    assert identity.actor(headers).how is how
    assert Identity(USERS).actor({}) is NOBODY


def gate(*, has_links: bool = True, is_opened: bool = True) -> Gate:
    identity = Identity(USERS, None, "", frozenset(), lambda _: share() if is_opened else None)
    own = Own("/imaging", ("/ohif",), has_links)
    return Gate(identity, everybody_sees_everything(), lambda _: [ONE], own, Roots())


@pytest.mark.parametrize(
    ("method", "path", "headers", "is_open"),
    [
        ("GET", "/imaging/patients/P", {}, True),
        ("POST", "/imaging/points/resolve", {"sec-fetch-site": "same-origin"}, True),
        ("POST", "/imaging/points/resolve", {"sec-fetch-site": "same-site"}, False),
        ("GET", "/imaging/patients/P", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, False),
        ("GET", "/imaging/../patients", {}, False),
        ("GET", "/imagingx", {}, False),
        ("GET", "/ohif/viewer", {}, False),
        ("GET", "/instances/0123abcd-0123abcd-0123abcd-0123abcd-0123abcd/frames/0/numpy", {}, False),
        ("GET", "/dicom-web/studies/1.1", {}, False),
        ("GET", "/system", {}, False),
        ("POST", "/imaging/uploads", {"content-type": "multipart/form-data; boundary=b"}, False),
    ],
)
def test_a_link_leads_to_our_own_routes_alone(
    method: str, path: str, headers: dict[str, str], is_open: bool
) -> None:
    assert (gate().refusal(Incoming(method, path, headers), {}) is None) == is_open


@pytest.mark.parametrize(
    ("method", "path", "is_open"),
    [
        ("GET", "/imaging/app", True),
        ("GET", "/imaging/app/timeline/app.js", True),
        ("POST", "/imaging/share-session", True),
        ("GET", "/imaging/share-session", False),
        ("GET", "/imaging/application", False),
        ("PUT", "/imaging/app", False),
        ("GET", "/imaging/me", False),
        ("GET", "/imaging/patients", False),
        ("GET", "/app/explorer.html", False),
        ("GET", "/", False),
    ],
)
def test_without_a_login_only_the_page_and_the_exchange_are_open(
    method: str, path: str, is_open: bool
) -> None:
    asked = Incoming(method, path, {})
    assert (gate(is_opened=False).refusal(asked, {}) is None) == is_open
    assert gate(is_opened=False, has_links=False).refusal(asked, {}) is not None
