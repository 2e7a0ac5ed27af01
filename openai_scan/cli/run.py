"""`openai-scan run`: an assistant, or an agent."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import click

from openai_scan.cli import options
from openai_scan.cli.functions import answering, functions_at, offered, shown
from openai_scan.cli.printing import Output
from openai_scan.client import Client
from openai_scan.client.params import MessageParam
from openai_scan.streamer import StreamerV2

# Where an agent runs its commands, if nothing else is asked for.
_NOWHERE = {"type": "none"}


def _one_to_run(function: options.Command) -> options.Command:
    """Refuse to run nothing, or several things; before a client is made, which needs a key."""

    @functools.wraps(function)
    def wrapped(**settings: Any) -> int:
        if [settings[name] for name in ("assistant", "agent", "session")].count(None) != 2:
            raise click.UsageError(
                "Say what to run: --assistant, --agent, or the --session of one."
            )
        if settings["thread"] is not None and settings["assistant"] is None:
            raise click.UsageError("--thread is that of an --assistant.")
        return function(**settings)

    return wrapped


@options.command(
    "run",
    about="Run an assistant on a new thread, or an agent in a new session, and print its answer as"
    " it arrives. In PROMPT, - is replaced by standard input.",
    example="""\
run --assistant asst_1 "Why is the sky blue?"
run --assistant asst_1 --tools weather:forecast "Should I take an umbrella?"
run --agent agent_1 -p 'environment={"type": "openai_hosted"}' "What is 2**100?\"""",
)
@options.question
@click.option("--assistant", metavar="ID", help="The assistant to run.")
@click.option(
    "--thread", metavar="ID", help="Run the assistant on this thread instead of a new one."
)
@click.option("--agent", metavar="ID", help="The agent to run, with the Agents API.")
@click.option("--session", metavar="ID", help="Continue this session of an agent.")
@click.option(
    "--tools",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="A Python function that it may call, in place of its own tools; can be repeated. Modules"
    " are looked for in this folder too.",
)
@options.approve
@options.parameters
@_one_to_run
@options.with_client
@options.with_output
def command(
    *,
    client: Client,
    output: Output,
    prompt: Sequence[str],
    assistant: str | None,
    thread: str | None,
    agent: str | None,
    session: str | None,
    tools: Sequence[str],
    approve: bool,
    parameters: Mapping[str, Any],
) -> int:
    """Run it, and print the answer."""
    question = options.asked_once(prompt)
    functions = shown(functions_at(tools), output, approve=approve)
    stream: StreamerV2
    if assistant is not None:
        options.refuse_prompt(parameters, "thread" if thread is None else "additional_messages")
        body = {**offered(functions, "assistants"), **parameters}
        stream = _run_assistant(client, question, assistant, thread, body)
    elif agent is not None:
        options.refuse_prompt(parameters, "input")
        stream = _run_agent(client, question, agent, offered(functions, "agents"), parameters)
    else:
        assert session is not None  # noqa: S101 - one of the three is there
        options.refuse_prompt(parameters, "events")
        stream = client.send_agent_session_events_stream(session, question, extra_body=parameters)
    return output.show(answering(client, stream, functions))


def _run_assistant(
    client: Client, question: str, assistant: str, thread: str | None, body: Mapping[str, Any]
) -> StreamerV2:
    """Return the stream of a run."""
    messages: list[MessageParam] = [{"role": "user", "content": question}]
    if thread is None:
        return client.create_thread_and_run_stream(
            assistant_id=assistant, thread={"messages": messages}, extra_body=body
        )
    return client.create_run_stream(
        thread, assistant_id=assistant, additional_messages=messages, extra_body=body
    )


def _run_agent(
    client: Client,
    question: str,
    agent: str,
    offered: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> StreamerV2:
    """Return the stream of the first turn of a new session."""
    settings = {**offered, **(parameters.get("agent") or {})}
    body = {**parameters, "agent": settings} if settings else parameters
    return client.create_agent_session_stream(
        environment=_NOWHERE, agent_id=agent, input=question, extra_body=body
    )
