"""One small tree of domain errors: a code of the API, an HTTP status, a title, and the fields at fault.

`http/problem.py` alone turns them into responses (RFC 9457). "Outside the image" and "no path between frames" are
results with a reason, not errors.
"""

from collections.abc import Sequence

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One field of a request that is wrong.

    Parameters
    ----------
    field
        JSON pointer (RFC 6901) into the body, or the name of the query argument.
    detail
        What is wrong and how to put it right.
    """

    field: str
    detail: str


class LongitudinalError(Exception):
    """Anything a caller can be told about. Subclasses fix the code, the HTTP status and the title."""

    code = "internalError"
    status = 500
    title = "The plugin failed"

    def __init__(
        self, detail: str, fields: Sequence[FieldError] = (), orthanc_ids: Sequence[str] = ()
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = tuple(fields)
        self.orthanc_ids = tuple(orthanc_ids)


class InvalidSettings(LongitudinalError):
    """The "Longitudinal" section of Orthanc's configuration is wrong; the plugin does not start."""

    code = "invalidSettings"
    title = "The Longitudinal section of Orthanc's configuration is wrong"


class SidecarUnavailable(LongitudinalError):
    """The sidecar database cannot be opened, read or written."""

    code = "sidecarUnavailable"
    status = 503
    title = "The index cannot be read at the moment"


class MalformedJson(LongitudinalError):
    """The body is no JSON (RFC 8259), or nested deeper than any request of this API."""

    code = "malformedJson"
    status = 400
    title = "The body is not valid JSON"


class MalformedBody(LongitudinalError):
    """The body is not what its Content-Type says, such as a multipart body that was cut off."""

    code = "malformedBody"
    status = 400
    title = "The body is not what its Content-Type says"


class InvalidRequest(LongitudinalError):
    """One or more fields are missing, unknown, of the wrong type or out of range; `fields` names every one."""

    code = "invalidRequest"
    status = 400
    title = "The request has wrong fields"


class BodyTooLarge(LongitudinalError):
    """The body is larger than the settings allow."""

    code = "bodyTooLarge"
    status = 413
    title = "The body is too large"


class AnswerTooLarge(LongitudinalError):
    """The answer would be larger than any client can use; `detail` has the numbers and says what to ask instead."""

    code = "answerTooLarge"
    status = 413
    title = "The answer would be too large"


class Forbidden(LongitudinalError):
    """Whoever asks may not do this, or nobody knows who asks."""

    code = "forbidden"
    status = 403
    title = "This is not allowed"


class NotFound(LongitudinalError):
    """No such route or resource, or one the caller may not see."""

    code = "notFound"
    status = 404
    title = "No such resource"


class ImageNotStored(NotFound):
    """What an exam should be linked to is not stored, or not yet; try again in `retry_after` seconds."""

    code = "imageNotStored"
    title = "The image is not stored"
    retry_after = 2


class MethodNotAllowed(LongitudinalError):
    """The route exists, not with this method; `allowed` lists those it has."""

    code = "methodNotAllowed"
    status = 405
    title = "The route does not have this method"

    def __init__(self, detail: str, allowed: Sequence[str]) -> None:
        super().__init__(detail)
        self.allowed = tuple(allowed)


class Ambiguous(LongitudinalError):
    """One UID names two resources; `orthanc_ids` lists them."""

    code = "ambiguous"
    status = 409
    title = "The identifier names more than one resource"


class Conflict(LongitudinalError):
    """The resource's state does not allow this."""

    code = "conflict"
    status = 409
    title = "The resource is not in a state that allows this"


class ShareImpossible(Conflict):
    """No link to a patient can work on this server as it is set up; `detail` says what is missing."""

    code = "shareImpossible"
    title = "Links to patients do not work on this server"


class NotForShares(Forbidden):
    """Whoever has opened a link to a patient only sees that patient's timeline."""

    code = "notForShares"
    title = "This is not part of a shared view"


class ShareExpired(LongitudinalError):
    """The time of a link to a patient has passed."""

    code = "shareExpired"
    status = 410
    title = "This link has expired"


class ShareRevoked(ShareExpired):
    """Whoever made a link to a patient has revoked it."""

    code = "shareRevoked"
    title = "This link was revoked"


class ShareUsed(ShareExpired):
    """A link to a patient opens once, and was opened before."""

    code = "shareUsed"
    title = "This link was opened before"


class Unprocessable(LongitudinalError):
    """The request is well formed but cannot be carried out; `fields` names why."""

    code = "unprocessable"
    status = 422
    title = "The request cannot be carried out"


class OutsideImage(Unprocessable):
    """The clicked pixel is not on its image."""

    code = "outsideImage"
    title = "The pixel is not on the image"


class NotIndexable(Unprocessable):
    """The clicked instance has no place in the patient that the plugin could compute."""

    code = "notIndexable"
    title = "The instance has no usable geometry"


class Refused(Unprocessable):
    """A request that a reason code explains: `code` is that reason, its title that of the subclass."""

    def __init__(self, code: str, detail: str, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(detail, fields)
        self.code = code


class OtherPatient(Unprocessable):
    """The image belongs to another patient than the exam."""

    code = "otherPatient"
    title = "The image belongs to another patient"


class TransformRefused(Refused):
    """A given transform cannot be used; `code` is the reason, such as sameFrame or collinearLandmarks."""

    code = "transformRefused"
    title = "The transform cannot be used"


class PlaceRefused(Refused):
    """A place cannot be kept; `code` is the reason, such as noFrameUid."""

    code = "placeRefused"
    title = "The place cannot be kept"


class WriterUnavailable(LongitudinalError):
    """The process that writes structured reports could not be started, or did not answer."""

    code = "writerUnavailable"
    status = 503
    title = "Structured reports cannot be written at the moment"


class AuditUnavailable(LongitudinalError):
    """The audit cannot be written, and AuditRequired lets nothing be changed without it; or it cannot be read."""

    code = "auditUnavailable"
    status = 503
    title = "The audit cannot be written or read at the moment"


class ArchiveFailed(LongitudinalError):
    """Orthanc did not store, change or delete what it was asked to."""

    code = "archiveFailed"
    status = 502
    title = "Orthanc did not carry it out"


class InstanceGone(ArchiveFailed):
    """The instance that was to be changed is not in Orthanc any more."""

    code = "notFound"
    status = 404
    title = "No such resource"


class NoPicture(LongitudinalError):
    """The instance is stored, but it is none that is shown as a picture."""

    code = "noPicture"
    status = 422
    title = "No picture can be had of the instance"


class UnsupportedMediaType(LongitudinalError):
    """The body's Content-Type is not one the route takes."""

    code = "unsupportedMediaType"
    status = 415
    title = "The route does not take this kind of body"


class TooManyJobs(LongitudinalError):
    """So many jobs of one user wait already; try again in `retry_after` seconds."""

    code = "tooManyJobs"
    status = 429
    title = "Too many jobs of this user wait"
    retry_after = 30


class RateLimited(LongitudinalError):
    """One user sends more requests than the settings allow; try again in `retry_after` seconds."""

    code = "rateLimited"
    status = 503
    title = "Too many requests of one user"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Busy(LongitudinalError):
    """All places for requests of this kind are taken; try again in `retry_after` seconds."""

    code = "busy"
    status = 503
    title = "The server is busy"
    retry_after = 1
