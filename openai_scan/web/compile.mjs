// Byte-compiles archives in Pyodide: node compile.mjs PYODIDE_FOLDER COMPILING_PY SOURCE_ZIP TARGET_ZIP ...
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, program, ...archives] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`));
// Without the columns of each instruction, which nobody sees in a page, the code is a quarter smaller.
const pyodide = await loadPyodide({ env: { HOME: "/home/pyodide", PYTHONNODEBUGRANGES: "1" } });
pyodide.runPython(readFileSync(program, "utf8"));
for (let at = 0; at < archives.length; at += 2) {
  pyodide.FS.writeFile("/source.zip", new Uint8Array(readFileSync(archives[at])));
  pyodide.runPython("compile_archive('/source.zip', '/target.zip')");
  writeFileSync(archives[at + 1], pyodide.FS.readFile("/target.zip"));
}
process.exit(0);
