import assert from "node:assert/strict"
import { test } from "node:test"
import { OnwardError } from "onward"
import { HttpError } from "../src/http-error.ts"
import { limitReports } from "../src/reports.ts"

const textOf = (error: unknown): string => (error as Error).message

test("a thousand refusals of one kind are one line at once, and one line every ten seconds", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const reported: unknown[] = []
  const report = limitReports((error) => reported.push(error))
  const refuse = (times: number): void => {
    for (let i = 0; i < times; i++) report(new HttpError(503, "busy", "Too many."))
  }
  refuse(1_000)
  assert.deepEqual(reported.map(textOf), ["Too many."])
  report(new OnwardError("log_unavailable", "gone"))
  assert.deepEqual(reported.map(textOf), ["Too many.", "gone"])
  t.mock.timers.tick(10_000)
  refuse(500)
  t.mock.timers.tick(10_000)
  assert.deepEqual(reported.map(textOf).slice(2), [
    "Too many. The same happened 999 more times in 10 s.",
    "Too many. The same happened 500 more times in 10 s.",
  ])
  t.mock.timers.tick(10_000)
  refuse(1)
  assert.equal(reported.length, 5)
})

test("the line about repeated errors has their code, for logs in JSON", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const codes: unknown[] = []
  const report = limitReports((error) => codes.push((error as { code?: string }).code))
  for (const error of [new HttpError(503, "busy", "a"), new OnwardError("log_unavailable", "b"), new Error("c")]) {
    report(error)
    report(error)
  }
  t.mock.timers.tick(10_000)
  assert.deepEqual(codes.slice(3), ["busy", "log_unavailable", "internal_error"])
})

test("errors that all differ are reported at most a hundred times in ten seconds", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const reported: unknown[] = []
  const report = limitReports((error) => reported.push(error))
  for (let i = 0; i < 10_000; i++) report(new Error(`number ${i}`))
  assert.equal(reported.length, 101)
})
