"""A stream of C-STOREs over several associations, which knows what was acknowledged."""

import os
import re
import subprocess
from collections.abc import Sequence

from benchmarks.soak.images import Image
from tests.orthanc.server import OrthancServer

_SENT = re.compile(r"Sending file: (\S+)")
_ANSWERED = re.compile(r"Received Store Response \((.*)\)")


class Stream:
    """dcmtk's storescu, once for each association, the images dealt out to them.

    An image counts as acknowledged when Orthanc answered its C-STORE with Success (PS3.7 9.1.1).
    """

    def __init__(
        self, server: OrthancServer, images: Sequence[Image], associations: int, *, goes_on: bool = False
    ) -> None:
        """Begin; `goes_on` sends the next image after one that was refused."""
        self._by_path = {str(image.path): image for image in images}
        options = ["--verbose", "--call", "ORTHANC", *(["--no-halt"] if goes_on else [])]
        self._senders = [
            subprocess.Popen(
                ["storescu", *options, "127.0.0.1", str(server.dicom_port), *(str(image.path) for image in hand)],
                env=os.environ | {"TCP_NODELAY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for hand in (images[number::associations] for number in range(associations))
        ]  # fmt: skip
        self.acknowledged: list[Image] = []
        self.refused: list[Image] = []
        self.exit_codes: list[int] = []

    @property
    def is_running(self) -> bool:
        """Whether an association is still sending."""
        return any(sender.poll() is None for sender in self._senders)

    def finish(self, within: float) -> None:
        """Wait until all have ended, and read what they said. TimeoutExpired when they do not end in time."""
        try:
            for sender in self._senders:
                output, _ = sender.communicate(timeout=within)
                self._read(output)
                self.exit_codes.append(sender.returncode)
        finally:
            for sender in self._senders:
                if sender.poll() is None:
                    sender.kill()
                    sender.communicate()

    def _read(self, output: str) -> None:
        sent: Image | None = None
        for line in output.splitlines():
            if match := _SENT.search(line):
                sent = self._by_path[match[1]]
            elif (match := _ANSWERED.search(line)) and sent is not None:
                (self.acknowledged if match[1] == "Success" else self.refused).append(sent)
                sent = None
