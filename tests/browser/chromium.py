"""The browser that tests drive: Debian's Chromium, which they start, or one that runs already.

    python -m tests.browser.chromium COMMAND...

runs a command beside a Chromium of this machine, with its address in LONGITUDINAL_CHROMIUM: tests in a root of another
release (scripts/compat.sh) have no browser there, and share this machine's loopback.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.orthanc.server import wait_until

ADDRESS = "LONGITUDINAL_CHROMIUM"
START_SECONDS = 60.0
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # names for plain HTTP, which a browser trusts less than this machine's address
    "--host-resolver-rules=MAP *.test 127.0.0.1",
    # WebGL without a graphics card
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


@contextmanager
def driven() -> Iterator[Browser]:
    """A browser to drive; one that runs already is left running."""
    with sync_playwright() as playwright:
        if address := os.environ.get(ADDRESS):
            browser = playwright.chromium.connect_over_cdp(address)
        else:
            browser = playwright.chromium.launch(executable_path=_path(), headless=True, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def served() -> Iterator[str]:
    """A Chromium that other processes of this machine can drive; its address."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        options = ["--headless", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", _path(), *FLAGS, *options, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        told = Path(profile) / "DevToolsActivePort"  # where it says what it listens on
        try:
            wait_until(
                lambda: process.poll() is not None or len(_words(told)) == 2,
                START_SECONDS,
                "Chromium has started",
            )
            assert process.poll() is None, f"chromium ended with {process.returncode}"
            port, path = _words(told)
            yield f"ws://127.0.0.1:{port}{path}"
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _path() -> str:
    path = shutil.which("chromium")
    assert path, "there is no chromium here: run `scripts/setup.sh test`"
    return path


def _words(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


def main() -> int:
    """Run the command; its exit status."""
    with served() as address:
        return subprocess.run(sys.argv[1:], env=os.environ | {ADDRESS: address}).returncode


if __name__ == "__main__":
    sys.exit(main())
