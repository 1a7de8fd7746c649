import assert from "node:assert/strict"
import { readFileSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import type { Ending, FinishReason, Format, Part } from "../../../src/runs/format.ts"
import { bodyOf, cases, ended, framesOf, merge } from "./cases.ts"

const failed: Ending = { status: "failed", error: { code: "overloaded", message: "Overloaded" } }
const end = (ending: Ending): Part => ({ type: "end", ending })
const completed = (reason?: FinishReason): Part[] => [
  ...(reason === undefined ? [] : [{ type: "finish", reason } as const]),
  end({ status: "completed" }),
]

const spoken: readonly Part[] = [
  { type: "start", model: "m-1" },
  { type: "start" },
  { type: "usage", usage: { input: 7 } },
  { type: "reasoning", delta: "Let me " },
  { type: "reasoning", delta: "see." },
  { type: "text", delta: "The " },
  { type: "text", delta: "answer" },
]
const called: readonly Part[] = [
  ...spoken,
  { type: "tool-start", id: "a", name: "pay" },
  { type: "tool-start", id: "b", name: "ask" },
  { type: "tool-input", id: "b", delta: '{"q":' },
  { type: "tool-input", id: "a", delta: '{"to":"x"}' },
  { type: "tool-input", id: "b", delta: "1}" },
  { type: "tool-input", id: "never", delta: "{}" },
  { type: "tool-end", id: "never" },
]

/** Responses as parts. */
const responses: Readonly<Record<string, readonly Part[]>> = {
  "text without a start": [{ type: "text", delta: "a" }, ...completed()],
  nothing: completed(),
  "text and reasoning in turns": [
    ...spoken,
    { type: "reasoning", delta: "Hm." },
    { type: "text", delta: "Yes." },
    { type: "usage", usage: { output: 5 } },
    ...completed("length"),
  ],
  "calls that end before the response": [
    ...called,
    { type: "tool-end", id: "b" },
    { type: "tool-end", id: "a" },
    { type: "tool-end", id: "a" },
    { type: "text", delta: "Done." },
    { type: "usage", usage: { input: 8, output: 9 } },
    ...completed("tool-calls"),
  ],
  "calls that end with the response": [...called, ...completed("tool-calls")],
  "a call without input, and one whose input is not JSON": [
    { type: "tool-start", id: "a", name: "pay" },
    { type: "tool-end", id: "a" },
    { type: "tool-start", id: "b", name: "ask" },
    { type: "tool-input", id: "b", delta: "{" },
    ...completed("content-filter"),
  ],
  "output that is counted without input": [{ type: "usage", usage: { output: 3 } }, ...completed()],
  "an unknown reason": [{ type: "start" }, { type: "text", delta: "a" }, ...completed("other")],
  "a failure before the first text": [end({ status: "lost" })],
  "a failure in a text": [...spoken, end(failed)],
  "a failure in reasoning": [...spoken.slice(0, 4), { type: "usage", usage: { output: 2 } }, end({ status: "failed" })],
  "a failure in a call": [...called, { type: "tool-end", id: "b" }, end({ status: "lost" })],
  "a failure after a call": [...called, { type: "tool-end", id: "a" }, end({ status: "lost" })],
  "a stop in a text": [...spoken, end({ status: "stopped" })],
  "a stop in a call": [...called, end({ status: "stopped" })],
}

for (const { format } of cases) {
  test(`${format.name}: each kind of response is written exactly as before`, () => {
    const bodies = Object.entries(responses).map(([name, parts]) => {
      const write = format.writer({ id: "r1", time: 1_790_000_000_999 })
      return `: ${name}\n\n${bodyOf(format, parts.flatMap(write))}`
    })
    assertEqual(`written-${format.name}.txt`, bodies.join(""))
  })
}

for (const { format, fixtures } of cases) {
  for (const fixture of fixtures) {
    test(`${fixture}: its parts, its merged frames and its early ends are exactly as before`, () => {
      const frames = framesOf(format, fixture)
      const reader = format.reader()
      const parts = joined(frames.flatMap((frame) => reader.take(frame)))
      const merged = merge(format, frames, () => true)
      const lines = [...parts, ...merged].map((each) => JSON.stringify(each))
      assertEqual(`${fixture}.txt`, `${lines.join("\n")}\n\n${endsOf(format, frames).join("\n")}`)
    })
  }
}

/** What a viewer receives last, when a response fails after any of its frames, or has another end after half and all of them. */
function endsOf(format: Format, frames: readonly unknown[]): string[] {
  const all = new Map<string, string>()
  const half = Math.floor(frames.length / 2)
  for (let length = 0; length <= frames.length; length++) {
    const start = frames.slice(0, length)
    const isTold = length === half || length === frames.length
    for (const ending of isTold ? ([failed, { status: "stopped" }, { status: "completed" }] as const) : [failed]) {
      const body = ended(format, start, ending).slice(bodyOf(format, start).length)
      if (!all.has(body)) all.set(body, `: ${ending.status} after ${length} frames\n\n${body}`)
    }
  }
  return [...all.values()]
}

/** Consecutive parts of one kind as one. */
function joined(parts: readonly Part[]): Part[] {
  const all: Part[] = []
  for (const part of parts) {
    const last = all.at(-1)
    if (last && "delta" in last && "delta" in part && sameBut(last, part))
      all[all.length - 1] = { ...part, delta: last.delta + part.delta }
    else all.push(part)
  }
  return all
}

const sameBut = (a: object, b: object): boolean =>
  JSON.stringify({ ...a, delta: "" }) === JSON.stringify({ ...b, delta: "" })

/** Compares text with a file, which `WRITE_EXACT=1` writes after a change that is meant. */
function assertEqual(name: string, text: string): void {
  const file = new URL(`exact/${name}`, import.meta.url)
  if (process.env["WRITE_EXACT"] === "1") writeFileSync(file, text)
  assert.equal(text, readFileSync(file, "utf8"))
}
