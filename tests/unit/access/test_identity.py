"""A name counts only with its password, and only where Orthanc asks for passwords."""

import base64

import pytest

from longitudinal.access.identity import NOBODY, Actor, How, Users, read_users


def basic(text: str | bytes) -> str:
    return "Basic " + base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


USERS = Users(True, {"ann": "secret", "jörg": "p:w", "empty": ""})


@pytest.mark.parametrize(("text", "name"), [("ann:secret", "ann"), ("jörg:p:w", "jörg"), ("empty:", "empty")])
def test_a_password_makes_a_name(text: str, name: str) -> None:
    actor = USERS.actor(basic(text))
    assert actor == Actor(name, How.PASSWORD)
    assert actor.is_verified


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic", "Basic !!!", "Basic \x00", "Basic YQ", "Bearer abc", "Bearer YW5uOnNlY3JldA==", basic("ann"),
     basic("ann:"), basic("ann:secre"), basic("ann:secret "), basic("ANN:secret"), basic("bob:secret"), basic(":secret"),
     basic(b"\xff:\xfe"), basic("ann:secret") + "!", "Digest username=ann"],
)  # fmt: skip
def test_anything_else_is_nobody(authorization: str) -> None:
    assert USERS.actor(authorization) is NOBODY
    assert not NOBODY.is_verified


def test_where_nothing_is_checked_nobody_acts() -> None:
    assert Users(False, {"ann": "secret"}).actor(basic("ann:secret")) is NOBODY


def test_two_users_that_read_the_same_are_nobody() -> None:
    assert Users(True, {"a": "b:c", "a:b": "c"}).actor(basic("a:b:c")) is NOBODY


def test_passwords_are_not_shown() -> None:
    assert "secret" not in repr(USERS)


@pytest.mark.parametrize(
    ("configuration", "is_required", "names"),
    [
        ({}, False, []),
        ({"RemoteAccessAllowed": True}, True, ["orthanc"]),
        ({"RemoteAccessAllowed": True, "AuthenticationEnabled": False}, False, []),
        ({"AuthenticationEnabled": True}, True, []),
        ({"AuthenticationEnabled": True, "RegisteredUsers": {"ann": "x"}}, True, ["ann"]),
        ({"RemoteAccessAllowed": True, "RegisteredUsers": {"ann": "x"}}, True, ["ann"]),
        ({"RegisteredUsers": None}, False, []),
    ],
)
def test_users_are_read_as_orthanc_does(
    configuration: dict[str, object], is_required: bool, names: list[str]
) -> None:
    users = read_users(configuration)
    assert (users.is_required, sorted(users.passwords)) == (is_required, names)
