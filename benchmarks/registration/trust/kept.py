"""What takes long is kept in a folder of /tmp: a run that was cut short goes on where it stopped, and other limits are
judged in seconds.

The key holds a digest of the code that makes it, down to everything of the project that this code imports, and of the
versions of the packages: what another version of the code found is never counted.
"""

import ast
import hashlib
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(tempfile.gettempdir()) / f"longitudinal-trust-{os.getuid()}"
PACKAGES = ("SimpleITK", "picsl-greedy", "numpy", "pydicom")
_OURS = "longitudinal."


def kept_in(key: str, name: str, make: Callable[[], Any]) -> Any:
    """What is kept under a key, made and kept where it is not. `name` is what a person is told of it."""
    path = FOLDER / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.pickle"
    if not path.exists():
        began = time.process_time()
        made = make()
        seconds = time.process_time() - began
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_bytes(pickle.dumps({"name": name, "found": made, "seconds": seconds}))
        partial.rename(path)
        print(f"{name}: {seconds:.1f} CPU s", file=sys.stderr, flush=True)
    return pickle.loads(path.read_bytes())["found"]


def text_of(*modules: ModuleType) -> str:
    """A digest of modules alone, whatever they import."""
    digest = hashlib.sha256()
    for module in modules:
        digest.update(_read(module.__name__)[0])
    return digest.hexdigest()


@lru_cache
def code_of(*modules: ModuleType) -> str:
    """A digest of modules, of all modules of the plugin that they import, and of the packages' versions."""
    texts: dict[str, bytes] = {}
    for module in modules:
        _gather(module.__name__, texts)
    digest = hashlib.sha256("/".join(map(version, PACKAGES)).encode())
    for name in sorted(texts):
        digest.update(name.encode() + texts[name])
    return digest.hexdigest()


def _gather(name: str, texts: dict[str, bytes]) -> None:
    """The text of a module and of what it imports of the plugin, by name."""
    if name not in texts:
        texts[name], imported = _read(name)
        for other in imported:
            _gather(other, texts)


@cache
def _read(name: str) -> tuple[bytes, Sequence[str]]:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).read_bytes()
    return text, sorted(set(_imports(ast.parse(text))))


def _imports(tree: ast.Module) -> Iterator[str]:
    """Modules of the plugin that a text imports."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module)) if module.startswith(_OURS):
                # what is imported of a package may be a module
                yield from (full for alias in node.names if _is_module(full := f"{module}.{alias.name}"))
                yield module
            case ast.Import():
                yield from (alias.name for alias in node.names if alias.name.startswith(_OURS))
            case _:
                pass


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is no package
        return False
