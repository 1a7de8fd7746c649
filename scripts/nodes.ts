import { fetchRuntime } from "./runtime.ts"

/** The oldest release the packages claim (`engines`), the line between, and the one developed on. */
export const NODES: readonly string[] = ["22.13.0", "24.21.0", process.versions.node]

const preparation = new URL("older-node.mjs", import.meta.url).href

/** Node 22 strips types only when asked to until 22.18, and each warns about it; more it learns by `older-node.mjs`. */
export const flagsOf = (version: string): string[] =>
  version.startsWith("22.")
    ? ["--experimental-strip-types", "--disable-warning=ExperimentalWarning", `--import=${preparation}`]
    : []

/** The program of that version, fetched once through the npm package `node`. */
export const nodeOf = (version: string): string =>
  version === process.versions.node ? process.execPath : fetchRuntime("node", version)
