"""A Redis or Valkey server, as the log uses it: its keys, its connections, and its errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import redis
import redis.connection
from attrs import frozen
from redis.backoff import NoBackoff
from redis.retry import Retry

from openai_scan.errors import ConfigurationError
from openai_scan.relay.entries import START, Entry, Place
from openai_scan.relay.errors import UnavailableError
from openai_scan.relay.log import Job

# They have no types.
_parse_url: Any = redis.connection.parse_url
_BlockingPool: Any = redis.BlockingConnectionPool
_Pool: Any = redis.ConnectionPool

# For how long commands wait on the server, in seconds.
LONGEST_BLOCK = 1.0

# How long to wait for a connection, and for a reply beyond the time for which a command waits, in
# seconds; a connection that was idle for longer than the last is tried first, since a proxy may
# have forgotten it.
_TIMEOUT = 5.0
_HEALTHY_SECONDS = 30.0

# Hundreds of threads may ask at once. They share these, and wait for each other.
_MAX_CONNECTIONS = 16


@frozen
class Keys:
    """The names of the keys.

    Attributes:
        prefix: What all of them begin with.
    """

    prefix: str

    @property
    def jobs(self) -> str:
        """The stream of jobs."""
        return f"{self.prefix}:jobs"

    @property
    def stops(self) -> str:
        """The stream of what is to stop, for all processes."""
        return f"{self.prefix}:stops"

    def log(self, stream: str) -> str:
        """Return the key of the entries of a stream."""
        return f"{self.prefix}:log:{stream}"

    def stop(self, stream: str) -> str:
        """Return the key that is there if a stream is to stop."""
        return f"{self.prefix}:stop:{stream}"

    def wake(self, process: str) -> str:
        """Return the key of a stream that wakes the follower of one process."""
        return f"{self.prefix}:wake:{process}"


class Server:
    """The connections to a server; nothing is connected before it is needed.

    redis-py does not retry here: what it would send once more may have been done. Those who ask do
    that, and know what is safe.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, with the options of redis-py behind a "?".
        options: More options for redis-py's connections.

    Attributes:
        address: Where the server is, without the password.
        commands: A client for commands that are answered at once.
        waiting: A client for commands that wait on the server. `interrupt()` ends their wait.

    Raises:
        ConfigurationError: The URL or an option is malformed.
    """

    # redis-py says of each reply that it may have to be awaited.
    commands: Any
    waiting: Any

    def __init__(self, url: str, **options: Any) -> None:
        try:
            settings = _settings(url, options)
        except (TypeError, ValueError):
            # Not even in part, as `from error` would: a password may be in the wrong place.
            raise ConfigurationError(
                "the URL of Redis must look like redis://[[user]:password@]host[:port][/database], "
                "rediss://… for TLS, or unix://…, with options that redis-py knows behind a '?'"
            ) from None
        self.address = _address(settings)
        timeout = settings["socket_timeout"]
        of_pool = {"max_connections": _MAX_CONNECTIONS, "timeout": _TIMEOUT}
        self.commands = redis.Redis(connection_pool=_BlockingPool(**{**of_pool, **settings}))
        settings.pop("timeout", None)
        settings["socket_timeout"] = None if timeout is None else timeout + LONGEST_BLOCK
        self.waiting = redis.Redis(connection_pool=_Pool(**settings))

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Translate what redis-py raises.

        Raises:
            UnavailableError: The server cannot be reached, or refuses a command.
        """
        try:
            yield
        except Exception as error:  # a connection that `interrupt()` cuts may raise anything
            reason = _reason(error)
            raise UnavailableError(f"Redis at {self.address}: {reason}") from error

    def interrupt(self) -> None:
        """End the commands that wait on the server, with an error."""
        self.waiting.connection_pool.disconnect()

    def close(self) -> None:
        """Close the connections. Those that are needed once more are opened again."""
        self.interrupt()
        self.commands.connection_pool.disconnect()


def _settings(url: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the connections, once one could be made of them."""
    settings: dict[str, Any] = {
        "socket_timeout": _TIMEOUT,
        "health_check_interval": _HEALTHY_SECONDS,
        **_parse_url(url),
        **options,
        # Replies have the same form in all versions of redis-py only so.
        "protocol": 2,
        "decode_responses": False,
        "retry": Retry(NoBackoff(), 0),
    }
    settings.pop("legacy_responses", None)
    if "path" not in settings:
        settings.setdefault("socket_connect_timeout", settings["socket_timeout"])
    of_pools = ("connection_class", "max_connections", "timeout")
    make = settings.get("connection_class", redis.Connection)
    make(**{name: value for name, value in settings.items() if name not in of_pools})
    return settings


def _address(settings: dict[str, Any]) -> str:
    if "path" in settings:
        return str(settings["path"])
    return f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}"


def _reason(error: Exception) -> str:
    """Return what an error says, without the command that redis-py quotes, which may have text."""
    reason = str(error).rpartition("of pipeline caused error: ")[2]
    error.args = (reason,)
    return reason or type(error).__name__


@frozen
class Position:
    """How far a stream has been read.

    Attributes:
        place: The place of the last entry.
        writer: Who has written it.
    """

    place: Place
    writer: str

    def read_on(self, reply: Any) -> tuple[list[Entry], Position]:
        """Return the entries of a reply, and the position after them.

        Raises:
            GapError: Something is missing between this position and the last of them.
        """
        entries = []
        place, writer = self.place, self.writer
        for id, fields in reply:
            ((name, data),) = fields.items()
            kind, _, next_writer = name.decode().partition("@")
            entry = Entry(*place_of(id), kind, data)
            follows = entry.place == (place[0], place[1] + 1) and next_writer == writer
            if not follows and not (entry.epoch > place[0] and entry.seq == 0):
                raise GapError
            entries.append(entry)
            place, writer = entry.place, next_writer
        return entries, Position(place, writer)


BEFORE = Position(START, "")
"""Before the first entry of a stream."""


class GapError(Exception):
    """A stream lacks entries, or has those of two processes in one epoch."""


def fields_of(job: Job, entry: Entry) -> dict[str, bytes]:
    """Return how an entry is stored: as one field, whose name is its kind and its writer.

    A stream stores a name only once, however many entries in a row have it.
    """
    return {f"{entry.kind}@{job.id.partition('/')[2]}": entry.data}


def place_of(id: bytes) -> Place:
    """Return the place of an entry by its id."""
    epoch, _, seq = id.partition(b"-")
    return int(epoch), int(seq)


def id_of(place: Place) -> str:
    """Return the id that the server gives an entry."""
    return f"{place[0]}-{place[1]}"
