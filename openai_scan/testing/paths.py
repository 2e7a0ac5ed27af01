"""The paths of the APIs."""

from __future__ import annotations

import re

# Where the APIs are on a server: at OpenAI's, and at both kinds of Azure's.
_PREFIX = re.compile(r"^(/openai/deployments/[^/]+|/openai/v1|/openai|/v1)(?=/)")

_PATH = re.compile(
    r"""/( assistants(/[^/]+)?
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
       )""",
    re.VERBOSE,
)


def api_path(path: str) -> str:
    """Return *path* as it is behind a base URL."""
    return _PREFIX.sub("", path)


def is_known(path: str) -> bool:
    """Tell whether one of the APIs has *path*, which is behind a base URL."""
    return _PATH.fullmatch(path) is not None
