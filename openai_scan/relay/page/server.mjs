// What the page asks of the server: requests, and streams that are followed to their end through lost connections.

// A browser has six connections to a server over HTTP/1.1, for all of its tabs. Two are left for what is pressed.
const AT_ONCE = 4;

const LONGEST = 8000;

// Why there is no answer to a request; the status is 0 if the server cannot be reached.
export class Refusal extends Error {
  constructor(status, retryAfter = 0) {
    super(`refused with status ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  // Whether the same request may succeed in a moment.
  get isPassing() {
    return [0, 502, 503, 504].includes(this.status);
  }
}

// Returns an id that no other has: 24 letters, digits, "-" and "_".
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(18));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

// Sends a request, a POST if it has a body, and returns the JSON of the answer.
export async function request(path, { body, signal } = {}) {
  const post = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path, { signal, cache: "no-store", ...(body === undefined ? {} : post) });
    if (response.ok && !response.redirected) return await response.json();
  } catch {
    signal?.throwIfAborted();
    throw new Refusal(response?.ok ? 502 : 0);
  }
  // Where a page asks users to sign in, requests are sent there.
  throw new Refusal(response.redirected ? 401 : response.status, Number(response.headers.get("Retry-After")) || 0);
}

// Waits longer each time, by chance more or less, so that not all browsers come back at once. It ends early when the
// network is back, or the page is looked at again.
export function pause(tries, signal) {
  const time = Math.min(LONGEST, 400 * 2 ** tries) * (0.75 + Math.random() / 2);
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const end = (act, value) => {
      clearTimeout(timer);
      over.abort();
      act(value);
    };
    const timer = setTimeout(end, time, resolve);
    const listen = (target, name, act) => target.addEventListener(name, act, { signal: over.signal });
    listen(window, "online", () => end(resolve));
    listen(document, "visibilitychange", () => document.hidden || end(resolve));
    listen(signal, "abort", () => end(reject, signal.reason));
    if (signal.aborted) end(reject, signal.reason);
  });
}

// Sends a request until it is answered or refused for good. *trouble* is called with each refusal that may pass.
export async function insist(path, { body, signal, trouble }) {
  for (let tries = 0; ; tries++) {
    try {
      return await request(path, { body, signal });
    } catch (error) {
      if (!(error instanceof Refusal && error.isPassing)) throw error;
      trouble(error);
    }
    await pause(tries, signal);
  }
}

// Follows an answer to its end, and returns how it ended: what `done` says, or the message as it is stored.
//
// *show* has methods for what comes: connected(), waiting(), lost(), reset(text), delta(data); and look(), which returns the
// stored message, or undefined if it is not to be had. An `EventSource` does not say why it has failed.
export async function follow(id, show, signal) {
  const reader = { cursor: "", hasNews: false };
  for (let tries = 0; ; ) {
    const end = await inTurn(() => read(id, reader, show, signal), show.waiting, signal);
    if (end) return end;
    if (reader.hasNews) tries = 0;
    reader.hasNews = false;
    show.lost();
    let message;
    while (message === undefined) {
      await pause(tries++, signal);
      message = await show.look();
    }
    if (message.status !== "running") return message;
  }
}

// Reads until the end, which is returned, or until the connection is lost.
function read(id, reader, show, signal) {
  const after = reader.cursor && `?after=${encodeURIComponent(reader.cursor)}`;
  return new Promise((resolve, reject) => {
    const source = new EventSource(`streams/${id}/events${after}`);
    const over = new AbortController();
    const end = (act, value) => {
      source.close();
      over.abort();
      act(value);
    };
    const on = (name, act) =>
      source.addEventListener(name, (event) => {
        reader.cursor = event.lastEventId;
        reader.hasNews = true;
        act(JSON.parse(event.data));
      });
    source.onopen = show.connected;
    on("delta", show.delta);
    on("reset", ({ text }) => show.reset(text));
    on("done", (data) => end(resolve, data));
    // It would come back by itself after some failures, at a steady pace, but not after a status such as 503.
    source.onerror = () => end(resolve, null);
    window.addEventListener("online", () => end(resolve, null), { signal: over.signal });
    signal.addEventListener("abort", () => end(reject, signal.reason), { signal: over.signal });
    if (signal.aborted) end(reject, signal.reason);
  });
}

// Does something when it is its turn: no more than AT_ONCE are at it. *waiting* is called if that takes a while.
async function inTurn(act, waiting, signal) {
  const timer = setTimeout(waiting, 1000);
  let free = () => {};
  try {
    free = await (navigator.locks ? takePlace(signal) : takeLane());
    clearTimeout(timer);
    return await act();
  } finally {
    clearTimeout(timer);
    free();
  }
}

// Returns what gives the place back. All tabs share the places.
function takePlace(signal) {
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const end = (act, value) => {
      over.abort();
      act(value);
    };
    for (let place = 0; place < AT_ONCE; place++) {
      const keep = () => (over.signal.aborted ? undefined : new Promise((free) => end(resolve, free)));
      const asked = navigator.locks.request(`relay-${place}`, { signal: over.signal }, keep);
      // A browser that stores nothing may refuse locks.
      asked.catch(() => over.signal.aborted || end(resolve, () => {}));
    }
    // Chromium may miss what is aborted while it still asks whether there may be locks.
    signal.addEventListener("abort", () => end(reject, signal.reason), { signal: over.signal });
    if (signal.aborted) end(reject, signal.reason);
  });
}

// The same for this tab alone: browsers have locks only at https: and for this machine.
const lanes = Array(AT_ONCE).fill(Promise.resolve());
let taken = 0;

async function takeLane() {
  const lane = taken++ % AT_ONCE;
  const before = lanes[lane];
  let free;
  lanes[lane] = new Promise((resolve) => (free = resolve));
  await before;
  return free;
}
