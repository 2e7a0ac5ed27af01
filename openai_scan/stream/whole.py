"""The methods of a blocking stream that first read it to its end."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeVar

from openai_scan.sse import Source
from openai_scan.stream.kinds import AnswerT, EventT
from openai_scan.stream.view import StreamView

T = TypeVar("T")


class Whole(StreamView[Source, EventT, AnswerT]):
    """The whole answer; `aio.whole` has the same for asynchronous streams."""

    @abstractmethod
    def next(self) -> bool:
        """Step to the next event."""

    def final(self) -> AnswerT:
        """Return the whole answer. If the stream has not ended, it is read to its end first.

        An answer that is `incomplete` or that waits for tool outputs is returned as it is.

        Raises:
            ScanError: The answer is not whole because the stream was truncated, failed, timed
                out or was cancelled. The exception's `snapshot` is the answer so far.
        """
        self._read_to_end()
        return self._final()

    def final_as(self, cls: type[T]) -> T:
        """Return the whole answer as an instance of *cls*; see `final()`.

        The text of the answer must be the JSON that `json_schema_format(cls)` asks for. If a
        response has a message of the phase `final_answer`, that message is the answer; otherwise
        messages of the phase `commentary` are left out.

        Raises:
            DecodeError: The text is not JSON, for instance after a refusal or because it was cut
                short, or it does not match the class. The exception's `snapshot` is the answer.
            ScanError: See `final()`.
        """
        self._read_to_end()
        return self._final_as(cls)

    def messages(self, choice: int = 0) -> list[dict[str, Any]]:
        """Return the conversation so far. Like `final()`, it needs the whole answer.

        The result is what the next chat completion needs as its `messages`: those of the request,
        tool rounds included, and the model's answer as the server sent it, including keys that
        the typed classes do not have. For a stream that no client made, it is only the answer.
        The list holds plain JSON values, and you may change them::

            messages = [*s.messages(), {"role": "user", "content": "And tomorrow?"}]

        If `final().calls` is not empty, add an output for each of them.

        Args:
            choice: The number of the choice to continue with.

        Raises:
            TypeError: The stream is not a Chat Completions stream.
            ValueError: The answer has no such choice.
            ScanError: See `final()`.
        """
        self._read_to_end()
        return self._messages(choice)

    def input_items(self) -> list[dict[str, Any]]:
        """Return the conversation so far. Like `final()`, it needs the whole answer.

        The result is what the next response needs as its `input` if the server does not store
        responses: the input of the request, tool rounds included, and the output items as the
        server sent them. If the server has stored the response, you can instead send only what is
        new, with `previous_response_id`. Otherwise it works like `messages()`.

        Raises:
            TypeError: The stream is not a Responses stream.
            ScanError: See `final()`.
        """
        self._read_to_end()
        return self._input_items()

    def _read_to_end(self) -> None:
        # While a successor decides, `outcome` is that of the stream that has just ended.
        while self.outcome is None and self.next():
            pass
