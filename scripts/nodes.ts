import { fetchRuntime } from "./runtime.ts"

/** The oldest supported release (`engines`), a release of the next LTS version, and the one used for development. */
export const NODES: readonly string[] = ["22.13.0", "24.21.0", process.versions.node]

const preparation = new URL("older-node.mjs", import.meta.url).href

/** Returns the flags of a version. Before 22.18, Node strips types only with a flag. `older-node.mjs` adds other missing features. */
export const flagsOf = (version: string): string[] =>
  version.startsWith("22.")
    ? ["--experimental-strip-types", "--disable-warning=ExperimentalWarning", `--import=${preparation}`]
    : []

/** Returns the program of a version, which is fetched once from the npm package `node`. */
export const nodeOf = (version: string): string =>
  version === process.versions.node ? process.execPath : fetchRuntime("node", version)
