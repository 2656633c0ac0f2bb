"""The fake must be stricter than Orthanc, or unit tests with it prove nothing."""

import contextlib
import sys
from types import SimpleNamespace
from unittest.mock import ANY

import pytest

from tests.fake_orthanc import FakeOrthanc, UnannouncedError, installed


def test_announced_calls_answer_in_the_order_of_their_announcement() -> None:
    fake = FakeOrthanc()
    fake.expect("RestApiGet", "/a", returns=b"first")
    fake.expect("RestApiGet", "/b", returns=b"other")
    fake.expect("RestApiGet", "/a", returns=b"second")
    assert [fake.RestApiGet(path) for path in ("/a", "/a", "/b")] == [b"first", b"second", b"other"]
    assert [call.args for call in fake.calls] == [("/a",), ("/a",), ("/b",)]
    fake.verify()


def test_an_announced_exception_is_raised() -> None:
    fake = FakeOrthanc()
    fake.expect("RestApiGet", "/gone", raises=KeyError("gone"))
    with pytest.raises(KeyError):
        fake.RestApiGet("/gone")
    fake.verify()


@pytest.mark.parametrize("args", [("/y",), ("/x", 1), ()])
def test_other_arguments_are_refused(args: tuple[object, ...]) -> None:
    fake = FakeOrthanc()
    fake.expect("RestApiGet", "/x", returns=b"")
    with pytest.raises(UnannouncedError, match="not announced"):
        fake.RestApiGet(*args)


def test_one_call_more_than_announced_is_refused() -> None:
    fake = FakeOrthanc()
    fake.expect("RestApiDelete", "/x")
    fake.RestApiDelete("/x")
    with pytest.raises(UnannouncedError):
        fake.RestApiDelete("/x")


def test_any_number_of_calls() -> None:
    fake = FakeOrthanc()
    fake.expect("LogInfo", ANY, times=None)
    fake.expect("LogError", ANY, times=None)
    fake.LogInfo("a")
    fake.LogInfo("b")
    fake.verify()


def test_a_call_that_never_came_is_named() -> None:
    fake = FakeOrthanc()
    fake.expect("RestApiPut", "/x", b"1")
    with pytest.raises(
        AssertionError, match=r"orthanc\.RestApiPut\('/x', b'1'\) was announced, but not called"
    ):
        fake.verify()


def test_a_swallowed_violation_still_fails() -> None:
    fake = FakeOrthanc()
    with contextlib.suppress(AssertionError):
        fake.RestApiGet("/never/announced")
    with pytest.raises(AssertionError, match=r"orthanc\.RestApiGet was used, but never announced"):
        fake.verify()


def test_absent_and_constant() -> None:
    fake = FakeOrthanc()
    fake.absent("CreateDicom2")
    fake.constant("ChangeType", SimpleNamespace(DELETED=1))
    assert not hasattr(fake, "CreateDicom2")
    assert fake.ChangeType.DELETED == 1
    with pytest.raises(UnannouncedError):
        hasattr(fake, "EmitAuditLog")


def test_installed_only_inside_the_block() -> None:
    with installed() as fake:
        fake.expect("LogWarning", "hello")
        import orthanc

        orthanc.LogWarning("hello")
    assert "orthanc" not in sys.modules


def test_the_end_of_the_block_verifies() -> None:
    with pytest.raises(AssertionError, match="not called"), installed() as fake:
        fake.expect("LogWarning", "hello")
