"""TypeScript types of the HTTP API, made from its OpenAPI document.

    PYTHONPATH=plugin:. .venv/bin/python scripts/typescript_types.py

writes examples/types/longitudinal.d.ts; a test fails when that is not what the routes declare.
"""

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[1] / "examples" / "types" / "longitudinal.d.ts"
_HEAD = """// Types of the HTTP API of orthanc-longitudinal, made from openapi.json by scripts/typescript_types.py.
// Not for primary diagnosis.
"""
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
Json = Mapping[str, Any]


def typescript(document: Json) -> str:
    """The types of all schemas, and for each operation those of query, body and answer."""
    schemas = document["components"]["schemas"]
    lines = [_HEAD]
    for name in sorted(schemas):
        lines.append(
            f"{_comment(schemas[name].get('description', ''), '')}export {_declared(name, schemas[name])}\n"
        )
    lines.append(_operations(document["paths"]))
    return "\n".join(lines)


def _declared(name: str, schema: Json) -> str:
    name = schema_name(name)
    if schema.get("type") == "object" and "properties" in schema:
        return f"interface {name} {_object(schema, '')}"
    return f"type {name} = {_type(schema, '')};"


def schema_name(name: str) -> str:
    """The name of a schema; OpenAPI has the module before one that two modules have."""
    _, *parts = name.split(".") if "." in name else ("", name)
    return "".join(part[0].upper() + part[1:] for part in dict.fromkeys((parts[0], parts[-1])))


def _operations(paths: Json) -> str:
    lines = ["/** Every operation, by method and path. */", "export interface Operations {"]
    for path, methods in sorted(paths.items()):
        for method, operation in sorted(methods.items()):
            lines += [
                f"  {json.dumps(f'{method.upper()} {path}')}: {{",
                f"    query: {_query(operation)};",
                f"    body: {_body(operation)};",
                f"    answer: {_answer(operation)};",
                "  };",
            ]
    return "\n".join([*lines, "}", ""])


def _query(operation: Json) -> str:
    found = [
        f"{_key(one['name'])}{'' if one.get('required') else '?'}: {_type(one['schema'], '    ')}"
        for one in operation.get("parameters", [])
        if one["in"] == "query"
    ]
    return f"{{ {'; '.join(found)} }}" if found else "undefined"


def _body(operation: Json) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        return _type(content["application/json"]["schema"], "    ")
    return "BodyInit" if content else "undefined"


def _answer(operation: Json) -> str:
    good = next((one for code, one in operation["responses"].items() if code.startswith("2")), {})
    content = good.get("content", {})
    return (
        _type(content["application/json"].get("schema", {}), "    ")
        if "application/json" in content
        else "Blob"
    )


def _type(schema: Json | bool, indent: str) -> str:
    if not isinstance(schema, Mapping) or not schema:
        return "unknown"
    if "$ref" in schema:
        return schema_name(str(schema["$ref"]).rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for word, joint in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
        if word in schema:
            return joint.join(dict.fromkeys(_grouped(_type(each, indent)) for each in schema[word]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": each}, indent) for each in kind)
    if kind == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(_type(each, indent) for each in schema['prefixItems'])}]"
        return f"{_grouped(_type(schema.get('items', {}), indent))}[]"
    if kind == "object":
        if "properties" in schema:
            return _object(schema, indent)
        return f"{{ [name: string]: {_type(schema.get('additionalProperties', {}), indent)} }}"
    return _PLAIN.get(str(kind), "unknown")


def _object(schema: Json, indent: str) -> str:
    required, lines = set(schema.get("required", [])), []
    for name, value in schema["properties"].items():
        described = value.get("description", "") if isinstance(value, Mapping) else ""
        mark = "" if name in required else "?"
        lines.append(
            f"{_comment(described, indent + '  ')}{indent}  {_key(name)}{mark}: {_type(value, indent + '  ')};"
        )
    return "\n".join(["{", *lines, f"{indent}}}"])


def _grouped(text: str) -> str:
    return f"({text})" if " | " in text or " & " in text else text


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else json.dumps(name)


def _comment(text: str, indent: str) -> str:
    plain = " ".join(text.split()).replace("*/", "* /")
    return f"{indent}/** {plain} */\n" if plain else ""


def main() -> None:
    """Write the file."""
    from tests.unit.http.served import Served

    with tempfile.TemporaryDirectory() as folder:
        served = Served(Path(folder))
        document = json.loads(served.send("GET", "/openapi.json").response.body)
        served.close()
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(typescript(document), encoding="utf-8")


if __name__ == "__main__":
    main()
