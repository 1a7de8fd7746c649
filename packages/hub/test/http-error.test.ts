import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { OnwardError, type OnwardErrorCode } from "onward"
import { HttpError, toHttpError } from "../src/http-error.ts"

const documented = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8").matchAll(
  /^## `(\w+)`\n\nHTTP status: (\d+)/gm,
)

for (const [, code = "", status] of documented) {
  test(`${code} has the status ${status}, as docs/errors.md says`, () => {
    const error = new OnwardError(code as OnwardErrorCode, "about the disk /dev/s3cret")
    const answer = toHttpError(error)
    assert.deepEqual([answer.status, answer.code], [Number(status), code])
    assert.equal("retry-after" in answer.headers, error.retryable)
    if (code.startsWith("log_")) assert.ok(!answer.message.includes("s3cret"))
    else assert.equal(answer.message, error.message)
  })
}

test("clients do not receive details of unexpected errors", () => {
  const { status, code, message } = toHttpError(new Error("s3cret"))
  assert.deepEqual([status, code, message.includes("s3cret")], [500, "internal_error", false])
})

test("an error that is already an HTTP response stays unchanged", () => {
  const error = new HttpError(418, "teapot", "short and stout")
  assert.equal(toHttpError(error), error)
})
