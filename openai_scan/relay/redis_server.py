"""A Redis or Valkey server as the log uses it: its keys, its connections and its errors."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import redis
import redis.connection
from attrs import frozen
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from openai_scan.errors import ConfigurationError
from openai_scan.relay.errors import UnavailableError

_log = logging.getLogger("openai_scan")

# redis-py has no types for these.
_parse_url: Any = redis.connection.parse_url
_Pool: Any = redis.ConnectionPool

# How long a command may wait on the server for news, in seconds.
LONGEST_BLOCK = 1.0

# How long to wait for a connection and for a reply, in seconds.
_TIMEOUT = 5.0

# A connection that has been idle this long is checked before use, in seconds: a proxy or a firewall
# may have dropped it.
_CHECK_SECONDS = 30.0

# Hundreds of threads may need a connection at once. They take turns.
_MAX_CONNECTIONS = 16

# The first pause between two attempts to reach the server, and the longest, in seconds.
_PAUSES = (0.05, 1.0)


@frozen
class Keys:
    """The names of the keys.

    Attributes:
        prefix: The prefix of all keys.
    """

    prefix: str

    @property
    def jobs(self) -> str:
        """The stream of jobs."""
        return f"{self.prefix}:jobs"

    @property
    def stops(self) -> str:
        """The stream that tells all processes what to stop."""
        return f"{self.prefix}:stops"

    def log(self, stream: str) -> str:
        """Return the key of the entries of a stream."""
        return f"{self.prefix}:log:{stream}"

    def stop(self, stream: str) -> str:
        """Return the key that exists if a stream must stop."""
        return f"{self.prefix}:stop:{stream}"

    def wake(self, process: str) -> str:
        """Return the key of the stream that wakes the follower of a process."""
        return f"{self.prefix}:wake:{process}"


class Server:
    """The connections to a server, opened when first needed.

    redis-py does not retry here: it would repeat commands that may have been executed. The callers
    know which of them can be repeated.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, with redis-py's options after a "?". The
            scheme may also say valkey instead of redis.
        options: More options for redis-py's connections.

    Attributes:
        address: The address of the server, without the password.

    Raises:
        ConfigurationError: The URL or an option is malformed.
    """

    def __init__(self, url: str, **options: Any) -> None:
        try:
            settings = _settings(url, options)
        except (TypeError, ValueError):
            # The cause is left out because it may quote the password.
            raise ConfigurationError(
                "the URL of Redis must look like redis://[[user]:password@]host[:port][/database], "
                "rediss://… (TLS) or unix://…, with redis-py's options after a '?'"
            ) from None
        self.address = _address(settings)
        self._turns = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        self._commands = redis.Redis(connection_pool=_Pool(**settings))
        if settings["socket_timeout"] is not None:
            settings["socket_timeout"] += LONGEST_BLOCK
        self._waiting = redis.Redis(connection_pool=_Pool(**settings))

    # The clients are typed as Any: redis-py's types allow every reply to be awaitable.

    @contextlib.contextmanager
    def commands(self) -> Iterator[Any]:
        """Lend a client for commands that do not wait on the server.

        Raises:
            UnavailableError: The server cannot be reached, or has rejected a command.
        """
        with self._errors():
            if not self._turns.acquire(timeout=_TIMEOUT):
                raise TimeoutError("no connection became free in time")
            try:
                yield self._commands
            finally:
                self._turns.release()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[Any]:
        """Lend a client for a command that waits on the server.

        Raises:
            UnavailableError: The server cannot be reached, or has rejected the command.
        """
        with self._errors():
            yield self._waiting

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, OSError) as error:
            raise UnavailableError(f"Redis at {self.address}: {_reason(error)}") from error

    def close(self) -> None:
        """Close the connections that are not in use. A later command opens a new one.

        Closing a connection that another thread uses could make that thread read from another
        socket.
        """
        for client in (self._commands, self._waiting):
            client.connection_pool.disconnect(inuse_connections=False)


class Outage:
    """Logs once that the server cannot be reached, and says how long to pause before a retry.

    Args:
        consequence: What to log.
    """

    def __init__(self, consequence: str) -> None:
        self._consequence = consequence
        self._pause = 0.0

    def failed(self, error: UnavailableError) -> float:
        """Return how long to pause after a failed attempt, in seconds: doubled each time."""
        first, longest = _PAUSES
        if not self._pause:
            _log.warning("%s: %s", self._consequence, error)
        self._pause = min(2 * self._pause, longest) or first
        return self._pause

    def is_over(self) -> None:
        """Start over, because the server has answered."""
        self._pause = 0.0


def is_refused(reply: Any) -> bool:
    """Return whether a stream has rejected an entry because its last id is the same or later."""
    return isinstance(reply, ResponseError) and "equal or smaller" in str(reply)


def _settings(url: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the connections, after checking that redis-py accepts them."""
    settings: dict[str, Any] = {
        "socket_timeout": _TIMEOUT,
        "health_check_interval": _CHECK_SECONDS,
        **_parse_url(re.sub("^valkey(?=s?://)", "redis", url)),
        **options,
        # Only with RESP2 do all versions of redis-py return replies in the same form.
        "protocol": 2,
        "decode_responses": False,
        "retry": Retry(NoBackoff(), 0),
    }
    settings.pop("legacy_responses", None)
    if "path" not in settings:
        settings.setdefault("socket_connect_timeout", settings["socket_timeout"])
    for_pool = ("connection_class", "max_connections")
    connection = settings.get("connection_class", redis.Connection)
    connection(**{name: value for name, value in settings.items() if name not in for_pool})
    return settings


def _address(settings: dict[str, Any]) -> str:
    if "path" in settings:
        return str(settings["path"])
    return f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}"


def _reason(error: Exception) -> str:
    """Return the message of an error without the command, whose arguments may contain user text.

    redis-py quotes the command if it was part of a pipeline. The message itself is cut as well.
    """
    reason = str(error).rpartition("of pipeline caused error: ")[2]
    error.args = (reason,)
    return reason or type(error).__name__
