import { readFile } from "node:fs/promises"
import type { ServerResponse } from "node:http"
import { stripTypeScriptTypes } from "node:module"
import { sendText } from "./files.ts"
import { HttpError } from "./http-error.ts"

/** The modules that run in a browser unchanged: the clients, the codec, the formats of runs, and the modules that they import. */
const BROWSER_SAFE =
  /^\/onward\/((?:(?:client|protocol|run-client|runs\/formats)\/|(?!index\.))[a-z][a-z-]*)\.(?:js|ts)$/

const entry = import.meta.resolve("onward/protocol")
const root = new URL("..", entry)
const extension = entry.slice(entry.lastIndexOf("."))

/**
 * Serves the library's client and codec to the page, under `/onward/`: the built modules, or in a checkout the TypeScript without its types.
 * Returns false if the path is not one of these modules.
 */
export async function sendLibrary(res: ServerResponse, path: string): Promise<boolean> {
  const name = BROWSER_SAFE.exec(path)?.[1]
  if (name === undefined) return false
  const source = await readFile(new URL(name + extension, root), "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") throw new HttpError(404, "not_found", "The module does not exist. Check the path.")
    throw cause
  })
  sendText(res, "module.js", extension === ".ts" ? stripTypeScriptTypes(source) : source)
  return true
}
