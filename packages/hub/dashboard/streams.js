import { byId, report, show } from "../page/elements.js"
import { call, withQuery } from "./api.js"
import { facts, repeat, showPane, whenTyped } from "./elements.js"
import { ago, bytes, count, dateTime, duration } from "./format.js"
import { createVirtualTable } from "./virtual-table.js"

const EVERY_MS = 2_000
const selectorsOf = ({ topics, patterns }) => [...topics, ...patterns]

function selectors(stream) {
  const all = selectorsOf(stream)
  const [name = "–"] = all
  return all.length > 1 ? `${name} +${all.length - 1}` : name
}

const lag = ({ lag: entries, behindSince }) =>
  behindSince === undefined ? "0" : `${count(entries)} in ${duration(Date.now() - behindSince)}`

const COLUMNS = [
  { name: "Id", read: idOf, className: "c-id" },
  { name: "User", read: ({ userId }) => userId ?? "–", className: "c-user" },
  { name: "Address", read: ({ limitKey }) => limitKey ?? "–", className: "c-address" },
  { name: "API", read: ({ label }) => label ?? "–", className: "c-api" },
  { name: "Topics", read: selectors, className: "c-topics" },
  { name: "State", read: ({ state }) => state, className: "c-state" },
  { name: "Behind", read: lag, className: "c-lag" },
  { name: "Sent", read: (stream) => bytes(stream.bytes), className: "c-bytes" },
  { name: "Last write", read: ({ wroteAt }) => ago(wroteAt), className: "c-write" },
  { name: "Start", read: ({ outcome }) => outcome ?? "–", className: "c-start" },
  { name: "Gaps", read: ({ gaps }) => count(gaps), className: "c-gaps" },
  { name: "Age", read: ({ openedAt }) => duration(Date.now() - openedAt), className: "c-age" },
]

/** Ids are unique in a worker. */
function idOf({ worker, id }) {
  return worker === 0 ? id : `${worker}/${id}`
}

const identify = idOf

const table = createVirtualTable(byId("streams-table"), {
  label: "Streams",
  columns: COLUMNS,
  onOpen: open,
  onWant: () => void load(),
  ifNone: "No stream is open, or none matches the filter.",
})
let opened
let stop = () => {}
let asked = 0

const pathOf = ({ worker, id }) => `/admin/streams/${worker === 0 ? id : `${worker}/${id}`}`

async function load() {
  const mine = ++asked
  const { from, to } = table.range
  try {
    const { streams, total } = await call(
      withQuery("/admin/streams", {
        sort: byId("streams-sort").value,
        filter: byId("streams-filter").value.trim(),
        offset: String(from),
        limit: String(Math.min(200, to - from)),
      }),
    )
    // a later request has been sent, for other rows
    if (mine !== asked) return
    for (const stream of streams) stream.tone = stream.state
    table.setRows(streams, { from, all: total, identify })
    report("streams-note", `${count(total)} ${total === 1 ? "stream" : "streams"}`)
  } catch (error) {
    report("streams-note", error.message, true)
  }
  await refreshDetail()
}

function showFacts(stream) {
  facts("streams-facts", [
    ["Id", idOf(stream)],
    ["User", stream.userId ?? "–"],
    ["Address", stream.limitKey ?? "–"],
    ["API", stream.label ?? "–"],
    [
      "State",
      {
        live: "live: receives entries at once",
        reading: "reading: is catching up from the log",
        full: "full: its client does not read",
      }[stream.state],
    ],
    ["Behind", `${lag(stream)}, ${count(stream.timesBehind)} times so far`],
    ["Started", stream.outcome ?? "–"],
    ["Gaps", count(stream.gaps)],
    ["Sent", `${count(stream.entries)} entries, ${bytes(stream.bytes)}`],
    ["Last write", ago(stream.wroteAt)],
    ["Open since", dateTime(stream.openedAt)],
    ["Topics and patterns", selectorsOf(stream).join(", ") || "–"],
  ])
}

function open(stream) {
  opened = stream
  showPane("streams", true)
  report("stream-result", "")
  show("streams-detail-title", `Stream ${idOf(stream)}`)
  showFacts(stream)
  setButtons(true)
  byId("streams-detail-title").focus({ preventScroll: false })
}

function setButtons(isEnabled) {
  for (const id of ["stream-disconnect", "stream-end"]) byId(id).disabled = !isEnabled
}

async function refreshDetail() {
  if (!opened || byId("stream-disconnect").disabled) return
  const mine = opened
  try {
    const stream = await call(pathOf(mine))
    if (opened === mine) showFacts(stream)
  } catch (error) {
    if (error.status !== 404 || opened !== mine) return
    report("stream-result", "The stream has ended.")
    setButtons(false)
  }
}

async function end(isForGood) {
  const stream = opened
  setButtons(false)
  try {
    await call(withQuery(pathOf(stream), { end: isForGood ? "true" : undefined }), { method: "DELETE" })
    report(
      "stream-result",
      isForGood ? "Closed. Its client was told not to reconnect." : "Closed. Its client reconnects.",
    )
    await load()
  } catch (error) {
    setButtons(error.status !== 404)
    report("stream-result", error.message, true)
  }
}

function close() {
  opened = undefined
  showPane("streams", false)
  table.deselect()
}

byId("stream-disconnect").addEventListener("click", () => end(false))
byId("stream-end").addEventListener("click", () => end(true))
byId("streams-detail-close").addEventListener("click", close)
byId("view-streams").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && opened) close()
})
byId("streams-sort").addEventListener("change", () => {
  table.scrollToStart()
  void load()
})
whenTyped("streams-filter", () => {
  table.scrollToStart()
  void load()
})
byId("streams-live").addEventListener("change", begin)

function begin() {
  stop()
  stop = byId("streams-live").checked ? repeat(EVERY_MS, load) : () => {}
}

export const streamsView = {
  enter(parameters) {
    if (parameters.has("filter")) byId("streams-filter").value = parameters.get("filter")
    begin()
    if (!byId("streams-live").checked) void load()
  },
  leave() {
    stop()
  },
}
