import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { connect, type AddressInfo, type Socket } from "node:net"
import { test, type TestContext } from "node:test"
import { setTimeout as wait } from "node:timers/promises"
import { Chance } from "../hub/simulation/chance.ts"
import { createLink, type Link } from "./link.ts"

/** A server that writes one event, and a link to it. */
async function linked(t: TestContext): Promise<{ link: Link; server: Server; streams: Set<ServerResponse> }> {
  const streams = new Set<ServerResponse>()
  const server = createServer((_, res) => {
    streams.add(res)
    res.write("data: 1\n\n")
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const link = await createLink(() => (server.address() as AddressInfo | null)?.port)
  t.after(async () => {
    await link[Symbol.asyncDispose]()
    server.closeAllConnections()
    server.close()
  })
  return { link, server, streams }
}

/** Rejects when there is no answer; whatever ends the answer closes it. */
async function open({ port }: Link): Promise<IncomingMessage> {
  const request = get({ port, host: "127.0.0.1" })
  const [response] = (await once(request, "response")) as [IncomingMessage]
  request.on("error", () => {})
  return response.on("error", () => {})
}

/** Unlike `once`, takes an error for what comes before. */
const closed = (response: IncomingMessage): Promise<void> => new Promise((resolve) => response.on("close", resolve))

const chunk = async (response: IncomingMessage): Promise<string> => String((await once(response, "data"))[0])

test("a link forwards bytes in pieces of any size", async (t) => {
  const { link } = await linked(t)
  link.weather = { latency: 1, bandwidth: 1_000_000, slice: 50 }
  assert.equal(await chunk(await open(link)), "data: 1\n\n")
})

test("a cut breaks at least one connection, and the next one works", async (t) => {
  const { link } = await linked(t)
  for (let seed = 1; seed <= 6; seed++) {
    const response = await open(link)
    const over = closed(response.resume())
    assert.equal(await link.cut(new Chance(seed), 0), 1)
    await over
  }
  assert.equal(await chunk(await open(link)), "data: 1\n\n")
})

test("a request that is cut gets no response", async (t) => {
  const { link, server } = await linked(t)
  for (let seed = 1; seed <= 12; seed++) {
    const socket = connect({ port: link.port, host: "127.0.0.1" }).on("error", () => {})
    let text = ""
    socket.setEncoding("latin1").on("data", (bytes: string) => (text += bytes))
    const over = new Promise((resolve) => socket.on("close", resolve))
    const [received] = (await once(server, "connection")) as [Socket]
    socket.write("GET / HTTP/1.1\r\nhost: half of")
    while (received.bytesRead === 0) await wait(1)
    await link.cut(new Chance(seed), 100)
    await over
    assert.equal(text, "", `seed ${seed}`)
  }
})

test("a stalled link forwards nothing, and everything afterwards", async (t) => {
  const { link, streams } = await linked(t)
  const response = await open(link)
  await chunk(response)
  const stalled = link.stall(40)
  for (const stream of streams) stream.write("data: 2\n\n")
  let isOver = false
  void stalled.then(() => (isOver = true))
  assert.equal(await chunk(response), "data: 2\n\n")
  assert.ok(isOver, "it came only when the link was good again")
})

test("HTTP itself detects damaged bytes: no client receives an event that was not sent", async (t) => {
  const { link, streams } = await linked(t)
  const response = await open(link)
  let text = ""
  response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
  const spoiling = link.corrupt(30)
  const failed = closed(response)
  await wait(1)
  for (const stream of streams) stream.write("data: 2\n\n")
  await failed
  assert.equal(await spoiling, 1)
  assert.ok(["data: 1\n\n", "data: 1\n\ndata: 2\n\n"].includes(text), text)

  const head = link.corrupt(30)
  await assert.rejects(open(link))
  assert.equal(await head, 1)
})

test("a link without a target refuses by a reset", async (t) => {
  const link = await createLink(() => undefined)
  t.after(() => link[Symbol.asyncDispose]())
  const socket = connect({ port: link.port, host: "127.0.0.1" })
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.on("error", resolve))
  assert.equal(error.code, "ECONNRESET")
})
