import assert from "node:assert/strict"
import { test } from "node:test"
import { readPublish } from "../../src/commands/publish/command-line.ts"
import { readTail } from "../../src/commands/tail/command-line.ts"
import { mercureHub, tokenOf } from "../mercure/mercure-hub.ts"
import { outputOf, runCommand, until } from "./run-command.ts"

test("onward publish --mercure publishes private updates on several topics, and tail --mercure reads them", async (t) => {
  const server = await mercureHub(t)
  const env = { ONWARD_TOKEN: await tokenOf(0, { publish: ["*"], subscribe: ["*"] }) }
  const topics = ["https://example.com/books/1", "https://example.com/books/{id}"]
  const first = await outputOf(server, ["pub", "https://example.com/books/1", "before", "--mercure"], { env })
  assert.equal(first.code, 0, first.err)
  assert.match(first.out, /^urn:uuid:\S+\n$/)
  const reading = runCommand(server, ["tail", ...topics, "--mercure", "--all", "-c", "3", "--json"], { env })
  const anonymous = runCommand({ url: server.hub }, ["tail", topics[0] ?? "", "--mercure", "--all", "-c", "2"], {})
  await until(() => reading.out() !== "" && anonymous.out() !== "")
  const publishing = ["pub", "https://example.com/x", "--mercure", "--also", "https://example.com/books/2", "-l"]
  const args = [...publishing, "--private", "-e", "changed", "--id", "urn:%n"]
  const { code, out, err } = await outputOf(server, args, { env, input: "one\n\ntwo\n" })
  assert.deepEqual([code, out], [0, "urn:1\nurn:3\n"], err)
  assert.equal(await reading.ended, 0)
  const events = reading
    .out()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, string>)
  assert.deepEqual(
    events.slice(1).map(({ event, id, data }) => [event, id, data]),
    [
      ["changed", "urn:1", "one"],
      ["changed", "urn:3", "two"],
    ],
  )
  await outputOf({ url: server.hub }, ["pub", "https://example.com/books/1", "public", "--mercure"], { env })
  assert.equal(await anonymous.ended, 0)
  assert.equal(anonymous.out(), "before\npublic\n", "private updates are not sent to anonymous subscribers")
  const refused = await outputOf(server, ["pub", "a", "x", "--mercure"])
  assert.equal(refused.code, 1)
  assert.match(refused.err, /status 401/)
})

test("tail --mercure --dialect 1 asks like Mercure 1.0: exact topics, URL patterns and *", async (t) => {
  const server = await mercureHub(t)
  const env = { ONWARD_TOKEN: await tokenOf(1, { publish: ["*"], subscribe: ["*"] }) }
  for (const id of ["1", "2/pages", "3"]) {
    await outputOf(server, ["pub", `https://example.com/books/${id}`, id, "--mercure", "--private"], { env })
  }
  const reads = async (topics: readonly string[], count: number): Promise<string> => {
    const args = ["tail", ...topics, "--mercure", "--dialect", "1", "--all", "-c", String(count), "-f", "%t %d\\n"]
    const { code, out, err } = await outputOf(server, args, { env })
    assert.equal(code, 0, err)
    return out
  }
  assert.equal(await reads(["https://example.com/books/3"], 1), "https://example.com/books/3 3\n")
  assert.equal(await reads(["https://example.com/books/:id"], 2), " 1\n 3\n")
  assert.equal(await reads(["*"], 3), " 1\n 2/pages\n 3\n")
  assert.equal(await reads(["https://example.com/books/1", "https://example.com/:any/3"], 2), " 1\n 3\n")
  const odd = "https://example.com/books/(4)/:id"
  await outputOf(server, ["pub", odd, "odd", "--mercure", "--private"], { env })
  assert.equal(await reads([odd, "--exact"], 1), `${odd} odd\n`)
})

test("flags that Mercure does not have, and that only it has, are refused", () => {
  const publish =
    (...args: string[]) =>
    (): unknown =>
      readPublish(args, {})
  assert.throws(publish("a", "b", "--private"), /Add --mercure/)
  assert.throws(publish("a", "b", "--mercure", "--key", "k"), /not for --mercure/)
  assert.throws(() => readTail(["a", "--mercure", "--last", "2"], {}), /--last is not for --mercure/)
  assert.throws(() => readTail(["a", "--dialect", "1"], {}), /Add --mercure/)
  assert.throws(() => readTail(["a", "--mercure", "--exact"], {}), /Add --mercure --dialect 1/)
  assert.throws(() => readTail(["a", "--mercure", "--dialect", "2"], {}), /--dialect is 0 or 1, not "2"/)
})
