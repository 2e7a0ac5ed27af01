// Runs a Python Worker, entry.py, with Pyodide of npm. At Cloudflare workerd does that itself, with a build of Pyodide that
// it downloads. What Pyodide expects of a browser and workerd does not have is put in its place while it starts.
import * as workers from "cloudflare:workers";
import createPyodideModule from "pyodide.asm.mjs";
import { loadPyodide } from "pyodide.mjs";
import bundle from "bundle.zip";
import entry from "entry.py";
import lock from "pyodide-lock.json";
import sdk from "sdk.whl";
import stdlib from "python_stdlib.zip";
import wasm from "pyodide.asm.wasm";

// A Worker may not draw random numbers before its first request. So Cloudflare guards these functions in the same way.
const IMPORT = `
import os, random

begun = False

def guarded(function):
    def call(*args):
        if not begun:
            raise RuntimeError("a Worker may not draw random numbers before its first request")
        return function(*args)

    return call

os.urandom, random.random = guarded(os.urandom), guarded(random.random)
from entry import Default
from workers import Request

begun = True

async def fetch(ctx, env, request):
    return (await Default(ctx, env).fetch(Request(request))).js_object

fetch
`;

async function start(env) {
  const { instantiate, Module } = WebAssembly;
  const compiled = (bytes) => env.UNSAFE_EVAL.newWasmModule(bytes);
  WebAssembly.Module = new Proxy(Module, { construct: (_, [bytes]) => compiled(bytes) });
  WebAssembly.instantiateStreaming = async (_, imports) => ({ module: wasm, instance: await instantiate(wasm, imports) });
  const { addEventListener, fetch, MessageChannel } = globalThis;
  globalThis.addEventListener = () => {};
  globalThis.MessageChannel = undefined; // workerd does not wait for its messages
  globalThis.location = "http://pyodide.invalid/";
  globalThis.fetch = async (url) => new Response(String(url).endsWith("python_stdlib.zip") ? stdlib : "");
  const python = await loadPyodide({ createPyodideModule, indexURL: globalThis.location, lockFileContents: lock });
  Object.assign(globalThis, { addEventListener, fetch, MessageChannel });
  delete globalThis.location;

  python.registerJsModule("_cloudflare_compat_flags", {});
  python.registerJsModule("_pyodide_entrypoint_helper", { cloudflareWorkersModule: workers, patchWaitUntil });
  python.FS.writeFile("/bundle.zip", new Uint8Array(bundle));
  python.FS.writeFile("/sdk.zip", new Uint8Array(sdk));
  python.FS.writeFile("/home/pyodide/entry.py", entry);
  python.globals.set("base_url", env.OPENAI_BASE_URL);
  python.runPython("import os, sys; sys.path[:0] = ['/bundle.zip', '/sdk.zip']; os.environ['OPENAI_BASE_URL'] = base_url");
  return python.runPython(IMPORT);
}

// Has a context take coroutines, which Python lends for the call only.
function patchWaitUntil(context) {
  const waitUntil = context.waitUntil.bind(context);
  const finished = async (task) => {
    try {
      await task;
    } finally {
      task.destroy();
    }
  };
  context.waitUntil = (task) => waitUntil(finished(task.copy()));
}

let handler;
export default {
  async fetch(request, env, context) {
    handler ??= start(env);
    return (await handler)(context, env, request);
  },
};
