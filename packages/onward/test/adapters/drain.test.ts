import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { test } from "node:test"
import { promisify } from "node:util"

test("a server with a hundred streams drains, closes, and its process ends by itself", async () => {
  const program = new URL("programs/drain-and-exit.ts", import.meta.url).pathname
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--conditions=onward-source", program], {
    timeout: 20_000,
  })
  assert.equal(stdout, "100 told to come back, at many times\nended by itself\n")
  assert.equal(stderr, "")
})
