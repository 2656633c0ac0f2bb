"""Starts real Orthanc servers for tests: on free ports, in a folder of their own, and never left running.

    with OrthancServer(tmp_path) as server:
        server.store_scu(dicom_files("openms_dicom/patient01"))
        server.wait_indexed(lambda health: health[...] == 72)
        answer = server.session.post("/imaging/points/resolve", json={...})

All waiting has a deadline. Where the block fails, the end of Orthanc's log is part of the error.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

import requests

from tests.data import ROOT
from tests.orthanc.processes import command_line, kill, session_members

T = TypeVar("T")

PLUGIN_FOLDER = Path("/usr/share/orthanc/plugins")
PLUGINS = ("libOrthancPython.so", "libOrthancDicomWeb.so", "libOrthancGdcm.so")
"""Never the whole folder: ServeFolders and ModalityWorklists are of no use here and need settings."""
USER = "tester"
START_SECONDS = 20.0
"""A cold start takes 0.6 s alone on the machine."""
STOP_SECONDS = 10.0
"""Orthanc itself needs 1 to 4 s; more means that the plugin holds it up."""
INDEXED_SECONDS = 1.0
"""What the plugin promises between the answer to a store and its visibility."""
POLL_SECONDS = 0.01
STORE_SECONDS = 300.0
LOG_LINES = 60
IDLE_SECONDS = 0.5
"""Orthanc closes a connection that was idle for a second, perhaps while a request is on its way."""
ANOTHER_HAND = Path(__file__).with_name("another_hand.py")
"""A script that has the plugin, and a way past its filter: as an older node or a restored backup writes."""


class ServerSession(requests.Session):
    """A session that knows its server: `session.get("/system")`. Not to be shared by threads."""

    def __init__(self, url: str, auth: tuple[str, str] | None) -> None:
        super().__init__()
        self.url = url
        self.auth = auth
        self.trust_env = False  # neither a proxy nor a .netrc between a test and its server
        self._used = time.monotonic()

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """Do as requests does, with `url` relative to the server and a time-out by default."""
        kwargs.setdefault("timeout", 30)
        if time.monotonic() - self._used > IDLE_SECONDS:
            self.close()  # its connections; new ones are made
        try:
            return super().request(method, self.url + url if url.startswith("/") else url, *args, **kwargs)
        finally:
            self._used = time.monotonic()


def free_ports(count: int) -> list[int]:
    """Return different ports that nobody listens on at this moment.

    Below those that Linux gives to outgoing connections (ip_local_port_range): one of these could be taken by any
    client before the server has started.
    """
    free: list[int] = []
    while len(free) < count:
        port = secrets.choice(range(10_240, 32_768))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            free += [port] if port not in free else []
    return free


def wait_until(probe: Callable[[], T], within: float, what: str) -> T:
    """Return the first true value of `probe()`; AssertionError when there is none `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what} (the last answer was {value!r})")
        time.sleep(POLL_SECONDS)


class OrthancServer:
    """One Orthanc, started by `with` or `start()`.

    Parameters
    ----------
    folder
        An empty folder for its storage, index, configuration and log.
    plugin
        Whether it runs plugin/main.py; False is a bare Orthanc (with DICOMweb and GDCM), to compare with.
    script
        Another PythonScript instead of plugin/main.py.
    http_threads
        HttpThreadsCount; None leaves Orthanc's default (50).
    configuration
        Replaces or adds top-level settings.
    environment
        Added to the environment Orthanc runs in.
    authentication
        Whether a user and a password are needed; `session` always sends them.
    started_in
        The working directory of Orthanc; None is `folder`, where its configuration is.
    """

    running: ClassVar[list["OrthancServer"]] = []
    """Every server that runs: what the report of a failed test shows, and what may not be left."""

    def __init__(
        self,
        folder: Path,
        *,
        plugin: bool = True,
        script: Path | None = None,
        http_threads: int | None = None,
        configuration: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        authentication: bool = True,
        started_in: Path | None = None,
    ) -> None:
        self.folder, self.started_in = folder, started_in or folder
        self.http_port, self.dicom_port = free_ports(2)
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.user, self.password = USER, secrets.token_urlsafe(12)
        self.session = self.new_session()
        self.configuration: dict[str, Any] = {
            "Name": "Test",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "index"),
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "HttpBindAddresses": ["127.0.0.1"],
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": authentication,
            "RegisteredUsers": {self.user: self.password},
            "Plugins": self._plugins(with_python=plugin or script is not None),
        }
        if plugin or script is not None:
            self.configuration["PythonScript"] = str(script or ROOT / "plugin" / "main.py")
            # as in orthanc-config/orthanc.json; plugins before 4.3 do not look at it
            self.configuration["Python"] = {"AllowThreads": True}
        if http_threads is not None:
            self.configuration["HttpThreadsCount"] = http_threads
        self.configuration |= configuration or {}
        if plugin:  # a test asks more in a minute than any user; test_rate_limits.py has limits
            section = self.configuration.get("Longitudinal", {})
            if isinstance(section, dict):
                self.configuration["Longitudinal"] = {"RateLimits": None, **section}
        # main.py must find its libraries by itself, so nothing of the test's own Python is handed on
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        self.environment = inherited | {"TCP_NODELAY": "1"} | dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def _plugins(with_python: bool) -> list[str]:
        paths = [PLUGIN_FOLDER / name for name in PLUGINS if with_python or name != "libOrthancPython.so"]
        return [str(path) for path in paths if path.exists()]

    # Life and death

    def start(self) -> Self:
        """Start, and return once /system answers."""
        assert self._process is None, "it runs already"
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.configure()
        orthanc = shutil.which("Orthanc", path=os.environ.get("PATH", "") + ":/usr/sbin")
        assert orthanc, "there is no Orthanc here: run `make setup`"
        with self._log_path.open("ab") as log:
            # killed when the starting thread dies; a session of its own tells what it leaves behind
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", orthanc, str(path)],
                env=self.environment,
                cwd=self.started_in,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running.append(self)
        try:
            wait_until(self._answers, START_SECONDS, "Orthanc has started")
            wait_until(self._heeds_sigterm, START_SECONDS, "Orthanc can be stopped")
        except BaseException as error:
            error.add_note(self.log_tail())
            self.kill()
            raise
        return self

    def _heeds_sigterm(self) -> bool:
        """Whether SIGTERM has a handler (proc(5)); Orthanc answers /system a moment before, and would just die of one."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught >> (signal.SIGTERM - 1) & 1)

    def configure(self) -> Path:
        """Write the configuration; return what Orthanc is started with, a file or a folder of files."""
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(self.configuration, indent=2))
        return path

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"Orthanc ended with {self._process.returncode} at its start"
        try:
            return self.session.get("/system", timeout=1).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    @property
    def pid(self) -> int:
        """The process id of Orthanc."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> float:
        """Ask it to stop as `systemctl stop` does; return the seconds it took.

        Raises
        ------
        AssertionError
            When it takes more than 10 s, ends with an error, or leaves a process behind (killed then).
        """
        process = self._process
        assert process is not None, "it does not run"
        self._hang_up()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        while process.poll() is None and time.monotonic() < began + STOP_SECONDS:
            self._knock()
            time.sleep(POLL_SECONDS)
        seconds, code = time.monotonic() - began, process.poll()
        left = self._kill_all(process)
        assert code is not None, f"Orthanc did not stop within {STOP_SECONDS} s\n{self.log_tail()}"
        assert code == 0, f"Orthanc ended with {code}\n{self.log_tail()}"
        assert not left, f"Orthanc stopped, but left behind: {left}"
        return seconds

    def _knock(self) -> None:
        """Wake the servers of a stopping Orthanc, which else look for the end every 1 and 2 s only."""
        for port in (self.http_port, self.dicom_port):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                pass

    def kill(self) -> None:
        """Kill it, and all it started, as a crash or a power failure would."""
        process = self._process
        assert process is not None, "it does not run"
        self._hang_up()
        process.kill()
        process.wait(STOP_SECONDS)
        self._kill_all(process)

    def _hang_up(self) -> None:
        """Close the connections of `session`: Orthanc waits for idle ones before it stops."""
        self.session.close()

    def _kill_all(self, process: subprocess.Popen[bytes]) -> list[str]:
        """Kill what is left of the server's session, by pid; return what it was."""
        left = []
        for pid in session_members(process.pid):
            if pid != process.pid:
                left.append(command_line(pid))
            kill(pid)
        process.wait(STOP_SECONDS)
        wait_until(lambda: not session_members(process.pid), STOP_SECONDS, "the killed processes have ended")
        self._process = None
        self.running.remove(self)
        return left

    def restart(self) -> Self:
        """Stop it if it runs, and start it again with the same storage, ports and password."""
        if self.is_running:
            self.stop()
        elif self._process is not None:
            self.kill()
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(self.log_tail())
        if self._process is None:
            return
        if error is None and self.is_running:
            self.stop()
        else:
            self._finish(error)

    def _finish(self, error: BaseException | None) -> None:
        """Get rid of a server whose test failed, or which ended by itself."""
        assert self._process is not None
        code = self._process.poll()
        self.kill()
        if error is None:
            raise AssertionError(f"Orthanc had ended with {code}\n{self.log_tail()}")

    # Talking to it

    def new_session(self) -> ServerSession:
        """Return another session, for another thread."""
        return ServerSession(self.url, (self.user, self.password))

    @property
    def log(self) -> str:
        """All that Orthanc has logged, over all its starts."""
        return self._log_path.read_text(errors="replace") if self._log_path.exists() else ""

    @property
    def _log_path(self) -> Path:
        return self.folder / "orthanc.log"

    def log_tail(self, lines: int = LOG_LINES) -> str:
        """Return the end of the log, with a heading."""
        return "\n".join([f"--- end of {self._log_path} ---", *self.log.splitlines()[-lines:]])

    def store_rest(self, instances: Iterable[Path | bytes]) -> list[dict[str, Any]]:
        """Store by POST /instances, one by one; return the answers. HTTPError when one is refused."""
        answers = []
        for instance in instances:
            response = self.session.post("/instances", data=_content(instance))
            response.raise_for_status()
            answers.append(response.json())
        return answers

    def store_stow(self, instances: Iterable[Path | bytes]) -> dict[str, Any]:
        """Store by one STOW-RS request (PS3.18 10.5); return its answer in the DICOM JSON model."""
        boundary = secrets.token_hex(16)
        parts = [
            f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + _content(instance) + b"\r\n"
            for instance in instances
        ]
        response = self.session.post(
            "/dicom-web/studies",
            data=b"".join(parts) + f"--{boundary}--\r\n".encode(),
            headers={
                "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
                "Accept": "application/dicom+json",
            },
            timeout=STORE_SECONDS,
        )
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    def store_scu(
        self,
        paths: Sequence[Path],
        *,
        associations: int = 1,
        aet: str = "TESTER",
        options: Sequence[str] = (),
    ) -> None:
        """Store by dcmtk's storescu, the files dealt out over so many associations at once.

        Uncompressed files need no `options`; compressed ones need storescu's `--propose-...`.
        """
        command = [
            "storescu",
            "--aetitle",
            aet,
            "--call",
            "ORTHANC",
            *options,
            "127.0.0.1",
            str(self.dicom_port),
        ]
        senders = [
            subprocess.Popen(
                [*command, *map(str, hand)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for hand in (paths[number::associations] for number in range(associations))
            if hand
        ]
        try:
            for sender in senders:
                output, _ = sender.communicate(timeout=STORE_SECONDS)
                assert sender.returncode == 0, f"storescu ended with {sender.returncode}: {output}"
        finally:
            for sender in senders:
                if sender.poll() is None:
                    sender.kill()
                    sender.communicate()

    def health(self) -> dict[str, Any]:
        """Return the body of GET /imaging/health, whatever its status."""
        body: dict[str, Any] = self.session.get("/imaging/health").json()
        return body

    def wait_indexed(
        self, indexed: Callable[[dict[str, Any]], bool], within: float = INDEXED_SECONDS
    ) -> dict[str, Any]:
        """Return the first health answer that `indexed` accepts; AssertionError when none comes in time."""

        def accepted() -> dict[str, Any] | None:
            health = self.health()
            return health if indexed(health) else None

        health = self.wait_until(accepted, within, "the health route reports the instances as indexed")
        assert health is not None
        return health

    def wait_until(self, probe: Callable[[], T], within: float = INDEXED_SECONDS, what: str = "") -> T:
        """Return the first true value of `probe()`; AssertionError, with the log, when none comes in time."""
        try:
            return wait_until(probe, within, what or "the server is ready")
        except AssertionError as error:
            error.add_note(self.log_tail())
            raise


def _content(instance: Path | bytes) -> bytes:
    return instance if isinstance(instance, bytes) else instance.read_bytes()
