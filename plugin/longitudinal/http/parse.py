"""A body or query -> a typed struct, or an error that names every wrong field, not only the first."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

from longitudinal.dicom.dates import dashed_date
from longitudinal.errors import BodyTooLarge, FieldError, InvalidRequest, MalformedJson
from longitudinal.nesting import depth_of

Struct = TypeVar("Struct", bound=msgspec.Struct)

# No request of this API nests deeper than 4; Python's and others' parsers recurse, and crash on tens of thousands.
MAX_DEPTH = 32
_MIB = 1024 * 1024

# The largest float has 309 digits.
_LONGEST_INTEGER = 309

MAX_ERRORS = 100
"""Wrong fields that one problem names; a body of a few MiB can have a million."""

_LONGEST_NAME = 200
_LONGEST_DETAIL = 500
# Of a list in which a wrong item is looked for; no list of this API may have as many.
_MOST_ITEMS = 10_000


class NoFiniteNumber:
    """Stands for NaN, Infinity, or a number too large for a float; no field takes it."""


def check_size(body: bytes, max_mib: int, setting: str = "MaxBodyMiB") -> None:
    """Raise `BodyTooLarge` for a body over the limit of a setting."""
    if len(body) > max_mib * _MIB:
        raise BodyTooLarge(f"the body has {len(body)} bytes; the limit is {max_mib} MiB (setting {setting})")


def parse_json(body: bytes, kind: type[Struct], prefix: str = "") -> Struct:
    """Decode a JSON body, or the part of one that `prefix` points to.

    Raises
    ------
    MalformedJson
        No JSON, or nested deeper than `MAX_DEPTH`.
    InvalidRequest
        With one `FieldError` for each field that is missing, unknown or wrong.
    """
    _check_depth(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        # msgspec has stopped at the first wrong field; behind it the body may be no JSON at all.
        errors, detail = _errors_of_nearly_json(body, kind, prefix)
        raise (invalid(errors) if errors else MalformedJson(detail or str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = str(error) if body else "the body is empty; it must be a JSON object"
        raise MalformedJson(detail, _errors_of_nearly_json(body, kind, prefix)[0]) from None


def _decode_loosely(body: bytes) -> Any:
    """Decode what is nearly JSON, to find what is wrong with it: numbers that are not finite become `NoFiniteNumber`.

    Raises
    ------
    ValueError
        When it is not even that.
    """
    return json.loads(
        body.decode(),
        parse_float=_number,
        parse_int=lambda text: int(text) if len(text) <= _LONGEST_INTEGER else NoFiniteNumber(),
        parse_constant=lambda _: NoFiniteNumber(),
    )


def parse_query(query: Mapping[str, str], kind: type[Struct]) -> Struct:
    """Convert query arguments, which are all text.

    Raises
    ------
    InvalidRequest
        With one `FieldError` for each argument that is missing, unknown or wrong.
    """
    try:
        return msgspec.convert(dict(query), kind, strict=False)
    except msgspec.ValidationError:
        raise invalid(find_errors(dict(query), kind, strict=False)) from None


def parse_days(days: Mapping[str, str | None]) -> list[str | None]:
    """Days of a request by the names of their fields, each as YYYY-MM-DD; None where it is not asked for.

    Raises
    ------
    InvalidRequest
        With one `FieldError` for each that is in no calendar.
    """
    found = {field: None if day is None else dashed_date(day.replace("-", "")) for field, day in days.items()}
    errors = [FieldError(field, "is a day that does not exist") for field, day in found.items() if day == ""]
    if errors:
        raise invalid(errors)
    return list(found.values())


def invalid(errors: Sequence[FieldError]) -> InvalidRequest:
    """The error for a list of wrong fields; of more than `MAX_ERRORS` the first are named."""
    named = list(errors[:MAX_ERRORS])
    detail = "; ".join(f"{error.field}: {error.detail}" for error in named)
    return InvalidRequest(detail + ("; and more" if len(errors) > MAX_ERRORS else ""), named)


def find_errors(
    raw: Any, kind: type[msgspec.Struct], prefix: str = "", *, strict: bool = True
) -> list[FieldError]:
    """Wrong fields of one object, by JSON pointer (or argument name where `strict` is False); one more than are named."""
    return list(islice(_wrong_fields(raw, kind, prefix, strict), MAX_ERRORS + 1))


def _wrong_fields(raw: Any, kind: type[msgspec.Struct], prefix: str, strict: bool) -> Iterator[FieldError]:
    if not isinstance(raw, dict):
        yield FieldError(prefix or "/", f"must be a JSON object, not {_kind_of(raw)}")
        return
    slash = "/" if strict else ""
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in raw:
        if name not in known:
            detail = f"is not a field of this request; valid fields: {', '.join(known)}"
            yield FieldError(f"{prefix}{slash}{_printable(name)}", detail)
    for name, field in known.items():
        if name in raw:
            yield from _wrong_in(raw[name], field.type, f"{prefix}{slash}{name}", strict)
        elif field.required:
            yield FieldError(f"{prefix}{slash}{name}", "is missing")


def _wrong_in(value: Any, kind: Any, pointer: str, strict: bool) -> Iterator[FieldError]:
    """What is wrong in the value of one field: every item of an array, not only the first."""
    kind = _without_raw(kind)
    try:
        msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        detail, _, where = str(error).partition(" - at `$")
        inside: Iterator[FieldError] = iter(())
        if where and isinstance(value, list) and (item := _item_type(kind)) is not None:
            inside = (
                wrong
                for number, each in enumerate(value[:_MOST_ITEMS])
                for wrong in _wrong_in(each, item, f"{pointer}/{number}", strict)
            )
        first = next(inside, None)
        if first is not None:
            yield first
            yield from inside
        elif isinstance(value, NoFiniteNumber):
            yield FieldError(pointer, "must be a finite number")
        else:
            inside_pointer = where.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
            yield FieldError((pointer + inside_pointer)[:_LONGEST_DETAIL], detail[:_LONGEST_DETAIL])


def _without_raw(kind: Any) -> Any:
    """The type with Any for `msgspec.Raw`, which only a decoder makes: a value that was decoded never is one."""
    if kind is msgspec.Raw:
        return Any
    origin, options = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return Annotated[(_without_raw(options[0]), *options[1:])]
    if origin in (Union, UnionType):
        return Union[tuple(_without_raw(option) for option in options)]  # noqa: UP007 - of as many as there are
    if origin in (list, dict):
        return origin[tuple(_without_raw(option) for option in options)]
    return kind


def _item_type(kind: Any) -> Any:
    """What the items of `list[...]` must be, also where it is optional or annotated; None where it is not a list."""
    if get_origin(kind) is list:
        return get_args(kind)[0]
    found = (_item_type(option) for option in get_args(kind))
    return next((item for item in found if item is not None), None)


def _errors_of_nearly_json(
    body: bytes, kind: type[msgspec.Struct], prefix: str
) -> tuple[list[FieldError], str]:
    """The wrong fields, those with NaN or Infinity too; or why there are no fields to be seen."""
    try:
        return find_errors(_decode_loosely(body), kind, prefix), ""
    except ValueError as error:
        return [], str(error)


def _number(text: str) -> float | NoFiniteNumber:
    value = float(text)
    return value if math.isfinite(value) else NoFiniteNumber()


def _check_depth(body: bytes) -> None:
    if (depth := depth_of(body, MAX_DEPTH)) > MAX_DEPTH:
        raise MalformedJson(
            f"the body is nested {depth} deep; no request of this API needs more than {MAX_DEPTH}"
        )


def _printable(name: str) -> str:
    """A name without halves of surrogate pairs, which no answer can hold, cut to a length that can be read."""
    return name[:_LONGEST_NAME].encode("utf-8", "replace").decode()


def _kind_of(raw: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(raw), "a number")
