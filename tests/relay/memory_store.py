"""A store in memory: what `Store` asks for, in as few lines as it takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from openai_scan.relay import (
    LimitError,
    Limits,
    NewMessage,
    StoredMessage,
    UnavailableError,
    UnknownStreamError,
)
from openai_scan.relay.store import Status


class MemoryStore:
    """Messages in a dict.

    Attributes:
        is_down: Whether every method raises an `UnavailableError`.
        finished: The ids of the answers that were stored, once for each time.
    """

    def __init__(self) -> None:
        self.is_down = False
        self.finished: list[str] = []
        self._messages: dict[str, StoredMessage] = {}
        self._created: dict[str, float] = {}
        self._epochs: dict[str, int] = {}
        self._lock = threading.Lock()

    def begin(self, message: NewMessage, limits: Limits) -> bool:
        """Insert the prompt and the answer."""
        with self._locked():
            if message.id in self._messages:
                return False
            mine = [each for each in self._messages.values() if each.user == message.user]
            others = {each.conversation for each in self._messages.values()} - {
                each.conversation for each in mine
            }
            if message.conversation in others:
                raise UnknownStreamError("another user's conversation")
            if sum(each.status == "running" for each in mine) >= limits.running:
                raise LimitError("too many answers at a time")
            shared = (message.conversation, message.user)
            self._put(
                StoredMessage("u-" + message.id, *shared, "user", message.prompt, "completed")
            )
            self._put(StoredMessage(message.id, *shared, "assistant", "", "running"))
            return True

    def finish(
        self, id: str, epoch: int, status: Status, text: str, facts: Mapping[str, Any]
    ) -> bool:
        """Store the end of an answer."""
        with self._locked():
            message = self._messages.get(id)
            if message is None or message.status != "running" or epoch < self._epochs.get(id, 0):
                return False
            self._epochs[id] = epoch
            self._messages[id] = attrs.evolve(message, status=status, text=text, facts=facts)
            self.finished.append(id)
            return True

    def message(self, id: str) -> StoredMessage | None:
        """Return a message."""
        with self._locked():
            return self._messages.get(id)

    def history(self, conversation: str, user: str) -> Sequence[StoredMessage]:
        """Return a conversation."""
        with self._locked():
            return [
                message
                for message in self._messages.values()
                if (message.conversation, message.user) == (conversation, user)
            ]

    def running(self, seconds: float) -> Sequence[StoredMessage]:
        """Return the answers that have been running for so long."""
        with self._locked():
            return [
                message
                for message in self._messages.values()
                if message.status == "running"
                and time.monotonic() - self._created[message.id] >= seconds
            ]

    def delete(self, id: str) -> None:
        """Delete a message, as the user of an application may do at any time."""
        with self._lock:
            del self._messages[id]

    def _put(self, message: StoredMessage) -> None:
        self._messages[message.id] = message
        self._created[message.id] = time.monotonic()

    def _locked(self) -> threading.Lock:
        if self.is_down:
            raise UnavailableError("the store is down")
        return self._lock
