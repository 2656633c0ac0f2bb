"""Starts Orthanc in the foreground with the plugin: what `make run` does after `make setup`.

It never stops anything that is already running: if a port is in use, the message names the process that holds it.
"""

import contextlib
import json
import os
import pwd
import secrets
import shutil
import socket
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = ROOT / "orthanc-config" / "orthanc.json"
PASSWORD_FILE = ROOT / "var" / "password"
USER = "orthanc"
DEFAULT_PORTS = {"HTTP_PORT": 8042, "DICOM_PORT": 4242}
LISTENING = "0A"
"""TCP_LISTEN in the `st` column of /proc/net/tcp."""


def listening_inodes(port: int) -> dict[str, int]:
    """Return {inode of a socket that listens on `port`: uid of its owner}."""
    inodes = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == LISTENING and int(columns[1].rsplit(":", 1)[1], 16) == port:
                inodes[columns[9]] = int(columns[7])
    return inodes


def user_name(uid: int) -> str:
    """Return the login name of `uid`, or the number if it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def holds_any(process: Path, files: set[str]) -> bool:
    """Tell whether the process with this /proc folder has one of `files` open; False if that is hidden."""
    try:
        links = list((process / "fd").iterdir())
    except OSError:  # ended meanwhile, or another user's
        return False
    for link in links:
        with contextlib.suppress(OSError):  # closed meanwhile
            if os.readlink(link) in files:
                return True
    return False


def port_owners(port: int) -> list[str]:
    """Return who listens on `port`: "pid 123 (command line)", or the user if the process is hidden from us."""
    inodes = listening_inodes(port)
    sockets = {f"socket:[{inode}]" for inode in inodes}
    owners = []
    for process in Path("/proc").glob("[0-9]*"):
        if holds_any(process, sockets):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            owners.append(f"pid {process.name} ({command[:200]})")
    return owners or [f"a process of user {user_name(uid)}" for uid in sorted(set(inodes.values()))]


def is_free(port: int) -> bool:
    """Tell whether `port` can be bound on every address, as Orthanc does."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def chosen_port(name: str) -> int:
    """Return the port in the environment variable `name`, or its default; stop if it is wrong or in use."""
    text = os.environ.get(name) or str(DEFAULT_PORTS[name])
    if not text.isdecimal() or not 0 < int(text) < 65536:
        sys.exit(f"make run: {name}={text} is not a port number (1 to 65535)")
    port = int(text)
    if not is_free(port):
        owners = ", ".join(port_owners(port)) or "a process that is not visible here"
        sys.exit(
            f"make run: port {port} ({name}) is used by {owners}.\n"
            f"          Nothing was stopped. Use another port: {name}={port + 1} make run"
        )
    return port


def password() -> str:
    """Return the kept password; generate it, readable by its owner only, the first time."""
    PASSWORD_FILE.parent.mkdir(mode=0o700, exist_ok=True)
    if not PASSWORD_FILE.exists():
        descriptor = os.open(PASSWORD_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(15) + "\n")
    PASSWORD_FILE.chmod(0o600)
    return PASSWORD_FILE.read_text().strip()


def main() -> None:
    """Check the ports, print how to log in, become Orthanc."""
    # /usr/sbin is not on the PATH of an ordinary user of Debian
    orthanc = shutil.which("Orthanc", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if orthanc is None:
        sys.exit("make run: Orthanc is not installed. Run `make setup` first")
    ports = {name: chosen_port(name) for name in DEFAULT_PORTS}
    secret = password()
    print(f"Orthanc:   http://localhost:{ports['HTTP_PORT']}  (DICOM port {ports['DICOM_PORT']})")
    print(f"User:      {USER}")
    print(f"Password:  {secret}  (kept in {PASSWORD_FILE.relative_to(ROOT)})")
    print("Stop with Ctrl-C.", flush=True)
    environment = os.environ | {name: str(port) for name, port in ports.items()}
    environment["ORTHANC_USERS"] = json.dumps({USER: secret})
    environment["LONGITUDINAL_HOME"] = str(ROOT)
    # the plugin would take a relative folder from where it was started, Orthanc takes it from its configuration's
    environment.setdefault("ORTHANC_STORAGE", str(ROOT / "var" / "storage"))
    environment.setdefault("ORTHANC_INDEX", str(ROOT / "var" / "index"))
    # without it every C-STORE waits for Nagle's algorithm, 40 ms an image
    environment["TCP_NODELAY"] = "1"
    os.chdir(ROOT)
    os.execve(orthanc, [orthanc, str(CONFIGURATION)], environment)


if __name__ == "__main__":
    main()
