import assert from "node:assert/strict"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { connect, createServer as createNetServer, type AddressInfo, type Socket } from "node:net"
import { join } from "node:path"
import { test } from "node:test"
import { readTail } from "../../src/commands/tail/command-line.ts"
import { hashKey } from "../../src/auth/index.ts"
import { publish, testServer } from "../server.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { outputOf, runCommand, until } from "./run-command.ts"

test("onward tail prints what arrives, from the start point that it is given", async (t) => {
  const server = await testServer(t, { log: "memory:" })
  const ids: string[] = []
  for (const data of ["1", "2", "3"]) ids.push(await publish(server.url, { topic: "a", data }))
  const starts: readonly [args: string[], expected: string][] = [
    [["--all"], "1 2 3 "],
    [["--last", "1"], "3 "],
    [["--since", "1h"], "1 2 3 "],
    [["--since", "2100-01-01"], ""],
    [["--after", ids[0] ?? ""], "2 3 "],
    [[], "1 2 3 "],
  ]
  for (const [args, expected] of starts) {
    const { code, out } = await outputOf(server, ["tail", "a", "--exit", "-f", "%d ", ...args])
    assert.equal(code, 0)
    assert.equal(out, expected, args.join(" "))
  }
  const live = runCommand(server, ["sub", "a", "b/*", "-c", "2", "--event", "e"])
  const { stdout, ended } = runCommand(server, ["tail", "a", "--last", "0"])
  const seen = { data: false }
  stdout.once("data", () => (seen.data = true))
  while (!seen.data) {
    await publish(server.url, { topic: "a", data: "unnamed" })
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  for (let i = 0; i < 3; i++) await publish(server.url, { topic: "b/1", event: "e", data: "named" })
  await publish(server.url, { topic: "b/1", event: "e", data: "named" })
  assert.equal(await live.ended, 0)
  assert.equal(live.out(), "named\nnamed\n")
  stdout.destroy(Object.assign(new Error("closed"), { code: "EPIPE" }))
  await assert.rejects(ended, { code: "EPIPE" })
})

test("onward tail prints each field, JSON, and no control characters to a terminal unless --raw", async (t) => {
  const server = await testServer(t, { log: "memory:" })
  const data = "\u001b[2Jtwo\nlines\t\u202e\u{1f468}\u200d\u{1f469}\u009b1m"
  const id = await publish(server.url, { topic: "a", data, event: "e" })
  const args = ["tail", "a", "-e"]
  const format = "%t|%i|%e|%s|%%\\t\\n"
  assert.equal((await outputOf(server, [...args, "-f", format])).out, `a|${id}|e|${Buffer.byteLength(data)}|%\t\n`)
  assert.equal((await outputOf(server, args)).out, `${data}\n`)
  const clean = (await outputOf(server, args, { isTerminal: true })).out
  assert.equal(clean, "\\u{1b}[2Jtwo\nlines\t\\u{202e}\u{1f468}\u200d\u{1f469}\\u{9b}1m\n")
  assert.equal((await outputOf(server, [...args, "--raw"], { isTerminal: true })).out, `${data}\n`)
  const json = (await outputOf(server, [...args, "--json"])).out
  assert.doesNotMatch(json, /[^\n\P{C}\u200d]/u)
  assert.deepEqual(JSON.parse(json), { topic: "a", id, event: "e", data })
  const timed = JSON.parse((await outputOf(server, [...args, "--json", "-t"])).out) as { time: string }
  assert.ok(Math.abs(Date.parse(timed.time) - Date.now()) < 60_000)
  assert.match((await outputOf(server, [...args, "-t"])).out, /^\d{4}-\d\d-\d\dT[\d:.]+Z \S/)
})

test("onward tail --exec gives the command data on its input and fields in its environment, and no shell reads them", async (t) => {
  const server = await testServer(t, { log: "memory:" })
  const file = join(temporaryFolder(t), "out")
  const data = "$(touch pwned); `id` \n'\""
  await publish(server.url, { topic: "a", data, event: "$(id)", id: "';x" })
  await publish(server.url, { topic: "a", data: "second" })
  const script = `{ printf '%s|%s|%s|' "$ONWARD_TOPIC" "$ONWARD_EVENT" "$ONWARD_ID"; cat; } >> "$FILE"; test "$ONWARD_EVENT" = message`
  const { code, err } = await outputOf(server, ["tail", "a", "-e", "--exec", script], { env: { FILE: file } })
  assert.match(readFileSync(file, "utf8"), /^a\|\$\(id\)\|';x\|\$\(touch pwned\); `id` \n'"a\|message\|\S+\|second$/)
  assert.equal(code, 1)
  assert.equal(err, "onward: The command ended with 1 for the event ';x.\n")
})

test("onward tail resumes after its connection was cut, and prints each event once", async (t) => {
  let hubPort = 0
  const sockets: Socket[] = []
  const front = createNetServer((socket) => {
    const to = connect(hubPort, "127.0.0.1")
    for (const each of [socket, to]) each.on("error", () => {})
    sockets.push(socket, to)
    socket.pipe(to).pipe(socket)
  }).listen(0, "127.0.0.1")
  await once(front, "listening")
  t.after(() => {
    front.close()
    for (const socket of sockets) socket.destroy()
  })
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`
  const server = await testServer(t, { log: "memory:", publicUrls: [url], ...{ retry: "1ms" } })
  hubPort = server.port
  const { out, err, ended } = runCommand({ url }, ["tail", "a", "--all", "-c", "3"])
  for (const data of ["1", "2"]) {
    await publish(server.url, { topic: "a", data })
    await until(() => out().endsWith(`${data}\n`))
    for (const socket of sockets.splice(0)) socket.destroy()
  }
  await publish(server.url, { topic: "a", data: "3" })
  assert.equal(await ended, 0, err())
  assert.equal(out(), "1\n2\n3\n")
})

test("onward tail tells of a gap, on standard error and as JSON", async (t) => {
  const server = await testServer(t, { log: "memory:" })
  await publish(server.url, { topic: "a", data: "1" })
  const { out, err } = await outputOf(server, ["tail", "a", "-e", "--after", "nosuch", "--json"])
  assert.match(out, /^\{"gap":\{"reason":"unknown","from":"nosuch","to":".*"\}\}\n\{"topic":"a"/)
  assert.equal(err, "onward: Events may be missing after nosuch: the hub does not know the id.\n")
})

test("a reader that is slow slows onward tail, which then does not read from the hub", async (t) => {
  let written = 0
  const client = { isFull: false }
  // a server of many events, which says when its client stops reading
  const server = createServer((_, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" })
    const block = `id: 1\ndata: ${"x".repeat(65_536)}\n\n`
    const fill = (): void => {
      while (written < 256 * 1_024 * 1_024) {
        written += block.length
        if (!res.write(block)) return void setTimeout(() => (client.isFull = true), 0)
      }
    }
    res.on("drain", () => {
      client.isFull = false
      fill()
    })
    fill()
  }).listen(0, "127.0.0.1")
  t.after(() => server.close().closeAllConnections())
  await once(server, "listening")
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { stdout, ended } = runCommand({ url }, ["tail", "a"], { isRead: false })
  await once(stdout, "readable")
  // the sockets fill up, and then nothing moves
  let before = -1
  while (before !== written || !client.isFull) {
    before = written
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  assert.ok(written < 64 * 1_024 * 1_024, `${written} bytes were taken`)
  stdout.destroy(Object.assign(new Error("closed"), { code: "EPIPE" }))
  await assert.rejects(ended, { code: "EPIPE" })
})

test("onward tail ends with 1 and the hub's reason when the stream is refused or the hub is away", async (t) => {
  const auth = { keys: [{ name: "app", sha256: hashKey("ok_secret").toString("hex"), subscribe: ["a"] }] }
  const server = await testServer(t, { log: "memory:", auth })
  const refused = await outputOf(server, ["tail", "b", "-e"], { env: { ONWARD_TOKEN: "ok_secret" } })
  assert.equal(refused.code, 1)
  assert.match(refused.err, /^onward: The hub refused the stream with 403: .*\(topic_not_allowed\)\n$/)
  assert.equal((await outputOf(server, ["tail", "a", "-e", "--token", "ok_secret"])).code, 0)
  await server.close()
  const away = await outputOf(server, ["tail", "a"])
  assert.equal(away.code, 1)
  assert.match(away.err, /^onward: The connection failed: .*ECONNREFUSED/)
})

const mistakes: readonly [args: string[], message: RegExp][] = [
  [[], /topics are missing/],
  [["a", "--all", "--last", "1"], /--last and --all both say where to start/],
  [["a", "--json", "--exec", "x"], /--json and --exec exclude each other/],
  [["a", "--since", "yesterday"], /--since: "yesterday"\. Use a time from 1ms/],
  [["a", "-f", "%x"], /--format has no "%x"\. Use %t, %i, %e, %d, %s, %T and/],
  [["a", "-f", "x\\"], /--format has no "\\"/],
  [["a", "-c", "none"], /--count: "none"/],
  [["a", "--token", "a b"], /token contains a space/],
]

test("a mistake on the command line of onward tail is told with what to write instead", () => {
  for (const [args, message] of mistakes) {
    assert.throws(() => readTail(args, {}), { name: "UsageError", message }, args.join(" "))
  }
})

test("onward tail tells the topic of each event of several topics and of patterns", async (t) => {
  const server = await testServer(t, { log: "memory:" })
  await publish(server.url, { topic: "a/1", data: "x" })
  await publish(server.url, { topic: "b", data: "y" })
  const format = await outputOf(server, ["tail", "a/*", "b", "--exit", "-f", "%t %d\\n"])
  assert.equal(format.out, "a/1 x\nb y\n")
  const { out } = await outputOf(server, ["tail", "a/*", "--exit", "--json"])
  assert.equal((JSON.parse(out) as { topic: string }).topic, "a/1")
})
