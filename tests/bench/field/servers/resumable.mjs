// The two routes that the README of resumable-stream shows, in plain Node.js: POST makes a stream,
// GET resumes it behind as many characters as the browser has. The package saves no messages, so
// the stream does it when it has come to its end.

import http from "node:http";
import { createRequire } from "node:module";
import { DatabaseSync } from "node:sqlite";
import { Readable } from "node:stream";

// The packages are not beside this file.
const require = createRequire(`${process.env.FIELD_NODE}/`);
const { createResumableStreamContext } = require("resumable-stream");

// It reads REDIS_URL.
const context = createResumableStreamContext({ waitUntil: null });
const database = new DatabaseSync(process.env.FIELD_DB);

async function* deltas() {
  const response = await fetch(`${process.env.FIELD_UPSTREAM}/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model: "words", stream: true, messages: [] }),
  });
  let rest = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.replace(/^data: /, "");
      if (data !== "[DONE]") {
        yield JSON.parse(data).choices[0]?.delta.content ?? "";
      }
    }
  }
}

function makeStream() {
  return new ReadableStream({
    async start(controller) {
      let text = "";
      for await (const delta of deltas()) {
        text += delta;
        controller.enqueue(`data: ${JSON.stringify(delta)}\n\n`);
      }
      database.prepare("INSERT INTO messages (content) VALUES (?)").run(text);
      controller.enqueue("event: done\ndata: {}\n\n");
      controller.close();
    },
  });
}

async function streamFor(request) {
  const url = new URL(request.url, "http://localhost");
  const id = url.pathname.slice("/chat/".length);
  if (request.method === "POST") {
    return context.createNewResumableStream(id, makeStream);
  }
  return context.resumeExistingStream(id, Number(url.searchParams.get("resumeAt")));
}

http
  .createServer(async (request, response) => {
    try {
      const stream = await streamFor(request);
      if (!stream) {
        response.writeHead(422).end("Stream is already done");
        return;
      }
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      Readable.fromWeb(stream)
        .on("error", () => response.destroy())
        .pipe(response);
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  })
  .listen(Number(process.env.FIELD_PORT), "127.0.0.1");
