"""The connection of `make demo` and `make load` to the server that `make run` started.

HTTP_PORT is its port, as for `make run`. For another server: ORTHANC_URL and ORTHANC_CREDENTIALS=user:password.
"""

import os
import sys
from dataclasses import dataclass

import requests
from run import DEFAULT_PORTS, PASSWORD_FILE, ROOT, USER

STORE_SECONDS = 60


@dataclass(frozen=True)
class Stored:
    """Orthanc's answer to one file: "Success", "AlreadyStored", or why it was refused."""

    status: str
    orthanc_id: str = ""

    @property
    def is_new(self) -> bool:
        """Whether it is new in the archive."""
        return self.status == "Success"

    @property
    def is_there(self) -> bool:
        """Whether it is in the archive now."""
        return self.status in {"Success", "AlreadyStored"}


class RunningServer:
    """A connection; stops the script with a hint if no server answers."""

    def __init__(self) -> None:
        port = os.environ.get("HTTP_PORT") or DEFAULT_PORTS["HTTP_PORT"]
        self.url = (os.environ.get("ORTHANC_URL") or f"http://localhost:{port}").rstrip("/")
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy between this machine and itself
        given = os.environ.get("ORTHANC_CREDENTIALS")
        if given:
            user, _, password = given.partition(":")
            self.curl_user = '"$ORTHANC_CREDENTIALS"'
        elif PASSWORD_FILE.exists():
            user, password = USER, PASSWORD_FILE.read_text().strip()
            self.curl_user = f'"{USER}:$(cat {PASSWORD_FILE.relative_to(ROOT)})"'
        else:
            sys.exit("no password has been made yet. Start the server in another terminal first: make run")
        self.login = (user, password)
        self.session.auth = self.login

    def check(self) -> None:
        """Stop the script if the server does not answer, refuses the login, or lacks the plugin."""
        try:
            answer = self.session.get(f"{self.url}/imaging", timeout=10)
        except requests.RequestException:
            sys.exit(f"no server answers at {self.url}. Start the server in another terminal first: make run")
        if answer.status_code == 401:
            sys.exit(f"{self.url} refuses the password of `make run`: is another Orthanc on this port?")
        if not answer.ok:
            sys.exit(f"{self.url} is an Orthanc without this plugin; its log has the reason")

    def store(self, content: bytes) -> Stored:
        """Store one file."""
        answer = self.session.post(f"{self.url}/instances", data=content, timeout=STORE_SECONDS)
        if not answer.ok:
            return Stored(f"refused ({answer.status_code})")
        body = answer.json()
        if isinstance(body, list):  # a zip
            return Stored("Success", "")
        return Stored(body["Status"], body["ID"])
