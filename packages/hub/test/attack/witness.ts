import { setTimeout as wait } from "node:timers/promises"
import { stream, type Gap } from "onward/client"

const TOPIC = "witness"
/** Between two messages, in ms. */
const PAUSE_MS = 20
/** How long what was acknowledged may take to arrive in the end, in ms: no promise, but an end of waiting. */
const ARRIVAL_MS = 60_000
/** How long a publish may wait for its answer, in ms: as long as that no busy machine is taken for a hub that hangs. */
const ANSWER_MS = 60_000

/** A well-behaved client beside an attack: publishes numbers one after the other, and subscribes to them. */
export interface Witness {
  /** Waits until everything acknowledged has arrived; resolves to what went wrong. */
  end(): Promise<readonly string[]>
  readonly acknowledged: () => number
  /** How long publishes took, in ms, in order. */
  readonly latencies: readonly number[]
  /** Gaps that it was told of. */
  readonly gaps: readonly Gap[]
}

/** @param port of the hub, which may be gone for a while */
export async function startWitness(port: () => number): Promise<Witness> {
  const leaving = new AbortController()
  const failures = new Set<string>()
  const latencies: number[] = []
  const gaps: Gap[] = []
  let acknowledged = 0
  let expected = 0
  /** Whether it was told of a gap since the last event. */
  let isGap = false

  const events = stream(`http://127.0.0.1:${port()}/events?topic=${TOPIC}&last_event_id=earliest`, {
    onGap(gap) {
      gaps.push(gap)
      isGap = true
    },
    retry: { base: 50, max: 1_000 },
  })

  async function receive(): Promise<void> {
    try {
      for await (const { data } of events) take(Number(data))
    } catch (error) {
      failures.add(`its stream failed: ${String(error)}`)
    }
  }

  function take(number: number): void {
    if (number < expected) failures.add("it received an event twice, or out of order")
    else if (Number.isNaN(number)) failures.add("it received an event that it did not ask for")
    else {
      if (number > expected && !isGap) failures.add(`it did not receive ${number - expected} events`)
      expected = number + 1
      isGap = false
    }
  }

  async function publish(): Promise<void> {
    for (let number = 0; !leaving.signal.aborted; number++) {
      while (!(await tryToPublish(number)) && !leaving.signal.aborted) await wait(PAUSE_MS)
      await wait(PAUSE_MS)
    }
  }

  /** By a key, so that what was not answered can be published again. */
  async function tryToPublish(number: number): Promise<boolean> {
    const startedAt = performance.now()
    try {
      const response = await fetch(`http://127.0.0.1:${port()}/publish`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        signal: AbortSignal.timeout(ANSWER_MS),
        body: JSON.stringify({ topic: TOPIC, data: String(number), idempotencyKey: `${number}` }),
      })
      const text = await response.text()
      if (response.status !== 200) {
        failures.add(`its publishing was refused: ${response.status} ${text.slice(0, 200)}`)
        return false
      }
      acknowledged = number + 1
      latencies.push(performance.now() - startedAt)
      return true
    } catch (error) {
      if ((error as Error).name === "TimeoutError") failures.add(`a publish was not answered within ${ANSWER_MS} ms`)
      return false // the hub is gone for a moment; if it crashed, that is noticed elsewhere
    }
  }

  const receiving = receive()
  const publishing = publish()
  await waitUntil(() => expected > 0)
  return {
    latencies,
    gaps,
    acknowledged: () => acknowledged,
    async end() {
      leaving.abort()
      await publishing
      await waitUntil(() => expected >= acknowledged)
      events.close()
      await receiving
      if (expected < acknowledged) failures.add(`${acknowledged - expected} acknowledged events did not arrive`)
      if (acknowledged === 0) failures.add("nothing that it published was acknowledged")
      return [...failures]
    },
  }
}

async function waitUntil(isTrue: () => boolean): Promise<void> {
  for (const since = performance.now(); !isTrue() && performance.now() - since < ARRIVAL_MS;) await wait(20)
}
