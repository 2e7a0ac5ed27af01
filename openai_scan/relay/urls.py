"""Create a log from a URL, for command lines and settings."""

from __future__ import annotations

from openai_scan import relay
from openai_scan.errors import ConfigurationError
from openai_scan.relay.log import Log

_REDIS = frozenset({"redis", "rediss", "valkey", "valkeys", "unix"})


def open_log(url: str, *, lease: float = 15.0) -> Log:
    """Return the log for a URL, with the default settings.

    ::

        memory                          a MemoryLog, for one process
        sqlite:///relay.db              a SqlLog in a file, for the processes of one machine
        postgresql://user@host/name     a SqlLog in PostgreSQL
        redis://host:6379/0             a RedisLog; also rediss://, valkey:// and unix://

    Args:
        url: The URL.
        lease: For how many seconds a job belongs to a process that does not renew it, if the log is
            shared.

    Raises:
        ConfigurationError: There is no such kind of log, the URL is malformed, or a library is
            missing.
        UnavailableError: The database or the server cannot be reached.
    """
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return relay.MemoryLog()
    if scheme.partition("+")[0] in ("sqlite", "postgres", "postgresql"):
        return relay.SqlLog(url, lease=lease)
    if scheme in _REDIS:
        return relay.RedisLog(url, lease=lease)
    raise ConfigurationError(
        "the URL of a log must be memory, or begin with sqlite:///, postgresql:// or redis://,"
        f" not {scheme}"
    )
