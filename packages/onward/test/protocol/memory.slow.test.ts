import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { test } from "node:test"
import { promisify } from "node:util"
import { PARSERS } from "./feed.ts"

interface Report {
  readonly kept: number
  readonly most: number
  readonly after: number
  readonly error: string
}

const run = promisify(execFile)
const program = new URL("programs/memory.ts", import.meta.url).pathname
const MIB = 1024 * 1024

/** Bytes held by what the program named does, measured in a process of its own. */
async function measure(name: string, parser: string): Promise<Report> {
  const flags = ["--expose-gc", "--conditions=onward-source"]
  const { stdout } = await run(process.execPath, [...flags, program, name, parser], {
    env: { ...process.env, NODE_TEST_CONTEXT: "" },
  })
  return JSON.parse(stdout) as Report
}

for (const { name: parser } of PARSERS) {
  for (const name of [
    "one of many",
    "one of many, by CR",
    "one of many, not ASCII",
    "small before large",
    "small after large",
  ]) {
    test(`a kept string does not keep its chunk: ${parser}, ${name}`, async () => {
      const { kept, after } = await measure(name, parser)
      assert.equal(kept, 2_000)
      assert.ok(after < 12 * MIB, `${after} bytes for 2,000 events of 64 KiB chunks, which are 131 MB`)
    })
  }

  for (const [name, limit] of [
    ["one line", 16 * MIB],
    ["one line, not ASCII", 16 * MIB],
    ["one line, byte by byte", 4 * MIB],
    ["tiny data lines", MIB],
    ["tiny data lines, one by one", 4_096],
  ] as const) {
    test(`a stream that never ends an event is refused at the limit: ${parser}, ${name}`, async () => {
      const { most, after, error } = await measure(name, parser)
      assert.equal(error, "event_too_large")
      assert.ok(most < limit + MIB, `${most} bytes held`)
      assert.ok(after < MIB, `${after} bytes held after the error`)
    })
  }

  for (const [name, length] of [
    ["ten million data lines", 1e7],
    ["ten million id lines", 0],
    ["ten million comments", 0],
  ] as const) {
    test(`an event of tiny lines takes little more memory than its data: ${parser}, ${name}`, async () => {
      const { kept, most } = await measure(name, parser)
      assert.equal(kept, length)
      assert.ok(most < length + 2 * MIB, `${most} bytes held`)
    })
  }

  test(`a million fields of one event that are not data need no memory: ${parser}`, async () => {
    const { after } = await measure("tiny id lines", parser)
    assert.ok(after < MIB, `${after} bytes held`)
  })
}
