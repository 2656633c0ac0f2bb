"""A body or query -> a typed struct, or an error that names every wrong field, not only the first."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np

from longitudinal.errors import BodyTooLarge, FieldError, InvalidRequest, MalformedJson

Struct = TypeVar("Struct", bound=msgspec.Struct)

# No request of this API nests deeper than 4; Python's and others' parsers recurse, and crash on tens of thousands.
MAX_DEPTH = 32
_BRACKETS = b"[]{}"
_NO_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_OPENS = np.array([byte in b"[{" for byte in range(256)], dtype=np.int32) * 2 - 1
_MIB = 1024 * 1024


def check_size(body: bytes, max_mib: int) -> None:
    """Raise `BodyTooLarge` for a body over the limit of the settings."""
    if len(body) > max_mib * _MIB:
        raise BodyTooLarge(f"the body has {len(body)} bytes; the limit is {max_mib} MiB (setting MaxBodyMiB)")


def parse_json(body: bytes, kind: type[Struct]) -> Struct:
    """Decode a JSON body.

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
    except msgspec.ValidationError:
        errors = find_errors(msgspec.json.decode(body), kind)
        raise invalid(errors) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson(f"{error}" if body else "the body is empty; it must be a JSON object") from None


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


def invalid(errors: list[FieldError]) -> InvalidRequest:
    """The error for a list of wrong fields."""
    return InvalidRequest("; ".join(f"{error.field}: {error.detail}" for error in errors), errors)


def find_errors(
    raw: Any, kind: type[msgspec.Struct], prefix: str = "", *, strict: bool = True
) -> list[FieldError]:
    """Every wrong field of one object, by JSON pointer (or argument name where `strict` is False)."""
    if not isinstance(raw, dict):
        return [FieldError(prefix or "/", f"must be a JSON object, not {_kind_of(raw)}")]
    slash = "/" if strict else ""
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    errors = [
        FieldError(f"{prefix}{slash}{name}", f"is no field of this request; they are {', '.join(known)}")
        for name in raw
        if name not in known
    ]
    for name, field in known.items():
        if name not in raw:
            if field.required:
                errors.append(FieldError(f"{prefix}{slash}{name}", "is missing"))
            continue
        try:
            msgspec.convert(raw[name], field.type, strict=strict)
        except msgspec.ValidationError as error:
            detail, _, where = str(error).partition(" - at `$")
            inside = where.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
            errors.append(FieldError(f"{prefix}{slash}{name}{inside}", detail))
    return errors


def _check_depth(body: bytes) -> None:
    brackets = body.translate(None, _NO_BRACKETS)
    if len(brackets) <= MAX_DEPTH:
        return
    depth = int(np.cumsum(_OPENS[np.frombuffer(brackets, dtype=np.uint8)]).max())
    if depth > MAX_DEPTH:
        raise MalformedJson(
            f"the body is nested {depth} deep; no request of this API needs more than {MAX_DEPTH}"
        )


def _kind_of(raw: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(raw), "a number")
