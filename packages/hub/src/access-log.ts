import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs"
import type { IncomingMessage, ServerResponse } from "node:http"
import { addressOf } from "./caller.ts"

/** The log is rotated when it has this many bytes; one old one is kept, `access.log.1`. */
const MAX_BYTES = 10 * 1024 ** 2
/** Longest address or user agent in a line, in characters. */
const MAX_FIELD = 500
/** Parameters of the hub's own, safe to write down; everything else in an address may be a secret. */
const KNOWN = new Set(["topic", "since", "last", "last_event_id", "lastEventId"])

/** One line a request, in a file. */
export interface AccessLog {
  readonly path: string
  /** Writes a line for this request when it is over. Its path becomes `/***`, unless it is told to be one of the hub's own. */
  watch(req: IncomingMessage, res: ServerResponse): { readonly isKnown: (path: string) => void }
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

  // without waiting in a queue of ours: writes of a line to the page cache take microseconds
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
    watch(req, res) {
      const began = performance.now()
      const address = addressOf(req)
      const { url: target = "" } = req
      let path = HIDDEN
      res.once("close", () => {
        const duration = performance.now() - began
        if (isOpen) write(formatLine(req, res, { address, duration, target: path + shownAfter(target) }))
      })
      return {
        isKnown: (known) => {
          path = known
        },
      }
    },
    close() {
      isOpen = false
      closeSync(file)
    },
  }
}

interface Visit {
  readonly address: string
  readonly duration: number
  /** What was asked for, without what may be secret. */
  readonly target: string
}

/** Time, address, request, status, duration and user agent. A client that went before its answer began has status 0. */
function formatLine(req: IncomingMessage, res: ServerResponse, { address, duration, target }: Visit): string {
  const status = res.headersSent ? res.statusCode : 0
  const request = quote(`${req.method} ${target}`)
  const agent = quote(req.headers["user-agent"] ?? "-")
  return `${new Date().toISOString()} ${address || "-"} ${request} ${status} ${duration.toFixed(1)}ms ${agent}\n`
}

const HIDDEN = "/***"

/** What is shown of what comes after a path: the hub's own parameters, up to a `;` in them. */
function shownAfter(target: string): string {
  const [address = "", fragment] = target.split("#", 2)
  const at = address.indexOf("?")
  const pairs = at < 0 ? [] : address.slice(at + 1, at + 1 + MAX_FIELD).split("&")
  const shown = pairs.map((pair) => (KNOWN.has(pair.split("=", 1)[0] ?? "") ? pair.replace(/;.*/s, ";***") : "***"))
  return (at < 0 ? "" : `?${shown.join("&")}`) + (fragment === undefined ? "" : "#***")
}

/** Printable ASCII within quotes: nothing a client sends can begin a line, end a quote or move a terminal's cursor. */
function quote(text: string): string {
  const safe = text
    .slice(0, MAX_FIELD)
    .replace(/[^\u0020-\u007e]|["\\]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
  return `"${safe}"`
}
