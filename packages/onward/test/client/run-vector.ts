import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import type { TestContext } from "node:test"
import { systemClock } from "../../src/clock.ts"
import type { FetchLike } from "../../src/client/index.ts"

import * as client from "../../src/client/node.ts"
import { eventually } from "../adapters/exchange.ts"
import { createClock } from "../../src/testing/index.ts"
import { quiet } from "./quiet.ts"
import { serveFaults, type FaultServer } from "./fault-server.ts"
import { utf8 } from "./fault-request.ts"
import { play } from "./script.ts"
import { seen, start, type Seen } from "./start-vector.ts"
import type { Count, Vector } from "./vector.ts"

const file = new URL("../vectors/client.json", import.meta.url)
const all = (JSON.parse(readFileSync(file, "utf8")) as { vectors: readonly Vector[] }).vectors

/** What only pages have: being hidden, and tabs. The tests in browsers run these. */
export const IN_PAGES: readonly string[] = ["C067", "C068"]

export const vectors: readonly Vector[] = all
  .filter(({ id }) => !IN_PAGES.includes(id))
  // as written the second answer, silent as well, would be given up too, and a third request made
  .map((vector) => (vector.id === "C058" ? { ...vector, runMs: 400 } : vector))

/** Runs one with a clock of its own, which goes on once nothing else does; throws what the client did otherwise. */
export async function runAtOnce(t: TestContext, vector: Vector, fetch: FetchLike): Promise<void> {
  const clock = createClock({ quiet })
  const server = await serveFaults(t, play(vector.server), { clock })
  const observed = start(vector, { client, url: server.url, clock, fetch })
  await clock.pass(vector.runMs)
  observed.close()
  check(vector, seen(observed), server)
}

/** What no machine makes by itself, however busy, in ms. */
const SILENCE = 2_000

/** One as it can be run by the machine's clock, by which everything may take longer: no gap is too long, and silence is no accident. */
export function inRealTime(vector: Vector): Vector {
  const { client, runMs, expect } = vector
  const { idleTimeoutMs: idle } = client
  const { gapMs } = expect
  return {
    ...vector,
    ...(idle !== undefined && { client: { ...client, idleTimeoutMs: SILENCE }, runMs: runMs - idle + SILENCE }),
    expect: { ...expect, ...(gapMs && { gapMs: gapMs.map(({ max: _, ...gap }) => gap) }) },
  }
}

/** Runs one by the machine's clock. On a slow machine it takes longer, with the same outcome. */
export async function runInTime(t: TestContext, asWritten: Vector, fetch: FetchLike): Promise<void> {
  const vector = inRealTime(asWritten)
  const server = await serveFaults(t, play(vector.server))
  const observed = start(vector, { client, url: server.url, clock: systemClock, fetch })
  await new Promise((resolve) => setTimeout(resolve, vector.runMs))
  await eventually(vector.name, () => isComplete(vector, seen(observed), server))
  observed.close()
  check(vector, seen(observed), server)
}

/** Whether all is there that is to come. */
export function isComplete({ expect }: Vector, { events, state }: Seen, { requests }: FaultServer): boolean {
  return (
    events.length >= (expect.events?.length ?? 0) &&
    requests.length >= (expect.requests?.min ?? 0) &&
    (expect.request ?? []).every(({ index }) => requests.length > index) &&
    state === (expect.finalState ?? state)
  )
}

/** Throws what a client did otherwise than the vector expects. */
export function check(
  { expect }: Vector,
  { events, errorStates, opens, state }: Seen,
  { requests }: FaultServer,
): void {
  if (expect.events) assert.deepEqual(events, expect.events)
  if (expect.errorStates) assert.deepEqual(errorStates, expect.errorStates)
  if (expect.finalState) assert.equal(state, expect.finalState, "state")
  checkCount(requests.length, expect.requests, "requests")
  checkCount(opens, expect.opens, "opens")
  checkCount(errorStates.length, expect.errors, "errors")
  for (const { index, method, body, headers = {}, headersUtf8 = {} } of expect.request ?? []) {
    const request = requests[index]
    assert.ok(request, `request ${index}`)
    if (method !== undefined) assert.equal(request.method, method)
    if (body !== undefined) assert.equal(request.body.toString(), body)
    for (const [name, value] of Object.entries(headers)) assert.equal(request.headers[name] ?? null, value, name)
    for (const [name, value] of Object.entries(headersUtf8)) assert.equal(utf8(request.headers[name]), value, name)
  }
  for (const { between, ...gap } of expect.gapMs ?? []) {
    const [from, to] = between.map((index) => requests[index]?.at ?? NaN) as [number, number]
    checkCount(to - from, gap, `time between requests ${between}`)
  }
}

function checkCount(count: number, { min = 0, max = Infinity }: Count = {}, what: string): void {
  assert.ok(count >= min && count <= max, `${count} ${what}, not ${min} to ${max}`)
}
