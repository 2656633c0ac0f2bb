"""A stand-in for the module `orthanc`, for unit tests: what a test did not announce is an error.

    with installed() as orthanc:
        orthanc.expect("RestApiGet", "/system", returns=b"{}")
        orthanc.constant("ErrorCode", SimpleNamespace(SUCCESS=0))
        orthanc.absent("CreateDicom2")          # this version of Orthanc has no such call

At the end of the block it also fails when an announced call was not made, or when the code under test
swallowed the error of one that was not announced.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from types import ModuleType
from typing import Any

JSON_FLAGS = (
    "INCLUDE_BINARY",
    "CONVERT_BINARY_TO_NULL",
    "INCLUDE_PIXEL_DATA",
    "INCLUDE_PRIVATE_TAGS",
    "INCLUDE_UNKNOWN_TAGS",
)
"""Of `orthanc.DicomToJsonFlags`, those that the plugin asks for when it starts."""


class UnannouncedError(AssertionError):
    """The code under test used something of Orthanc that the test did not announce."""


@dataclass(frozen=True)
class Call:
    """One call that was made, as it was made."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __str__(self) -> str:
        words = [repr(arg) for arg in self.args] + [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"orthanc.{self.name}({', '.join(words)})"


@dataclass
class Expectation:
    """An announced call: what it answers, and how often it may still come (None: any number, also 0)."""

    call: Call
    returns: Any = None
    raises: BaseException | None = None
    left: int | None = 1


@dataclass
class _Script:
    """What was announced and what happened."""

    expectations: list[Expectation] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)


class FakeOrthanc(ModuleType):
    """The module itself. Arguments are compared with ==, so `unittest.mock.ANY` stands for any."""

    def __init__(self) -> None:
        super().__init__("orthanc")
        self.__dict__["_script"] = _Script()

    def expect(
        self,
        name: str,
        *args: Any,
        returns: Any = None,
        raises: BaseException | None = None,
        times: int | None = 1,
        **kwargs: Any,
    ) -> None:
        """Announce `times` calls (None: any number, also none); equal announcements are used up in order."""
        self._script.expectations.append(Expectation(Call(name, args, kwargs), returns, raises, times))

    def constant(self, name: str, value: Any) -> None:
        """Announce a constant, an enumeration or an exception class of Orthanc."""
        self.__dict__[name] = value

    def absent(self, name: str) -> None:
        """Announce that this Orthanc has no `name`: hasattr() is False."""
        self._script.absent.add(name)

    @property
    def calls(self) -> list[Call]:
        """Every call made so far, announced or not, in order."""
        return list(self._script.calls)

    def __getattr__(self, name: str) -> Any:
        script: _Script = self.__dict__["_script"]
        if name.startswith("__") or name in script.absent:
            raise AttributeError(f"module 'orthanc' has no attribute {name!r}")
        if not any(expectation.call.name == name for expectation in script.expectations):
            raise self._violation(f"orthanc.{name} was used, but never announced")
        return lambda *args, **kwargs: self._called(Call(name, args, kwargs))

    def _called(self, call: Call) -> Any:
        script = self._script
        with script.lock:
            script.calls.append(call)
            for expectation in script.expectations:
                if expectation.call == call and expectation.left != 0:
                    if expectation.left is not None:
                        expectation.left -= 1
                    break
            else:
                raise self._violation(f"{call} was called, but not announced (or not that often)")
        if expectation.raises is not None:
            raise expectation.raises
        return expectation.returns

    def _violation(self, message: str) -> UnannouncedError:
        self._script.violations.append(message)
        return UnannouncedError(message)

    def verify(self) -> None:
        """Raise AssertionError unless exactly what was announced has happened."""
        script = self._script
        problems = list(script.violations)
        for expectation in script.expectations:
            if expectation.left:
                problems.append(f"{expectation.call} was announced, but not called ({expectation.left} left)")
        if problems:
            raise AssertionError("; ".join(problems))


def _forget(package: str) -> None:
    """Unload `package`, so that the next import binds to the `orthanc` of that moment."""
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
    parent, _, child = package.rpartition(".")
    if parent in sys.modules and hasattr(sys.modules[parent], child):
        delattr(sys.modules[parent], child)


@contextmanager
def installed(host: str = "longitudinal.host") -> Iterator[FakeOrthanc]:
    """Make `import orthanc` give a fresh fake in the block; `host`, which imports it, is imported anew."""
    fake = FakeOrthanc()
    before = sys.modules.get("orthanc")
    _forget(host)
    sys.modules["orthanc"] = fake
    try:
        yield fake
    finally:
        _forget(host)
        if before is None:
            del sys.modules["orthanc"]
        else:
            sys.modules["orthanc"] = before
    fake.verify()
