"""Save what the generator reads of OpenAI's types as facts in `tests/spec/`.

`python scripts/reduce_schemas.py path/to/openapi.json` writes `openapi.json` there. Without a path
it writes `streams.json`, from the types of the official client, the package `openai`, as installed.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from documents import Parts, Schemas, ref_name, without_prose
from overrides import FAMILIES

SPEC = Path(__file__).parents[1] / "tests" / "spec"

# The types of the events of each stream in the client, by the name of the part they become.
CLIENT_TYPES = {
    "agents": ("beta.agent_session_event", "AgentSessionEvent"),
    "assistants": ("beta.assistant_stream_event", "AssistantStreamEvent"),
    "audio": ("audio.transcription_stream_event", "TranscriptionStreamEvent"),
    "chat": ("chat.chat_completion_chunk", "ChatCompletionChunk"),
    "completions": ("completion", "Completion"),
    "image_edit": ("image_edit_stream_event", "ImageEditStreamEvent"),
    "image_generation": ("image_gen_stream_event", "ImageGenStreamEvent"),
    "responses": ("responses.response_stream_event", "ResponseStreamEvent"),
    "responses_beta": ("beta.beta_response_stream_event", "BetaResponseStreamEvent"),
}


def openapi(document: Any, roots: Iterable[str]) -> str:
    """Return what *document* says of the schemas *roots*, and of those they refer to, as JSON.

    A root that is a part of the client's types, such as `agents`, is in no OpenAPI document.
    """
    own = [root for root in roots if root not in CLIENT_TYPES]
    kept = reduced(document["components"]["schemas"], own)
    return f'{{"components": {{"schemas": {_listed(kept)}}}}}\n'


def json_schemas(parts: Parts, made_from: str) -> str:
    """Return the JSON schemas *parts*, as one JSON document.

    Args:
        parts: The schemas by name; of each, that with the name of the part is the stream's.
        made_from: Where they are from.
    """
    texts = [f'"made_from": {json.dumps(made_from)}']
    for name in sorted(parts):
        kept = reduced(parts[name], [name])
        root = json.dumps(kept.pop(name)).removeprefix("{")
        texts.append(f'{json.dumps(name)}: {{"$defs": {_listed(kept)}, {root}')
    return "{" + ",\n".join(texts) + "}\n"


def reduced(schemas: Schemas, roots: Iterable[str]) -> dict[str, Any]:
    """Return the schemas *roots*, and those they refer to, without prose."""
    kept: dict[str, Any] = {}
    left = list(roots)
    while left:
        name = left.pop()
        if name not in kept:
            kept[name] = without_prose(schemas[name])
            left += _references(kept[name])
    return kept


def _listed(schemas: Mapping[str, Any]) -> str:
    """Return *schemas* as JSON, a line for each, so that a change shows."""
    lines = (f" {json.dumps(name)}: {json.dumps(schemas[name])}" for name in sorted(schemas))
    return "{\n" + ",\n".join(lines) + "\n}"


def _references(node: Any) -> list[str]:
    match node:
        case {"$ref": _}:
            return [ref_name(node)]
        case dict():
            return [name for inner in node.values() for name in _references(inner)]
        case list():
            return [name for inner in node for name in _references(inner)]
        case _:
            return []


def client_types() -> tuple[Parts, str]:
    """Return the JSON schemas of the official client's types, and its name and version."""
    from pydantic import TypeAdapter

    parts: Parts = {}
    for part, (module, name) in CLIENT_TYPES.items():
        kind = getattr(importlib.import_module(f"openai.types.{module}"), name)
        schema = TypeAdapter(kind).json_schema()
        parts[part] = {**schema.pop("$defs", {}), part: schema}
    return parts, f"openai {importlib.import_module('openai').__version__}"


if __name__ == "__main__":
    if sys.argv[1:]:
        document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        wanted = [root for family in FAMILIES for root in (*family.roots, *family.objects)]
        (SPEC / "openapi.json").write_text(openapi(document, wanted), encoding="utf-8")
    else:
        (SPEC / "streams.json").write_text(json_schemas(*client_types()), encoding="utf-8")
