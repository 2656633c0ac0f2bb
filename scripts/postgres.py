"""A separate PostgreSQL: on loopback, as a user without rights, in a folder that is deleted afterwards.

It uses Debian's binaries and does not touch a PostgreSQL that the machine may run already.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BINARIES = Path("/usr/lib/postgresql")
SYSTEM_USER = "postgres"
"""The user it runs as if we are root, which PostgreSQL refuses."""
DATABASE = USER = "orthanc"
START_SECONDS = 20.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05


class PostgresFailed(Exception):
    """PostgreSQL is missing or does not run; the message has its log."""


class Postgres:
    """One server with one empty database, started by `with`.

    Parameters
    ----------
    port
        A free port.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.password = secrets.token_urlsafe(12)
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def orthanc_settings(self) -> dict[str, Any]:
        """The content of Orthanc's section "PostgreSQL"; several nodes may use the database at once."""
        return {
            "EnableIndex": True,
            "EnableStorage": False,
            "Lock": False,
            "Host": "127.0.0.1",
            "Port": self.port,
            "Database": DATABASE,
            "Username": USER,
            "Password": self.password,
        }

    def __enter__(self) -> Self:
        try:
            self._make()
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None:
            # a fast shutdown: open connections are ended
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self) -> None:
        password = self.folder / "password"
        password.write_text(self.password)
        if os.geteuid() == 0:
            shutil.chown(self.folder, SYSTEM_USER)
            shutil.chown(password, SYSTEM_USER)
        self._run("initdb", "--no-sync", "--username", USER, "--pwfile", str(password), "--auth", "scram-sha-256",
                  "--encoding", "UTF8", "--locale", "C.UTF-8", str(self.folder / "data"))  # fmt: skip
        password.unlink()

    def _start(self) -> None:
        command = [str(_binary("postgres")), "-D", str(self.folder / "data"), "-p", str(self.port),
                   "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}"]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                # it ends when the starting thread dies
                ["setpriv", *_as_user(), "--pdeathsig", "INT", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C goes only to the process that started it, which then ends it
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise PostgresFailed(f"PostgreSQL did not start:\n{self._log.read_text()}")
            time.sleep(POLL_SECONDS)
        self._run("createdb", "--host", "127.0.0.1", "--port", str(self.port), "--username", USER, DATABASE)

    def _answers(self) -> bool:
        command = [_binary("pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            ["setpriv", *_as_user(), str(_binary(name)), *arguments],
            env=os.environ | {"PGPASSWORD": self.password},
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise PostgresFailed(f"{name}: {done.stderr}")


def _binary(name: str) -> Path:
    versions = sorted(BINARIES.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if not versions:
        raise PostgresFailed(f"{name} is not in {BINARIES}: install Debian's package postgresql")
    return versions[-1]


def _as_user() -> list[str]:
    """Options of setpriv that drop root's rights; none for other users."""
    if os.geteuid() != 0:
        return ["--no-new-privs"]
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam(SYSTEM_USER)
        return ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    raise PostgresFailed(
        f"the user {SYSTEM_USER} that runs it does not exist: install Debian's package postgresql"
    )
