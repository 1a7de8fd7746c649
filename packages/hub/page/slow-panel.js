import { ask, post } from "./ask.js"
import { byId, format, report, show } from "./elements.js"
import { logStream } from "./log-panel.js"
import { createSlowReader } from "./slow-reader.js"
import { tab } from "./stream.js"

const URL = `/events?topic=demo/burst&tab=${tab}`
const STATES = {
  connecting: "connecting",
  reading: "reading",
  paused: "not reading",
  lost: "disconnected, reconnecting",
}
const toggle = byId("slow")
const button = byId("burst")
const progress = byId("slow-progress")

let reader
/** First and last number of the bursts published while the reader was open. */
let wanted
let counts
let asking

function open() {
  // frees one of this tab's connections for the slow reader, see stream.js
  logStream.pause()
  wanted = undefined
  counts = new Map()
  reader = createSlowReader(
    URL,
    (event) => take(event.json().n),
    (state) => show("slow-tab", STATES[state]),
  )
  asking = setInterval(askHub, 1_000)
}

function close() {
  clearInterval(asking)
  reader.close()
  reader = undefined
  show("slow-tab", "not connected")
  show("slow-hub", "–")
  show("slow-waiting", "–")
  logStream.resume()
}

function take(n) {
  counts.set(n, (counts.get(n) ?? 0) + 1)
  if (counts.size % 50 === 0 || n === wanted?.last) judge()
}

/** Compares received with published events; closes when all arrived and no reader is slow. */
function judge() {
  if (!wanted) return
  const mine = [...counts].filter(([n]) => n >= wanted.first && n <= wanted.last)
  const total = wanted.last - wanted.first + 1
  const twice = mine.reduce((sum, [, count]) => sum + count - 1, 0)
  const newest = Math.max(wanted.first - 1, ...mine.map(([n]) => n))
  const missing = newest - wanted.first + 1 - mine.length
  show("slow-received", `${format(mine.length)} of ${format(total)}`)
  show("slow-missing", missing)
  show("slow-twice", twice)
  progress.value = mine.length / total
  if (newest < wanted.last) return
  const isRight = missing + twice === 0
  report(
    "slow-result",
    isRight
      ? `Caught up: ${format(total)} of ${format(total)} events, in order, each once.`
      : "Some events are missing or were received twice.",
    !isRight,
  )
  if (!toggle.checked) close()
}

async function askHub() {
  try {
    const { burst } = await ask(`/demo/stats?tab=${tab}`)
    if (!reader) return
    show("slow-hub", burst === null ? "not connected" : burst.state === "full" ? "full: waiting" : "live")
    show("slow-waiting", burst === null ? "–" : `${format(Math.round(burst.waiting / 1024))} KiB`)
  } catch {
    if (reader) show("slow-hub", "cannot be reached")
  }
}

toggle.addEventListener("change", () => {
  if (toggle.checked) {
    if (!reader) open()
    reader.pause()
    report("slow-result", "Not reading. Publish now.")
    return
  }
  reader.resume()
  if (wanted) report("slow-result", "Reading again; catching up.")
  else close()
})

button.addEventListener("click", async () => {
  button.disabled = true
  try {
    if (!reader) open()
    const { first, last, bytes } = await post("/demo/burst")
    wanted = { first: wanted?.first ?? first, last }
    report("slow-result", `Published ${format(last - first + 1)} events, ${Math.round(bytes / 1024 ** 2)} MiB.`)
    judge()
  } catch (error) {
    report("slow-result", error.message, true)
    if (!toggle.checked && !wanted) close()
  } finally {
    button.disabled = false
  }
})
