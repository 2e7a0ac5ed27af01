"""Where finished messages are: what a relay asks of a database.

`SqlStore` keeps conversations and messages in tables of its own. To use yours, write a class with
the four methods of `Store`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from attrs import field, frozen

Status: TypeAlias = Literal[
    "running", "completed", "incomplete", "requires_action", "failed", "cancelled"
]
"""How far a message is.

`incomplete`: the answer is not whole, such as because it was too long for the model, or because the
process that read it died. `requires_action`: it consists of calls of functions. `cancelled`: the
user has stopped it. What came of the text is kept in each case.
"""


@frozen
class Limits:
    """What one user may do.

    Attributes:
        prompt: How many characters a prompt may have.
        running: How many answers a user may have at a time. A browser has six connections to a
            server over HTTP/1.1, so that more than four would block the buttons of the page.
        per_minute: How many answers a user may start within a minute.
        answer: How many bytes of an answer are taken; the rest is left, and the message is
            `incomplete`.
    """

    prompt: int = 20_000
    running: int = 4
    per_minute: int = 30
    answer: int = 4 * 1024 * 1024


@frozen
class NewMessage:
    """What a user has asked, to be stored with a row for the answer.

    Attributes:
        id: The id of the answer, which is that of its stream.
        conversation: The id of the conversation, which may be new.
        user: The id of the user.
        prompt: What the user has written.
    """

    id: str
    conversation: str
    user: str
    prompt: str = field(repr=False)


@frozen
class StoredMessage:
    """A message as it is stored.

    Attributes:
        id: Its id; that of an answer is the id of its stream.
        conversation: The id of its conversation.
        user: The id of the user whose conversation it is.
        role: Who wrote it.
        text: What it says; of an answer that is running, nothing yet.
        status: How far it is.
        facts: Of an answer that has ended: `finish_reason`, `usage` (`input`, `output`, `total`,
            `cached`, `reasoning`), `calls` (`id`, `name`, `arguments`), `reasoning`, `refusal`, and
            `error`, the name of an error class or a word such as `WorkerLost`. Those that are not
            known are left out.
    """

    id: str
    conversation: str
    user: str
    role: Literal["user", "assistant"]
    text: str = field(repr=False)
    status: Status
    facts: Mapping[str, Any] = field(factory=dict, repr=False)


class Store(Protocol):
    """What a relay asks of a database. All methods may be called from any thread.

    If the database cannot be reached or is locked, they raise an `UnavailableError`, and are called
    again until it can be. Anything else that they raise is a fault, which is logged. The end of an
    answer is stored again and again for a minute then; after that its row stays `running`, and what
    came of it can be read from the log for some minutes.

    Text has neither NUL nor halves of characters, since not every database can store them.
    """

    def begin(self, message: NewMessage, limits: Limits) -> bool:
        """Insert what the user wrote and, as `running`, the answer to it, in one transaction.

        The conversation is created if there is none of that id.

        Returns:
            False if there is a message of that id already: nothing was changed.

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
            Whether this call has stored it. False: it was stored before, and stays as it is; or
            there is no such message any more.
        """
        ...

    def message(self, id: str) -> StoredMessage | None:
        """Return a message, or None if there is none of that id."""
        ...

    def history(self, conversation: str, user: str) -> Sequence[StoredMessage]:
        """Return the messages of a conversation in order; none if it is not the user's.

        Each answer, running or not, comes right after its prompt, and these pairs in the order in
        which they were begun.
        """
        ...


@runtime_checkable
class Sweepable(Protocol):
    """A store that can also find answers that were left running."""

    def running(self, seconds: float) -> Sequence[StoredMessage]:
        """Return the answers that have been `running` for longer than *seconds*."""
        ...
