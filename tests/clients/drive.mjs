// Does what its argument says with a client in JavaScript, and prints what came of it as JSON.
// The clients are installed where NODE_CLIENTS points, which import statements do not look at.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.NODE_CLIENTS}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);

const { default: OpenAI } = await load("openai");
const { streamText, generateText, tool, stepCountIs } = await load("ai");
const { createOpenAI } = await load("@ai-sdk/openai");
const { z } = await load("zod");

const messages = [{ role: "user", content: "Hello" }];
const client = new OpenAI({ maxRetries: 0 });
const provider = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL });
const model = (api) => (api === "chat" ? provider.chat("m") : provider.responses("m"));
const weather = tool({
  description: "Tell the weather.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

const actions = {
  async chat() {
    const runner = client.chat.completions.stream({
      model: "m",
      messages,
      stream_options: { include_usage: true },
    });
    const completion = await runner.finalChatCompletion();
    const whole = await client.chat.completions.create({ model: "m", messages });
    return [
      completion.choices[0].message.content,
      completion.usage.total_tokens,
      whole.choices[0].message.content,
    ];
  },

  async responses() {
    const texts = [];
    const stream = client.responses.stream({ model: "m", input: "Hello" });
    stream.on("response.output_text.delta", (event) => texts.push(event.delta));
    const final = await stream.finalResponse();
    const whole = await client.responses.create({ model: "m", input: "Hello" });
    return [texts, final.output_text, whole.output_text];
  },

  async assistants() {
    const seen = new Set();
    for (let round = 0; round < 2; round++) {
      const run = client.beta.threads.runs.stream("thread_1", { assistant_id: "a" });
      for (const name of ["runStepCreated", "runStepDelta", "runStepDone", "toolCallCreated",
        "toolCallDelta", "toolCallDone", "messageCreated", "messageDone", "textDone"]) {
        run.on(name, () => seen.add(name));
      }
      await run.done();
    }
    return [...seen].sort();
  },

  async background() {
    let made = await client.responses.create({ model: "m", input: "Hello", background: true });
    const statuses = [made.status];
    while (made.status !== "completed") {
      made = await client.responses.retrieve(made.id);
      statuses.push(made.status);
    }
    return [statuses, made.output_text];
  },

  async error() {
    try {
      await client.responses.create({ model: "m", input: "Hello", stream: true });
    } catch (error) {
      return [error instanceof OpenAI.RateLimitError, error.code, error.type];
    }
  },

  async ai_stream(api) {
    const result = streamText({ model: model(api), prompt: "Hello" });
    const texts = [];
    for await (const text of result.textStream) texts.push(text);
    return [texts.join(""), (await result.usage).outputTokens];
  },

  async ai_tools(api) {
    const settings = { model: model(api), tools: { weather }, stopWhen: stepCountIs(3) };
    const result = await generateText({ ...settings, prompt: "Hello" });
    return [result.text, result.steps.length];
  },
};

const [action, ...rest] = process.argv.slice(2);
console.log(JSON.stringify(await actions[action](...rest)));
