"""The methods of a stream that first read it to its end, where reading blocks."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeVar

from openai_scan.sse import Source
from openai_scan.stream.kinds import AnswerT, EventT
from openai_scan.stream.view import StreamView

T = TypeVar("T")


class Whole(StreamView[Source, EventT, AnswerT]):
    """The whole answer; `aio.whole` has the same for streams that are awaited."""

    @abstractmethod
    def next(self) -> bool:
        """Step to the next event."""

    def final(self) -> AnswerT:
        """Return the whole answer. A stream that has not ended is read to its end first.

        An answer that is `incomplete`, or that waits for tool outputs, is returned as it is.

        Raises:
            ScanError: The answer is not whole, because the stream was truncated, failed, timed
                out or was cancelled. What came is the exception's `snapshot`.
        """
        self._read_to_end()
        return self._final()

    def final_as(self, cls: type[T]) -> T:
        """Return the whole answer, which is got like that of `final()`, as an instance of *cls*.

        The text of the answer has to be the JSON that `json_schema_format(cls)` asks for. If a
        response has a message of the phase `final_answer`, that is the answer; if not, messages of
        the phase `commentary` are left out.

        Raises:
            DecodeError: The text is not JSON, as after a refusal or when it was cut short, or it
                does not fit the class. The answer is the exception's `snapshot`.
            ScanError: See `final()`.
        """
        self._read_to_end()
        return self._final_as(cls)

    def messages(self, choice: int = 0) -> list[dict[str, Any]]:
        """Return the conversation so far; as `final()`, it needs the whole answer.

        It is what the next chat completion needs as its `messages`: those of the request, tool
        rounds included, and the model's answer as the server sent it, with keys that the typed
        classes do not have. If the stream was not made by a client, only the answer is in it. The
        list and all in it are plain JSON values, and yours::

            messages = [*s.messages(), {"role": "user", "content": "And tomorrow?"}]

        If `final().calls` is not empty, add an output for each of them.

        Args:
            choice: The number of the choice to go on with.

        Raises:
            TypeError: The stream is not one of Chat Completions.
            ValueError: The answer has no such choice.
            ScanError: See `final()`.
        """
        self._read_to_end()
        return self._messages(choice)

    def input_items(self) -> list[dict[str, Any]]:
        """Return the conversation so far; as `final()`, it needs the whole answer.

        It is what the next response needs as its `input` if the server has stored nothing: the
        input of the request, tool rounds included, and the output items as the server sent them.
        If the server has stored the response, you can instead send only what is new, with
        `previous_response_id`. In all else it is like `messages()`.

        Raises:
            TypeError: The stream is not one of Responses.
            ScanError: See `final()`.
        """
        self._read_to_end()
        return self._input_items()

    def _read_to_end(self) -> None:
        # While a successor is asked, the stream that has just ended has its outcome.
        while self.outcome is None and self.next():
            pass
