import { createRequire } from "node:module"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { UsageError } from "./usage-error.ts"

/**
 * Loads an optional package, from beside this package or from the current folder, which is the only one for hubs started with npx or installed
 * globally. Rejects with `UsageError` if it is in neither.
 * @param what begins the sentence of the error: what needs the package
 */
export async function installed<Module>(what: string, name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  try {
    const path = createRequire(join(process.cwd(), "package.json")).resolve(name)
    return (await import(pathToFileURL(path).href)) as Module
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new UsageError(`${what} ${name}, which is not installed. Run npm install ${name}.`)
  }
}

const isMissing = (error: unknown): boolean =>
  ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes((error as { readonly code?: string }).code ?? "")
