"""Records of one kind in the user metadata of a patient or a study, each with a signature of this archive.

What anybody else writes there is left out when it is read. The form is `{"grants": [{"grant": ..., "signature": ...}]}`, for
records of the kind "grant".
"""

from collections.abc import Callable, Sequence
from types import GenericAlias
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from longitudinal.nesting import depth_of
from longitudinal.transforms.signature import Key, Signature, Subject, sign, verifies

_LONGEST = 1024 * 1024
_DEEPEST = 10


class Kept(Protocol):
    """What is kept with a resource of Orthanc."""

    @property
    def resource(self) -> str:
        """The Orthanc id it is kept under."""

    @property
    def level(self) -> str:
        """Patients or studies."""


R = TypeVar("R", bound=Kept)


class SignedRecords(Generic[R]):
    """How records of one kind are written and read.

    Parameters
    ----------
    kind
        What a record is called, in the metadata and in what is signed.
    record
        A msgspec structure.
    most
        So many of one resource are read.
    is_sound
        Whether a record can be used at all, whoever has signed it.
    """

    def __init__(
        self, kind: str, record: type[R], most: int, is_sound: Callable[[R], bool] = lambda record: True
    ) -> None:
        self._kind = kind
        self._most = most
        self._is_sound = is_sound
        self._signed: Any = msgspec.defstruct(
            "Signed", [(kind, record), ("signature", Signature)], frozen=True
        )
        self._file: Any = msgspec.defstruct(
            "File", [(f"{kind}s", GenericAlias(list, self._signed), [])], frozen=True
        )

    def written(self, records: Sequence[R], key: Key) -> str:
        """The metadata of a resource with these records."""
        signed = [
            self._signed(one, sign(key, self._kind, _subject(one), msgspec.json.encode(one), 0))
            for one in records
        ]
        return msgspec.json.encode(self._file(signed)).decode()

    def read(self, text: str | None, resource: str, keys: tuple[Key, ...]) -> list[R]:
        """The records in the metadata of a resource that are signed; whatever else is there is left out."""
        if not text or len(text) > _LONGEST or depth_of(text.encode("utf-8", "replace"), _DEEPEST) > _DEEPEST:
            return []
        try:
            found = getattr(msgspec.json.decode(text, type=self._file), f"{self._kind}s")
        except (msgspec.MsgspecError, ValueError):
            return []
        pairs = [(getattr(one, self._kind), one.signature) for one in found[: self._most]]
        return [
            record
            for record, signature in pairs
            if record.resource == resource
            and self._is_sound(record)
            and verifies(keys, signature, self._kind, _subject(record), msgspec.json.encode(record))
        ]


def _subject(record: Kept) -> Subject:
    return Subject(record.resource, record.level.encode(), 0)
