"""The whole answer of a Chat Completions stream, choice by choice."""

from __future__ import annotations

from attrs import field, frozen

from openai_scan.events.chat.objects import Annotation, ChoiceLogProbs, CompletionUsage
from openai_scan.events.choices import counts_of
from openai_scan.events.snapshot import call_of
from openai_scan.values import Call, Counts, Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatFunction(Value):
    """The function that is called, and its arguments.

    Attributes:
        name: The name of the function; `""` until it has arrived.
        arguments: The arguments as JSON text, as far as they have arrived.
    """

    name: str = ""
    arguments: str = ""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatCustom(Value):
    """The custom tool that is called, and its input.

    Attributes:
        name: The name of the tool; `""` until it has arrived.
        input: The input, which is any text, as far as it has arrived.
    """

    name: str = ""
    input: str = ""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatToolCall(Value):
    """A call of one of your functions or custom tools.

    Attributes:
        id: The id to send the output with. It is made up if the server has sent none, or one that
            another call has already.
        function: The function and its arguments; empty for a custom tool.
        type: The kind of call: `function` or `custom`.
        custom: The custom tool and its input; None for a function.
    """

    id: str = ""
    function: ChatFunction = ChatFunction()
    type: str = "function"
    custom: ChatCustom | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatAudio(Value):
    """The spoken answer, as far as it has arrived.

    Attributes:
        id: The id of the audio, to refer to it later; `""` until it has arrived.
        data: The audio, decoded; not shown in the `repr`.
        transcript: The audio as text.
        expires_at: When the server forgets the audio, in Unix seconds; None if missing.
    """

    id: str = ""
    data: bytes = field(default=b"", repr=False)
    transcript: str = ""
    expires_at: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatMessage(Value):
    """The message of one choice, as far as it has arrived.

    Attributes:
        role: Who wrote the message.
        content: The text; None if no piece of it has arrived.
        refusal: Why the model does not answer, in its own words; None if it answers.
        reasoning: The reasoning, from servers that send it; None if no piece of it has arrived.
        tool_calls: The calls of your functions and custom tools.
        function_call: The call in the old form, before there were tools; None if there is none.
        audio: The spoken answer; None if it is not spoken.
        annotations: The citations, from models that search the web.
    """

    role: str = "assistant"
    content: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ChatToolCall, ...] = ()
    function_call: ChatFunction | None = None
    audio: ChatAudio | None = None
    annotations: tuple[Annotation, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatChoice(Value):
    """One of the requested answers, as far as it has arrived.

    Attributes:
        index: The number of the choice, from 0.
        message: The message.
        finish_reason: Why the choice ended, in the server's word; None while it arrives.
        logprobs: How likely each token was; None unless you asked for it.
    """

    index: int = 0
    message: ChatMessage = ChatMessage()
    finish_reason: str | None = None
    logprobs: ChoiceLogProbs | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatCompletion(Value):
    """A chat completion as far as it has arrived, with its choices in the order of their numbers.

    Attributes:
        id: The id of the completion; `""` if missing.
        created: When it was created, in Unix seconds; None if missing.
        model: The name of the model; `""` if missing.
        choices: The choices.
        service_tier: The service tier that the request ran in; None if missing.
        system_fingerprint: Which configuration of the server the answer is from; None if missing.
        usage: The token counts that the server sent last; None if it sent none.
        done: Whether the server has sent `[DONE]`, which ends all choices.
        hole: Whether a part of it could not be read. None of its calls is complete then.
    """

    id: str = ""
    created: int | None = None
    model: str = ""
    choices: tuple[ChatChoice, ...] = ()
    service_tier: str | None = None
    system_fingerprint: str | None = None
    usage: CompletionUsage | None = None
    done: bool = False
    hole: bool = False

    @property
    def text(self) -> str:
        """The text of choice 0; the transcript if the answer is spoken."""
        message = self._first.message
        return message.content or ("" if message.audio is None else message.audio.transcript)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of your functions and custom tools in all choices, in order.

        When its choice has ended, a call without arguments has the arguments `{}`.
        """
        return tuple(
            self._call(call, choice) for choice in self.choices for call in _calls(choice.message)
        )

    @property
    def counts(self) -> Counts | None:
        """The token counts in the words of `Counts`, or None."""
        return counts_of(self.usage)

    @property
    def finish_reason(self) -> str | None:
        """Why choice 0 ended, in the server's word; None while it arrives."""
        return self._first.finish_reason

    @property
    def _first(self) -> ChatChoice:
        return next((choice for choice in self.choices if choice.index == 0), _NO_CHOICE)

    def _call(self, call: ChatToolCall, choice: ChatChoice) -> Call:
        made = call.custom
        return call_of(
            id=call.id,
            name=call.function.name if made is None else made.name,
            arguments=call.function.arguments if made is None else made.input,
            finished=(self.done or choice.finish_reason is not None) and not self.hole,
            choice=choice.index,
            kind=call.type,
            needs_id=bool(choice.message.tool_calls),  # the older form has none
        )


_NO_CHOICE = ChatChoice()


def _calls(message: ChatMessage) -> tuple[ChatToolCall, ...]:
    # A server that sends both forms sends the same call twice.
    if message.tool_calls or message.function_call is None:
        return message.tool_calls
    return (ChatToolCall(function=message.function_call),)
