import assert from "node:assert/strict"
import { test } from "node:test"
import { createElement, type ReactNode } from "react"
import type { StreamEvent, TypedStreamEvent } from "../../src/client/index.ts"
import { OnwardError } from "../../src/errors.ts"
import { defineEvents } from "../../src/events.ts"
import { useEventStream } from "../../src/react/index.ts"
import { servePage } from "../client/browsers/page-server.ts"
import { until } from "../client/browsers/until.ts"
import { note, schema, tick } from "../ground/standard-schema.ts"
import { open } from "./numbers.ts"
import { mount } from "./page.ts"

const events = defineEvents({ tick, note })
type Arrived = TypedStreamEvent<typeof events.schemas>

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <Claim extends true>(claim?: Claim): void => void claim

test("the type of data follows from the options", () => {
  function Typed(): ReactNode {
    const latest = useEventStream("/")
    holds<Equal<typeof latest.data, StreamEvent | undefined>>()
    const typed = useEventStream("/", { events })
    holds<Equal<typeof typed.data, Arrived | undefined>>()
    const sum = useEventStream("/", { initial: 0, reduce: (sum, event) => sum + event.json<number>() })
    holds<Equal<typeof sum.data, number>>()
    const prices = useEventStream("/", {
      events,
      initial: new Map<string, number>(),
      reduce: (all, event) => (event.event === "tick" ? new Map(all).set(event.data.symbol, event.data.price) : all),
    })
    holds<Equal<typeof prices.data, Map<string, number>>>()
    const price = useEventStream("/", {
      events,
      initial: { price: 0 },
      reduce: (last, { event, data }) => (event === "tick" ? { price: data.price } : last),
      select: ({ price }) => price.toFixed(2),
    })
    holds<Equal<typeof price.data, string>>()
    const name = useEventStream("/", { select: (event) => event?.event })
    holds<Equal<typeof name.data, string | undefined>>()
    holds<Equal<typeof name.error, Error | undefined>>()
    return null
  }

  function Wrong(): ReactNode {
    // @ts-expect-error -- data before any event
    useEventStream("/", { reduce: (sum: number) => sum + 1 })
    // @ts-expect-error -- what is made of an event is not what there was before it
    useEventStream("/", { initial: 0, reduce: () => "1" })
    // @ts-expect-error -- without a contract data is text
    useEventStream("/", { initial: 0, reduce: (sum: number, event) => sum + event.data.price })
    // @ts-expect-error -- null is no URL, and neither is nothing
    useEventStream(undefined)
    return null
  }
  void [Typed, Wrong]
})

test("an event that does not fit its contract fails the stream and closes the connection", async (t) => {
  const site = await servePage(t)
  const onlyOne = schema<number>((value) => (value === 1 ? { value } : { issues: [{ message: "must be 1" }] }))
  const ones = defineEvents({ message: onlyOne })
  let failure: Error | undefined
  function Show(): ReactNode {
    const { status, error, data } = useEventStream(`${site.origin}/events`, { events: ones, validate: true })
    failure = error
    return data?.event === "message" ? `${status} ${data.data.toFixed(1)}` : status
  }
  const place = mount(t, createElement(Show))
  await until("it is open", () => place.text === "open")
  await site.publish(2)
  await until("it failed", () => place.text === "failed 1.0")
  assert.ok(failure instanceof OnwardError && failure.code === "validation_failed", String(failure))
  await until("the connection is closed", () => open(site) === 0)
})
