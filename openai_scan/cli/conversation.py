"""Ask and answer in turn."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import attrs
import click
from attrs import define, field

from openai_scan.cli import options
from openai_scan.cli.asking import Given, Plan, open_log, planned, with_given
from openai_scan.cli.printing import Output
from openai_scan.cli.status import Status
from openai_scan.cli.writer import complain, read_line, say, tell
from openai_scan.client import Client
from openai_scan.errors import ScanError
from openai_scan.streamer import StreamerV2

if TYPE_CHECKING:
    from openai_scan.cli.attachments import Attachment
    from openai_scan.cli.functions import Function
    from openai_scan.cli.log import Log
    from openai_scan.schema import API

_LEAVE = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"

# How many characters of its first question show which conversation is continued.
_SHOWN = 60

Messages: TypeAlias = "list[dict[str, Any]]"
"""What has been said: messages of Chat Completions, or input items of Responses."""


class Ask(Protocol):
    """How an API is asked."""

    def __call__(
        self,
        client: Client,
        said: Messages,
        *,
        model: str,
        system: str | None,
        parameters: Mapping[str, Any],
    ) -> StreamerV2:
        """Return the stream that answers the last message."""


def conversing(
    ask: Ask, name: str, *, api: API, prompt_in: str, about: str, example: str
) -> click.Command:
    """Make a command that asks once, or in a conversation.

    Args:
        ask: How to ask.
        name: See `options.command()`, as for *about* and *example*.
        api: The API that is asked.
        prompt_in: The parameter of the API that the prompt is sent in; `-p` must not replace it.
        about: What the command does.
        example: How to call it.
    """

    @options.command(name, about=about, example=example)
    @options.question
    @with_given
    @options.with_client
    @options.with_output
    def command(*, client: Client, output: Output, prompt: Sequence[str], given: Given) -> int:
        options.refuse_prompt(given.parameters, prompt_in)
        plan = planned(given, api, name)
        _check_input(given, prompt)
        if plan.needs_question:
            question = options.asked(prompt)
        elif prompt:
            raise click.UsageError("The template has no $input, so it takes no question.")
        else:
            question = ""
        attachments: Sequence[Attachment] = ()
        if given.attachments:
            from openai_scan.cli.attachments import attached

            attachments = attached(given.attachments, api)
        if plan.schema is not None:
            output = attrs.evolve(output, plain=True)
        functions = plan.functions
        if functions:
            from openai_scan.cli.functions import shown

            functions = shown(functions, output, approve=given.approve)
        with contextlib.ExitStack() as stack:
            if (log := open_log(given)) is not None:
                stack.enter_context(log)
            talk = Talk(
                plan=plan,
                output=output,
                client=client,
                ask=ask,
                command=name,
                api=api,
                attachments=attachments,
                functions=functions,
                log=log,
            )
            return converse(talk, question)

    return command


def _check_input(given: Given, prompt: Sequence[str]) -> None:
    """Refuse to read standard input twice."""
    from_input = given.attachments.count("-")
    if from_input and (from_input > 1 or not prompt or "-" in prompt):
        raise click.UsageError(
            "Standard input is the attachment: give the question as an argument, and one - only."
        )


@define(kw_only=True)
class Talk:
    """A conversation that is going on.

    Attributes:
        plan: What is asked for.
        output: How answers are printed.
    """

    plan: Plan
    output: Output
    _client: Client
    _ask: Ask
    _command: str
    _api: API
    _attachments: Sequence[Attachment]  # they go with the first question
    _functions: Sequence[Function]
    _log: Log | None
    _id: str = ""  # of the conversation in the log
    _said: Messages = field(factory=list)

    def __attrs_post_init__(self) -> None:
        for row in self.plan.past:
            self._id = row.conversation
            self._said += map(dict, row.items)

    def answer(self, question: str) -> Status:
        """Print the answer to *question*, log it, and remember both.

        A question without an answer is not remembered.

        Returns:
            The exit status; if the answer is not what it has to be, the reason has been printed.

        Raises:
            ScanError: The stream ended with an error; everything that arrived has been printed.
            click.UsageError: The template needs something else.
        """
        text, system = self.plan.filled(question)
        attachments, self._attachments = self._attachments, ()
        message = {"role": "user", "content": self._content(text, attachments)}
        stream = self._ask(
            self._client,
            [*self._said, message],
            model=self.plan.model,
            system=system,
            parameters=self.plan.parameters,
        )
        if self._functions:
            from openai_scan.cli.functions import answering

            stream = answering(self._client, stream, self._functions)
        number = self._begin(text, system, attachments)
        status, error, is_interrupted = Status.NOT_WHOLE, None, False
        try:
            status = self.output.show(stream)
            if status == Status.WHOLE and self.plan.schema is not None:
                error = self.plan.schema.problem(_final_text(stream))
                if error is not None:
                    status = complain(error)
        except ScanError as caught:
            error = str(caught)
            raise
        except KeyboardInterrupt:
            is_interrupted = True
            raise
        finally:
            items = self._items(stream, message, system)
            self._said += items
            if number is not None:
                outcome = "interrupted" if is_interrupted else _outcome(stream, status, error)
                self._finish(number, stream, items, outcome, error)
        return status

    def _content(self, text: str, attachments: Sequence[Attachment]) -> Any:
        if not attachments:
            return text
        from openai_scan.cli.attachments import text_part

        return [text_part(text, self._api), *(one.part(self._api) for one in attachments)]

    def _items(self, stream: StreamerV2, message: dict[str, Any], system: str | None) -> Messages:
        """Return what question and answer add to the conversation.

        An answer that is whole is added in the form in which it came, with all calls and outputs
        of the rounds before it. Of any other one its text is added, if it has any.
        """
        answer = stream.snapshot()
        if answer is None or not answer.text:
            return []
        if not answer.calls:
            with contextlib.suppress(ScanError, TypeError):
                if self._api == "responses":
                    return stream.input_items()[len(self._said) :]
                return stream.messages()[len([*opening(system), *self._said]) :]
        return [message, _message("assistant", answer.text)]

    def _begin(
        self, text: str, system: str | None, attachments: Sequence[Attachment]
    ) -> int | None:
        """Log a question, and return the number of its row, or None if it is not logged."""
        if self._log is None:
            return None
        from openai_scan.cli.log import LogError, Question, new_id

        self._id = self._id or new_id()
        try:
            return self._log.begin(
                Question(
                    conversation=self._id,
                    command=self._command,
                    base_url=self._client._sender.base_url,  # noqa: SLF001 - our own class
                    model=self.plan.model,
                    system=system,
                    prompt=text,
                    attachments=[one.described() for one in attachments],
                    parameters=self.plan.parameters,
                )
            )
        except LogError as error:
            complain(f"nothing is logged: {error}")
            self._log = None
            return None

    def _finish(
        self,
        number: int,
        stream: StreamerV2,
        items: Messages,
        outcome: str,
        error: str | None,
    ) -> None:
        """Log how the answer has ended."""
        from openai_scan.cli.log import Ending, LogError

        answer, counts = stream.snapshot(), stream.total_counts()
        assert self._log is not None  # noqa: S101 - the question was logged
        try:
            self._log.finish(
                number,
                Ending(
                    answer="" if answer is None else answer.text,
                    items=items,
                    outcome=outcome,
                    error=error,
                    usage=None if counts is None else attrs.asdict(counts),
                    notes=dict(stream.notes),
                    seconds=stream.stats.seconds,
                ),
            )
        except LogError as failed:
            complain(f"the answer is not logged: {failed}")


def _outcome(stream: StreamerV2, status: Status, error: str | None) -> str:
    """Return how the answer of *stream* ended, for the log."""
    outcome = str(stream.outcome or "interrupted")
    if outcome == "completed" and status != Status.WHOLE and error is None:
        # `Output.show()` has said what is missing.
        answer = stream.snapshot()
        return "refused" if answer is None or not answer.calls else "requires_action"
    return outcome


def _final_text(stream: StreamerV2) -> str:
    """Return the text that is the answer, without comments that some models make before it."""
    answer: Any = stream.snapshot()
    text: str = getattr(answer, "final_text", answer.text)
    return text


def converse(talk: Talk, question: str | None) -> Status:
    """Print the answer to *question*, or to what is typed if it is None."""
    if talk.plan.past and not talk.output.quiet:
        _tell_past(talk.plan, with_name=question is None)
    if question is not None:
        return talk.answer(question)
    with contextlib.suppress(ImportError):  # there is none on Windows
        import readline  # noqa: F401 - from now on input() can edit a line, and knows those before it
    if not talk.output.quiet:
        tell(f"Ctrl-C ends an answer, {_LEAVE} the conversation.")
    while (typed := typed_line()) is not None:
        if typed.strip():
            _survive(talk, typed)
    return Status.WHOLE


def _survive(talk: Talk, question: str) -> None:
    """Print the answer to *question*; the conversation goes on after whatever ends it."""
    try:
        talk.answer(question)
    except ScanError as error:
        complain(str(error))
    except KeyboardInterrupt:
        complain("the answer was interrupted")


def _tell_past(plan: Plan, *, with_name: bool) -> None:
    """Say which conversation is continued, and whether its last answer is not whole."""
    last = plan.past[-1]
    if with_name:
        first = plan.past[0].prompt
        shown = first if len(first) <= _SHOWN else f"{first[:_SHOWN]}…"
        tell(f"Continues {last.conversation}: {shown}")
    if not last.is_whole:
        tell(f"The last answer of this conversation is not whole ({last.outcome}).")


def typed_line() -> str | None:
    """Return the line that is typed, or None if the conversation is to end.

    As in other programs, Ctrl-C discards what has been typed, and a second one ends.
    """
    with contextlib.suppress(KeyboardInterrupt):
        return _read_line()
    say()
    tell(f"Ctrl-C again, or {_LEAVE}, ends the conversation.")
    with contextlib.suppress(KeyboardInterrupt):
        return _read_line()
    say()
    return None


def _read_line() -> str | None:
    """Return the line that is typed, or None when there will be no more."""
    try:
        return read_line("> ")
    except EOFError:
        say()
        return None


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def opening(system: str | None) -> Sequence[dict[str, Any]]:
    """Return the message that stands before all others, if there is one."""
    return () if system is None else (_message("system", system),)
