// Shows a conversation. Its id is the fragment of the address, so a reload and another tab show the same. All text is put into
// text nodes, so nothing that a model says becomes markup.
import { Refusal, follow, insist, newId, pause, request } from "./server.mjs";
import { ending, figures, refusal } from "./words.mjs";

const element = (id) => document.getElementById(id);
const [log, hint, status, ask, question] = ["log", "hint", "status", "ask", "question"].map(element);
const [send, stop, fresh, models, model] = ["send", "stop", "new", "models", "model"].map(element);

// What was sent and is not known to have arrived: it is sent again after a reload, with the same id.
const UNSENT = "openai-scan-relay-unsent";

// The model that was chosen last.
const MODEL = "openai-scan-relay-model";

// Tells the other tabs of this browser that a conversation goes on.
const others = new BroadcastChannel("relay");

// The conversation that is shown: its id, the messages by their keys, the ids of the answers that come, and what
// ends all work on it.
let shown;

function say(text, isWrong = false) {
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle("wrong", isWrong);
}

// What runs can be stopped; the form stays as large as it is.
function showBusy() {
  const isBusy = shown.running.size > 0;
  send.hidden = isBusy;
  stop.hidden = !isBusy;
  hint.hidden = shown.isKnown;
}

function add(parent, tag, text = "", name = "") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  parent.append(made);
  return made;
}

// Whether the end of the log is kept in sight: not after one has scrolled back, or unfolded something to read it.
let isAtEnd = true;
let lastTop = 0;

log.onscroll = () => {
  if (log.scrollHeight - log.scrollTop - log.clientHeight < 60) isAtEnd = true;
  else if (log.scrollTop < lastTop) isAtEnd = false; // what is added below moves nothing up
  lastTop = log.scrollTop;
};

// Looks once for all that was added since the last picture.
const sizes = new ResizeObserver(() => {
  if (isAtEnd) log.scrollTop = log.scrollHeight;
});
sizes.observe(log);

// A message in the page.
class Article {
  constructor(role, text) {
    this.element = add(log, "article", "", role === "user" ? "user" : "model");
    add(this.element, "h2", role === "user" ? "You" : "Model");
    this.paragraph = add(this.element, "p");
    this.text = this.paragraph.appendChild(document.createTextNode(text));
    const footer = add(this.element, "footer");
    this.about = add(footer, "small");
    const copy = add(footer, "button", "Copy");
    copy.type = "button";
    copy.onclick = () => copyText(this.text.data, copy);
    sizes.observe(this.element);
  }

  remove() {
    this.element.remove();
  }

  setBusy(isBusy) {
    // A screen reader reads the whole answer, not each token.
    if (isBusy) this.element.setAttribute("aria-busy", "true");
    else this.element.removeAttribute("aria-busy");
  }

  reset(text) {
    this.text.data = text;
    if (text) return;
    this.reasoning?.parentElement.remove();
    this.reasoning = undefined;
  }

  add(pieces) {
    for (const { text, reasoning, refusal: refused, choice = 0 } of pieces) {
      if (choice !== 0) continue;
      if (reasoning) this.reason(reasoning);
      if (text || refused) this.text.appendData(text ?? refused);
      if (refused) this.isRefusal = true;
    }
  }

  reason(text) {
    if (this.reasoning === undefined) {
      const details = document.createElement("details");
      add(details, "summary", "Reasoning").onclick = () => {
        isAtEnd = false;
      };
      this.reasoning = details.appendChild(document.createTextNode(""));
      this.paragraph.before(details);
    }
    this.reasoning.appendData(text);
  }

  // Shows how the answer ended; *message* is what `done` says, or a stored message.
  end(message, firstAfter) {
    if (message.text !== undefined) this.text.data = message.text || message.refusal || "";
    if (message.reasoning && this.reasoning === undefined) this.reason(message.reasoning);
    this.setBusy(false);
    const { text, isWrong } = ending({ refusal: this.isRefusal, ...message });
    const unsaved = message.saved === false ? "Not saved yet: the server goes on trying." : "";
    this.about.textContent = [text, unsaved, figures(message, firstAfter)].filter(Boolean).join(" ");
    this.about.className = isWrong || unsaved ? "wrong" : "";
  }
}

async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    say("The browser does not allow this page to copy.", true);
    return;
  }
  button.textContent = "Copied";
  say("The message is copied.");
  button.onblur = button.onpointerleave = () => {
    button.textContent = "Copy";
  };
}

// Shows the conversation that the address names, or a new one.
async function show() {
  shown?.ended.abort();
  const name = location.hash.slice(1);
  const isKnown = /^[A-Za-z0-9_-]{16,64}$/.test(name);
  shown = { id: isKnown ? name : newId(), isKnown, messages: new Map(), running: new Set(), ended: new AbortController() };
  log.replaceChildren();
  isAtEnd = true;
  document.title = "Chat";
  say("");
  showBusy();
  const mine = shown;
  try {
    const messages = isKnown ? await load(mine, (error) => say(`${refusal(error)} Trying again…`, true)) : [];
    if (mine !== shown || sendUnsent(mine)) return;
    if (isKnown && messages.length === 0) say(refusal({ status: 404 }), true);
  } catch (error) {
    complain(mine, error);
  }
}

// Says why something was refused; a conversation that is not shown any more has ended its requests.
function complain(conversation, error) {
  if (conversation !== shown) return;
  if (!(error instanceof Refusal)) throw error;
  say(refusal(error), true);
}

// Returns the messages of a conversation as they are stored; none if there is no such conversation.
async function stored(conversation, trouble) {
  const path = `conversations/${conversation.id}`;
  const { signal } = conversation.ended;
  try {
    return (await (trouble ? insist(path, { signal, trouble }) : request(path, { signal }))).messages;
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return [];
    throw error;
  }
}

// Adds the messages that are not shown yet, and returns all of them.
async function load(conversation, trouble) {
  const messages = await stored(conversation, trouble);
  if (conversation !== shown) return [];
  if (trouble) say("");
  messages.forEach((message, place) => {
    if (message.role === "user") {
      // What the user has written goes by the id of the answer to it, which the page knows from the beginning.
      addPrompt(messages[place + 1]?.id ?? message.id, message.text);
    } else if (!conversation.messages.has(message.id)) {
      const article = new Article("assistant", "");
      conversation.messages.set(message.id, article);
      if (message.status === "running") watch(message.id, article);
      else article.end(message);
    }
  });
  showBusy();
  return messages;
}

function addPrompt(answer, text) {
  const key = `to ${answer}`;
  if (shown.messages.has(key)) return;
  if (shown.messages.size === 0) document.title = `${text.slice(0, 60)} - Chat`;
  shown.messages.set(key, new Article("user", text));
}

const OUTCOMES = { completed: [""], cancelled: ["Stopped."] };

// Shows an answer while it comes.
async function watch(id, article, sentAt) {
  const conversation = shown;
  const { signal } = conversation.ended;
  let firstAfter;
  conversation.running.add(id);
  article.setBusy(true);
  showBusy();
  say("Waiting for the answer…");
  const came = () => article.text.data || article.reasoning;
  const goesOn = () => say(conversation.isStopping ? "Stopping…" : came() ? "Answering…" : "Waiting for the answer…");
  const following = {
    connected: goesOn,
    waiting: () => say("This browser shows four answers at a time. This one follows as soon as another has ended."),
    lost: () => {
      sentAt = undefined; // when the first token was here is not known any more
      say("The connection is lost. Reconnecting…", true);
    },
    reset: (text) => article.reset(text),
    delta: (data) => {
      if (!came()) {
        if (sentAt !== undefined) firstAfter = (performance.now() - sentAt) / 1000;
        article.add(data.pieces ?? [data]);
        goesOn();
      } else article.add(data.pieces ?? [data]);
    },
    look: () => find(conversation, id, (error) => say(`${refusal(error)} Reconnecting…`, true)),
  };
  try {
    const end = await follow(id, following, signal);
    conversation.running.delete(id);
    article.end(end, firstAfter);
    conversation.isStopping = false;
    say(...(OUTCOMES[end.status] ?? ["The answer is not complete.", true]));
    showBusy();
    if (end.saved === false) await awaitSaved(conversation, id, article, firstAfter);
  } catch (error) {
    complain(conversation, error);
  }
}

// Returns a message of a conversation as it is stored, or undefined if it is not to be had.
async function find(conversation, id, trouble) {
  try {
    const found = (await stored(conversation)).find((message) => message.id === id);
    if (found === undefined) trouble(new Refusal(404));
    return found;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    trouble(error);
    return undefined;
  }
}

async function awaitSaved(conversation, id, article, firstAfter) {
  let message;
  for (let tries = 1; message === undefined || message.status === "running"; tries++) {
    await pause(tries, conversation.ended.signal);
    message = await find(conversation, id, () => {});
  }
  article.end(message, firstAfter);
}

// Sends what the user has written; the same id starts no second answer.
async function submit(unsent) {
  const conversation = shown;
  const withdrawn = new AbortController();
  const signal = AbortSignal.any([conversation.ended.signal, withdrawn.signal]);
  const sentAt = performance.now();
  sessionStorage.setItem(UNSENT, JSON.stringify(unsent));
  isAtEnd = true;
  if (!conversation.isKnown) history.pushState(null, "", `#${conversation.id}`);
  conversation.isKnown = true;
  addPrompt(unsent.id, unsent.prompt);
  conversation.running.add(unsent.id);
  conversation.isSending = true;
  showBusy();
  say("Sending…");
  const trouble = (error) => {
    say(`${refusal(error)} Sending again…`, true);
    conversation.withdraw = () => withdrawn.abort();
    if (conversation.isStopping) withdrawn.abort();
  };
  try {
    await insist("streams", { body: unsent, signal, trouble });
  } catch (error) {
    if (conversation !== shown) return; // it stays unsent
    takeBack(conversation, unsent);
    if (!withdrawn.signal.aborted) complain(conversation, error);
    else say("Not sent.");
    refresh(); // for the case that only the confirmation was lost
    return;
  } finally {
    conversation.isSending = false;
    conversation.withdraw = undefined;
  }
  sessionStorage.removeItem(UNSENT);
  others.postMessage(conversation.id);
  if (conversation !== shown) return;
  const article = new Article("assistant", "");
  conversation.messages.set(unsent.id, article);
  watch(unsent.id, article, sentAt);
  if (conversation.isStopping) stopAll();
}

// Puts what was not taken back to where it was written.
function takeBack(conversation, unsent) {
  sessionStorage.removeItem(UNSENT);
  conversation.running.delete(unsent.id);
  conversation.isStopping = false;
  const key = `to ${unsent.id}`;
  conversation.messages.get(key).remove();
  conversation.messages.delete(key);
  question.value = [unsent.prompt, question.value].filter(Boolean).join("\n\n");
  showBusy();
}

// Sends again what was on its way when the page was left. Returns whether there was anything.
function sendUnsent(conversation) {
  const unsent = JSON.parse(sessionStorage.getItem(UNSENT));
  if (unsent?.conversation !== conversation.id) return false;
  if (conversation.messages.has(unsent.id)) sessionStorage.removeItem(UNSENT);
  else submit(unsent);
  return true;
}

// Stops what is running. What is still being sent is stopped as soon as it has arrived, or not sent again.
async function stopAll() {
  const conversation = shown;
  if (conversation.running.size === 0) return;
  conversation.isStopping = true;
  if (conversation.withdraw) {
    conversation.withdraw();
    return;
  }
  say("Stopping…");
  if (conversation.isSending) return;
  const { signal } = conversation.ended;
  const trouble = (error) => say(`${refusal(error)} Stopping again…`, true);
  try {
    await Promise.all([...conversation.running].map((id) => insist(`streams/${id}/stop`, { body: {}, signal, trouble })));
  } catch (error) {
    conversation.isStopping = false;
    complain(conversation, error);
  }
}

ask.onsubmit = (event) => {
  event.preventDefault();
  const prompt = question.value.trim();
  if (!prompt || shown.running.size > 0) return;
  question.value = "";
  question.focus();
  submit({ id: newId(), conversation: shown.id, prompt, ...(models.hidden ? {} : { model: model.value }) });
};

question.onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    ask.requestSubmit();
  }
};

document.onkeydown = (event) => {
  if (event.key === "Escape" && !event.isComposing) stopAll();
};

stop.onclick = () => {
  stopAll();
  question.focus(); // the button is about to go
};

fresh.onclick = () => {
  if (location.hash) history.pushState(null, "", location.pathname + location.search);
  show();
  question.focus();
};

onpopstate = show;

// Adds messages from elsewhere: from another tab, or from another browser while this page was hidden.
async function refresh() {
  const conversation = shown;
  if (!conversation.isKnown || conversation.running.size > 0) return;
  try {
    await load(conversation);
  } catch (error) {
    complain(conversation, error);
  }
}

others.onmessage = ({ data }) => data === shown.id && refresh();
document.addEventListener("visibilitychange", () => document.hidden || refresh());

async function listModels() {
  const { models: names } = await insist("models", { signal: new AbortController().signal, trouble: () => {} });
  model.replaceChildren(...names.map((name) => new Option(name, name)));
  const chosen = localStorage.getItem(MODEL);
  if (names.includes(chosen)) model.value = chosen;
  models.hidden = names.length < 2;
}

model.onchange = () => localStorage.setItem(MODEL, model.value);

show();
listModels().catch((error) => {
  if (!(error instanceof Refusal)) throw error;
  say(refusal(error), true);
});
if (matchMedia("(hover: hover)").matches) question.focus();
