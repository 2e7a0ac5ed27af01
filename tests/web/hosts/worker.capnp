# What workerd runs worker.mjs with. The test adds the address of the server that stands for OpenAI.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "pyodide.mjs", esModule = embed "pyodide.mjs"),
    (name = "pyodide.asm.mjs", esModule = embed "pyodide.asm.mjs"),
    (name = "pyodide.asm.wasm", wasm = embed "pyodide.asm.wasm"),
    (name = "pyodide-lock.json", json = embed "pyodide-lock.json"),
    (name = "python_stdlib.zip", data = embed "python_stdlib.zip"),
    (name = "bundle.zip", data = embed "bundle.zip"),
    (name = "sdk.whl", data = embed "sdk.whl"),
    (name = "entry.py", text = embed "entry.py"),
  ],
  compatibilityDate = "2026-11-01",
  # With them Pyodide takes workerd for Node.js.
  compatibilityFlags = ["no_nodejs_compat", "no_nodejs_compat_v2"],
  bindings = [
    (name = "UNSAFE_EVAL", unsafeEval = void),
    (name = "OPENAI_API_KEY", text = "sk-mine"),
    (name = "OPENAI_BASE_URL", text = embed "base_url"),
  ],
);
