"""The largest modules, functions and route handlers of a revision, and a cycle of imports if it has one, read with `ast`:

    .venv/bin/python -m benchmarks.code_size [REV] [--most 5]

Without a revision it reads the working tree. Lines are counted as they are in the file, docstrings, comments and decorators
included. A handler is a function that a `Route(...)` names in its own module.
"""

import argparse
import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "plugin/longitudinal"
# The third argument of a route.
_HANDLER = 2


@dataclass(frozen=True, order=True)
class Size:
    lines: int
    name: str


def sources(revision: str | None) -> Iterator[tuple[str, str]]:
    """Path and text of each module of the plugin."""
    if revision is None:
        for path in sorted((ROOT / PACKAGE).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        return
    for path in git("ls-tree", "-r", "--name-only", revision, "--", PACKAGE).splitlines():
        if path.endswith(".py"):
            yield path, git("show", f"{revision}:{path}")


def git(*arguments: str) -> str:
    ended = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return ended.stdout


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function with its qualified name, nested ones too: they count for themselves and for what holds them.

    >>> [name for name, _ in functions(ast.parse("class A:\\n def b(self):\\n  def c(): pass"))]
    ['A.b', 'A.b.c']
    """

    def walk(node: ast.AST, above: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{above}{child.name}"
                if not isinstance(child, ast.ClassDef):
                    yield name, child
                yield from walk(child, f"{name}.")
            else:
                yield from walk(child, above)

    yield from walk(tree, "")


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return (node.end_lineno or first) - first + 1


def handlers(tree: ast.Module) -> set[str]:
    """The names that the module's `Route(...)` calls give as handlers.

    >>> sorted(handlers(ast.parse('Route("GET", "/a", self.get), Route("PUT", "/a", handler=put)')))
    ['get', 'put']
    """
    found = set()
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Route"):
            continue
        given = [keyword.value for keyword in call.keywords if keyword.arg == "handler"]
        for node in [*call.args[_HANDLER : _HANDLER + 1], *given]:
            found |= {getattr(node, "attr", ""), getattr(node, "id", "")} - {""}
    return found


def measure(revision: str | None) -> dict[str, list[Size]]:
    """The sizes of all modules, functions and handlers, largest first."""
    sizes: dict[str, list[Size]] = {"modules": [], "functions": [], "handlers": []}
    for path, text in sources(revision):
        tree = ast.parse(text)
        short = path.removeprefix(f"{PACKAGE}/")
        sizes["modules"].append(Size(len(text.splitlines()), short))
        routed = handlers(tree)
        for name, node in functions(tree):
            size = Size(lines_of(node), f"{short} {name}")
            sizes["functions"].append(size)
            if node.name in routed:
                sizes["handlers"].append(size)
    return {kind: sorted(found, reverse=True) for kind, found in sizes.items()}


def imports(tree: ast.Module) -> set[str]:
    """The names that a module imports anywhere in it, dotted; of `from a import b` both `a` and `a.b`.

    >>> sorted(imports(ast.parse("import os.path\\nfrom a.b import c")))
    ['a.b', 'a.b.c', 'os.path']
    """
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def cycle(modules: dict[str, set[str]]) -> list[str]:
    """A cycle among modules and what they import, empty if there is none. A package is not its modules.

    >>> cycle({"a": {"b"}, "b": {"c", "os"}, "c": set()})
    []
    >>> sorted(set(cycle({"a": {"b"}, "b": {"a"}})))
    ['a', 'b']
    """
    try:
        TopologicalSorter({name: found & modules.keys() for name, found in modules.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def module_name(path: str) -> str:
    return path.removeprefix("plugin/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("revision", nargs="?")
    parser.add_argument("--most", type=int, default=5, help="how many of each to list")
    arguments = parser.parse_args()
    sizes = measure(arguments.revision)
    total = sum(size.lines for size in sizes["modules"])
    found_cycle = cycle(
        {module_name(path): imports(ast.parse(text)) for path, text in sources(arguments.revision)}
    )
    counts = ", ".join(f"{len(found)} {kind}" for kind, found in sizes.items())
    print(f"{arguments.revision or 'working tree'}: {counts}, {total} lines")
    print(f"A cycle of imports: {' -> '.join(found_cycle) or 'none'}\n")
    print("| | lines | |\n|---|---|---|")
    for kind, found in sizes.items():
        for size in found[: arguments.most]:
            print(f"| {kind.removesuffix('s')} | {size.lines} | `{size.name}` |")


if __name__ == "__main__":
    main()
