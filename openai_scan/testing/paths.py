"""The paths of the APIs."""

from __future__ import annotations

import re
from urllib.parse import unquote

from openai_scan.transport.ids import is_id

# The part of a base URL that differs between servers: `/v1`, `/api/v3`, `/v1beta/openai`.
_PATH = re.compile(
    r"""/( agents/sessions(/[^/]+(/(events|items))?)?
         | agents/sessions/[^/]+/turns(/[^/]+(/items)?)?
         | agents/sessions/[^/]+/subagents(/[^/]+(/(items|turns))?)?
         | assistants(/[^/]+)?
         | audio/(speech|transcriptions)
         | chat/completions
         | completions
         | images/(edits|generations)
         | models(/[^/]+)?
         | responses(/[^/]+(/cancel)?)?
         | threads(/(?!runs$)[^/]+)?
         | threads/[^/]+/messages(/[^/]+)?
         | threads/runs
         | threads/[^/]+/runs(/[^/]+(/cancel|/submit_tool_outputs|/steps(/[^/]+)?)?)?
       )$""",
    re.VERBOSE,
)


def api_path(path: str) -> str:
    """Return the part of *path* after the base URL; *path* itself if no API has it."""
    known = _PATH.search(path)
    return path if known is None else known[0]


def is_known(path: str) -> bool:
    """Return whether an API has *path*, with valid ids in it."""
    return _PATH.fullmatch(path) is not None and all(
        is_id(unquote(segment)) for segment in path.split("/")[1:]
    )
