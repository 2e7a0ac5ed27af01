// Reads one stream with the AI SDK, and prints what came of it as JSON, as readers.py does:
// `node reader.mjs PROBE BASE_URL`. The packages are where COMPARISON_NODE points, which import
// statements do not look at.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.COMPARISON_NODE}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);

const { streamText } = await load("ai");
const { createOpenAI } = await load("@ai-sdk/openai");

const PATIENCE = 10_000;
const STREAMS = 3;

const [probe, baseURL] = process.argv.slice(2);
const provider = createOpenAI({ apiKey: "key", baseURL });
const models = { chat: provider.chat("gpt-5"), responses: provider.responses("gpt-5") };

const ask = (api, more = {}) =>
  streamText({ model: models[api], prompt: "Hello", onError: () => {}, ...more });

const named = (error) => `ai.${error?.name ?? typeof error}`;

async function read(result, { onText = () => {} } = {}) {
  const found = { texts: [], error: null, finish: null, types: new Set() };
  try {
    for await (const part of result.fullStream) {
      found.types.add(part.type);
      if (part.type === "text-delta") {
        found.texts.push(part.text);
        onText();
      }
      if (part.type === "finish") found.finish = part.finishReason;
      if (part.type === "error") found.error = named(part.error);
      if (part.type === "abort") found.error = "ai.abort";
    }
  } catch (error) {
    found.error = named(error);
  }
  return { ...found, types: [...found.types].sort() };
}

const sleep = (milliseconds) => new Promise((wake) => setTimeout(wake, milliseconds));

const probes = {
  chat: () => read(ask("chat")),

  held: () => Promise.race([read(ask("chat")), sleep(PATIENCE).then(() => null)]),

  async chats() {
    const found = [];
    for (let each = 0; each < STREAMS; each++) found.push(await read(ask("chat")));
    return { read: found };
  },

  response: () => read(ask("responses")),

  async background() {
    const first = await read(ask("responses", { providerOptions: { openai: { background: true } } }));
    return { first, finish: first.finish, types: first.types, by_hand: null };
  },

  // There is one thread, and the event loop of it is free while the reader waits.
  async cancel() {
    const controller = new AbortController();
    let begun;
    const first = new Promise((wake) => (begun = wake));
    const reading = read(ask("chat", { abortSignal: controller.signal }), { onText: begun });
    await first;
    await sleep(500);
    const before = performance.now();
    controller.abort();
    const found = await Promise.race([reading, sleep(PATIENCE)]);
    const seconds = found ? (performance.now() - before) / 1000 : null;
    return { seconds, error: found?.error ?? null };
  },

  async cost() {
    for await (const _ of ask("chat").textStream);
    let before = null;
    let pieces = 0;
    for await (const _ of ask("chat").textStream) {
      if (before === null) before = process.cpuUsage();
      else pieces++;
    }
    const used = process.cpuUsage(before);
    return { us: (used.user + used.system) / pieces, pieces };
  },
};

console.log(JSON.stringify(await probes[probe]()));
process.exit(0);
