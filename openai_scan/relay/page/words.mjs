// What the page says in words: why a request was refused, and how an answer ended. It never repeats the words of another server.

const REFUSED = {
  0: "The server cannot be reached.",
  400: "The server does not accept this message.",
  401: "You are not signed in. Sign in, then reload this page.",
  403: "The server does not accept requests from this page. Open the page at the server's own address.",
  404: "This conversation does not exist, or it is not yours.",
  413: "The message is too long for this server.",
  503: "The server cannot answer at the moment.",
};

// Returns why a request was refused. Status 0 means that there was no response.
export function refusal({ status, retryAfter }) {
  if (status === 429) {
    const when = retryAfter ? `in ${seconds(Math.ceil(retryAfter))}` : "in a moment";
    return `You have asked too often, or several of your answers are still running. Try again ${when}.`;
  }
  return REFUSED[status] ?? `The server ${status < 500 ? "rejected this" : "failed"} (HTTP status ${status}).`;
}

const seconds = (count) => (count === 1 ? "1 second" : `${count} seconds`);

// By the class of the error, or by what the relay calls its own failures.
const ERRORS = {
  AuthenticationError: "The model server rejected the API key of this server.",
  BadRequestError: "The model server rejected the request.",
  ConflictError: "The model server rejected the request.",
  ConfigurationError: "This server is not configured correctly.",
  ConnectError: "The model server cannot be reached.",
  ConnectTimeoutError: "The model server cannot be reached.",
  DecodeError: "The model server sent something that cannot be read.",
  EventStreamError: "The model server sent something that cannot be read.",
  EventTooLargeError: "The model server sent something that cannot be read.",
  GaveUp: "The answer failed: every process that worked on it ended early.",
  InternalServerError: "The model server failed.",
  LogLost: "The server has lost the rest of the answer.",
  NotAnEventStreamError: "The model server sent something that cannot be read.",
  NotFoundError: "The model server does not know the model or the address.",
  PermissionDeniedError: "The model server rejected the API key of this server.",
  RateLimitError: "The model server accepts no more requests at the moment, or a quota is used up.",
  Shutdown: "The server was shut down before the answer ended.",
  StreamTimeoutError: "The model server sent nothing for too long.",
  TLSError: "The model server cannot be reached.",
  TooLong: "The answer is longer than this server allows. The rest was left out.",
  TransportError: "The connection to the model server broke.",
  TruncatedStreamError: "The connection to the model server broke before the answer ended.",
  UnprocessableEntityError: "The model server rejected the request.",
  WorkerLost: "The process that worked on the answer ended before the answer did.",
};

const CUT = {
  content_filter: "A content filter cut the answer off.",
  length: "The answer was cut off at the length limit.",
  max_output_tokens: "The answer was cut off at the length limit.",
};

// Returns what to say about the end of an answer, and whether something went wrong.
export function ending({ status, error, finish_reason, calls = [], refusal: refused }) {
  if (status === "requires_action" || (status === "completed" && calls.length > 0)) {
    const shown = calls.map((call) => `${call.name}(${call.arguments})`).join(", ");
    return { text: `The model wants to call functions, which this page does not do${shown && `: ${shown}`}.`, isWrong: true };
  }
  switch (status) {
    case "completed":
      return { text: refused ? "The model refuses to answer." : "", isWrong: Boolean(refused) };
    case "cancelled":
      return { text: "Stopped.", isWrong: false };
    case "incomplete":
      return { text: CUT[finish_reason] ?? ERRORS[error] ?? "The answer is not complete.", isWrong: true };
    default:
      return { text: ERRORS[error] ?? `The answer failed (${error ?? status}).`, isWrong: true };
  }
}

// Returns the figures of an answer, as far as they are known.
export function figures({ usage }, firstAfter) {
  const shown = [];
  if (usage?.output !== undefined) shown.push(usage.output === 1 ? "1 token" : `${usage.output} tokens`);
  if (firstAfter !== undefined) shown.push(`${shown.length ? "first" : "First text"} after ${firstAfter.toFixed(2)} s`);
  return shown.join(", ");
}
