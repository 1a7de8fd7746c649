import assert from "node:assert/strict"
import { test } from "node:test"
import { HttpError } from "../src/http-error.ts"
import { createLogger, LEVELS, type Level, type LoggerOptions } from "../src/logger.ts"

/** A logger, and the lines that it printed. */
function collect(options: Omit<LoggerOptions, "write">) {
  const lines: [stream: string, line: string][] = []
  return { lines, ...createLogger({ ...options, write: (stream, text) => lines.push([stream, text]) }) }
}

const logAll = (log: (level: Level, message: string) => void): void => {
  for (const level of LEVELS) log(level, level)
}

for (const [at, level] of LEVELS.entries()) {
  test(`with --log-level ${level}, the hub prints nothing less important`, () => {
    const { lines, log } = collect({ format: "json", level })
    logAll(log)
    const printed = lines.map(([, line]) => (JSON.parse(line) as { level: string }).level)
    assert.deepEqual(printed, LEVELS.slice(at))
  })
}

test("a reload changes the level of the lines that follow", () => {
  const { lines, log, setLevel, prints } = collect({ format: "text", level: "error" })
  logAll(log)
  assert.equal(prints("debug"), false)
  setLevel("debug")
  assert.equal(prints("debug"), true)
  log("debug", "details")
  assert.deepEqual(lines, [
    ["stderr", "onward: error\n"],
    ["stdout", "details\n"],
  ])
})

test("a JSON line is one object with time, level and fields, and a text cannot begin a second line", () => {
  const { lines, log } = collect({ format: "json", level: "info" })
  log("info", "two\nlines", { path: "/a\nb" })
  const [[stream, line] = ["", ""]] = lines
  assert.equal(stream, "stdout")
  assert.equal(line.indexOf("\n"), line.length - 1)
  const { time, ...rest } = JSON.parse(line) as { time: string }
  assert.equal(new Date(time).toISOString(), time)
  assert.deepEqual(rest, { level: "info", msg: "two\nlines", path: "/a\nb" })
})

test("an error that a client caused is a warning, and one of the hub is an error", () => {
  const { lines, report } = collect({ format: "json", level: "debug" })
  report(new HttpError(404, "not_found", "The path does not exist."))
  report(new HttpError(503, "busy", "The hub is busy. Retry later."))
  report(new Error("a bug"))
  const said = lines.map(([, line]) => JSON.parse(line) as { level: string; code: string })
  assert.deepEqual(
    said.map(({ level, code }) => [level, code]),
    [
      ["warn", "not_found"],
      ["warn", "busy"],
      ["error", "internal_error"],
    ],
  )
})
