"""Where finished messages are stored: what a relay needs of a database.

`SqlStore` keeps conversations and messages in its own tables. To use yours, write a class with the
four methods of `Store`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from attrs import field, frozen

Status: TypeAlias = Literal[
    "running", "completed", "incomplete", "requires_action", "failed", "cancelled"
]
"""The status of a message.

`incomplete`: the answer is not whole, for instance because it reached a token limit, or because the
process that read it died. `requires_action`: it consists of function calls. `cancelled`: the user
has stopped it. The text so far is kept in each case.
"""


@frozen
class Limits:
    """What one user may do.

    Attributes:
        prompt: The maximum number of characters in a prompt.
        running: How many answers a user may have at a time. A browser has six connections to a
            server over HTTP/1.1, so more than four would block the buttons of the page.
        per_minute: How many answers a user may start within a minute.
        answer: The maximum number of bytes in an answer. The rest is not read, and the message is
            `incomplete`.
    """

    prompt: int = 20_000
    running: int = 4
    per_minute: int = 30
    answer: int = 4 * 1024 * 1024


@frozen
class NewMessage:
    """A prompt to store, with a row for the answer.

    Attributes:
        id: The id of the answer and of its stream.
        conversation: The id of the conversation, which may be new.
        user: The id of the user.
        prompt: The user's prompt.
    """

    id: str
    conversation: str
    user: str
    prompt: str = field(repr=False)


@frozen
class StoredMessage:
    """A stored message.

    Attributes:
        id: Its id; that of an answer is the id of its stream.
        conversation: The id of its conversation.
        user: The id of the user to whom the conversation belongs.
        role: Who wrote it.
        text: Its text; empty while the answer is running.
        status: Its status.
        facts: For a finished answer: `finish_reason`, `usage` (`input`, `output`, `total`,
            `cached`, `reasoning`), `calls` (`id`, `name`, `arguments`), `reasoning`, `refusal`, and
            `error`, the name of an error class or a word such as `WorkerLost`. Unknown ones are
            left out.
    """

    id: str
    conversation: str
    user: str
    role: Literal["user", "assistant"]
    text: str = field(repr=False)
    status: Status
    facts: Mapping[str, Any] = field(factory=dict, repr=False)


class Store(Protocol):
    """What a relay needs of a database. All methods may be called from any thread.

    If the database cannot be reached or is locked, they raise an `UnavailableError`, and are called
    again until it can be reached. Any other exception is a bug, which is logged. Storing the end of
    an answer is then retried for a minute; after that its row stays `running`, and the answer so
    far can be read from the log for some minutes.

    Text contains neither NUL nor lone surrogates, because not every database can store them.
    """

    def begin(self, message: NewMessage, limits: Limits) -> bool:
        """Insert the prompt and, as `running`, the answer to it, in one transaction.

        The conversation is created if it does not exist.

        Returns:
            False if a message with that id exists: nothing was changed.

        Raises:
            UnknownStreamError: The conversation belongs to another user.
            LimitError: The user has too many answers running, or has asked too often.
        """
        ...

    def finish(
        self, id: str, epoch: int, status: Status, text: str, facts: Mapping[str, Any]
    ) -> bool:
        """Store the end of an answer, once.

        ::

            UPDATE messages SET ... WHERE id = :id AND status = 'running' AND epoch <= :epoch

        Returns:
            Whether this call has stored it. If False, it was stored before and stays as it is, or
                the message no longer exists.
        """
        ...

    def message(self, id: str) -> StoredMessage | None:
        """Return a message, or None if there is none with that id."""
        ...

    def history(self, conversation: str, user: str) -> Sequence[StoredMessage]:
        """Return the messages of a conversation in order; an empty list if it is not the user's.

        Each answer, running or not, comes right after its prompt; the pairs are in the order in
        which they were started.
        """
        ...


@runtime_checkable
class Sweepable(Protocol):
    """A store that can also find answers that are still running."""

    def running(self, seconds: float) -> Sequence[StoredMessage]:
        """Return the answers that have been `running` for longer than *seconds*."""
        ...
