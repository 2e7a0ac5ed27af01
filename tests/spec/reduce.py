"""Reduce OpenAI's OpenAPI document to what the generator of the event families reads of it.

`python tests/spec/reduce.py path/to/openapi.json` writes `openapi.json` beside this file.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

_KEPT = {
    *("$ref", "type", "enum", "const", "nullable", "format", "anyOf", "oneOf", "allOf"),
    *("properties", "required", "items", "additionalProperties"),
}


def reduce(document: Any, roots: Iterable[str]) -> str:
    """Return what *document* says of the schemas *roots*, and of those they refer to, as JSON."""
    schemas = document["components"]["schemas"]
    kept: dict[str, Any] = {}
    left = list(roots)
    while left:
        name = left.pop()
        if name not in kept:
            kept[name] = _without_prose(schemas[name])
            left += _references(kept[name])
    lines = (f" {json.dumps(name)}: {json.dumps(kept[name])}" for name in sorted(kept))
    return '{"components": {"schemas": {\n' + ",\n".join(lines) + "\n}}}\n"


def _without_prose(node: Any) -> Any:
    match node:
        case dict():
            return {
                key: {name: _without_prose(inner) for name, inner in value.items()}
                if key == "properties"
                else _without_prose(value)
                for key, value in node.items()
                if key in _KEPT
            }
        case list():
            return [_without_prose(inner) for inner in node]
        case _:
            return node


def _references(node: Any) -> list[str]:
    match node:
        case {"$ref": str(path)}:
            return [path.rpartition("/")[2]]
        case dict():
            return [name for inner in node.values() for name in _references(inner)]
        case list():
            return [name for inner in node for name in _references(inner)]
        case _:
            return []


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1] / "scripts"))
    families = importlib.import_module("overrides").FAMILIES
    wanted = [root for family in families for root in family.roots]
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    (HERE / "openapi.json").write_text(reduce(json.loads(text), wanted), encoding="utf-8")
