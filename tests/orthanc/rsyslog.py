"""Debian's rsyslog with a configuration of a test, on free ports, and never as a service."""

import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.orthanc.server import free_ports, wait_until

SECONDS = 10
PROGRAM = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin:/bin")
# As in docs/audit.md; the whole message as it came, one a line.
_CONFIGURATION = """
global(workDirectory="{folder}" maxMessageSize="64k")
module(load="imtcp")
module(load="imudp")
module(load="imuxsock" SysSock.Use="off")
input(type="imtcp" port="{tcp}" address="127.0.0.1")
input(type="imudp" port="{udp}" address="127.0.0.1")
input(type="imuxsock" socket="{folder}/audit.sock" useSpecialParser="off" parseHostname="on")
template(name="whole" type="string" string="%rawmsg%\\n")
if $app-name == "orthanc-longitudinal" then {{
    action(type="omfile" file="{folder}/audit.log" template="whole" asyncWriting="off")
}}
"""


class Rsyslog:
    """One rsyslog; `text` is what it has written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "audit.log"
        self.tcp, self.udp = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def urls(self) -> dict[str, str]:
        return {
            "tcp": f"tcp://127.0.0.1:{self.tcp}", "udp": f"udp://127.0.0.1:{self.udp}", "unix": f"unix://{self.folder}/audit.sock",
        }  # fmt: skip

    @property
    def text(self) -> str:
        return self.path.read_text(errors="replace") if self.path.exists() else ""

    def __enter__(self) -> Self:
        assert PROGRAM is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "rsyslog.conf"
        configuration.write_text(_CONFIGURATION.format(folder=self.folder, tcp=self.tcp, udp=self.udp))
        self._process = subprocess.Popen(
            [PROGRAM, "-n", "-f", str(configuration), "-i", str(self.folder / "pid")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(lambda: (self.folder / "audit.sock").exists(), SECONDS, "rsyslog listens")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(SECONDS)
