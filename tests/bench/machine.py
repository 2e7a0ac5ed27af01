"""Where and with what the benchmarks were run."""

from __future__ import annotations

import datetime as dt
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    *("openai-scan", "attrs", "cattrs", "requests", "urllib3", "msgspec"),
    *("openai", "httpx", "httpx-sse", "sseclient-py"),
)


def facts() -> dict[str, str]:
    """Return what has to be known to compare figures with those of another run."""
    return {
        "Date": dt.datetime.now(dt.timezone.utc).date().isoformat(),
        "Processor": f"{_processor()}, {os.cpu_count()} cores",
        "System": f"{platform.system()}, {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        **{name: found for name in _PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    """Return the processor's name, as Linux knows it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
