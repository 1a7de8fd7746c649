import { byId, create, report, show } from "../page/elements.js"
import { call, withQuery } from "./api.js"
import { facts, repeat, showPane, whenTyped } from "./elements.js"
import { ago, bytes, count, rate } from "./format.js"
import { createVirtualTable } from "./virtual-table.js"

const EVERY_MS = 3_000

const COLUMNS = [
  { name: "Topic", read: ({ topic }) => topic, className: "c-name" },
  { name: "Per second", read: (topic) => rate(topic.rate), className: "c-number" },
  { name: "Streams", read: ({ streams }) => count(streams), className: "c-number" },
  { name: "Entries", read: ({ entries }) => count(entries), className: "c-number c-entries" },
  { name: "Bytes", read: (topic) => bytes(topic.bytes), className: "c-number c-bytes" },
  { name: "Newest", read: ({ newestAt }) => (newestAt === 0 ? "–" : ago(newestAt)), className: "c-newest" },
  { name: "Newest id", read: ({ newestId }) => newestId || "–", className: "c-id" },
]

const table = createVirtualTable(byId("topics-table"), {
  label: "Topics",
  columns: COLUMNS,
  onOpen: open,
  ifNone: "No topic has entries or streams, or none begins with this.",
})
let opened
let stop = () => {}
let asked = 0

async function load() {
  const mine = ++asked
  try {
    const parameters = { prefix: byId("topics-prefix").value, sort: byId("topics-sort").value, limit: "1000" }
    const { topics, total, counted, isAll } = await call(withQuery("/admin/topics", parameters))
    // a later request has been sent, with another order or prefix: its answer can have come before this one
    if (mine !== asked) return
    table.setRows(topics, { identify: ({ topic }) => topic })
    const shown = topics.length < total ? `, the first ${count(topics.length)} are shown` : ""
    const of = isAll
      ? "all entries of the log"
      : `the newest ${count(counted)} entries of the log, older ones are not counted`
    report("topics-note", `${count(total)} ${total === 1 ? "topic" : "topics"}${shown}, from ${of}`)
  } catch (error) {
    report("topics-note", error.message, true)
  }
  if (opened !== undefined) await showDetail()
}

async function open({ topic }) {
  opened = topic
  showPane("topics", true)
  show("topics-detail-title", topic)
  byId("topics-log").hash = `#/log?topic=${encodeURIComponent(topic)}`
  byId("topics-detail-title").focus()
  await showDetail()
}

async function showDetail() {
  const topic = opened
  try {
    const { kept, streams, isPrivate, presence } = await call(withQuery("/admin/topics/one", { topic }))
    if (opened !== topic) return
    facts("topics-facts", [
      ["Kept entries", `${count(kept.entries)}${kept.isAll ? "" : " or more"}`],
      ["Streams", count(streams)],
      ["Anonymous clients", isPrivate ? "may not read it" : "may read it"],
    ])
    report("presence-note", presenceNote(presence))
    byId("presence-users").replaceChildren(...(presence?.userIds ?? []).map((user) => create("li", "", user)))
  } catch (error) {
    report("presence-note", error.message, true)
  }
}

function presenceNote(presence) {
  if (presence === null) return "The hub does not count presence on this topic. Enable it with --presence."
  const { streams, userIds, more } = presence
  return `${count(streams)} streams at all hubs, ${count(userIds.length + more)} users${more > 0 ? `, of which ${count(userIds.length)} are listed` : ""}.`
}

byId("topics-detail-close").addEventListener("click", close)
byId("view-topics").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && opened !== undefined) close()
})

function close() {
  opened = undefined
  showPane("topics", false)
  table.deselect()
}

whenTyped("topics-prefix", () => void load())
byId("topics-sort").addEventListener("change", () => void load())

export const topicsView = {
  enter() {
    stop()
    stop = repeat(EVERY_MS, load)
  },
  leave() {
    stop()
  },
}
