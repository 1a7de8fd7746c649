import { randomUUID } from "node:crypto"
import { isPattern } from "onward"
import { parse } from "onward/protocol"
import { messageOf } from "../commands/explain-refusal.ts"
import { readText } from "../read-text.ts"
import type { Find } from "./finding.ts"
import { unanswered } from "./head.ts"

const TIMEOUT_MS = 10_000
/** Maximum size of the response to a publish, in bytes. */
const MAX_BYTES = 65_536
/** A name of its own, so that listeners for other events do not see it. */
const EVENT = "onward.doctor"

interface RoundTripCheck {
  readonly headers: Readonly<Record<string, string>>
  readonly find: Find
}

/** Publishes a message on the first topic of a hub's stream, and reports whether and when it arrives. */
export async function roundTrip(url: string, { headers, find }: RoundTripCheck): Promise<void> {
  const target = new URL(url)
  const topic = target.searchParams.getAll("topic").find((each) => !isPattern(each))
  if (topic === undefined || !target.pathname.endsWith("/events")) {
    return find("bad", "--publish needs the URL of a hub's stream with a topic", "use …/events?topic=hello")
  }
  const leaving = new AbortController()
  const signal = AbortSignal.any([leaving.signal, AbortSignal.timeout(TIMEOUT_MS)])
  try {
    const stream = await fetch(url, { headers: { accept: "text/event-stream", ...headers }, signal })
    if (!stream.body) return find("bad", `the stream has no body: status ${stream.status}`)
    const data = randomUUID()
    const publishedAt = performance.now()
    const answered = publish(target, { topic, data, headers, signal })
    // an early failure is told once the answer is awaited
    answered.catch(() => {})
    const arrived = (async (): Promise<boolean> => {
      for await (const event of parse(stream.body as ReadableStream<Uint8Array>)) {
        if (event.event === EVENT && event.data === data) return true
      }
      return false
    })()
    arrived.catch(() => {})
    const refusal = await answered
    if (refusal !== undefined) {
      return find("bad", `the message was refused: ${refusal}`, "send a token that may publish: --token")
    }
    if (await arrived) {
      return find("ok", `a published message arrived after ${Math.round(performance.now() - publishedAt)} ms`)
    }
    find("bad", "the stream ended before the published message arrived")
  } catch (error) {
    if ((error as Error).name === "TimeoutError") {
      const todo = "check that the hub that publishes and the hub of the stream share a log: docs/several-processes.md"
      return find("bad", `the published message did not arrive within ${TIMEOUT_MS / 1_000} s`, todo)
    }
    find("bad", unanswered(error), "check the URL, and that the server is running")
  } finally {
    leaving.abort()
  }
}

interface Publication {
  readonly topic: string
  readonly data: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** Returns why the message was refused; undefined when it was stored. */
async function publish(stream: URL, { topic, data, headers, signal }: Publication): Promise<string | undefined> {
  const url = new URL(stream.pathname.replace(/\/events$/, "/publish"), stream)
  const body = JSON.stringify({ topic, data, event: EVENT })
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body,
    signal,
  })
  const text = await readText(response, MAX_BYTES)
  return response.status === 200 ? undefined : `status ${response.status}, ${messageOf(text) ?? "without a reason"}`
}
