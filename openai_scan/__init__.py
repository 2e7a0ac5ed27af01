"""Read OpenAI-style streams like lines: `while s.next(): match s.event(): ...`, then `s.err()`.

The public names, nothing else. Each is loaded when it is first used, so that importing the
package costs next to nothing, and a family that nobody uses is never loaded.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from openai_scan._version import __version__

if TYPE_CHECKING:
    from openai_scan.client import AzureClient, Client, Page, RetryPolicy, Timeout
    from openai_scan.errors import (
        APIError,
        AuthenticationError,
        BadRequestError,
        ConfigurationError,
        ConflictError,
        ConnectError,
        ConnectTimeoutError,
        DecodeError,
        EventStreamError,
        EventTooLargeError,
        InternalServerError,
        NotAnEventStreamError,
        NotFoundError,
        PermissionDeniedError,
        RateLimitError,
        RecordingError,
        RedirectError,
        ScanError,
        StreamCancelledError,
        StreamTimeoutError,
        TLSError,
        TransportError,
        TruncatedStreamError,
        UnprocessableEntityError,
    )
    from openai_scan.events import (
        DoneEvent,
        ErrorEvent,
        Event,
        Outcome,
        UnknownEvent,
    )
    from openai_scan.events.assistants import (
        ThreadCreated,
        ThreadMessageCompleted,
        ThreadMessageCreated,
        ThreadMessageDelta,
        ThreadMessageIncomplete,
        ThreadMessageInProgress,
        ThreadRunCancelled,
        ThreadRunCancelling,
        ThreadRunCompleted,
        ThreadRunCreated,
        ThreadRunExpired,
        ThreadRunFailed,
        ThreadRunIncomplete,
        ThreadRunInProgress,
        ThreadRunQueued,
        ThreadRunRequiresAction,
        ThreadRunStepCancelled,
        ThreadRunStepCompleted,
        ThreadRunStepCreated,
        ThreadRunStepDelta,
        ThreadRunStepExpired,
        ThreadRunStepFailed,
        ThreadRunStepInProgress,
    )
    from openai_scan.events.assistants.snapshot import AssistantsAnswer
    from openai_scan.events.audio import (
        SpeechAudioDelta,
        SpeechAudioDone,
        TranscriptTextDelta,
        TranscriptTextDone,
        TranscriptTextSegment,
    )
    from openai_scan.events.audio.snapshot import Speech, Transcript
    from openai_scan.events.chat import ChatCompletionChunk
    from openai_scan.events.chat.snapshot import ChatCompletion
    from openai_scan.events.completions import Completion
    from openai_scan.events.completions.snapshot import CompletionAnswer
    from openai_scan.events.images import (
        ImageEditCompleted,
        ImageEditPartialImage,
        ImageGenerationCompleted,
        ImageGenerationPartialImage,
    )
    from openai_scan.events.images.snapshot import ImagesAnswer
    from openai_scan.events.responses import (
        ResponseApplyPatchCallOperationDiffDelta,
        ResponseApplyPatchCallOperationDiffDone,
        ResponseAudioDelta,
        ResponseAudioDone,
        ResponseAudioTranscriptDelta,
        ResponseAudioTranscriptDone,
        ResponseCodeInterpreterCallCodeDelta,
        ResponseCodeInterpreterCallCodeDone,
        ResponseCodeInterpreterCallCompleted,
        ResponseCodeInterpreterCallInProgress,
        ResponseCodeInterpreterCallInterpreting,
        ResponseCompleted,
        ResponseContentPartAdded,
        ResponseContentPartDone,
        ResponseCreated,
        ResponseCustomToolCallInputDelta,
        ResponseCustomToolCallInputDone,
        ResponseFailed,
        ResponseFileSearchCallCompleted,
        ResponseFileSearchCallInProgress,
        ResponseFileSearchCallSearching,
        ResponseFunctionCallArgumentsDelta,
        ResponseFunctionCallArgumentsDone,
        ResponseImageGenerationCallCompleted,
        ResponseImageGenerationCallGenerating,
        ResponseImageGenerationCallInProgress,
        ResponseImageGenerationCallPartialImage,
        ResponseIncomplete,
        ResponseInProgress,
        ResponseMcpCallArgumentsDelta,
        ResponseMcpCallArgumentsDone,
        ResponseMcpCallCompleted,
        ResponseMcpCallFailed,
        ResponseMcpCallInProgress,
        ResponseMcpListToolsCompleted,
        ResponseMcpListToolsFailed,
        ResponseMcpListToolsInProgress,
        ResponseOutputItemAdded,
        ResponseOutputItemDone,
        ResponseOutputTextAnnotationAdded,
        ResponseOutputTextDelta,
        ResponseOutputTextDone,
        ResponseQueued,
        ResponseReasoningSummaryPartAdded,
        ResponseReasoningSummaryPartDone,
        ResponseReasoningSummaryTextDelta,
        ResponseReasoningSummaryTextDone,
        ResponseReasoningTextDelta,
        ResponseReasoningTextDone,
        ResponseRefusalDelta,
        ResponseRefusalDone,
        ResponseShellCallCommandAdded,
        ResponseShellCallCommandDelta,
        ResponseShellCallCommandDone,
        ResponseShellCallOutputContentDelta,
        ResponseShellCallOutputContentDone,
        ResponseWebSearchCallCompleted,
        ResponseWebSearchCallInProgress,
        ResponseWebSearchCallSearching,
    )
    from openai_scan.events.responses.snapshot import ResponseAnswer
    from openai_scan.observer import Observer
    from openai_scan.partial_json import PartialJSON
    from openai_scan.reader import TextReader
    from openai_scan.recording import Recording, record, replay
    from openai_scan.schema import json_schema_format
    from openai_scan.sse import EventScanner, EventTokenizer, RawEvent
    from openai_scan.stats import Stats
    from openai_scan.streamer import StreamerV2
    from openai_scan.tools import function_schema, run_tools, tool_of
    from openai_scan.values import Answer, Call

__all__ = [
    "APIError",
    "Answer",
    "AssistantsAnswer",
    "AuthenticationError",
    "AzureClient",
    "BadRequestError",
    "Call",
    "ChatCompletion",
    "ChatCompletionChunk",
    "Client",
    "Completion",
    "CompletionAnswer",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "ConnectTimeoutError",
    "DecodeError",
    "DoneEvent",
    "ErrorEvent",
    "Event",
    "EventScanner",
    "EventStreamError",
    "EventTokenizer",
    "EventTooLargeError",
    "ImageEditCompleted",
    "ImageEditPartialImage",
    "ImageGenerationCompleted",
    "ImageGenerationPartialImage",
    "ImagesAnswer",
    "InternalServerError",
    "NotAnEventStreamError",
    "NotFoundError",
    "Observer",
    "Outcome",
    "Page",
    "PartialJSON",
    "PermissionDeniedError",
    "RateLimitError",
    "RawEvent",
    "Recording",
    "RecordingError",
    "RedirectError",
    "ResponseAnswer",
    "ResponseApplyPatchCallOperationDiffDelta",
    "ResponseApplyPatchCallOperationDiffDone",
    "ResponseAudioDelta",
    "ResponseAudioDone",
    "ResponseAudioTranscriptDelta",
    "ResponseAudioTranscriptDone",
    "ResponseCodeInterpreterCallCodeDelta",
    "ResponseCodeInterpreterCallCodeDone",
    "ResponseCodeInterpreterCallCompleted",
    "ResponseCodeInterpreterCallInProgress",
    "ResponseCodeInterpreterCallInterpreting",
    "ResponseCompleted",
    "ResponseContentPartAdded",
    "ResponseContentPartDone",
    "ResponseCreated",
    "ResponseCustomToolCallInputDelta",
    "ResponseCustomToolCallInputDone",
    "ResponseFailed",
    "ResponseFileSearchCallCompleted",
    "ResponseFileSearchCallInProgress",
    "ResponseFileSearchCallSearching",
    "ResponseFunctionCallArgumentsDelta",
    "ResponseFunctionCallArgumentsDone",
    "ResponseImageGenerationCallCompleted",
    "ResponseImageGenerationCallGenerating",
    "ResponseImageGenerationCallInProgress",
    "ResponseImageGenerationCallPartialImage",
    "ResponseInProgress",
    "ResponseIncomplete",
    "ResponseMcpCallArgumentsDelta",
    "ResponseMcpCallArgumentsDone",
    "ResponseMcpCallCompleted",
    "ResponseMcpCallFailed",
    "ResponseMcpCallInProgress",
    "ResponseMcpListToolsCompleted",
    "ResponseMcpListToolsFailed",
    "ResponseMcpListToolsInProgress",
    "ResponseOutputItemAdded",
    "ResponseOutputItemDone",
    "ResponseOutputTextAnnotationAdded",
    "ResponseOutputTextDelta",
    "ResponseOutputTextDone",
    "ResponseQueued",
    "ResponseReasoningSummaryPartAdded",
    "ResponseReasoningSummaryPartDone",
    "ResponseReasoningSummaryTextDelta",
    "ResponseReasoningSummaryTextDone",
    "ResponseReasoningTextDelta",
    "ResponseReasoningTextDone",
    "ResponseRefusalDelta",
    "ResponseRefusalDone",
    "ResponseShellCallCommandAdded",
    "ResponseShellCallCommandDelta",
    "ResponseShellCallCommandDone",
    "ResponseShellCallOutputContentDelta",
    "ResponseShellCallOutputContentDone",
    "ResponseWebSearchCallCompleted",
    "ResponseWebSearchCallInProgress",
    "ResponseWebSearchCallSearching",
    "RetryPolicy",
    "ScanError",
    "Speech",
    "SpeechAudioDelta",
    "SpeechAudioDone",
    "Stats",
    "StreamCancelledError",
    "StreamTimeoutError",
    "StreamerV2",
    "TLSError",
    "TextReader",
    "ThreadCreated",
    "ThreadMessageCompleted",
    "ThreadMessageCreated",
    "ThreadMessageDelta",
    "ThreadMessageInProgress",
    "ThreadMessageIncomplete",
    "ThreadRunCancelled",
    "ThreadRunCancelling",
    "ThreadRunCompleted",
    "ThreadRunCreated",
    "ThreadRunExpired",
    "ThreadRunFailed",
    "ThreadRunInProgress",
    "ThreadRunIncomplete",
    "ThreadRunQueued",
    "ThreadRunRequiresAction",
    "ThreadRunStepCancelled",
    "ThreadRunStepCompleted",
    "ThreadRunStepCreated",
    "ThreadRunStepDelta",
    "ThreadRunStepExpired",
    "ThreadRunStepFailed",
    "ThreadRunStepInProgress",
    "Timeout",
    "Transcript",
    "TranscriptTextDelta",
    "TranscriptTextDone",
    "TranscriptTextSegment",
    "TransportError",
    "TruncatedStreamError",
    "UnknownEvent",
    "UnprocessableEntityError",
    "__version__",
    "function_schema",
    "json_schema_format",
    "record",
    "replay",
    "run_tools",
    "tool_of",
]


def __getattr__(name: str) -> Any:
    """Load a public name, or a module of the package, when it is first asked for."""
    match name:
        case "errors" | "events" | "sse":
            return importlib.import_module(f"{__name__}.{name}")
        case _ if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        case "StreamerV2":
            home = "streamer"
        case "AzureClient" | "Client" | "Page" | "RetryPolicy" | "Timeout":
            home = "client"
        case "Answer" | "Call":
            home = "values"
        case "AssistantsAnswer":
            home = "events.assistants.snapshot"
        case "ChatCompletion":
            home = "events.chat.snapshot"
        case "CompletionAnswer":
            home = "events.completions.snapshot"
        case "ImagesAnswer":
            home = "events.images.snapshot"
        case "ResponseAnswer":
            home = "events.responses.snapshot"
        case "Speech" | "Transcript":
            home = "events.audio.snapshot"
        case "EventScanner" | "EventTokenizer" | "RawEvent":
            home = "sse"
        case "PartialJSON":
            home = "partial_json"
        case "function_schema" | "run_tools" | "tool_of":
            home = "tools"
        case "json_schema_format":
            home = "schema"
        case "Recording" | "record" | "replay":
            home = "recording"
        case "Observer":
            home = "observer"
        case "Stats":
            home = "stats"
        case "TextReader":
            home = "reader"
        case _ if name.endswith("Error"):
            home = "errors"
        case _:
            home = "events"
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
