"""pydicom is imported by one thread, whoever needs it first."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import builders as build

PLUGIN = Path(__file__).parents[3] / "plugin"
LIBRARY = "pydicom"

# Each thread begins with another part of it, as the first requests and stores after a start do.
_AT_ONCE = """
import sys
from threading import Barrier, Thread
sys.setswitchinterval(1e-5)
from longitudinal.dicom import file_tags, keywords, named_study, object_uids, raw_values
from longitudinal.ingest import record
from longitudinal.patients import related_objects
from longitudinal.registration_objects import statements
sites = [
    lambda: statements._sop_instance_uid(open(sys.argv[1], "rb").read()),
    lambda: keywords.keyword_of("0028,0030"),
    lambda: file_tags.read_file_tags(open(sys.argv[1], "rb")),
    lambda: object_uids.object_uid(None),
    lambda: record._unknown_class("1.2.3"),
    lambda: named_study.read_named_study(open(sys.argv[1], "rb").read()),
    lambda: raw_values.vr_of(0x00280010, None),
]
ready, faults = Barrier(len(sites)), []
def run(site):
    ready.wait()
    try:
        site()
    except BaseException as error:
        faults.append(repr(error))
threads = [Thread(target=run, args=(site,)) for site in sites]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*faults, sep="\\n")
"""


def targets(node: ast.AST) -> list[str]:
    """What an import names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def modules() -> dict[str, ast.Module]:
    found = {}
    for path in (PLUGIN / "longitudinal").rglob("*.py"):
        name = ".".join(path.relative_to(PLUGIN).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text())
    return found


def made_of_it(trees: dict[str, ast.Module]) -> set[str]:
    """Modules that import pydicom when they are imported, directly or not."""
    imports = {name: {one for node in tree.body for one in targets(node)} for name, tree in trees.items()}
    made = {LIBRARY}
    while more := {
        name
        for name, named in imports.items()
        if name not in made and any(one in made or one.startswith(f"{LIBRARY}.") for one in named)
    }:
        made |= more
    return made


def unguarded(function: ast.AST, made: set[str]) -> Iterator[int]:
    """Lines with an import of it before which `load_pydicom` is not called in the same function."""
    calls = [
        node.lineno
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load_pydicom"
    ]
    for node in ast.walk(function):
        if any(one in made or one.startswith(f"{LIBRARY}.") for one in targets(node)):
            line = getattr(node, "lineno", 0)
            if not any(call < line for call in calls):
                yield line


def test_every_late_import_waits_for_the_whole() -> None:
    trees = modules()
    made = made_of_it(trees)
    assert "longitudinal.dicom.dataset_tags" in made
    found = [
        f"{name}:{line}"
        for name, tree in trees.items()
        if name != "longitudinal.dicom.whole_library"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for line in unguarded(function, made)
    ]
    assert not found


def test_threads_that_need_it_at_once_all_get_it(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    path.write_bytes(build.as_file(build.classic((0, 0, 1))))
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", _AT_ONCE, str(path)],
            env={"PYTHONPATH": str(PLUGIN)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
