"""The Assistants API: assistants, threads, messages, runs and run steps.

OpenAI and Azure shut it down on 2026-08-26; compatible servers still offer it.

Source: https://platform.openai.com/docs/api-reference/assistants
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from openai_scan.client.base import BaseClient, Page, path_to
from openai_scan.client.later import assistants
from openai_scan.client.params import (
    CreateAssistant,
    CreateMessage,
    CreateRun,
    CreateThread,
    CreateThreadAndRun,
    Extras,
    Inclusion,
    ListMessages,
    ListPage,
    ListRunSteps,
    ModifyAssistant,
    ModifyMetadata,
    ModifyThread,
    ToolOutput,
)
from openai_scan.streamer import StreamerV2

if TYPE_CHECKING:
    from openai_scan.events.assistants import (
        Assistant,
        AssistantEvent,
        Deleted,
        Message,
        Run,
        RunStep,
        Thread,
    )
    from openai_scan.events.assistants.snapshot import AssistantsAnswer

_THREAD = "/threads/{thread_id}"
_MESSAGE = "/threads/{thread_id}/messages/{message_id}"
_RUN = "/threads/{thread_id}/runs/{run_id}"
_ASSISTANT = "/assistants/{assistant_id}"


class AssistantsMethods(BaseClient):
    """The methods of `Client` for the Assistants API."""

    # Streams.

    def create_thread_and_run_stream(
        self, **params: Unpack[CreateThreadAndRun]
    ) -> StreamerV2[AssistantEvent, AssistantsAnswer]:
        """Create a thread, run an assistant on it, and stream its events."""
        return self._stream("/threads/runs", CreateThreadAndRun, params, stream=True)

    def create_run_stream(
        self, thread_id: str, **params: Unpack[CreateRun]
    ) -> StreamerV2[AssistantEvent, AssistantsAnswer]:
        """Run an assistant on a thread and stream its events."""
        path = path_to(_THREAD + "/runs", thread_id=thread_id)
        return self._stream(path, CreateRun, params, in_query=["include"], stream=True)

    def submit_tool_outputs_stream(
        self,
        thread_id: str,
        run_id: str,
        tool_outputs: Sequence[ToolOutput | Mapping[str, Any]],
        **extras: Unpack[Extras],
    ) -> StreamerV2[AssistantEvent, AssistantsAnswer]:
        """Submit the tool outputs that a run waits for, and stream the rest of the run.

        Chain it to the stream that asked: `s.chain(client.submit_tool_outputs_stream(...))`.

        Args:
            thread_id: The thread.
            run_id: The run that waits.
            tool_outputs: The output of each call that the run waits for, with the id of the call.
            extras: As for all methods.
        """
        path = path_to(_RUN + "/submit_tool_outputs", thread_id=thread_id, run_id=run_id)
        outputs = list(tool_outputs)
        return self._stream(path, Extras, extras, tool_outputs=outputs, stream=True)

    # Assistants.

    def create_assistant(self, **params: Unpack[CreateAssistant]) -> Assistant:
        """Create an assistant."""
        return self._call(assistants.Assistant, "POST", "/assistants", CreateAssistant, params)

    def retrieve_assistant(self, assistant_id: str, **extras: Unpack[Extras]) -> Assistant:
        """Return an assistant."""
        path = path_to(_ASSISTANT, assistant_id=assistant_id)
        return self._call(assistants.Assistant, "GET", path, Extras, extras)

    def modify_assistant(self, assistant_id: str, **params: Unpack[ModifyAssistant]) -> Assistant:
        """Change an assistant and return it as it is now."""
        path = path_to(_ASSISTANT, assistant_id=assistant_id)
        return self._call(assistants.Assistant, "POST", path, ModifyAssistant, params)

    def delete_assistant(self, assistant_id: str, **extras: Unpack[Extras]) -> Deleted:
        """Delete an assistant."""
        path = path_to(_ASSISTANT, assistant_id=assistant_id)
        return self._delete(path, assistant_id, extras)

    def list_assistants(self, **params: Unpack[ListPage]) -> Page[Assistant]:
        """Return a page of the assistants."""
        return self._call(Page[assistants.Assistant], "GET", "/assistants", ListPage, params)

    # Threads.

    def create_thread(self, **params: Unpack[CreateThread]) -> Thread:
        """Create a thread."""
        return self._call(assistants.Thread, "POST", "/threads", CreateThread, params)

    def retrieve_thread(self, thread_id: str, **extras: Unpack[Extras]) -> Thread:
        """Return a thread."""
        return self._call(
            assistants.Thread, "GET", path_to(_THREAD, thread_id=thread_id), Extras, extras
        )

    def modify_thread(self, thread_id: str, **params: Unpack[ModifyThread]) -> Thread:
        """Change a thread and return it as it is now."""
        path = path_to(_THREAD, thread_id=thread_id)
        return self._call(assistants.Thread, "POST", path, ModifyThread, params)

    def delete_thread(self, thread_id: str, **extras: Unpack[Extras]) -> Deleted:
        """Delete a thread."""
        return self._delete(path_to(_THREAD, thread_id=thread_id), thread_id, extras)

    # Messages.

    def create_message(self, thread_id: str, **params: Unpack[CreateMessage]) -> Message:
        """Add a message to a thread."""
        path = path_to(_THREAD + "/messages", thread_id=thread_id)
        return self._call(assistants.Message, "POST", path, CreateMessage, params)

    def retrieve_message(
        self, thread_id: str, message_id: str, **extras: Unpack[Extras]
    ) -> Message:
        """Return a message."""
        path = path_to(_MESSAGE, thread_id=thread_id, message_id=message_id)
        return self._call(assistants.Message, "GET", path, Extras, extras)

    def modify_message(
        self, thread_id: str, message_id: str, **params: Unpack[ModifyMetadata]
    ) -> Message:
        """Change a message and return it as it is now."""
        path = path_to(_MESSAGE, thread_id=thread_id, message_id=message_id)
        return self._call(assistants.Message, "POST", path, ModifyMetadata, params)

    def delete_message(self, thread_id: str, message_id: str, **extras: Unpack[Extras]) -> Deleted:
        """Delete a message."""
        path = path_to(_MESSAGE, thread_id=thread_id, message_id=message_id)
        return self._delete(path, message_id, extras)

    def list_messages(self, thread_id: str, **params: Unpack[ListMessages]) -> Page[Message]:
        """Return a page of a thread's messages."""
        path = path_to(_THREAD + "/messages", thread_id=thread_id)
        return self._call(Page[assistants.Message], "GET", path, ListMessages, params)

    # Runs.

    def create_run(self, thread_id: str, **params: Unpack[CreateRun]) -> Run:
        """Run an assistant on a thread without streaming; the run continues on the server."""
        path = path_to(_THREAD + "/runs", thread_id=thread_id)
        return self._call(assistants.Run, "POST", path, CreateRun, params, in_query=["include"])

    def create_thread_and_run(self, **params: Unpack[CreateThreadAndRun]) -> Run:
        """Create a thread and run an assistant on it without streaming."""
        return self._call(assistants.Run, "POST", "/threads/runs", CreateThreadAndRun, params)

    def retrieve_run(self, thread_id: str, run_id: str, **extras: Unpack[Extras]) -> Run:
        """Return a run as it is now."""
        path = path_to(_RUN, thread_id=thread_id, run_id=run_id)
        return self._call(assistants.Run, "GET", path, Extras, extras)

    def modify_run(self, thread_id: str, run_id: str, **params: Unpack[ModifyMetadata]) -> Run:
        """Change a run and return it as it is now."""
        path = path_to(_RUN, thread_id=thread_id, run_id=run_id)
        return self._call(assistants.Run, "POST", path, ModifyMetadata, params)

    def cancel_run(self, thread_id: str, run_id: str, **extras: Unpack[Extras]) -> Run:
        """Ask a run to stop; its own stream shows when it has stopped.

        If the server accepts that without returning the run, only the result's `id` is set.
        """
        path = path_to(_RUN + "/cancel", thread_id=thread_id, run_id=run_id)
        return self._call(assistants.Run, "POST", path, Extras, extras, known={"id": run_id})

    def submit_tool_outputs(
        self,
        thread_id: str,
        run_id: str,
        tool_outputs: Sequence[ToolOutput | Mapping[str, Any]],
        **extras: Unpack[Extras],
    ) -> Run:
        """Submit the tool outputs that a run waits for, without streaming.

        Args:
            thread_id: The thread.
            run_id: The run that waits.
            tool_outputs: The output of each call that the run waits for, with the id of the call.
            extras: As for all methods.
        """
        path = path_to(_RUN + "/submit_tool_outputs", thread_id=thread_id, run_id=run_id)
        return self._call(
            assistants.Run, "POST", path, Extras, extras, tool_outputs=list(tool_outputs)
        )

    def list_runs(self, thread_id: str, **params: Unpack[ListPage]) -> Page[Run]:
        """Return a page of a thread's runs."""
        path = path_to(_THREAD + "/runs", thread_id=thread_id)
        return self._call(Page[assistants.Run], "GET", path, ListPage, params)

    # Run steps.

    def retrieve_run_step(
        self, thread_id: str, run_id: str, step_id: str, **params: Unpack[Inclusion]
    ) -> RunStep:
        """Return a run step as it is now."""
        path = path_to(
            _RUN + "/steps/{step_id}", thread_id=thread_id, run_id=run_id, step_id=step_id
        )
        return self._call(assistants.RunStep, "GET", path, Inclusion, params)

    def list_run_steps(
        self, thread_id: str, run_id: str, **params: Unpack[ListRunSteps]
    ) -> Page[RunStep]:
        """Return a page of a run's steps."""
        path = path_to(_RUN + "/steps", thread_id=thread_id, run_id=run_id)
        return self._call(Page[assistants.RunStep], "GET", path, ListRunSteps, params)

    def _delete(self, path: str, deleted_id: str, extras: Extras) -> Deleted:
        """Delete the object at *path*; some servers confirm that without any content."""
        known = {"id": deleted_id, "deleted": True}
        return self._call(assistants.Deleted, "DELETE", path, Extras, extras, known=known)
