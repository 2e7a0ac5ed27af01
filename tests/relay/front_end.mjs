// A front end made of the AI SDK, without a page: what `useChat` does, told by lines of JSON.
//
//   node front_end.mjs FOLDER MODULE
//
// It reads a line {"name": ..., "url": ..., "given": ...} for each scenario. It writes a line {"note": ...} when something
// happens that the test waits for, and {"value": ...} at the end of the scenario.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [, , folder, module] = process.argv;
const { AbstractChat, DefaultChatTransport, readUIMessageStream, validateUIMessages } = await import(
  pathToFileURL(createRequire(`${folder}/`).resolve(module))
);

let url;
const headers = { "x-user": "alice" };

function write(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

// What `useChat` keeps in the state of a component.
class State {
  status = "ready";
  error = undefined;
  messages;

  constructor(messages, changed) {
    this.messages = messages;
    this.changed = changed;
  }

  pushMessage(message) {
    this.messages = [...this.messages, message];
    this.changed(this.messages);
  }

  popMessage() {
    this.messages = this.messages.slice(0, -1);
  }

  replaceMessage(index, message) {
    this.messages = this.messages.with(index, this.snapshot(message));
    this.changed(this.messages);
  }

  snapshot(value) {
    return structuredClone(value);
  }
}

class Chat extends AbstractChat {
  constructor({ id, messages = [], changed = () => {} }) {
    const transport = new DefaultChatTransport({ api: `${url}/api/chat`, headers });
    super({ id, transport, state: new State(messages, changed), onError() {} });
  }
}

function textOf(message) {
  return message.parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("");
}

// Returns what a page would show, without what is left undefined.
function shown(chat) {
  return { messages: chat.messages, status: chat.status, error: chat.error?.message ?? null };
}

function user(text) {
  return { id: "message-0123456789", role: "user", parts: [{ type: "text", text }] };
}

// Writes a note as soon as the text of the last message is *text*.
function when(text, note) {
  let told = false;
  return (messages) => {
    const last = messages.at(-1);
    if (!told && last?.role === "assistant" && textOf(last) === text) {
      told = true;
      note();
    }
  };
}

const scenarios = {
  // The transport alone, and the reader of its streams.
  async read({ id, text }) {
    const transport = new DefaultChatTransport({ api: `${url}/api/chat`, headers });
    const stream = await transport.sendMessages({
      trigger: "submit-message",
      chatId: id,
      messageId: undefined,
      messages: [user(text)],
      abortSignal: undefined,
    });
    const texts = [];
    let last;
    for await (const message of readUIMessageStream({ stream })) {
      last = message;
      texts.push(textOf(message));
    }
    return { last, texts };
  },

  async reconnect({ id }) {
    const transport = new DefaultChatTransport({ api: `${url}/api/chat`, headers });
    const stream = await transport.reconnectToStream({ chatId: id });
    if (stream === null) return null;
    let last;
    for await (const message of readUIMessageStream({ stream })) last = message;
    return last;
  },

  // Several messages in one chat.
  async talk({ id, texts }) {
    const chat = new Chat({ id });
    for (const text of texts) await chat.sendMessage({ text });
    return shown(chat);
  },

  async regenerate({ id, text }) {
    const chat = new Chat({ id });
    await chat.sendMessage({ text });
    await chat.regenerate();
    return shown(chat);
  },

  // The button that stops an answer, as the documentation of the AI SDK has it.
  async stop({ id, text, until }) {
    let stopping;
    const chat = new Chat({ id, changed: when(until, () => (stopping = stop())) });
    const stop = async () => {
      await fetch(`${url}/api/chat/${id}/stop`, {
        method: "POST",
        headers: { ...headers, "Content-Type": "application/json" },
        body: JSON.stringify({ assistantMessage: chat.messages.at(-1) }),
      });
      await chat.stop();
    };
    await chat.sendMessage({ text });
    await stopping;
    return shown(chat);
  },

  // The page is loaded again while an answer comes: the first one leaves, the second one goes on.
  async reload({ id, text, until }) {
    await new Promise((resolve) => {
      const first = new Chat({ id, changed: when(until, () => first.stop().then(resolve)) });
      first.sendMessage({ text });
    });
    const second = new Chat({
      id,
      messages: [user(text)],
      changed: when(until, () => write({ note: "resumed" })),
    });
    await second.resumeStream();
    return shown(second);
  },

  // A page that begins with what is stored, and goes on with what is running.
  async resume({ id }) {
    const stored = await fetch(`${url}/conversations/${id}?format=ui`, { headers });
    const { messages } = await stored.json();
    if (messages.length > 0) await validateUIMessages({ messages });
    const chat = new Chat({ id, messages, changed: () => write({ note: "changed" }) });
    await chat.resumeStream();
    return shown(chat);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const scenario = JSON.parse(line);
  ({ url } = scenario);
  write({ value: await scenarios[scenario.name](scenario.given) });
}
