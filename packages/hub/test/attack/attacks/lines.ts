import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { stream } from "onward/client"
import { createParser } from "onward/protocol"
import type { Attack, Stage } from "../stage.ts"

const MIB = 1024 ** 2
/** More than an event may have. */
const LIMIT = 4 * MIB

/** A server that never ends a line or an event, read by Onward's parser and client. */
export const lines: Attack = {
  name: "lines",
  threats: ["S16"],
  async round(stage) {
    parseWithoutEnd(stage)
    await readWithoutEnd(stage)
  },
}

/** Each goes on without ever ending an event. */
const STARTS: readonly [start: string, part: string][] = [
  ["", "x"],
  ["data: ", "x"],
  ["", "data: x\n"],
  ["", "data\n"],
  ["id: ", "1"],
  ["event: ", "é"],
  [": ", "x"],
  ["retry: ", "9"],
  ["data: ", "\ufffd"],
]

function parseWithoutEnd({ chance, fail, count }: Stage): void {
  const [start, part] = chance.pick(STARTS)
  const chunk = Buffer.from(part.repeat(Math.ceil((1 + chance.below(MIB)) / part.length)))
  const parser = createParser(
    { onEvent: () => fail("an event came out of a stream that has none") },
    { maxEventBytes: LIMIT },
  )
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed
  let code: string | undefined
  let pushed = 0
  try {
    parser.feed(Buffer.from(start))
    for (; pushed < 12 * LIMIT; pushed += chunk.length) parser.feed(chunk)
  } catch (error) {
    code = (error as { code?: string }).code
  }
  // of `data` and its line end one byte counts, and so five are sent for each; comments and unknown fields are skipped, not held
  const isSkipped = start === ": " || (start === "" && part === "x")
  const held = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before
  if (code !== "event_too_large" && !isSkipped)
    fail(`${JSON.stringify(start + part)} without end was read without an error`)
  if (pushed > 9 * LIMIT + MIB && !isSkipped)
    fail(`${JSON.stringify(start + part)} was refused after ${pushed} bytes only`)
  if (held > 8 * LIMIT + 64 * MIB) fail(`${JSON.stringify(start + part)} without end held ${held} bytes`)
  count("MiB parsed", Math.round(pushed / MIB))
}

async function readWithoutEnd(stage: Stage): Promise<void> {
  const [start, part] = stage.chance.pick(STARTS.filter(([start]) => start !== ": "))
  const chunk = part.repeat(Math.ceil(65_536 / part.length))
  const server = createServer((_, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" })
    res.write(start)
    const write = (): void => {
      while (!res.destroyed && res.write(chunk));
    }
    res.on("drain", write)
    write()
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const events = stream(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { maxEventChars: LIMIT })
  try {
    const { value } = await events.next()
    stage.fail(`the client handed out ${JSON.stringify(value)} of a stream without end`)
  } catch (error) {
    const { code } = error as { code?: string }
    if (code !== "event_too_large") stage.fail(`the client failed at a stream without end with ${String(error)}`)
    stage.count("streams refused by the client")
  } finally {
    events.close()
    server.closeAllConnections()
    server.close()
  }
}
