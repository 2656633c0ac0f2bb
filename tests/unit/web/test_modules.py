"""The page's modules that need no page, by Node's own test runner: the Node that Playwright brings along."""

import subprocess
from pathlib import Path

import playwright
import pytest

TESTS = sorted((Path(__file__).parent / "modules").glob("*.test.mjs"))
NODE = Path(playwright.__file__).parent / "driver" / "node"


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name.split(".")[0])
def test_module(path: Path) -> None:
    run = subprocess.run([NODE, "--test", path], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "# pass 0" not in run.stdout
    assert "ℹ pass 0" not in run.stdout
