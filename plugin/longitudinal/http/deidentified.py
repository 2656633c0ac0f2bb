"""The boundary of a de-identified view: what comes in names pseudonyms, and what goes out is masked field by field.

Handlers know nothing of it. Whatever is not known here is refused.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from longitudinal.access.pseudonyms import Pseudonyms
from longitudinal.access.shares import Share
from longitudinal.errors import FieldError, NotForShares, NotFound
from longitudinal.http.deidentified_fields import CODES, FIELDS, INWARD, Becomes
from longitudinal.http.error_catalogue import ADVICE
from longitudinal.http.exchange import Request, Response
from longitudinal.http.problem import PROBLEM_JSON, Problem
from longitudinal.points.stack_answer import FrameLinks, SeriesStacks
from longitudinal.reasons import PixelsReason
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.names import all_names

WhyHidden = Callable[[str], str | None]
"""Why the pixels of an instance (Orthanc id) are left out; None where they are not."""

_REMEMBERED = 64
_BINARY = "application/octet-stream"
# Of a path; what it says is a number.
_NUMBERS = frozenset({"frame", "index"})
# Headers that say nothing of what was asked for.
_HEADERS = frozenset({"Retry-After", "Allow", "Cache-Control"})


class Masks:
    """The mask of each de-identified share; those used last are kept, with the names that they have given."""

    def __init__(self, readers: Readers, why_hidden: WhyHidden) -> None:
        self._readers = readers
        self._why_hidden = why_hidden
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Mask] = OrderedDict()

    def of(self, share: Share) -> "Mask":
        """The mask of a share."""
        with self._lock:
            mask = self._kept.get(share.id)
            if mask is None:
                mask = self._kept[share.id] = Mask(Pseudonyms(share.salt), self._names, self._why_hidden)
            self._kept.move_to_end(share.id)
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        return mask

    def _names(self) -> Iterable[str]:
        # the caller's sight is set: these are the names of what the share shows
        return all_names(self._readers.connection())


class Mask:
    """Of one share, both ways; from any thread."""

    def __init__(
        self, names: Pseudonyms, real_names: Callable[[], Iterable[str]], why_hidden: WhyHidden
    ) -> None:
        self._names = names
        self._real_names = real_names
        self._why_hidden = why_hidden
        self._out: Mapping[Becomes, Callable[[str], str]] = {
            Becomes.OUR_WORDS: str,
            Becomes.CODE: lambda text: text if text in CODES or not text else names.code(text),
            Becomes.UID: names.uid,
            Becomes.ORTHANC_ID: names.orthanc_id,
            Becomes.PATIENT: names.patient,
            Becomes.DAY: names.day,
            Becomes.TIME: names.time,
            Becomes.PIXELS: self._link,
        }

    def path(
        self, template: str, values: Mapping[str, str], request: Request
    ) -> tuple[dict[str, str], Request]:
        """The values of a path, and the request with that path, as if the real names had been asked for. Raises NotFound."""
        real = {name: text if name in _NUMBERS else self._real(text, name) for name, text in values.items()}
        return real, replace(request, path=template.format(**real))

    def inward(self, asked: Any) -> Any:
        """The decoded arguments or body with real names and dates. Raises NotFound, NotForShares."""
        if not isinstance(asked, msgspec.Struct):
            return asked
        changed: dict[str, Any] = {}
        for name in asked.__struct_fields__:
            value, becomes = getattr(asked, name), INWARD.get(name)
            if value is None or becomes is Becomes.ITSELF:
                continue
            if becomes is Becomes.CODE:
                changed[name] = [each if each in CODES else self._real(each, name) for each in value]
            elif becomes is Becomes.UID:
                found = [self._real(each, name) for each in ([value] if isinstance(value, str) else value)]
                changed[name] = found[0] if isinstance(value, str) else found
            elif becomes is Becomes.DAY:
                changed[name] = self._names.real_day(value)
            else:
                raise NotForShares(f"{name} is not part of a de-identified view")
        return msgspec.structs.replace(asked, **changed)

    def _real(self, name: str, field: str) -> str:
        found = self._names.real(name, self._real_names)
        if found is None:
            raise NotFound("there is nothing of this name in this view", [FieldError(field, "unknown")])
        return found

    def encoded(self, answer: msgspec.Struct) -> bytes:
        """The answer as JSON. Raises NotForShares where a part of it is not known."""
        return msgspec.json.encode(self._struct(answer))

    def _struct(self, value: Any) -> Any:
        fields = FIELDS.get(type(value))
        if fields is None:
            raise NotForShares("a part of the answer is not known to a de-identified view")
        changed = {}
        for name in value.__struct_fields__:
            becomes = fields.get(name)
            if becomes is None:
                raise NotForShares("a field of the answer is not known to a de-identified view")
            changed[name] = self._field(getattr(value, name), becomes)
        masked = type(value)(**changed)
        return self._without_pixels(value, masked) if isinstance(value, SeriesStacks) else masked

    def _field(self, value: Any, becomes: Becomes) -> Any:
        if value is None or value is msgspec.UNSET or becomes is Becomes.ITSELF:
            return value
        if becomes is Becomes.ABSENT:
            return None
        if becomes is Becomes.NOTHING:
            return _emptied(value)
        if isinstance(value, list | tuple):
            return type(value)(self._field(each, becomes) for each in value)
        return self._struct(value) if becomes is Becomes.PARTS else self._out[becomes](value)

    def _link(self, path: str) -> str:
        """`/instances/{id}/...` with another id; the page asks for it below our own root."""
        parts = path.split("/")
        parts[2] = self._names.orthanc_id(parts[2])
        return "/".join(parts)

    def _without_pixels(self, real: SeriesStacks, masked: SeriesStacks) -> SeriesStacks:
        """The series without links where an image could show who the patient is; the route of the pixels asks again."""
        first = [stack.planes[0].orthanc_instance_id for stack in real.stacks if stack.planes]
        first += [one.orthanc_instance_id for one in real.not_indexed[:1]]
        if not any(self._why_hidden(each) is not None for each in first):
            return masked
        hidden = FrameLinks(None, PixelsReason.MAY_IDENTIFY)
        changed = msgspec.structs.replace
        stacks = [
            changed(stack, planes=[changed(plane, links=hidden) for plane in stack.planes])
            for stack in masked.stacks
        ]
        return changed(
            masked, stacks=stacks, not_indexed=[changed(one, links=hidden) for one in masked.not_indexed]
        )

    @staticmethod
    def response(response: Response) -> Response:
        """A whole response of a handler: pixels, or nothing. Raises NotForShares."""
        if response.content_type != _BINARY or response.location is not None:
            raise NotForShares("this kind of answer is not part of a de-identified view")
        return Response(response.body, response.status, _BINARY)

    @staticmethod
    def problem(response: Response) -> Response:
        """A problem by its code alone: what it says in words can name what was looked for."""
        told = msgspec.json.decode(response.body, type=Problem)
        advice = ADVICE[told.code][0] if told.code in ADVICE else "This cannot be answered."
        bare = Problem(told.code, told.status, advice, advice, request_id=told.request_id)
        headers = {name: value for name, value in response.headers.items() if name in _HEADERS}
        return Response(msgspec.json.encode(bare), response.status, PROBLEM_JSON, headers)


def _emptied(value: Any) -> Any:
    """An empty value of the same type, so that the answer keeps its form; a struct is left out."""
    return type(value)() if isinstance(value, str | list | tuple) else msgspec.UNSET
