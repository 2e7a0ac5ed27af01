"""What the methods of the client take: keyword arguments named as in the API.

None omits an argument; to send null, put it into `extra_body`. Where a mapping is expected, you may
also pass an object that came from the server, such as a tool.
"""

from openai_scan.client.params.agents import (
    AgentToolResult,
    CreateAgentSession,
    ListAgentSessions,
    ListOfAgents,
    ModifyAgentSession,
    StreamAgentSession,
)
from openai_scan.client.params.assistants import (
    CreateAssistant,
    CreateMessage,
    CreateRun,
    CreateThread,
    CreateThreadAndRun,
    ListMessages,
    ListRunSteps,
    MessageParam,
    ModifyAssistant,
    ModifyMetadata,
    ModifyThread,
    ThreadParam,
    ToolOutput,
)
from openai_scan.client.params.audio import CreateSpeech, CreateTranscription
from openai_scan.client.params.base import Extras, Inclusion, JSONObject, ListPage
from openai_scan.client.params.chat import CreateChatCompletion, CreateCompletion
from openai_scan.client.params.images import CreateImage, EditImage
from openai_scan.client.params.responses import CreateResponse, ResumeStream, RetrieveResponseStream

__all__ = [
    "AgentToolResult",
    "CreateAgentSession",
    "CreateAssistant",
    "CreateChatCompletion",
    "CreateCompletion",
    "CreateImage",
    "CreateMessage",
    "CreateResponse",
    "CreateRun",
    "CreateSpeech",
    "CreateThread",
    "CreateThreadAndRun",
    "CreateTranscription",
    "EditImage",
    "Extras",
    "Inclusion",
    "JSONObject",
    "ListAgentSessions",
    "ListMessages",
    "ListOfAgents",
    "ListPage",
    "ListRunSteps",
    "MessageParam",
    "ModifyAgentSession",
    "ModifyAssistant",
    "ModifyMetadata",
    "ModifyThread",
    "ResumeStream",
    "RetrieveResponseStream",
    "StreamAgentSession",
    "ThreadParam",
    "ToolOutput",
]
