"""The paths of the APIs."""

from __future__ import annotations

import re
from urllib.parse import unquote

from openai_scan.transport.ids import is_id

# What a base URL has before it is another one on each server: `/v1`, `/api/v3`, `/v1beta/openai`.
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
    """Return *path* as it is behind a base URL; one that no API has stays as it is."""
    known = _PATH.search(path)
    return path if known is None else known[0]


def is_known(path: str) -> bool:
    """Return whether one of the APIs has *path*, and what is in it are ids and nothing else."""
    return _PATH.fullmatch(path) is not None and all(
        is_id(unquote(segment)) for segment in path.split("/")[1:]
    )
