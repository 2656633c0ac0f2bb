"""What stores, changes and deletes in Orthanc, and what reads for long: over loopback HTTP.

The same calls in process can deadlock Orthanc, or hold Python's lock until they are answered.

Python's own client serves: one connection a call (Orthanc closes idle ones after a second), without Nagle's delay.
"""

import http.client
import json
import select
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import orthanc

from longitudinal.archive import Parents, Receipt
from longitudinal.errors import ArchiveFailed

_SECONDS = 20.0
# Of a large file: what a slow disk writes, so that it is not given up while Orthanc still stores it.
_BYTES_PER_SECOND = 4_000_000
_OK, _BAD_REQUEST, _NOT_FOUND, _CONFLICT = 200, 400, 404, 409
# Nodes that write one object's metadata at the same moment: each round one of them wins.
_ROUNDS = 8
_DEFAULT_PORT = 8042


class PendingAnswer:
    """An answer that Orthanc is making on a thread of its own."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def is_ready(self, within: float) -> bool:
        """Whether it is there, after so many seconds at most."""
        return self._connection.sock is None or bool(
            select.select([self._connection.sock], [], [], within)[0]
        )

    def read(self) -> bytes:
        """Its body. Raises ArchiveFailed, also where the status is not 200."""
        status, body, _ = self.whole()
        if status != _OK:
            raise ArchiveFailed(f"Orthanc did not answer over loopback: HTTP {status}")
        return body

    def whole(self) -> tuple[int, bytes, str | None]:
        """Its status, body and ETag. Raises ArchiveFailed."""
        try:
            response = self._connection.getresponse()
            return response.status, response.read(), response.getheader("ETag")
        except (OSError, http.client.HTTPException) as error:
            raise _unanswered(error) from error
        finally:
            self.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


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
        self._port = int(configuration.get("HttpPort", _DEFAULT_PORT))
        self._is_ssl = bool(configuration.get("SslEnabled", False))
        self._metadata = metadata

    @property
    def url(self) -> str:
        """Of Orthanc on this machine."""
        return f"{'https' if self._is_ssl else 'http'}://127.0.0.1:{self._port}"

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
            said = answer.get("Status") or answer.get("Details") or answer.get("Message") or f"HTTP {status}"
            return Receipt("refused", detail=str(said))
        parents = Parents(answer["ParentPatient"], answer["ParentStudy"], answer["ParentSeries"])
        return Receipt("stored" if outcome == "stored" else "alreadyStored", answer["ID"], parents)

    def delete(self, orthanc_id: str) -> None:
        """Delete an instance."""
        status, _, _ = self._call("DELETE", f"/instances/{orthanc_id}")
        if status not in (_OK, _NOT_FOUND):
            raise ArchiveFailed(f"Orthanc did not delete instance {orthanc_id}: HTTP {status}")

    def change_annotation(self, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        """Replace the annotation; where Orthanc checks revisions, what another node wrote meanwhile is not lost."""
        self._change_metadata(f"/instances/{orthanc_id}/metadata/{self._metadata}", change)

    def change_errors_at_place(self, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        """Replace what was measured of a registration object's errors, with the same care."""
        self._change_metadata(f"/instances/{orthanc_id}/metadata/{self._metadata + 2}", change)

    def change_attempts(self, study: str, change: Callable[[str | None], str]) -> None:
        """Replace what is said about a study's failed alignments, with the same care."""
        self._change_metadata(f"/studies/{study}/metadata/{self._metadata + 1}", change)

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

    def ask(self, path: str) -> PendingAnswer:
        """Send a GET, and leave the answer for later. Raises ArchiveFailed."""
        return self._send("GET", path)

    def _call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, str | None]:
        """Status, body and ETag of one call."""
        return self._send(method, path, body, headers).whole()

    def _send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> PendingAnswer:
        connection = self._connection(_SECONDS + len(body or b"") / _BYTES_PER_SECOND)
        try:
            connection.request(method, path, body, {"Authorization": self.token(), **(headers or {})})
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _unanswered(error) from error
        return PendingAnswer(connection)

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        if not self._is_ssl:
            return http.client.HTTPConnection("127.0.0.1", self._port, timeout=seconds)
        # Its certificate is made out to the name others call it by, and nobody else can sit on this port of this machine.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection("127.0.0.1", self._port, timeout=seconds, context=context)


def _unanswered(error: Exception) -> ArchiveFailed:
    return ArchiveFailed(f"Orthanc did not answer over loopback: {error}")
