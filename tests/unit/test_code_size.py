"""benchmarks/code_size.py counts what it says it counts."""

import ast

from benchmarks.code_size import cycle, functions, handlers, imports, lines_of, measure

SOURCE = '''
def routes():
    @cached
    def show(request):
        """One line."""
        return 1

    return [Route("GET", "/a", show, "Shows"), Route("PUT", "/a", handler=self.put)]


class Other:
    def put(self): ...
'''


def test_functions_are_counted_with_decorators_and_by_their_full_name() -> None:
    sizes = {name: lines_of(node) for name, node in functions(ast.parse(SOURCE))}
    assert sizes == {"routes": 7, "routes.show": 4, "Other.put": 1}


def test_handlers_are_what_routes_name() -> None:
    assert handlers(ast.parse(SOURCE)) == {"show", "put"}


def test_the_working_tree_is_measured() -> None:
    sizes = measure(None)
    assert "geometry/affine.py" in {size.name for size in sizes["modules"]}
    assert "http/routes/points.py" in {size.name.partition(" ")[0] for size in sizes["handlers"]}
    assert all(found == sorted(found, reverse=True) for found in sizes.values())


def test_a_cycle_of_imports_is_found() -> None:
    assert imports(ast.parse("from a import b")) == {"a", "a.b"}
    assert set(cycle({"a": {"b", "os"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}
    assert cycle({"a": {"b"}, "b": set()}) == []
