// Runs the functions of scenarios.py in Pyodide. It reads a JSON object a line, {name, args, how} or {poke: true}, and
// writes one a line: {ready}, {note} as often as a scenario says something, and {value} or {error} at its end.
import { readFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [pyodideFolder, bundle, scenarios, without] = process.argv.slice(2);
if (without === "jspi") {
  delete WebAssembly.Suspending;
  delete WebAssembly.promising;
}
const write = (message) => writeSync(1, JSON.stringify(message) + "\n");
const { loadPyodide } = await import(pathToFileURL(`${pyodideFolder}/pyodide.mjs`));
const py = await loadPyodide({ stdout: (line) => writeSync(2, line + "\n"), stderr: (line) => writeSync(2, line + "\n") });
py.FS.writeFile("/bundle.zip", new Uint8Array(readFileSync(bundle)));
py.FS.writeFile("/scenarios.py", new Uint8Array(readFileSync(scenarios)));
py.runPython("import sys; sys.path[:0] = ['/bundle.zip', '/']");

globalThis.note = (text) => write({ note: text });
globalThis.onPoke = null;

const enter = {
  // As a page should: Python may wait.
  promise: (code) => py.runPythonAsync(code),
  // Python may not wait.
  plain: (code) => py.runPython(code),
  callback: (code) =>
    new Promise((resolve, reject) => {
      const run = py.runPython(`lambda: eval(${JSON.stringify(code.split("\n").at(-1))})`);
      py.runPython(code.split("\n").slice(0, -1).join("\n"));
      setTimeout(() => {
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      });
    }),
};

async function run({ name, args, how }) {
  py.globals.set("given", JSON.stringify(args));
  const call = `scenarios.${name}(**json.loads(given))`;
  const imports = "import json, scenarios\n";
  try {
    const value = await enter[how](`${imports}json.dumps(${how === "promise" ? `await scenarios.result_of(${call})` : call})`);
    write({ value: JSON.parse(value) });
  } catch (error) {
    write({ error: String(error.message).slice(-3000) });
  }
}

write({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  if (asked.poke) globalThis.onPoke?.();
  else run(asked);
}
process.exit(0);
