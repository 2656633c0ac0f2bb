"""What stores, changes and deletes in Orthanc: over loopback HTTP, as the same calls in process can deadlock it.

Python's own client serves: one connection a call (Orthanc closes idle ones after a second), without Nagle's delay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orthanc

from longitudinal.archive import GRANTS, SHARES, Parents, Receipt
from longitudinal.errors import ArchiveFailed, FieldError, InstanceGone, NotFound

if TYPE_CHECKING:
    from http.client import HTTPConnection

_SECONDS = 20.0
# Of a large file: what a slow disk writes, so that it is not given up while Orthanc still stores it.
_BYTES_PER_SECOND = 4_000_000
_OK, _BAD_REQUEST, _NOT_FOUND, _CONFLICT = 200, 400, 404, 409
# Nodes that write one object's metadata at the same moment: each round one of them wins.
_ROUNDS = 8
_DEFAULT_PORT = 8042
_THIS_MACHINE = "127.0.0.1"
# From this version on Orthanc listens on HttpBindAddresses alone; before it listens everywhere.
_BINDS = (1, 12, 10)


class Loopback:
    """Implements `longitudinal.archive.ArchiveWriter` and `ArchiveReceiver`.

    Parameters
    ----------
    configuration
        Orthanc's own.
    metadata
        The number of the user metadata that annotations are kept in; that of failed alignments is the next one, that of
        errors at a place the one after.
    """

    def __init__(self, configuration: Mapping[str, Any], metadata: int) -> None:
        self._host = _address(configuration, binds=bool(orthanc.CheckVersionAdvanced(*_BINDS)))
        self._port = int(configuration.get("HttpPort", _DEFAULT_PORT))
        self._is_ssl = bool(configuration.get("SslEnabled", False))
        self._metadata = metadata

    @property
    def url(self) -> str:
        """Of Orthanc on this machine."""
        return f"{'https' if self._is_ssl else 'http'}://{_bracketed(self._host)}:{self._port}"

    @staticmethod
    def token() -> str:
        """A whole Authorization header; who has it may do everything."""
        return str(orthanc.GenerateRestApiAuthorizationToken())

    def store(self, file: bytes) -> str:
        """Store a DICOM file."""
        status, body, _ = self._call("POST", "/instances", file, {"Content-Type": "application/dicom"})
        answer = json.loads(body) if status == _OK else {}
        if answer.get("Status") not in ("Success", "AlreadyStored"):
            raise ArchiveFailed(
                f"Orthanc did not store the object: {answer.get('Status') or f'HTTP {status}'}"
            )
        return str(answer["ID"])

    def receive(self, file: bytes) -> Receipt:
        """Store a file that a user sent."""
        status, body, _ = self._call("POST", "/instances", file, {"Content-Type": "application/dicom"})
        try:
            answer = json.loads(body)
        except ValueError:
            answer = {}
        if status == _BAD_REQUEST:
            return Receipt("notDicom", detail=str(answer.get("Details") or answer.get("Message") or ""))
        outcome = {"Success": "stored", "AlreadyStored": "alreadyStored"}.get(answer.get("Status", ""))
        if status != _OK or outcome is None:
            reason = (
                answer.get("Status") or answer.get("Details") or answer.get("Message") or f"HTTP {status}"
            )
            return Receipt("refused", detail=str(reason))
        parents = Parents(answer["ParentPatient"], answer["ParentStudy"], answer["ParentSeries"])
        return Receipt("stored" if outcome == "stored" else "alreadyStored", answer["ID"], parents)

    def pixels(self, orthanc_id: str, frame: int) -> bytes:
        """The stored values of a frame (0-based) of an instance, as NumPy's file format."""
        status, body, _ = self._call("GET", f"/instances/{orthanc_id}/frames/{frame}/numpy?rescale=false")
        if status in (_BAD_REQUEST, _NOT_FOUND):
            raise NotFound(f"there is no frame {frame} of this instance", [FieldError("frame", "unknown")])
        if status != _OK:
            raise ArchiveFailed(f"Orthanc did not send the pixels: HTTP {status}")
        return body

    def delete(self, orthanc_id: str) -> None:
        """Delete an instance."""
        status, _, _ = self._call("DELETE", f"/instances/{orthanc_id}")
        if status not in (_OK, _NOT_FOUND):
            raise ArchiveFailed(f"Orthanc did not delete instance {orthanc_id}: HTTP {status}")

    def change_annotation(self, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        """Replace the annotation; where Orthanc checks revisions, what another node wrote meanwhile is not lost."""
        try:
            self._change_metadata(f"/instances/{orthanc_id}/metadata/{self._metadata}", change)
        except ArchiveFailed:
            # Orthanc answers 404 for an instance, as for metadata, that it does not have; so ask for the instance itself
            if self._call("GET", f"/instances/{orthanc_id}")[0] == _NOT_FOUND:
                raise InstanceGone(f"instance {orthanc_id} is not stored any more") from None
            raise

    def change_errors_at_place(self, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        """Replace what was measured of a registration object's errors, with the same care."""
        self._change_metadata(f"/instances/{orthanc_id}/metadata/{self._metadata + 2}", change)

    def change_attempts(self, study: str, change: Callable[[str | None], str]) -> None:
        """Replace what is said about a study's failed alignments, with the same care."""
        self._change_metadata(f"/studies/{study}/metadata/{self._metadata + 1}", change)

    def change_grants(self, level: str, resource: str, change: Callable[[str | None], str]) -> None:
        """Replace the grants of a patient or a study, with the same care."""
        self._change_metadata(f"/{level}/{resource}/metadata/{self._metadata + GRANTS}", change)

    def change_shares(self, level: str, resource: str, change: Callable[[str | None], str]) -> None:
        """Replace the shares of a patient or a study, with the same care."""
        self._change_metadata(f"/{level}/{resource}/metadata/{self._metadata + SHARES}", change)

    def change_exams(self, level: str, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        """Replace the document of exams of a study or patient, with the same care."""
        self._change_metadata(f"/{level}/{orthanc_id}/metadata/{self._metadata + 3}", change)

    def _change_metadata(self, path: str, change: Callable[[str | None], str]) -> None:
        status = 0
        for _ in range(_ROUNDS):
            status, body, tag = self._call("GET", path)
            if status not in (_OK, _NOT_FOUND):
                break
            before = body.decode("utf-8", "replace") if status == _OK else None
            condition = {"If-Match": tag} if tag is not None and status == _OK else {}
            status, _, _ = self._call("PUT", path, change(before).encode(), condition)
            if status == _OK:
                return
            if status != _CONFLICT:
                break
        raise ArchiveFailed(f"Orthanc did not take {path}: HTTP {status}")

    def _call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, str | None]:
        """Status, body and ETag of one call."""
        from http.client import HTTPException  # late, with `email` and `ssl`: a start makes no call

        connection = self._connection(_SECONDS + len(body or b"") / _BYTES_PER_SECOND)
        try:
            connection.request(method, path, body, {"Authorization": self.token(), **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read(), response.getheader("ETag")
        except (OSError, HTTPException) as error:
            raise ArchiveFailed(f"Orthanc did not answer over loopback: {error}") from error
        finally:
            connection.close()

    def _connection(self, seconds: float) -> HTTPConnection:
        import ssl
        from http.client import HTTPConnection, HTTPSConnection

        if not self._is_ssl:
            return HTTPConnection(self._host, self._port, timeout=seconds)
        # Its certificate is made out to the name others call it by, and nobody else can sit on this port of this machine.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return HTTPSConnection(self._host, self._port, timeout=seconds, context=context)


def _address(configuration: Mapping[str, Any], *, binds: bool) -> str:
    """The address that Orthanc listens on, this machine's own where it can be.

    A request to any other address of the machine is one from another machine to Orthanc (RemoteAccessAllowed).
    """
    named = configuration.get("HttpBindAddresses")
    addresses = [str(address) for address in named] if binds and isinstance(named, list) else []
    if not addresses or {_THIS_MACHINE, "0.0.0.0"} & set(addresses):
        return _THIS_MACHINE
    if {"::", "::1"} & set(addresses):
        return "::1"
    own = (address for address in addresses if address.startswith("127."))
    return next(own, addresses[0])


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
