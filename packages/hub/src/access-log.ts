import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs"
import { MAX_FIELD, type Visit } from "./request-log.ts"

/** Size at which the log is rotated, in bytes. One old file is kept, `access.log.1`. */
const MAX_BYTES = 10 * 1024 ** 2
/** A file with one line per request. */
export interface AccessLog {
  readonly path: string
  write(visit: Visit): void
  close(): void
}

/** Opens the access log. Throws the file system's error. */
export function openAccessLog(
  path: string,
  onError: (error: unknown) => void,
  { maxBytes = MAX_BYTES }: { readonly maxBytes?: number } = {},
): AccessLog {
  let file = openSync(path, "a")
  let size = fstatSync(file).size
  let isOpen = true
  let isFailing = false

  // synchronous, because writing a line to the page cache takes microseconds
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

/** Returns printable ASCII in quotes, so that a client's text cannot start a line, end the quote or move a terminal's cursor. */
function quote(text: string): string {
  const safe = text
    .slice(0, MAX_FIELD)
    .replace(/[^\u0020-\u007e]|["\\]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
  return `"${safe}"`
}
