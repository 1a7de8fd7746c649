import { test } from "node:test"
import { createHub, defineEvents, type EventInput, type EventOutput, type Hub, type Message } from "onward"
import { note, tick } from "./standard-schema.ts"

/*
 * What the types promise: this file is right when `tsc` accepts it, and each `@ts-expect-error` is an error `tsc` must find.
 * Nothing here runs.
 */

const events = defineEvents({ tick, note })
type Events = typeof events.schemas

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <Claim extends true>(claim?: Claim): void => void claim

async function underContract(): Promise<void> {
  const hub = createHub({ events })
  await hub.publish({ topic: "prices", event: "tick", data: { symbol: "ACME", price: 12.5 } })
  await hub.publish({
    topic: "prices",
    event: "tick",
    data: { symbol: "ACME", price: "12.5" },
    id: "7",
    idempotencyKey: "k",
  })
  await hub.publishMany([
    { topic: "prices", event: "tick", data: { symbol: "ACME", price: 1 } },
    { topic: "notes", event: "note", data: "hello" },
  ])
  // @ts-expect-error -- an event that is not in the contract
  await hub.publish({ topic: "prices", event: "tock", data: { symbol: "ACME", price: 12.5 } })
  // @ts-expect-error -- the data of another event
  await hub.publish({ topic: "prices", event: "tick", data: "hello" })
  // @ts-expect-error -- a field is missing
  await hub.publish({ topic: "prices", event: "tick", data: { symbol: "ACME" } })
  // @ts-expect-error -- no event at all
  await hub.publish({ topic: "prices", data: { symbol: "ACME", price: 12.5 } })
  // @ts-expect-error -- no data
  await hub.publish({ topic: "prices", event: "tick" })
  // @ts-expect-error -- no topic
  await hub.publish({ event: "note", data: "hello" })
  // @ts-expect-error -- a field that does not exist
  await hub.publish({ topic: "notes", event: "note", data: "hello", topics: ["a"] })
  // @ts-expect-error -- one wrong message among many
  await hub.publishMany([{ topic: "notes", event: "note", data: 7 }])
}

async function withoutContract(): Promise<void> {
  const hub: Hub = createHub()
  await hub.publish({ topic: "a" })
  await hub.publish({ topic: "a", event: "anything", data: { of: ["any", "shape"] } })
  // @ts-expect-error -- still a topic
  await hub.publish({ data: "hello" })
  // @ts-expect-error -- an id is text
  await hub.publish({ topic: "a", id: 7 })
  // @ts-expect-error -- no such option
  createHub({ logs: [] })
  // @ts-expect-error -- no such start
  hub.subscribe({ topics: ["a"], from: "newest" })
}

async function reading(): Promise<void> {
  const event = await events.parse({ event: "tick", data: "" })
  if (event.event === "tick") holds<Equal<typeof event.data, { symbol: string; price: number }>>()
  else holds<Equal<typeof event.data, string>>()
  // @ts-expect-error -- after the two there is nothing left
  void (event.event === "tock")
}

test("a contract's types distinguish events and their data", () => {
  holds<Equal<EventInput<Events>["event"], "tick" | "note">>()
  holds<Equal<Extract<EventOutput<Events>, { event: "tick" }>["data"], { symbol: string; price: number }>>()
  holds<Equal<Message["data"], unknown>>()
  void [underContract, withoutContract, reading]
})
