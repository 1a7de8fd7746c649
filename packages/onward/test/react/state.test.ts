import assert from "node:assert/strict"
import { test } from "node:test"
import { Activity, createElement, type ReactNode } from "react"
import { OnwardError } from "../../src/errors.ts"
import { useEventStream } from "../../src/react/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { servePage } from "../client/browsers/page-server.ts"
import { until } from "../client/browsers/until.ts"
import { type Numbers, open, ShowNumbers, type NumbersProps } from "./numbers.ts"
import { mount } from "./page.ts"

const numbers = (props: NumbersProps) => createElement(ShowNumbers, props)

test("a burst of 1,000 events is rendered together, and none is lost", async (t) => {
  const clock = createClock()
  const site = await servePage(t)
  let renders = 0
  let reduced = 0
  function Sum(): ReactNode {
    renders++
    const { data } = useEventStream(`${site.origin}/events`, {
      clock,
      initial: 0,
      reduce: (sum, event) => (reduced++, sum + event.json<number>()),
    })
    return data
  }
  const place = mount(t, createElement(Sum))
  await until("it is open", () => open(site) === 1)
  await site.publish(1_000)
  await until("all came", () => reduced === 1_000)
  await clock.pass(16)
  await until("all are shown", () => place.text === "500500")
  // at first, once it is open, and with everything
  assert.ok(renders <= 3, `${renders} renders`)
})

test("a component with a selector renders when the selected value changes, and only then", async (t) => {
  const site = await servePage(t)
  const seen: unknown[] = []
  let reduced = 0
  function Tens(): ReactNode {
    const { data, status } = useEventStream(`${site.origin}/events`, {
      initial: 0,
      reduce: (_, event) => (reduced++, event.json<number>()),
      select: (latest) => Math.floor(latest / 10),
    })
    if (status === "open") seen.push(data)
    return data
  }
  mount(t, createElement(Tens))
  for (let count = 1; count <= 25; count++) {
    await site.publish(1)
    await until("it came", () => reduced === count)
  }
  await until("the last ten is shown", () => seen.at(-1) === 2)
  assert.deepEqual(
    seen.filter((ten, index) => ten !== seen[index - 1]),
    seen,
  )
})

test("without reduce, data is the latest event", async (t) => {
  const site = await servePage(t)
  function Latest(): ReactNode {
    const { data } = useEventStream(`${site.origin}/events`)
    return data ? `${data.event} ${data.data}` : "nothing yet"
  }
  const place = mount(t, createElement(Latest))
  await until("it is rendered", () => place.text === "nothing yet")
  await site.publish(3)
  await until("the latest is shown", () => place.text === "message 3")
})

test("while the server is unavailable the error is shown, and afterwards nothing is missing", async (t) => {
  const site = await servePage(t)
  const states: Numbers[] = []
  const url = `${site.origin}/events`
  const place = mount(t, numbers({ url, retry: { base: 1 }, onRender: (state) => states.push(state) }))
  await site.publish(2)
  await until("events are shown", () => place.text === "open: 1 2")
  site.isReachable = false
  site.cut()
  await until("it says so", () => states.some(({ status, error }) => status === "reconnecting" && error))
  await site.publish(2)
  site.isReachable = true
  await until("nothing is missing", () => place.text === "open: 1 2 3 4")
  assert.equal(states.at(-1)?.error, undefined)
  const { error } = states.find(({ status }) => status === "reconnecting") as Numbers
  assert.ok(error instanceof OnwardError && ["network_error", "stream_ended"].includes(error.code), String(error))
})

test("a failed stream has its error, until it is told to reconnect", async (t) => {
  const site = await servePage(t)
  let isMissing = true
  let asked = 0
  site.on("/maybe", (_, res) => {
    asked++
    if (isMissing) return void res.writeHead(404).end()
    res.writeHead(200, { "content-type": "text/event-stream" }).write("data: found\n\n")
  })
  let latest: Numbers | undefined
  const url = `${site.origin}/maybe`
  const place = mount(t, numbers({ url, onRender: (state) => (latest = state) }))
  await until("it failed", () => place.text === "failed:")
  assert.ok(latest?.error instanceof OnwardError && latest.error.code === "bad_status")
  place.render(numbers({ url, onRender: (state) => (latest = state) }))
  isMissing = false
  latest?.reconnect()
  await until("it is there", () => place.text === "open: found")
  assert.equal(asked, 2)
})

test("a stream that ended keeps its data, and is not requested again", async (t) => {
  const site = await servePage(t)
  let asked = 0
  site.on("/short", (_, res) => {
    asked++
    res.setHeader("content-type", "text/event-stream").end("data: all\n\nevent: stream.end\ndata\n\n")
  })
  const shown = (mode: "visible" | "hidden") =>
    createElement(Activity, { mode, children: numbers({ url: `${site.origin}/short`, onRender: () => renders++ }) })
  let renders = 0
  const place = mount(t, shown("visible"))
  await until("it ended", () => place.text === "ended: all")
  place.render(shown("hidden"))
  const before = renders
  await until("it is hidden", () => renders > before)
  place.render(shown("visible"))
  await until("it is shown again", () => renders > before + 1)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(asked, 1)
})

test("a stream that is closed and opened again by the program resumes", async (t) => {
  const site = await servePage(t)
  let latest: Numbers | undefined
  const place = mount(t, numbers({ url: `${site.origin}/events`, onRender: (state) => (latest = state) }))
  await site.publish(2)
  await until("events are shown", () => place.text === "open: 1 2")
  latest?.close()
  await until("it is closed", () => place.text === "ended: 1 2" && open(site) === 0)
  await site.publish(1)
  latest?.reconnect()
  await until("it carried on", () => place.text === "open: 1 2 3")
  latest?.reconnect()
  await until("another connection took its place", () => site.requests.length === 3 && open(site) === 1)
  await site.publish(1)
  await until("nothing is lost or doubled", () => place.text === "open: 1 2 3 4")
})

test("a reduce that throws fails the stream with its error, and closes the connection", async (t) => {
  const site = await servePage(t)
  const broken = new Error("no such case")
  function Broken(): ReactNode {
    const { status, error } = useEventStream(`${site.origin}/events`, {
      initial: 0,
      reduce: (): number => {
        throw broken
      },
    })
    return `${status} ${error === broken}`
  }
  const place = mount(t, createElement(Broken))
  await site.publish(1)
  await until("it failed", () => place.text === "failed true")
  await until("the connection is closed", () => open(site) === 0)
})
