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

/** Directives that allow only files of this origin. Text cannot become script or markup (Trusted Types without a policy). */
const POLICY: Readonly<Record<string, string>> = {
  "default-src": "'none'",
  "script-src": "'self'",
  "style-src": "'self'",
  "img-src": "'self'",
  "connect-src": "'self'",
  "form-action": "'self'",
  "base-uri": "'none'",
  "frame-ancestors": "'none'",
  "require-trusted-types-for": "'script'",
  "trusted-types": "'none'",
}

/** Headers of a page and its files. @param policy directives that differ from those of the demo page */
const pageHeaders = (policy: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  ...SECURITY_HEADERS,
  "content-security-policy": Object.entries({ ...POLICY, ...policy })
    .map((directive) => directive.join(" "))
    .join("; "),
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "cache-control": "no-cache",
})

const PAGE_HEADERS = pageHeaders()
/** The dashboard submits no forms, and shows drawings from its own style sheets. */
export const DASHBOARD_HEADERS: Readonly<Record<string, string>> = pageHeaders({
  "img-src": "'self' data:",
  "form-action": "'none'",
})

/** Sends a text to the browser, with the content type of its file name. */
export function sendText(res: ServerResponse, name: string, text: string | Buffer, headers = PAGE_HEADERS): void {
  const type = TYPES[extname(name)] ?? "text/plain; charset=utf-8"
  res.writeHead(200, { ...headers, "content-type": type, "content-length": Buffer.byteLength(text) }).end(text)
}

/** Serves the files of one folder by name, only those that exist at the start. */
export function createFiles(
  folder: URL,
  headers?: Readonly<Record<string, string>>,
): {
  has(name: string): boolean
  send(res: ServerResponse, name: string): Promise<void>
} {
  const names = new Set(readdirSync(folder))
  return {
    has: (name) => names.has(name),
    send: async (res, name) => sendText(res, name, await readFile(new URL(name, folder)), headers),
  }
}
