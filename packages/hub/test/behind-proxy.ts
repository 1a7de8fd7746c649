import assert from "node:assert/strict"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer, request as requestPlain, type IncomingMessage } from "node:http"
import { request as requestSecure } from "node:https"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { missing as missingBrowser } from "../../onward/test/client/browsers/find.ts"
import type { shareChromium } from "./browser.ts"
import type { Launch, Setup } from "../../onward/test/proxies/setup.ts"
import { caddy } from "../../onward/test/proxies/setups/caddy.ts"
import { nginx } from "../../onward/test/proxies/setups/nginx.ts"
import { missing, start } from "../../onward/test/proxies/start.ts"
import { reservePort } from "../../onward/test/reserve-port.ts"
import { serveOnward } from "./onward.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const NAME = "events.example.com"

/** A code block of docs/hub.md: what users paste is what is tried. */
function recipe(language: string): string {
  const text = readFileSync(new URL("../../../docs/hub.md", import.meta.url), "utf8")
  const [, block] = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(text) ?? []
  return block ?? assert.fail(`docs/hub.md has no ${language} recipe`)
}

/** Replaces what differs on this machine; each part has to be there. */
const adapt = (text: string, changes: readonly [part: string, by: string][]): string =>
  changes.reduce((adapted, [part, by]) => {
    assert.ok(adapted.includes(part), `the recipe has no "${part}"`)
    return adapted.replace(part, by)
  }, text)

interface Case {
  readonly setup: Setup
  readonly isSecure: boolean
  readonly isHostKept: boolean
}

function launchNginx({ isSecure, isHostKept }: Case, port: number, origin: number): Launch {
  const server = adapt(recipe("nginx"), [
    ["listen 443 ssl http2;", `listen ${port} ${isSecure ? "ssl http2" : ""};`],
    ["/etc/ssl/events.pem", "cert.pem"],
    ["/etc/ssl/events.key", "key.pem"],
    ["127.0.0.1:4000", `127.0.0.1:${origin}`],
    ...(isHostKept ? [] : [["proxy_set_header Host $host;", ""] satisfies [string, string]]),
  ])
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`)
  const conf = `user www-data; pid nginx.pid; daemon off; error_log stderr;
events { worker_connections 4096; }
http { access_log off; ${paths.join(" ")}
${server}}`
  return { files: { "nginx.conf": conf }, args: ["-p", ".", "-e", "stderr", "-c", "nginx.conf"] }
}

function launchCaddy({ isSecure, isHostKept }: Case, folder: string, port: number, origin: number): Launch {
  const to = `127.0.0.1:${origin}`
  const site = adapt(recipe("caddyfile"), [
    [`${NAME} {`, `${isSecure ? "https" : "http"}://:${port} {\n${isSecure ? "tls cert.pem key.pem" : ""}`],
    ["reverse_proxy 127.0.0.1:4000", `reverse_proxy ${to}${isHostKept ? "" : ` {\nheader_up Host ${to}\n}`}`],
  ])
  const file = `{\nadmin off\nauto_https off\ndefault_sni localhost\n}\n${site}`
  return { files: { Caddyfile: file }, args: ["run", "--adapter", "caddyfile", "--config", join(folder, "Caddyfile")] }
}

/** A hub behind a proxy that clients know by its public name. */
async function deploy(t: TestContext, what: Case): Promise<{ origin: string; port: number }> {
  const { setup, isSecure } = what
  const hubPort = await reservePort()
  let atPort = (_: number): void => {}
  const chosen = new Promise<number>((resolve) => (atPort = resolve))
  const starting = start(
    {
      ...setup,
      launch({ folder, port, origin }) {
        atPort(port)
        return setup === nginx ? launchNginx(what, port, origin) : launchCaddy(what, folder, port, origin)
      },
    },
    isSecure ? "http2" : "plain",
    hubPort,
    "/healthz",
  )
  t.after(async () => (await starting.catch(() => undefined))?.close())
  const port = await Promise.race([chosen, starting.then((proxy) => proxy.port)])
  const origin = `${isSecure ? "https" : "http"}://${NAME}:${port}`
  await serveOnward(t, {
    data: temporaryFolder(t),
    port: hubPort,
    args: ["--no-demo", "--trusted-proxy", "127.0.0.1", "--public-url", origin],
  })
  await starting
  return { origin, port }
}

interface Ask {
  readonly path: string
  readonly isSecure: boolean
  readonly port: number
  /** The loopback address that the client has. */
  readonly from?: string
}

/** Asks the proxy by the public name; resolves once the head of the answer is there. */
async function ask({ path, isSecure, port, from = "127.0.0.2" }: Ask): Promise<IncomingMessage> {
  const request = isSecure ? requestSecure : requestPlain
  const req = request({
    host: "127.0.0.1",
    port,
    path,
    agent: false,
    localAddress: from,
    headers: { host: `${NAME}:${port}`, accept: "text/event-stream" },
    ...(isSecure && { rejectUnauthorized: false, servername: NAME }),
  })
  req.end()
  const [res] = (await once(req, "response")) as [IncomingMessage]
  res.on("error", () => {})
  return res
}

/** What a stream tells up to this part. */
async function readUntil(res: IncomingMessage, part: string): Promise<string> {
  let text = ""
  for await (const chunk of res) {
    text += String(chunk)
    if (text.includes(part)) return text
  }
  return assert.fail(`the stream ended without "${part}": ${text}`)
}

/** All ways to be behind a proxy. */
export const cases: readonly Case[] = [nginx, caddy].flatMap((setup) =>
  [false, true].flatMap((isSecure) => [true, false].map((isHostKept) => ({ setup, isSecure, isHostKept }))),
)

/** Tests a hub behind a proxy. More clients than one address may have streams: over TLS many more would mostly test OpenSSL. */
export function testBehindProxy(what: Case, clients: number, openBrowser: ReturnType<typeof shareChromium>): void {
  const { setup, isSecure, isHostKept } = what
  const title = `behind ${setup.name} with ${isSecure ? "TLS" : "plain HTTP"}, Host ${isHostKept ? "kept" : "rewritten"}`
  test(
    `${title}, the hub serves ${clients} clients, long URLs and its own pages only`,
    { skip: missing(setup) || missingBrowser("chromium") },
    async (t) => {
      const { origin, port } = await deploy(t, what)

      await t.test("each client address has its own streams", async (t) => {
        const streams = await Promise.all(
          Array.from({ length: clients }, (_, at) =>
            ask({ path: "/events?topic=a", isSecure, port, from: `127.0.${1 + (at >> 8)}.${at & 255}` }),
          ),
        )
        t.after(() => streams.forEach((stream) => stream.destroy()))
        assert.deepEqual(
          streams.map(({ statusCode }) => statusCode),
          streams.map(() => 200),
        )
      })

      await t.test("a URL of 20 kB opens a stream", async () => {
        const topics = Array.from({ length: 100 }, (_, at) => `topic=${String(at).padStart(200, "x")}`)
        const res = await ask({ path: `/events?${topics.join("&")}&last=1`, isSecure, port })
        assert.equal(res.statusCode, 200)
        res.destroy()
      })

      await t.test("a health check by IP address gets a response", async () => {
        const res = await ask({ path: "/healthz", isSecure, port })
        assert.equal(res.statusCode, 200)
        res.destroy()
      })

      await t.test(
        "a page of the hub's origin publishes and reads, and a page of another origin does neither",
        async (t) => {
          const foreign = createServer((_, res) => res.setHeader("content-type", "text/html").end("<p>foreign"))
          foreign.listen(0, "127.0.0.1")
          t.after(() => void foreign.close().closeAllConnections())
          await once(foreign, "listening")
          const page = await (await openBrowser(t)).newPage()
          await page.goto(`${origin}/healthz`)
          assert.equal(await page.evaluate(publishAndRead, origin, "own"), "200 read own")

          for (const name of ["evil.example", "evil.example.com"]) {
            const watched = await ask({ path: "/events?topic=shared&since=1h", isSecure, port })
            await page.goto(`http://${name}:${(foreign.address() as AddressInfo).port}/`)
            assert.equal(await page.evaluate(publishAndRead, origin, name), "refused closed", name)
            await page.goto(`${origin}/healthz`)
            assert.equal(await page.evaluate(publishAndRead, origin, `after ${name}`), `200 read after ${name}`)
            const told = await readUntil(watched, `data: after ${name}`)
            assert.ok(!told.includes(`data: ${name}`), "the foreign page's message would have come before")
          }
        },
      )
    },
  )
}

/** In a page: publishes a message as a form, and reads the topic until it comes. */
async function publishAndRead(origin: string, text: string): Promise<string> {
  const source = new EventSource(`${origin}/events?topic=shared&since=1h`)
  const read = new Promise<string>((resolve) => {
    source.addEventListener("message", ({ data }) => data === text && resolve(`read ${text}`))
    source.addEventListener("error", () => source.readyState === EventSource.CLOSED && resolve("closed"))
  })
  const body = new URLSearchParams({ topic: "shared", data: text })
  const published = await fetch(`${origin}/publish`, { method: "POST", body }).then(
    ({ status }) => String(status),
    () => "refused",
  )
  const result = `${published} ${await read}`
  source.close()
  return result
}
