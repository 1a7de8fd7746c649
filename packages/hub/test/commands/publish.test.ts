import assert from "node:assert/strict"
import { createServer } from "node:http"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { PassThrough, Readable } from "node:stream"
import { test } from "node:test"
import { readPublish } from "../../src/commands/publish/command-line.ts"
import { testServer } from "../server.ts"
import { outputOf, runCommand, until } from "./run-command.ts"

/** What is kept on a topic, as `onward tail --exit` prints it. */
const kept = async (server: { url: string }, topic: string, format = "%e %d\n"): Promise<string[]> =>
  (await outputOf(server, ["tail", topic, "-e", "-f", format])).out.split("\n").slice(0, -1)

test("onward publish sends its text, standard input, lines and JSON lines", async (t) => {
  const server = await testServer(t, { log: "memory:" })
  const text = await outputOf(server, ["publish", "text", "hello world", "-e", "greeting"])
  assert.equal(text.code, 0, text.err)
  assert.match(text.out, /^\S+~\S+\n$/)
  assert.deepEqual(await kept(server, "text"), ["greeting hello world"])

  await outputOf(server, ["pub", "whole"], { input: "two\nlines é\n" })
  assert.deepEqual(await kept(server, "whole", "%d|\n"), ["two", "lines é|"])

  await outputOf(server, ["pub", "first", "both", "--also", "second"])
  for (const topic of ["first", "second"]) assert.deepEqual(await kept(server, topic), ["message both"])

  const lines = await outputOf(server, ["pub", "lines", "-l", "--json"], { input: 'a\r\n\n{"b":1}\nc' })
  assert.deepEqual(await kept(server, "lines"), ["message a", 'message {"b":1}', "message c"])
  assert.equal(lines.out.split("\n").length, 4)
  assert.match(lines.out, /^\{"topic":"lines","id":"\S+"\}\n/)

  const ndjson =
    '{"data":1.10,"event":"e"}\n { "topic" : "other", "id":"mine" , "data": [1, 2] }\n{"data":1,"datum":2}\n'
  const { err } = await outputOf(server, ["pub", "json", "--ndjson"], { input: ndjson })
  assert.match(err, /^onward: The hub answered with status 400: A message has no field "datum"\. /)
  const broken = await outputOf(server, ["pub", "json", "--ndjson"], { input: '\n{"data":}' })
  assert.match(broken.err, /^onward: Line 2 is not a message: /)
  await outputOf(server, ["pub", "json", "--ndjson"], { input: ndjson.split("\n").slice(0, 2).join("\n") })
  assert.deepEqual(await kept(server, "json"), ["e 1.10"])
  assert.deepEqual(await kept(server, "other", "%i %d\n"), ["mine [1,2]"])
})

test("onward publish --count numbers its messages, and --key makes a second run store nothing", async (t) => {
  const server = await testServer(t, { log: "memory:" })
  await outputOf(server, ["pub", "n", "message %n", "--count", "3", "--sleep", "1ms"])
  assert.deepEqual(await kept(server, "n", "%d\n"), ["message 1", "message 2", "message 3"])
  await outputOf(server, ["pub", "once", "100 %n"])
  assert.deepEqual(await kept(server, "once", "%d\n"), ["100 %n"])
  const args = ["pub", "k", "-l", "-k", "file-%n"]
  const first = await outputOf(server, args, { input: "a\nb\n" })
  const second = await outputOf(server, args, { input: "a\nb\nc\n" })
  assert.equal(second.err, "onward: The hub had 2 of 3 messages already.\n")
  assert.ok(second.out.startsWith(first.out), "the ids are those of the first run")
  assert.deepEqual(await kept(server, "k", "%d\n"), ["a", "b", "c"])
})

test("a line is published when it arrives, before standard input ends", async (t) => {
  const server = await testServer(t, { log: "memory:" })
  const input = new PassThrough()
  const { out, ended } = runCommand(server, ["pub", "x", "-l"], { input })
  input.write("first\nsec")
  await until(() => out().split("\n").length === 2)
  input.end("ond\n")
  assert.equal(await ended, 0)
  assert.deepEqual(await kept(server, "x", "%d\n"), ["first", "second"])
})

test("a message whose response was lost is sent again, and is stored once", async (t) => {
  const hub = await testServer(t, { log: "memory:" })
  let requests = 0
  const front = createServer((req, res) => {
    requests++
    const chunks: Buffer[] = []
    req.on("data", (chunk) => chunks.push(chunk))
    req.on("end", async () => {
      const { url = "", method = "", headers } = req
      const type = { "content-type": headers["content-type"] ?? "" }
      const response = await fetch(hub.url + url, { method, headers: type, body: Buffer.concat(chunks) })
      if (requests === 1) return res.destroy()
      if (requests === 2) return res.writeHead(429, { "retry-after": "0" }).end()
      res.writeHead(response.status).end(await response.text())
    })
  }).listen(0, "127.0.0.1")
  t.after(() => front.close().closeAllConnections())
  await once(front, "listening")
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`
  const { code, err } = await outputOf({ url }, ["pub", "x", "-l"], { input: "a\nb\n" })
  assert.equal(code, 0, err)
  assert.equal(requests, 3)
  assert.match(err, /cannot be reached: .* Retrying\.\nonward: The hub had 2 of 2 messages already\.\n$/)
  assert.deepEqual(await kept(hub, "x", "%d\n"), ["a", "b"])
})

test("onward publish ends with 1 when the hub refuses or is away, and says how far it came", async (t) => {
  const server = await testServer(t, { log: "memory:" })
  const refused = await outputOf(server, ["pub", "a*", "x"])
  assert.equal(refused.code, 1)
  assert.match(refused.err, /^onward: The hub answered with status 400: .+ \(invalid_selector\)\n$/)
  const input = new PassThrough()
  const { ended, err, out } = runCommand(server, ["pub", "x", "-l", "--timeout", "0"], { input })
  input.write("a\n")
  await until(() => out() !== "")
  await server.close()
  input.write("b\n")
  assert.equal(await ended, 1)
  assert.match(err(), /cannot be reached: .*\nonward: The hub has stored 1 messages before\. Resume at number 2\.\n$/)
  const binary = await outputOf(server, ["pub", "x"], { input: Readable.from([Buffer.from([0xff])]) })
  assert.deepEqual([binary.code, binary.err.slice(0, 38)], [1, "onward: Standard input is not UTF-8. C"])
})

const mistakes: readonly [args: string, message: RegExp][] = [
  ["", /topic is missing/],
  ["x a b", /takes a topic and one text, not "b" too\. Put the text into quotes/],
  ["x -l --ndjson", /exclude each other/],
  ["x a -l", /reads standard input, not "a"/],
  ["x --id a --count 2", /--id would be the same for each message.* Add %n/],
  ["x --sleep 1s", /--sleep needs --count/],
  ["x --count 0", /--count: "0"\. Use a number from 1/],
  ["x --retry soon", /--retry: "soon"\. Use a time from 0ms to 1h/],
  ["x a --url ftp://x", /--url "ftp:\/\/x" is not an http or https URL/],
  ["x a --url http://me:secret@x", /--url contains a password/],
  ["x a --header nocolon", /--header "nocolon" is invalid/],
  ["x a --tokn b", /There is no option "--tokn"\. Did you mean --token\?/],
]

test("a mistake on the command line of onward publish is told with what to write instead", () => {
  for (const [args, message] of mistakes) {
    assert.throws(() => readPublish(args.split(" ").filter(Boolean), {}), { name: "UsageError", message }, args)
  }
})
