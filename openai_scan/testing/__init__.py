"""A fake server for the tests of your application, and answers to script it with.

::

    with FakeServer() as server, Client("key", server.base_url) as client:
        server.add(chat_answer("Hi there"), error(429, retry_after=1))

Functions that make an event return bytes; those that make an answer return a list of them. So both
are also sources for a `StreamerV2` where no server is needed.
"""

from openai_scan.testing.agents import (
    agent_answer,
    agent_calls,
    agent_event,
    agent_failure,
    agent_status,
    agent_text_delta,
    agent_turn,
)
from openai_scan.testing.assistants import (
    assistant_answer,
    assistant_calls,
    assistant_failure,
    thread_created,
    thread_done,
    thread_message,
    thread_message_delta,
    thread_run,
    thread_run_step,
    thread_run_step_delta,
)
from openai_scan.testing.background import BackgroundResponses, background_responses
from openai_scan.testing.cassette import Cassette, RecordMode
from openai_scan.testing.chat import (
    ToolCall,
    chat_answer,
    chat_calls,
    chat_chunk,
    chat_usage,
    completion_answer,
    completion_chunk,
)
from openai_scan.testing.media import (
    image_answer,
    image_partial,
    speech_answer,
    speech_delta,
    transcript_answer,
    transcript_delta,
)
from openai_scan.testing.recorded import recorded
from openai_scan.testing.request import SeenRequest
from openai_scan.testing.responses import (
    response_answer,
    response_calls,
    response_event,
    response_failure,
    response_status,
    response_text_delta,
)
from openai_scan.testing.server import Answer, FakeServer
from openai_scan.testing.sessions import AgentSessions, TurnScript, agent_sessions
from openai_scan.testing.steps import (
    Reply,
    Step,
    comment,
    cut,
    data,
    delay,
    done,
    error,
    event,
    hold,
    json_answer,
    reset,
    stream_error,
)

__all__ = [
    "AgentSessions",
    "Answer",
    "BackgroundResponses",
    "Cassette",
    "FakeServer",
    "RecordMode",
    "Reply",
    "SeenRequest",
    "Step",
    "ToolCall",
    "TurnScript",
    "agent_answer",
    "agent_calls",
    "agent_event",
    "agent_failure",
    "agent_sessions",
    "agent_status",
    "agent_text_delta",
    "agent_turn",
    "assistant_answer",
    "assistant_calls",
    "assistant_failure",
    "background_responses",
    "chat_answer",
    "chat_calls",
    "chat_chunk",
    "chat_usage",
    "comment",
    "completion_answer",
    "completion_chunk",
    "cut",
    "data",
    "delay",
    "done",
    "error",
    "event",
    "hold",
    "image_answer",
    "image_partial",
    "json_answer",
    "recorded",
    "reset",
    "response_answer",
    "response_calls",
    "response_event",
    "response_failure",
    "response_status",
    "response_text_delta",
    "speech_answer",
    "speech_delta",
    "stream_error",
    "thread_created",
    "thread_done",
    "thread_message",
    "thread_message_delta",
    "thread_run",
    "thread_run_step",
    "thread_run_step_delta",
    "transcript_answer",
    "transcript_delta",
]
