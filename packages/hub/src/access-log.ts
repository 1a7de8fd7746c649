import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs"
import { MAX_FIELD, type Visit } from "./request-log.ts"

/** The log is rotated when it has this many bytes; one old one is kept, `access.log.1`. */
const MAX_BYTES = 10 * 1024 ** 2
/** One line a request, in a file. */
export interface AccessLog {
  readonly path: string
  write(visit: Visit): void
  close(): void
}

/** Opens the log, rotating it when it is large. Throws what the file system throws. */
export function openAccessLog(
  path: string,
  onError: (error: unknown) => void,
  { maxBytes = MAX_BYTES }: { readonly maxBytes?: number } = {},
): AccessLog {
  let file = openSync(path, "a")
  let size = fstatSync(file).size
  let isOpen = true
  let isFailing = false

  // written synchronously, without a queue: writing a line to the page cache takes microseconds
  function write(line: string): void {
    try {
      if (size >= maxBytes) rotate()
      size += writeSync(file, line)
      isFailing = false
    } catch (error) {
      if (!isFailing) onError(error)
      isFailing = true
    }
  }

  function rotate(): void {
    renameSync(path, `${path}.1`)
    closeSync(file)
    file = openSync(path, "a")
    size = 0
  }

  return {
    path,
    write(visit) {
      if (isOpen) write(formatVisit(visit))
    },
    close() {
      isOpen = false
      closeSync(file)
    },
  }
}

/** Time, address, request, status, duration and user agent. */
function formatVisit({ address, method, target, status, duration, userAgent }: Visit): string {
  const request = quote(`${method} ${target}`)
  return `${new Date().toISOString()} ${address || "-"} ${request} ${status} ${duration.toFixed(1)}ms ${quote(userAgent)}\n`
}

/** Printable ASCII within quotes: nothing a client sends can begin a line, end a quote or move a terminal's cursor. */
function quote(text: string): string {
  const safe = text
    .slice(0, MAX_FIELD)
    .replace(/[^\u0020-\u007e]|["\\]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
  return `"${safe}"`
}
