import assert from "node:assert/strict"
import { createServer } from "node:http"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { readBench } from "../../src/commands/bench/command-line.ts"
import type { Report } from "../../src/commands/bench/report.ts"
import { testServer } from "../server.ts"
import { outputOf } from "./run-command.ts"

const SMALL = ["bench", "--clients", "20", "--topics", "4", "--rate", "400", "--duration", "250ms"]

test("onward bench loads a hub, resumes streams, and finds each event once and in order", async (t) => {
  const server = await testServer(t, { log: "memory:", ...{ retry: "1ms" } })
  const { code, out, err } = await outputOf(server, [...SMALL, "--resume", "50%", "--json"])
  assert.equal(code, 0, err + out)
  const report = JSON.parse(out) as Report
  assert.ok(report.published > 0 && report.published <= 100, out)
  // 20 streams on 4 topics: each message is delivered five times
  assert.equal(report.delivered, report.published * 5, out)
  assert.deepEqual([report.lost, report.twice, report.outOfOrder, report.gaps], [0, 0, 0, 0])
  assert.equal(report.resumes, 10)
  assert.ok(report.p50 > 0 && report.p50 <= report.p99 && report.p99 <= report.max * 1.05, out)
  assert.match(err, /^onward: Opening 20 streams of /)
  const table = await outputOf(server, [...SMALL, "-q"])
  assert.match(
    table.out,
    /^streams +20 on 4 topics.*\npublished .*\ndelivered .*\nlag +p50 [\d.]+ ms.*\nlost +0\ntwice +0\n/,
  )
  assert.equal(table.err, "")
  const [names, values] = (await outputOf(server, [...SMALL, "--csv"])).out.split("\n")
  assert.equal(names?.split(",").length, values?.split(",").length)
})

test("onward bench counts what a server loses, repeats and swaps, and ends with 1", async (t) => {
  const hub = await testServer(t, { log: "memory:" })
  // a server between them that damages each stream: without event 2, event 4 twice, 6 and 7 in the wrong order
  const front = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const body = chunks.length > 0 ? Buffer.concat(chunks) : null
    const { url = "", method = "", headers } = req
    const { "content-type": type, accept = "" } = headers
    const answer = await fetch(hub.url + url, {
      method,
      headers: { accept, ...(type && { "content-type": type }) },
      body,
    })
    res.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" })
    if (method === "POST") return res.end(await answer.text())
    let text = ""
    let held = ""
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      const blocks = (text + Buffer.from(chunk).toString()).split("\n\n")
      text = blocks.pop() ?? ""
      for (const block of blocks) {
        const number = Number(/"n":(\d+)/.exec(block)?.[1] ?? 0)
        if (number === 2) continue
        if (number === 6) held = `${block}\n\n`
        else res.write(`${block}\n\n`.repeat(number === 4 ? 2 : 1) + (number === 7 ? held : ""))
      }
    }
  }).listen(0, "127.0.0.1")
  t.after(() => front.close().closeAllConnections())
  await once(front, "listening")
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`
  const args = ["bench", "--clients", "1", "--topics", "1", "--rate", "100", "--duration", "200ms", "--json"]
  const { code, out } = await outputOf({ url }, args)
  const { lost, twice, outOfOrder } = JSON.parse(out) as Report
  assert.deepEqual([code, lost, twice, outOfOrder], [1, 1, 1, 1], out)
})

test("onward bench says why streams are refused", async (t) => {
  const server = await testServer(t, { log: "memory:", limits: { streamsPerAddress: 5 } })
  const { code, err } = await outputOf(server, [...SMALL, "-q"])
  assert.equal(code, 1)
  assert.match(err, /^onward: A stream was refused: .*\(too_many_connections_for_key\)\n$/)
})

const mistakes: readonly [args: string, message: RegExp][] = [
  ["--url http://192.0.2.1", /192\.0\.2\.1 is not this machine.* Add --i-own-this-server/],
  ["now", /takes options only, not "now"/],
  ["--resume half", /--resume: "half"\. Use a part from 0% to 100%/],
  ["--duration 1d", /--duration: "1d"\. Use a time from 100ms to 10m/],
  ["--clients 1000000", /--clients: "1000000"\. Use a number from 1 to 20000/],
  ["--csv --json", /exclude each other/],
]

test("onward bench refuses what it cannot do, and servers of other machines", () => {
  for (const [args, message] of mistakes) {
    assert.throws(() => readBench(args.split(" "), {}), { name: "UsageError", message }, args)
  }
  assert.ok(readBench(["--url", "http://[::1]:1"], {}))
  assert.ok(readBench(["--url", "http://192.0.2.1", "--i-own-this-server"], {}))
})
