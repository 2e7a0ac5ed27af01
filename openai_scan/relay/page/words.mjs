// What the page says in words: why a request was refused, and how an answer ended. No word of another server is shown.

const REFUSED = {
  0: "The server cannot be reached.",
  400: "The server does not take this message.",
  401: "You are not signed in. Sign in, then reload this page.",
  403: "The server takes no requests from this page. Open the page at the server's own address.",
  404: "There is no such conversation, or it is not yours.",
  413: "The message is too long for this server.",
  503: "The server cannot answer now.",
};

// Returns why a request was refused. Without a status there was no answer.
export function refusal({ status, retryAfter }) {
  if (status === 429) {
    const when = retryAfter ? `in ${seconds(Math.ceil(retryAfter))}` : "in a moment";
    return `You have asked too often, or several of your answers are still running. Try again ${when}.`;
  }
  return REFUSED[status] ?? `The server ${status < 500 ? "refuses this" : "has failed"} (HTTP status ${status}).`;
}

const seconds = (count) => (count === 1 ? "1 second" : `${count} seconds`);

// The names are those of the classes of errors, and of what a relay itself may meet.
const ERRORS = {
  AuthenticationError: "The server that has the model refuses the key of this one.",
  BadRequestError: "The server that has the model refused the request.",
  ConflictError: "The server that has the model refused the request.",
  ConfigurationError: "This server is not set up correctly.",
  ConnectError: "The server that has the model cannot be reached.",
  ConnectTimeoutError: "The server that has the model cannot be reached.",
  DecodeError: "The server that has the model sent something that cannot be read.",
  EventStreamError: "The server that has the model sent something that cannot be read.",
  EventTooLargeError: "The server that has the model sent something that cannot be read.",
  GaveUp: "The answer was given up: the processes that worked on it ended, one after the other.",
  InternalServerError: "The server that has the model has failed.",
  LogLost: "The server has lost the rest of the answer.",
  NotAnEventStreamError: "The server that has the model sent something that cannot be read.",
  NotFoundError: "The server that has the model does not know what it was asked for.",
  PermissionDeniedError: "The server that has the model refuses the key of this one.",
  RateLimitError: "The server that has the model takes no more requests now, or a quota is used up.",
  Shutdown: "The server was shut down before the end of the answer.",
  StreamTimeoutError: "The server that has the model was silent for too long.",
  TLSError: "The server that has the model cannot be reached.",
  TooLong: "The answer is longer than this server allows. The rest was left.",
  TransportError: "The connection to the server that has the model broke.",
  TruncatedStreamError: "The connection to the server that has the model broke before the end of the answer.",
  UnprocessableEntityError: "The server that has the model refused the request.",
  WorkerLost: "The process that worked on the answer ended before the answer did.",
};

const CUT = {
  content_filter: "A content filter cut the answer.",
  length: "The answer was cut at the limit of its length.",
  max_output_tokens: "The answer was cut at the limit of its length.",
};

// Returns what there is to say about the end of an answer, and whether it is a complaint.
export function ending({ status, error, finish_reason, calls = [], refusal: refused }) {
  if (status === "requires_action" || (status === "completed" && calls.length > 0)) {
    const shown = calls.map((call) => `${call.name}(${call.arguments})`).join(", ");
    return { text: `The model asks for functions, which this page does not call${shown && `: ${shown}`}.`, isWrong: true };
  }
  switch (status) {
    case "completed":
      return { text: refused ? "The model refuses to answer." : "", isWrong: Boolean(refused) };
    case "cancelled":
      return { text: "Stopped.", isWrong: false };
    case "incomplete":
      return { text: CUT[finish_reason] ?? ERRORS[error] ?? "The answer is not complete.", isWrong: true };
    default:
      return { text: ERRORS[error] ?? `The answer has failed (${error ?? status}).`, isWrong: true };
  }
}

// Returns the figures of an answer, as far as they are known.
export function figures({ usage }, firstAfter) {
  const shown = [];
  if (usage?.output !== undefined) shown.push(usage.output === 1 ? "1 token" : `${usage.output} tokens`);
  if (firstAfter !== undefined) shown.push(`${shown.length ? "first" : "First text"} after ${firstAfter.toFixed(2)} s`);
  return shown.join(", ");
}
