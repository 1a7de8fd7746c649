import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import http from "node:http"
import { connect, type AddressInfo } from "node:net"
import { test } from "node:test"
import { isDeepStrictEqual } from "node:util"
import zlib from "node:zlib"
import { createHub, type Hub } from "onward"
import { stream } from "onward/client"
import { sse, type ContentCoding } from "onward/node"
import { CODINGS, withoutColons } from "../node/compressed.ts"
import { splitResponse } from "./chunked.ts"
import { eventually } from "./exchange.ts"

const event = (n: number): string =>
  JSON.stringify({ n, status: "shipped", note: "the same in every event, or nearly" })
const COUNT = 30

/** A stream that ends after 30 events, each published when the one before was seen by all. */
async function serving(prefer: ContentCoding, use: (url: string, hub: Hub) => Promise<void>): Promise<void> {
  await using hub = createHub()
  const server = http.createServer((req, res) => {
    const end = new URL(req.url ?? "", "http://localhost").searchParams.has("end")
    const until = end && { until: ({ data }: { data: string }) => data === event(COUNT - 1) }
    sse(req, res, hub.subscribe({ topics: ["news"], ...until }), { compress: { prefer } })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, hub)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Publishes one event after the other, as soon as all have the one before. */
async function publishTo(hub: Hub, readers: readonly (() => string)[]): Promise<void> {
  await eventually("all are connected", () => hub.stats().live === readers.length)
  for (let n = 0; n < COUNT; n++) {
    await hub.publish({ topic: "news", data: event(n) })
    await eventually(`event ${n} has come`, () => readers.every((text) => text().includes(event(n))))
  }
}

const decoderOf = (coding: ContentCoding): zlib.Gunzip | zlib.ZstdDecompress =>
  coding === "gzip" ? zlib.createGunzip() : zlib.createZstdDecompress()

for (const [coding, query] of CODINGS.flatMap((coding) => ["", "?end"].map((query) => [coding, query] as const))) {
  const how = query
    ? `a stream of its own that ends by its rule, by ${coding}`
    : `a stream like others', that ends with its server, by ${coding}`

  // before Node 24, fetch decodes no zstd
  const unable = coding === "zstd" && process.versions.node.startsWith("22.") && "fetch of this Node has no zstd"

  test(`Node's fetch reads each event as it arrives, and a clean end: ${how}`, { skip: unable }, async () => {
    await serving(coding, async (url, hub) => {
      const texts = ["", "", ""]
      const reading = texts.map(async (_, i) => {
        const response = await fetch(url + query, { headers: { "accept-encoding": coding } })
        assert.equal(response.headers.get("content-encoding"), coding)
        for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) texts[i] += text
      })
      await publishTo(
        hub,
        texts.map((_, i) => () => texts[i] ?? ""),
      )
      await hub.drain({ duration: 0 })
      await Promise.all(reading)
    })
  })

  // DecompressionStream has no zstd
  if (coding === "gzip") {
    test(`the strict DecompressionStream reads it: ${how}`, async () => {
      await serving(coding, async (url, hub) => {
        let text = ""
        const response = await new Promise<http.IncomingMessage>((resolve) =>
          http.get(url + query, { headers: { "accept-encoding": "gzip" }, agent: false }, resolve),
        )
        const decoder = new DecompressionStream("gzip")
        const writing = (async () => {
          const writer = decoder.writable.getWriter()
          for await (const chunk of response) await writer.write(chunk as Uint8Array<ArrayBuffer>)
          await writer.close()
        })()
        const reading = (async () => {
          for await (const part of decoder.readable.pipeThrough(new TextDecoderStream())) text += part
        })()
        await publishTo(hub, [() => text])
        await hub.drain({ duration: 0 })
        await Promise.all([writing, reading])
      })
    })
  }

  const curl = spawnSync("curl", ["--version"]).status === 0 ? false : "curl is missing"

  test(`curl --compressed reads it without an error at its end: ${how}`, { skip: curl }, async () => {
    await serving(coding, async (url, hub) => {
      const child = spawn("curl", ["-sSN", "--compressed", "--noproxy", "*", url + query], {
        stdio: ["ignore", "pipe", "inherit"],
      })
      let text = ""
      child.stdout.on("data", (part: Buffer) => (text += part.toString("latin1")))
      const exit = new Promise((resolve) => child.on("close", resolve))
      await publishTo(hub, [() => text])
      await hub.drain({ duration: 0 })
      assert.equal(await exit, 0)
    })
  })
}

for (const coding of CODINGS) {
  test(`our client in Node reads ${coding} when it sends Accept-Encoding`, async () => {
    await serving(coding, async (url, hub) => {
      const opened = stream(url, { headers: { "accept-encoding": coding } })
      let text = ""
      const reading = (async () => {
        for await (const { data } of opened) text += data
      })()
      await publishTo(hub, [() => text])
      opened.close()
      await reading
    })
  })

  test(`a stalled client receives everything when it reads again, and can decode ${coding}`, async () => {
    await serving(coding, async (url, hub) => {
      const response = await new Promise<http.IncomingMessage>((resolve) =>
        http.get(url, { headers: { "accept-encoding": coding }, agent: false }, resolve),
      )
      // does not shrink, so it fills the socket
      const noise = (n: number): string => `${n} ${randomBytes(48_000).toString("base64")}`
      const sent = Array.from({ length: 150 }, (_, n) => noise(n))
      await eventually("it is live", () => hub.stats().live === 1)
      for (const data of sent) await hub.publish({ topic: "news", data })
      await eventually("it has fallen behind", () => hub.stats().live === 0)
      const parts: Buffer[] = []
      const plain = response.pipe(decoderOf(coding))
      plain.on("data", (part: Buffer) => parts.push(part))
      await eventually("it has caught up", () => hub.stats().live === 1)
      await hub.publish({ topic: "news", data: "last" })
      await eventually("the last has come", () => parts.at(-1)?.includes("data: last") ?? false)
      await hub.drain({ duration: 0 })
      await once(plain, "end")
      const got = [
        ...Buffer.concat(parts)
          .toString()
          .matchAll(/^data: ([^{].*)$/gm),
      ].map(([, data]) => data)
      assert.ok(isDeepStrictEqual(got, [...sent, "last"]), `got ${got.map((data) => data?.split(" ", 1)).join(" ")}`)
    })
  })

  test(`over HTTP/1.0, used by some proxies, a ${coding} stream ends with the connection and is complete`, async () => {
    await serving(coding, async (url, hub) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1")
      socket.write(`GET /?end HTTP/1.0\r\nAccept-Encoding: ${coding}\r\n\r\n`)
      const parts: Buffer[] = []
      socket.on("data", (part: Buffer) => parts.push(part))
      await eventually("it is live", () => hub.stats().live === 1)
      for (let n = 0; n < COUNT; n++) await hub.publish({ topic: "news", data: event(n) })
      await once(socket, "end")
      const { head, rest } = splitResponse(Buffer.concat(parts))
      assert.ok(head.includes(`content-encoding: ${coding}\r\n`))
      assert.doesNotMatch(head, /chunked/)
      const text = coding === "gzip" ? zlib.gunzipSync(rest).toString() : withoutColons(zlib.zstdDecompressSync(rest))
      for (let n = 0; n < COUNT; n++) assert.ok(text.includes(event(n)))
    })
  })
}
