"""Starts two Orthanc servers on one PostgreSQL and one storage folder, to try out: `make cluster`. Ctrl-C stops everything.

It uses free ports from 8042 and 4242 on; images and database are in a folder that is deleted at the end.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import requests
from postgres import DATABASE, Postgres, PostgresFailed
from postgres import USER as POSTGRES_USER
from run import DEFAULT_PORTS, ROOT, USER, is_free, password

CONFIGURATION = ROOT / "orthanc-config" / "cluster.json"
NODES = ("a", "b")
POSTGRES_PORT = 5433
"""The first port that is tried: 5432 belongs to the machine's own PostgreSQL, if it has one."""
START_SECONDS = 30.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.1


def free_from(port: int) -> Iterator[int]:
    """Yield the free ports from `port` on."""
    return (candidate for candidate in range(port, 65536) if is_free(candidate))


def node_environment(folder: Path, name: str, postgres: Postgres, ports: dict[str, int]) -> dict[str, str]:
    """Return the variables that the configuration needs."""
    settings = {
        "ORTHANC_NAME": name,
        "ORTHANC_STORAGE": str(folder / "storage"),
        "ORTHANC_INDEX": str(folder / f"index-{name}"),
        "ORTHANC_USERS": json.dumps({USER: password()}),
        "LONGITUDINAL_HOME": str(ROOT),
        "POSTGRES_PORT": str(postgres.port),
        "POSTGRES_DATABASE": DATABASE,
        "POSTGRES_USER": POSTGRES_USER,
        "POSTGRES_PASSWORD": postgres.password,
        # without it every C-STORE waits for Nagle's algorithm, 40 ms an image
        "TCP_NODELAY": "1",
    }
    return os.environ | settings | {port: str(number) for port, number in ports.items()}


def start(orthanc: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start one node; return once it answers."""
    node = subprocess.Popen(
        # it ends when this process dies; Ctrl-C goes to this process only, which then stops the nodes in order
        ["setpriv", "--pdeathsig", "TERM", orthanc, str(CONFIGURATION)],
        env=environment,
        cwd=ROOT,
        start_new_session=True,
    )
    deadline = time.monotonic() + START_SECONDS
    while not _answers(environment["HTTP_PORT"]):
        if node.poll() is not None or time.monotonic() > deadline:
            stop(node)
            sys.exit(f"make cluster: node {environment['ORTHANC_NAME']} did not start; its log is above")
        time.sleep(POLL_SECONDS)
    return node


def stop(node: subprocess.Popen[bytes]) -> None:
    """Ask a node to stop; kill it if it does not."""
    if node.poll() is None:
        node.terminate()
    try:
        node.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        node.kill()
        node.wait()


def _answers(port: str) -> bool:
    with contextlib.suppress(requests.RequestException), requests.Session() as session:
        session.trust_env = False  # no proxy between this machine and itself
        return session.get(f"http://127.0.0.1:{port}/system", auth=(USER, password()), timeout=2).ok
    return False


def interrupted(number: int, frame: FrameType | None) -> None:
    """End in the same way as on Ctrl-C."""
    raise KeyboardInterrupt


def main() -> None:
    """Start both, print how to reach them, wait."""
    orthanc = shutil.which("Orthanc", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if orthanc is None:
        sys.exit("make cluster: Orthanc is not installed. Run `make setup` first")
    # SIGINT too: a shell that runs this in the background makes it ignored
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    with contextlib.suppress(KeyboardInterrupt), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cluster-")))
        try:
            postgres = stack.enter_context(Postgres(next(free_from(POSTGRES_PORT))))
        except PostgresFailed as error:
            sys.exit(f"make cluster: {error}")
        nodes = []
        for name in NODES:
            ports = {port: next(free_from(first)) for port, first in DEFAULT_PORTS.items()}
            nodes.append(start(orthanc, node_environment(folder, name, postgres, ports)))
            stack.callback(stop, nodes[-1])
            print(f"Node {name}:  http://localhost:{ports['HTTP_PORT']}  (DICOM port {ports['DICOM_PORT']})")
        print(f"User:      {USER}\nPassword:  {password()}")
        print("Stop with Ctrl-C; this also deletes the images.", flush=True)
        while all(node.poll() is None for node in nodes):
            time.sleep(1)
        sys.exit("make cluster: a node has ended unexpectedly; its log is above")


if __name__ == "__main__":
    main()
