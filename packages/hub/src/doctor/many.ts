import { connect as connectHttp2 } from "node:http2"
import { connect as connectTls } from "node:tls"
import type { Find } from "./finding.ts"

const TIMEOUT_MS = 10_000
/** The connections that a browser opens to one origin over HTTP/1.1, over all tabs. */
const BROWSER_CONNECTIONS = 6

interface ManyCheck {
  readonly headers: Readonly<Record<string, string>>
  readonly many: number
  readonly find: Find
}

/** Opens several streams at once: reports limits of the server, and whether a browser could open that many. */
export async function openMany(url: string, { headers, many, find }: ManyCheck): Promise<void> {
  const { protocol, origin, hostname, port } = new URL(url)
  const isHttp2 = protocol === "https:" && (await speaksHttp2(hostname, Number(port || 443)))
  const statuses = isHttp2 ? await openOverHttp2(url, headers, many) : await openOverHttp1(url, headers, many)
  const open = statuses.filter((status) => status === 200).length
  const other = statuses.find((status) => status !== 200)
  if (open === many) find("ok", `${many} streams at once are open${isHttp2 ? ", over one HTTP/2 connection" : ""}`)
  else {
    const what = other === 0 ? "no response" : `status ${other}`
    find(
      "bad",
      `only ${open} of ${many} streams at once opened: ${what}`,
      "raise the limit of streams of one client, of the server or of the proxy",
    )
  }
  if (isHttp2 || many <= BROWSER_CONNECTIONS) return
  const todo =
    protocol === "https:"
      ? "serve HTTP/2: tls of onward serve, or a proxy that speaks it"
      : "use HTTPS with HTTP/2: browsers speak it over TLS only"
  find(
    "bad",
    `a browser opens ${BROWSER_CONNECTIONS} connections to ${origin}: stream ${BROWSER_CONNECTIONS + 1}, in any tab, waits`,
    `${todo}; or give clients the option \`shared\` of onward/client`,
  )
}

function speaksHttp2(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    // only the protocol is of interest here
    const socket = connectTls({
      host,
      port,
      servername: host,
      ALPNProtocols: ["h2", "http/1.1"],
      rejectUnauthorized: false,
    })
    const done = (isHttp2: boolean): void => {
      socket.destroy()
      resolve(isHttp2)
    }
    socket.setTimeout(TIMEOUT_MS, () => done(false))
    socket.once("secureConnect", () => done(socket.alpnProtocol === "h2"))
    socket.once("error", () => done(false))
  })
}

async function openOverHttp1(url: string, headers: Readonly<Record<string, string>>, many: number): Promise<number[]> {
  const leaving = new AbortController()
  const signal = AbortSignal.any([leaving.signal, AbortSignal.timeout(TIMEOUT_MS)])
  try {
    return await Promise.all(
      Array.from({ length: many }, () =>
        // not text/event-stream alone, for which a hub replaces a refusal by an empty stream
        fetch(url, { headers: { accept: "*/*", ...headers }, signal, redirect: "manual" }).then(
          ({ status }) => status,
          () => 0,
        ),
      ),
    )
  } finally {
    leaving.abort()
  }
}

async function openOverHttp2(url: string, headers: Readonly<Record<string, string>>, many: number): Promise<number[]> {
  const { origin, pathname, search } = new URL(url)
  const session = connectHttp2(origin)
  session.on("error", () => {})
  try {
    return await Promise.all(
      Array.from(
        { length: many },
        () =>
          new Promise<number>((resolve) => {
            const request = session.request({ ":path": pathname + search, accept: "*/*", ...headers })
            request.once("response", (head) => resolve(head[":status"] ?? 0))
            request.once("error", () => resolve(0))
            request.setTimeout(TIMEOUT_MS, () => resolve(0))
          }),
      ),
    )
  } finally {
    session.destroy()
  }
}
