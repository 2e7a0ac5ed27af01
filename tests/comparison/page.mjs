// A web page that streams with the AI SDK from a server that is not its own, and shows what came.

import { createOpenAI } from "@ai-sdk/openai";
import { streamText } from "ai";

const baseURL = new URLSearchParams(location.search).get("base");
const found = { texts: [], error: null };
const provider = createOpenAI({ apiKey: "key", baseURL });
const result = streamText({
  model: provider.chat("gpt-5"),
  prompt: "Hello",
  maxRetries: 0,
  onError: ({ error }) => (found.error = String(error)),
});
for await (const text of result.textStream) found.texts.push(text);
document.body.textContent = JSON.stringify(found);
