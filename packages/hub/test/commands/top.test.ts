import assert from "node:assert/strict"
import { PassThrough } from "node:stream"
import { test } from "node:test"
import { age, short, streamTable } from "../../src/commands/top/table.ts"
import { readTop } from "../../src/commands/top/command-line.ts"
import { testServer } from "../server.ts"
import { outputOf, runCommand, until } from "./run-command.ts"

test("onward top prints the streams of the hub as a table, or as JSON", async (t) => {
  const server = await testServer(t, { log: "memory:", admin: { port: 0 } })
  const tails = [runCommand(server, ["tail", "news"]), runCommand(server, ["tail", "users/:id", "a"])]
  t.after(() => {
    for (const { stdout, ended } of tails) {
      ended.catch(() => {})
      stdout.destroy(Object.assign(new Error("closed"), { code: "EPIPE" }))
    }
  })
  const args = ["top", "--url", server.adminUrl, "--sort", "oldest"]
  let printed = { code: 0, out: "", err: "" }
  for (let lines = 0; lines < 3; lines = printed.out.trimEnd().split("\n").length) {
    printed = await outputOf(server, args)
    assert.equal(printed.code, 0, printed.err)
  }
  assert.match(printed.out, /^ID +USER +ADDRESS +KIND +STATE +LAG /)
  assert.match(printed.out, /^\d+ +- +127\.0\.0\.1 +.* live +0 .* news$/m)
  const { out } = await outputOf(server, [...args, "--json", "--filter", "users"])
  const { total, streams } = JSON.parse(out) as { total: number; streams: { patterns: string[] }[] }
  assert.deepEqual([total, streams[0]?.patterns], [1, ["users/:id"]])
})

test("onward top in a terminal fills the other screen, and restores it when the user quits", async (t) => {
  const server = await testServer(t, { log: "memory:", admin: { port: 0 } })
  const input = Object.assign(new PassThrough(), { isTTY: true })
  const args = ["top", "--url", server.adminUrl, "--interval", "100ms"]
  const { out, ended } = runCommand(server, args, { isTerminal: true, input })
  await until(() => out().split("Onward at").length > 2)
  input.write("b")
  await until(() => out().includes("by bytes"))
  input.write("q")
  assert.equal(await ended, 0)
  assert.ok(out().startsWith("\u001b[?1049h") && out().endsWith("\u001b[?1049l"))
  assert.match(out(), /0 streams, by lag/)
})

test("onward top says what to do when the admin port does not answer", async (t) => {
  const server = await testServer(t, { log: "memory:" })
  const hub = await outputOf(server, ["top", "--url", server.url])
  assert.equal(hub.code, 1)
  assert.match(hub.err, /^onward: The admin port answered with status 404: /)
  await server.close()
  const away = await outputOf(server, ["top", "--url", server.url])
  assert.match(away.err, /cannot be reached: ECONNREFUSED\. Check --url, and start the hub with --admin-port\.\n$/)
  assert.throws(() => readTop(["--sort", "lagg"], {}), { message: 'There is no order "lagg". Did you mean lag?' })
})

test("a table shows rates, short numbers, and no control characters", () => {
  const stream = {
    worker: 2,
    id: "7",
    topics: ["a\u001b[2J"],
    patterns: [],
    state: "full",
    openedAt: Date.now() - 90_000,
    lag: 12_345,
    timesBehind: 1,
    gaps: 0,
    entries: 1_000,
    bytes: 5_000_000,
  }
  const before = { at: 0, total: 1, streams: [{ ...stream, entries: 0, bytes: 0 }] }
  const [, row = ""] = streamTable({ at: 2_000, total: 1, streams: [stream] }, { before, width: 300 })
  assert.match(row, /^2\/7 .* full +12\.3k +1 +0 +1k +500 +5M +2\.5M +1m30s a\\u\{1b\}\[2J$/)
  assert.deepEqual([0, 999, 1_000, 123_456, 9e15].map(short), ["0", "999", "1k", "123k", "9000T"])
  assert.deepEqual([0, 61_000, 3_600_000, 90_000_000].map(age), ["0s", "1m1s", "1h0m", "1d1h"])
})
