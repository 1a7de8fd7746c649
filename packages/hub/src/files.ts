import { readdirSync } from "node:fs"
import { readFile } from "node:fs/promises"
import type { ServerResponse } from "node:http"
import { extname } from "node:path"
import { SECURITY_HEADERS } from "./respond.ts"

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
}

/** Headers that allow only files of this origin. Text cannot become script or markup (Trusted Types without a policy). */
const PAGE_HEADERS: Readonly<Record<string, string>> = {
  ...SECURITY_HEADERS,
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "cache-control": "no-cache",
}

/** Sends a text to the browser, with the content type of its file name. */
export function sendText(res: ServerResponse, name: string, text: string | Buffer): void {
  const type = TYPES[extname(name)] ?? "text/plain; charset=utf-8"
  res.writeHead(200, { ...PAGE_HEADERS, "content-type": type, "content-length": Buffer.byteLength(text) }).end(text)
}

/** Serves the files of one folder by name, only those that exist at the start. */
export function createFiles(folder: URL): {
  has(name: string): boolean
  send(res: ServerResponse, name: string): Promise<void>
} {
  const names = new Set(readdirSync(folder))
  return {
    has: (name) => names.has(name),
    send: async (res, name) => sendText(res, name, await readFile(new URL(name, folder))),
  }
}
