"""examples/types/longitudinal.d.ts is what the routes declare."""

import json
from pathlib import Path

import typescript_types

from tests.unit.http.served import Served


def test_the_types_are_those_of_the_routes(tmp_path: Path) -> None:
    served = Served(tmp_path)
    try:
        document = json.loads(served.send("GET", "/openapi.json").response.body)
    finally:
        served.close()
    made = typescript_types.typescript(document)
    assert typescript_types.TARGET.read_text() == made, (
        "run PYTHONPATH=plugin:. .venv/bin/python scripts/typescript_types.py"
    )
    for path, methods in document["paths"].items():
        for method in methods:
            assert f'"{method.upper()} {path}": {{' in made
    names = [typescript_types.schema_name(name) for name in document["components"]["schemas"]]
    assert len(set(names)) == len(names)
    for name in names:
        assert f"export interface {name} " in made or f"export type {name} " in made


def test_kinds_of_schemas() -> None:
    document = {
        "components": {
            "schemas": {
                "A": {
                    "type": "object",
                    "required": ["one", "two-three"],
                    "properties": {
                        "one": {"type": ["string", "null"]},
                        "two-three": {
                            "type": "array",
                            "items": {"anyOf": [{"type": "integer"}, {"$ref": "#/x/B"}]},
                        },
                        "four": {"const": "wait", "description": "ends */ here"},
                    },
                },
                "B": {"enum": ["x", None, 3]},
            }
        },
        "paths": {},
    }
    made = typescript_types.typescript(document)
    assert "  one: string | null;\n" in made
    assert '  "two-three": (number | B)[];\n' in made
    assert '/** ends * / here */\n  four?: "wait";' in made
    assert 'export type B = "x" | null | 3;' in made
