"""The relay's public names, and what importing them loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from openai_scan import relay
from openai_scan.errors import ConfigurationError

_LIBRARIES = ("hiredis", "redis", "sqlalchemy", "sse_starlette", "starlette", "uvicorn")

_LOADED = f"""
import sys
import {{module}}
print(*[name for name in {_LIBRARIES} if name in sys.modules])
"""


@pytest.mark.parametrize(
    "module",
    ["openai_scan", "openai_scan.relay", "openai_scan.relay.core", "openai_scan.relay.memory_log"],
)
def test_no_library_is_loaded(module: str) -> None:
    """Neither the package nor a relay in a single process needs any of these libraries."""
    run = subprocess.run(
        [sys.executable, "-c", _LOADED.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == ""


@pytest.mark.parametrize("name", dir(relay))
def test_names(name: str) -> None:
    """Each public name exists, and is in `__all__`."""
    assert getattr(relay, name) is not None
    assert name in vars(relay)["__all__"]


def test_a_name_that_is_not_there() -> None:
    """It raises AttributeError, as for any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        relay.Nothing  # type: ignore[attr-defined] # noqa: B018 - it raises


def test_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which one, and how to install it."""
    monkeypatch.setitem(sys.modules, "redis", None)
    for module in [name for name in sys.modules if name.startswith("openai_scan.relay.redis_")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(ConfigurationError) as caught:
        relay.RedisLog  # noqa: B018 - it raises
    assert str(caught.value) == (
        "RedisLog needs redis, which is not installed: pip install 'openai_scan[relay]'"
    )


def test_a_module_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the missing module does not belong to the extra, the error is not hidden."""
    monkeypatch.setitem(sys.modules, "openai_scan.relay.memory_log", None)
    with pytest.raises(ModuleNotFoundError):
        relay.MemoryLog  # noqa: B018 - it raises
