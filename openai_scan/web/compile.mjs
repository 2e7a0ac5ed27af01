// Byte-compiles a bundle in Pyodide: node compile.mjs PYODIDE_FOLDER COMPILING_PY SOURCE_ZIP TARGET_ZIP
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, program, source, target] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`));
// Without the columns of each instruction, which nobody sees in a page, the code is a quarter smaller.
const pyodide = await loadPyodide({ env: { HOME: "/home/pyodide", PYTHONNODEBUGRANGES: "1" } });
pyodide.FS.writeFile("/source.zip", new Uint8Array(readFileSync(source)));
pyodide.runPython(readFileSync(program, "utf8") + "\ncompile_bundle('/source.zip', '/target.zip')");
writeFileSync(target, pyodide.FS.readFile("/target.zip"));
process.exit(0);
