"""A relay: it sends an answer to many browsers as it arrives, and saves the message once.

::

    browser ──POST──▶ start() ──▶ row `running`, job ──▶ a process takes it, reads the answer,
       ▲                                                 appends entries to the log,
       └──── frames ◀── follow() ◀── tail of the log ◀── and saves the row at the end

The process that takes the job reads the stream. A process that serves a browser only follows the
log. So a browser may leave and come back, several may watch, and a server may die: there is still
one message, with the text that was shown. `docs/explanation/relay.md` explains how.

This file only has the table of public names; `__init__.pyi` has the same for type checkers. What
needs SQLAlchemy, redis or Starlette is loaded when it is first used; the extra `relay` installs
them.
"""

from __future__ import annotations

import importlib
from typing import Any

from openai_scan.errors import ConfigurationError

_MODULES = {
    "ChatUpstream": "upstream",
    "FencedError": "errors",
    "Job": "log",
    "LimitError": "errors",
    "Limits": "store",
    "Log": "log",
    "LogLostError": "errors",
    "MemoryLog": "memory_log",
    "StoredMessage": "store",
    "NewMessage": "store",
    "Question": "upstream",
    "Reading": "reading",
    "RedisLog": "redis_log",
    "Relay": "core",
    "RelayError": "errors",
    "ResponsesUpstream": "upstream",
    "SqlLog": "sql_log",
    "SqlStore": "sql_store",
    "Started": "core",
    "Store": "store",
    "UnavailableError": "errors",
    "UnknownStreamError": "errors",
    "Upstream": "upstream",
    "asgi": "asgi_app",
    "close_on_signals": "serving",
    "open_log": "urls",
    "wsgi": "wsgi_app",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = f"{__name__}.{_MODULES[name]}"
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in ("redis", "sqlalchemy", "starlette"):
            raise
        raise ConfigurationError(
            f"{name} needs {package}, which is not installed: pip install 'openai_scan[relay]'"
        ) from missing


def __dir__() -> list[str]:
    return sorted(_MODULES)
