// Shows what openai_scan.web.chat does. All text is put into text nodes, so nothing that a server says becomes markup.
const element = (id) => document.getElementById(id);
const [log, status, server, ask, question] = ["log", "status", "server", "ask", "question"].map(element);
const [send, stop, list, fresh] = ["send", "stop", "list", "new"].map(element);
const PYODIDE = document.querySelector("meta[name=pyodide]").content;

let chat = null;
let busy = false;

function say(text, failed = false) {
  status.textContent = text;
  status.classList.toggle("wrong", failed);
}

function setBusy(value) {
  busy = value;
  send.hidden = value;
  stop.hidden = !value;
  send.disabled = list.disabled = fresh.disabled = value || chat === null;
}

function add(parent, tag, text, name = "") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  parent.append(made);
  return made;
}

function addMessage(who, text) {
  const article = add(log, "article", "", who === "You" ? "user" : "model");
  add(article, "h2", who);
  add(article, "p", text);
  log.scrollTop = log.scrollHeight;
  return article;
}

// Waits for a method of Python, which may itself wait, and returns what it returns as plain values.
async function call(method, ...args) {
  const result = await chat[method].callPromising(...args);
  const plain = { text: result.text, failed: result.failed, names: result.names.toJs() };
  result.destroy();
  return plain;
}

async function answer(text) {
  const article = addMessage("Model", "");
  const words = article.querySelector("p").appendChild(document.createTextNode(""));
  article.setAttribute("aria-busy", "true"); // a screen reader reads the whole answer, not each token
  const show = (piece) => {
    const follows = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (!words.data) say("Answering…");
    words.appendData(piece);
    if (follows) log.scrollTop = log.scrollHeight;
  };
  const given = [server.url.value, server.key.value, server.model.value, text, show];
  const { text: about, failed } = await call("ask", ...given).finally(() => article.removeAttribute("aria-busy"));
  add(article, "small", about, failed ? "wrong" : "");
  log.scrollTop = log.scrollHeight;
  if (!failed) return say("");
  say(words.data ? "The answer is incomplete." : "There is no answer.", true);
  if (!words.data && !question.value) question.value = text; // to be sent again
}

ask.onsubmit = async (event) => {
  event.preventDefault();
  const text = question.value.trim();
  if (busy || chat === null || !text) return;
  if (!server.reportValidity()) {
    element("settings").open = true;
    return;
  }
  element("settings").open = false;
  question.value = "";
  addMessage("You", text);
  setBusy(true);
  say("Waiting for the answer…");
  try {
    await answer(text);
  } catch (error) {
    say(`The page has failed: ${error.message.trim().split("\n").at(-1)}`, true);
    throw error;
  } finally {
    setBusy(false);
    question.focus();
  }
};

question.onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    ask.requestSubmit();
  }
};

document.onkeydown = (event) => {
  if (event.key === "Escape" && busy) chat.stop();
};

stop.onclick = () => chat.stop();

fresh.onclick = () => {
  chat.forget();
  log.replaceChildren();
  say("");
  question.focus();
};

server.onsubmit = async (event) => {
  event.preventDefault();
  if (busy || chat === null) return;
  setBusy(true);
  say("Asking for the models…");
  try {
    const { text, failed, names } = await call("models", server.url.value, server.key.value);
    element("names").replaceChildren(...names.map((name) => new Option(name, name)));
    if (!failed && !server.model.value) server.model.value = names[0] ?? "";
    say(failed ? text : `${names.length} models`, failed);
  } finally {
    setBusy(false);
  }
};
// The model need not be known in order to list the models.
list.formNoValidate = true;

async function load() {
  const bundle = fetch("bundle.zip").then((response) => response.arrayBuffer());
  const { loadPyodide } = await import(new URL("pyodide.mjs", new URL(PYODIDE, document.baseURI)));
  const pyodide = await loadPyodide();
  performance.mark("pyodide"); // for `make bench-browser`
  pyodide.FS.writeFile("/bundle.zip", new Uint8Array(await bundle));
  pyodide.runPython("import sys; sys.path.insert(0, '/bundle.zip')");
  const { load } = pyodide.pyimport("openai_scan.web.loading");
  const { Chat } = await load.callPromising("openai_scan.web.chat");
  await load.callPromising("openai_scan.events.chat"); // or the first answer would import it, in one piece
  chat = Chat((text) => say(text));
}

setBusy(false); // Firefox enables at a reload what was enabled before
if (WebAssembly.Suspending) {
  load().then(
    () => {
      say("Ready.");
      setBusy(false);
    },
    (error) => say(`Python could not be loaded: ${error.message}`, true),
  );
} else {
  say("This page suspends Python while it waits (JSPI). Use Chrome or Edge 137, Firefox 153, Safari 27, or later.", true);
}
