# The public names as type checkers see them; `X as X` exports X. The table is in __init__.py.
# isort: skip_file

from openai_scan._version import (
    __version__ as __version__,
)
from openai_scan.aio import (
    AsyncStreamerV2 as AsyncStreamerV2,
)
from openai_scan.client import (
    AzureClient as AzureClient,
    Client as Client,
    Page as Page,
    RetryPolicy as RetryPolicy,
    Timeout as Timeout,
)
from openai_scan.client.aio import (
    AsyncAzureClient as AsyncAzureClient,
    AsyncClient as AsyncClient,
)
from openai_scan.errors import (
    APIError as APIError,
    AuthenticationError as AuthenticationError,
    BadRequestError as BadRequestError,
    ConfigurationError as ConfigurationError,
    ConflictError as ConflictError,
    ConnectError as ConnectError,
    ConnectTimeoutError as ConnectTimeoutError,
    DecodeError as DecodeError,
    EventStreamError as EventStreamError,
    EventTooLargeError as EventTooLargeError,
    InternalServerError as InternalServerError,
    NotAnEventStreamError as NotAnEventStreamError,
    NotFoundError as NotFoundError,
    PermissionDeniedError as PermissionDeniedError,
    RateLimitError as RateLimitError,
    RecordingError as RecordingError,
    RedirectError as RedirectError,
    ScanError as ScanError,
    StreamCancelledError as StreamCancelledError,
    StreamTimeoutError as StreamTimeoutError,
    TLSError as TLSError,
    TransportError as TransportError,
    TruncatedStreamError as TruncatedStreamError,
    UnprocessableEntityError as UnprocessableEntityError,
)
from openai_scan.events import (
    DoneEvent as DoneEvent,
    ErrorEvent as ErrorEvent,
    Event as Event,
    Outcome as Outcome,
    UnknownEvent as UnknownEvent,
)
from openai_scan.events.agents import (
    AgentEvent as AgentEvent,
    AgentOutputCommandExecutionOutputDelta as AgentOutputCommandExecutionOutputDelta,
    AgentSessionCreated as AgentSessionCreated,
    AgentSessionEnvironmentConnected as AgentSessionEnvironmentConnected,
    AgentSessionEnvironmentDisconnected as AgentSessionEnvironmentDisconnected,
    AgentSessionEnvironmentExpired as AgentSessionEnvironmentExpired,
    AgentSessionEnvironmentFailed as AgentSessionEnvironmentFailed,
    AgentSessionEnvironmentPending as AgentSessionEnvironmentPending,
    AgentSessionEnvironmentReady as AgentSessionEnvironmentReady,
    AgentSessionEnvironmentReset as AgentSessionEnvironmentReset,
    AgentSessionEnvironmentSuspended as AgentSessionEnvironmentSuspended,
    AgentSessionFailed as AgentSessionFailed,
    AgentSessionIdle as AgentSessionIdle,
    AgentSessionInProgress as AgentSessionInProgress,
    AgentSessionRequiresAction as AgentSessionRequiresAction,
    AgentSessionSubagentActive as AgentSessionSubagentActive,
    AgentSessionSubagentClosed as AgentSessionSubagentClosed,
    AgentSessionSubagentCreated as AgentSessionSubagentCreated,
    AgentSessionTurnCancelled as AgentSessionTurnCancelled,
    AgentSessionTurnCompleted as AgentSessionTurnCompleted,
    AgentSessionTurnContentPartAdded as AgentSessionTurnContentPartAdded,
    AgentSessionTurnContentPartDone as AgentSessionTurnContentPartDone,
    AgentSessionTurnCreated as AgentSessionTurnCreated,
    AgentSessionTurnFailed as AgentSessionTurnFailed,
    AgentSessionTurnInProgress as AgentSessionTurnInProgress,
    AgentSessionTurnItemAdded as AgentSessionTurnItemAdded,
    AgentSessionTurnItemDone as AgentSessionTurnItemDone,
    AgentSessionTurnOutputTextDelta as AgentSessionTurnOutputTextDelta,
    AgentSessionTurnOutputTextDone as AgentSessionTurnOutputTextDone,
    AgentSessionTurnReasoningSummaryPartAdded as AgentSessionTurnReasoningSummaryPartAdded,
    AgentSessionTurnReasoningSummaryPartDone as AgentSessionTurnReasoningSummaryPartDone,
    AgentSessionTurnReasoningSummaryTextDelta as AgentSessionTurnReasoningSummaryTextDelta,
    AgentSessionTurnReasoningSummaryTextDone as AgentSessionTurnReasoningSummaryTextDone,
)
from openai_scan.events.agents.snapshot import (
    AgentsAnswer as AgentsAnswer,
)
from openai_scan.events.assistants import (
    AssistantEvent as AssistantEvent,
    ThreadCreated as ThreadCreated,
    ThreadMessageCompleted as ThreadMessageCompleted,
    ThreadMessageCreated as ThreadMessageCreated,
    ThreadMessageDelta as ThreadMessageDelta,
    ThreadMessageIncomplete as ThreadMessageIncomplete,
    ThreadMessageInProgress as ThreadMessageInProgress,
    ThreadRunCancelled as ThreadRunCancelled,
    ThreadRunCancelling as ThreadRunCancelling,
    ThreadRunCompleted as ThreadRunCompleted,
    ThreadRunCreated as ThreadRunCreated,
    ThreadRunExpired as ThreadRunExpired,
    ThreadRunFailed as ThreadRunFailed,
    ThreadRunIncomplete as ThreadRunIncomplete,
    ThreadRunInProgress as ThreadRunInProgress,
    ThreadRunQueued as ThreadRunQueued,
    ThreadRunRequiresAction as ThreadRunRequiresAction,
    ThreadRunStepCancelled as ThreadRunStepCancelled,
    ThreadRunStepCompleted as ThreadRunStepCompleted,
    ThreadRunStepCreated as ThreadRunStepCreated,
    ThreadRunStepDelta as ThreadRunStepDelta,
    ThreadRunStepExpired as ThreadRunStepExpired,
    ThreadRunStepFailed as ThreadRunStepFailed,
    ThreadRunStepInProgress as ThreadRunStepInProgress,
)
from openai_scan.events.assistants.snapshot import (
    AssistantsAnswer as AssistantsAnswer,
)
from openai_scan.events.audio import (
    SpeechAudioDelta as SpeechAudioDelta,
    SpeechAudioDone as SpeechAudioDone,
    SpeechEvent as SpeechEvent,
    TranscriptEvent as TranscriptEvent,
    TranscriptTextDelta as TranscriptTextDelta,
    TranscriptTextDone as TranscriptTextDone,
    TranscriptTextSegment as TranscriptTextSegment,
)
from openai_scan.events.audio.snapshot import (
    Speech as Speech,
    Transcript as Transcript,
)
from openai_scan.events.chat import (
    ChatCompletionChunk as ChatCompletionChunk,
    ChatEvent as ChatEvent,
)
from openai_scan.events.chat.snapshot import (
    ChatCompletion as ChatCompletion,
)
from openai_scan.events.completions import (
    Completion as Completion,
    CompletionEvent as CompletionEvent,
)
from openai_scan.events.completions.snapshot import (
    CompletionAnswer as CompletionAnswer,
)
from openai_scan.events.images import (
    ImageEditCompleted as ImageEditCompleted,
    ImageEditPartialImage as ImageEditPartialImage,
    ImageEvent as ImageEvent,
    ImageGenerationCompleted as ImageGenerationCompleted,
    ImageGenerationPartialImage as ImageGenerationPartialImage,
)
from openai_scan.events.images.snapshot import (
    ImagesAnswer as ImagesAnswer,
)
from openai_scan.events.responses import (
    ResponseApplyPatchCallOperationDiffDelta as ResponseApplyPatchCallOperationDiffDelta,
    ResponseApplyPatchCallOperationDiffDone as ResponseApplyPatchCallOperationDiffDone,
    ResponseAudioDelta as ResponseAudioDelta,
    ResponseAudioDone as ResponseAudioDone,
    ResponseAudioTranscriptDelta as ResponseAudioTranscriptDelta,
    ResponseAudioTranscriptDone as ResponseAudioTranscriptDone,
    ResponseCodeInterpreterCallCodeDelta as ResponseCodeInterpreterCallCodeDelta,
    ResponseCodeInterpreterCallCodeDone as ResponseCodeInterpreterCallCodeDone,
    ResponseCodeInterpreterCallCompleted as ResponseCodeInterpreterCallCompleted,
    ResponseCodeInterpreterCallInProgress as ResponseCodeInterpreterCallInProgress,
    ResponseCodeInterpreterCallInterpreting as ResponseCodeInterpreterCallInterpreting,
    ResponseCompactionCompacting as ResponseCompactionCompacting,
    ResponseCompleted as ResponseCompleted,
    ResponseContentPartAdded as ResponseContentPartAdded,
    ResponseContentPartDone as ResponseContentPartDone,
    ResponseCreated as ResponseCreated,
    ResponseCustomToolCallInputDelta as ResponseCustomToolCallInputDelta,
    ResponseCustomToolCallInputDone as ResponseCustomToolCallInputDone,
    ResponseEvent as ResponseEvent,
    ResponseFailed as ResponseFailed,
    ResponseFileSearchCallCompleted as ResponseFileSearchCallCompleted,
    ResponseFileSearchCallInProgress as ResponseFileSearchCallInProgress,
    ResponseFileSearchCallSearching as ResponseFileSearchCallSearching,
    ResponseFunctionCallArgumentsDelta as ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone as ResponseFunctionCallArgumentsDone,
    ResponseImageGenerationCallCompleted as ResponseImageGenerationCallCompleted,
    ResponseImageGenerationCallGenerating as ResponseImageGenerationCallGenerating,
    ResponseImageGenerationCallInProgress as ResponseImageGenerationCallInProgress,
    ResponseImageGenerationCallPartialImage as ResponseImageGenerationCallPartialImage,
    ResponseIncomplete as ResponseIncomplete,
    ResponseInProgress as ResponseInProgress,
    ResponseMcpCallArgumentsDelta as ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone as ResponseMcpCallArgumentsDone,
    ResponseMcpCallCompleted as ResponseMcpCallCompleted,
    ResponseMcpCallFailed as ResponseMcpCallFailed,
    ResponseMcpCallInProgress as ResponseMcpCallInProgress,
    ResponseMcpListToolsCompleted as ResponseMcpListToolsCompleted,
    ResponseMcpListToolsFailed as ResponseMcpListToolsFailed,
    ResponseMcpListToolsInProgress as ResponseMcpListToolsInProgress,
    ResponseOutputItemAdded as ResponseOutputItemAdded,
    ResponseOutputItemDone as ResponseOutputItemDone,
    ResponseOutputTextAnnotationAdded as ResponseOutputTextAnnotationAdded,
    ResponseOutputTextDelta as ResponseOutputTextDelta,
    ResponseOutputTextDone as ResponseOutputTextDone,
    ResponseQueued as ResponseQueued,
    ResponseReasoningPartAdded as ResponseReasoningPartAdded,
    ResponseReasoningPartDone as ResponseReasoningPartDone,
    ResponseReasoningSummaryPartAdded as ResponseReasoningSummaryPartAdded,
    ResponseReasoningSummaryPartDone as ResponseReasoningSummaryPartDone,
    ResponseReasoningSummaryTextDelta as ResponseReasoningSummaryTextDelta,
    ResponseReasoningSummaryTextDone as ResponseReasoningSummaryTextDone,
    ResponseReasoningTextDelta as ResponseReasoningTextDelta,
    ResponseReasoningTextDone as ResponseReasoningTextDone,
    ResponseRefusalDelta as ResponseRefusalDelta,
    ResponseRefusalDone as ResponseRefusalDone,
    ResponseShellCallCommandAdded as ResponseShellCallCommandAdded,
    ResponseShellCallCommandDelta as ResponseShellCallCommandDelta,
    ResponseShellCallCommandDone as ResponseShellCallCommandDone,
    ResponseShellCallOutputContentDelta as ResponseShellCallOutputContentDelta,
    ResponseShellCallOutputContentDone as ResponseShellCallOutputContentDone,
    ResponseWebSearchCallCompleted as ResponseWebSearchCallCompleted,
    ResponseWebSearchCallInProgress as ResponseWebSearchCallInProgress,
    ResponseWebSearchCallSearching as ResponseWebSearchCallSearching,
)
from openai_scan.events.responses.snapshot import (
    ResponseAnswer as ResponseAnswer,
)
from openai_scan.observer import (
    Observer as Observer,
)
from openai_scan.partial_json import (
    PartialJSON as PartialJSON,
)
from openai_scan.reader import (
    TextReader as TextReader,
)
from openai_scan.recording import (
    Recording as Recording,
    record as record,
    replay as replay,
)
from openai_scan.schema import (
    json_schema_format as json_schema_format,
)
from openai_scan.sse import (
    EventScanner as EventScanner,
    EventTokenizer as EventTokenizer,
    RawEvent as RawEvent,
)
from openai_scan.stats import (
    Stats as Stats,
)
from openai_scan.streamer import (
    StreamerV2 as StreamerV2,
)
from openai_scan.tools import (
    function_schema as function_schema,
    run_tools as run_tools,
    tool_of as tool_of,
)
from openai_scan.values import (
    Answer as Answer,
    Call as Call,
    Counts as Counts,
    Piece as Piece,
    UnknownAnnotation as UnknownAnnotation,
    UnknownItem as UnknownItem,
    UnknownObject as UnknownObject,
    UnknownPart as UnknownPart,
    UnknownTool as UnknownTool,
    UnknownToolCall as UnknownToolCall,
)
