import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { resolve } from "node:path"

/** What V8 writes of a function: the first range is the function, the others are blocks inside it. */
interface Ranges {
  readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[]
}

/** What the processes of a test file ran. */
export interface Coverage {
  /**
   * Whether the code at `offset` of a file ran; undefined when no process told anything of the file. A process that is killed tells nothing.
   * Stripping types keeps the place of all code, so offsets are those of the source.
   */
  ran(file: string, offset: number): boolean | undefined
}

/** @param written the folder that was in `NODE_V8_COVERAGE` */
export function readCoverage(written: string, tree: string): Coverage {
  const root = `${resolve(tree)}/`
  const scripts = new Map<string, Ranges[][]>()
  for (const path of globSync(`${written}/*.json`)) {
    const { result } = JSON.parse(readFileSync(path, "utf8")) as {
      readonly result: readonly { readonly url: string; readonly functions: Ranges[] }[]
    }
    for (const { url, functions } of result) {
      const file = url.startsWith("file:") ? fileURLToPath(url.replace(/[?#].*$/, "")) : ""
      if (!file.startsWith(root)) continue
      const name = file.slice(root.length)
      scripts.set(name, [...(scripts.get(name) ?? []), functions])
    }
  }
  return { ran: (file, offset) => scripts.get(file)?.some((functions) => countAt(functions, offset) > 0) }
}

/** How often the code at a place ran: what the smallest range around it says. */
function countAt(functions: readonly Ranges[], offset: number): number {
  let [size, found] = [Infinity, 0]
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) {
      if (startOffset > offset || endOffset <= offset || endOffset - startOffset >= size) continue
      size = endOffset - startOffset
      found = count
    }
  }
  return found
}
